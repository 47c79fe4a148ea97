"""``--config FILE``: one or several clusters, limits, and whom to tell, in TOML."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from etcdscope.etcd.errors import SettingsError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
Name = Annotated[str, Meta(min_length=1)]


_NOT_ETCDCTLS = frozenset({"password-file", "kubeconfig", "context"})


class FiledCluster(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """``[clusters.NAME]``: etcdctl's flags without their dashes."""

    endpoints: tuple[Name, ...] = ()
    cacert: str = ""
    cert: str = ""
    key: str = ""
    user: str = ""
    password: str = ""
    password_file: str = ""
    insecure_skip_tls_verify: bool | None = None
    discovery_srv: str = ""
    discovery_srv_name: str = ""
    command_timeout: str = ""
    dial_timeout: str = ""
    logs: dict[Name, Name] = field(default_factory=dict)
    node_exporter: dict[str, Name] = field(default_factory=dict)
    labels: dict[Name, str] = field(default_factory=dict)
    kubernetes: bool = False
    kubeconfig: str = ""
    context: str = ""
    in_cluster: bool = False
    backups: tuple[Name, ...] = ()

    def flags(self) -> dict[str, str | None]:
        """Return the settings under etcdctl's names."""
        said: dict[str, str | None] = {
            name: value
            for name, value in msgspec.to_builtins(self).items()
            if value and isinstance(value, str) and name not in _NOT_ETCDCTLS
        }
        if self.endpoints:
            said["endpoints"] = ",".join(self.endpoints)
        if self.insecure_skip_tls_verify is not None:
            said["insecure-skip-tls-verify"] = str(self.insecure_skip_tls_verify).lower()
        if self.password_file:
            said["password"] = Path(self.password_file).read_text().strip()
        return said


class FiledAgent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """``[agent]``: what ``serve`` takes as flags."""

    listen: str = ""
    data_dir: str = ""
    token: str = ""
    token_file: str = ""
    alertmanager: tuple[Name, ...] = ()
    webhook: tuple[Name, ...] = ()
    webhook_secret_file: str = ""
    registry: bool = True

    def secret(self) -> str:
        """Return the token, wherever it stands."""
        return Path(self.token_file).read_text().strip() if self.token_file else self.token


class Configuration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    clusters: dict[str, FiledCluster] = field(default_factory=dict)
    limits: dict[str, dict[str, float]] = field(default_factory=dict)
    agent: FiledAgent = FiledAgent()

    def one(self, name: str | None) -> FiledCluster:
        """Return the cluster of that name; the only one where no name is given."""
        if name is not None:
            if name not in self.clusters:
                raise SettingsError(f"--cluster {name}: the file has {_these(self.clusters)}.")
            return self.clusters[name]
        if len(self.clusters) > 1:
            raise SettingsError(
                f"The file has {_these(self.clusters)}; here it must be one: give --cluster NAME."
            )
        return next(iter(self.clusters.values()), FiledCluster())

    def names(self, name: str | None) -> tuple[str, ...]:
        """Return which clusters are meant: the one of that name, else all of them."""
        return (name,) if name is not None else tuple(self.clusters)


def _these(clusters: Mapping[str, object]) -> str:
    return f"the clusters {', '.join(clusters)}" if clusters else "no clusters"


def read(path: Path) -> Configuration:
    """Read the file. Errors: SettingsError, which names the place."""
    try:
        raw = tomllib.loads(path.read_text())
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
        raise SettingsError(f"--config {path}: {why}; give a TOML file.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"--config {path} is not TOML: {error}.") from None
    try:
        filed = msgspec.convert(raw, Configuration)
    except msgspec.ValidationError as error:
        raise SettingsError(f"--config {path}: {_sentence(str(error))}") from None
    _check_names(path, filed.clusters)
    _check_limits(path, filed.limits)
    return filed


def _sentence(error: str) -> str:
    """Turn "Object contains unknown field `x` - at `$.clusters[...]`" into words."""
    what, _, where = error.partition(" - at ")
    what = what.replace("Object contains unknown field", "there is no setting").replace("`", "")
    place = re.sub(r"^\$\.?|`|\[\.\.\.\]", "", where.replace("`", "")).strip(".")
    return f"in {place}: {what}." if place else f"{what}."


def _check_names(path: Path, clusters: Mapping[str, object]) -> None:
    """A cluster's name stands in URLs, and in front of lines."""
    for name in clusters:
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f"--config {path}: clusters.{name}: a name is made of letters, digits, '.', '_' and"
                " '-', 63 at most."
            )


def _check_limits(path: Path, limits: Mapping[str, Mapping[str, float]]) -> None:
    if not limits:
        return
    from etcdscope.detect.catalog import DETECTORS

    known = {detector.id: detector.limits.values for detector in DETECTORS}
    for ident, numbers in limits.items():
        _among(f"--config {path}: limits.{ident}: there is no such cause", ident, known)
        for name in numbers:
            _among(
                f"--config {path}: limits.{ident}.{name}: there is no such limit",
                name,
                known[ident],
            )


def _among(complaint: str, word: str, known: Mapping[str, object]) -> None:
    if word not in known:
        near = difflib.get_close_matches(word, known, 1) or list(known)
        meant = f"; {' or '.join(near)} may be meant." if known else "; it has none."
        raise SettingsError(complaint + meant)
