"""Small servers on loopback, each wrong in its own way; and a gRPC server that answers as told."""

import asyncio
import contextlib
import functools
import gzip
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

import grpc.aio

from etcdscope.etcd.proto import Message, method

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

GARBAGE_BYTES = 200_000_000


@contextlib.asynccontextmanager
async def serving(
    talk: Talk, context: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port."""
    talks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            await talk(reader, writer)
        writer.transport.abort()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(one(reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)
        # Not at the end of the talk alone: one that is cancelled before it began has none.
        task.add_done_callback(lambda _: writer.transport.abort())

    server = await asyncio.start_server(begin, "127.0.0.1", port, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@contextlib.asynccontextmanager
async def counting(port: int) -> AsyncIterator[tuple[int, Callable[[], int]]]:
    """Pass on all that comes to another port; gives its own, and how many hold a connection now."""
    held = 0

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal held
        there, back = await asyncio.open_connection("127.0.0.1", port)
        held += 1
        try:
            ways = [asyncio.create_task(carry(*way)) for way in ((reader, back), (there, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        finally:
            held -= 1
            back.transport.abort()

    async with serving(talk) as own:
        yield own, lambda: held


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept and say nothing."""
    await asyncio.sleep(60)


async def close_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept and hang up."""


async def reset_after_hearing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Listen a little, then send a TCP reset."""
    await reader.read(10)
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


async def html(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as a web server does."""
    await reader.readuntil(b"\r\n\r\n")
    await _answer(writer, b"<html>hello</html>", "text/html")


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pour out noise as long as anyone listens."""
    await _pour(writer, os.urandom(1 << 16))


async def endless_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin a right answer and never come to its end."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    await _pour(writer, b"x" * (1 << 16))


async def bomb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer with 200 kB of gzip that are 200 MB of zeros."""
    await reader.readuntil(b"\r\n\r\n")
    await _answer(writer, _bomb(), "text/plain", "Content-Encoding: gzip\r\n")


@contextlib.contextmanager
def turning_away(context: ssl.SSLContext) -> Iterator[int]:
    """Shake hands as blocking servers do, who say why they hang up; asyncio's only hang up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(100)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = listener.accept()[0]
                connection.settimeout(5)
                one(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(6)


def saying(answer: bytes) -> Talk:
    """Give whoever asks these bytes."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return say


async def _answer(
    writer: asyncio.StreamWriter, body: bytes, content_type: str, more: str = ""
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{more}Content-Length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)
    await writer.drain()


async def _pour(writer: asyncio.StreamWriter, piece: bytes) -> None:
    for _ in range(GARBAGE_BYTES // len(piece)):
        writer.write(piece)
        await writer.drain()


@functools.cache
def _bomb() -> bytes:
    return gzip.compress(bytes(GARBAGE_BYTES), compresslevel=1)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


Answer = Callable[[Message, grpc.aio.ServicerContext[Message, Message]], Awaitable[Message]]


@contextlib.asynccontextmanager
async def grpc_server(
    answers: Mapping[tuple[str, str], Answer],
    port: int = 0,
    credentials: grpc.ServerCredentials | None = None,
) -> AsyncIterator[int]:
    """Serve these unary calls as etcd would; gives the port."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    for (service, name), answer in answers.items():
        rpc = method(service, name)
        handler = grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=rpc.request.FromString,
            response_serializer=_serialized,
        )
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(f"etcdserverpb.{service}", {name: handler}),)
        )
    where = f"127.0.0.1:{port}"
    if credentials:
        port = server.add_secure_port(where, credentials)
    else:
        port = server.add_insecure_port(where)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def _serialized(answer: Message) -> bytes:
    """Return a message's bytes; what is bytes already goes out as it is, however wrong."""
    return answer if isinstance(answer, bytes) else bytes(answer.SerializeToString())


def status_answer(version: str = "3.5.30", **fields: object) -> Answer:
    """Answer Status with these fields."""

    async def answer(_: Message, __: object) -> Message:
        return method("Maintenance", "Status").answer(version=version, **fields)

    return answer
