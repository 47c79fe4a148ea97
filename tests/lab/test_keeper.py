"""Labs that outlive the command that started them, and what is left when they are killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcdscope.lab import remote
from etcdscope.lab.journal import MARK
from etcdscope.lab.spec import LabError, LabSpec, LoadSpec

pytestmark = pytest.mark.etcd
NAME = "test"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield
    for name in remote.running():
        remote.down(name=name)


def left(lab_id: str) -> dict[str, list[str]]:
    """What there is of a lab anywhere on this machine."""
    links = subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
    return {
        "processes": [
            process.name
            for process in Path("/proc").glob("[0-9]*")
            if f"{MARK}={lab_id}".encode() in environment(process)
        ],
        "cables": [line for line in links.splitlines() if f"es{lab_id[:8]}" in line],
        "cgroups": [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/*{lab_id}*")],
        "directories": [str(path) for path in Path("/tmp").glob(f"*{lab_id}*")],
    }


def environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


NOTHING: dict[str, list[str]] = {
    "processes": [],
    "cables": [],
    "cgroups": [],
    "directories": [],
}


def wait_until_nothing_is_left(lab_id: str) -> None:
    for _ in range(100):
        if left(lab_id) == NOTHING:
            return
        subprocess.run(["sleep", "0.05"], check=True)
    assert left(lab_id) == NOTHING


def test_lab_lives_between_commands_and_ends_with_down() -> None:
    up = remote.up(LabSpec(load=LoadSpec(rate=20)), name=NAME)
    assert sorted(member.role for member in up.members) == ["follower", "follower", "leader"]
    assert remote.running() == [NAME]

    fault = remote.fault("isolate", member="leader", name=NAME)
    assert remote.status(name=NAME).faults == (fault,)
    assert remote.heal(name=NAME).faults == ()
    assert remote.load(None, name=NAME).load is None

    remote.down(name=NAME)
    assert left(up.lab_id) == NOTHING
    assert remote.running() == []


def test_refusals_are_sentences() -> None:
    with pytest.raises(LabError, match="lab up --name test` starts one"):
        remote.status(name=NAME)
    remote.up(LabSpec(members=1, network="loopback"), name=NAME)
    with pytest.raises(LabError, match="runs already"):
        remote.up(name=NAME)
    with pytest.raises(LabError, match="no fault 'flood'"):
        remote.fault("flood", name=NAME)
    with pytest.raises(LabError, match="--network namespaces"):
        remote.fault("isolate", name=NAME)
    with pytest.raises(LabError, match="no fault 3"):
        remote.heal(3, name=NAME)


def test_lab_that_does_not_come_up_says_why() -> None:
    with pytest.raises(LabError, match="no-such-flag"):
        remote.up(
            LabSpec(members=1, network="loopback", extra_flags=("--no-such-flag",)), name=NAME
        )

    assert remote.running() == []


def test_nothing_is_left_of_a_keeper_that_was_killed() -> None:
    up = remote.up(LabSpec(network="namespaces", load=LoadSpec(rate=20)), name=NAME)
    remote.fault("cpu-quota", name=NAME)
    remote.fault("slow-disk", name=NAME)
    remote.fault("loss", name=NAME)
    remote.fault("freeze", member="follower", name=NAME)
    assert all(left(up.lab_id).values())

    os.kill(up.pid, signal.SIGKILL)

    wait_until_nothing_is_left(up.lab_id)
    assert remote.running() == []


HOLD = """
import asyncio
import signal
from etcdscope.lab.cluster import Lab, LabSpec

# A shell has its jobs in the background ignore Ctrl-C, and they hand that on.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def hold():
    async with Lab.start(LabSpec(network="namespaces", members=1)) as lab:
        await lab.fault("cpu-quota")
        print(lab.lab_id, flush=True)
        await asyncio.Event().wait()

asyncio.run(hold())
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_program_that_was_ended(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        assert program.stdout
        lab_id = program.stdout.readline().strip()
        assert all(left(lab_id).values())

        program.send_signal(how)

    wait_until_nothing_is_left(lab_id)
