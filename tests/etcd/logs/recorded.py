"""Logs of real members, two lines of each message; of one member of each version the whole log."""

import gzip
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "recorded" / "logs"
# "3.5.30.membership": version (and 3.4's format), scenario.
NAMES = sorted(path.name.removesuffix(".log.gz") for path in FOLDER.glob("*.log.gz"))
FORMATS = ("3.4.23-capnslog", "3.4.23-zap", "3.5.30", "3.6.14")
NOW = 1_795_700_000.0  # after all of them
# Those of faults in a lab: files that were damaged or rolled back, a name that does not resolve.
FAULTS = ("wal-rot", "db-rot", "rollback", "peer-name")


def lines(name: str) -> list[bytes]:
    """Return the lines of a recording."""
    return gzip.decompress((FOLDER / f"{name}.log.gz").read_bytes()).splitlines(keepends=True)
