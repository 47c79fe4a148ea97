"""The agent's HTTP server: it tells, and takes logs; closed to strangers."""

import hmac
import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from etcdscope.diagnose.step import State
from etcdscope.model import contract
from etcdscope.surfaces.web.exposition import exposition

View = Callable[[], State]
# Takes lines of a member's log; how many, None where it cannot.
Take = Callable[[str, bytes], int | None]

# Without any look for this long the agent is not well; the slowest judgement is every 250 ms.
STALE_SECONDS = 10.0
# Of one request with lines of a log.
MOST_BYTES = 1024 * 1024
# A page in a browser cannot send these to us without asking first, and is refused then.
_LINES = frozenset({"application/x-ndjson", "application/json"})
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'",
    "Cache-Control": "no-store",
}


class ListenError(Exception):
    """The agent cannot listen there. The message says what to write instead."""


@asynccontextmanager
async def serving(
    listen: str, token: str, view: View, now: Callable[[], float], take: Take | None = None
) -> AsyncIterator[str]:
    """Serve until the block ends; gives the URL.

    ``listen``: host:port. Away from loopback a token is needed, for everything but ``/healthz``.
    Errors: ListenError.
    """
    host, port = _address(listen)
    if not token and not _is_loopback(host):
        raise ListenError(
            f"--listen {listen} is open to other machines: give --token-file, or ETCDSCOPE_TOKEN,"
            " with a secret that clients send as 'Authorization: Bearer …', or listen on 127.0.0.1."
        )
    app = web.Application(middlewares=[_guard(token)], client_max_size=MOST_BYTES)
    app.add_routes(
        [
            web.get("/healthz", _healthz(view, now)),
            web.get("/metrics", _metrics(view)),
            web.get("/api/v1/check", _check(view, now)),
            *([web.post("/api/v1/logs/{member}", _logs(take))] if take else []),
        ]
    )
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            why = (error.strerror or str(error)).rpartition(": ")[2].lower()
            raise ListenError(f"--listen {listen} cannot be used: {why}.") from error
        yield _url(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not port.isascii() or not port.isdecimal() or not 0 <= int(port) < 65536:
        raise ListenError(f"--listen {listen} is no address; write host:port, e.g. 127.0.0.1:2390.")
    return host.strip("[]"), int(port)


def _url(host: str, port: int) -> str:
    """Return where it listens; of port 0 the system makes one that is free."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guard(token: str) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token and request.path != "/healthz":
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            # What is no UTF-8 comes as surrogates, and is no token either.
            shown = given.encode(errors="surrogateescape")
            if not hmac.compare_digest(shown, token.encode()):
                answer: web.StreamResponse = web.json_response(
                    {"error": "send the agent's token as 'Authorization: Bearer …'"}, status=401
                )
                answer.headers.update({**_HEADERS, "WWW-Authenticate": "Bearer"})
                return answer
        try:
            answer = await handler(request)
        except web.HTTPException as error:
            error.headers.update(_HEADERS)
            raise
        answer.headers.update(_HEADERS)
        return answer

    return guard


def _healthz(view: View, now: Callable[[], float]) -> Handler:
    async def healthz(_: web.Request) -> web.Response:
        judged = view().window.now
        age = now() - judged
        well = age < STALE_SECONDS
        stale = f"nothing was judged for {age:.0f} s\n" if judged else "nothing was judged yet\n"
        text = "ok\n" if well else stale
        return web.Response(text=text, status=200 if well else 503)

    return healthz


def _metrics(view: View) -> Handler:
    async def metrics(_: web.Request) -> web.Response:
        text = exposition(view())
        return web.Response(
            text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    return metrics


def _check(view: View, now: Callable[[], float]) -> Handler:
    async def check(_: web.Request) -> web.Response:
        state = view()
        if state.verdict is None:
            return web.json_response({"error": "nothing was judged yet"}, status=503)
        body = contract.check_object(
            state.verdict, state.incidents, state.judged.blind_spots, now()
        )
        return web.Response(body=body, content_type="application/json")

    return check


def _logs(take: Take) -> Handler:
    async def logs(request: web.Request) -> web.Response:
        """Take lines of one member's log: as they are, one a line."""
        if request.content_type not in _LINES:
            error = "send lines as Content-Type: application/x-ndjson"
            return web.json_response({"error": error}, status=415)
        taken = take(request.match_info["member"], await request.read())
        if taken is None:
            error = "this log is read elsewhere, there are too many, or that is no member's name"
            return web.json_response({"error": error}, status=409)
        return web.json_response({"taken": taken}, status=202)

    return logs
