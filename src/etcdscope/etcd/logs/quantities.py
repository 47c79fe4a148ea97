"""The quantities in etcd's messages: Go durations, times, and keys with their secrets left out."""

import re
from datetime import UTC, datetime

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)")
_KEY = re.compile(r'\bkey:"((?:[^"\\]|\\.)*)"')
_END = re.compile(r'\brange_end:"((?:[^"\\]|\\.)*)"')
_COUNT = re.compile(r"\brange_response_count:(\d+)")
_SIZE = re.compile(r"(?<!_)\bsize:(\d+)")
_LIMIT = re.compile(r"\blimit:(\d+)")
_TRACED_KEY = re.compile(r"\b(?:key|range_begin):(.*?); ")
_TRACED_END = re.compile(r"\brange_end:(.*?); ")
_TRACED_COUNT = re.compile(r"\bresponse_count:(\d+)")
# Where a name of people's own making may be cut without telling all of it.
_CUT = re.compile(r"[/:.\-_]")
_LONGEST = 24
_REGISTRIES = ("registry", "kubernetes.io", "openshift.io")
# Resources whose keys have one more level: services/specs, services/endpoints.
_NESTED = ("services",)


def duration(text: object) -> float | None:
    """Return the seconds of a Go duration such as 1m2.5s or 9.654µs, None for anything else."""
    if isinstance(text, bool):
        return None
    if isinstance(text, (int, float)):
        return float(text)
    if not isinstance(text, str) or not text:
        return None
    parts = _PART.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text.lstrip("-"):
        return None
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -total if text.startswith("-") else total


def moment(text: object) -> float | None:
    """Return unix seconds of an ISO 8601 time, or of a number; without a zone it is UTC."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return float(text)
    if not isinstance(text, str):
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def number(text: object) -> float | None:
    """Return a number, also one that was written as text."""
    try:
        return float(text) if isinstance(text, (int, float, str)) else None
    except ValueError:
        return None


class Asked:
    """What a request asked for and got, from etcd's text of it; no value and no whole key."""

    __slots__ = ("bytes", "entries", "limit", "operation", "prefix")

    def __init__(self, request: str, response: str = "") -> None:
        plain = request.replace('\\"', '"')
        key, end = _KEY.search(plain), _END.search(plain)
        self.prefix = prefix(key[1] if key else "", ranged=end is not None) if key or end else ""
        self.operation = _operation(plain)
        limit = _LIMIT.search(plain)
        self.limit = int(limit[1]) if limit else None
        count, size = _COUNT.search(response), _SIZE.search(response)
        self.entries = float(count[1]) if count else None
        self.bytes = float(size[1]) if size else None


def traced(detail: str) -> tuple[str, float | None]:
    """Return the prefix, and how many keys were given, of a trace's detail."""
    key, count = _TRACED_KEY.search(detail), _TRACED_COUNT.search(detail)
    end = _TRACED_END.search(detail)
    about = prefix(key[1], ranged=bool(end and end[1])) if key else ""
    return about, float(count[1]) if count else None


def _operation(request: str) -> str:
    for word, means in (
        ("txn:<", "txn"),
        ("compare:<", "txn"),
        ("put:<", "put"),
        ("delete_range:<", "delete"),
        ("compaction:<", "compaction"),
        ("lease_grant:<", "lease grant"),
        ("lease_revoke:<", "lease revoke"),
        ("value_size:", "put"),
    ):
        if word in request:
            return means
    return "range" if "key:" in request else ""


def prefix(key: str, *, ranged: bool = False) -> str:
    """Return so much of a key as may be told: a registry's resource, else its first part.

    Names of objects, Secrets among them, are never part of it.
    """
    if key in ("", "\\000", "\x00"):
        return "all keys" if ranged else ""
    parts = key.split("/")
    if key.startswith("/") and len(parts) > 2:
        if parts[1] in _REGISTRIES and len(parts) > 3:
            deep = 4 if "." in parts[2] or parts[2] in _NESTED else 3
            return "/".join(parts[: min(deep, len(parts) - 1)]) + "/"
        return f"/{parts[1][:_LONGEST]}/"
    head = _CUT.split(key.lstrip("/"), 1)[0]
    return f"{'/' * key.startswith('/')}{head[:_LONGEST]}…"
