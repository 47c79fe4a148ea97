"""One etcd of a lab: its addresses, its files, its process."""

import os
import signal
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from etcdscope.lab.certificates import Certificates
from etcdscope.lab.children import end, spawn
from etcdscope.lab.network import CLIENT_PORT, METRICS_PORT, PEER_PORT
from etcdscope.lab.programs import Program
from etcdscope.lab.spec import LabError, LabSpec

# etcd hands leadership over before it ends, and waits for open requests.
GRACE_S: Final = 10.0
# In etcd's log, the surest first: zap's levels, capnslog's, and wrong flags before any log.
SIGNS_OF_AN_END: Final = (
    '"level":"fatal"',
    '"level":"panic"',
    " C | ",
    "panic:",
    "flag provided",
    "error",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line of one member says."""

    cluster: Mapping[str, str]  # name → peer URL
    state: str  # new | existing
    token: str
    quota_bytes: int | None
    certificates: Certificates | None
    advertised: str = ""  # another client URL than the one that it listens on
    extra: tuple[str, ...] = ()  # flags of its own; of one that is given twice the last counts


@dataclass(slots=True)
class Member:
    """A member, running or not.

    `metrics_url` is whole, with its path. `member_id` is etcd's, in hex, "" until it is known.
    A member that was only announced to the cluster, and has no etcd here, has no `program`.
    """

    name: str
    place: int
    address: str
    spec: LabSpec
    directory: Path
    inside: tuple[str, ...]
    lab_id: str
    program: Program | None
    settings: Settings
    learner: bool = False
    member_id: str = ""
    process: Process | None = field(default=None, repr=False)

    @property
    def client_url(self) -> str:
        return f"{self._scheme}://{self.address}:{CLIENT_PORT}"

    @property
    def peer_url(self) -> str:
        return f"{self._scheme}://{self.address}:{PEER_PORT}"

    @property
    def metrics_url(self) -> str:
        if self.spec.metrics_listener:
            return f"http://{self.address}:{METRICS_PORT}/metrics"
        return f"{self.client_url}/metrics"

    @property
    def data_dir(self) -> Path:
        return self.directory / self.name

    @property
    def log_path(self) -> Path:
        return self.directory / f"{self.name}.log"

    @property
    def version(self) -> str:
        return self.program.version if self.program else ""

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.running else None

    @property
    def running(self) -> bool:
        """True also for a frozen one."""
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        """Start the process, with whatever data it has; no-op where it runs."""
        if self.running:
            return
        if self.program is None:
            raise LabError(f"{self.name} was only announced to the cluster: it has no etcd here")
        argv = (*self.inside, *self.program.argv, *self._flags())
        self.process = await spawn(argv, lab_id=self.lab_id, log=self.log_path)

    async def stop(self) -> None:
        """SIGTERM, as a service manager does; a leader hands its leadership over first."""
        self.signal(signal.SIGCONT)
        await end(self.process, grace_s=GRACE_S)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        await end(self.process)

    def signal(self, what: signal.Signals) -> None:
        if self.pid:
            os.kill(self.pid, what)

    def with_quota(self, quota_bytes: int | None) -> None:
        """From its next start on."""
        self.settings = replace(self.settings, quota_bytes=quota_bytes)

    def with_advertised(self, url: str) -> None:
        """From its next start on; empty for its own."""
        self.settings = replace(self.settings, advertised=url)

    def with_flags(self, *flags: str) -> None:
        """From its next start on; none for those of the others."""
        self.settings = replace(self.settings, extra=flags)

    def last_words(self) -> str:
        """Why it ended, as far as its log says."""
        try:
            lines = self.log_path.read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            return "no log"
        for sign in SIGNS_OF_AN_END:
            for line in reversed(lines):
                if sign in line:
                    return line[:300]
        return lines[-1][:300] if lines else "an empty log"

    @property
    def _scheme(self) -> str:
        return "https" if self.settings.certificates else "http"

    def _flags(self) -> Sequence[str]:
        spec, settings = self.spec, self.settings
        flags = {
            "name": self.name,
            "data-dir": str(self.data_dir),
            "listen-client-urls": self.client_url,
            "advertise-client-urls": settings.advertised or self.client_url,
            "listen-peer-urls": self.peer_url,
            "initial-advertise-peer-urls": self.peer_url,
            "initial-cluster": ",".join(f"{name}={url}" for name, url in settings.cluster.items()),
            "initial-cluster-state": settings.state,
            "initial-cluster-token": settings.token,
            "heartbeat-interval": str(spec.heartbeat_ms),
            "election-timeout": str(spec.election_ms),
        }
        if settings.quota_bytes:
            flags["quota-backend-bytes"] = str(settings.quota_bytes)
        if spec.metrics_listener:
            flags["listen-metrics-urls"] = f"http://{self.address}:{METRICS_PORT}"
        if files := settings.certificates:
            for side in ("", "peer-"):
                flags |= {
                    f"{side}trusted-ca-file": str(files.ca),
                    f"{side}cert-file": str(files.cert),
                    f"{side}key-file": str(files.key),
                    f"{side}client-cert-auth": "true",
                }
        usual = (f"--{name}={value}" for name, value in flags.items())
        return (*usual, *spec.extra_flags, *settings.extra)
