"""Flags and ``--config`` → the app's settings."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from etcdscope.cli.access import Cluster, access_of
from etcdscope.etcd.errors import SettingsError

if TYPE_CHECKING:
    from etcdscope.app import Settings
    from etcdscope.cli.configuration import Configuration, FiledAgent
    from etcdscope.model.finding import Limits
    from etcdscope.sinks.alertmanager import AlertmanagerSettings
    from etcdscope.sinks.http import Receiver, Secret
    from etcdscope.sinks.webhook import WebhookSettings
    from etcdscope.sources.kubernetes.kubeconfig import KubernetesSettings
    from etcdscope.sources.logs.opened import LogSettings

_SIGNING = "ETCDSCOPE_WEBHOOK_SECRET"


def settings_of(
    cluster: Cluster,
    *,
    data_dir: Path | None = None,
    record: Path | None = None,
    listen: str | None = None,
    token_file: Path | None = None,
    alertmanager: Sequence[str] = (),
    webhook: Sequence[str] = (),
    log: Sequence[str] | None = None,
    registry: bool | None = None,
    agent: bool = False,
    fleet: bool = False,
) -> "tuple[Settings, tuple[str, ...]]":
    """Return the settings and what to notice about them; ``agent``: the file's [agent] counts.

    ``fleet``: all clusters of the file may be watched at once.
    """
    filed = _read(cluster.config)
    notices: tuple[str, ...] = ()
    if fleet and filed and len(names := filed.names(cluster.cluster)) > 1:
        _one_at_most(cluster, log, record)
        first, *others = (_filed(filed, name) for name in names)
        settings = replace(first, also=tuple(others))
    else:
        settings, notices = _only(cluster, filed, log)
    settings = replace(settings, data_dir=data_dir, record=record)
    if agent:
        settings = _agent(settings, filed, data_dir, listen, token_file, alertmanager, webhook)
        counted = filed.agent.registry if filed and registry is None else registry is not False
        settings = replace(settings, registry=counted)
    return settings, notices


def _only(
    cluster: Cluster, filed: "Configuration | None", log: Sequence[str] | None
) -> "tuple[Settings, tuple[str, ...]]":
    """Return the settings of the one cluster that is meant: of flags, file and variables."""
    from etcdscope.app import Settings

    access, notices = access_of(cluster, filed)
    one = filed.one(cluster.cluster) if filed else None
    names = filed.names(cluster.cluster) if filed else ()
    kubernetes = _kubernetes(cluster, filed)
    if kubernetes and not _named(cluster, filed):
        access = replace(access, endpoints=())  # Kubernetes knows them
    settings = Settings(
        access=access,
        kubernetes=kubernetes,
        backups=_backups(cluster, filed),
        limits=_limits(filed),
        logs=_logs(log or (), one.logs if one else {}),
        node_exporters=_node_exporters(cluster, filed),
        name=names[0] if names else "",
        labels=one.labels if one else {},
    )
    return settings, notices


def _agent(
    settings: "Settings",
    filed: "Configuration | None",
    data_dir: Path | None,
    listen: str | None,
    token_file: Path | None,
    alertmanager: Sequence[str],
    webhook: Sequence[str],
) -> "Settings":
    """Return the settings with those of the agent: of the flags, else of the file."""
    own = filed.agent if filed else None
    return replace(
        settings,
        data_dir=data_dir or _filed_path(own) or _state_directory(),
        listen=listen or (own and own.listen) or settings.listen,
        token=_token(token_file, own),
        alertmanager=_alertmanager([*alertmanager, *(own.alertmanager if own else ())]),
        webhooks=_webhooks([*webhook, *(own.webhook if own else ())], own),
    )


def _one_at_most(cluster: Cluster, log: Sequence[str] | None, record: Path | None) -> None:
    """Refuse flags that speak of one cluster where several are watched."""
    said = [f"--{name}" for name in cluster.flags()]
    said += ["--log"] * bool(log) + ["--record"] * bool(record)
    said += ["--node-exporter"] * bool(cluster.node_exporter)
    said += ["--kubernetes"] * bool(_kubernetes(cluster, None)) + ["--backup"] * bool(
        cluster.backup
    )
    if said:
        raise SettingsError(
            f"{said[0]} speaks of one cluster, and the file has several: give --cluster NAME too,"
            " or write it into the file."
        )


def _filed(filed: "Configuration", name: str) -> "Settings":
    """Return the settings of one of several clusters: of the file alone.

    A variable of etcdctl's means one cluster; a password in it is not for all of them.
    """
    from etcdscope.app import Settings
    from etcdscope.etcd.settings import access_from

    one, meant = filed.clusters[name], Cluster(config=None, cluster=name)
    kubernetes, said = _kubernetes(meant, filed), bool(one.endpoints or one.discovery_srv)
    if not said and not kubernetes:
        raise SettingsError(
            f"--config: clusters.{name}: give endpoints, discovery-srv, or kubernetes = true."
        )
    try:
        access, _ = access_from(one.flags(), {})
    except SettingsError as error:
        raise SettingsError(f"--config: clusters.{name}: {error}") from None
    return Settings(
        access=access if said else replace(access, endpoints=()),
        kubernetes=kubernetes,
        backups=_backups(meant, filed),
        limits=_limits(filed),
        logs=_logs((), one.logs),
        node_exporters=_node_exporters(meant, filed),
        name=name,
        labels=one.labels,
    )


def _kubernetes(cluster: Cluster, filed: "Configuration | None") -> "KubernetesSettings | None":
    """Return which Kubernetes is meant, None where none is; a flag wins over the file."""
    file = filed.one(cluster.cluster) if filed else None
    wanted = cluster.kubernetes or cluster.in_cluster or cluster.kubeconfig or cluster.context
    filed_wanted = file and (file.kubernetes or file.in_cluster or file.kubeconfig or file.context)
    if not wanted and not filed_wanted:
        return None
    from etcdscope.sources.kubernetes.kubeconfig import KubernetesSettings

    path = cluster.kubeconfig or (Path(file.kubeconfig) if file and file.kubeconfig else None)
    return KubernetesSettings(
        kubeconfig=path.expanduser() if path else None,
        context=cluster.context or (file.context if file else ""),
        in_cluster=bool(cluster.in_cluster or (file and file.in_cluster)),
    )


def _named(cluster: Cluster, filed: "Configuration | None") -> bool:
    """Return whether the user said where etcd is."""
    file = filed.one(cluster.cluster) if filed else None
    variables = ("ETCDCTL_ENDPOINTS", "ETCDCTL_DISCOVERY_SRV")
    return bool(
        cluster.endpoints
        or cluster.discovery_srv
        or (file and (file.endpoints or file.discovery_srv))
        or any(os.environ.get(name) for name in variables)
    )


def _backups(cluster: Cluster, filed: "Configuration | None") -> tuple[Path, ...]:
    file = filed.one(cluster.cluster).backups if filed else ()
    return tuple(cluster.backup or (Path(one) for one in file))


def _node_exporters(cluster: Cluster, filed: "Configuration | None") -> dict[str, str]:
    """Return whose host is told of where; a flag wins over the file."""
    found = dict(filed.one(cluster.cluster).node_exporter) if filed else {}
    for word in cluster.node_exporter or ():
        name, equals, url = word.partition("=")
        if not (name and equals):
            raise SettingsError(f"--node-exporter {word}: write MEMBER=http://HOST:9100.")
        found[name] = url
    for name, url in found.items():
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(
                f"--node-exporter {name}={url}: write http://HOST:9100 after the =."
            )
    return found


def limits_in(path: Path | None) -> "Mapping[str, Limits]":
    """Return the limits that a file sets."""
    return _limits(_read(path))


def read_configuration(path: Path | None) -> "Configuration | None":
    """Return what stands in the file, None without one."""
    return _read(path)


def _read(path: Path | None) -> "Configuration | None":
    if path is None:
        return None
    from etcdscope.cli.configuration import read

    return read(path)


def _limits(filed: "Configuration | None") -> "Mapping[str, Limits]":
    if filed is None or not filed.limits:
        return {}
    from etcdscope.detect.catalog import DETECTORS
    from etcdscope.model.finding import Limits

    own = {d.id: d.limits.values for d in DETECTORS}
    return {name: Limits({**own[name], **said}) for name, said in filed.limits.items()}


def _token(file: Path | None, own: "FiledAgent | None") -> str:
    """What readers must show: of the flag, else of the file, else of the environment."""
    if file:
        if token := file.read_text().strip():
            return token
        raise SettingsError(f"--token-file {file} is empty; write a secret into it.")
    return (own.secret() if own else "") or os.environ.get("ETCDSCOPE_TOKEN", "").strip()


def _filed_path(own: "FiledAgent | None") -> Path | None:
    return Path(own.data_dir) if own and own.data_dir else None


def _state_directory() -> Path | None:
    """What systemd gives; without one the queues live in memory, and the start says so."""
    state = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(state) if state else None


def _alertmanager(urls: Sequence[str]) -> "AlertmanagerSettings | None":
    if not urls:
        return None
    from etcdscope.sinks.alertmanager import AlertmanagerSettings

    return AlertmanagerSettings(tuple(_receiver(url, "--alertmanager") for url in urls))


def _webhooks(urls: Sequence[str], own: "FiledAgent | None") -> "tuple[WebhookSettings, ...]":
    if not urls:
        return ()
    from etcdscope.sinks.webhook import WebhookSettings

    signed = _signed(own.webhook_secret_file if own else "")
    return tuple(WebhookSettings(_receiver(url, "--webhook"), secret=signed) for url in urls)


def _signed(file: str) -> "Secret":
    """With what webhooks are signed: the file is read at every use; a missing one is told now."""
    from etcdscope.sinks.http import Secret

    if file and not Path(file).is_file():
        raise SettingsError(f"--config: agent.webhook-secret-file {file}: there is no such file.")
    if file:
        return Secret(file=Path(file))
    return Secret(env=_SIGNING if os.environ.get(_SIGNING) else "")


def _logs(said: Sequence[str], filed: Mapping[str, str]) -> "tuple[LogSettings, ...]":
    """Return the logs of the flags; of the file those that no flag names."""
    if not said and not filed:
        return ()
    from etcdscope.sources.logs.opened import chosen, parse

    flags = [parse(text) for text in said]
    named = {one.named for one in flags}
    rest = [parse(f"{name}={where}") for name, where in filed.items() if name not in named]
    return chosen([*flags, *rest])


def _receiver(url: str, where: str) -> "Receiver":
    from etcdscope.sinks.http import Receiver

    try:
        return Receiver(url).without_userinfo()
    except ValueError as error:
        raise SettingsError(f"{where}: {error}.") from None
