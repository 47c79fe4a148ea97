"""Seconds from fault to incident, and whether the cause was right, on a real cluster.

    make bench-detect                       # all faults, median of 5; about 25 minutes
    python -m bench.detect --repeats 2 --faults kill,freeze
    python -m bench.detect --healthy 600    # only: incidents in a healthy run, which should be 0

Each fault is injected by the lab into a real three-member cluster under load, while a real
``etcdscope watch --json`` looks on as a process of its own. A time is that of the first line of
severity warning or critical after the injection, as it arrives on our end of the pipe.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.watcher import Line, Watcher, watching
from etcdscope.lab.cluster import Lab
from etcdscope.lab.spec import MIB, LabSpec, LoadSpec

LOAD = LoadSpec(rate=60, shape="sine", period_s=30, low=0.3, reads=0.2)


@dataclass(frozen=True)
class Case:
    """One fault: how it is injected, and which causes would be right."""

    name: str
    fault: str
    right: tuple[str, ...]
    hard: bool
    member: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    subject: bool = True  # whether a member must be named
    timeout: float = 30.0
    spec: str = "plain"
    hold: float = 2.0  # seconds that the fault goes on after it was told


CASES = (
    Case("leader killed", "kill", ("member-down",), True, "leader"),
    Case("follower killed", "kill", ("member-down",), True, "follower"),
    Case("leader frozen", "freeze", ("member-frozen",), True, "leader"),
    Case("follower frozen", "freeze", ("member-frozen",), True, "follower"),
    Case("leader isolated", "isolate", ("member-isolated",), True, "leader"),
    Case("follower isolated", "isolate", ("member-isolated",), True, "follower"),
    Case("quorum lost (two killed)", "kill", ("quorum-lost",), True, "majority", subject=False),
    Case("quorum lost (two frozen)", "freeze", ("quorum-lost",), True, "majority", subject=False),
    Case("unreachable from here", "client-cut", ("member-unreachable",), False, "follower"),
    Case("host cut off", "host-cut", ("member-down", "member-isolated"), True, "follower"),
    Case("pair of members cut", "cut-pair", ("link-one-way",), False, None, hold=4.0),
    Case("packet loss 30 %", "loss", ("link-lossy",), False, "follower", {"p": 0.3}, hold=4.0),
    Case("slow disk, leader", "slow-disk", ("wal-fsync-slow",), False, "leader", hold=4.0),
    Case("slow disk, follower", "slow-disk", ("wal-fsync-slow",), False, "follower", hold=4.0),
    Case("CPU quota, leader", "cpu-quota", ("cpu-starved",), False, "leader", {"fraction": 0.03},
         hold=4.0),
    Case("CPU quota, follower", "cpu-quota", ("cpu-starved",), False, "follower",
         {"fraction": 0.03}, hold=4.0),
    Case("restart loop", "restart-loop", ("member-restarting",), False, "follower", timeout=60),
    Case("leader flapping", "flap", ("leader-flapping", "member-frozen"), False, None, timeout=60),
    Case("voter never started", "unstarted", ("member-never-started",), False, None),
    Case("learner stuck", "learner", ("learner-stuck",), False, None, {"running": False}),
    Case("quota near", "quota-near", ("quota-near",), False, None, spec="small quota",
         subject=False),
    Case("quota exhausted", "quota", ("quota-exhausted",), True, None, spec="small quota",
         subject=False),
    Case("fragmentation", "fragment", ("db-fragmented",), False, None, spec="small quota",
         subject=False),
)  # fmt: skip

SPECS = {
    "plain": LabSpec(load=LOAD),
    "small quota": LabSpec(quota_bytes=64 * MIB, load=LoadSpec(rate=20)),
}


@dataclass
class Trial:
    """What one injection gave; seconds, None for never."""

    told: float | None = None
    named: float | None = None  # the right cause and member
    first_cause: str = ""
    last_cause: str = ""
    cause_right: bool = False
    subject_right: bool = False
    closed: float | None = None
    unrelated: list[str] = field(default_factory=list)


async def run_case(lab: Lab, watcher: Watcher, case: Case) -> Trial:
    """Inject, watch, heal, watch."""
    mark = len(watcher.lines)
    fault = await lab.fault(case.fault, case.member, **case.options)
    began = fault.at.timestamp()
    trial = Trial()
    told = await watcher.until(lambda: bool(_serious(watcher, mark, began)), case.timeout)
    if told:
        trial.told = _serious(watcher, mark, began)[0].at - began
        trial.first_cause = _serious(watcher, mark, began)[0].body["cause"]
        await watcher.until(
            lambda: any(
                _right(line, case, fault.members) for line in _serious(watcher, mark, began)
            ),
            max(case.timeout - trial.told, case.hold),
        )
        await asyncio.sleep(case.hold)
    lines = _serious(watcher, mark, began)
    exact = [line for line in lines if _right(line, case, fault.members)]
    trial.named = exact[0].at - began if exact else None
    causes = [line for line in lines if line.body["cause"] in case.right]
    trial.cause_right = bool(causes)
    trial.subject_right = bool(exact)
    latest = {line.body["incident"]: line for line in lines}
    trial.last_cause = (exact or lines)[-1].body["cause"] if lines else ""
    trial.unrelated = sorted(
        {line.body["cause"] for line in latest.values() if line.body["cause"] not in case.right}
    )
    await lab.heal(fault)
    healed = time.time()
    if await watcher.quiet(90):
        ends = [line.at for line in watcher.lines[mark:] if line.event == "closed"]
        trial.closed = max(max(ends, default=healed) - healed, 0.0)
    return trial


def _serious(watcher: Watcher, mark: int, began: float) -> list[Line]:
    return [
        line
        for line in watcher.lines[mark:]
        if line.event in ("opened", "changed") and line.serious and line.at >= began
    ]


def _right(line: Line, case: Case, members: tuple[str, ...]) -> bool:
    if line.body["cause"] not in case.right:
        return False
    if not case.subject:
        return True
    subject = line.body["subject"]
    named = {subject.get("member"), subject.get("from"), subject.get("to")}
    return bool(named & set(members)) or (case.fault in ("learner", "unstarted"))


@asynccontextmanager
async def stage(spec: LabSpec) -> AsyncIterator[tuple[Lab, Watcher]]:
    """A lab and a watcher beside it, both warmed up."""
    async with Lab.start(spec) as lab, beside(lab) as watcher:
        yield lab, watcher


@asynccontextmanager
async def beside(lab: Lab) -> AsyncIterator[Watcher]:
    """A watcher beside a cluster that is well, warmed up."""
    await lab.ready()
    async with watching(",".join(lab.endpoints)) as watcher:
        await watcher.until(lambda: any(line.event == "verdict" for line in watcher.lines), 20)
        # At no fixed moment of any cadence, and with metrics at their slow pace.
        await asyncio.sleep(random.uniform(6.0, 9.0))
        if not await watcher.quiet(120):
            print("  still open:", [line.body for line in watcher.open_incidents().values()])
        yield watcher


async def detect(cases: list[Case], repeats: int) -> list[dict[str, Any]]:
    """Run all cases; one row a case."""
    rows = []
    for spec_name, spec in SPECS.items():
        mine = [case for case in cases if case.spec == spec_name]
        if not mine:
            continue
        async with Lab.start(spec) as lab:
            for case in mine:
                trials = []
                for _ in range(repeats):
                    # A watcher of its own: what was done to the lab before is not its past.
                    async with beside(lab) as watcher:
                        trials.append(await run_case(lab, watcher, case))
                    print(f"  {case.name}: {_brief(trials[-1])}", flush=True)
                rows.append(row(case, trials))
                print(table([rows[-1]], head=False), flush=True)
    return rows


def _brief(trial: Trial) -> str:
    told = "not told" if trial.told is None else f"told {trial.told:.2f} s as {trial.first_cause}"
    named = "" if trial.named is None else f", named {trial.named:.2f} s"
    closed = "" if trial.closed is None else f", closed {trial.closed:.1f} s after healing"
    extra = f", also {', '.join(trial.unrelated)}" if trial.unrelated else ""
    return told + named + closed + extra


def row(case: Case, trials: list[Trial]) -> dict[str, Any]:
    """Return one case's figures over its trials."""

    def median(values: list[float | None]) -> float | None:
        seen = [value for value in values if value is not None]
        return round(statistics.median(seen), 2) if seen else None

    return {
        "fault": case.name,
        "goal_s": 2 if case.hard else 10,
        "told_s": median([t.told for t in trials]),
        "told_max_s": round(max((t.told for t in trials if t.told is not None), default=0), 2),
        "named_s": median([t.named for t in trials]),
        "told": f"{sum(t.told is not None for t in trials)}/{len(trials)}",
        "cause": f"{sum(t.cause_right for t in trials)}/{len(trials)}",
        "member": f"{sum(t.subject_right for t in trials)}/{len(trials)}",
        "closed_s": median([t.closed for t in trials]),
        "unrelated": sorted({u for t in trials for u in t.unrelated}),
        "trials": [asdict(t) for t in trials],
    }


_HEAD = (
    "| fault | goal s | told s (median) | max | cause and member named s | told | cause right"
    " | member right | closed after s | also told |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def table(rows: list[dict[str, Any]], *, head: bool = True) -> str:
    """Return the rows as a Markdown table."""
    lines = [_HEAD] if head else []
    lines.extend(
        f"| {r['fault']} | {r['goal_s']} | {r['told_s']} | {r['told_max_s']} | {r['named_s']}"
        f" | {r['told']} | {r['cause']} | {r['member']} | {r['closed_s']}"
        f" | {', '.join(r['unrelated']) or '–'} |"
        for r in rows
    )
    return "\n".join(lines)


async def healthy(seconds: float) -> dict[str, Any]:
    """Count incidents in a healthy run under changing load, the machine kept busy besides."""
    spec = LabSpec(load=LoadSpec(rate=150, shape="steps", period_s=40, low=0.1, reads=0.3))
    async with stage(spec) as (_, watcher):
        mark = len(watcher.lines)
        burner = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _BURN.format(seconds=seconds)
        )
        await asyncio.sleep(seconds)
        if burner.returncode is None:
            burner.kill()
        await burner.wait()
        lines = watcher.lines[mark:]
        return {
            "seconds": seconds,
            "incidents": [line.body for line in lines if line.event == "opened" and line.serious],
            "notes": [
                line.body["cause"] for line in lines if line.event == "opened" and not line.serious
            ],
        }


# Bursts of arithmetic on one core, 4 s in every 10: a neighbour that is there and gone again.
_BURN = """
import time
end = time.time() + {seconds}
while time.time() < end:
    if time.time() % 10 < 4:
        sum(range(10000))
    else:
        time.sleep(0.05)
"""


async def planned() -> dict[str, Any]:
    """Return what is told above info in a rolling restart and a member replacement."""
    async with stage(SPECS["plain"]) as (lab, watcher):
        mark = len(watcher.lines)
        for member in [m.name for m in lab.members]:
            await lab.restart_member(member)
            await lab.ready()
            await asyncio.sleep(8)
        restarts = [
            line.body
            for line in watcher.lines[mark:]
            if line.event in ("opened", "changed") and line.serious
        ]
        mark = len(watcher.lines)
        await lab.replace_member(lab.members[0].name)
        await lab.ready()
        await asyncio.sleep(20)
        replaced = [
            line.body
            for line in watcher.lines[mark:]
            if line.event in ("opened", "changed") and line.serious
        ]
        return {"rolling_restart": restarts, "replacement": replaced}


def main() -> None:
    """Run what was asked for, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--faults", help="only cases whose name or fault contains one of these")
    parser.add_argument("--healthy", type=float, help="seconds of healthy run; nothing else is run")
    parser.add_argument("--planned", action="store_true", help="only the planned works")
    parser.add_argument("--json", type=Path, help="also write all figures there")
    asked = parser.parse_args()
    print(f"# {platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    report: dict[str, Any] = {}
    if asked.healthy:
        report["healthy"] = asyncio.run(healthy(asked.healthy))
    elif asked.planned:
        report["planned"] = asyncio.run(planned())
    else:
        wanted = asked.faults.split(",") if asked.faults else [""]
        cases = [c for c in CASES if any(w in c.name or w == c.fault for w in wanted)]
        report["faults"] = asyncio.run(detect(cases, asked.repeats))
        print(table(report["faults"]))
        if not asked.faults:
            report["planned"] = asyncio.run(planned())
            report["healthy"] = asyncio.run(healthy(600))
    for part in ("planned", "healthy"):
        if part in report:
            print(json.dumps(report[part], indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
