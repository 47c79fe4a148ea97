"""How etcd is reached: as the user said, and what was left open as DNS or Kubernetes says."""

import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from etcdscope.app.settings import Settings
from etcdscope.etcd.settings import Access
from etcdscope.model.ports import Clock

if TYPE_CHECKING:
    from etcdscope.sources.kubernetes.discovery import Found
    from etcdscope.sources.kubernetes.opened import Kubernetes

log = logging.getLogger(__name__)


async def open_kubernetes(
    settings: Settings, clock: Clock, stack: AsyncExitStack
) -> "Kubernetes | None":
    """Open what asks the Kubernetes that the user named, if any."""
    if settings.kubernetes is None:
        return None
    from etcdscope.sources.kubernetes.opened import Kubernetes

    return await stack.enter_async_context(Kubernetes(settings.kubernetes, clock.now))


async def access_to(
    settings: Settings, kubernetes: "Kubernetes | None", known: tuple[str, ...]
) -> tuple[Access, "Found | None"]:
    """Return how to reach etcd: as the user said, and what was left open as Kubernetes says.

    Where its API does not answer, etcd may be the reason: it is looked at where it was before.
    """
    said = settings.access
    if kubernetes is None or said.endpoints:
        return said, None
    from etcdscope.sources.kubernetes.errors import KubernetesError

    try:
        found = await kubernetes.find()
    except KubernetesError as error:
        if not known:
            raise
        log.warning("%s Until then etcd is looked at where it was: %s", error, ", ".join(known))
        return replace(said, endpoints=known), None
    for notice in found.notices:
        log.warning("%s", notice)
    own = bool(said.security.files)
    security = said.security if own or not found.security else found.security
    return replace(said, endpoints=found.endpoints, security=security), found


async def endpoints_of(access: Access) -> tuple[str, ...]:
    """Return the endpoints to begin with."""
    if not access.discovery_srv:
        return access.endpoints
    from etcdscope.etcd.discovery import endpoints

    return await endpoints(access)
