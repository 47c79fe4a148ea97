"""One look, at members that are small servers."""

from tests.app.members import Member
from tests.etcd.servers import free_port, grpc_server

from etcdscope.app.checking import Checked, check
from etcdscope.app.settings import Settings
from etcdscope.diagnose.verdict import FIRST_LOOKS
from etcdscope.etcd.settings import Access


async def checked(other: str) -> Checked:
    """Check a cluster of two, of which the second is where it says."""
    m1 = Member(0xA1)
    async with grpc_server(m1.answers) as port:
        url = f"http://127.0.0.1:{port}"
        m1.listed = [
            {"ID": 0xA1, "name": "m1", "clientURLs": [url]},
            {"ID": 0xA2, "name": "m2", "clientURLs": [other]},
        ]
        return await check(Settings(access=Access((url,))))


async def test_every_member_is_looked_at_before_a_verdict() -> None:
    found = await checked(f"http://127.0.0.1:{free_port()}")

    assert [(m.name, m.reachable) for m in found.verdict.members] == [("m1", True), ("m2", False)]
    assert not found.verdict.sentence.startswith("Looking")
    assert "m2" in found.verdict.sentence, found.incidents


async def test_a_member_that_cannot_be_looked_at_is_not_waited_for_for_ever() -> None:
    found = await checked("unix://m2.sock:2379")

    assert found.seconds > FIRST_LOOKS
    assert not found.verdict.sentence.startswith("Looking")
    assert any("m2 (a2) advertises only" in notice for notice in found.notices)
