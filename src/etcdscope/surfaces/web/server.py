"""The agent's HTTP server: it tells, and takes logs; closed to strangers."""

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler, Middleware

from etcdscope.model.incident import Effect
from etcdscope.surfaces.view.chronicle import Chronicle
from etcdscope.surfaces.view.cluster import Glance
from etcdscope.surfaces.view.watched import Take, Watched
from etcdscope.surfaces.web import assets
from etcdscope.surfaces.web.answers import NOTHING, SAFE, error
from etcdscope.surfaces.web.api import Api
from etcdscope.surfaces.web.events import Hub
from etcdscope.surfaces.web.exposition import exposition
from etcdscope.surfaces.web.routes import BASE, Glances

# Without any look for this long the agent is not well; the slowest judgement is every 250 ms.
STALE_SECONDS: Final = 10.0
# Of one request with lines of a log.
MOST_BYTES: Final = 1024 * 1024
# A page in a browser cannot send these to us without asking first, and is refused then.
_LINES: Final = frozenset({"application/x-ndjson", "application/json"})


# A cluster's key, and what followed from one judgement of it.
Tell = Callable[[str, Sequence[Effect]], None]


def _is_ours(record: logging.LogRecord) -> bool:
    """Return whether an error is ours; what is no HTTP is answered with 400, and no trouble."""
    failure = record.exc_info[1] if record.exc_info else None
    return not isinstance(failure, HttpProcessingError)


log = logging.getLogger(__name__)
log.addFilter(_is_ours)


class ListenError(Exception):
    """The agent cannot listen there. The message says what to write instead."""


@asynccontextmanager
async def serving(
    listen: str, token: str, watched: Sequence[Watched], now: Callable[[], float]
) -> AsyncIterator[tuple[str, Tell]]:
    """Serve until the block ends; gives the URL, and what is to be told of each judgement.

    ``listen``: host:port. Away from loopback a token is needed, for all that holds data.
    Errors: ListenError.
    """
    host, port = _address(listen)
    if not token and not _is_loopback(host):
        raise ListenError(
            f"--listen {listen} is open to other machines: give --token-file, or ETCDSCOPE_TOKEN,"
            " with a secret that clients send as 'Authorization: Bearer …', or listen on 127.0.0.1."
        )
    glances = {one.key: Glance(one) for one in watched}
    chronicles = {one.key: Chronicle(one) for one in watched}
    hub = Hub(glances, now)

    def tell(key: str, effects: Sequence[Effect]) -> None:
        if effects:
            chronicles[key].tell(effects)
            hub.tell(key, effects)

    app = web.Application(middlewares=[_guard(token)], client_max_size=MOST_BYTES)
    app.on_response_prepare.append(_harmless)
    app.add_routes(_routes(glances, chronicles, hub, now))
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=1.0, logger=log
    )
    await runner.setup()
    showing = asyncio.create_task(hub.run())
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as failure:
            why = (failure.strerror or str(failure)).rpartition(": ")[2].lower()
            raise ListenError(f"--listen {listen} cannot be used: {why}.") from failure
        yield _url(*runner.addresses[0][:2]), tell
    finally:
        hub.close()
        showing.cancel()
        with suppress(asyncio.CancelledError):
            await showing
        await runner.cleanup()


def _routes(
    glances: Glances, chronicles: Mapping[str, Chronicle], hub: Hub, now: Callable[[], float]
) -> list[web.RouteDef]:
    api = Api(glances, chronicles, hub, now)
    page = assets.read()
    return [
        web.get("/", assets.shell(page)),
        web.get("/assets/{path:.+}", assets.part(page)),
        web.get("/healthz", _healthz(glances, now)),
        web.get("/metrics", _metrics(glances)),
        *(web.get(BASE + route.pattern, route.handler()) for route in api.routes),
        web.post(f"{BASE}/logs/{{member}}", _logs(glances)),
        web.post(f"{BASE}/clusters/{{cluster}}/logs/{{member}}", _logs(glances)),
    ]


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
        if stranger := _turned_away(request, token):
            return stranger
        try:
            return await handler(request)
        except web.HTTPException as failure:
            if not request.path.startswith(BASE) or failure.status < 400:
                raise
            answer = error(failure.status, _WHY.get(failure.status, failure.reason))
            answer.headers.update({k: v for k, v in failure.headers.items() if k == "Allow"})
            return answer

    return guard


_WHY: Final = {
    404: "There is no such question; GET /api/v1/openapi.json describes those that there are.",
    405: "This can only be asked for.",
    413: f"That is more than {MOST_BYTES} bytes; send less at a time.",
}


async def _harmless(_: web.Request, answer: web.StreamResponse) -> None:
    """Put the headers that keep browsers from harm on whatever is answered."""
    for name, value in {**NOTHING, **SAFE}.items():
        answer.headers.setdefault(name, value)


def _turned_away(request: web.Request, token: str) -> web.Response | None:
    """Return the answer to a stranger, None for who may ask."""
    if not token:
        # Some page whose name was made to lead here must not read what only this machine may.
        if _is_loopback(_named(request.host)):
            return None
        why = f"ask for this agent by a loopback address, not as {request.host[:100]!r}"
        return error(403, f"{why}; or give it a token.")
    if request.path in _OPEN or request.path.startswith("/assets/"):
        return None
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    # What is no UTF-8 comes as surrogates, and is no token either.
    if hmac.compare_digest(given.encode(errors="surrogateescape"), token.encode()):
        return None
    answer = error(401, "send the agent's token as 'Authorization: Bearer …'")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


# The page is a shell that holds no data; it asks for the token itself.
_OPEN: Final = frozenset({"/", "/healthz"})


def _named(host: str) -> str:
    """Return a Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _healthz(glances: Glances, now: Callable[[], float]) -> Handler:
    async def healthz(_: web.Request) -> web.Response:
        # One cluster that is not judged is its own trouble; none at all is ours.
        judged = max((g.watched.state().window.now for g in glances.values()), default=0.0)
        age = now() - judged
        well = age < STALE_SECONDS
        stale = f"nothing was judged for {age:.0f} s\n" if judged else "nothing was judged yet\n"
        return web.Response(text="ok\n" if well else stale, status=200 if well else 503)

    return healthz


def _metrics(glances: Glances) -> Handler:
    async def metrics(_: web.Request) -> web.Response:
        text = exposition([glance.watched.state() for glance in glances.values()])
        return web.Response(
            text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    return metrics


def _taker(glances: Glances, key: str) -> Take | None:
    """Return who takes logs for that cluster; without a key, for the only one."""
    only = next(iter(glances)) if len(glances) == 1 else ""
    found = glances.get(key or only)
    return found.watched.take if found else None


def _logs(glances: Glances) -> Handler:
    async def logs(request: web.Request) -> web.Response:
        """Take lines of one member's log: as they are, one a line."""
        if request.content_type not in _LINES:
            return error(415, "send lines as Content-Type: application/x-ndjson")
        take = _taker(glances, request.match_info.get("cluster", ""))
        taken = take(request.match_info["member"], await request.read()) if take else None
        if taken is None:
            return error(
                409, "this log is read elsewhere, there are too many, or that is no member's name"
            )
        return web.json_response({"taken": taken}, status=202)

    return logs
