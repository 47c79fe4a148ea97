"""Who is meant by a role, asked of members that only say what they are told to say."""

from dataclasses import dataclass
from typing import Any

import pytest

from etcdscope.lab.questions import targets
from etcdscope.lab.spec import LabError


@dataclass
class Said:
    name: str
    member_id: str
    learner: bool = False
    running: bool = True
    program: str = "etcd"

    @property
    def client_url(self) -> str:
        return self.name


class Gateway:
    """Everybody says that m2 leads."""

    async def call(self, url: str, method: str) -> dict[str, Any]:
        return {"leader": str(0xB)}


MEMBERS: Any = [Said("m1", "a"), Said("m2", "b"), Said("m3", "c"), Said("m4", "d", learner=True)]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("m3", ["m3"]),
        ("leader", ["m2"]),
        ("follower", ["m1"]),
        ("followers", ["m1", "m3"]),
        ("majority", ["m2", "m1"]),
        ("all", ["m1", "m2", "m3", "m4"]),
        ("leader,follower", ["m2", "m1"]),
        ("m1, follower", ["m1"]),
        ("", []),
    ],
)
async def test_roles_mean_members(asked: str, meant: list[str]) -> None:
    gateway: Any = Gateway()

    assert [member.name for member in await targets(gateway, MEMBERS, asked)] == meant


async def test_unknown_target_is_refused_with_a_sentence() -> None:
    gateway: Any = Gateway()

    with pytest.raises(LabError, match="no member 'm9': write m1, m2, m3, m4, leader"):
        await targets(gateway, MEMBERS, "m9")
