"""Clients that harm a cluster by how they use it, as a process of its own.

Started by `faults_clients` as `python -I client_process.py`, so it imports the standard library
only. Reads one JSON object: what to do and where; writes "begun" when it begins to hurt; ends with
its input, and every connection with it. Speaks HTTP/1.1 with etcd's JSON gateway, by hand.
"""

import asyncio
import base64
import contextlib
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any, Final
from urllib.parse import urlsplit

PATIENCE_S: Final = 10.0
PAUSE_S: Final = 0.2
# No answer of a gateway that these clients read is larger, a list of all keys included.
ANSWER_BYTES: Final = 64 * 1024 * 1024

Do = Callable[["Client"], Awaitable[None]]


class Refused(Exception):
    """etcd said no; the body says why."""


class Client:
    """One keep-alive connection to one member, made anew when it fails."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.tls = parts.hostname or "", parts.port or 2379, tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.host, self.port, ssl=self.tls, limit=ANSWER_BYTES)

    async def ask(self, method: str, **fields: Any) -> bytes:  # noqa: ANN401
        try:
            async with asyncio.timeout(PATIENCE_S):
                if self._streams is None:
                    self._streams = await self.open()
                reader, writer = self._streams
                writer.write(self.request(method, fields))
                return await _answer(reader)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            self.close()
            raise Refused(str(error)) from None

    def request(self, method: str, fields: dict[str, Any]) -> bytes:
        body = json.dumps(fields).encode()
        head = f"POST /v3/{method} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}"
        return head.encode() + b"\r\n\r\n" + body

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
        self._streams = None


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lowered = head.lower()
    _, found, rest = lowered.partition(b"content-length:")
    if found:
        body = await reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
    elif b"transfer-encoding: chunked" in lowered:
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    else:
        raise ValueError("an answer without a length")
    if not head.startswith(b"HTTP/1.1 200"):
        raise Refused(body[:300].decode(errors="replace"))
    return body


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Clients:
    """What the process does, by the name of a method."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.prefix = spec["prefix"].encode()
        self.rate = float(spec.get("rate", 1.0))
        self.tls = _tls(spec)
        self._numbers = count()

    def clients(self) -> Iterator[Client]:
        """Give clients of the members in turn, without end."""
        while True:
            for url in self.spec["endpoints"]:
                yield Client(url, self.tls)

    async def paced(self, do: Do, *, workers: int, rate: float | None = None) -> None:
        """Do it `rate` times a second with so many connections; what is late is left out."""
        clients = self.clients()
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                every = workers / (rate or self.rate)
                group.create_task(self._keep_doing(do, next(clients), every, number / workers))

    async def _keep_doing(self, do: Do, client: Client, every: float, phase: float) -> None:
        due = time.monotonic() + every * phase
        while True:
            await asyncio.sleep(max(due - time.monotonic(), 0.0))
            due = max(due + every, time.monotonic() - every)
            with contextlib.suppress(Refused, OSError, TimeoutError):
                await do(client)

    def key(self, name: str | None = None) -> str:
        return encoded(self.prefix + (name or f"{next(self._numbers):08}").encode())

    # ---- what clients do

    async def put_large(self) -> None:
        value = encoded(os.urandom(int(self.spec["bytes"])))

        async def put(client: Client) -> None:
            await client.ask("kv/put", key=self.key("large"), value=value)

        begun()
        await self.paced(put, workers=1)

    async def put_wrong(self) -> None:
        async def put(client: Client) -> None:
            await client.ask("kv/put", key="", value="")

        begun()
        await self.paced(put, workers=3)

    async def write_hot(self) -> None:
        value = encoded(os.urandom(int(self.spec["bytes"])))

        async def put(client: Client) -> None:
            await client.ask("kv/put", key=self.key("hot"), value=value)

        begun()
        await self.paced(put, workers=9)

    async def write_huge(self) -> None:
        ops, value = int(self.spec["operations"]), encoded(os.urandom(int(self.spec["bytes"])))

        async def write(client: Client) -> None:
            puts = [
                {"request_put": {"key": self.key(f"huge/{n:06}"), "value": value}}
                for n in range(ops)
            ]
            await client.ask("kv/txn", success=puts)

        begun()
        await self.paced(write, workers=1)

    async def conflict(self) -> None:
        """All create one key that exists: the compare fails, the else-branch reads it."""
        first = next(self.clients())
        await first.ask("kv/put", key=self.key("lock"), value=encoded(b"taken"))
        key = self.key("lock")
        compare = {"key": key, "target": "VERSION", "result": "EQUAL", "version": "0"}
        put, read = {"key": key, "value": encoded(b"mine")}, {"key": key}

        async def create(client: Client) -> None:
            await client.ask(
                "kv/txn",
                compare=[compare],
                success=[{"request_put": put}],
                failure=[{"request_range": read}],
            )

        begun()
        await self.paced(create, workers=9)

    async def list_all(self) -> None:
        first, value = next(self.clients()), encoded(os.urandom(int(self.spec["bytes"])))
        for number in range(int(self.spec["keys"])):
            await first.ask("kv/put", key=self.key(f"listed/{number:06}"), value=value)
        whole = {"key": encoded(self.prefix), "range_end": encoded(_after(self.prefix))}

        async def read(client: Client) -> None:
            await client.ask("kv/range", **whole)

        begun()
        await self.paced(read, workers=6)

    async def grant(self) -> None:
        async def grant(client: Client) -> None:
            await client.ask("lease/grant", TTL=str(int(self.spec["ttl_s"])))

        begun()
        await self.paced(grant, workers=6)

    async def revoke(self) -> None:
        """Revoke all leases that there are; what ended by itself meanwhile is gone as well."""
        clients = self.clients()
        first, others = next(clients), [next(clients) for _ in range(24)]

        async def work(client: Client) -> None:
            while left:
                with contextlib.suppress(Refused):
                    await client.ask("lease/revoke", ID=left.pop())

        while True:  # grants that were on their way may come in yet
            found = json.loads(await first.ask("lease/leases")).get("leases", [])
            if not (left := [lease["ID"] for lease in found]):
                break
            await asyncio.gather(*(work(client) for client in others))
        begun()

    async def expire(self) -> None:
        """Grant leases with a key each, all with the same end; again and again."""
        clients, size = self.clients(), int(self.spec["count"])
        each = [next(clients) for _ in range(12)]
        first = True
        while True:
            end = time.monotonic() + size / self.rate + 3.0
            await asyncio.gather(
                *(self._grant_until(client, end, size // len(each)) for client in each)
            )
            await asyncio.sleep(max(end - time.monotonic(), 0.0))
            if first:
                begun()
            first = False
            await asyncio.sleep(float(self.spec["pause_s"]))

    async def _grant_until(self, client: Client, end: float, grants: int) -> None:
        for _ in range(grants):
            ttl = max(round(end - time.monotonic()), 2)
            with contextlib.suppress(Refused):
                granted = json.loads(await client.ask("lease/grant", TTL=str(ttl)))
                await client.ask("kv/put", key=self.key(), value="", lease=granted["ID"])

    async def watch_slowly(self) -> None:
        """Open watches and read nothing of them, while something writes what they watch."""
        clients, value = self.clients(), encoded(os.urandom(int(self.spec["bytes"])))
        whole = {"key": encoded(self.prefix), "range_end": encoded(_after(self.prefix))}
        held = []
        for _ in range(int(self.spec["watches"])):
            client = next(clients)
            held.append(
                await self._unread(client, client.request("watch", {"create_request": whole}))
            )

        async def put(client: Client) -> None:
            await client.ask("kv/put", key=self.key("watched"), value=value)

        begun()
        await self.paced(put, workers=3)
        del held

    async def read_compacted(self) -> None:
        first = next(self.clients())
        answer = json.loads(await first.ask("kv/put", key=self.key("old"), value=""))
        revision = int(answer["header"]["revision"])
        with contextlib.suppress(Refused):  # somebody compacted it before us
            await first.ask("kv/compaction", revision=str(revision))

        async def read(client: Client) -> None:
            await client.ask("kv/range", key=self.key("old"), revision=str(max(revision - 1, 1)))

        begun()
        await self.paced(read, workers=2)

    async def _unread(self, client: Client, request: bytes) -> asyncio.StreamWriter:
        loop = asyncio.get_running_loop()
        plain = socket.socket(socket.AF_INET6 if ":" in client.host else socket.AF_INET)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.setblocking(False)
        await loop.sock_connect(plain, (client.host, client.port))
        name = client.host if client.tls else None
        _, writer = await asyncio.open_connection(sock=plain, ssl=client.tls, server_hostname=name)
        writer.write(request)
        await writer.drain()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # all of asyncio's have it
        return writer

    async def connect(self) -> None:
        """Dial, ask once, hang up."""

        async def once(client: Client) -> None:
            await client.ask("kv/range", key=self.key("nothing"), serializable=True)
            client.close()

        begun()
        await self.paced(once, workers=18)


def begun() -> None:
    sys.stdout.write("begun\n")
    sys.stdout.flush()


def _after(prefix: bytes) -> bytes:
    return prefix[:-1] + bytes([prefix[-1] + 1])


def _tls(spec: dict[str, Any]) -> ssl.SSLContext | None:
    if not spec.get("ca"):
        return None
    context = ssl.create_default_context(cafile=spec["ca"])
    context.load_cert_chain(spec["cert"], spec["key"])
    return context


async def _end_with_input() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        pass
    os._exit(0)


async def _main(spec: dict[str, Any]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_end_with_input())
        group.create_task(getattr(Clients(spec), spec["do"])())


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.stdin.readline())))
