"""Lines of a log that are sent to a real agent end as an incident with its cause."""

import json
import time

import aiohttp
from tests.e2e.agents import agent


async def test_lines_over_http_become_an_incident() -> None:
    started = {"level": "info", "ts": time.time() - 9, "msg": "restarting local member",
               "local-member-id": "3aa4a8bea36f8c93"}  # fmt: skip
    broken = {"level": "fatal", "ts": time.time() - 8, "msg": "discovery failed",
              "error": "walpb: crc mismatch"}  # fmt: skip
    body = f"{json.dumps(started)}\n{json.dumps(broken)}\n"
    headers = {"Content-Type": "application/x-ndjson"}

    async with agent("127.0.0.1:1") as one, aiohttp.ClientSession() as session:
        async with session.post(f"{one.url}/api/v1/logs/m1", data=body, headers=headers) as answer:
            assert (answer.status, await answer.json()) == (202, {"taken": 2})
        await one.run.until(lambda: one.run.events("opened", cause="wal-corrupt"), 20)
        told = one.run.events("opened", cause="wal-corrupt")

    assert [i["subject"]["member_id"] for i in told] == ["3aa4a8bea36f8c93"]
