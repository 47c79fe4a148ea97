"""The engine on real clients, with members that are small servers."""

import asyncio
from collections.abc import Sequence

from tests.app.members import Member
from tests.etcd.servers import counting, grpc_server

from etcdscope.app.looking import open_engine
from etcdscope.app.settings import Settings
from etcdscope.engine import SystemClock
from etcdscope.etcd.settings import Access
from etcdscope.model.incident import Effect
from etcdscope.model.ports import Sweep


async def test_a_member_that_was_removed_is_left_for_good() -> None:
    """It goes on answering, as one does that was not shut down."""
    m1, m2 = Member(0xA1), Member(0xA2)
    async with (
        grpc_server(m1.answers) as port1,
        grpc_server(m2.answers) as port2,
        counting(port1) as (own1, held1),
        counting(port2) as (own2, held2),
    ):
        urls = [f"http://127.0.0.1:{own}" for own in (own1, own2)]
        both: list[dict[str, object]] = [
            {"ID": 0xA1 + i, "name": f"m{i + 1}", "clientURLs": [url]} for i, url in enumerate(urls)
        ]
        m1.listed = m2.listed = both

        def nobody(_: Sweep, __: Sequence[Effect]) -> None:
            """Tell nobody."""

        settings = Settings(access=Access((urls[0],)))
        async with open_engine(settings, SystemClock(), nobody) as engine:
            running = asyncio.create_task(engine.run())
            async with asyncio.timeout(30):
                while held2() < 2:  # noqa: ASYNC110  # its calls, and the held conversation
                    await asyncio.sleep(0.02)
                m1.listed = m2.listed = both[:1]
                while held2():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert held1() >= 2
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
