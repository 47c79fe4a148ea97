"""What is looked at beside etcd's own endpoints: logs, backups, and the keys once an hour."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from etcdscope.app.settings import Settings
from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.settings import Security
from etcdscope.model.ports import Clock, Source
from etcdscope.model.window import Window
from etcdscope.store.censuses import Censuses

if TYPE_CHECKING:
    from etcdscope.model.memory import Memory
    from etcdscope.sources.logs.opened import Logs
    from etcdscope.sources.registry.source import RegistrySource


def backups_of(settings: Settings) -> Mapping[str, Source]:
    """Return what looks at the backups' files, where the user named any."""
    if not settings.backups:
        return {}
    from etcdscope.model.signal_kubernetes import BACKUPS
    from etcdscope.sources.backups import BackupsSource

    return {BACKUPS: BackupsSource(settings.backups)}


def read_logs(settings: Settings, window: Callable[[], Window]) -> "Logs":
    """Return what reads the logs that the user named, and those that are handed in."""
    from etcdscope.sources.logs.opened import Logs

    def identify(named: str) -> str:
        return next((m.id for m in window().members if named in (m.id, m.name)), "")

    return Logs(settings.logs, identify)


async def count_keys(
    clock: Clock, censuses: Censuses, memory: "Memory | None", security: Security
) -> "RegistrySource":
    """Return what counts the keys, with what it counted before."""
    from etcdscope.sources.registry.source import PATIENCE_OF_A_PAGE, RegistrySource

    def opens(endpoint: str) -> EtcdClient:
        return EtcdClient(endpoint, security, deadline_seconds=PATIENCE_OF_A_PAGE)

    return RegistrySource(opens, clock, await censuses.recall(memory.home if memory else ""))
