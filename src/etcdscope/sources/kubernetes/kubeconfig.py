"""Where the API is and how to be let in: a kubeconfig, or a pod's service account."""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from etcdscope.etcd.errors import SettingsError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
USUAL = "~/.kube/config"
T = TypeVar("T")


class _Cluster(Struct, frozen=True, rename="kebab"):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""


class Variable(Struct, frozen=True):
    """One variable of an exec plugin."""

    name: str
    value: str = ""


class Exec(Struct, frozen=True, rename="camel"):
    """A program that prints a credential (client.authentication.k8s.io)."""

    command: str
    api_version: str = ""
    args: list[str] | None = None
    env: list[Variable] | None = None
    install_hint: str | None = None


class _User(Struct, frozen=True, rename="kebab"):
    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    username: str = ""
    password: str = ""
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    exec: Exec | None = None
    auth_provider: dict[str, Any] | None = None


class _Context(Struct, frozen=True):
    cluster: str = ""
    user: str = ""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """All that it takes to speak with one API. PEM where ``_pem``; files are read again."""

    server: str
    ca_file: Path | None = None
    ca_pem: str = ""
    cert_file: Path | None = None
    key_file: Path | None = None
    cert_pem: str = field(default="", repr=False)
    key_pem: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    exec: Exec | None = field(default=None, repr=False)
    insecure: bool = False
    server_name: str = ""
    context: str = ""


@dataclass(frozen=True, kw_only=True)
class KubernetesSettings:
    """Which Kubernetes is meant. Nothing said: the pod's own, else $KUBECONFIG, else ~/.kube."""

    kubeconfig: Path | None = None
    context: str = ""
    in_cluster: bool = False


def credentials(
    settings: KubernetesSettings,
    environ: Mapping[str, str] = os.environ,
    account: Path = SERVICE_ACCOUNT,
) -> Credentials:
    """Return how to speak with the API that is meant. Errors: SettingsError."""
    named = settings.kubeconfig is not None or bool(settings.context)
    here = bool(environ.get("KUBERNETES_SERVICE_HOST")) and (account / "token").exists()
    if settings.in_cluster or (here and not named):
        return of_service_account(environ, account)
    paths = [settings.kubeconfig] if settings.kubeconfig else _usual(environ)
    found = [path for path in paths if path.is_file()]
    if not found:
        raise SettingsError(
            f"--kubeconfig {paths[0]}: there is no such file; give a kubeconfig, or --in-cluster in"
            " a pod."
        )
    return of_files(found, settings.context)


def _usual(environ: Mapping[str, str]) -> list[Path]:
    said = environ.get("KUBECONFIG", "") or USUAL
    return [Path(part).expanduser() for part in said.split(os.pathsep) if part] or [Path(USUAL)]


def of_service_account(
    environ: Mapping[str, str] = os.environ, account: Path = SERVICE_ACCOUNT
) -> Credentials:
    """Return a pod's own way to the API; its token is replaced on disk every hour or so."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not (account / "token").exists():
        raise SettingsError(
            "--in-cluster: this is no pod with a service account; give --kubeconfig FILE instead."
        )
    ca = account / "ca.crt"
    return Credentials(
        server=f"https://{f'[{host}]' if ':' in host else host}:{port or 443}",
        ca_file=ca if ca.exists() else None,
        token_file=account / "token",
        context="in-cluster",
    )


def of_files(paths: list[Path], context: str = "") -> Credentials:
    """Return the credentials of a context; of several files the first that has a name wins."""
    clusters: dict[str, tuple[Path, _Cluster]] = {}
    users: dict[str, tuple[Path, _User]] = {}
    contexts: dict[str, _Context] = {}
    current = context
    for path in paths:
        filed = _load(path)
        current = current or str(filed.get("current-context") or "")
        for name, one in _named(filed, "clusters", "cluster", _Cluster, path):
            clusters.setdefault(name, (path, one))
        for name, who in _named(filed, "users", "user", _User, path):
            users.setdefault(name, (path, who))
        for name, ctx in _named(filed, "contexts", "context", _Context, path):
            contexts.setdefault(name, ctx)
    where = f"--kubeconfig {paths[0]}"
    if current not in contexts:
        have = ", ".join(sorted(contexts)) or "none"
        what = f"context {current}" if current else "current context"
        raise SettingsError(f"{where} has no {what}; give --context NAME of: {have}.")
    chosen = contexts[current]
    if chosen.cluster not in clusters or not clusters[chosen.cluster][1].server:
        raise SettingsError(f"{where}: the context {current} has no cluster with a server.")
    home, cluster = clusters[chosen.cluster]
    user_home, user = users.get(chosen.user, (home, _User()))
    if user.auth_provider is not None and not (user.token or user.exec):
        raise SettingsError(
            f"{where}: the user {chosen.user} has an auth-provider, which Kubernetes itself dropped"
            " in 1.26; use an exec plugin or a token."
        )
    return Credentials(
        server=cluster.server.rstrip("/"),
        ca_file=_beside(home, cluster.certificate_authority),
        ca_pem=_pem(cluster.certificate_authority_data, where),
        cert_file=_beside(user_home, user.client_certificate),
        key_file=_beside(user_home, user.client_key),
        cert_pem=_pem(user.client_certificate_data, where),
        key_pem=_pem(user.client_key_data, where),
        token=user.token,
        token_file=_beside(user_home, user.token_file),
        username=user.username,
        password=user.password,
        exec=user.exec,
        insecure=cluster.insecure_skip_tls_verify,
        server_name=cluster.tls_server_name,
        context=current,
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = (getattr(error, "strerror", None) or "it is no text").lower()
        raise SettingsError(f"--kubeconfig {path}: {why}; give a kubeconfig.") from None
    loaded = _parsed(path, text)
    if not isinstance(loaded, dict):
        raise SettingsError(f"--kubeconfig {path} is no kubeconfig; kubectl config view shows one.")
    return loaded


def _parsed(path: Path, text: str) -> object:
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            raise SettingsError(f"--kubeconfig {path} is no JSON and no YAML.") from None
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError(
            "a kubeconfig is YAML, which takes one more library: pip install"
            " 'etcdscope[kubernetes]'."
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"--kubeconfig {path} is no YAML.") from None


def _named(
    filed: dict[str, Any], many: str, one: str, kind: type[T], path: Path
) -> list[tuple[str, T]]:
    try:
        rows = filed.get(many) or []
        return [(str(row["name"]), msgspec.convert(row.get(one) or {}, kind)) for row in rows]
    except (msgspec.ValidationError, TypeError, KeyError, AttributeError):
        raise SettingsError(
            f"--kubeconfig {path}: {many} are not as kubectl writes them."
        ) from None


def _beside(home: Path, said: str) -> Path | None:
    return home.parent / said if said else None  # an absolute path stays what it is


def _pem(data: str, where: str) -> str:
    if not data:
        return ""
    try:
        return base64.b64decode(data, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise SettingsError(f"{where}: a …-data is no base64 of a PEM file.") from None
