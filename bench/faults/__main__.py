"""etcdscope and its peer on the same real clusters with the same real faults.

    make bench-faults                                       # etcdscope alone: every fault, once
    python -m bench.faults --peer-rules mixin.rules.yaml --repeats 3
    python -m bench.faults --only 'leader-*' healthy --soak 60
    python -m bench.faults --report                         # tables of what is there, run nothing

A run that was interrupted goes on where it was when it is called again with the same --out.
docs/benchmarks.md says where the peer's rules come from, what counts as named, and what was found.
"""

import argparse
import asyncio
import contextlib
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.faults.book import Book
from bench.faults.campaign import Campaign
from bench.faults.facts import to_json
from bench.faults.peer import PeerBroken, Programs
from bench.faults.plan import Wanted, jobs, known
from bench.faults.report import page, scored
from bench.faults.table import FAULTS
from bench.faults.trial import ALONE, WITH_PEER, Company
from bench.faults.works import WORKS
from etcdscope.lab.programs import ProgramMissing
from etcdscope.lab.spec import LabError


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="bench.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--peer-rules", type=Path, help="Prometheus rules of the etcd-mixin; without: no peer")
    add("--only", nargs="+", default=[], help="ids or patterns; or faults, works, healthy")
    add("--skip", nargs="+", default=[], help="the same, to leave out")
    add("--repeats", type=int, default=1, help="trials a fault")
    add("--soak", type=float, default=10.0, metavar="MINUTES", help="of the healthy run")
    add("--window", type=float, metavar="SECONDS", help="how long each fault lasts, at the most")
    add("--warm", type=float, metavar="SECONDS", help="of looking on before anything is done")
    add("--record", action="store_true", help="record each trial; check that a replay agrees")
    add("--budget", type=float, metavar="SECONDS", help="begin no trial that would end later")
    add("--out", type=Path, default=Path("build/bench-faults"), help="folder of the results")
    add("--list", action="store_true", help="print the ids, run nothing")
    add("--report", action="store_true", help="print the tables of what is there, run nothing")
    return parser.parse_args(words)


def listing() -> str:
    """Return all ids with what they mean."""
    lines = [
        f"{row.id:24} {row.spec:17} "
        + " + ".join(f"{h.fault or 'from the start'} {h.target}".strip() for h in row.harms)
        for row in FAULTS
    ]
    lines += [f"{work.id:24} {work.spec:17} {work.do.__doc__}" for work in WORKS]
    return "\n".join(lines)


def versions(book: Book) -> dict[str, Any]:
    """Return under which circumstances the figures were taken."""
    trials = book.valid
    seen = [(name, one) for trial in trials for name, one in trial.observers.items()]
    return {
        "observers": {name: sorted({o.version for n, o in seen if n == name}) for name, _ in seen},
        "etcd": sorted({trial.etcd for trial in trials}),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "load_average": [round(f((t.load for t in trials), default=0.0), 1) for f in (min, max)],
        "begun": datetime.fromtimestamp(
            min((trial.started for trial in trials), default=0.0), UTC
        ).isoformat(timespec="minutes"),
    }


def how(found: Mapping[str, Any]) -> str:
    """Return the same in words."""
    seen = "; ".join(f"{name} {', '.join(v)}" for name, v in found["observers"].items())
    low, high = found["load_average"]
    return (
        f"{seen or 'nothing was run'}; etcd {', '.join(found['etcd'])};"
        f" Python {found['python']}, {found['platform']}, {found['cores']} cores,"
        f" load average {low} to {high}; begun {found['begun']}."
    )


def write(book: Book) -> str:
    """Write results.md and results.json; return the former."""
    found = versions(book)
    text = page(FAULTS, book.trials, how(found))
    (book.folder / "results.md").write_text(text)
    facts = {
        "versions": found,
        "scores": scored(FAULTS, book.trials),
        "trials": [to_json(trial) for trial in book.trials],
    }
    (book.folder / "results.json").write_text(json.dumps(facts, indent=1))
    return text


async def campaign(asked: argparse.Namespace, book: Book) -> bool:
    """Run what is wanted and not there yet; True when nothing is left to do."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    peer = await asyncio.to_thread(Programs.of, asked.peer_rules) if asked.peer_rules else None
    pace = WITH_PEER if peer else ALONE
    pace = replace(pace, window=asked.window, warm=asked.warm or pace.warm)
    recordings = book.folder / "recordings" if asked.record else None
    if recordings:
        recordings.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="etcdscope-bench-") as folder:
        company = Company(Path(folder), peer, recordings=recordings)
        wanted = Wanted(tuple(asked.only), tuple(asked.skip), asked.repeats, asked.soak)
        looking = frozenset({"etcdscope"} | ({t.name for t in company.tempos} if peer else set()))
        todo = jobs(wanted, book.times(looking), company, pace)
        minutes = sum(job.seconds for job in todo) / 60
        print(f"{len(todo)} trials to go, about {minutes:.0f} min", flush=True)

        def say(line: str) -> None:
            print(line, flush=True)

        return await Campaign(todo, book, say, asked.budget or float("inf")).run()


def main() -> int:
    """Do what was asked for. Exit code 1: a replay differs, or an observer died."""
    asked = arguments()
    if asked.list:
        print(listing())
        return 0
    if asked.peer_rules and not asked.peer_rules.is_file():
        print(
            f"bench.faults: {asked.peer_rules} is no file; docs/benchmarks.md says how to make it",
            file=sys.stderr,
        )
        return 64
    if unknown := [one for one in (*asked.only, *asked.skip) if not known(one)]:
        print(f"bench.faults: {', '.join(unknown)}: no such id; --list prints all", file=sys.stderr)
        return 64
    book = Book(asked.out)
    whole = True
    if not asked.report:
        try:
            whole = asyncio.run(campaign(asked, book))
        except (KeyboardInterrupt, asyncio.CancelledError):
            whole = False
        except (LabError, ProgramMissing, PeerBroken) as error:
            print(f"bench.faults: {error}", file=sys.stderr)
            return 1
    with contextlib.suppress(BrokenPipeError):
        print(write(book))
        if not whole:
            print(f"Not all was run: the same command goes on from {asked.out}.")
    bad = [t for t in book.valid if t.replay is False or any(s.died for s in t.observers.values())]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
