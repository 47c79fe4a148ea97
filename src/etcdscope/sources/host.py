"""Looks at the host of a member: through ``/proc`` on this machine, else through node_exporter."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address

from etcdscope.etcd.endpoint import parse_endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.sources.exposition import MalformedError
from etcdscope.sources.looking import Looking
from etcdscope.sources.node_exporter import Exporter
from etcdscope.sources.pages import Pages
from etcdscope.sources.procfs.here import Here
from etcdscope.sources.procfs.sockets import Address, plain
from etcdscope.threads import in_thread

# Names seldom lead elsewhere; a resolver that hangs is asked again after that.
RESOLVED_FOR = 60.0
RESOLVES_WITHIN = 1.0
Names = Callable[[str], Sequence[str]]


class HostSource:
    """Looks at the host of one member.

    ``exporters``: URLs of node_exporters by whom they stand for: a member's name or id, or the
    host of its endpoint. ``names``: all that the member behind an endpoint goes by.
    Gives:   a Reading; an empty one where the host is neither this machine nor has an exporter.
    Errors:  none leave. What may not be read here is itself an observation.
    """

    name = "host"
    pace = Pace(cadence=5.0, patience=3.0, zoomed=1.0)

    def __init__(
        self, http: Pages, exporters: Mapping[str, str], names: Names, here: Here | None = None
    ) -> None:
        self._exporters = {name: Exporter(http, url) for name, url in exporters.items()}
        self._names = names
        self._here = here or Here()
        self._looks: dict[str, asyncio.Future[tuple[Observation, ...] | None]] = {}
        self._resolved: dict[str, tuple[float, tuple[Address, ...]]] = {}

    async def read(self, endpoint: str, at: float) -> Reading:
        """Look once."""
        looking = Looking(self.name, endpoint, at)
        if (before := self._looks.get(endpoint)) and not before.done():
            return looking.blind(Failure.TIMEOUT, "this machine's own files do not answer.")
        seen = await self._look(endpoint, at)
        if seen is not None:
            return looking.gave(seen)
        exporter = self._exporter(endpoint)
        if exporter is None:
            return looking.gave(())
        try:
            return looking.gave(await exporter.read())
        except EtcdError as error:
            return looking.failed(error)
        except MalformedError as error:
            return looking.blind(
                Failure.NOT_ETCD, f"{exporter.url} is no node_exporter's: {error}."
            )

    def _exporter(self, endpoint: str) -> Exporter | None:
        names = (*self._names(endpoint), parse_endpoint(endpoint).host, endpoint)
        return next((self._exporters[name] for name in names if name in self._exporters), None)

    async def _look(self, endpoint: str, at: float) -> tuple[Observation, ...] | None:
        target = parse_endpoint(endpoint)
        addresses = await self._addresses(target.host, at)
        look = in_thread(lambda: self._here.look(addresses, target.port, at))
        self._looks[endpoint] = look
        return await asyncio.shield(look)  # a thread that hangs is known by it at the next look

    async def _addresses(self, host: str, at: float) -> tuple[Address, ...]:
        with suppress(ValueError):
            return (plain(ip_address(host)),)
        since, known = self._resolved.get(host, (at - RESOLVED_FOR, ()))
        if at - since >= RESOLVED_FOR:
            self._resolved[host] = (at, known := await _resolve(host))
        return known


async def _resolve(host: str) -> tuple[Address, ...]:
    loop = asyncio.get_running_loop()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(RESOLVES_WITHIN):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            return tuple(dict.fromkeys(plain(ip_address(to[0])) for *_, to in found))
    return ()
