"""Which member is asked."""

from dataclasses import replace

import pytest

from etcdscope.etcd.answers import Status
from etcdscope.sources.registry.asked import Seen, chosen

STATUS = Status("c", "a", 1, "3.5.30", 1, 1, "a", 1, 1, 1, False)
LEADER = Seen("http://a", STATUS, 0.0001)
QUICK = Seen("http://b", replace(STATUS, member_id="b"), 0.001)
SLOW = Seen("http://c", replace(STATUS, member_id="c"), 0.02)
LEARNER = Seen("http://d", replace(STATUS, member_id="d", is_learner=True), 0.0001)


@pytest.mark.parametrize(
    ("seen", "best"),
    [
        pytest.param([LEADER, QUICK, SLOW], QUICK, id="the follower that answers quickest"),
        pytest.param([LEADER, SLOW, LEARNER], SLOW, id="a learner is still catching up"),
        pytest.param([LEADER], LEADER, id="a single member"),
        pytest.param([LEADER, LEARNER], LEARNER, id="rather a learner than the leader"),
        pytest.param(
            [replace(QUICK, endpoint="http://z", seconds=0.0012), QUICK],
            QUICK,
            id="of equals the first by name",
        ),
    ],
)
def test_a_follower_with_little_to_do_is_asked(seen: list[Seen], best: Seen) -> None:
    assert chosen(seen) is best
    assert chosen(reversed(seen)) is best
