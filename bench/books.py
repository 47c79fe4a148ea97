"""The kernel's books: what a process has used."""

import os
import re
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process has had: user and system, of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_mb(pid: int) -> float:
    """Return its resident memory in MB, 10^6 bytes."""
    return kb(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Rss")


def kb(text: str, name: str) -> float:
    """Return a line ``Name: 12 kB`` in MB, 10^6 bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1]) * 1024 / 1e6
