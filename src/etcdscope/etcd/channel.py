"""One gRPC channel to one endpoint, made anew when certificates change or it went stale."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from etcdscope.etcd import tls
from etcdscope.etcd.endpoint import Endpoint
from etcdscope.etcd.failures import failure_of
from etcdscope.etcd.proto import Message, Method
from etcdscope.etcd.settings import Security
from etcdscope.model.reading import Failure

if TYPE_CHECKING:
    import grpc.aio

# gRPC's core writes failed handshakes to standard error; they come to us as errors.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# One answer. etcd bounds requests (1.5 MiB), not answers: a page of a few thousand large values.
MAX_ANSWER_BYTES = 64 << 20
# After a timeout the connection may be a dead one that TCP only slowly gives up: dial again, but
# not at every look, since a frozen etcd must accept all of them when it thaws.
STALE_AFTER_SECONDS = 2.0

Metadata = Sequence[tuple[str, str]]


def _options(deadline_seconds: float) -> list[tuple[str, Any]]:
    return [
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),  # else a new channel would get the old connection
        ("grpc.max_receive_message_length", MAX_ANSWER_BYTES),
        ("grpc.max_send_message_length", MAX_ANSWER_BYTES),
        # A refused port is asked again at once: a member that comes back is seen in half a second.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 250),
        # In spite of its name: how long one attempt to connect may take.
        ("grpc.min_reconnect_backoff_ms", int(max(1.0, deadline_seconds) * 1000)),
        # etcd closes connections that ping more often than --grpc-keepalive-min-time, 5 s.
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 3_000),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.service_config_disable_resolution", 1),  # no TXT look-ups
        ("grpc.enable_retries", 0),  # what failed is a reading
        # A name that did not resolve is asked again soon; gRPC's own pause is 30 s.
        ("grpc.dns_min_time_between_resolutions_ms", 250),
    ]


@dataclass(slots=True, eq=False)
class _Line:
    """One channel, how many calls are on it, and when something was last heard on it."""

    channel: "grpc.aio.Channel"
    stamp: tls.Stamp
    heard: float
    calls: int = 0
    retired: bool = False
    prepared: dict[Method, "grpc.aio.UnaryUnaryMultiCallable[Message, Message]"] = field(
        default_factory=dict
    )

    def unary(self, method: Method) -> "grpc.aio.UnaryUnaryMultiCallable[Message, Message]":
        """Return what makes a call, prepared once: some are made a million times a week."""
        if method not in self.prepared:
            self.prepared[method] = self.channel.unary_unary(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.answer.FromString,
            )
        return self.prepared[method]

    async def close_if_done(self) -> None:
        if self.retired and not self.calls:
            await self.channel.close(None)


class Channel:
    """Carries calls to one endpoint. Errors: EtcdError.

    A channel that is replaced ends when the last call on it does, so that a long stream lives on.
    """

    def __init__(self, endpoint: Endpoint, security: Security, deadline_seconds: float) -> None:
        self._endpoint = endpoint
        self._security = security
        self._options = _options(deadline_seconds)
        self._line: _Line | None = None
        self._opening = asyncio.Lock()

    async def unary(
        self, method: Method, request: Message, metadata: Metadata, deadline_seconds: float | None
    ) -> Message:
        """Make one call and return the message that answers it."""
        async with self._using() as line:
            answer = await line.unary(method)(
                request, timeout=deadline_seconds, metadata=tuple(metadata)
            )
            line.heard = time.monotonic()
            return answer

    async def stream(
        self, method: Method, requests: Sequence[Message], metadata: Metadata
    ) -> AsyncGenerator[Message, None]:
        """Send the requests, keep the sending side open, and yield what comes until it ends."""
        import grpc.aio  # noqa: PLC0415

        end = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs do not know it
        async with self._using() as line:
            open_stream: Any = line.channel.stream_stream(  # whose stubs want an iterator
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.answer.FromString,
            )
            call = open_stream(metadata=tuple(metadata))
            try:
                with contextlib.suppress(asyncio.InvalidStateError):  # it has ended; read says why
                    for request in requests:
                        await call.write(request)
                while (answer := await call.read()) is not end:
                    line.heard = time.monotonic()
                    yield answer
            finally:
                call.cancel()

    async def download(
        self, method: Method, request: Message, metadata: Metadata
    ) -> AsyncGenerator[Message, None]:
        """Send one request and yield the messages that answer it."""
        async with self._using() as line:
            call = line.channel.unary_stream(
                method.path,
                request_serializer=method.request.SerializeToString,
                response_deserializer=method.answer.FromString,
            )(request, metadata=tuple(metadata))
            try:
                async for answer in call:
                    line.heard = time.monotonic()
                    yield answer
            finally:
                call.cancel()

    async def aclose(self) -> None:
        """Close the connection and end all calls; a later call opens another."""
        line, self._line = self._line, None
        if line:
            await line.channel.close(None)

    async def renew(self) -> None:
        """Let the next call open a new connection, at once."""
        if line := self._line:
            self._retire(line)
            await line.close_if_done()

    @contextlib.asynccontextmanager
    async def _using(self) -> AsyncIterator[_Line]:
        import grpc.aio  # noqa: PLC0415  # 0.15 s, which the gateway and settings do without

        line = await self._open()
        line.calls += 1
        try:
            yield line
        except grpc.aio.AioRpcError as error:
            failed = failure_of(error, self._endpoint.address)
            if failed.failure is Failure.TIMEOUT:
                self._retire_if_stale(line)
            elif error.code() is not grpc.StatusCode.UNAVAILABLE:
                line.heard = time.monotonic()
            raise failed from None
        except asyncio.CancelledError:  # the caller's own deadline, as a rule
            self._retire_if_stale(line)
            raise
        finally:
            line.calls -= 1
            await line.close_if_done()

    def _retire_if_stale(self, line: _Line) -> None:
        if time.monotonic() - line.heard >= STALE_AFTER_SECONDS:
            self._retire(line)

    def _retire(self, line: _Line) -> None:
        line.retired = True
        if self._line is line:
            self._line = None

    async def _open(self) -> _Line:
        stamp = tls.stamp(self._security) if self._endpoint.tls else ()
        if self._line and stamp == self._line.stamp:
            return self._line
        async with self._opening:
            line = self._line
            if line and stamp == line.stamp:
                return line
            fresh = _Line(await self._make(), stamp, time.monotonic())
            await self.renew()
            self._line = fresh
            return fresh

    async def _make(self) -> "grpc.aio.Channel":
        import grpc.aio  # noqa: PLC0415

        target = self._endpoint.address
        if not self._endpoint.tls:
            return grpc.aio.insecure_channel(target, self._options)
        from etcdscope.etcd.credentials import channel_credentials  # noqa: PLC0415

        credentials, name = await channel_credentials(self._endpoint, self._security)
        named = [("grpc.ssl_target_name_override", name)] if name else []
        return grpc.aio.secure_channel(target, credentials, [*self._options, *named])
