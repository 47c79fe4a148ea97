"""Recordings of real members."""

from pathlib import Path

import zstandard

FOLDER = Path(__file__).parents[1] / "recorded"
METRICS = sorted(path.parent.name + "/" + path.name[:-8] for path in FOLDER.glob("metrics/*/*.zst"))
RAFTVARS = ("3.4.23", "3.5.1", "3.5.30")


def metrics(name: str) -> bytes:
    """Return a body of /metrics: ``3.5.30/member1``."""
    packed = (FOLDER / "metrics" / f"{name}.txt.zst").read_bytes()
    return zstandard.ZstdDecompressor().decompress(packed)


def raftvars(name: str) -> bytes:
    """Return a body of /debug/vars: ``3.5.30/leader``."""
    return (FOLDER / "raftvars" / f"{name}.json").read_bytes()
