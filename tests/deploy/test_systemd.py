"""The systemd unit: systemd itself reads it and judges it."""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from tests.deploy.objects import DEPLOY

from etcdscope.cli.configuration import read

UNIT = DEPLOY / "systemd" / "etcdscope.service"
BESIDE = DEPLOY / "systemd" / "beside-a-member.conf"
# Of `systemd-analyze security`, in tenths: "OK" ends at 3. Ours is 1.6 with systemd 252.
EXPOSED = 20


def settings(file: Path) -> dict[str, list[str]]:
    """Return the settings of [Service], each with its values in their order."""
    found: dict[str, list[str]] = defaultdict(list)
    section = file.read_text().partition("[Service]")[2].partition("[Install]")[0]
    for name, value in re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE):
        found[name].append(value)
    return found


def test_agent_writes_nowhere_but_in_its_state_directory() -> None:
    said = settings(UNIT)

    assert said["DynamicUser"] == ["yes"]
    assert said["ProtectSystem"] == ["strict"]
    assert said["StateDirectory"] == ["etcdscope"]
    assert not {"ReadWritePaths", "User", "LogsDirectory", "CacheDirectory"} & set(said)


def test_no_capability_is_left_and_beside_a_member_only_those_that_read() -> None:
    assert settings(UNIT)["CapabilityBoundingSet"] == [""]
    assert settings(UNIT)["NoNewPrivileges"] == ["yes"]
    given = settings(BESIDE)

    assert given["AmbientCapabilities"] == given["CapabilityBoundingSet"]
    assert set(given["AmbientCapabilities"][0].split()) == {"CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH"}


def test_configuration_names_the_credentials_that_the_unit_hands_over() -> None:
    (handed,) = settings(UNIT)["LoadCredential"]
    ident, _, folder = handed.partition(":")
    text = (DEPLOY / "systemd" / "etcdscope.toml").read_text()
    named = re.findall(r'"(/run/credentials/[^"]+)"', text)

    assert folder == "/etc/etcdscope/credentials"
    assert len(named) == 4
    for path in named:
        assert path.startswith(f"/run/credentials/{UNIT.name}/{ident}_")


def test_unit_starts_what_is_installed_with_the_configuration_beside_it() -> None:
    (start,) = settings(UNIT)["ExecStart"]

    assert start.split() == [
        "/opt/etcdscope/bin/etcdscope",
        "serve",
        "--config",
        "/etc/etcdscope/etcdscope.toml",
    ]
    assert read(DEPLOY / "systemd" / "etcdscope.toml").clusters


@pytest.mark.etcd  # runs real programs
def test_systemd_reads_the_unit_without_complaint(tmp_path: Path) -> None:
    """The program is another one here: verify looks whether it is there."""
    (tmp_path / "etcdscope.service.d").mkdir()
    shutil.copy(BESIDE, tmp_path / "etcdscope.service.d")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/etcdscope/bin/etcdscope", "/bin/true"))
    done = _analyze("verify", str(unit))

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.etcd
def test_systemd_finds_the_unit_little_exposed() -> None:
    done = _analyze("security", "--offline=true", f"--threshold={EXPOSED}", str(UNIT))

    assert done.returncode == 0, done.stdout


def _analyze(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, timeout=60, check=False
    )
