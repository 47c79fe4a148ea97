"""What the embedded history costs: CPU, bytes, answers. ``python -m bench.store [hours]``.

The sweeps are those of a made-up cluster of three members at the real cadences: status and raftvars
twice a second, a probe every second, metrics, members and presence every five, per member.
"""

import asyncio
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from tests.store.sweeps import Cluster

from etcdscope.model.ports import Sweep
from etcdscope.store.archive import Archive
from etcdscope.store.charts import Wanted
from etcdscope.store.codec import Tally, decode, encode
from etcdscope.store.database import FILE, open_for_reading
from etcdscope.store.history import History
from etcdscope.store.recording import Recorder, open_recording
from etcdscope.store.sampler import SLOT

C = "10e5e39849dab251"
Figures = dict[str, float]


def values_of(sweeps: list[Sweep]) -> int:
    """Return how many observations there are."""
    return sum(len(reading.observations) for sweep in sweeps for reading in sweep.readings)


def codec(sweeps: list[Sweep]) -> Figures:
    """Measure encoding by the length of a frame."""
    figures: Figures = {"values_per_second": values_of(sweeps) * 4 / len(sweeps)}
    seconds = len(sweeps) / 4
    for span in (1, 2, 120):
        size = span * 4
        began = time.process_time()
        frames = [encode(sweeps[i : i + size]) for i in range(0, len(sweeps), size)]
        encoded = time.process_time()
        for frame in frames:
            decode(frame, Tally())
        took = time.process_time() - encoded
        figures[f"frame_{span}s_mb_per_day"] = sum(map(len, frames)) / seconds * 86_400 / 1e6
        figures[f"frame_{span}s_encode_us_per_second"] = (encoded - began) / seconds * 1e6
        figures[f"frame_{span}s_decode_us_per_second"] = took / seconds * 1e6
    return figures


async def ingest(directory: Path, cluster: Cluster, hours: float) -> Figures:
    """Record for so long, as fast as it goes; the making of the sweeps is not counted."""
    spent: list[float] = []
    longest = 0.0
    values = 0
    before = _written_bytes()
    async with History.open(directory) as history:
        for _ in range(int(hours * 60)):
            minute = cluster.take(240)
            values += values_of(minute)
            began = time.process_time()
            for second in range(0, 240, 4):
                for sweep in minute[second : second + 4]:
                    at = time.perf_counter()
                    history.append(C, sweep)
                    longest = max(longest, time.perf_counter() - at)
                await history.flush()
            spent.append((time.process_time() - began) / 60)
        written = _written_bytes() - before
        span = await history.archive.span(C)
        health = history.health()
    assert span is not None
    assert not health.lost_sweeps
    days = hours / 24
    samples, series = _samples(directory)
    return {
        "cpu_percent_of_a_core": statistics.mean(spent) * 100,
        "cpu_percent_median_minute": statistics.median(spent) * 100,
        "append_longest_ms": longest * 1e3,
        "flight_mb_per_day": span.bytes / 1e6 / days,
        "flight_bytes_per_value": span.bytes / values,
        "samples_mb_per_day": samples / 1e6 / days,
        "samples_bytes_per_value": samples / (series * hours * 3_600 / SLOT),
        "series": series,
        "file_mb": health.bytes / 1e6,
        "written_to_disk_kb_per_second": written / 1e3 / (hours * 3_600),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _samples(directory: Path) -> tuple[int, int]:
    connection = open_for_reading(directory / FILE)
    size = connection.execute("SELECT total(length(data)) FROM sample").get
    series = connection.execute("SELECT count(*) FROM series").get
    connection.close()
    return int(size), int(series)


def _written_bytes() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("wchar")).split()[1])


async def ask(directory: Path, cluster: Cluster, hours: float) -> Figures:
    """Measure answers, as another process would get them."""
    begin, end = cluster.now - hours * 3_600, cluster.now
    signals = ("committed_index", "status_seconds", "db_bytes", "resident_bytes", "raft_commit")
    wanted = [Wanted(cluster.ids[0], signal) for signal in signals]
    quantiles = [Wanted(one, "wal_fsync", how="p99") for one in cluster.ids]

    async with Archive.open(directory) as archive:

        async def sweeps() -> int:
            return len([s async for s in archive.sweeps(C, end - 3_600, end)])

        return {
            "five_series_ms": await _median(
                lambda: archive.charts(C, wanted, begin=begin, end=end, step=60)
            ),
            "three_p99_ms": await _median(
                lambda: archive.charts(C, quantiles, begin=begin, end=end, step=60)
            ),
            "roles_ms": await _median(
                lambda: archive.runs(C, cluster.ids[0], "raft_state", begin=begin, end=end)
            ),
            "last_hour_of_sweeps_ms": await _median(sweeps, times=3),
        }


async def _median(
    question: Callable[[], Coroutine[object, object, object]], times: int = 15
) -> float:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        await question()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e3


def record(path: Path, sweeps: list[Sweep]) -> Figures:
    """Measure ``watch --record`` and the reading of such a file."""
    began = time.process_time()
    with Recorder(path, C) as recorder:
        for sweep in sweeps:
            recorder.append(sweep)
        recorded = recorder.close()
    took = time.process_time() - began
    seconds = len(sweeps) / 4
    began = time.process_time()
    assert list(open_recording(path)) == sweeps
    return {
        "recording_mb_per_hour": recorded.bytes / 1e6 / (seconds / 3_600),
        "recording_cpu_us_per_second": took / seconds * 1e6,
        "reading_sweeps_per_second": len(sweeps) / (time.process_time() - began),
    }


async def main(hours: float) -> None:
    """Print all figures as JSON."""
    some = Cluster(seed=2).take(4 * 600)
    figures: dict[str, Figures] = {"codec": codec(some)}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        cluster = Cluster()
        figures["record"] = record(place / "x.etcdscope", some)
        figures["ingest"] = await ingest(place / "history", cluster, hours)
        figures[f"ask_over_{hours:g}_h"] = await ask(place / "history", cluster, hours)
    rounded = {k: {name: round(v, 3) for name, v in each.items()} for k, each in figures.items()}
    print(json.dumps(rounded, indent=2))


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0))
