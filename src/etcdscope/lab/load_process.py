"""The background load: puts (and linearizable reads) over all members, as a process of its own.

Started by `load.Load` as `python -I load_process.py`, so it imports the standard library only.
Reads one JSON object a line: first the spec, later changes of it; writes one JSON object a second.
A put costs it about 0.1 ms of CPU: it speaks HTTP/1.1 by hand, for etcd's short answers only.
"""

import asyncio
import base64
import contextlib
import json
import math
import os
import random
import ssl
import sys
import time
from typing import Any, Final
from urllib.parse import urlsplit

TICK_S: Final = 0.005
# etcd itself gives a put up after 7 s (5 s and two elections, server/config/config.go).
PATIENCE_S: Final = 5.0
PAUSE_S: Final = 0.2
PREFIX: Final = "/lab/load/"


class Load:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.due: asyncio.Queue[None] = asyncio.Queue(len(spec["endpoints"]) * spec["workers"])
        self.value = base64.b64encode(os.urandom(spec["value_bytes"])).decode()
        self.tls = _tls(spec)
        self.clear()

    def clear(self) -> None:
        self.latencies: list[float] = []
        self.failed = 0
        self.missed = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.listen())
            group.create_task(self.pace())
            group.create_task(self.report())
            for endpoint in self.spec["endpoints"]:
                for _ in range(self.spec["workers"]):
                    group.create_task(self.work(endpoint))

    async def listen(self) -> None:
        """Take changes of the spec; the end of input is ours as well."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self.spec.update(json.loads(line))
        os._exit(0)

    def rate(self, now: float) -> float:
        spec = self.spec
        if spec["shape"] == "steady":
            return float(spec["rate"])
        turn = now / spec["period_s"] % 1
        height = (
            (1 - math.cos(2 * math.pi * turn)) / 2
            if spec["shape"] == "sine"
            else float(turn >= 0.5)
        )
        return float(spec["rate"] * (spec["low"] + (1 - spec["low"]) * height))

    async def pace(self) -> None:
        begin = then = time.monotonic()
        owed = 0.0
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            # A stall of ours is not made up for by a burst.
            owed += self.rate(now - begin) * min(now - then, 10 * TICK_S)
            then = now
            for _ in range(int(owed)):
                owed -= 1
                try:
                    self.due.put_nowait(None)
                except asyncio.QueueFull:
                    self.missed += 1

    async def work(self, endpoint: str) -> None:
        url = urlsplit(endpoint)
        host, port = url.hostname or "", url.port or 2379
        while True:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    reader, writer = await asyncio.open_connection(host, port, ssl=self.tls)
            except (OSError, TimeoutError):
                await asyncio.sleep(PAUSE_S)
                continue
            with contextlib.closing(writer):
                await self.serve(reader, writer, host)
            await asyncio.sleep(PAUSE_S)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str
    ) -> None:
        """Send what is due until the connection fails."""
        while True:
            await self.due.get()
            begin = time.monotonic()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    writer.write(self.request(host))
                    fine = await _answer(reader)
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
                self.failed += 1
                return
            if fine:
                self.latencies.append(time.monotonic() - begin)
            else:
                self.failed += 1

    def request(self, host: str) -> bytes:
        spec = self.spec
        key = base64.b64encode(f"{PREFIX}{random.randrange(spec['keys']):06}".encode()).decode()  # noqa: S311
        read = random.random() < spec["reads"]  # noqa: S311
        body = f'{{"key":"{key}"}}' if read else f'{{"key":"{key}","value":"{self.value}"}}'
        path = "/v3/kv/range" if read else "/v3/kv/put"
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        return (head + body).encode()

    async def report(self) -> None:
        while True:
            await asyncio.sleep(1)
            line = {
                "at": time.time(),
                "latencies": [round(latency, 6) for latency in self.latencies],
                "failed": self.failed,
                "missed": self.missed,
            }
            self.clear()
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


async def _answer(reader: asyncio.StreamReader) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    lowered = head.lower()
    _, found, rest = lowered.partition(b"content-length:")
    if found:
        await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
    elif b"transfer-encoding: chunked" in lowered:
        await _skip_chunks(reader)
    else:
        raise ValueError("an answer without a length")
    return head.startswith(b"HTTP/1.1 200")


async def _skip_chunks(reader: asyncio.StreamReader) -> None:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
    await reader.readuntil(b"\r\n")


def _tls(spec: dict[str, Any]) -> ssl.SSLContext | None:
    if not spec.get("ca"):
        return None
    context = ssl.create_default_context(cafile=spec["ca"])
    context.load_cert_chain(spec["cert"], spec["key"])
    return context


if __name__ == "__main__":
    asyncio.run(Load(json.loads(sys.stdin.readline())).run())
