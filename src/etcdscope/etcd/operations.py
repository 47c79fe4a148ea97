"""Operations on keys, as values; and the messages that they become."""

from dataclasses import dataclass

from etcdscope.etcd.proto import Message, message

_RESULTS = {"=": "EQUAL", ">": "GREATER", "<": "LESS", "!=": "NOT_EQUAL"}
_TARGETS = {
    "version": "VERSION",
    "create_revision": "CREATE",
    "mod_revision": "MOD",
    "value": "VALUE",
    "lease": "LEASE",
}


@dataclass(frozen=True, slots=True)
class Get:
    """Read a key, or with ``range_end`` all from ``key`` up to it."""

    key: bytes
    range_end: bytes = b""
    limit: int = 0
    keys_only: bool = False
    count_only: bool = False


@dataclass(frozen=True, slots=True)
class Put:
    """Write a key; ``lease`` is a hex id."""

    key: bytes
    value: bytes
    lease: str = ""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a key, or with ``range_end`` all from ``key`` up to it."""

    key: bytes
    range_end: bytes = b""


Operation = Get | Put | Delete


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition: ``target`` is version, create_revision, mod_revision, value or lease.

    ``version`` 0 means that the key does not exist. ``result``: =, !=, < or >.
    """

    key: bytes
    target: str
    value: int | bytes
    result: str = "="


def prefix_end(prefix: bytes) -> bytes:
    r"""Return the ``range_end`` of all keys that begin so; ``\0``, all keys, for no prefix."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\0"


def lease_number(lease: str) -> int:
    """Return the number of a hex lease id; 0 for none."""
    return int(lease, 16) if lease else 0


def request_op(operation: Operation) -> Message:
    """Return the operation as a part of a transaction."""
    op = message("RequestOp")
    if isinstance(operation, Get):
        fields = {name: getattr(operation, name) for name in Get.__slots__}
        return op(request_range=message("RangeRequest")(**fields))
    if isinstance(operation, Put):
        put = message("PutRequest")
        lease = lease_number(operation.lease)
        return op(request_put=put(key=operation.key, value=operation.value, lease=lease))
    delete = message("DeleteRangeRequest")(key=operation.key, range_end=operation.range_end)
    return op(request_delete_range=delete)


def compare(condition: Compare) -> Message:
    """Return the condition as a part of a transaction."""
    return message("Compare")(
        key=condition.key,
        result=_RESULTS[condition.result],
        target=_TARGETS[condition.target],
        **{condition.target: condition.value},
    )
