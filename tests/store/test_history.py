import sqlite3
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.store.sweeps import START, Cluster

from etcdscope.model.cluster import Certificate, Role
from etcdscope.model.finding import CLUSTER, BlindSpot, Evidence, RuledOut, Severity, Subject
from etcdscope.model.incident import (
    Effect,
    EffectKind,
    Incident,
    Level,
    MemberState,
    Step,
    Verdict,
)
from etcdscope.model.memory import Change, Mark, Memory, Remembered
from etcdscope.model.ports import Store, StoreError, Sweep
from etcdscope.model.signal import TABLE
from etcdscope.store.archive import Archive
from etcdscope.store.charts import Wanted
from etcdscope.store.database import FILE
from etcdscope.store.history import History
from etcdscope.store.ledger import Gap
from etcdscope.store.recording import open_recording
from etcdscope.store.settings import Settings

C = "10e5e39849dab251"
EVER = (0.0, 1e12)


async def _kept(history: History, sweeps: Sequence[Sweep], cluster: str = C) -> None:
    """Give sweeps as fast as they are written, a second at a time."""
    for number, sweep in enumerate(sweeps, 1):
        history.append(cluster, sweep)
        if number % 4 == 0:
            await history.flush()
    await history.flush()


async def _all(
    source: History, cluster: str = C, begin: float = EVER[0], end: float = EVER[1]
) -> list[Sweep]:
    return [sweep async for sweep in source.sweeps(cluster, begin, end)]


def _incident(at: float = START, **changes: object) -> Incident:
    incident = Incident(
        f"wal-fsync-slow/{C}/m1/{at * 1000:.0f}",
        C,
        "wal-fsync-slow",
        Subject.member("8e9e05c52164694d"),
        Severity.WARNING,
        "the disk of m1 is slow",
        0.93,
        at - 3,
        at,
        (Evidence("wal_fsync", 0.412, "s", 0.1, "/metrics", "8e9e05c52164694d"),
         Evidence("raft_state", "leader", for_=False)),
        ("leader-flapping",),
        (RuledOut("cpu-starved", "idle is 80 %"),),
        "writes wait",
        (Step("move the leader", "etcdctl move-leader 1"),),
        names={"8e9e05c52164694d": "m1"},
    )  # fmt: skip
    return replace(incident, **changes)  # type: ignore[arg-type]


VERDICT = Verdict(
    Level.WARNING, "one may still be lost", C, "3.5.30", 3, 2, 1, "8e9e05c52164694d", 4,
    (MemberState("8e9e05c52164694d", "m1", "a:2379", Role.LEADER, reachable=True, term=4),),
)  # fmt: skip


async def test_what_was_judged_is_read_back_the_very_same(tmp_path: Path) -> None:
    judged = Cluster().take(4 * 60)
    async with History.open(tmp_path) as history:
        store: Store = history
        await _kept(history, judged)

        assert await _all(history) == judged
        assert await _all(history, "another") == []
        middle = judged[100].now, judged[120].now
        assert await _all(history, C, *middle) == judged[100:120]
        assert store.health().failing_since is None


async def test_what_was_kept_survives_a_restart_and_compaction(tmp_path: Path) -> None:
    judged = Cluster().take(4 * 400)
    async with History.open(tmp_path) as history:
        await _kept(history, judged[:1_000])
    async with History.open(tmp_path) as history:
        await _kept(history, judged[1_000:])
        span = await history.archive.span(C)

        assert await _all(history) == judged

    assert span is not None
    assert (span.begin, span.end, span.sweeps) == (judged[0].now, judged[-1].now, len(judged))
    with sqlite3.connect(tmp_path / FILE) as connection:
        [[rows]] = connection.execute("SELECT count(*) FROM flight")
        [[fresh]] = connection.execute("SELECT count(*) FROM flight_fresh")
    connection.close()
    assert rows >= 2
    assert fresh < 200


async def test_an_export_is_the_same_judging_in_a_file(tmp_path: Path) -> None:
    judged = Cluster().take(4 * 60)
    async with History.open(tmp_path) as history:
        await _kept(history, judged)
        done = await history.archive.export(C, judged[40].now, 1e12, tmp_path / "x.etcdscope")

        with pytest.raises(StoreError, match="holds nothing of cluster other"):
            await history.archive.export("other", *EVER, tmp_path / "y.etcdscope")
        with pytest.raises(StoreError, match="cannot be written: No such file"):
            await history.archive.export(C, *EVER, tmp_path / "missing" / "y.etcdscope")

    assert list(open_recording(tmp_path / "x.etcdscope")) == judged[40:]
    assert done.sweeps == len(judged) - 40
    assert not (tmp_path / "y.etcdscope").exists()
    assert not (tmp_path / "y.etcdscope.part").exists()


async def test_sweeps_keep_the_order_of_judging_when_the_clock_jumps(tmp_path: Path) -> None:
    judged = [
        *Cluster(start=START).take(600),
        *Cluster(start=START - 3_600).take(600),
        *Cluster(start=START + 10 * 365 * 86_400).take(600),
        *Cluster(start=START + 200).take(600),
    ]
    async with History.open(tmp_path) as history:
        await _kept(history, judged)

        assert await _all(history) == judged
        assert history.health().lost_sweeps == 0


# --- effects, incidents, memory ------------------------------------------------------------------


async def test_effects_and_incidents_come_back_the_very_same(tmp_path: Path) -> None:
    opened = _incident()
    changed = replace(opened, cause="cpu-starved", severity=Severity.CRITICAL)
    closed = replace(changed, closed_at=START + 60, note="it went away")
    spot = BlindSpot("metrics", CLUSTER, "refused", "open the port", ("wal-fsync-slow",))
    told = [
        Effect(EffectKind.VERDICT, START, C, verdict=VERDICT, names={"8e9e05c52164694d": "m1"}),
        Effect(EffectKind.OPENED, START, C, opened),
        Effect(EffectKind.CHANGED, START + 5, C, changed),
        Effect(EffectKind.BLIND_SPOT, START + 6, C, blind_spot=spot),
    ]
    last = Effect(EffectKind.CLOSED, START + 60, C, closed)
    async with History.open(tmp_path) as history:
        history.append(C, Sweep(START, ()), told)
    async with History.open(tmp_path) as history:
        archive = history.archive
        assert await archive.open_incidents(C) == [changed]
        history.append(C, Sweep(START + 60, ()), [last])
        await history.flush()

        assert await archive.effects(C, *EVER) == [*told, last]
        assert await archive.effects(C, START + 1, START + 60) == told[2:]
        assert await archive.effects(C, *EVER, limit=1) == [last]
        assert await archive.incidents(C, *EVER) == [closed]
        assert await archive.incidents(C, START + 30, START + 40) == [closed]
        assert await archive.incidents(C, START + 61, START + 70) == []
        assert await archive.open_incidents(C) == []


async def test_an_effect_is_written_without_waiting_for_the_second_to_pass(tmp_path: Path) -> None:
    async with History.open(tmp_path) as history, Archive.open(tmp_path) as reader:
        history.append(C, Sweep(START, ()), [Effect(EffectKind.OPENED, START, C, _incident())])
        await history.archive.clusters()
        writing = history._writing
        assert writing is not None
        writing.result(5)

        assert await reader.open_incidents(C) == [_incident()]


async def test_memory_survives_a_restart(tmp_path: Path) -> None:
    async with History.open(tmp_path) as history:
        history.remember(C, "revision", 2**70)
        history.remember(C, "seen", ("a", Role.LEADER))
        assert await history.recall(C, "revision") == 2**70
    async with History.open(tmp_path) as history:
        assert await history.recall(C, "revision") == 2**70
        assert await history.recall(C, "seen") == ("a", Role.LEADER)
        assert await history.recall(C, "nothing") is None
        assert await history.recall("another", "revision") is None


# --- charts --------------------------------------------------------------------------------------


async def test_charts_are_drawn_from_fresh_rows_and_chunks_alike(tmp_path: Path) -> None:
    cluster = Cluster(members=2)
    judged = cluster.take(4 * 1_500)  # on both sides of a full hour
    async with History.open(tmp_path) as history:
        await _kept(history, judged)
        leader = cluster.ids[0]
        wanted = [
            Wanted(leader, "committed_index", how="last"),
            Wanted(leader, "wal_fsync", how="p99"),
            Wanted(leader, "process_cpu_seconds", how="rate"),
            Wanted("nobody", "wal_fsync"),
        ]
        index, fsync, cpu, none = await history.archive.charts(
            C, wanted, begin=judged[0].now, end=judged[-1].now, step=60
        )
        roles = await history.archive.runs(
            C, leader, "raft_state", begin=judged[0].now, end=judged[-1].now
        )
        known = await history.archive.known_series(C)

    assert len(index.at) == len(index.value) == len(none.value) == 26
    assert np.isnan(none.value).all()
    assert (index.value[1:] > index.value[:-1]).all()
    exact = _last_before(judged, index.at[10], leader, "committed_index")
    assert index.value[10] == exact
    assert ((fsync.value > 0.002) & (fsync.value < 0.03)).all()
    assert ((cpu.value > 0.0) & (cpu.value < 0.01)).all()
    assert [run.word for run in roles] == ["leader"]
    assert roles[0].end - roles[0].begin == pytest.approx(1_500, abs=10)
    assert {one.signal for one in known} >= {"wal_fsync", "raft_state", "peer_rtt"}


def _last_before(judged: Sequence[Sweep], at: float, member: str, signal: str) -> float:
    numbers = [
        seen.value
        for sweep in judged
        if sweep.now < at
        for reading in sweep.readings
        if reading.member == member
        for seen in reading.observations
        if seen.signal is TABLE[signal] and isinstance(seen.value, int)
    ]
    return numbers[-1]


async def test_samples_that_a_kill_cut_off_are_taken_from_the_flight_recorder(
    tmp_path: Path,
) -> None:
    cluster = Cluster()
    judged = cluster.take(4 * 7)
    async with History.open(tmp_path) as history:
        await _kept(history, judged)
        history._writer._samplers.clear()  # as a kill would: the slot that had begun is gone
    async with History.open(tmp_path) as history:
        await _kept(history, [Sweep(cluster.now + 5, ())])
        points = await history.archive.series(
            C, cluster.ids[0], "committed_index", begin=START, end=cluster.now, step=5, how="last"
        )

    assert points.value[-1] == _last_before(judged, 1e12, cluster.ids[0], "committed_index")


# --- retention -----------------------------------------------------------------------------------


async def test_what_is_too_old_is_forgotten(tmp_path: Path) -> None:
    keep = Settings(flight_seconds=600, samples_seconds=600, events_seconds=300)
    cluster = Cluster(members=1)
    judged = cluster.take(4 * 2_600)
    ended = _incident(closed_at=START + 1)
    async with History.open(tmp_path, keep) as history:
        told_first = [
            Effect(EffectKind.CLOSED, START, C, ended),
            Effect(EffectKind.OPENED, START, C, _incident(START + 9)),
        ]
        history.append(C, judged[0], told_first)
        await _kept(history, judged[1:])
        span = await history.archive.span(C)
        points = await history.archive.series(
            C, cluster.ids[0], "committed_index", begin=START, end=cluster.now, step=300
        )
        left = await history.archive.incidents(C, *EVER)
        told = await history.archive.effects(C, *EVER)

    assert span is not None
    assert 600 <= span.end - span.begin < 1_000
    assert np.isnan(points.value[0])
    assert not np.isnan(points.value[-2])
    assert left == [_incident(START + 9)]  # still open: never forgotten
    assert told == []


async def test_the_flight_recorder_stays_within_its_bytes(tmp_path: Path) -> None:
    judged = Cluster().take(4 * 1_200)
    async with History.open(tmp_path, Settings(flight_bytes=200_000)) as history:
        await _kept(history, judged)
        span = await history.archive.span(C)
        kept = await _all(history)

    assert span is not None
    assert 100_000 < span.bytes < 600_000  # fresh rows come on top
    assert kept == judged[-len(kept) :]


async def test_a_clock_that_jumps_ahead_for_a_while_removes_nothing(tmp_path: Path) -> None:
    judged = [*Cluster().take(4 * 300), *Cluster(start=START + 9e8).take(4 * 300)]
    async with History.open(tmp_path, Settings(flight_seconds=600)) as history:
        await _kept(history, judged)

        assert len(await _all(history)) == len(judged)


# --- what may go wrong ---------------------------------------------------------------------------


async def test_a_second_agent_is_told_who_uses_the_data_directory(tmp_path: Path) -> None:
    async with History.open(tmp_path):
        with pytest.raises(StoreError, match=r"another etcdscope \(process \d+\) uses"):
            async with History.open(tmp_path):
                pass
    async with History.open(tmp_path):
        pass


async def test_a_place_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match=r"cannot be written .*: give another --data-dir"):
        async with History.open(tmp_path / "file" / "x"):
            pass


async def test_nothing_to_read_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no history at"):
        async with Archive.open(tmp_path):
            pass


async def test_the_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()

    with pytest.raises(StoreError, match="a database of another program"):
        async with History.open(tmp_path):
            pass


async def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    async with History.open(tmp_path):
        pass
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()

    with pytest.raises(StoreError, match="has format 7, this etcdscope knows 1: update"):
        async with History.open(tmp_path):
            pass


async def test_a_damaged_file_is_moved_aside_and_the_history_begins_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"garbage" * 1_000)

    async with History.open(tmp_path) as history:
        assert "it was moved to" in history.health().notice
        await _kept(history, Cluster().take(8))
        assert len(await _all(history)) == 8

    assert (tmp_path / "history.db.damaged").read_bytes() == b"garbage" * 1_000


async def test_a_file_that_gets_damaged_while_in_use_is_moved_aside(tmp_path: Path) -> None:
    cluster = Cluster()
    async with History.open(tmp_path) as history:
        await _kept(history, cluster.take(400))
    size = (tmp_path / FILE).stat().st_size
    with (tmp_path / FILE).open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xa5" * (size - 4096 * 2))
    async with History.open(tmp_path) as history:
        later = cluster.take(40)
        await _kept(history, later)

        assert "is damaged" in history.health().notice
        assert await _all(history) == later


async def test_judging_goes_on_while_a_write_hangs_and_what_is_dropped_is_counted(
    tmp_path: Path,
) -> None:
    judged = Cluster().take(4 * 60)
    answer = threading.Event()
    settings = Settings(waiting_values=4_000)
    async with History.open(tmp_path, settings) as history:
        history._worker.submit(answer.wait)  # as a hung disk would
        for sweep in judged:
            history.append(C, sweep)
        hung = history.health()
        answer.set()
        await history.flush()
        fine = history.health()
        kept = await _all(history)
        gaps = await history.archive.gaps(C, *EVER)

    assert hung.failing_since == pytest.approx(START, abs=3)
    assert hung.last_error.startswith("a write has not come back since 5")
    assert 0 < hung.lost_sweeps < len(judged)
    assert fine.failing_since is None
    assert kept == judged[hung.lost_sweeps :]
    assert [gap.sweeps for gap in gaps] == [hung.lost_sweeps]
    assert gaps[0].begin == judged[0].now


async def test_a_disk_that_never_answers_does_not_keep_the_agent_from_stopping(
    tmp_path: Path,
) -> None:
    answer = threading.Event()
    async with History.open(tmp_path, Settings(stop_seconds=0.05)) as history:
        history._worker.submit(answer.wait)
        history.append(C, Sweep(START, ()))
    answer.set()


async def test_an_error_of_ours_is_loud_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with History.open(tmp_path) as history:
        good = Cluster().take(4)
        broken = Sweep(good[-1].now + 1, (None,))  # type: ignore[arg-type]
        history._sweeps.append((C, broken, 1))
        with suppress(AttributeError):
            await history.flush()

        assert history.health().lost_sweeps == 1
        assert "an error of ours" in history.health().last_error
        await _kept(history, good)
        assert await _all(history) == good
        assert [gap.sweeps for gap in await history.archive.gaps(C, *EVER)] == [1]


# --- no space ------------------------------------------------------------------------------------


async def test_a_full_disk_is_reported_and_what_waits_is_written_when_there_is_space(
    tmp_path: Path,
) -> None:
    judged = Cluster().take(4 * 120)
    async with History.open(tmp_path, Settings(max_pages=60)) as history:
        await _kept(history, judged)
        full = history.health()
        partly = await _all(history)
        history._writer._connection.pragma("max_page_count", 100_000)
        await history.flush()

        assert full.failing_since is not None
        assert "no space left" in full.last_error
        assert full.lost_sweeps == 0
        assert 0 < len(partly) < len(judged)
        assert history.health().failing_since is None
        assert await _all(history) == judged
        assert await history.archive.gaps(C, *EVER) == []


async def test_what_a_full_disk_cost_is_counted_and_leaves_a_gap_that_can_be_seen(
    tmp_path: Path,
) -> None:
    judged = Cluster().take(4 * 120)
    settings = Settings(max_pages=60, pending_bytes=40_000)
    told = Effect(EffectKind.OPENED, START, C, _incident())
    async with History.open(tmp_path, settings) as history:
        await _kept(history, judged[:300])
        history.append(C, judged[300], [told])
        await _kept(history, judged[301:])
        lost = history.health().lost_sweeps
        history._writer._connection.pragma("max_page_count", 100_000)
        await history.flush()
        kept = await _all(history)
        [gap] = await history.archive.gaps(C, *EVER)

        assert lost == len(judged) - len(kept) > 0
        assert [sweep for sweep in judged if sweep in kept] == kept
        assert (gap.sweeps, gap.why) == (lost, history.health().last_error)
        assert await history.archive.effects(C, *EVER) == [told]
        assert isinstance(gap, Gap)


async def test_memory_of_a_cluster_comes_back_as_it_was(tmp_path: Path) -> None:
    certificate = Certificate("f1", "7", "m1", "ca", "a1", ("m1", "10.0.0.1"), 1.9e9)
    memory = Memory(
        home="c1",
        cluster="c2",
        endpoints=("http://10.0.0.1:2379",),
        members=(
            Remembered("a1", "m1", ("http://m1:2380",), certificates=(("peer", certificate),)),
        ),
        revision=Mark(500.0, 1.8e9),
        changes=(Change("revision", 1.8e9, "", 500.0, 100.0),),
    )
    async with History.open(tmp_path) as history:
        history.remember("c1", "memory", memory)

    async with History.open(tmp_path) as history:
        assert await history.recall("c1", "memory") == memory
        assert await history.recall("c2", "memory") is None
