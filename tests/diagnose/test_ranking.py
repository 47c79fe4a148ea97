"""What an incident may be instead: ranked, with what speaks for it and the test that would tell."""

import pytest
from tests.diagnose.detectors import finding

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.ranking import LEAST, MOST, ranked
from etcdscope.diagnose.separators import TABLE, separator
from etcdscope.model.finding import (
    Alternative,
    BlindSpot,
    Evidence,
    Finding,
    RuledOut,
    Severity,
    Subject,
)

LINK = Subject.link("a1", "a3")
LOST_PACKETS = Evidence("replication_delay", 2.0, "s", member="a1", says="in bursts")


def found(
    cause: str,
    subject: Subject = LINK,
    *,
    sure: float = 0.8,
    evidence: tuple[Evidence, ...] = (),
    out: tuple[str, ...] = (),
    instead: tuple[Alternative, ...] = (),
) -> Finding:
    return Finding(
        subject,
        Severity.WARNING,
        f"it looks like {cause}",
        evidence,
        tuple(RuledOut(cause, "measured") for cause in out),
        confidence=sure,
        detector=cause,
        alternatives=instead,
    )


def test_what_the_finding_itself_cannot_exclude_is_an_alternative() -> None:
    thin = Alternative("link-saturated", 0.12, "a thin line loses as well")

    told = ranked(found("link-lossy", instead=(thin,)), (), ())

    assert told.alternatives == (thin,)
    assert told.test == separator("link-lossy", "link-saturated")


def test_look_alike_that_was_folded_into_the_cause_stays_an_alternative() -> None:
    lossy = found("link-lossy", evidence=(LOST_PACKETS,))

    told = ranked(found("cpu-starved", Subject.member("a3"), sure=0.88), (lossy,), ())

    assert [(a.cause, a.confidence) for a in told.alternatives] == [("link-lossy", 0.096)]
    assert [(e.signal, e.for_, e.says) for e in told.against] == [
        ("replication_delay", False, "in bursts; speaks for link-lossy")
    ]


def test_what_was_ruled_out_is_no_alternative() -> None:
    lossy = found("link-lossy", evidence=(LOST_PACKETS,))
    starved = found("cpu-starved", Subject.member("a3"), out=("link-lossy",))

    told = ranked(starved, (lossy,), ())

    assert (told.alternatives, told.against) == ((), ())


def test_consequences_are_no_alternatives() -> None:
    """A member that is down is part of a lost quorum, and a leader change follows from a loss."""
    lost = found("quorum-lost", Subject(), sure=0.5)
    down, changed = finding("member-down", "a2"), finding("leader-changed")

    assert ranked(lost, (down, changed), ()).alternatives == ()


def test_symptom_may_be_what_could_not_be_looked_at() -> None:
    waiting = found("proposals-piling", Subject.member("a1"), sure=0.6)
    hidden = BlindSpot("metrics", Subject.member("a1"), "refused.", hides=("wal-fsync-slow",))
    elsewhere = BlindSpot("raftvars", Subject.member("a2"), "refused", hides=("link-lossy",))

    told = ranked(waiting, (), (hidden, elsewhere))

    assert [a.cause for a in told.alternatives] == ["wal-fsync-slow"]
    assert told.alternatives[0].why == "it could not be looked at: metrics (refused)"


def test_cause_that_was_seen_does_not_become_another_by_a_blind_spot() -> None:
    hidden = BlindSpot("raftvars", Subject(), "refused", hides=("cpu-starved",))

    assert ranked(found("wal-fsync-slow", sure=0.6), (), (hidden,)).alternatives == ()


def test_alternatives_are_ranked_and_leave_the_cause_its_confidence() -> None:
    many = tuple(Alternative(f"c{i}", 0.1 * i, "maybe") for i in range(6))

    told = ranked(found("link-lossy", sure=0.6, instead=many), (), ()).alternatives

    assert [a.cause for a in told] == ["c5", "c4", "c3"]
    assert len(told) == MOST
    assert sum(a.confidence for a in told) <= 0.4
    assert all(a.confidence >= LEAST for a in told)


def test_test_says_what_follows_from_each_outcome() -> None:
    test = separator("link-slow", "link-lossy")

    assert test is not None
    assert [o.cause for o in test.then] == ["link-slow", "link-lossy"]
    assert str(test) == (
        "Ping from host to host, a hundred times: if all come, and all late, it is link-slow;"
        " if replies are missing, it is link-lossy."
    )


@pytest.mark.parametrize("row", [pytest.param(r, id=f"{r.one}/{r.other}") for r in TABLE])
def test_separators_name_causes_that_have_a_detector(row: object) -> None:
    known = {d.id for d in DETECTORS}

    assert {row.one, row.other} <= known  # type: ignore[attr-defined]
