"""Who we are to the API: TLS and tokens, read again when their files change."""

import asyncio
import base64
import json
import os
import ssl
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from etcdscope.model.reading import Failure
from etcdscope.sources.kubernetes.errors import KubernetesError
from etcdscope.sources.kubernetes.kubeconfig import Credentials, Exec

# A service account's token is replaced long before it ends; client-go looks once a minute too.
TOKEN_SECONDS = 60.0
# A plugin may ask a cloud; one that asks a person never ends.
PLUGIN_SECONDS = 15.0
_NEVER = float("inf")


class Identity:
    """Gives the headers and the TLS context of each request. Errors: KubernetesError."""

    def __init__(
        self, credentials: Credentials, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._own = credentials
        self._clock = clock
        self._token = credentials.token
        self._until = _NEVER if credentials.token else -_NEVER
        self._context: ssl.SSLContext | None = None
        self._stamp: tuple[int, ...] = ()
        self._asking = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """Return what says who asks."""
        own = self._own
        if (own.token_file or own.exec) and self._clock() >= self._until:
            async with self._asking:
                if self._clock() >= self._until:
                    await self._renew()
        if self._token:
            return {"Authorization": f"Bearer {self._token}"}
        if own.username and own.password:
            both = base64.b64encode(f"{own.username}:{own.password}".encode()).decode()
            return {"Authorization": f"Basic {both}"}
        return {}

    def doubted(self) -> bool:
        """Note that the API does not know us; return whether a newer token may help."""
        renewable = bool(self._own.token_file or self._own.exec)
        if renewable:
            self._until = -_NEVER
        return renewable

    def tls(self) -> ssl.SSLContext:
        """Return the context; a new one once a file of ours has changed."""
        own = self._own
        stamp = tuple(_changed(p) for p in (own.ca_file, own.cert_file, own.key_file) if p)
        if self._context is None or stamp != self._stamp:
            self._context, self._stamp = _context(own), stamp
        return self._context

    async def _renew(self) -> None:
        if self._own.token_file:
            try:
                self._token = self._own.token_file.read_text().strip()
            except OSError as error:
                why = (error.strerror or "cannot be read").lower()
                raise KubernetesError(
                    Failure.UNAUTHENTICATED, f"the token file {self._own.token_file}: {why}."
                ) from None
            self._until = self._clock() + TOKEN_SECONDS
        elif self._own.exec:
            self._token, seconds = await _asked(self._own.exec)
            self._until = self._clock() + seconds


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _context(own: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        if own.ca_file or own.ca_pem:  # then the system's authorities count for nothing
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_verify_locations(
                cafile=own.ca_file if not own.ca_pem else None, cadata=own.ca_pem or None
            )
        if own.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        _show(context, own)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or "no PEM"
        raise KubernetesError(
            Failure.TLS_REJECTED,
            f"the certificates of the kubeconfig cannot be used: {str(why).lower()}.",
        ) from None
    return context


def _show(context: ssl.SSLContext, own: Credentials) -> None:
    """Load our certificate; what stands in the kubeconfig itself must be a file for OpenSSL."""
    if own.cert_file and own.key_file:
        context.load_cert_chain(own.cert_file, own.key_file)
    elif own.cert_pem and own.key_pem:
        with tempfile.TemporaryDirectory(prefix="etcdscope-") as folder:  # 0700
            both = Path(folder, "client.pem")
            with os.fdopen(os.open(both, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(f"{own.cert_pem}\n{own.key_pem}\n")
            context.load_cert_chain(both)


async def _asked(plugin: Exec) -> tuple[str, float]:
    """Run an exec plugin; return the token, and for how many seconds it is good."""
    info = {
        "kind": "ExecCredential",
        "apiVersion": plugin.api_version,
        "spec": {"interactive": False},
    }
    environ = {
        **os.environ,
        **{one.name: one.value for one in plugin.env or ()},
        "KUBERNETES_EXEC_INFO": json.dumps(info),
    }
    hint = f" {plugin.install_hint.strip()}" if plugin.install_hint else ""
    try:
        running = await asyncio.create_subprocess_exec(
            plugin.command,
            *(plugin.args or ()),
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        raise _refused(f"the kubeconfig's plugin {plugin.command} cannot be run.{hint}") from None
    try:
        async with asyncio.timeout(PLUGIN_SECONDS):
            printed, _ = await running.communicate()
    except (TimeoutError, asyncio.CancelledError) as ended:
        running.kill()
        await running.wait()
        if isinstance(ended, asyncio.CancelledError):
            raise
        raise _refused(f"the kubeconfig's plugin {plugin.command} did not end in time.") from None
    if running.returncode:
        code = running.returncode
        raise _refused(f"the kubeconfig's plugin {plugin.command} ended with code {code}; run it.")
    return _credential(printed, plugin.command)


def _credential(printed: bytes, command: str) -> tuple[str, float]:
    try:
        status = json.loads(printed)["status"]
        token, ends = str(status["token"]), status.get("expirationTimestamp")
        until = datetime.fromisoformat(ends).timestamp() - time.time() if ends else 600.0
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _refused(f"the kubeconfig's plugin {command} printed no token.") from None
    return token, max(until - 30.0, 10.0)


def _refused(detail: str) -> KubernetesError:
    return KubernetesError(Failure.UNAUTHENTICATED, detail)
