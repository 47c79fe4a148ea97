"""The public JSON. Rewrite ``schemas/`` with ``python -m tests.model.test_contract``."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from etcdscope.model import contract
from etcdscope.model.cluster import Role
from etcdscope.model.finding import (
    CLUSTER,
    SELF,
    Alternative,
    BlindSpot,
    Evidence,
    NextTest,
    Outcome,
    RuledOut,
    Severity,
    Subject,
)
from etcdscope.model.incident import (
    Effect,
    EffectKind,
    Incident,
    Level,
    MemberState,
    Step,
    Verdict,
)
from etcdscope.sinks import webhook
from etcdscope.surfaces.logs import objects
from etcdscope.surfaces.registry import objects as registry

SCHEMAS = Path(__file__).parents[2] / "schemas"
AT = 1795330152.25
M1 = "8e9e05c52164694d"
NAMES = {M1: "m1", "a1": "m2"}

INCIDENT = Incident(
    id=f"wal-fsync-slow/10e5e39849dab251/{M1}/1795330152250",
    cluster="10e5e39849dab251",
    cause="wal-fsync-slow",
    subject=Subject.member(M1),
    severity=Severity.WARNING,
    summary="m1's disk is slow",
    confidence=0.93,
    since=AT - 2,
    opened_at=AT,
    evidence=(Evidence("wal_fsync_p99", 0.412, "s", 0.1, "/metrics", M1),),
    effects=("leader-flapping", "proposals-piling"),
    ruled_out=(RuledOut("cpu-starved", "the CPU is idle"),),
    impact="writes wait",
    runbook=(Step("Move the leader.", "etcdctl move-leader a1"), Step("Replace the disk.")),
    names=NAMES,
)
VERDICT = Verdict(
    Level.WARNING,
    "m3 is gone; none may be lost",
    "10e5e39849dab251",
    "3.5.21",
    voters=3,
    quorum=2,
    margin=0,
    leader=M1,
    term=7,
    members=(
        MemberState(M1, "m1", "http://127.0.0.1:2379", Role.LEADER, reachable=True, term=7),
        MemberState("a1", "", "", Role.UNKNOWN, why_not="it was never started"),
    ),
)
BLIND_SPOT = BlindSpot("metrics", Subject.member("a1"), "refused", hides=("wal-fsync-slow",))


def effect(kind: EffectKind = EffectKind.OPENED, **about: Any) -> Effect:  # noqa: ANN401
    return Effect(kind, AT, "10e5e39849dab251", **about)


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def written(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2) + "\n"


def schemas() -> dict[str, str]:
    known = (
        contract.schema()
        | {"webhook.schema.json": webhook.schema(), "logs.schema.json": objects.schema()}
        | registry.schema()
    )
    return {name: written(schema) for name, schema in known.items()}


def test_the_schemas_in_the_repository_are_those_of_the_code() -> None:
    committed = {path.name: path.read_text() for path in SCHEMAS.glob("*.schema.json")}

    assert committed == schemas(), "run python -m tests.model.test_contract, and review the diff"


def test_an_opened_incident_reads_as_the_design_says() -> None:
    assert json.loads(contract.line(effect(incident=INCIDENT))) == {
        "at": "2026-11-22T06:49:12.250Z",
        "event": "opened",
        "incident": INCIDENT.id,
        "cluster": "10e5e39849dab251",
        "cause": "wal-fsync-slow",
        "severity": "warning",
        "subject": {"kind": "member", "member": "m1", "member_id": M1},
        "summary": "m1's disk is slow",
        "confidence": 0.93,
        "since": "2026-11-22T06:49:10.250Z",
        "evidence": [
            {
                "signal": "wal_fsync_p99",
                "member": "m1",
                "value": 0.412,
                "unit": "s",
                "limit": 0.1,
                "source": "/metrics",
                "for": True,
            }
        ],
        "effects": ["leader-flapping", "proposals-piling"],
        "ruled_out": [{"cause": "cpu-starved", "by": "the CPU is idle"}],
        "impact": "writes wait",
        "runbook": [
            {"say": "Move the leader.", "run": "etcdctl move-leader a1"},
            {"say": "Replace the disk."},
        ],
    }


def test_of_several_clusters_a_line_says_which() -> None:
    told = effect(incident=INCIDENT)
    named, plain = (json.loads(contract.line(told, name)) for name in ("prod", ""))

    assert named == plain | {"cluster_name": "prod"}


def test_the_order_of_properties_is_stable() -> None:
    closed = Effect(
        EffectKind.CLOSED,
        AT + 60,
        "c",
        incident=replace(INCIDENT, closed_at=AT + 60, note="it is fast again", next_test="fio"),
    )

    assert list(json.loads(contract.line(closed))) == [
        "at", "event", "incident", "cluster", "cause", "severity", "subject", "summary",
        "confidence", "since", "until", "seconds", "note", "evidence", "effects", "ruled_out",
        "impact", "runbook", "next_test",
    ]  # fmt: skip


def test_an_uncertain_incident_tells_what_it_may_be_instead() -> None:
    test = NextTest(
        "Ping it", "ping m1", (Outcome("all come", "link-slow"), Outcome("some", "link-lossy"))
    )
    unsure = replace(
        INCIDENT, alternatives=(Alternative("link-lossy", 0.0714, "also seen"),), test=test
    )

    line = contract.line(effect(incident=unsure))

    told = json.loads(line)
    assert told["alternatives"] == [
        {"cause": "link-lossy", "confidence": 0.071, "why": "also seen"}
    ]
    assert told["test"] == {
        "say": "Ping it",
        "run": "ping m1",
        "then": [
            {"sees": "all come", "cause": "link-slow"},
            {"sees": "some", "cause": "link-lossy"},
        ],
    }
    validator("watch-line").validate(told)
    assert contract.line_of(effect(incident=unsure)) == contract.parse_line(line)


def test_a_closed_incident_says_until_when_and_how_long() -> None:
    closed = effect(
        EffectKind.CLOSED, incident=replace(INCIDENT, closed_at=AT + 60, note="fast again")
    )

    line = contract.parse_line(contract.line(closed))

    assert isinstance(line, contract.IncidentLine)
    assert (line.until, line.seconds, line.note) == (
        "2026-11-22T06:50:12.250Z",
        62.0,
        "fast again",
    )


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        pytest.param(CLUSTER, {"kind": "cluster"}, id="cluster"),
        pytest.param(SELF, {"kind": "self"}, id="self"),
        pytest.param(
            Subject.link(M1, "a1"),
            {"kind": "link", "from": "m1", "to": "m2", "from_id": M1, "to_id": "a1"},
            id="link",
        ),
        pytest.param(
            Subject.member("b2"),
            {"kind": "member", "member": "b2", "member_id": "b2"},
            id="no name",
        ),
        pytest.param(
            Subject.endpoint("http://x:1"), {"kind": "endpoint", "endpoint": "http://x:1"}, id="url"
        ),
        pytest.param(
            Subject("client", "10.0.0.1"), {"kind": "client", "client": "10.0.0.1"}, id="c"
        ),
    ],
)
def test_a_subject_has_names_and_ids(subject: Subject, told: dict[str, str]) -> None:
    line = contract.line(effect(incident=replace(INCIDENT, subject=subject)))

    assert json.loads(line)["subject"] == told


@pytest.mark.parametrize(
    ("value", "told"), [(9000.0, 9000), (0.5, 0.5), (float("inf"), "inf"), ("leader", "leader")]
)
def test_evidence_is_a_number_or_a_word(value: float | str, told: object) -> None:
    incident = replace(INCIDENT, evidence=(Evidence("x", value, limit=float("inf")),))

    evidence = json.loads(contract.line(effect(incident=incident)))["evidence"][0]

    assert evidence == {"signal": "x", "value": told, "for": True}
    assert type(evidence["value"]) is type(told)


def test_a_verdict_names_the_leader() -> None:
    line = json.loads(contract.line(effect(EffectKind.VERDICT, verdict=VERDICT)))

    assert list(line)[:12] == [
        "at", "event", "cluster", "verdict", "summary", "quorum", "voters", "margin", "leader",
        "leader_id", "term", "version",
    ]  # fmt: skip
    assert (line["verdict"], line["leader"], line["margin"]) == ("warning", "m1", 0)
    assert line["members"][1] == {
        "name": "a1",
        "id": "a1",
        "role": "unknown",
        "is_learner": False,
        "reachable": False,
        "why_not": "it was never started",
    }


def test_check_prints_the_lines_that_watch_would_print() -> None:
    text = contract.check_object(VERDICT, [INCIDENT], [BLIND_SPOT], AT)

    validator("check").validate(json.loads(text))
    check = contract.parse_check(text)
    assert check.verdict == "warning"
    assert (check.cluster.id, check.cluster.leader) == ("10e5e39849dab251", "m1")
    assert check.incidents == (contract.line_of(effect(incident=INCIDENT)),)
    spot = effect(EffectKind.BLIND_SPOT, blind_spot=BLIND_SPOT, names={"a1": "a1"})
    assert check.blind_spots == (contract.line_of(spot),)


def test_an_unknown_cluster_has_no_empty_fields() -> None:
    text = contract.check_object(Verdict(Level.UNKNOWN, "nobody answers"), [], [], AT)

    validator("check").validate(json.loads(text))
    assert json.loads(text)["cluster"] == {"quorum": 0, "voters": 0}


def test_what_is_no_line_is_refused_with_a_reason() -> None:
    with pytest.raises(ValueError, match="missing required field `at`"):
        contract.parse_line(b'{"event":"opened"}')
    with pytest.raises(ValueError, match="Invalid enum value"):
        contract.parse_line(b'{"at":"2026-11-22T06:49:12.250Z","event":"exploded"}')


def test_times_go_there_and_back() -> None:
    assert contract.unix(contract.moment(AT)) == AT
    assert contract.moment(0) == "1970-01-01T00:00:00.000Z"


# --- any effect at all -----------------------------------------------------------------------

KINDS = ("cluster", "member", "link", "endpoint", "node", "apiserver", "namespace", "resource",
         "client", "self")  # fmt: skip
words = st.text(max_size=8)
numbers = st.floats(width=32)
moments = st.floats(0, 4e9)
subjects = st.builds(Subject, st.sampled_from(KINDS), words, words)
names = st.dictionaries(words, words, max_size=2)
counts = st.none() | st.integers(0, 2**63)
incidents = st.builds(
    Incident,
    subject=subjects,
    severity=st.sampled_from(Severity),
    confidence=st.floats(0, 1),
    since=moments,
    opened_at=moments,
    closed_at=st.none() | moments,
    evidence=st.tuples(st.builds(Evidence, value=numbers | words, limit=st.none() | numbers)),
    ruled_out=st.tuples(st.builds(RuledOut)),
    runbook=st.tuples(st.builds(Step, words, words)),
    names=names,
)
members = st.builds(
    MemberState,
    term=counts,
    committed_index=counts,
    applied_index=counts,
    lag_entries=counts,
    db_bytes=counts,
    db_in_use_bytes=counts,
    quota_bytes=counts,
    answer_seconds=st.none() | numbers,
    fsync_p99=st.none() | numbers,
    commit_p99=st.none() | numbers,
    peer_rtt=st.none() | numbers,
)
verdicts = st.builds(Verdict, voters=st.integers(0, 9), quorum=st.integers(0, 9), term=counts,
                     margin=st.none() | st.integers(-9, 9), members=st.tuples(members))  # fmt: skip
told = st.sampled_from((EffectKind.OPENED, EffectKind.CHANGED, EffectKind.CLOSED))
blind = st.sampled_from((EffectKind.BLIND_SPOT, EffectKind.SIGHTED))
effects = (
    st.builds(Effect, told, moments, words, incidents, st.none(), st.none(), names)
    | st.builds(Effect, blind, moments, words, st.none(),
                st.builds(BlindSpot, subject=subjects), st.none(), names)
    | st.builds(Effect, st.just(EffectKind.VERDICT), moments, words, st.none(), st.none(), verdicts)
)  # fmt: skip

LINES = Draft202012Validator(contract.schema()["watch-line.schema.json"])


@given(effects)
def test_every_effect_is_a_line_by_the_schema_and_comes_back(effect: Effect) -> None:
    line = contract.line(effect)

    LINES.validate(json.loads(line))
    assert b"\n" not in line
    assert contract._encoder.encode(contract.parse_line(line)) == line
    assert not list(left_empty(json.loads(line)))


def left_empty(value: object) -> Iterator[object]:
    """Yield the optional values that should have been left out."""
    if value is None:
        yield value
    for part in value.values() if isinstance(value, dict) else ():
        yield from left_empty(part)
    for part in value if isinstance(value, list) else ():
        yield from left_empty(part)


if __name__ == "__main__":
    SCHEMAS.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (SCHEMAS / name).write_text(text)
