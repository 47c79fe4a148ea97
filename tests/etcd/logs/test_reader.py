"""Lines of real members of every version and form: none is lost, none is misread."""

import json
from collections import Counter

import pytest
from tests.detect.test_catalog import ADDED, CAUSES
from tests.etcd.logs.recorded import FAULTS, FORMATS, NAMES, NOW, lines

from etcdscope.etcd.logs.messages import TABLE
from etcdscope.etcd.logs.reader import LONGEST, MOST_UNKNOWN, OTHERS, Reader
from etcdscope.model import logs
from etcdscope.model.logs import LogEvent


def read(*raw: str | bytes) -> list[LogEvent]:
    reader = Reader()
    return [event for line in raw if (event := reader.read(line, NOW)) is not None]


def only(raw: str) -> LogEvent:
    (event,) = read(raw)
    return event


def zap(msg: str, **fields: object) -> str:
    told = {"level": "info", "ts": "2026-11-22T07:30:03.100Z", "msg": msg, **fields}
    return json.dumps(told)


@pytest.mark.parametrize("name", NAMES)
def test_every_line_of_every_recording_is_known(name: str) -> None:
    reader = Reader()
    recorded = [line for line in lines(name) if line.strip()]  # Go leaves one before a stack

    events = [event for line in recorded if (event := reader.read(line, NOW)) is not None]

    assert len(events) == len(recorded) == reader.tally.lines == reader.tally.kinds.total()
    assert not reader.tally.unknown
    timeless = [event for event in events if not 1_795_329_000 < event.at < NOW]
    assert all("Deprecated" in event.text for event in timeless), "a time was not understood"


@pytest.mark.parametrize("form", FORMATS)
def test_one_election_is_told_alike_by_every_version(form: str) -> None:
    """The leader was killed once: a new one was elected, with its term and hex ids."""
    events = read(*lines(f"{form}.leader-kill-restart"))

    won = [e for e in events if e.kind == "raft-leader"]
    lost = [e for e in events if e.kind == "leader-lost"]
    elected = [e for e in events if e.kind == "leader-elected"]
    assert won
    assert all(len(e.member) == 16 and e.term and e.term >= 2 for e in won)
    assert lost
    assert {e.peer for e in lost} & {e.member for e in won}
    assert {e.peer for e in elected} >= {
        e.member for e in won if e.term == max(w.term or 0 for w in won)
    }


@pytest.mark.parametrize("form", FORMATS)
def test_the_log_says_whose_it_is(form: str) -> None:
    reader = Reader()
    for line in lines(f"{form}.leader-kill-restart"):
        reader.read(line, NOW)

    assert len(reader.member) == 16


@pytest.mark.parametrize("form", FORMATS)
def test_slow_fsyncs_have_their_seconds(form: str) -> None:
    slow = [e for e in read(*lines(f"{form}.very-slow-disk-leader")) if e.kind == logs.FSYNC_SLOW]

    assert slow
    assert all(e.seconds and 1.2 <= e.seconds < 3 for e in slow)
    assert {e.level for e in slow} == {"warn"}


@pytest.mark.parametrize("form", FORMATS)
def test_late_heartbeats_name_the_peer_and_the_delay(form: str) -> None:
    late = [e for e in read(*lines(f"{form}.slow-disk-leader")) if e.kind == logs.HEARTBEAT_LATE]

    assert late
    assert all(len(e.peer) == 16 and e.seconds for e in late)


@pytest.mark.parametrize("form", FORMATS)
def test_slow_applies_say_what_was_asked_but_no_whole_key(form: str) -> None:
    slow = [e for e in read(*lines(f"{form}.very-slow-disk-leader")) if e.kind == logs.APPLY_SLOW]

    assert {e.operation for e in slow} & {"put", "range"}
    assert all(e.prefix in ("/load/", "/fill/") for e in slow)
    assert all(e.seconds and e.seconds > 0.1 for e in slow)


@pytest.mark.parametrize("form", ["3.5.30", "3.6.14"])
def test_request_stats_name_the_client(form: str) -> None:
    slow = [e for e in read(*lines(f"{form}.very-slow-disk-leader")) if e.kind == logs.REQUEST_SLOW]

    assert {e.client for e in slow} == {"127.0.0.1"}
    assert all(e.bytes is not None and e.seconds and e.operation for e in slow)


@pytest.mark.parametrize("form", ["3.4.23-zap", "3.5.30", "3.6.14"])
def test_traces_fall_into_steps(form: str) -> None:
    traces = [e for e in read(*lines(f"{form}.slow-disk-leader")) if e.kind == logs.TRACE]

    assert traces
    for trace in traces:
        assert trace.slowest is not None
        assert trace.seconds is not None
        assert 0 < trace.slowest.seconds <= trace.seconds
    assert {e.slowest.stage for e in traces if e.slowest} & {"raft", "leader"}


@pytest.mark.parametrize("form", FORMATS)
def test_a_removed_member_says_so_and_is_knocking_at_the_others(form: str) -> None:
    kinds = {e.kind for e in read(*lines(f"{form}.membership"))}

    assert {
        logs.SELF_REMOVED,
        logs.PEER_WAS_REMOVED,
        "member-removed",
        "promotion-refused",
    } <= kinds


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_quota_is_no_full_disk(form: str) -> None:
    kinds = {e.kind for e in read(*lines(f"{form}.quota-nospace"))}

    assert {"quota-exceeded", "alarm-raised", "alarm-disarmed", "defragmented"} & kinds
    assert logs.DISK_FULL not in kinds


@pytest.mark.parametrize(
    ("fault", "kind", "level"),
    [
        ("wal-rot", logs.WAL_CORRUPT, "fatal"),
        ("db-rot", logs.BACKEND_CORRUPT, "panic"),
        ("rollback", logs.RAFT_STATE_LOST, "panic"),
    ],
)
def test_a_member_that_ended_over_its_files_says_which(fault: str, kind: str, level: str) -> None:
    events = read(*lines(f"3.5.30.{fault}"))
    told = [e for e in events if e.kind in (logs.WAL_CORRUPT, logs.BACKEND_CORRUPT, kind)]

    assert {(e.kind, e.level) for e in told} == {(kind, level)}
    assert not any(e.kind == logs.SERVER_READY and e.at > told[-1].at for e in events)


def test_a_peers_name_that_does_not_resolve_is_told_with_the_peer() -> None:
    told = [e for e in read(*lines("3.5.30.peer-name")) if e.kind == logs.PEER_NAME_UNRESOLVED]

    assert len(told) > 5
    assert {e.host for e in told} == {"nowhere.invalid"}
    assert {len(e.peer) for e in told} == {16}


@pytest.mark.parametrize("name", [n for n in NAMES if not n.endswith(FAULTS)])
def test_only_a_wrong_file_reads_as_one(name: str) -> None:
    """No scenario damages a WAL or a database file's pages."""
    kinds = {e.kind for e in read(*lines(name))}

    assert not kinds & {logs.WAL_CORRUPT, logs.BACKEND_CORRUPT, logs.RAFT_STATE_LOST}


# --- wrapped --------------------------------------------------------------------------------------

INNER = zap("slow fdatasync", took="1.2s")
CAPNSLOG = "2026-11-22 07:30:03.100000 W | wal: sync duration of 1.2s, expected less than 1s"


@pytest.mark.parametrize("inner", [INNER, CAPNSLOG], ids=["zap", "capnslog"])
@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda t: t, id="bare"),
        pytest.param(lambda t: f"2026-11-22T07:30:03.100000001Z stderr F {t}", id="CRI"),
        pytest.param(
            lambda t: json.dumps(
                {"log": t + "\n", "stream": "stderr", "time": "2026-11-22T07:30:03.1Z"}
            ),
            id="Docker",
        ),
        pytest.param(
            lambda t: json.dumps({"MESSAGE": t, "__REALTIME_TIMESTAMP": "1795332603100000"}),
            id="journald json",
        ),
        pytest.param(
            lambda t: json.dumps(
                {"MESSAGE": list(t.encode()), "__REALTIME_TIMESTAMP": "1795332603100000"}
            ),
            id="journald json, as bytes",
        ),
        pytest.param(lambda t: f"Nov 22 07:30:03 cp-1 etcd[714]: {t}", id="journald short"),
        pytest.param(
            lambda t: f"2026-11-22T07:30:03.100000+0000 cp-1 etcd[714]: {t}", id="journald iso"
        ),
    ],
)
def test_whatever_wraps_a_line_it_says_the_same(wrap: object, inner: str) -> None:
    assert callable(wrap)
    event = only(wrap(inner))

    assert (event.kind, event.seconds, event.at) == (logs.FSYNC_SLOW, 1.2, 1_795_332_603.1)


def test_a_line_that_a_container_runtime_cut_is_put_together() -> None:
    first, second = INNER[:40], INNER[40:]
    stamp = "2026-11-22T07:30:03.1Z stderr"

    (event,) = read(f"{stamp} P {first}", f"{stamp} F {second}")

    assert (event.kind, event.seconds) == (logs.FSYNC_SLOW, 1.2)


def test_capnslog_in_the_journal_has_the_journals_time() -> None:
    event = only(
        "Nov 22 07:30:03 cp-1 etcd[1]: read wal error (wal: crc mismatch) and cannot be repaired"
    )

    assert (event.kind, event.error, event.at) == (
        logs.WAL_CORRUPT,
        "wal: crc mismatch",
        1_795_332_603,
    )


def test_a_line_without_time_is_as_old_as_the_one_before() -> None:
    first, second = read(INNER, "panic: freepages: failed to get all reachable pages (page 3)")

    assert (second.at, second.kind, second.level) == (first.at, logs.BACKEND_CORRUPT, "panic")


# --- what a message turns into --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (zap("failed to read WAL, cannot be repaired", error="wal: crc mismatch"), "wal-corrupt"),
        (zap("failed to open WAL", error="open /w: permission denied"), "start-failed"),
        (zap("discovery failed", error="walpb: crc mismatch"), "wal-corrupt"),
        (
            zap("tocommit(84) is out of range [lastIndex(70)]. Was the raft log"),
            "raft-state-lost",
        ),
        (
            zap("failed to save Raft hard state and entries", error="no space left on device"),
            "disk-full",
        ),
        (zap("failed to open database", error="invalid database"), "backend-corrupt"),
        (zap("repaired WAL", path="/w", error="unexpected EOF"), "wal-repaired"),
        (
            zap("failed to reach the peer URL", error="dial tcp: "
                "lookup m2.x on 10.0.0.10:53: no such host"),
            "peer-name-unresolved",
        ),
        (
            zap("failed to dial", error="dial tcp 127.0.5.12:2380: connection refused"),
            "peer-unreachable",
        ),
        (
            zap("failed to apply request", request="compaction:<revision:840 > ",
                error="mvcc: required revision has been compacted"),
            "apply-failed",
        ),
        (
            zap("apply request took too long", took="120ms", prefix="read-only range ",
                request='key:"/a/b" ', response="error:mvcc: required revision has been compacted"),
            "revision-compacted",
        ),
    ],
)  # fmt: skip
def test_an_error_decides_what_a_message_means(line: str, kind: str) -> None:
    assert only(line).kind == kind


def test_the_name_that_did_not_resolve_is_kept() -> None:
    event = only(zap("prober detected unhealthy status", **{"remote-peer-id": "28cf0aacadd856c7"},
                     error="lookup etcd-2.infra on 10.0.0.10:53: server misbehaving"))  # fmt: skip

    assert (event.host, event.peer) == ("etcd-2.infra", "28cf0aacadd856c7")


def test_a_trace_says_which_step_took_the_time() -> None:
    trace = only(
        zap(
            "trace[12] range",
            detail="{range_begin:/registry/secrets/; range_end:/x; response_count:9000; }",
            duration="1.5s",
            steps=[
                "trace[1] 'agreement among raft nodes before linearized reading'  (duration: 20ms)",
                "trace[12] 'range keys from in-memory index tree'  (duration: 80ms)",
                "trace[12] 'range keys from bolt db'  (duration: 1.1s)",
                "trace[12] 'assemble the response' {a:b;}  (duration: 250ms)",
            ],
        )
    )

    assert [(s.stage, s.seconds) for s in trace.steps] == [
        ("leader", 0.02),
        ("index", 0.08),
        ("bolt", 1.1),
        ("reply", 0.25),
    ]
    assert trace.slowest
    assert trace.slowest.stage == "bolt"
    assert (trace.prefix, trace.entries, trace.seconds) == ("/registry/secrets/", 9000, 1.5)


def test_time_between_steps_is_a_step_too() -> None:
    steps = ["trace[1] 'process raft request'  (duration: 100ms)"]
    trace = only(zap("trace[1] put", duration="900ms", steps=steps))

    assert trace.slowest
    assert trace.slowest.stage == "between"


# --- unknown, garbage, huge -----------------------------------------------------------------------


def test_unknown_messages_are_counted_by_pattern() -> None:
    reader = Reader()
    for n in range(5):
        reader.read(zap(f"brand new thing {n} of 8e9e05c52164694d"), NOW)
    reader.read("no log of etcd's at all", NOW)

    assert reader.tally.unknown == Counter(
        {"brand new thing # of #": 5, "no log of etcd's at all": 1}
    )
    assert reader.tally.known_share == 0.0


def test_so_many_unknown_messages_are_kept_apart_and_none_is_lost() -> None:
    reader = Reader()
    for n in range(1000):
        reader.read(zap("thing " + "ghijklmnop"[n % 10] * (n // 10 + 1)), NOW)

    assert len(reader.tally.unknown) == MOST_UNKNOWN + 1
    assert reader.tally.unknown[OTHERS] == 1000 - MOST_UNKNOWN
    assert reader.tally.unknown.total() == 1000


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe\x00",
        b"{" * 200_000,
        b'{"msg": 3, "level": null}',
        b'{"msg": "slow fdatasync", "took": {"a": []}, "ts": [], "level": 7}',
        b'{"log": 3, "stream": []}',
        b'{"MESSAGE": null, "__REALTIME_TIMESTAMP": "x"}',
        b'{"msg": "request stats", "request content": 5, "response type": [], "remote": 1}',
        b'{"msg": "trace[1] range", "steps": [null, 3, "x"], "detail": null, "duration": "1"}',
        b'{"msg": "\xed\xa0\x80"}',
        b"2026-99-99 99:99:99.1 W | wal: sync duration of x, expected less than 1s",
        b"Feb 30 07:00:00 h etcd[1]: x",
        b"[1, 2]",
        b"x" * 5_000_000,
    ],
)
def test_garbage_is_an_event_like_any_other(raw: bytes) -> None:
    (event,) = read(raw)

    assert len(event.text) <= 200
    assert event.at <= NOW


def test_a_line_is_looked_at_up_to_a_bound() -> None:
    long = zap("slow fdatasync", took="1.2s", padding="x" * 2 * LONGEST)

    assert only(long).kind == logs.UNKNOWN


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_every_kind_says_what_it_means_and_names_causes_that_there_are(kind: str) -> None:
    known = TABLE[kind]

    assert known.means
    assert set(known.witnesses) <= CAUSES | ADDED | {"member-stopped", "membership-changing"}


def test_no_message_stands_for_two_kinds() -> None:
    says = [text for known in TABLE.values() for text in known.says]

    assert sorted(says) == sorted(set(says))


def test_every_kind_that_judgement_asks_for_is_in_the_table() -> None:
    asked = {v for n, v in vars(logs).items() if n.isupper() and isinstance(v, str)}

    assert asked - {logs.SKIPPED} <= set(TABLE)
