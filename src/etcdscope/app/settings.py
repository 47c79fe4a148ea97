"""What the user asked for, as the parts are given it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from etcdscope.etcd.settings import Access
from etcdscope.model.finding import Limits

if TYPE_CHECKING:
    from etcdscope.sinks.alertmanager import AlertmanagerSettings
    from etcdscope.sinks.webhook import WebhookSettings
    from etcdscope.sources.kubernetes.kubeconfig import KubernetesSettings
    from etcdscope.sources.logs.opened import LogSettings


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the user asked for. ``data_dir``: where history and queues are kept, if they are.

    ``node_exporters``: URLs by the name of the member whose host they tell of. ``name`` and
    ``labels``: what the user calls the cluster. ``also``: further clusters that the same agent
    watches; of their settings those count that are of a cluster.
    """

    access: Access
    limits: Mapping[str, Limits] = field(default_factory=dict)
    data_dir: Path | None = None
    record: Path | None = None
    listen: str = "127.0.0.1:2390"
    token: str = field(default="", repr=False)
    alertmanager: "AlertmanagerSettings | None" = None
    webhooks: tuple["WebhookSettings", ...] = ()
    logs: tuple["LogSettings", ...] = ()
    node_exporters: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    kubernetes: "KubernetesSettings | None" = None
    backups: tuple[Path, ...] = ()
    registry: bool = True  # whether the agent counts the keys of a Kubernetes cluster
    also: tuple["Settings", ...] = ()

    @property
    def clusters(self) -> tuple["Settings", ...]:
        """Return the settings of every cluster that is watched."""
        return (self, *self.also)
