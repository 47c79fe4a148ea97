"""What etcd answers, as frozen values; and how a message becomes one.

Ids are hex without leading zeros, sizes bytes. A number that a proto3 answer leaves out is 0,
unless the member's version does not know the field: then it is None.
"""

import re
from dataclasses import dataclass

from etcdscope.etcd.proto import Message
from etcdscope.model.cluster import Alarm, Member, MemberList

_VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Header:
    """Who answered and what it knew. ``revision`` is 0 where the call does not touch keys."""

    cluster_id: str
    member_id: str
    revision: int
    raft_term: int


@dataclass(frozen=True, slots=True)
class Status:
    """Maintenance.Status of one member.

    ``leader`` is empty where the member knows none. ``raft_term`` is the term of the last applied
    entry. ``errors``: raised alarms and "etcdserver: no leader", as etcd says them.
    """

    cluster_id: str
    member_id: str
    revision: int
    version: str
    db_bytes: int
    db_in_use_bytes: int | None
    leader: str
    raft_index: int
    raft_applied_index: int | None
    raft_term: int
    is_learner: bool
    errors: tuple[str, ...] = ()
    db_quota: int | None = None
    storage_version: str | None = None
    downgrade_to: str = ""  # the version that a downgrade under way aims at
    transport: str = "grpc"


@dataclass(frozen=True, slots=True)
class Membership:
    """A member list and who gave it."""

    header: Header
    list: MemberList


@dataclass(frozen=True, slots=True)
class HashKV:
    """The hash of all keys up to ``hash_revision`` (None before 3.6: that which was asked for)."""

    header: Header
    hash: int
    compact_revision: int
    hash_revision: int | None


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One key. ``lease`` is a hex id, empty where none is attached."""

    key: bytes
    value: bytes
    create_revision: int
    mod_revision: int
    version: int
    lease: str = ""


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of a range. ``count``: all in the range; ``more``: the limit cut some off."""

    header: Header
    kvs: tuple[KeyValue, ...]
    count: int
    more: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many keys were deleted."""

    header: Header
    count: int


@dataclass(frozen=True, slots=True)
class TxnResult:
    """Whether all comparisons held, and what the operations of that branch gave, in order."""

    header: Header
    succeeded: bool
    results: tuple[Header | Keys | Deleted, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """A granted or prolonged lease. ``ttl_seconds`` 0 from a keep-alive: it is gone."""

    header: Header
    id: str
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class Event:
    """One change. ``kind``: put or delete."""

    kind: str
    kv: KeyValue
    previous: KeyValue | None = None


@dataclass(frozen=True, slots=True)
class WatchAnswer:
    """What a watch says. ``compact_revision``: where it was cancelled for being too old."""

    header: Header
    events: tuple[Event, ...] = ()
    created: bool = False
    cancelled: bool = False
    compact_revision: int = 0
    cancel_reason: str = ""


@dataclass(frozen=True, slots=True)
class AuthStatus:
    """Whether users are asked for, and the revision of what they may."""

    header: Header
    enabled: bool
    revision: int


def version_of(text: str) -> tuple[int, int]:
    """Return major and minor; (0, 0) where the text is no version."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def hex_id(number: int) -> str:
    """Return an id as etcd prints it; "" for 0, which is nobody."""
    return f"{number:x}" if number else ""


def header(message: Message) -> Header:
    """Read the header that every answer carries."""
    it = message.header
    return Header(hex_id(it.cluster_id), hex_id(it.member_id), it.revision, it.raft_term)


def status(message: Message, transport: str = "grpc") -> Status:
    """Read a StatusResponse."""
    head, version = header(message), version_of(message.version)
    return Status(
        cluster_id=head.cluster_id,
        member_id=head.member_id,
        revision=head.revision,
        version=message.version,
        db_bytes=message.dbSize,
        db_in_use_bytes=message.dbSizeInUse if version >= (3, 4) else None,
        leader=hex_id(message.leader),
        raft_index=message.raftIndex,
        raft_applied_index=message.raftAppliedIndex if version >= (3, 4) else None,
        raft_term=message.raftTerm,
        is_learner=message.isLearner,
        errors=tuple(message.errors),
        db_quota=message.dbSizeQuota if version >= (3, 6) else None,
        storage_version=message.storageVersion if version >= (3, 6) else None,
        downgrade_to=message.downgradeInfo.targetVersion if message.downgradeInfo.enabled else "",
        transport=transport,
    )


def membership(message: Message, *, linearizable: bool) -> Membership:
    """Read any answer that carries ``members``."""
    members = tuple(member(row) for row in message.members)
    return Membership(header(message), MemberList(members, linearizable))


def member(row: Message) -> Member:
    """Read one row of a member list."""
    return Member(
        hex_id(row.ID), row.name, tuple(row.peerURLs), tuple(row.clientURLs), row.isLearner
    )


def alarms(message: Message) -> tuple[Alarm, ...]:
    """Read an AlarmResponse; a kind that we do not know keeps its number."""
    kinds = {0: "NONE", 1: "NOSPACE", 2: "CORRUPT"}
    return tuple(
        Alarm(kinds.get(row.alarm, str(row.alarm)), hex_id(row.memberID)) for row in message.alarms
    )


def hash_kv(message: Message, version: tuple[int, int]) -> HashKV:
    """Read a HashKVResponse of a member of that version."""
    hashed = message.hash_revision if version >= (3, 6) else None
    return HashKV(header(message), message.hash, message.compact_revision, hashed)


def key_value(kv: Message) -> KeyValue:
    """Read one key with its value."""
    return KeyValue(
        kv.key, kv.value, kv.create_revision, kv.mod_revision, kv.version, hex_id(kv.lease)
    )


def keys(message: Message) -> Keys:
    """Read a RangeResponse."""
    found = tuple(key_value(kv) for kv in message.kvs)
    return Keys(header(message), found, message.count, message.more)


def txn(message: Message) -> TxnResult:
    """Read a TxnResponse."""
    results = tuple(_result(row) for row in message.responses)
    return TxnResult(header(message), message.succeeded, results)


def _result(row: Message) -> Header | Keys | Deleted:
    match row.WhichOneof("response"):
        case "response_range":
            return keys(row.response_range)
        case "response_delete_range":
            return Deleted(header(row.response_delete_range), row.response_delete_range.deleted)
    return header(row.response_put)


def lease(message: Message) -> Lease:
    """Read a LeaseGrantResponse or LeaseKeepAliveResponse."""
    return Lease(header(message), hex_id(message.ID), message.TTL)


def watched(message: Message) -> WatchAnswer:
    """Read a WatchResponse."""
    events = tuple(
        Event(
            "delete" if event.type else "put",
            key_value(event.kv),
            key_value(event.prev_kv) if event.HasField("prev_kv") else None,
        )
        for event in message.events
    )
    return WatchAnswer(
        header(message),
        events,
        message.created,
        message.canceled,
        message.compact_revision,
        message.cancel_reason,
    )
