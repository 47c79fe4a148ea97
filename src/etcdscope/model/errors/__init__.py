"""The errors of etcd and of what surrounds it, by text, by code and by number.

``requests``, ``cluster`` and ``users`` hold the v3 errors, ``v2`` those of the old API, ``around``
what clients, gRPC, TLS and the API server say, ``codes`` gRPC's codes themselves.
"""

import re
from functools import cache
from typing import Final

from etcdscope.model.errors.around import AROUND
from etcdscope.model.errors.cluster import AVAILABILITY, DOWNGRADE, LEAKED, MEMBERSHIP
from etcdscope.model.errors.codes import BY_METRIC_NAME, BY_NAME, CODES, Code
from etcdscope.model.errors.entry import KnownError
from etcdscope.model.errors.requests import KEYS, LEASES, LOAD
from etcdscope.model.errors.users import AUTH
from etcdscope.model.errors.v2 import V2

V3: tuple[KnownError, ...] = (*KEYS, *LEASES, *LOAD, *MEMBERSHIP, *AVAILABILITY, *AUTH, *DOWNGRADE)
ALL: tuple[KnownError, ...] = (*V3, *LEAKED, *AROUND, *V2)

# A text of one or two common words says nothing within a longer line.
_TELLING: Final = 12
# How the v2 API and its clients print: {"errorCode":100,…} and "100: Key not found (/foo) [12]".
_V2_LINE: Final = re.compile(r"errorcode\D{1,4}(\d{3})\b|^(?:error:\s*)?(\d{3}):\s")


def in_text(text: str) -> KnownError | None:
    """Return the error that a line quotes, however long the line; of several, the longest.

    Neither case, nor "etcdserver: " and "mvcc: ", nor the kind of quotes matter.
    """
    said, whole = _plain(text), _tidy(text)
    if (v2 := _V2_LINE.search(whole)) and (known := by_number(int(v2[1] or v2[2]))):
        return known
    exact = [e for e in ALL if _tidy(e.text) == whole] or [e for bare, e in _bare() if bare == said]
    if exact:
        return exact[0]
    quoted = [
        (len(bare), e)
        for bare, e in _bare()
        if (len(bare) >= _TELLING and bare in said)
        or (_tidy(e.text) != bare and _tidy(e.text) in whole)
    ]
    return max(quoted, key=lambda q: q[0], default=(0, None))[1]


def by_number(number: int) -> KnownError | None:
    """Return the v2 error with that number."""
    return next((e for e in V2 if e.number == number), None)


def by_code(name: str, call: str = "") -> tuple[KnownError, ...]:
    """Return the v3 errors that come with a gRPC code, those of one method first."""
    said = [e for e in (*V3, *LEAKED) if name in (e.code, e.was)]
    of_call = [e for e in said if call and call in e.calls]
    return tuple(of_call or [e for e in said if not call or not e.calls])


def code(word: str) -> Code | None:
    """Return gRPC's code by its name, its metric's name or its number."""
    tidy = re.sub(r"[^a-z]", "", word.lower().removeprefix("codes."))
    if word.strip().isdigit():
        return next((c for c in CODES if c.number == int(word)), None)
    names = {"canceled": "cancelled"}
    tidy = names.get(tidy, tidy)
    return next((c for c in CODES if tidy and tidy == re.sub("_", "", c.name).lower()), None)


def bare_text(error: KnownError) -> str:
    """Return the text as people quote it: in small letters, without etcd's prefixes."""
    return _plain(error.text)


@cache
def _bare() -> tuple[tuple[str, KnownError], ...]:
    return tuple((bare_text(e), e) for e in ALL)


def _plain(text: str) -> str:
    small = _tidy(text)
    for prefix in ("etcdserver: ", "mvcc: ", "raft: "):
        small = small.removeprefix(prefix).replace(f" {prefix}", " ")
    return small.strip(" .'")


def _tidy(text: str) -> str:
    return " ".join(text.lower().replace("\\", "").replace('"', "").split())


__all__ = [
    "ALL",
    "AROUND",
    "BY_METRIC_NAME",
    "BY_NAME",
    "CODES",
    "LEAKED",
    "V2",
    "V3",
    "Code",
    "KnownError",
    "bare_text",
    "by_code",
    "by_number",
    "code",
    "in_text",
]
