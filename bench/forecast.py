"""When will the quota be full: our forecast against Prometheus' ``predict_linear``.

    python -m bench.forecast            # prints the table and writes it into docs/benchmarks.md
    python -m bench.forecast --dry      # prints only

Recorded growth (``bench/growth/*.json``: real etcd with a small quota, a look every second; made by
``python -m bench.growth``) and made-up growth, drawn from what etcd does: live data, history that a
compaction gives back as free pages, a file that grows only when no page is free, defragmentations.
Both forecasts are asked once a minute (once in 2 s in the recordings), and each answer is compared
with when the quota was really full.

The peer is the rule ``etcdExcessiveDatabaseGrowth`` of etcd-mixin, as shipped (``for: 10m``):
``predict_linear(etcd_mvcc_db_total_size_in_bytes[4h], 4*60*60) > etcd_server_quota_backend_bytes``.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from etcdscope.model.trend import Track, outlook

HOUR = 3600.0
MIB = 2.0**20
QUOTA = 2048 * MIB
DOCS = Path(__file__).parents[1] / "docs" / "benchmarks.md"
GROWTH = Path(__file__).parent / "growth"
BEGIN, END = "<!-- forecast: begin -->", "<!-- forecast: end -->"


# --- the peer ------------------------------------------------------------------------------------


def linear_regression(samples: Track, at: float) -> tuple[float, float]:
    """Return slope and intercept at ``at`` of a least-squares line, as Prometheus computes it.

    promql/functions.go, linearRegression: a constant series has slope 0.
    """
    values = [v for _, v in samples]
    if all(v == values[0] for v in values):
        return 0.0, values[0]
    n = len(samples)
    xs = [t - at for t, _ in samples]
    sum_x, sum_y = sum(xs), sum(values)
    cov = sum(x * y for x, y in zip(xs, values, strict=True)) - sum_x * sum_y / n
    var = sum(x * x for x in xs) - sum_x * sum_x / n
    slope = cov / var
    return slope, sum_y / n - slope * sum_x / n


def predict_linear(samples: Track, at: float, seconds: float) -> float | None:
    """Return the value predicted ``seconds`` from ``at``; None with under two samples."""
    if len(samples) < 2:
        return None
    slope, intercept = linear_regression(samples, at)
    return slope * seconds + intercept


# --- growth --------------------------------------------------------------------------------------


@dataclass
class Growth:
    """What a database did: (seconds, physical size, size in use); ``full``: when at its quota."""

    name: str
    points: list[tuple[float, float, float]]
    quota: float
    full: float | None
    step: float = 60.0
    kind: str = "made up"
    size: list[tuple[float, float]] = field(init=False)
    in_use: list[tuple[float, float]] = field(init=False)

    def __post_init__(self) -> None:
        self.size = [(t, p) for t, p, _ in self.points]
        self.in_use = [(t, u) for t, _, u in self.points]


@dataclass
class Model:
    """An etcd database in bytes: live data, history, free pages, file."""

    live: float
    history: float = 0.0
    size: float = 0.0

    def write(self, new: float, churn: float) -> None:
        self.live += new
        self.history += churn
        self.size = max(self.size, self.in_use)

    @property
    def in_use(self) -> float:
        return self.live + self.history

    def compact(self) -> None:
        self.history = 0.0

    def defragment(self) -> None:
        self.size = 1.02 * self.in_use


Rates = Callable[[float], tuple[float, float]]  # at → bytes/s of new live data, of history


def grown(
    name: str,
    live: float,
    rates: Rates,
    *,
    hours: float,
    compaction: float | None = 300.0,
    defrag: float | None = None,
    free: float = 0.0,
    noise: float = 0.1,
    seed: int = 1,
    dropped_at: float | None = None,
    dropped: float = 0.0,
) -> Growth:
    """Let a database live for so many hours, or until it is full; points every 10 s."""
    chance = random.Random(seed)
    db = Model(live)
    db.size = live + free
    points, step, full = [], 10.0, None
    for i in range(int(hours * HOUR / step)):
        at = i * step
        new, churn = rates(at)
        wobble = max(chance.gauss(1.0, noise), 0.0)
        db.write(new * step * wobble, churn * step * wobble)
        if compaction and i and at % compaction < step:
            db.compact()
        if defrag and i and at % defrag < step:
            db.defragment()
        if dropped_at and abs(at - dropped_at) < step / 2:
            db.live -= dropped
        points.append((at, db.size, db.in_use))
        if db.size >= QUOTA:
            full = at
            break
    return Growth(name, points, QUOTA, full)


def constant(new: float, churn: float) -> Rates:
    """Return rates that never change."""
    return lambda _: (new, churn)


def made_up() -> Iterator[Growth]:
    """Yield the made-up growths: first those that fill the quota, then those that do not."""

    def steady(full_in: float, live: float, churn: float = 20_000.0) -> Rates:
        rate = (QUOTA - live - churn * 300) / (full_in * HOUR)
        return constant(rate, churn)

    def from_(
        begin: float, before: float, after: float, churn: float = 20_000.0, end: float = 1e9
    ) -> Rates:
        return lambda at: (after if begin <= at < end else before, churn)

    def daily(day: float, night: float) -> Rates:
        return lambda at: (day if 8 * HOUR <= at % (24 * HOUR) < 18 * HOUR else night, 30_000.0)

    def bursts(of: float, every: float, lasts: float, base: float) -> Rates:
        return lambda at: (base + (of if at % every < lasts else 0.0), 20_000.0)

    m = MIB
    yield grown("steady, full in 3 h", 400 * m, steady(3, 400 * m), hours=8)
    yield grown("steady, full in 12 h", 300 * m, steady(12, 300 * m), hours=24)
    yield grown("steady, large saw-tooth", 300 * m, steady(8, 300 * m, 900_000.0), hours=24)
    yield grown(
        "steady, free pages first",
        200 * m,
        constant(100_000.0, 20_000.0),
        hours=24,
        free=900 * m,
    )
    yield grown(
        "steady, defragmented every 3 h",
        300 * m,
        steady(14, 300 * m, 300_000.0),
        hours=24,
        defrag=3 * HOUR,
    )
    yield grown(
        "no compaction, history alone",
        150 * m,
        constant(0.0, 60_000.0),
        hours=24,
        compaction=None,
    )
    yield grown("flood after 6 quiet hours", 400 * m, from_(6 * HOUR, 200.0, 300_000.0), hours=24)
    yield grown(
        "runaway after 6 quiet hours", 400 * m, from_(6 * HOUR, 200.0, 2_000_000.0), hours=24
    )
    yield grown("load doubles on the way", 300 * m, from_(5 * HOUR, 40_000.0, 90_000.0), hours=24)
    yield grown(
        "bursts of 5 min every 30 min", 300 * m, bursts(400_000.0, 1800.0, 300.0, 5_000.0), hours=24
    )
    yield grown(
        "hourly compaction, steady",
        200 * m,
        steady(9, 200 * m, 100_000.0),
        hours=24,
        compaction=3600.0,
    )
    # quota never full
    yield grown("idle", 500 * m, constant(0.0, 1_000.0), hours=24)
    yield grown("churn, compacted", 900 * m, constant(0.0, 800_000.0), hours=24)
    yield grown(
        "churn, compacted hourly", 600 * m, constant(0.0, 150_000.0), hours=24, compaction=3600.0
    )
    yield grown(
        "churn, defragmented every 4 h",
        700 * m,
        constant(0.0, 900_000.0),
        hours=24,
        defrag=4 * HOUR,
    )
    yield grown(
        "bulk load of 500 MiB in 20 min",
        300 * m,
        from_(6 * HOUR, 0.0, 437_000.0, end=6 * HOUR + 1200),
        hours=24,
    )
    yield grown(
        "bulk load of 900 MiB in 1 h",
        300 * m,
        from_(6 * HOUR, 0.0, 262_000.0, end=7 * HOUR),
        hours=24,
    )
    yield grown(
        "load doubles, levels off",
        500 * m,
        lambda at: (0.0, 200_000.0 * (1 + (at > 36e3))),
        hours=24,
    )
    yield grown("by day, not by night", 800 * m, daily(8_000.0, 0.0), hours=48)
    yield grown(
        "bursts that are deleted",
        600 * m,
        from_(6 * HOUR, 0.0, 150_000.0, end=7 * HOUR),
        hours=24,
        dropped_at=8 * HOUR,
        dropped=500 * m,
    )
    yield grown(
        "new cluster fills to 40 %", 5 * m, from_(0, 0.0, 110_000.0, end=2 * HOUR), hours=12
    )


def recorded() -> Iterator[Growth]:
    """Yield the growths of real etcd."""
    for path in sorted(GROWTH.glob("*.json")):
        told = json.loads(path.read_text())
        points = [(float(t), float(p), float(u)) for t, p, u in told["points"]]
        yield Growth(told["name"], points, told["quota"], told["full"], 2.0, "recorded")


# --- asking both ---------------------------------------------------------------------------------


@dataclass
class Score:
    """How a forecast did on one growth."""

    first_warning: float | None = None  # seconds before full
    false_minutes: float = 0.0  # of alarm while the quota was not full within 8 h
    errors: list[float] = field(default_factory=list)  # of the time left, where it was under 4 h

    def note(self, growth: Growth, at: float, alarm: bool, left: float | None, step: float) -> None:
        truth = growth.full - at if growth.full is not None else None
        if alarm and (truth is None or truth > 8 * HOUR):
            self.false_minutes += step / 60
        elif alarm and self.first_warning is None and truth is not None:
            self.first_warning = truth
        if truth is not None and 0 < truth <= 4 * HOUR and left is not None and left > 0:
            self.errors.append(abs(left - truth) / truth)

    @property
    def error(self) -> float | None:
        return median(self.errors) if self.errors else None


def ask(growth: Growth) -> tuple[Score, Score, Score]:
    """Ask ours, the peer's rule and its bare expression all along the growth."""
    ours, rule, bare = Score(), Score(), Score()
    true_since: float | None = None
    step = growth.step
    until = growth.full or growth.points[-1][0]
    at = growth.points[0][0] + step
    while at < until:
        seen = outlook(
            _upto(growth.size, at, 12 * HOUR), _upto(growth.in_use, at, 12 * HOUR), growth.quota, at
        )
        left = seen.likely if seen and seen.likely <= 24 * HOUR else None
        ours.note(growth, at, left is not None and left < 4 * HOUR, left, step)
        samples = _upto(growth.size, at, 4 * HOUR, every=30.0 if step >= 60 else 5.0)
        predicted = predict_linear(samples, at, 4 * HOUR)
        true = predicted is not None and predicted > growth.quota
        true_since = (true_since if true_since is not None else at) if true else None
        when = None
        if len(samples) > 1:
            slope, intercept = linear_regression(samples, at)
            when = (growth.quota - intercept) / slope if slope > 0 else None
        bare.note(growth, at, true, when, step)
        rule.note(growth, at, true_since is not None and at - true_since >= 600, when, step)
        at += step
    return ours, rule, bare


def _upto(
    points: Sequence[tuple[float, float]], at: float, over: float, every: float = 0.0
) -> Track:
    first = next((i for i, p in enumerate(points) if p[0] >= at - over), len(points))
    seen = [p for p in points[first:] if p[0] <= at]
    if not every:  # as the window has it: fine for 15 minutes, a point a minute before
        fine = [p for p in seen if p[0] > at - 900]
        old, last = [], -1e9
        for p in seen:
            if p[0] <= at - 900 and p[0] - last >= 60:
                old.append(p)
                last = p[0]
        return old + fine
    kept, last = [], -1e9
    for p in seen:
        if p[0] - last >= every:
            kept.append(p)
            last = p[0]
    return kept


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds >= HOUR:
        return f"{seconds / HOUR:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _percent(error: float | None) -> str:
    return "–" if error is None else f"{error:.0%}"


def table(growths: Sequence[Growth]) -> str:
    """Return the table, and what it sums up to."""
    rows = [
        "| growth | full | ours | error | false | rule | error | false | expression | false |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    scores = []
    for growth in growths:
        ours, rule, bare = ask(growth)
        scores.append((growth, ours, rule, bare))
        name = growth.name + (" (recorded)" if growth.kind == "recorded" else "")
        rows.append(
            f"| {name} | {_time(growth.full)} | {_time(ours.first_warning)} |"
            f" {_percent(ours.error)} | {ours.false_minutes:.0f} | {_time(rule.first_warning)} |"
            f" {_percent(rule.error)} | {rule.false_minutes:.0f} | {_time(bare.first_warning)} |"
            f" {bare.false_minutes:.0f} |"
        )
    full = [s for s in scores if s[0].full is not None]
    calm = [s for s in scores if s[0].full is None]
    for who, index in (("ours", 1), ("rule", 2), ("expression", 3)):
        picked: list[Score] = [s[index] for s in full]  # type: ignore[misc]
        quiet: list[Score] = [s[index] for s in calm]  # type: ignore[misc]
        errors = [e for p in picked for e in p.errors]
        missed = sum(1 for p in picked if p.first_warning is None)
        false = sum(p.false_minutes for p in picked + quiet)
        wrong = sum(1 for p in quiet if p.false_minutes)
        rows.append(
            f"\n{who}: told of {len(full) - missed} of {len(full)} that filled; median error of the"
            f" time left {_percent(median(errors) if errors else None)}; alarmed in {wrong} of"
            f" {len(quiet)} that never filled, {false:.0f} false minutes in all."
        )
    return "\n".join(rows)


def main() -> None:
    """Print the table; write it between its marks in docs/benchmarks.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--dry", action="store_true", help="only print")
    given = parser.parse_args()
    text = table([*recorded(), *made_up()])
    print(text)
    docs = DOCS.read_text()
    if not given.dry and BEGIN in docs:
        head, rest = docs.split(BEGIN, 1)
        tail = rest.split(END, 1)[1]
        DOCS.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")


if __name__ == "__main__":
    main()
