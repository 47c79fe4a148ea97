"""Flags and ``--config`` → the app's settings."""

import os
from collections.abc import Mapping, Sequence
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
    from etcdscope.sinks.http import Receiver
    from etcdscope.sinks.webhook import WebhookSettings
    from etcdscope.sources.logs.opened import LogSettings


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
    agent: bool = False,
) -> "tuple[Settings, tuple[str, ...]]":
    """Return the settings and what to notice about them; ``agent``: the file's [agent] counts."""
    from etcdscope.app import Settings

    filed = _read(cluster.config)
    access, notices = access_of(cluster, filed)
    settings = Settings(
        access=access,
        limits=_limits(filed),
        data_dir=data_dir,
        record=record,
        logs=_logs(log or (), filed.one(cluster.cluster).logs if filed else {}),
        node_exporters=_node_exporters(cluster, filed),
    )
    if not agent:
        return settings, notices
    from dataclasses import replace

    own = filed.agent if filed else None
    return (
        replace(
            settings,
            data_dir=data_dir or _filed_path(own) or _state_directory(),
            listen=listen or (own and own.listen) or settings.listen,
            token=_token(token_file, own),
            alertmanager=_alertmanager([*alertmanager, *(own.alertmanager if own else ())]),
            webhooks=_webhooks([*webhook, *(own.webhook if own else ())]),
        ),
        notices,
    )


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


def _webhooks(urls: Sequence[str]) -> "tuple[WebhookSettings, ...]":
    if not urls:
        return ()
    from etcdscope.sinks.webhook import WebhookSettings

    return tuple(WebhookSettings(_receiver(url, "--webhook")) for url in urls)


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
