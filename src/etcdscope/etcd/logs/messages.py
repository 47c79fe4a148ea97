"""The known messages of etcd 3.4 to 3.6: what each means, and which detectors it is a witness of.

One row a kind. ``says`` are zap's messages as they stand in etcd's source; a pattern (``~…``) is
one with numbers in it, raft's own lines, or what 3.4 writes as text. Named groups of a pattern are
fields of the event. What is in no row is counted, message by message, as unknown.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from etcdscope.etcd.logs.known import ROWS
from etcdscope.model import logs

_UNKNOWN_MEANS = "etcdscope does not know this message"


@dataclass(frozen=True, slots=True)
class Known:
    """One kind of message. ``matters``: it belongs on a timeline for people."""

    kind: str
    means: str
    witnesses: tuple[str, ...] = ()
    matters: bool = False
    says: tuple[str, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = field(default=(), repr=False)


def _known() -> Iterator[Known]:
    for kind, row in ROWS.items():
        exact = tuple(text for text in row.says if not text.startswith("~"))
        patterns = tuple(re.compile(text[1:]) for text in row.says if text.startswith("~"))
        yield Known(kind, row.means, row.witnesses, row.matters, exact, patterns)


TABLE: dict[str, Known] = {known.kind: known for known in _known()}
TABLE[logs.UNKNOWN] = Known(logs.UNKNOWN, _UNKNOWN_MEANS)
_BY_TEXT = {text: known for known in TABLE.values() for text in known.says}
_PATTERNS = tuple((p, known) for known in TABLE.values() for p in known.patterns)

# An error decides over the message that carries it, where the message is only the way it came.
_NO_SPACE = "no space left on device"
# net.DNSError as Go writes it: "lookup m2.example on 10.0.0.1:53: no such host".
# Whatever it says behind the name: no such record, or no server that would know.
LOOKUP = re.compile(r"\blookup (?P<host>[^\s:]+)(?: on \S+)?: (?!operation was canceled)")
_COMPACTED = "required revision has been compacted"
_CARRIERS = frozenset({"peer-unreachable", "peer-inactive", "peer-disconnected", "host-resolved"})


_DENIED = "permission denied"
_FILES = frozenset({logs.WAL_CORRUPT, logs.BACKEND_CORRUPT})
# Messages that only say that the process ends; their error says why.
_ENDS = frozenset({"start-failed", "server-error", "panic", logs.UNKNOWN})
_SAYS_MORE = _FILES | {logs.RAFT_STATE_LOST, logs.SELF_REMOVED, "inconsistent-start"}


def recognise(text: str) -> tuple[Known, dict[str, str]]:
    """Return what a message is, and the fields that stand in it; kind ``unknown`` if none."""
    if (known := _BY_TEXT.get(text)) is not None:
        return known, {}
    for pattern, known in _PATTERNS:
        if match := pattern.search(text):
            return known, {k: v for k, v in match.groupdict().items() if v is not None}
    return TABLE[logs.UNKNOWN], {}


def refined(kind: str, text: str, error: str, operation: str) -> tuple[str, str]:
    """Return the kind that an error makes of a message, and the host that did not resolve."""
    said = f"{text} {error}" if error else text
    if _NO_SPACE in said:
        return logs.DISK_FULL, ""
    if (kind in _CARRIERS or kind == logs.UNKNOWN) and (match := LOOKUP.search(said)):
        return logs.PEER_NAME_UNRESOLVED, match["host"]
    if _COMPACTED in said and operation != "compaction":
        return logs.REVISION_COMPACTED, ""
    if kind in _FILES and _DENIED in said:  # the file may be whole: it was not looked at
        return "start-failed", ""
    if kind in _ENDS and error and (inner := recognise(error)[0].kind) in _SAYS_MORE:
        return inner, ""
    return kind, ""
