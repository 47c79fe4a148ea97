"""Alertmanager as Debian packs it, able to run where its package is unpacked but not installed."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPLATES = Path("/usr/share/prometheus/alertmanager")


@contextmanager
def runnable(program: Path) -> Iterator[Path]:
    """Give an Alertmanager that finds its templates.

    It opens them by Debian's absolute path, built in. A copy gets another of that length.
    """
    if TEMPLATES.exists() or not (templates := program.parents[2] / str(TEMPLATES)[1:]).exists():
        yield program
        return
    with tempfile.TemporaryDirectory(prefix="am-", dir="/tmp") as folder:
        (Path(folder) / "t").symlink_to(templates)
        built_in = str(TEMPLATES).encode()
        elsewhere = f"{folder}/t".encode().ljust(len(built_in), b"/")
        copy = Path(folder) / "alertmanager"
        copy.write_bytes(program.read_bytes().replace(built_in, elsewhere))
        copy.chmod(0o700)
        yield copy
