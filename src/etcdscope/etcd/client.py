"""One etcd endpoint: its calls as Python methods."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Self

from etcdscope.etcd import answers, mvcc, operations
from etcdscope.etcd.answers import (
    AuthStatus,
    Deleted,
    HashKV,
    Header,
    Keys,
    Lease,
    Membership,
    Status,
    TxnResult,
    WatchAnswer,
)
from etcdscope.etcd.caller import Caller
from etcdscope.etcd.endpoint import parse_endpoint
from etcdscope.etcd.failures import told
from etcdscope.etcd.mvcc import Page, Stored
from etcdscope.etcd.operations import Compare, Operation, lease_number
from etcdscope.etcd.proto import message
from etcdscope.etcd.settings import Security
from etcdscope.model.cluster import Alarm, MemberList
from etcdscope.model.reading import Failure

_NONE = Security()


class EtcdClient:
    """Calls one endpoint, over gRPC or, where that is blocked, etcd's JSON gateway.

    ``deadline_seconds`` travels with each call to the server, except with those that may rightly
    last (defragment, compact, streams); callers wrap these in ``asyncio.timeout``.
    Errors: SettingsError for an endpoint that is none, EtcdError from every call.
    """

    def __init__(
        self, endpoint: str, security: Security = _NONE, *, deadline_seconds: float = 2.0
    ) -> None:
        self.endpoint = parse_endpoint(endpoint, tls=bool(security.files))
        self._call = Caller(self.endpoint, security, deadline_seconds)
        self._version: tuple[int, int] | None = None

    @property
    def transport(self) -> str:
        """Return what calls go through now: ``grpc`` or ``gateway``."""
        return self._call.transport

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._call.aclose()

    # ---- what the member is

    async def status(self) -> Status:
        """Return what the member says of itself."""
        answer = await self._call.unary("Maintenance", "Status")
        status = answers.status(answer, self.transport)
        self._version = answers.version_of(status.version)
        return status

    async def members(self, linearizable: bool = False) -> MemberList:
        """Return the members as this one sees them, or with ``linearizable`` as a quorum does."""
        return (await self.membership(linearizable)).list

    async def membership(self, linearizable: bool = False) -> Membership:
        """Return the members and who answered. Before 3.5 every answer is a member's own view."""
        confirmed = linearizable and await self._known_version() >= (3, 5)
        answer = await self._call.unary("Cluster", "MemberList", linearizable=confirmed)
        return answers.membership(answer, linearizable=confirmed)

    async def alarms(self) -> tuple[Alarm, ...]:
        """Return the raised alarms. This is a Raft proposal: it needs a quorum and writes."""
        return answers.alarms(await self._call.unary("Maintenance", "Alarm", action="GET"))

    async def hash_kv(self, revision: int = 0) -> HashKV:
        """Return the hash of all keys up to ``revision`` (0: now). Needs root where auth is on."""
        version = await self._known_version()
        answer = await self._call.unary("Maintenance", "HashKV", revision=revision)
        return answers.hash_kv(answer, version)

    async def auth_status(self) -> AuthStatus:
        """Return whether users are asked for; UNSUPPORTED before 3.5."""
        answer = await self._call.unary("Auth", "AuthStatus")
        return AuthStatus(answers.header(answer), answer.enabled, answer.authRevision)

    async def _known_version(self) -> tuple[int, int]:
        if self._version is None:
            await self.status()
        return self._version or (0, 0)

    # ---- keys

    async def get(
        self,
        key: bytes,
        *,
        range_end: bytes = b"",
        serializable: bool = False,
        limit: int = 0,
        revision: int = 0,
        keys_only: bool = False,
        count_only: bool = False,
        **filters: int,
    ) -> Keys:
        """Read keys; ``filters``: other fields of RangeRequest, such as ``min_mod_revision``."""
        answer = await self._call.unary(
            "KV",
            "Range",
            key=key,
            range_end=range_end,
            serializable=serializable,
            limit=limit,
            revision=revision,
            keys_only=keys_only,
            count_only=count_only,
            **filters,
        )
        return answers.keys(answer)

    async def page(
        self,
        key: bytes,
        range_end: bytes,
        *,
        limit: int,
        revision: int = 0,
        keys_only: bool = False,
        count_only: bool = False,
    ) -> Page:
        """Read keys as this member has them: sizes and how values begin, never the values."""
        answer = await self._call.unparsed(
            "KV",
            "Range",
            key=key,
            range_end=range_end,
            serializable=True,
            limit=limit,
            revision=revision,
            keys_only=keys_only,
            count_only=count_only,
        )
        try:
            page = mvcc.page(answer)
        except mvcc.GarbledError as error:
            raise told(Failure.NOT_ETCD, self.endpoint.address, f"it gave {error}") from None
        return page._replace(keys=self._checked(page.keys))

    def _checked(self, keys: Iterator[Stored]) -> Iterator[Stored]:
        try:
            yield from keys
        except mvcc.GarbledError as error:
            raise told(Failure.NOT_ETCD, self.endpoint.address, f"it gave {error}") from None

    async def put(self, key: bytes, value: bytes, lease: str = "") -> Header:
        """Write a key; ``lease`` is a hex id."""
        answer = await self._call.unary(
            "KV", "Put", key=key, value=value, lease=lease_number(lease)
        )
        return answers.header(answer)

    async def delete(self, key: bytes, *, range_end: bytes = b"") -> Deleted:
        """Delete a key or a range."""
        answer = await self._call.unary("KV", "DeleteRange", key=key, range_end=range_end)
        return Deleted(answers.header(answer), answer.deleted)

    async def txn(
        self,
        compare: Sequence[Compare],
        success: Sequence[Operation] = (),
        failure: Sequence[Operation] = (),
    ) -> TxnResult:
        """Do ``success`` if all comparisons hold, else ``failure``, in one revision."""
        answer = await self._call.unary(
            "KV",
            "Txn",
            compare=[operations.compare(condition) for condition in compare],
            success=[operations.request_op(operation) for operation in success],
            failure=[operations.request_op(operation) for operation in failure],
        )
        return answers.txn(answer)

    async def compact(self, revision: int, *, physical: bool = False) -> Header:
        """Forget history before ``revision``; ``physical`` waits until it is gone from disk."""
        answer = await self._call.lasting("KV", "Compact", revision=revision, physical=physical)
        return answers.header(answer)

    async def watch(
        self,
        key: bytes,
        *,
        range_end: bytes = b"",
        start_revision: int = 0,
        prev_kv: bool = False,
        progress_notify: bool = False,
        fragment: bool = False,
    ) -> AsyncGenerator[WatchAnswer, None]:
        """Yield what happens to keys, beginning with ``created``; ends when it is cancelled."""
        create = message("WatchCreateRequest")(
            key=key,
            range_end=range_end,
            start_revision=start_revision,
            prev_kv=prev_kv,
            progress_notify=progress_notify,
            fragment=fragment,
        )
        async for answer in self._call.stream("Watch", "Watch", create_request=create):
            seen = answers.watched(answer)
            yield seen
            if seen.cancelled:
                return

    # ---- leases

    async def lease_grant(self, ttl_seconds: int, lease: str = "") -> Lease:
        """Grant a lease; etcd raises too short a TTL to a few election timeouts."""
        answer = await self._call.unary(
            "Lease", "LeaseGrant", TTL=ttl_seconds, ID=lease_number(lease)
        )
        return answers.lease(answer)

    async def lease_revoke(self, lease: str) -> Header:
        """End a lease and delete its keys."""
        answer = await self._call.unary("Lease", "LeaseRevoke", ID=lease_number(lease))
        return answers.header(answer)

    async def lease_keep_alive_once(self, lease: str) -> Lease:
        """Prolong a lease; ``ttl_seconds`` 0 means that it is gone."""
        answers_of = self._call.stream("Lease", "LeaseKeepAlive", ID=lease_number(lease))
        try:
            async for answer in answers_of:
                return answers.lease(answer)
        finally:
            await answers_of.aclose()
        raise told(Failure.CLOSED, self.endpoint.address)

    async def leases(self) -> tuple[str, ...]:
        """Return the hex ids of all leases."""
        answer = await self._call.unary("Lease", "LeaseLeases")
        return tuple(answers.hex_id(row.ID) for row in answer.leases)

    # ---- maintenance

    async def defragment(self) -> None:
        """Rebuild the member's database file; it serves nothing meanwhile."""
        await self._call.lasting("Maintenance", "Defragment")

    async def snapshot(self) -> AsyncGenerator[bytes, None]:
        """Yield the member's database in pieces; the last 32 bytes are a SHA-256 of the rest."""
        async for answer in self._call.download("Maintenance", "Snapshot"):
            yield answer.blob

    async def move_leader(self, to: str) -> Header:
        """Hand leadership to the member with this hex id; only the leader can."""
        answer = await self._call.unary("Maintenance", "MoveLeader", targetID=int(to, 16))
        return answers.header(answer)

    async def disarm(self, alarm: Alarm) -> tuple[Alarm, ...]:
        """Take back one alarm; return what was disarmed."""
        answer = await self._call.unary(
            "Maintenance",
            "Alarm",
            action="DEACTIVATE",
            memberID=int(alarm.member or "0", 16),
            alarm=alarm.kind,
        )
        return answers.alarms(answer)

    # ---- membership

    async def member_add(self, peer_urls: Sequence[str], *, learner: bool = False) -> Membership:
        """Add a member that will be started later; the list is the one afterwards."""
        return await self._change("MemberAdd", peerURLs=list(peer_urls), isLearner=learner)

    async def member_remove(self, member: str) -> Membership:
        """Remove the member with this hex id."""
        return await self._change("MemberRemove", ID=int(member, 16))

    async def member_promote(self, member: str) -> Membership:
        """Make a voter of the learner with this hex id."""
        return await self._change("MemberPromote", ID=int(member, 16))

    async def member_update(self, member: str, peer_urls: Sequence[str]) -> Membership:
        """Change where the others reach the member with this hex id."""
        return await self._change("MemberUpdate", ID=int(member, 16), peerURLs=list(peer_urls))

    async def _change(self, name: str, **fields: object) -> Membership:
        answer = await self._call.unary("Cluster", name, **fields)
        return answers.membership(answer, linearizable=True)
