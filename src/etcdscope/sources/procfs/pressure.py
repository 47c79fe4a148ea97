"""Pressure stall information: for how long tasks waited (Linux 4.20, if it was built in)."""


def waited(pressure: bytes) -> float | None:
    """Return for how many seconds some task has waited since boot; None without PSI."""
    for line in pressure.splitlines():
        if line.startswith(b"some "):
            _, _, total = line.rpartition(b"total=")
            return int(total) / 1e6 if total.isdigit() else None
    return None
