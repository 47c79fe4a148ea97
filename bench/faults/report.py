"""Tables of what was scored, as Markdown. Pure."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.faults.facts import Trial
from bench.faults.rows import Haste, Row
from bench.faults.score import Score, false_incidents, left_over, score

OURS = "etcdscope"
TITLES = {OURS: "etcdscope", "stock": "peer, stock", "fast": "peer, fast"}


@dataclass(frozen=True, slots=True)
class Result:
    """One row with its trials, scored for each observer that saw all of them."""

    row: Row
    trials: tuple[Trial, ...]
    scores: Mapping[str, tuple[Score, ...]]


def results(rows: Sequence[Row], trials: Sequence[Trial]) -> list[Result]:
    """Score all valid trials of faults; in the order of the table."""
    found = []
    for row in rows:
        mine = tuple(t for t in trials if t.kind == "fault" and t.id == row.id and not t.error)
        if mine:
            scores = {
                name: tuple(score(row, t, name) for t in mine if name in t.observers)
                for name in observers(mine)
            }
            found.append(Result(row, mine, scores))
    return found


def observers(trials: Iterable[Trial]) -> list[str]:
    """Return who looked on in any of them, ourselves first."""
    seen = {name for trial in trials for name in trial.observers}
    return [name for name in TITLES if name in seen]


# --- the table of faults ----------------------------------------------------------------------


def fault_table(found: Sequence[Result]) -> str:
    """One line a fault."""
    peers = [name for name in observers(t for r in found for t in r.trials) if name != OURS]
    head = [
        "fault", "goal s", "told s", "named s", "told", "cause", "member", "first word",
        "unrelated", "closed s",
    ]  # fmt: skip
    for name in peers:
        head += [f"{TITLES[name]}: told s", "named s", "true s"]
    return markdown(head, [_line(one, peers) for one in found])


def _line(one: Result, peers: Sequence[str]) -> list[str]:
    ours = one.scores[OURS]
    first = sorted({s.first for s in ours if s.first and s.first not in _right(one.row)})
    cells = [
        one.row.id,
        str(one.row.haste.value),
        middle(s.told_s for s in ours),
        middle(s.named_s for s in ours),
        share([s.detected for s in ours]),
        share([s.cause for s in ours]),
        share([s.exact for s in ours]),
        ", ".join(first) or ("right" if any(s.first for s in ours) else "–"),
        ", ".join(sorted({name for s in ours for name in s.unrelated})) or "–",
        middle(s.closed_s for s in ours),
    ]
    for name in peers:
        theirs = one.scores.get(name, ())
        cells += [
            middle(s.told_s for s in theirs),
            middle(s.named_s for s in theirs),
            middle(s.true_s for s in theirs),
        ]
    return cells


def _right(row: Row) -> frozenset[str]:
    return frozenset[str]().union(*(harm.truth.names for harm in row.harms))


# All that need not be told at once.
_SOFT = (Haste.SOFT, Haste.PATIENT)


# --- the summary ------------------------------------------------------------------------------


def summary(found: Sequence[Result], trials: Sequence[Trial]) -> str:
    """One column an observer."""
    names = observers(trials)
    lines = [["", *(TITLES[name] for name in names)]]

    def add(what: str, of: Callable[[str], str]) -> None:
        lines.append([what, *(of(name) for name in names)])

    def scores(name: str, *hastes: Haste) -> list[Score]:
        rows = [r for r in found if not hastes or r.row.haste in hastes]
        return [s for r in rows for s in r.scores.get(name, ())]

    def of_kind(name: str, kind: str) -> list[Trial]:
        return [t for t in trials if t.kind == kind and name in t.observers and not t.error]

    add("fault trials", lambda n: str(len(scores(n))))
    add("told within the window", lambda n: share([s.detected for s in scores(n)]))
    add("cause named", lambda n: share([s.cause for s in scores(n)]))
    add("cause and member named", lambda n: share([s.exact for s in scores(n)]))
    add("first page names a cause", lambda n: share(_first_right(found, n)))
    add("hard faults: told, median s", lambda n: middle(_told(scores(n, Haste.HARD))))
    add("hard faults: named, median s", lambda n: middle(_named(scores(n, Haste.HARD))))
    add("soft faults: told, median s", lambda n: middle(_told(scores(n, *_SOFT))))
    add("soft faults: named, median s", lambda n: middle(_named(scores(n, *_SOFT))))
    add("look-alikes told apart", lambda n: pairs(found, n))
    add("pages a fault, median", lambda n: middle(s.pages for s in scores(n) if s.pages))
    add("unrelated pages", lambda n: str(sum(len(s.unrelated) for s in scores(n))))
    add("closed after healing, median s", lambda n: middle(s.closed_s for s in scores(n)))
    add("open from before", lambda n: str(sum(len(left_over(t, n)) for t in of_kind(n, "fault"))))
    add("false incidents, planned work", lambda n: _false(of_kind(n, "work"), n))
    add("false incidents, healthy", lambda n: _false(of_kind(n, "healthy"), n))
    add("CPU, % of a core", lambda n: _cpu(trials, n))
    add("resident MB, median", lambda n: _memory(trials, n))
    return markdown(lines[0], lines[1:])


def _told(scores: Sequence[Score]) -> list[float | None]:
    return [s.told_s for s in scores]


def _named(scores: Sequence[Score]) -> list[float | None]:
    return [s.named_s for s in scores]


def _first_right(found: Sequence[Result], name: str) -> list[bool]:
    return [s.first in _right(r.row) for r in found for s in r.scores.get(name, ()) if s.detected]


def pairs(found: Sequence[Result], name: str) -> str:
    """Return in how many groups every fault that was run was named, and nothing else, each time.

    Of groups in which at least two were run.
    """
    groups: dict[str, list[bool]] = {}
    for one in found:
        if one.row.pair and (scores := one.scores.get(name)):
            groups.setdefault(one.row.pair, []).append(
                all(s.exact and not s.unrelated for s in scores)
            )
    return share([all(right) for right in groups.values() if len(right) > 1])


def _false(trials: Sequence[Trial], name: str) -> str:
    if not trials:
        return "not run"
    told = [false_incidents(trial, name) for trial in trials]
    minutes = sum(t.ended - t.started for t in trials) / 60
    which = ", ".join(sorted({one for each in told for one in each}))
    count = sum(map(len, told))
    return f"{count} in {minutes:.0f} min, {len(trials)} runs{f' ({which})' if which else ''}"


def _cpu(trials: Sequence[Trial], name: str) -> str:
    costs = [seen.cost for t in trials if (seen := t.observers.get(name)) and seen.cost]
    seconds = sum(cost.seconds for cost in costs)
    return f"{100 * sum(c.cpu_seconds for c in costs) / seconds:.1f}" if seconds else "–"


def _memory(trials: Sequence[Trial], name: str) -> str:
    costs = [seen.cost for t in trials if (seen := t.observers.get(name)) and seen.cost]
    return f"{statistics.median(c.rss_mb for c in costs):.0f}" if costs else "–"


# --- all of it --------------------------------------------------------------------------------


def page(rows: Sequence[Row], trials: Sequence[Trial], how: str) -> str:
    """Return the whole report."""
    found = results(rows, trials)
    parts = [how, "## Summary", summary(found, trials), "## Faults", fault_table(found)]
    if works := [t for t in trials if t.kind == "work" and not t.error]:
        parts += ["## Planned work", work_table(works)]
    judged = [t.replay for t in trials if t.replay is not None]
    if judged:
        parts.append(f"Replay agrees in {share(judged)} recordings.")
    came = {(t.id, t.number) for t in trials if not t.error}  # a later attempt may have
    if failed := [t for t in trials if t.error and (t.id, t.number) not in came]:
        parts += ["## Trials without a result", "\n".join(f"- {t.id}: {t.error}" for t in failed)]
    return "\n\n".join(parts) + "\n"


def work_table(works: Sequence[Trial]) -> str:
    """One line a planned work: what each observer paged."""
    names = observers(works)
    head = ["work", "runs", *(TITLES[name] for name in names)]
    lines = []
    for work in dict.fromkeys(t.id for t in works):
        mine = [t for t in works if t.id == work]
        told = [
            ", ".join(one for t in mine if n in t.observers for one in false_incidents(t, n)) or "0"
            for n in names
        ]
        lines.append([work, str(len(mine)), *told])
    return markdown(head, lines)


def scored(rows: Sequence[Row], trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return each row's scores as plain data."""
    return [
        {
            "fault": one.row.id,
            "goal_s": one.row.haste.value,
            "observers": {
                name: [
                    {field: getattr(s, field) for field in Score.__slots__} | {"told": s.detected}
                    for s in scores
                ]
                for name, scores in one.scores.items()
            },
        }
        for one in results(rows, trials)
    ]


def middle(values: Iterable[float | None]) -> str:
    """Return the median of those that are there."""
    there = [value for value in values if value is not None]
    return f"{statistics.median(there):.2f}".rstrip("0").rstrip(".") if there else "–"


def share(held: Sequence[bool]) -> str:
    """Return how many of how many."""
    return f"{sum(held)}/{len(held)}"


def markdown(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
