"""What an etcd was told at its start: where its data are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from etcdscope.sources.procfs.files import Files

_DATA = "data directory"
_SETTING = rb"^\s*%s\s*:\s*[\"']?([^\"'#\n]+?)[\"']?\s*$"
# k3s keeps its etcd below its own data directory (pkg/etcd in k3s).
_K3S = "/var/lib/rancher/k3s/server/db/etcd"


@dataclass(frozen=True, slots=True)
class Command:
    """Where the data and the WAL are, as the process itself sees its files."""

    data_dir: str
    wal_dir: str


def command(files: Files, pid: int) -> Command:
    """Return what command line, environment and configuration file say."""
    argv = [word.decode(errors="replace") for word in files.of(pid, "cmdline").split(b"\0")]
    said = flags(argv)
    environ = files.of(pid, "environ", _DATA) if "data-dir" not in said else b""
    variables = _variables(environ)
    filed = said.get("config-file", variables.get("config-file", ""))
    if filed:  # then etcd ignores flags and environment
        text = files.read(f"{files.proc}/{pid}/root{_absolute(files, pid, filed)}", _DATA)
        names = ("data-dir", "wal-dir", "name")
        said = {name: value for name in names if (value := _setting(text, name))}
    else:
        said = {**variables, **said}
    usual = _K3S if "k3s" in argv[0] else f"{said.get('name', 'default')}.etcd"
    data = _absolute(files, pid, said.get("data-dir", usual))
    wal = said.get("wal-dir", "")
    return Command(data, _absolute(files, pid, wal) if wal else f"{data}/member/wal")


def flags(argv: list[str]) -> dict[str, str]:
    """Read Go's flags: one dash or two, the value after = or as the next word."""
    found = {}
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            found[name] = value if equals else following
    return found


def _variables(environ: bytes) -> Mapping[str, str]:
    words = (word.decode(errors="replace") for word in environ.split(b"\0"))
    pairs = (word.removeprefix("ETCD_").partition("=") for word in words if word[:5] == "ETCD_")
    return {name.lower().replace("_", "-"): value for name, _, value in pairs}


def _setting(text: bytes, name: str) -> str:
    found = re.search(_SETTING % name.encode(), text, re.MULTILINE)
    return found[1].decode(errors="replace") if found else ""


def _absolute(files: Files, pid: int, path: str) -> str:
    if path.startswith("/"):
        return path
    folder = files.link(f"{files.proc}/{pid}/cwd", _DATA)
    return f"{folder}/{path}" if folder else ""
