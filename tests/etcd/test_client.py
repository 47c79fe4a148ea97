"""Every call against real releases of etcd."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator

import pytest
from tests.etcd.conftest import Etcd, Pki, Start, security
from tests.etcd.test_presence import tls_arguments

from etcdscope.etcd.answers import Deleted, Keys
from etcdscope.etcd.certificates import presented_certificate
from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.endpoint import parse_endpoint
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.http import HttpClient
from etcdscope.etcd.operations import Compare, Delete, Get, Put, prefix_end
from etcdscope.etcd.proto import method
from etcdscope.etcd.settings import Security
from etcdscope.lab.certificates import Certificates
from etcdscope.model.cluster import Alarm
from etcdscope.model.reading import Failure

pytestmark = pytest.mark.etcd


@pytest.fixture
async def client(etcd: Etcd) -> AsyncIterator[EtcdClient]:
    async with EtcdClient(etcd.client_url) as client:
        yield client


async def test_what_a_member_is(client: EtcdClient, etcd: Etcd) -> None:
    status = await client.status()
    listed = await client.membership()

    assert status.version == etcd.version
    assert status.leader == status.member_id == listed.header.member_id
    assert status.db_bytes > 0
    assert 0 < (status.raft_applied_index or 0) <= status.raft_index
    assert [member.id for member in listed.list.members] == [status.member_id]
    assert listed.list.members[0].client_urls == (etcd.client_url,)
    assert not listed.list.linearizable


async def test_a_member_list_is_confirmed_where_the_version_can(
    client: EtcdClient, series: str
) -> None:
    assert (await client.members(linearizable=True)).linearizable is (series != "3.4")


async def test_keys_are_written_read_and_deleted(client: EtcdClient) -> None:
    lease = await client.lease_grant(60)
    written = await client.put(b"/a/1", b"one", lease.id)
    await client.put(b"/a/2", b"\0\xff")

    keys = await client.get(b"/a/", range_end=prefix_end(b"/a/"), limit=1, serializable=True)
    assert (keys.count, keys.more, len(keys.kvs)) == (2, True, 1)
    assert (keys.kvs[0].value, keys.kvs[0].lease) == (b"one", lease.id)
    assert keys.kvs[0].mod_revision == written.revision
    assert (await client.get(b"/a/1", keys_only=True)).kvs[0].value == b""
    assert (await client.get(b"\0", range_end=b"\0", count_only=True)).count == 2
    assert (await client.get(b"/none")).kvs == ()
    assert await client.leases() == (lease.id,)
    assert (await client.lease_keep_alive_once(lease.id)).ttl_seconds == 60
    await client.lease_revoke(lease.id)
    assert (await client.lease_keep_alive_once(lease.id)).ttl_seconds == 0
    assert (await client.delete(b"/a/", range_end=prefix_end(b"/a/"))).count == 1


async def test_a_transaction_takes_one_of_two_ways(client: EtcdClient) -> None:
    new = [Compare(b"k", "version", 0)]

    first = await client.txn(new, [Put(b"k", b"1")], [Get(b"k")])
    second = await client.txn(new, [Put(b"k", b"2")], [Get(b"k"), Delete(b"k")])

    assert first.succeeded
    assert not second.succeeded
    got, deleted = second.results
    assert isinstance(got, Keys)
    assert got.kvs[0].value == b"1"
    assert isinstance(deleted, Deleted)
    assert deleted.count == 1


async def test_a_watch_tells_what_happens(client: EtcdClient) -> None:
    begin = await client.put(b"w/0", b"0")
    seen = []
    watching = client.watch(
        b"w/", range_end=prefix_end(b"w/"), start_revision=begin.revision, prev_kv=True
    )
    async with contextlib.aclosing(watching):
        async for answer in watching:
            if answer.created:
                await client.put(b"w/0", b"1")
                await client.delete(b"w/0")
            seen += [
                (event.kind, event.kv.value, event.previous and event.previous.value)
                for event in answer.events
            ]
            if len(seen) == 3:
                break

    assert seen == [("put", b"0", None), ("put", b"1", b"0"), ("delete", b"", b"1")]


async def test_a_watch_of_what_is_compacted_is_cancelled(client: EtcdClient) -> None:
    for number in range(5):
        last = await client.put(b"k", b"%d" % number)
    await client.compact(last.revision, physical=True)

    *_, end = [answer async for answer in client.watch(b"k", start_revision=2)]

    assert end.cancelled
    assert end.compact_revision == last.revision
    with pytest.raises(EtcdError, match="has been compacted") as caught:
        await client.get(b"k", revision=2)
    assert caught.value.failure is Failure.REJECTED
    assert caught.value.code == "etcdserver: mvcc: required revision has been compacted"


async def test_maintenance(client: EtcdClient, series: str) -> None:
    await client.put(b"k", b"v" * 100_000)
    hashed = await client.hash_kv()
    assert hashed.hash
    assert hashed.compact_revision in {-1, 0}
    assert hashed.hash_revision is None

    snapshot = b"".join([piece async for piece in client.snapshot()])
    assert hashlib.sha256(snapshot[:-32]).digest() == snapshot[-32:]

    await client.defragment()
    assert await client.alarms() == ()
    with pytest.raises(EtcdError) as caught:
        await client.move_leader("1234")
    assert caught.value.code == "etcdserver: bad leader transferee"
    if series == "3.4":
        with pytest.raises(EtcdError) as unknown:
            await client.auth_status()
        assert unknown.value.failure is Failure.UNSUPPORTED
    else:
        assert not (await client.auth_status()).enabled


async def test_membership_is_changed(client: EtcdClient) -> None:
    added = await client.member_add(["http://127.0.0.1:9"], learner=True)
    learner = next(member for member in added.list.members if member.is_learner)
    assert not learner.started

    moved = await client.member_update(learner.id, ["http://127.0.0.1:10"])
    assert "http://127.0.0.1:10" in {url for it in moved.list.members for url in it.peer_urls}
    with pytest.raises(EtcdError, match="learner") as caught:
        await client.member_promote(learner.id)
    assert caught.value.failure is Failure.REJECTED
    assert len((await client.member_remove(learner.id)).list.members) == 1


async def test_an_alarm_is_seen_and_disarmed(start_etcd: Start) -> None:
    etcd = start_etcd("--quota-backend-bytes=65536")
    async with EtcdClient(etcd.client_url) as client:
        puts = (client.put(b"k%d" % number, b"x" * 10_000) for number in range(50))
        await asyncio.gather(*puts, return_exceptions=True)
        await asyncio.sleep(0.5)  # etcd looks at the file, which grows with the next commit
        with pytest.raises(EtcdError) as caught:
            await client.put(b"k", b"x")
        assert caught.value.failure is Failure.REJECTED
        assert caught.value.code == "etcdserver: mvcc: database space exceeded"
        status = await client.status()
        assert await client.alarms() == (Alarm("NOSPACE", status.member_id),)
        assert any("NOSPACE" in error for error in status.errors)
        await client.disarm(Alarm("NOSPACE", status.member_id))
        assert await client.alarms() == ()


async def test_the_gateway_answers_the_same(client: EtcdClient, series: str) -> None:
    await client.put(b"\0k\xff", b"v" * 1000)
    await asyncio.sleep(0.5)  # until a new cluster has also applied its version
    gateway = client._call._gateway
    calls: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("Maintenance", "Status", {}),
        ("KV", "Range", {"key": b"\0k\xff"}),
        ("Cluster", "MemberList", {}),
        ("Maintenance", "Alarm", {"action": "GET"}),
        ("Lease", "LeaseLeases", {}),
        ("Maintenance", "HashKV", {}),
    )
    for service, name, fields in calls[:-1] if series == "3.4" else calls:
        rpc = method(service, name)
        direct = await client._call.unary(service, name, **fields)
        assert await gateway.unary(rpc, rpc.request(**fields), "") == direct, name
    if series == "3.4":  # whose gateway has no way to HashKV
        hashed = method("Maintenance", "HashKV")
        with pytest.raises(EtcdError) as unknown:
            await gateway.unary(hashed, hashed.request(), "")
        assert unknown.value.failure is Failure.UNSUPPORTED
    wrong = method("KV", "Range")
    with pytest.raises(EtcdError) as caught:
        await gateway.unary(wrong, wrong.request(key=b"k", revision=99), "")
    assert caught.value.code == "etcdserver: mvcc: required revision is a future revision"


async def test_a_plain_etcd_called_with_tls_and_back(start_etcd: Start, pki: Pki) -> None:
    plain = start_etcd()
    secret = start_etcd(*tls_arguments(pki), scheme="https")
    ours = security(pki.client)
    for url in (plain.client_url.replace("http:", "https:"), secret.client_url.replace("s:", ":")):
        async with EtcdClient(url, ours) as client, HttpClient(ours) as http:
            with pytest.raises(EtcdError) as over_grpc:
                await client.status()
            with pytest.raises(EtcdError) as over_http:
                await http.get(f"{url}/metrics", max_bytes=1 << 20)
        failures = [over_grpc.value.failure, over_http.value.failure]
        assert failures == [Failure.TLS_MISMATCH] * 2, url


async def test_etcd_that_wants_a_certificate(start_etcd: Start, pki: Pki) -> None:
    etcd = start_etcd(*tls_arguments(pki), scheme="https")
    ca = pki.server.ca

    async def outcome(how: Security) -> object:
        async with EtcdClient(etcd.client_url, how) as client:
            try:
                return (await client.status()).transport
            except EtcdError as error:
                return error.failure

    def showing(certificates: Certificates, ca: object = ca) -> Security:
        return security(certificates, ca=ca)  # type: ignore[arg-type]

    assert await outcome(showing(pki.client)) == "grpc"
    assert await outcome(Security(ca)) is Failure.TLS_REJECTED
    assert await outcome(showing(pki.stranger)) is Failure.TLS_REJECTED
    assert await outcome(showing(pki.expired_client)) is Failure.TLS_EXPIRED
    assert await outcome(showing(pki.client, pki.stranger.ca)) is Failure.TLS_UNTRUSTED
    for url in (etcd.client_url, etcd.peer_url):
        at = parse_endpoint(url)
        assert (await presented_certificate(at.host, at.port, Security())).subject == "server"


async def test_an_expired_certificate_can_be_skipped_through_the_gateway(
    start_etcd: Start, pki: Pki
) -> None:
    shown = pki.expired_server
    files = (f"--cert-file={shown.cert}", f"--key-file={shown.key}")
    etcd = start_etcd(*files, scheme="https", peer_scheme="http")
    async with EtcdClient(etcd.client_url, Security(insecure_skip_tls_verify=True)) as client:
        assert (await client.status()).transport == "gateway"
    async with EtcdClient(etcd.client_url, Security(shown.ca)) as client:
        with pytest.raises(EtcdError) as caught:
            await client.status()
    assert caught.value.failure is Failure.TLS_EXPIRED


async def test_users_are_told_apart(etcd: Etcd) -> None:
    etcd.post("auth/user/add", {"name": "root", "password": "hunter2"})
    etcd.post("auth/user/add", {"name": "guest", "password": "guest"})
    etcd.post("auth/role/add", {"name": "root"})
    etcd.post("auth/user/grant", {"user": "root", "role": "root"})
    async with EtcdClient(etcd.client_url, Security(user="root", password="hunter2")) as root:
        await root.put(b"k", b"v")  # nobody asks yet
        etcd.post("auth/enable", {})
        assert (await root.get(b"k")).count == 1  # now somebody does
        assert (await root.hash_kv()).hash
        assert await _failure_of(etcd, Security()) is Failure.UNAUTHENTICATED
        wrong = Security(user="root", password="hunter3")
        assert await _failure_of(etcd, wrong) is Failure.UNAUTHENTICATED
        guest = Security(user="guest", password="guest")
        assert await _failure_of(etcd, guest) is Failure.PERMISSION_DENIED
        await root.put(b"k", b"w")


async def _failure_of(etcd: Etcd, how: Security) -> Failure:
    async with EtcdClient(etcd.client_url, how) as client:
        with pytest.raises(EtcdError) as caught:
            await client.get(b"k")
    assert "hunter" not in repr(caught.value)
    return caught.value.failure


async def test_a_token_outlives_a_restart_of_auth(etcd: Etcd) -> None:
    """Any change of users makes etcd call older tokens old."""
    etcd.post("auth/user/add", {"name": "root", "password": "hunter2"})
    etcd.post("auth/role/add", {"name": "root"})
    etcd.post("auth/user/grant", {"user": "root", "role": "root"})
    etcd.post("auth/enable", {})
    how = Security(user="root", password="hunter2")
    async with EtcdClient(etcd.client_url, how) as client:
        await client.get(b"k")
        token = str(
            etcd.post("auth/authenticate", {"name": "root", "password": "hunter2"})["token"]
        )
        etcd.post("auth/user/add", {"name": "new", "password": "new"}, token)
        await asyncio.gather(*(client.get(b"k") for _ in range(5)))
