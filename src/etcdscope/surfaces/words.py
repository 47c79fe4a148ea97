"""Numbers and names in words that people read: 412 ms, 1.2 GB, almost certain, m1."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from math import isfinite

from etcdscope.model.finding import Subject

# Below so many seconds: the unit's worth, its digits, its name.
_SPANS: tuple[tuple[float, float, int, str], ...] = (
    (1e-9, 1e-3, 0, "ms"),
    (0.00095, 1e-3, 1, "ms"),
    (0.9995, 1e-3, 0, "ms"),
    (9.95, 1.0, 1, "s"),
    (119.5, 1.0, 0, "s"),
    (7170.0, 60.0, 0, "min"),
    (48 * 3600.0, 3600.0, 1, "h"),
    (float("inf"), 86400.0, 0, "d"),
)
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def duration(seconds: float) -> str:
    """Return a span as people say it: 0.4 ms, 412 ms, 1.4 s, 38 s, 9 min, 3.5 h, 12 d."""
    if not isfinite(seconds):
        return "for ever"
    _, worth, digits, unit = next(span for span in _SPANS if abs(seconds) < span[0])
    return f"{seconds / worth:.{digits}f} {unit}"


def size(octets: float) -> str:
    """Return a number of bytes in decimal units, as etcdctl does: 20 kB, 1.2 GB."""
    for worth, unit in _SIZES:
        if abs(octets) >= worth * 0.9995:
            number = octets / worth
            return f"{number:.1f} {unit}" if abs(number) < 9.95 else f"{number:.0f} {unit}"
    return f"{octets:.0f} B"


def count(number: float) -> str:
    """Return a number with its thousands apart; decimals only where it has some."""
    if not isfinite(number):
        return "without end"
    if number != int(number):
        return f"{number:.3g}"
    return f"{int(number):,}".replace(",", " ")


def share(part: float, whole: float) -> str:
    """Return a part in per cent of the whole."""
    percent = 100 * part / whole
    return "< 1 %" if 0 < percent < 0.5 else f"{percent:.0f} %"


def value(number: float | str, unit: str, zone: tzinfo | None = None) -> str:
    """Return a measured value with its unit; words stay words."""
    if isinstance(number, str):
        return number or "none"
    if unit == "unix s":
        return f"{moment(number, zone):%Y-%m-%d %H:%M}"
    if unit in _SAID:
        return _SAID[unit](number)
    return f"{count(number)} {unit}"


_SAID: Mapping[str, Callable[[float], str]] = {
    "s": duration,
    "B": size,
    "ratio": lambda number: share(number, 1),
    "": count,
    "count": count,
}


def certainty(confidence: float) -> str:
    """Return how sure we are, in words."""
    if confidence >= 0.9:
        return "almost certain"
    return "likely" if confidence >= 0.7 else "one of several possible causes"


def moment(at: float, zone: tzinfo | None = None) -> datetime:
    """Return unix seconds as a time of that zone; of this machine's where none is given."""
    return datetime.fromtimestamp(at, UTC).astimezone(zone)


def clock(at: float, zone: tzinfo | None = None) -> str:
    """Return the time of day."""
    return f"{moment(at, zone):%H:%M:%S}"


def day(at: float, zone: tzinfo | None = None) -> str:
    """Return the date."""
    return f"{moment(at, zone):%Y-%m-%d}"


def about(subject: Subject, names: Mapping[str, str]) -> str:
    """Return what a subject is called."""
    one = called(subject.name, names)
    said = {
        "cluster": "the cluster",
        "self": "etcdscope",
        "member": one,
        "link": f"{one} → {called(subject.to, names)}",
        "endpoint": subject.name,
    }
    return said.get(subject.kind) or f"{subject.kind} {subject.name}"


def called(member: str, names: Mapping[str, str]) -> str:
    """Return the name of a member, or its id while it has none."""
    return names.get(member) or member


def host(endpoint: str) -> str:
    """Return an endpoint without its scheme."""
    return endpoint.removeprefix("https://").removeprefix("http://")


def listed(words: Iterable[str]) -> str:
    """Return ``a, b and c``."""
    *most, last = [*words] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def spoken(name: str) -> str:
    """Return a signal's name as words: ``wal_fsync_p90`` is "WAL fsync p90"."""
    capitals = {"wal": "WAL", "db": "database", "rtt": "RTT", "grpc": "gRPC", "fds": "descriptors"}
    return " ".join(capitals.get(word, word) for word in name.split("_"))
