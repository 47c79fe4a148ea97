"""The table of faults, without a cluster."""

import pytest

from etcdscope.lab.faults import FAMILIES, FAULTS
from etcdscope.lab.spec import LabError


def test_every_fault_has_a_name_of_its_own_and_a_manual() -> None:
    kinds = [kind for family in FAMILIES for kind in family.KINDS]

    assert len(FAULTS) == len(kinds)
    assert all(kind.doc.endswith(".") for kind in kinds)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param({}, {"p": 0.2, "direction": "both"}, id="defaults"),
        pytest.param({"p": "0.5"}, {"p": 0.5, "direction": "both"}, id="text from a command line"),
        pytest.param({"p": 1, "direction": "in"}, {"p": 1.0, "direction": "in"}, id="values"),
    ],
)
def test_options_are_read_as_their_defaults_are(
    given: dict[str, object], read: dict[str, object]
) -> None:
    assert FAULTS["loss"].read(given) == read


def test_option_that_is_a_switch_is_read_as_one() -> None:
    assert FAULTS["learner"].read({"running": "false"}) == {"running": False}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({"q": 1}, "no option q; it has: p, direction", id="unknown"),
        pytest.param({"p": "much"}, "p=much: write a float", id="no number"),
    ],
)
def test_wrong_option_is_refused_with_a_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        FAULTS["loss"].read(given)
