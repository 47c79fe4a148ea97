"""How members elect: timeouts that differ, pre-vote that is off."""

import pytest
from tests.detect.windows import NOW, Told, ago, found, window

from etcdscope.detect.elections import pre_vote_off, timeouts_differ
from etcdscope.model.signal import FLAGS, PROCESS_START, RAFT_LEAD, RAFT_STATE, RAFT_TERM, VERSION


def flags(**values: str) -> Told:
    return {FLAGS: tuple((name.replace("_", "-"), value) for name, value in values.items())}


SECOND = flags(election_timeout="1000")


@pytest.mark.parametrize(
    ("m3", "said"),
    [
        pytest.param(SECOND, None, id="alike"),
        pytest.param(flags(election_timeout="5000"), "warning", id="five times as long"),
        pytest.param(flags(), None, id="the default, which is the same"),
        pytest.param({}, None, id="not known"),
        pytest.param(
            flags(election_timeout="5000", config_file="given"), None, id="a file may say more"
        ),
        pytest.param(
            flags(election_timeout="1000", heartbeat_interval="300"),
            "info",
            id="others say nothing",
        ),
    ],
)
def test_timeouts_differ_when_command_lines_do(m3: Told, said: str | None) -> None:
    seen = window({"m1": SECOND, "m2": SECOND, "m3": m3})

    assert found(timeouts_differ, seen) == ([("cluster", said)] if said else [])


@pytest.mark.parametrize(
    ("ago_", "said"),
    [
        pytest.param(599.0, "info", id="it was started lately: the others may follow"),
        pytest.param(601.0, "warning", id="nobody was started for ten minutes"),
    ],
)
def test_timeouts_that_are_being_changed_are_a_note(ago_: float, said: str) -> None:
    m3 = flags(election_timeout="5000") | {PROCESS_START: NOW - ago_}
    seen = window({"m1": SECOND, "m2": SECOND, "m3": m3})

    assert found(timeouts_differ, seen) == [("cluster", said)]


@pytest.mark.parametrize(
    ("version", "given", "off"),
    [
        pytest.param("3.4.23", flags(), True, id="3.4 by default"),
        pytest.param("3.4.23", flags(pre_vote="true"), False, id="3.4 with it"),
        pytest.param("3.5.30", flags(), False, id="3.5 by default"),
        pytest.param("3.5.30", flags(pre_vote="false"), True, id="3.5 without it"),
        pytest.param("3.4.23", flags(config_file="given"), False, id="a file may turn it on"),
        pytest.param("3.4.23", {}, False, id="not known"),
    ],
)
def test_pre_vote_is_off_by_version_and_flag(version: str, given: Told, off: bool) -> None:
    told = {VERSION: version, RAFT_STATE: "follower", RAFT_TERM: 2, RAFT_LEAD: "m1"} | given
    seen = window({"m1": told, "m2": told, "m3": told})

    assert found(pre_vote_off, seen) == ([("cluster", "info")] if off else [])


LOOKS = 40  # half a second apart
AGES = [0.1 + 0.5 * i for i in reversed(range(LOOKS))]


def over_time(before: object, after: object, since: float) -> object:
    return ago(*((age, after if age < since else before) for age in AGES))


def well(back: float | None) -> Told:
    """Return a member that followed m1 in term 2, and m2 in term 9 since ``back`` seconds ago."""
    since = back or 0.0
    return {
        RAFT_STATE: ["follower"] * LOOKS,
        RAFT_LEAD: over_time("m1", "m2", since),
        RAFT_TERM: over_time(2, 9, since),
    }


def campaigns(back: float | None, *, state: str = "candidate", rises: bool = True) -> Told:
    """Return a member that campaigned from 15 s ago until ``back`` seconds ago, a term a second."""
    since = back or 0.0

    def alone(age: float) -> bool:
        return since <= age < 15.0

    def term(age: float) -> int:
        if age < since:
            return 9
        return 2 + (int((15.0 - age) / 2) + 1 if rises and alone(age) else 0)

    return {
        RAFT_STATE: ago(*((age, state if alone(age) else "follower") for age in AGES)),
        RAFT_LEAD: ago(
            *((age, "" if alone(age) else "m2" if age < since else "m1") for age in AGES)
        ),
        RAFT_TERM: ago(*((age, term(age)) for age in AGES)),
    }


@pytest.mark.parametrize(
    ("m3", "back", "said"),
    [
        pytest.param(campaigns(None), None, [("m3", "info")], id="it campaigns alone"),
        pytest.param(
            campaigns(None, state="pre-candidate", rises=False), None, [], id="it asks beforehand"
        ),
        pytest.param(campaigns(4.0), 4.0, [("m3", "warning")], id="its return forced an election"),
        pytest.param(well(4.0), 4.0, [], id="an election without it"),
        pytest.param(well(None), None, [], id="nothing"),
    ],
)
def test_member_without_pre_vote_forces_an_election(
    m3: Told, back: float | None, said: list[tuple[str, str]]
) -> None:
    leads = well(back) | ({} if back else {RAFT_STATE: ["leader"] * LOOKS})

    assert found(pre_vote_off, window({"m1": leads, "m2": well(back), "m3": m3})) == said
