"""Make docs/detectors.md, and the table of what is found in README.md, from the detectors.

`python tools/detectors_page.py` writes both; `make docs` runs it. A test tells when they are old.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from etcdscope.detect.catalog import DETECTORS
from etcdscope.surfaces.explain.causes import cause
from etcdscope.surfaces.explain.page import Page

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/detectors.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- made by `make docs` -->\n", "<!-- end -->\n"


@dataclass(frozen=True, slots=True)
class Chapter:
    """Families that a reader looks for in one place; ``finds``: what the README says of them."""

    title: str
    families: tuple[str, ...]
    finds: str


CHAPTERS = (
    Chapter(
        "Quorum and leadership",
        ("quorum", "leadership", "elections", "split", "leader_place"),
        "a lost quorum, no margin, no leader or two of them, settings that cause elections",
    ),
    Chapter(
        "Members",
        ("member", "isolation", "restarts", "process", "memory", "descriptors", "clock"),
        "down, frozen, cut off, restarting; short of CPU, memory or descriptors; a wrong clock",
    ),
    Chapter(
        "Network",
        ("cuts", "network", "latency", "saturation", "advertised", "peers"),
        "links that are cut, lossy, slow or full; names and addresses that lead nowhere",
    ),
    Chapter(
        "Raft and requests",
        ("raft", "clients", "writes", "reads", "leases", "requests"),
        "writes and reads that wait or fail, and the clients that are the reason",
    ),
    Chapter(
        "Disks",
        ("disk", "hang", "disk_space", "disk_sharing", "backend", "upkeep"),
        "slow, hung, full or shared disks; pauses by compaction, defragmentation and backups",
    ),
    Chapter(
        "Space",
        ("space", "history", "forecast"),
        "the quota: used up, near, or full in so many hours; fragmentation, missing compaction",
    ),
    Chapter(
        "What fills it",
        ("registry",),
        "floods of events, custom resources without a definition, giant objects, steady growth",
    ),
    Chapter(
        "Data",
        ("data", "files", "identity", "backups"),
        "members that differ, damaged files, lost or rewound data",
    ),
    Chapter(
        "Membership and versions",
        ("membership", "versions"),
        "members that never came, stuck learners, lists that differ, versions with known defects",
    ),
    Chapter(
        "Security",
        ("security",),
        "certificates that end, have ended or do not fit; no TLS, no authentication",
    ),
    Chapter(
        "Kubernetes",
        (
            "placement",
            "static_pods",
            "kubelets",
            "apiservers",
            "apiserver_cache",
            "namespaces",
            "unseen",
        ),
        "nodes and members that do not fit, leases that stop, API servers that wait or believe"
        " something else, flags that drift",
    ),
    Chapter(
        "Planned work",
        ("planned",),
        "restarts, replacements and handovers: recognised, and never paged",
    ),
    Chapter(
        "etcdscope itself",
        ("monitor",),
        "what it cannot see, and whether it is fit to judge",
    ),
)


def page() -> str:
    """Return docs/detectors.md."""
    return "\n".join(_page()) + "\n"


def readme(now: str) -> str:
    """Return the README with its table as it must be."""
    head, found, rest = now.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        sys.exit(f"{README} has no lines {BEGIN.strip()} and {END.strip()}: put them back.")
    return head + BEGIN + "\n" + "\n".join(_table()) + "\n\n" + END + tail


def _page() -> Iterator[str]:
    yield from (
        "# What etcdscope finds",
        "",
        "Made from the detectors by `make docs`; change them in `src/etcdscope/detect/`, not here.",
        "`etcdscope explain ID` prints such a page, with what the cause explains, what explains",
        "it, and the test that tells it from its look-alikes. Words in capitals stand for a member",
        "or an address, which an incident fills in.",
        "",
    )
    for chapter in CHAPTERS:
        ids = ", ".join(f"[`{shown.name}`](#{shown.name})" for shown in _pages(chapter))
        yield f"- **{chapter.title}**: {ids}"
    for chapter in CHAPTERS:
        yield from ("", f"## {chapter.title}")
        for shown in _pages(chapter):
            yield from _entry(shown)


def _pages(chapter: Chapter) -> list[Page]:
    return [
        cause(known) for family in chapter.families for known in DETECTORS if known.family == family
    ]


def _entry(shown: Page) -> Iterator[str]:
    yield from ("", f"### {shown.name}", "", _plain(shown.says), "")
    titled = {**_own(shown.facts), "Impact": shown.impact}
    yield from (f"- **{title}:** {_plain(text)}" for title, text in titled.items() if text)
    if shown.runbook:
        yield from ("", "What to do:", "")
    for number, step in enumerate(shown.runbook, 1):
        yield f"{number}. {_plain(step.say)}"
        if step.run:
            yield from ("", "   ```", f"   {step.run}", "   ```", "")


def _own(facts: Mapping[str, str]) -> dict[str, str]:
    """Leave out what depends on other causes: `explain` tells it."""
    return {title: text for title, text in facts.items() if not title.startswith("Or ")}


def _plain(text: str) -> str:
    """Keep Markdown from reading signs into words such as etcd_mvcc_put_total and <id>."""
    for sign in "\\`*_<>":
        text = text.replace(sign, "\\" + sign)
    return text


def _table() -> Iterator[str]:
    yield "| where | causes | what is told |"
    yield "|---|---|---|"
    for chapter in CHAPTERS:
        link = f"[{chapter.title}](docs/detectors.md#{chapter.title.lower().replace(' ', '-')})"
        yield f"| {link} | {len(_pages(chapter))} | {chapter.finds} |"
    yield f"| all | {len(DETECTORS)} | |"


if __name__ == "__main__":
    fresh = {PAGE: page(), README: readme(README.read_text())}
    for path, text in fresh.items():
        path.write_text(text)
