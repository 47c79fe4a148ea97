"""Certificates, and real etcd members of the versions that can be had."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from tests.etcd.servers import free_port

from etcdscope.etcd.settings import Security
from etcdscope.lab.certificates import Authority, Certificates

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pki:
    """``ours`` signed everything but ``stranger``."""

    server: Certificates
    expired_server: Certificates
    misnamed_server: Certificates
    client: Certificates
    expired_client: Certificates
    stranger: Certificates


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    folder = tmp_path_factory.mktemp("pki")
    ours, theirs = Authority(folder / "ours"), Authority(folder / "theirs")
    here = ["127.0.0.1"]
    return Pki(
        server=ours.issue("server", here, DAY),
        expired_server=ours.issue("expired-server", here, -DAY),
        misnamed_server=ours.issue("misnamed", ["127.9.9.9"], DAY),
        client=ours.issue("client", here, DAY),
        expired_client=ours.issue("expired-client", here, -DAY),
        stranger=theirs.issue("stranger", here, DAY),
    )


def security(certificates: Certificates, ca: Path | None = None, **fields: str | bool) -> Security:
    """Show these certificates; trust their authority, or the other one."""
    return Security(ca or certificates.ca, certificates.cert, certificates.key, **fields)  # type: ignore[arg-type]


@dataclass
class Etcd:
    """One running member. ``stop`` may be called twice."""

    process: subprocess.Popen[bytes]
    client_url: str
    peer_url: str
    version: str
    log: Path = field(repr=False)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def post(self, path: str, body: dict[str, object], token: str = "") -> dict[str, object]:
        """Say something to its JSON gateway."""
        headers = {"Authorization": token} if token else {}
        request = urllib.request.Request(
            f"{self.client_url}/v3/{path}", json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            told: dict[str, object] = json.loads(answer.read())
            return told


Start = Callable[..., Etcd]


@pytest.fixture(params=["3.4", "3.5"])
def series(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def start_etcd(tmp_path: Path, series: str) -> Iterator[Start]:
    """Start one member; more arguments are etcd's."""
    from etcdscope.lab.programs import find  # noqa: PLC0415  # fetches it: not for unit tests

    program = find("etcd", series)
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, scheme: str = "http", peer_scheme: str = "") -> Etcd:
            client = f"{scheme}://127.0.0.1:{free_port()}"
            peer = f"{peer_scheme or scheme}://127.0.0.1:{free_port()}"
            name = f"m{client.rpartition(':')[2]}"
            log = tmp_path / f"{name}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    [
                        *program.argv,
                        f"--name={name}",
                        f"--data-dir={tmp_path / name}",
                        f"--listen-client-urls={client}",
                        f"--advertise-client-urls={client}",
                        f"--listen-peer-urls={peer}",
                        f"--initial-advertise-peer-urls={peer}",
                        f"--initial-cluster={name}={peer}",
                        *arguments,
                    ],
                    stdout=output,
                    stderr=output,
                )
            etcd = Etcd(process, client, peer, program.version, log)
            stack.callback(etcd.stop)
            _await_ready(etcd)
            return etcd

        yield start


@pytest.fixture
def etcd(start_etcd: Start) -> Etcd:
    return start_etcd()


def _await_ready(etcd: Etcd) -> None:
    for _ in range(300):
        assert etcd.process.poll() is None, etcd.log.read_text()[-2000:]
        if b"ready to serve client requests" in etcd.log.read_bytes():
            return
        time.sleep(0.05)
    pytest.fail(f"etcd {etcd.version} did not come up: {etcd.log.read_text()[-2000:]}")
