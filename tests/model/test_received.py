"""What is said in JSON comes back as it was."""

from dataclasses import replace

import pytest
from tests.surfaces import states

from etcdscope.model import contract, received
from etcdscope.model.finding import SELF, BlindSpot, Subject
from etcdscope.model.incident import Incident, Verdict

CASES: list[tuple[Verdict, tuple[Incident, ...], tuple[BlindSpot, ...]]] = [
    (states.healthy(), (), ()),
    (states.slow_disk(), (states.SLOW_DISK,), (states.METRICS_HIDDEN,)),
    (states.leader_killed(), (states.LEADER_DOWN, states.LEADER_CHANGED), ()),
    (states.quorum_lost(), (states.QUORUM_LOST, states.UNSURE), ()),
    (states.unknown(), (), ()),
    (states.with_learner(), (), ()),
]


@pytest.mark.parametrize("case", CASES)
def test_a_check_object_comes_back_as_it_was(
    case: tuple[Verdict, tuple[Incident, ...], tuple[BlindSpot, ...]],
) -> None:
    verdict, incidents, spots = case
    said = contract.parse_check(contract.check_object(verdict, incidents, spots, states.AT))
    names = {m.id: m.name for m in verdict.members}
    known = tuple(replace(i, names=names) for i in incidents)

    assert received.verdict(said) == verdict
    assert [_told(i) for i in received.incidents(said)] == [_told(i) for i in known]
    assert received.blind_spots(said) == spots


@pytest.mark.parametrize(
    "subject",
    [
        Subject(),
        SELF,
        Subject.member(states.IDS[0]),
        Subject.link(states.IDS[0], states.IDS[1]),
        Subject.endpoint("http://10.0.0.9:2379"),
        Subject("namespace", "kube-system"),
    ],
)
def test_every_kind_of_subject_comes_back(subject: Subject) -> None:
    incident = replace(states.LEADER_DOWN, subject=subject)
    object_ = contract.check_object(states.healthy(), [incident], (), states.AT)

    assert received.incidents(contract.parse_check(object_))[0].subject == subject


def _told(incident: Incident) -> Incident:
    """Return it with times to the millisecond, as they are said."""
    return replace(incident, since=round(incident.since, 3), opened_at=round(incident.opened_at, 3))
