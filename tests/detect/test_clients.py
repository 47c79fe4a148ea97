"""Clients: what they are told, and what they do."""

from typing import Any

import pytest
from tests.detect.windows import Ago, ago, found, look, window

from etcdscope.detect.clients import (
    errors_rising,
    lease_expiry_storm,
    leases_piling,
    list_storm,
    request_too_large,
    transaction_huge,
    txn_conflicts,
    watchers_slow,
    write_hotspot,
)
from etcdscope.detect.detector import Detector
from etcdscope.detect.pace import mean, recent, steady, usual
from etcdscope.model.finding import Severity
from etcdscope.model.reading import Failure, Histogram, Value
from etcdscope.model.signal import (
    APPLIED_INDEX,
    CLIENT_RECEIVED_BYTES,
    CLIENT_SENT_BYTES,
    COMMITTED_INDEX,
    EVENTS_PENDING,
    EVENTS_SENT,
    GRPC_ERRORS,
    GRPC_HANDLED,
    GRPC_STARTED,
    KEYS,
    LEADER,
    LEASES_EXPIRED,
    LEASES_GRANTED,
    LEASES_REVOKED,
    METRICS_SECONDS,
    PUT_BYTES,
    PUTS,
    RAFT_STATE,
    REVISION,
    SLOW_APPLIES,
    SLOW_WATCHERS,
    SNAPSHOT_MESSAGES,
    STATUS_ERRORS,
    TXN_APPLIES,
)
from etcdscope.model.window import Window

MIB = 2.0**20
AGES = (21.0, 16.0, 11.0, 6.0, 1.0)


def scraped(*values: Value) -> Ago:
    """Return what the last scrapes gave, five seconds apart, oldest first."""
    return ago(*zip(AGES[-len(values) :], values, strict=True))


def growing(rate: float, start: float = 1_000.0) -> Ago:
    """Return a counter that grows so much a second."""
    return scraped(*(start + rate * 5 * i for i in range(5)))


def seen(told: dict[Any, Any] | None = None, **members: dict[Any, Any]) -> Window:
    """Return a window with the usual scrapes of every member."""
    usual_ = {METRICS_SECONDS: scraped(*[0.01] * 5), GRPC_HANDLED: {"OK": growing(100.0)}}
    return window({m: usual_ | (told or {}) | members.get(m, {}) for m in ("m1", "m2", "m3")})


# --- growth ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "covers"),
    [
        pytest.param((11, 6, 1), 10, id="two intervals of five seconds"),
        pytest.param((6, 1), 0, id="one alone is too little"),
        pytest.param((4, 3, 2, 1), 0, id="zoomed, too short yet"),
        pytest.param((12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 8, id="zoomed"),
        pytest.param((21, 16, 11, 6, 5, 1), 10, id="a zoomed one between"),
        pytest.param((28, 23, 18), 0, id="nothing of late"),
    ],
)
def test_growth_is_told_where_scrapes_cover_enough(times: tuple[int, ...], covers: int) -> None:
    told = window(
        {"m1": {METRICS_SECONDS: ago(*((t, 0.01) for t in times)),
                PUTS: ago(*((t, -100.0 * t) for t in times))}}
    )  # fmt: skip

    assert sum(g.seconds for g in recent(told, "m1", PUTS)) == covers
    assert steady(told, "m1", PUTS) == (100.0 if covers else 0.0)


def test_a_burst_is_not_steady() -> None:
    told = seen({PUTS: scraped(0.0, 0.0, 0.0, 0.0, 5_000.0)})

    assert steady(told, "m1", PUTS) == 0.0
    assert mean(told, "m1", PUTS) == 500.0


def test_a_restart_counts_what_came_since() -> None:
    assert steady(seen({PUTS: scraped(9_000.0, 9_100.0, 50.0)}), "m1", PUTS) == 10.0


def test_a_series_that_appears_only_when_it_grows_stood_at_zero() -> None:
    key = "etcdserverpb.KV/Put/Unavailable"

    assert steady(seen({GRPC_ERRORS: {key: scraped(20.0, 50.0)}}), "m1", GRPC_ERRORS, key) == 4.0
    assert steady(seen({PUTS: scraped(20.0, 50.0)}), "m1", PUTS) == 0.0


@pytest.mark.parametrize(
    ("points", "began", "rate"),
    [
        pytest.param(ago((598, 100.0), (20, 386.0), (1, 900.0)), 600, 286 / 586, id="all along"),
        pytest.param(ago((100, 50.0), (20, 300.0), (1, 900.0)), 600, 300 / 586, id="came later"),
        pytest.param(ago((10, 50.0), (1, 900.0)), 600, 0.0, id="just now"),
        pytest.param(ago((10, 50.0), (1, 900.0)), 15, None, id="we are too new to know"),
    ],
)
def test_what_is_usual(points: Ago, began: float, rate: float | None) -> None:
    told = window({"m1": {GRPC_ERRORS: {"x": points}}}, began=began)

    assert usual(told, "m1", GRPC_ERRORS, "x") == (pytest.approx(rate) if rate else rate)


# --- errors ------------------------------------------------------------------------------------


def calls(method: str, code: str, rate: float, of: float = 20.0) -> dict[Any, Any]:
    return {
        GRPC_ERRORS: {f"etcdserverpb.KV/{method}/{code}": growing(rate)},
        GRPC_STARTED: {f"etcdserverpb.KV/{method}": growing(of)},
    }


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param({}, [], id="none"),
        pytest.param(calls("Put", "Unavailable", 5), "warning", id="no leader"),
        pytest.param(calls("Put", "Unavailable", 0.5), [], id="a client that retries slowly"),
        pytest.param(calls("Put", "Unavailable", 5, of=200), [], id="few of many"),
        pytest.param(calls("Put", "DeadlineExceeded", 3), [], id="one impatient client"),
        pytest.param(calls("Put", "DeadlineExceeded", 10), "warning", id="many"),
        pytest.param(calls("Put", "ResourceExhausted", 20), "warning", id="all refused"),
        pytest.param(calls("Range", "NotFound", 20), [], id="normal: not found"),
        pytest.param(calls("Range", "OutOfRange", 20), [], id="normal: compacted"),
        pytest.param(calls("Range", "Canceled", 20), [], id="normal: cancelled"),
        pytest.param(calls("Range", "Unavailable", 1, of=2), [], id="ourselves, at a learner"),
        pytest.param(calls("Put", "NoSuchCode", 20), [], id="a code of the future"),
    ],
)
def test_errors_rise(told: dict[Any, Any], said: str | list[str]) -> None:
    assert found(errors_rising, seen(told)) == ([("cluster", said)] if said else [])


@pytest.mark.parametrize(
    ("points", "said"),
    [
        pytest.param(scraped(50.0, 100.0, 150.0), "info", id="begun just now"),
        pytest.param(scraped(150.0, 150.0, 150.0), None, id="over"),
        pytest.param(
            ago(*((900.0 - 5 * i, 50.0 * i) for i in range(180)), (1, 50.0 * 180)), None, id="habit"
        ),
        pytest.param(
            ago((590, 0.0), (11, 200.0), (6, 250.0), (1, 300.0)), "info", id="far more than before"
        ),
        pytest.param(scraped(5.0, 10.0, 15.0), None, id="too few"),
    ],
)
def test_a_clients_mistakes_are_a_note_where_they_are_new(points: Ago, said: str | None) -> None:
    told = {
        GRPC_ERRORS: {"etcdserverpb.KV/Put/InvalidArgument": points},
        GRPC_STARTED: {"etcdserverpb.KV/Put": growing(20.0)},
    }

    assert found(errors_rising, seen(m1=told)) == ([("cluster", said)] if said else [])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        pytest.param(
            calls("Put", "ResourceExhausted", 9) | {STATUS_ERRORS: ("memberID:1 alarm:NOSPACE ",)},
            "database space exceeded",
            id="quota",
        ),
        pytest.param(
            calls("Put", "ResourceExhausted", 9)
            | {COMMITTED_INDEX: [9_000, 9_100], APPLIED_INDEX: [100, 150]},
            "too many requests",
            id="backlog",
        ),
        pytest.param(calls("Put", "ResourceExhausted", 9), "a message is too large", id="message"),
        pytest.param(
            calls("Put", "Unavailable", 9), "no leader, a time-out, or it is stopping", id="any"
        ),
        pytest.param(calls("MoveLeader", "DataLoss", 9), "hold different data", id="data"),
        pytest.param(
            calls("Compact", "Internal", 9), "RPC itself failed", id="no text of etcd has it"
        ),
    ],
)
def test_a_code_is_told_in_words(told: dict[Any, Any], words: str) -> None:
    (finding,) = errors_rising(seen(told))

    assert words in finding.summary
    assert "alike: m2, m3" in finding.summary
    assert finding.evidence[0].value == 9


@pytest.mark.parametrize(
    ("failure", "detail", "since", "said"),
    [
        (Failure.REJECTED, "m1:2379 said no: etcdserver: too many requests.", 8, True),
        (Failure.REJECTED, "m1:2379 said no: etcdserver: too many requests.", 2, False),
        (Failure.REJECTED, "m1:2379 said no: etcdserver: rpc not supported for learner.", 8, False),
        (Failure.REJECTED, "m1:2379 said no: something new.", 8, False),
        (Failure.TIMEOUT, "m1:2379 gave no answer in time.", 8, False),
    ],
)
def test_what_we_are_told_ourselves_counts(
    failure: Failure, detail: str, since: float, said: bool
) -> None:
    ours = look("probe", "m1", failure, since=since, detail=detail)

    told = list(errors_rising(window({}, looks=[ours])))

    assert [f.severity for f in told] == ([Severity.WARNING] if said else [])
    assert all("too many requests" in f.summary for f in told)


def test_one_refusal_that_is_not_repeated_yet_is_no_trouble() -> None:
    """A hash that was under way as the member stopped in order; the next is due in a minute."""
    words = "m1:2379 said no: etcdserver: server stopped."
    ours = look("hashes", "m1", Failure.REJECTED, at=8, since=8, failures=1, detail=words)

    assert list(errors_rising(window({}, looks=[ours]))) == []


@pytest.mark.parametrize(
    ("refused", "read", "stored", "said"),
    [
        pytest.param(5.0, 8 * MIB, 1e4, [("m1", "warning")], id="1.6 MiB each"),
        pytest.param(5.0, 1e6, 1e4, [], id="small ones are wrong in another way"),
        pytest.param(5.0, 60 * MIB, 55 * MIB, [], id="much is written beside them"),
        pytest.param(0.2, 0.4 * MIB, 1e4, [], id="a few"),
    ],
)
def test_requests_are_too_large(
    refused: float, read: float, stored: float, said: list[tuple[str, str]]
) -> None:
    told = calls("Put", "InvalidArgument", refused) | {
        CLIENT_RECEIVED_BYTES: growing(read),
        PUT_BYTES: growing(stored),
    }

    assert found(request_too_large, seen({CLIENT_RECEIVED_BYTES: growing(1.0)}, m1=told)) == said


# --- writes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("txns", "puts", "applied", "took", "said"),
    [
        pytest.param(3.0, 10.0, 30.0 + 9 * 128, 0.01, "info", id="full ones"),
        pytest.param(3.0, 10.0, 30.0 + 9 * 2, 0.01, None, id="small ones"),
        pytest.param(0.0, 500.0, 1_500.0, 0.01, None, id="a burst of single puts"),
        pytest.param(1.0, 10.0, 30.0 + 3 * 9_000, 0.5, "warning", id="and slow"),
    ],
)
def test_transactions_are_huge(
    txns: float, puts: float, applied: float, took: float, said: str | None
) -> None:
    counted = [Histogram((0.1, 1.0, float("inf")), (n, n, n), n * took) for n in (0.0, 5.0, 10.0)]
    told = {
        PUTS: growing(applied),
        GRPC_STARTED: {"etcdserverpb.KV/Txn": growing(txns), "etcdserverpb.KV/Put": growing(puts)},
        TXN_APPLIES: scraped(*counted),
    }

    assert found(transaction_huge, seen(told)) == ([("cluster", said)] if said else [])


@pytest.mark.parametrize(
    ("rate", "keys", "said"),
    [
        pytest.param(250.0, growing(0.0, 1_000.0), True, id="a loop on few keys"),
        pytest.param(250.0, growing(0.0, 20_000.0), False, id="many keys"),
        pytest.param(250.0, growing(200.0, 100.0), False, id="a bulk load"),
        pytest.param(50.0, growing(0.0, 10.0), False, id="few writes"),
    ],
)
def test_a_few_keys_are_written_all_the_time(rate: float, keys: Ago, said: bool) -> None:
    told = {PUTS: growing(rate), KEYS: keys}

    assert found(write_hotspot, seen(told)) == ([("cluster", "info")] if said else [])


@pytest.mark.parametrize(
    ("entries", "revisions", "txns", "granted", "said"),
    [
        pytest.param(190.0, 40.0, 50.0, 0.0, True, id="all fail"),
        pytest.param(190.0, 150.0, 50.0, 0.0, False, id="some fail"),
        pytest.param(190.0, 40.0, 50.0, 150.0, False, id="lease grants have no revision"),
        pytest.param(190.0, 40.0, 2.0, 0.0, False, id="hardly any transactions"),
        pytest.param(60.0, 40.0, 150.0, 0.0, False, id="transactions that only read"),
    ],
)
def test_transactions_fail_their_compare(
    entries: float, revisions: float, txns: float, granted: float, said: bool
) -> None:
    told = {
        RAFT_STATE: "leader",
        LEADER: "m1",
        APPLIED_INDEX: [1_000 + entries / 2 * i for i in range(28)],
        REVISION: [500 + revisions / 2 * i for i in range(28)],
        GRPC_STARTED: {"etcdserverpb.KV/Txn": growing(txns)},
        LEASES_GRANTED: growing(granted),
        LEASES_REVOKED: growing(0.0),
    }

    assert found(txn_conflicts, seen(told)) == ([("cluster", "info")] if said else [])


# --- watches, lists, leases ----------------------------------------------------------------------


def closely(*values: float) -> Ago:
    """Return what scrapes a second apart gave, as under zoom."""
    return ago(*((len(values) - i - 0.9, value) for i, value in enumerate(values)))


@pytest.mark.parametrize(
    ("slow", "pending", "said"),
    [
        pytest.param(closely(0, 8, 8, 8, 8, 8), closely(*[1e3] * 6), True, id="nobody reads"),
        pytest.param(closely(0, 8, 8, 8, 8), closely(*[1e3] * 5), False, id="not for long enough"),
        pytest.param(closely(0, 8, 8, 8, 8, 3), closely(*[1e3] * 6), False, id="fewer are behind"),
        pytest.param(
            closely(0, 8, 8, 8, 8, 8), closely(9e3, 8e3, 7e3, 6e3, 5e3, 4e3), False, id="they read"
        ),
        pytest.param(closely(8, 8, 0, 8, 8, 8), closely(*[1e3] * 6), False, id="one was well"),
    ],
)
def test_watchers_that_take_nothing_are_told_within_seconds(
    slow: Ago, pending: Ago, said: bool
) -> None:
    told = seen(m2={SLOW_WATCHERS: slow, EVENTS_PENDING: pending})

    assert found(watchers_slow, told) == ([("m2", "warning")] if said else [])


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        pytest.param(scraped(0.0, 0.0, 4.0, 20.0, 20.0), True, id="behind in three scrapes"),
        pytest.param(scraped(0.0, 0.0, 0.0, 20.0, 20.0), False, id="not long enough"),
        pytest.param(scraped(0.0, 0.0, 200.0, 120.0, 30.0), False, id="they catch up"),
        pytest.param(scraped(0.0, 5.0, 20.0, 20.0, 0.0), False, id="over"),
        pytest.param(scraped(3.0, 0.0, 1.0, 0.0, 7.0), False, id="new watches now and then"),
    ],
)
def test_watchers_are_slow(slow: Ago, said: bool) -> None:
    told = seen(m2={SLOW_WATCHERS: slow, EVENTS_PENDING: growing(100.0)})

    assert found(watchers_slow, told) == ([("m2", "warning")] if said else [])


LISTS = {CLIENT_SENT_BYTES: growing(12 * MIB), GRPC_STARTED: {"etcdserverpb.KV/Range": growing(10)}}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(LISTS, "info", id="lists"),
        pytest.param(LISTS | {SLOW_APPLIES: growing(3.0)}, "warning", id="and requests are slow"),
        pytest.param(LISTS | {SNAPSHOT_MESSAGES: growing(370.0)}, None, id="a backup"),
        pytest.param(
            LISTS
            | {EVENTS_SENT: growing(9_000.0), PUTS: growing(10.0), PUT_BYTES: growing(13_000.0)},
            None,
            id="watchers",
        ),
        pytest.param(
            LISTS | {GRPC_STARTED: {"etcdserverpb.KV/Range": growing(900.0)}},
            None,
            id="small reads",
        ),
        pytest.param(LISTS | {CLIENT_SENT_BYTES: growing(MIB)}, None, id="little"),
    ],
)
def test_lists_come_in_storms(told: dict[Any, Any], said: str | None) -> None:
    quiet = {CLIENT_SENT_BYTES: growing(1_000.0)}

    assert found(list_storm, seen(quiet, m3=told)) == ([("m3", said)] if said else [])


@pytest.mark.parametrize(
    ("granted", "revoked", "keys", "said"),
    [
        pytest.param(growing(250, 3_000), growing(0, 10), 1_000.0, "info", id="piling"),
        pytest.param(growing(250, 3_000), growing(0, 10), 50_000.0, None, id="each has its keys"),
        pytest.param(growing(250, 3_000), growing(250, 10), 1_000.0, None, id="they end as well"),
        pytest.param(growing(0, 9_000), growing(0, 10), 1_000.0, None, id="many, but no more come"),
        pytest.param(growing(250, 90_000), growing(0, 10), 1_000.0, "warning", id="very many"),
        pytest.param(growing(250, 10), growing(0, 5_000), 100.0, None, id="after a restart"),
    ],
)
def test_leases_pile(granted: Ago, revoked: Ago, keys: float, said: str | None) -> None:
    told = {LEASES_GRANTED: granted, LEASES_REVOKED: revoked, KEYS: keys}

    assert found(leases_piling, seen(told)) == ([("cluster", said)] if said else [])


@pytest.mark.parametrize(
    ("expired", "said"),
    [
        pytest.param(scraped(0.0, 0.0, 0.0, 0.0, 1_200.0), True, id="a storm"),
        pytest.param(scraped(0.0, 0.0, 0.0, 1_200.0, 1_200.0), False, id="over"),
        pytest.param(growing(20.0), False, id="usual"),
    ],
)
def test_leases_end_together(expired: Ago, said: bool) -> None:
    told = seen({LEASES_EXPIRED: scraped(0.0, 0.0, 0.0, 0.0, 0.0)}, m1={LEASES_EXPIRED: expired})

    assert found(lease_expiry_storm, told) == ([("cluster", "info")] if said else [])


ALL = (errors_rising, request_too_large, transaction_huge, write_hotspot, txn_conflicts,
       watchers_slow, list_storm, leases_piling, lease_expiry_storm)  # fmt: skip


@pytest.mark.parametrize("detector", [pytest.param(d, id=d.id) for d in ALL])
def test_a_busy_healthy_cluster_is_quiet(detector: Detector) -> None:
    """As measured on three members under 50 writes a second, with a Kubernetes' watches."""
    told = {
        GRPC_STARTED: {
            "etcdserverpb.KV/Range": growing(60.0),
            "etcdserverpb.KV/Put": growing(17.0),
            "etcdserverpb.KV/Txn": growing(40.0),
            "etcdserverpb.Maintenance/Status": growing(2.0),
        },
        GRPC_ERRORS: {
            "etcdserverpb.KV/Range/OutOfRange": growing(0.3),
            "etcdserverpb.KV/Range/Canceled": growing(1.0),
            "etcdserverpb.Lease/LeaseRevoke/NotFound": growing(1.0),
        },
        PUTS: growing(170.0),
        PUT_BYTES: growing(170.0 * 1_500),
        KEYS: growing(0.2, 20_000.0),
        CLIENT_RECEIVED_BYTES: growing(3e5),
        CLIENT_SENT_BYTES: growing(2e6),
        EVENTS_SENT: growing(700.0),
        EVENTS_PENDING: scraped(0.0, 3.0, 0.0, 1.0, 0.0),
        SLOW_WATCHERS: scraped(0.0, 1.0, 0.0, 0.0, 1.0),
        SNAPSHOT_MESSAGES: growing(0.0),
        LEASES_GRANTED: growing(2.0, 4_000.0),
        LEASES_REVOKED: growing(2.0, 3_900.0),
        LEASES_EXPIRED: growing(2.0),
        SLOW_APPLIES: growing(0.1),
        APPLIED_INDEX: [1_000 + 88 * i for i in range(28)],
        REVISION: [500 + 85 * i for i in range(28)],
        LEADER: "m1",
    }

    assert found(detector, seen(told)) == []
