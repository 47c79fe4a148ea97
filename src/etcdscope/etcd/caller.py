"""Carries a call to one endpoint: over gRPC, or the JSON gateway where gRPC is blocked."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from etcdscope.etcd.channel import Channel
from etcdscope.etcd.endpoint import Endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.failures import told
from etcdscope.etcd.gateway import Gateway
from etcdscope.etcd.proto import Message, Method, method
from etcdscope.etcd.settings import Security
from etcdscope.etcd.triage import second_opinion
from etcdscope.model.reading import Failure

# How long the gateway is used before gRPC is tried again.
GATEWAY_SECONDS = 300.0
# What gRPC says when it cannot tell, or when something between us and etcd speaks HTTP/1.1 only.
_UNSURE = {
    Failure.CLOSED,
    Failure.NOT_ETCD,
    Failure.TLS_EXPIRED,  # gRPC does not say whose, and cannot skip it
    Failure.TLS_MISMATCH,
    Failure.TLS_REJECTED,
    Failure.TLS_UNTRUSTED,
}
# What may be asked twice: an error may come after the deed.
_REPEATABLE = {
    "AuthStatus",
    "Authenticate",
    "HashKV",
    "LeaseLeases",
    "LeaseTimeToLive",
    "MemberList",
    "Range",
    "Status",
}


class Caller:
    """Makes calls with a token where there is a user. Errors: EtcdError."""

    def __init__(self, endpoint: Endpoint, security: Security, deadline_seconds: float) -> None:
        self._endpoint = endpoint
        self._security = security
        self._deadline = deadline_seconds
        self._channel = Channel(endpoint, security, deadline_seconds)
        self._gateway = Gateway(endpoint, security)
        self._gateway_until = 0.0
        self._settled = False
        self._token = ""
        self._authenticating = asyncio.Lock()

    @property
    def transport(self) -> str:
        """Return ``grpc`` or ``gateway``."""
        return "gateway" if time.monotonic() < self._gateway_until else "grpc"

    async def aclose(self) -> None:
        """Close both transports."""
        await self._channel.aclose()
        await self._gateway.aclose()

    async def unary(self, service: str, name: str, **fields: object) -> Message:
        """Make a call that carries our deadline."""
        return await self._call(service, name, self._deadline, fields)

    async def lasting(self, service: str, name: str, **fields: object) -> Message:
        """Make a call that may last as long as the caller lets it."""
        return await self._call(service, name, None, fields)

    async def unparsed(self, service: str, name: str, **fields: object) -> bytes:
        """Make a call that carries our deadline, and return its answer as it came."""
        wanted = method(service, name)
        request = wanted.request(**fields)
        raw = replace(wanted, answer=_Unparsed(wanted.answer))

        async def attempt() -> Message:
            return await self._carry(raw, request, self._deadline)

        answer = await self._as_user(attempt)
        # The JSON gateway's answer had to be parsed.
        return answer if isinstance(answer, bytes) else bytes(answer.SerializeToString())

    async def stream(
        self, service: str, name: str, **fields: object
    ) -> AsyncGenerator[Message, None]:
        """Send one request on a two-way stream and yield what comes."""
        wanted = method(service, name)
        await self._settle_on_grpc(wanted)
        await self._ensure_token()
        request = wanted.request(**fields)
        async with aclosing(self._channel.stream(wanted, [request], self._metadata())) as found:
            async for answer in found:
                yield answer

    async def download(self, service: str, name: str) -> AsyncGenerator[Message, None]:
        """Yield the messages that answer an empty request."""
        wanted = method(service, name)
        await self._settle_on_grpc(wanted)
        await self._ensure_token()
        found = self._channel.download(wanted, wanted.request(), self._metadata())
        async with aclosing(found) as answers:
            async for answer in answers:
                yield answer

    async def _settle_on_grpc(self, wanted: Method) -> None:
        await self._settle()
        if self.transport != "grpc":
            why = f"{wanted.name} is a stream, and only the JSON gateway is open"
            raise told(Failure.UNSUPPORTED, self._endpoint.address, why)

    async def _settle(self) -> None:
        """Find out which way is open with a call that may be repeated."""
        if not self._settled:
            status = method("Maintenance", "Status")
            await self._carry(status, status.request(), self._deadline)

    async def _call(
        self, service: str, name: str, deadline: float | None, fields: dict[str, object]
    ) -> Message:
        wanted = method(service, name)
        request = wanted.request(**fields)

        async def attempt() -> Message:
            return await self._carry(wanted, request, deadline)

        return await self._as_user(attempt)

    async def _carry(self, wanted: Method, request: Message, deadline: float | None) -> Message:
        repeatable = wanted.name in _REPEATABLE
        if not repeatable:
            await self._settle()
        if self.transport == "gateway":
            return await self._through_gateway(wanted, request, deadline)
        try:
            return await self._through_grpc(wanted, request, deadline)
        except EtcdError as error:
            if error.failure not in _UNSURE:
                raise
            first = error
        # gRPC's words do not tell an HTTP/1.1-only proxy from a wrong scheme or a web server.
        async with _deadline(deadline, self._endpoint):
            if (why := await second_opinion(self._endpoint, self._security)) is not None:
                raise why
        if not repeatable:  # it may have been done
            raise first
        return await self._find_a_way(wanted, request, deadline)

    async def _find_a_way(
        self, wanted: Method, request: Message, deadline: float | None
    ) -> Message:
        """An etcd is there: it may have just come back, or gRPC cannot pass what lies between."""
        await self._channel.renew()
        try:
            return await self._through_grpc(wanted, request, deadline)
        except EtcdError as error:
            if error.failure not in _UNSURE:
                raise
            second = error
        try:
            answer = await self._through_gateway(wanted, request, deadline)
        except EtcdError as error:
            raise (error if error.code else second) from None
        self._gateway_until = time.monotonic() + GATEWAY_SECONDS
        return answer

    async def _through_grpc(
        self, wanted: Method, request: Message, deadline: float | None
    ) -> Message:
        answer = await self._channel.unary(wanted, request, self._metadata(), deadline)
        self._settled = True
        return answer

    async def _through_gateway(
        self, wanted: Method, request: Message, deadline: float | None
    ) -> Message:
        async with _deadline(deadline, self._endpoint):
            answer = await self._gateway.unary(wanted, request, self._token)
        self._settled = True
        return answer

    # ---- the user

    async def _as_user(self, attempt: Callable[[], Awaitable[Message]]) -> Message:
        if not self._security.user:
            return await attempt()
        await self._ensure_token()
        used = self._token
        try:
            return await attempt()
        except EtcdError as error:
            # Tokens end with their time to live, and with a restart of etcd.
            if not _token_is_old(error):
                raise
        await self._ensure_token(other_than=used)
        return await attempt()

    async def _ensure_token(self, other_than: str = "") -> None:
        if not self._security.user or (self._token and self._token != other_than):
            return
        async with self._authenticating:
            if self._token and self._token != other_than:
                return
            self._token = ""
            self._token = await self._authenticate()

    async def _authenticate(self) -> str:
        wanted = method("Auth", "Authenticate")
        request = wanted.request(name=self._security.user, password=self._security.password)
        try:
            answer = await self._carry(wanted, request, self._deadline)
        except EtcdError as error:
            if "authentication is not enabled" in error.code:  # then nobody asks for a token
                return ""
            raise
        return str(answer.token)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("token", self._token),) if self._token else ()


class _Unparsed:
    """Stands for the class of a message that is not to be parsed."""

    FromString = staticmethod(bytes)

    def __init__(self, made: Message) -> None:
        self._made = made

    def __call__(self) -> Message:
        return self._made()


def _token_is_old(error: EtcdError) -> bool:
    return any(
        words in error.code
        for words in ("invalid auth token", "revision of auth store is old", "user name is empty")
    )


@asynccontextmanager
async def _deadline(seconds: float | None, endpoint: Endpoint) -> AsyncIterator[None]:
    """What gRPC does with its deadline, for what is not gRPC."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise told(Failure.TIMEOUT, endpoint.address) from None
