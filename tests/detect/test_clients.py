"""Clients: what they are told. And none of what they do is trouble in a busy healthy cluster."""

from typing import Any

import pytest
from tests.detect.scrapes import growing, scraped, seen
from tests.detect.windows import Ago, ago, found, look, window

from etcdscope.detect.clients import errors_rising, request_too_large
from etcdscope.detect.detector import Detector
from etcdscope.detect.leases import lease_expiry_storm, leases_piling
from etcdscope.detect.reads import list_storm, watchers_slow
from etcdscope.detect.writes import transaction_huge, txn_conflicts, write_hotspot
from etcdscope.model.finding import Severity
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    APPLIED_INDEX,
    CLIENT_RECEIVED_BYTES,
    CLIENT_SENT_BYTES,
    COMMITTED_INDEX,
    EVENTS_PENDING,
    EVENTS_SENT,
    GRPC_ERRORS,
    GRPC_STARTED,
    KEYS,
    LEADER,
    LEASES_EXPIRED,
    LEASES_GRANTED,
    LEASES_REVOKED,
    PUT_BYTES,
    PUTS,
    REVISION,
    SLOW_APPLIES,
    SLOW_WATCHERS,
    SNAPSHOT_MESSAGES,
    STATUS_ERRORS,
)

MIB = 2.0**20


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
