"""How to reach a cluster, said with etcdctl's flags and ETCDCTL_* variables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from etcdscope.etcd.endpoint import parse_endpoint
from etcdscope.etcd.errors import SettingsError

DEFAULT_ENDPOINTS = "127.0.0.1:2379"  # etcdctl's own
# The flags that we share with etcdctl; each has an ETCDCTL_* variable.
FLAGS = (
    "endpoints", "cacert", "cert", "key", "user", "password", "insecure-skip-tls-verify",
    "insecure-transport", "command-timeout", "dial-timeout", "discovery-srv", "discovery-srv-name",
)  # fmt: skip

_GO_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_GO_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
# What Go's strconv.ParseBool takes.
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}
_FALSE = {"0", "f", "F", "false", "FALSE", "False"}


@dataclass(frozen=True, slots=True)
class Security:
    """What we show to etcd and what we trust; files in PEM."""

    cacert: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    insecure_skip_tls_verify: bool = False
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files that are read, and read again when they change."""
        return tuple(path for path in (self.cacert, self.cert, self.key) if path)


@dataclass(frozen=True, slots=True)
class Access:
    """Where a cluster is and how to be let in. ``endpoints``: URLs with a scheme; seconds."""

    endpoints: tuple[str, ...]
    security: Security = Security()
    command_timeout: float = 5.0
    dial_timeout: float = 2.0
    discovery_srv: str = ""
    discovery_srv_name: str = ""


def access_from(
    flags: Mapping[str, str | None], environ: Mapping[str, str]
) -> tuple[Access, tuple[str, ...]]:
    """Read etcdctl's flags (``{"endpoints": "…"}``) and variables; also return what to notice.

    Errors: SettingsError. A flag wins over its variable, with a notice; etcdctl refuses the pair.
    """
    said = {name: _Said.of(name, flags, environ) for name in FLAGS}
    security = _security(said)
    tls = bool(security.files) or not _truth(said["insecure-transport"], default=True)
    endpoints = said["endpoints"]
    access = Access(
        endpoints=tuple(
            parse_endpoint(part.strip(), endpoints.where, tls=tls).url
            for part in (endpoints.value or DEFAULT_ENDPOINTS).split(",")
            if part.strip()
        ),
        security=security,
        command_timeout=_seconds(said["command-timeout"], 5.0),
        dial_timeout=_seconds(said["dial-timeout"], 2.0),
        discovery_srv=said["discovery-srv"].value,
        discovery_srv_name=said["discovery-srv-name"].value,
    )
    if not access.endpoints:
        raise SettingsError(f"{endpoints.where} names no endpoint; write host:2379.")
    return access, tuple(said[name].notice for name in FLAGS if said[name].notice)


@dataclass(frozen=True, slots=True)
class _Said:
    """One setting: ``where`` it was said, for the sentence that complains about it."""

    value: str
    where: str
    notice: str = ""

    @classmethod
    def of(cls, name: str, flags: Mapping[str, str | None], environ: Mapping[str, str]) -> "_Said":
        variable = "ETCDCTL_" + name.upper().replace("-", "_")
        flag, exported = flags.get(name), environ.get(variable, "")
        if flag is None:
            return cls(exported, variable if exported else f"--{name}")
        notice = f"--{name} is used, {variable} is not." if exported and exported != flag else ""
        return cls(flag, f"--{name}", notice)


def _security(said: Mapping[str, _Said]) -> Security:
    cert, key = _file(said["cert"]), _file(said["key"])
    if bool(cert) != bool(key):
        there, missing = ("cert", "key") if cert else ("key", "cert")
        raise SettingsError(
            f"{said[there].where} {said[there].value} has no {missing}; give --{missing} as well."
        )
    user, password = _user(said["user"], said["password"])
    return Security(
        cacert=_file(said["cacert"]),
        cert=cert,
        key=key,
        insecure_skip_tls_verify=_truth(said["insecure-skip-tls-verify"], default=False),
        user=user,
        password=password,
    )


def _user(user: _Said, password: _Said) -> tuple[str, str]:
    if not user.value:
        if password.value:
            raise SettingsError(f"{password.where} has no user; give --user NAME as well.")
        return "", ""
    if password.value:  # then etcdctl takes the whole of --user as the name
        return user.value, password.value
    name, colon, secret = user.value.partition(":")
    if not colon:
        raise SettingsError(
            f"{user.where} {name} has no password; set ETCDCTL_PASSWORD or write {name}:PASSWORD."
        )
    return name, secret


def _file(said: _Said) -> Path | None:
    if not said.value:
        return None
    path = Path(said.value)
    try:
        with path.open("rb") as file:
            start = file.read(1)
    except OSError as error:
        why = (error.strerror or "it cannot be read").lower()
        raise SettingsError(
            f"{said.where} {path}: {why}; give a file in PEM that this user may read."
        ) from None
    if not start:
        raise SettingsError(f"{said.where} {path} is empty; give a file in PEM.")
    return path


def _truth(said: _Said, *, default: bool) -> bool:
    if not said.value:
        return default
    if said.value in _TRUE | _FALSE:
        return said.value in _TRUE
    raise SettingsError(f"{said.where} {said.value} is neither true nor false; write one of these.")


def _seconds(said: _Said, default: float) -> float:
    if not said.value:
        return default
    try:
        seconds = parse_duration(said.value)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise SettingsError(f"{said.where} {said.value} is no duration; write 5s or 1m30s.")
    return seconds


def parse_duration(text: str) -> float:
    """Return the seconds of a Go duration such as ``1m30s``; ValueError where it is none."""
    parts = _GO_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(text)
    return sum(float(number) * _GO_UNITS[unit] for number, unit in parts)
