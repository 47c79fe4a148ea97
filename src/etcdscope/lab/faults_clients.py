"""Faults of clients: who asks too much, too often, too large, or does not listen.

Their load is bounded: at most a few hundred requests or connections a second. All clients are one
process that ends with heal; what they wrote is deleted, what they leased is revoked.
"""

import asyncio
import json
import sys
from asyncio.subprocess import Process
from dataclasses import asdict
from typing import Any, Final

from etcdscope.lab import client_process
from etcdscope.lab.children import end, spawn
from etcdscope.lab.gateway import after, encoded
from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.spec import KIB, LabError

PREFIX: Final = "/lab/clients/"
BEGIN_S: Final = 60.0
# etcd bounds a transaction to 1.5 MiB, so this many writes of a few bytes.
MOST_OPERATIONS: Final = 5_000


@fault("requests-too-large", target="all", bytes=1_600 * KIB, rate=5.0)
async def requests_too_large(on: Injection) -> None:
    """Put a value over etcd's limit of 1.5 MiB again and again; refused each time."""
    await _clients(on, "put_large")


@fault("requests-wrong", target="all", rate=60.0)
async def requests_wrong(on: Injection) -> None:
    """Put without a key again and again; refused each time."""
    await _clients(on, "put_wrong")


@fault("transactions-huge", target="all", operations=128, bytes=64, rate=10.0)
async def transactions_huge(on: Injection) -> None:
    """Write many keys in each transaction; over 128 the lab needs a larger --max-txn-ops."""
    if on.number("operations") > MOST_OPERATIONS:
        raise LabError(f"transactions-huge: at most {MOST_OPERATIONS} operations")
    await _clients(on, "write_huge")


@fault("hot-key", target="all", bytes=256, rate=200.0)
async def hot_key(on: Injection) -> None:
    """Write one key over and over."""
    await _clients(on, "write_hot")


@fault("txn-conflicts", target="all", rate=150.0)
async def txn_conflicts(on: Injection) -> None:
    """Many clients try to create one key that exists: every compare fails."""
    await _clients(on, "conflict")


@fault("list-storm", target="all", keys=1_500, bytes=1 * KIB, rate=20.0)
async def list_storm(on: Injection) -> None:
    """Range over all keys without a limit, again and again."""
    await _clients(on, "list_all")


@fault("leases-pile", target="all", rate=250.0, ttl_s=3_600)
async def leases_pile(on: Injection) -> None:
    """Grant leases that nobody uses and nobody revokes; heal revokes all leases of the lab."""
    on.undo.push_async_callback(_revoke_all, on)
    await _clients(on, "grant")


@fault("leases-expire", target="all", count=1_200, rate=300.0, pause_s=10.0)
async def leases_expire(on: Injection) -> None:
    """Grant leases with a key each that all end in the same second, again and again."""
    on.undo.push_async_callback(_revoke_all, on)
    await _clients(on, "expire")


@fault("watchers-slow", target="follower", watches=8, bytes=32 * KIB, rate=50.0)
async def watchers_slow(on: Injection) -> None:
    """Open watches and read nothing of them, while what they watch is written."""
    await _clients(on, "watch_slowly")


@fault("reads-compacted", target="follower", rate=5.0)
async def reads_compacted(on: Injection) -> None:
    """Ask for a revision that is compacted, again and again."""
    await _clients(on, "read_compacted")


@fault("connection-churn", target="follower", rate=200.0)
async def connection_churn(on: Injection) -> None:
    """Dial, ask one question, hang up, and again."""
    await _clients(on, "connect")


async def _clients(on: Injection, do: str) -> None:
    on.undo.push_async_callback(_forget, on)
    process = await _start(on, do)
    on.undo.push_async_callback(end, process)
    on.begins()


async def _start(on: Injection, do: str) -> Process:
    """Start the clients, and wait until they say that they have begun."""
    lab = on.lab
    spec: dict[str, Any] = {**on.options, "do": do, "prefix": PREFIX}
    spec["endpoints"] = [member.client_url for member in on.targets]
    if lab.certificates:
        spec |= {name: str(path) for name, path in asdict(lab.certificates).items()}
    program = (sys.executable, "-I", "-S", client_process.__file__)
    log = lab.directory / "clients.log"
    process = await spawn(program, lab_id=lab.lab_id, log=log, talk=True)
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps(spec).encode() + b"\n")
    try:
        async with asyncio.timeout(BEGIN_S):
            said = await process.stdout.readline()
    except BaseException:
        await end(process)
        raise
    if not said:
        await end(process)
        raise LabError(f"{do}: the clients did not begin; see {log}")
    return process


async def _forget(on: Injection) -> None:
    prefix = PREFIX.encode()
    await on.lab.call("kv/deleterange", key=encoded(prefix), range_end=encoded(after(prefix)))


async def _revoke_all(on: Injection) -> None:
    """The clients are gone, and in a lab nobody else has leases."""
    await end(await _start(on, "revoke"))


KINDS = (
    requests_too_large,
    requests_wrong,
    transactions_huge,
    hot_key,
    txn_conflicts,
    list_storm,
    leases_pile,
    leases_expire,
    watchers_slow,
    reads_compacted,
    connection_churn,
)
