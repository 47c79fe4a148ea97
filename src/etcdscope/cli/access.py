"""The flags that several commands share, and the settings that they make."""

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from etcdscope.etcd.errors import SettingsError

if TYPE_CHECKING:
    from etcdscope.cli.configuration import Configuration
    from etcdscope.etcd.settings import Access

CLUSTER = Group("Cluster, as in etcdctl", sort_key=10)
KUBERNETES = Group("Kubernetes", sort_key=15)
OUTPUT = Group("Output", sort_key=20)
LEVELS = Literal["debug", "info", "warning", "error"]


@Parameter(name="*", group=CLUSTER, negative=())
@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where the cluster is and how to be let in."""

    endpoints: Annotated[
        list[str] | None,
        Parameter(
            help="One member is enough: host:port,…  ETCDCTL_ENDPOINTS, else 127.0.0.1:2379."
        ),
    ] = None
    cacert: Annotated[str | None, Parameter(help="CA that signed the servers' certificates.")] = (
        None
    )
    cert: Annotated[str | None, Parameter(help="Certificate of this client.")] = None
    key: Annotated[str | None, Parameter(help="Its key.")] = None
    user: Annotated[str | None, Parameter(help="NAME or NAME:PASSWORD; asks where it can.")] = None
    password: Annotated[str | None, Parameter(help="Better in ETCDCTL_PASSWORD.")] = None
    insecure_skip_tls_verify: Annotated[
        bool | None, Parameter(help="Trust any certificate. For tests.")
    ] = None
    insecure_transport: Annotated[bool | None, Parameter(negative="", show=False)] = None
    discovery_srv: Annotated[
        str | None, Parameter(help="Domain whose SRV records list the members.")
    ] = None
    discovery_srv_name: Annotated[
        str | None, Parameter(help="Suffix of the SRV records' service.")
    ] = None
    command_timeout: Annotated[str | None, Parameter(help="How long a call may take: 5s.")] = None
    dial_timeout: Annotated[str | None, Parameter(help="How long to connect may take: 2s.")] = None
    node_exporter: Annotated[
        list[str] | None,
        Parameter(
            help="MEMBER=URL of the node_exporter on its host; may be given again. #/PATH after the"
            " URL says where etcd's data are, if not in /var/lib/etcd."
        ),
    ] = None
    kubernetes: Annotated[
        bool | None,
        Parameter(
            group=KUBERNETES,
            help="Look at Kubernetes as well, and find etcd through it where no endpoint is given."
            " In a pod by its service account, else by $KUBECONFIG or ~/.kube/config.",
        ),
    ] = None
    kubeconfig: Annotated[
        Path | None, Parameter(group=KUBERNETES, help="That file instead; implies --kubernetes.")
    ] = None
    context: Annotated[
        str | None, Parameter(group=KUBERNETES, help="Its context; implies --kubernetes.")
    ] = None
    in_cluster: Annotated[
        bool | None,
        Parameter(group=KUBERNETES, help="The pod's service account; implies --kubernetes."),
    ] = None
    backup: Annotated[
        list[Path] | None,
        Parameter(help="A backup file, or a directory of them; may be given again."),
    ] = None
    config: Annotated[Path | None, Parameter(help="TOML file: clusters, limits, sinks.")] = None
    cluster: Annotated[
        str | None, Parameter(help="Which cluster of the file, where it has several.")
    ] = None

    def flags(self) -> dict[str, str | None]:
        """Return what was said, under etcdctl's names."""
        said: dict[str, str | None] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and field.name not in _NOT_ETCDCTLS:
                text = ",".join(value) if isinstance(value, list) else str(value)
                said[field.name.replace("_", "-")] = (
                    text.lower() if isinstance(value, bool) else text
                )
        return said


_NOT_ETCDCTLS = frozenset(
    {"config", "cluster", "node_exporter", "kubernetes", "kubeconfig", "context", "in_cluster"}
) | {"backup"}


@Parameter(name="*", group=OUTPUT)
@dataclass(frozen=True, kw_only=True)
class Output:
    """How it is said, and what is logged beside it."""

    color: Annotated[
        Literal["auto", "always", "never"], Parameter(help="auto honours NO_COLOR and FORCE_COLOR.")
    ] = "auto"
    log_level: Annotated[
        LEVELS | None, Parameter(help="What is logged to standard error; warning, of serve info.")
    ] = None
    log_format: Annotated[
        Literal["text", "json"], Parameter(help="One line, or one object, each.")
    ] = "text"

    def open_log(self, otherwise: str = "warning") -> None:
        """Send the log to standard error; libraries speak up only from warnings on, or to debug."""
        level = (self.log_level or otherwise).upper()
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Json() if self.log_format == "json" else _TEXT)
        logging.basicConfig(
            level="WARNING" if level == "INFO" else level, handlers=[handler], force=True
        )
        logging.getLogger("etcdscope").setLevel(level)


_TEXT = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        import msgspec

        from etcdscope.model.contract import moment

        said = {
            "at": moment(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(said).decode()


def access_of(
    cluster: Cluster, configuration: "Configuration | None", environ: Mapping[str, str] = os.environ
) -> "tuple[Access, tuple[str, ...]]":
    """Return how to reach the one cluster that is meant, and what to notice about it."""
    from etcdscope.etcd.settings import access_from

    flags = cluster.flags()
    if configuration is not None:
        filed = configuration.one(cluster.cluster).flags()
        # What the file says stands below a flag and above a variable, as the nearer wish.
        flags = {**filed, **flags}
    elif cluster.cluster:
        raise SettingsError("--cluster chooses from a file; give --config FILE as well.")
    return access_from(_with_password(flags, environ), environ)


def _with_password(
    flags: Mapping[str, str | None], environ: Mapping[str, str]
) -> dict[str, str | None]:
    user = flags.get("user") or environ.get("ETCDCTL_USER", "")
    known = ":" in user or flags.get("password") or environ.get("ETCDCTL_PASSWORD")
    if not user or known or not sys.stdin.isatty():
        return dict(flags)
    from getpass import getpass

    try:
        return {**flags, "password": getpass("Password: ")}
    except EOFError:
        raise SettingsError(f"--user {user} needs a password; set ETCDCTL_PASSWORD.") from None
