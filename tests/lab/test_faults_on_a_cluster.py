"""Every fault, on one real cluster: did it happen, and is it undone?"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.lab.looks import (
    active,
    answers,
    connects,
    eventually,
    knows_leader,
    metric,
    put_seconds,
    raft,
    replicates,
    state,
)

from etcdscope.lab.children import run
from etcdscope.lab.cluster import Lab, LabError, LabSpec, LoadSpec, Member
from etcdscope.lab.faults import FAULTS
from etcdscope.lab.questions import status
from etcdscope.lab.spec import MIB

pytestmark = pytest.mark.etcd
on_the_shared_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Lab]:
    spec = LabSpec(network="namespaces", quota_bytes=16 * MIB, load=LoadSpec(rate=50))
    async with Lab.start(spec) as lab:
        yield lab


@pytest_asyncio.fixture(loop_scope="module")
async def lab(shared: Lab) -> AsyncIterator[Lab]:
    await shared.ready()
    yield shared
    await shared.heal()
    assert not (await shared.call("maintenance/alarm", action="GET")).get("alarms")


async def roles(lab: Lab) -> tuple[str, str, str]:
    """The leader and two followers."""
    leader = await lab.leader()
    one, other = (member.name for member in lab.members if member.name != leader)
    return leader, one, other


# ---- the process


@on_the_shared_loop
async def test_kill_ends_the_leader_and_heal_starts_it(lab: Lab) -> None:
    leader, follower, _ = await roles(lab)
    pid = lab.member(leader).pid

    fault = await lab.fault("kill")

    assert fault.members == (leader,)
    assert state(pid) == ""
    await eventually(lambda: has_other_leader(lab, follower, leader))
    await lab.heal(fault)
    await lab.ready()
    assert await lab.leader() != leader


async def has_other_leader(lab: Lab, witness: str, old: str) -> bool:
    return await knows_leader(lab, witness) not in {old, "", None}


@on_the_shared_loop
async def test_terminated_leader_hands_leadership_over(lab: Lab) -> None:
    leader, follower, _ = await roles(lab)

    await lab.fault("terminate")

    assert await knows_leader(lab, follower) not in {leader, ""}


@on_the_shared_loop
async def test_frozen_member_accepts_connections_and_does_not_answer(lab: Lab) -> None:
    _, follower, _ = await roles(lab)
    member = lab.member(follower)

    fault = await lab.fault("freeze", follower)

    await eventually(lambda: is_stopped(member))
    assert await connects(member)
    assert not await answers(lab, member)
    await lab.heal(fault)
    assert await answers(lab, member)


async def is_stopped(member: Member) -> bool:
    return state(member.pid) == "T"


@on_the_shared_loop
async def test_frozen_majority_leaves_the_rest_without_leader(lab: Lab) -> None:
    fault = await lab.fault("freeze", "majority")

    (left,) = (member.name for member in lab.members if member.name not in fault.members)

    await eventually(lambda: is_leaderless(lab, left))


async def is_leaderless(lab: Lab, name: str) -> bool:
    return await knows_leader(lab, name) == ""


@on_the_shared_loop
async def test_flap_freezes_one_leader_after_another(lab: Lab) -> None:
    before = [member.pid for member in lab.members]
    frozen: set[str] = set()

    async def seen_two() -> bool:
        frozen.update(member.name for member in lab.members if state(member.pid) == "T")
        return len(frozen) == 2

    await lab.fault("flap", stop_s=2.0, run_s=0.1)

    await eventually(seen_two)
    await lab.heal()
    assert all(state(pid) != "T" for pid in before)


@on_the_shared_loop
async def test_restart_loop_restarts(lab: Lab) -> None:
    _, follower, _ = await roles(lab)
    pids: set[int | None] = set()

    async def seen_three() -> bool:
        pids.add(lab.member(follower).pid)
        return len(pids - {None}) == 3

    await lab.fault("restart-loop", follower, down_s=0.1, up_s=0.3)

    await eventually(seen_three)
    await lab.heal()
    assert lab.member(follower).running


# ---- the network


@on_the_shared_loop
@pytest.mark.parametrize("name", ["isolate", "partition"])
async def test_cut_off_leader_is_replaced_and_still_speaks_to_clients(lab: Lab, name: str) -> None:
    leader, follower, _ = await roles(lab)

    await lab.fault(name)

    await eventually(lambda: is_leaderless(lab, leader))
    await eventually(lambda: has_other_leader(lab, follower, leader))
    assert await answers(lab, lab.member(leader))


@on_the_shared_loop
async def test_cut_pair_leaves_only_that_follower_without_leader(lab: Lab) -> None:
    leader, follower, third = await cut_from_its_leader(lab, "cut-pair")

    assert await knows_leader(lab, follower) == ""
    assert await knows_leader(lab, third) == leader
    assert await replicates(lab, leader, third)


@on_the_shared_loop
async def test_one_way_loss_of_packets_cuts_like_both_ways(lab: Lab) -> None:
    leader, follower, third = await cut_from_its_leader(lab, "one-way")

    assert await lags(lab, leader, follower)
    assert await active(lab, follower, leader) == 1
    assert await knows_leader(lab, third) == leader


async def cut_from_its_leader(lab: Lab, fault: str) -> tuple[str, str, str]:
    """Cut a follower from the leader, and wait until it knows none.

    A leader that gets no CPU for an election timeout, just then, loses its leadership, and if the
    third member wins it, which reaches both, nobody is ever without one: then once more.
    """
    for _ in range(4):
        leader, follower, third = await roles(lab)
        cut = await lab.fault(fault, [leader, follower])
        if await leaderless(lab, follower, leader, third):
            return leader, follower, third
        await lab.heal(cut)
        await lab.ready()
    raise AssertionError("leadership moved away four times in a row")


async def leaderless(lab: Lab, follower: str, leader: str, third: str) -> bool:
    """Wait until the follower knows no leader; False if leadership moved to somebody else."""
    moved = False

    async def settled() -> bool:
        nonlocal moved
        moved = await knows_leader(lab, third) not in {leader, "", None}
        return moved or await is_leaderless(lab, follower)

    await eventually(settled)
    return not moved


async def counts_inactive(lab: Lab, name: str, peer: str) -> bool:
    return await active(lab, name, peer) == 0


@on_the_shared_loop
async def test_one_way_loss_of_dialled_packets_stalls_and_recovers(lab: Lab) -> None:
    leader, follower, _ = await roles(lab)

    await lab.fault("one-way", [leader, follower], what="dialled")

    await eventually(lambda: lags(lab, leader, follower))
    await eventually(lambda: replicates(lab, leader, follower), within_s=25)
    assert await knows_leader(lab, follower) == leader


async def lags(lab: Lab, leader: str, follower: str) -> bool:
    return not await replicates(lab, leader, follower)


@on_the_shared_loop
async def test_one_way_loss_of_new_connections_degrades_only(lab: Lab) -> None:
    leader, follower, _ = await roles(lab)

    await lab.fault("one-way", [leader, follower], what="new")

    await eventually(lambda: counts_inactive(lab, leader, follower))
    await eventually(lambda: replicates(lab, leader, follower))
    assert await knows_leader(lab, follower) == leader
    assert await active(lab, follower, leader) == 1


@on_the_shared_loop
async def test_loss_makes_tcp_repeat_itself(lab: Lab) -> None:
    leader, *_ = await roles(lab)
    before = await retransmissions(lab, leader)

    await lab.fault("loss", leader, p=0.2)

    async def repeats() -> bool:
        return await retransmissions(lab, leader) > before + 20

    await eventually(repeats)


async def retransmissions(lab: Lab, name: str) -> int:
    inside = lab.network.inside(lab.member(name).place)
    counters = await run((*inside, "cat", "/proc/self/net/snmp"))
    names, values = (line.split() for line in counters.splitlines() if line.startswith("Tcp:"))
    return int(values[names.index("RetransSegs")])


@on_the_shared_loop
async def test_latency_delays_every_commit_by_the_round_trip(lab: Lab) -> None:
    leader, *_ = await roles(lab)
    quick = await quickest_put(lab, leader)

    await lab.fault("latency", leader, delay_s=0.08)

    assert 0.16 <= await quickest_put(lab, leader) < 0.16 + quick + 0.1
    await lab.heal()
    assert await quickest_put(lab, leader) < 0.08
    assert await pacers(lab, leader) == []


async def quickest_put(lab: Lab, name: str) -> float:
    return min([await put_seconds(lab, name) for _ in range(6)])


async def pacers(lab: Lab, name: str) -> list[str]:
    """The queues of the kernel that still have a listener at the member's place."""
    inside = lab.network.inside(lab.member(name).place)
    found = await run((*inside, "cat", "/proc/self/net/netfilter/nfnetlink_queue"))
    return found.splitlines()


@on_the_shared_loop
async def test_latency_in_one_direction_of_one_followers_traffic_spares_the_others(
    lab: Lab,
) -> None:
    leader, follower, third = await roles(lab)

    await lab.fault("latency", follower, delay_s=0.2, jitter_s=0.05, direction="in")

    async def trails() -> bool:
        said = (await raft(lab, leader))["progress"]
        ids = {name: lab.member(name).member_id for name in (leader, follower, third)}
        match = {name: int(said[member]["match"]) for name, member in ids.items()}
        return match[leader] - match[follower] >= 5 and match[leader] - match[third] <= 1

    await eventually(trails)
    assert await quickest_put(lab, leader) < 0.1


@on_the_shared_loop
async def test_bandwidth_lets_only_so_many_bytes_through(lab: Lab) -> None:
    leader, follower, _ = await roles(lab)

    await lab.fault("bandwidth", follower, bytes_per_s=20_000)
    value = "A" * 100_000
    for _ in range(3):
        await lab.call("kv/put", member=leader, key="YQ==", value=value)

    await eventually(lambda: lags(lab, leader, follower))
    await lab.heal()
    await eventually(lambda: replicates(lab, leader, follower), within_s=25)


@on_the_shared_loop
async def test_client_cut_hides_a_member_from_us_only(lab: Lab) -> None:
    leader, follower, _ = await roles(lab)

    await lab.fault("client-cut", follower)

    assert not await connects(lab.member(follower))
    assert await replicates(lab, leader, follower)


@on_the_shared_loop
async def test_client_cut_may_refuse(lab: Lab) -> None:
    _, follower, _ = await roles(lab)

    await lab.fault("client-cut", follower, how="reject")

    with pytest.raises(OSError, match="Connect call failed"):
        await connects(lab.member(follower))


@on_the_shared_loop
async def test_host_cut_hides_a_member_from_everybody(lab: Lab) -> None:
    leader, follower, _ = await roles(lab)

    await lab.fault("host-cut", leader)

    assert not await connects(lab.member(leader))
    await eventually(lambda: has_other_leader(lab, follower, leader))


# ---- the machine


@on_the_shared_loop
@pytest.mark.parametrize("files", ["all", "wal"])
async def test_slow_disk_of_the_leader_delays_every_put(lab: Lab, files: str) -> None:
    leader, *_ = await roles(lab)

    await lab.fault("slow-disk", leader, delay_s=0.2, files=files)

    assert await put_seconds(lab, leader) >= 0.2
    await lab.heal()
    await put_seconds(lab)  # what had queued up
    assert min([await put_seconds(lab) for _ in range(5)]) < 0.1


@on_the_shared_loop
async def test_hung_disk_of_the_leader_costs_it_leadership(lab: Lab) -> None:
    leader, follower, _ = await roles(lab)

    await lab.fault("disk-hang", leader)

    await eventually(lambda: has_other_leader(lab, follower, leader))
    await lab.heal()
    await lab.ready()


@on_the_shared_loop
async def test_member_with_a_cpu_quota_starves(lab: Lab) -> None:
    leader, *_ = await roles(lab)
    late = "etcd_server_heartbeat_send_failures_total"
    before = await metric(lab, leader, late)

    await lab.fault("cpu-quota", leader, fraction=0.02)

    async def starves() -> bool:
        group = throttled(lab, leader)
        return group > 10 and await metric(lab, leader, late) > before

    await eventually(starves)
    await lab.heal()
    assert groups(lab) == []


def groups(lab: Lab) -> Sequence[Path]:
    return [
        path
        for base in (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))
        for path in base.glob(f"etcdscope-lab-{lab.lab_id}-*")
    ]


def throttled(lab: Lab, name: str) -> int:
    (group,) = groups(lab)
    assert group.name.endswith(name)
    words = (group / "cpu.stat").read_text().split()
    return int(words[words.index("nr_throttled") + 1])


# ---- membership
# Before space: a new member replays the log, and would run over a small quota that was filled.


@on_the_shared_loop
async def test_learner_stays_one_until_it_is_healed_away(lab: Lab) -> None:
    (name,) = (await lab.fault("learner")).members

    said = await status(lab.gateway, lab.member(name))
    assert said
    assert said["isLearner"]
    await lab.heal()
    assert len((await lab.call("cluster/member/list"))["members"]) == 3


@on_the_shared_loop
@pytest.mark.parametrize(("name", "options"), [("unstarted", {}), ("learner", {"running": False})])
async def test_announced_member_never_comes(lab: Lab, name: str, options: dict[str, Any]) -> None:
    (added,) = (await lab.fault(name, **options)).members

    listed = (await lab.call("cluster/member/list"))["members"]
    (row,) = (row for row in listed if not row.get("name"))
    assert row.get("isLearner", False) is (name == "learner")
    assert f"{int(row['ID']):x}" == lab.member(added).member_id
    await lab.heal()
    assert len(lab.members) == 3


# ---- space


async def sizes(lab: Lab) -> tuple[int, int]:
    said = await lab.call("maintenance/status")
    return int(said["dbSize"]), int(said["dbSizeInUse"])


@on_the_shared_loop
async def test_fragmented_database_is_mostly_free(lab: Lab) -> None:
    fault = await lab.fault("fragment", bytes=8 * MIB)

    total, in_use = await sizes(lab)
    assert total > 8 * MIB
    assert in_use < total / 4
    await lab.heal(fault)
    total, _ = await sizes(lab)
    assert total < 4 * MIB


@on_the_shared_loop
async def test_full_quota_raises_the_alarm_and_heal_ends_it(lab: Lab) -> None:
    await lab.fault("quota")

    said = await status(lab.gateway, lab.member(await lab.leader()))
    assert said
    assert "NOSPACE" in str(said["errors"])
    await lab.heal()
    assert await put_seconds(lab) < 5


@on_the_shared_loop
async def test_nearly_full_quota_raises_none(lab: Lab) -> None:
    await lab.fault("quota-near", share=0.8)

    total, _ = await sizes(lab)
    assert 0.8 * 16 * MIB <= total < 16 * MIB
    assert await put_seconds(lab) < 5


@on_the_shared_loop
async def test_fill_goes_on_until_it_is_healed(lab: Lab) -> None:
    fault = await lab.fault("fill", bytes_per_s=2 * MIB)
    before, _ = await sizes(lab)
    await asyncio.sleep(2)

    after, _ = await sizes(lab)
    assert MIB < after - before < 8 * MIB
    await lab.heal(fault)
    total, _ = await sizes(lab)
    assert total < 4 * MIB


@on_the_shared_loop
async def test_uneven_leaves_one_member_with_a_large_file(lab: Lab) -> None:
    fault = await lab.fault("uneven", bytes=8 * MIB)

    by_member = {}
    for member in lab.members:
        said = await status(lab.gateway, member)
        assert said
        by_member[member.name] = int(said["dbSize"])
    (large,) = fault.members
    assert by_member.pop(large) > 6 * MIB
    assert max(by_member.values()) < 4 * MIB


@on_the_shared_loop
async def test_slow_snapshot_holds_a_read_transaction_open(lab: Lab) -> None:
    filled = await lab.fault("fill", bytes_per_s=10 * MIB)
    await asyncio.sleep(1.2)
    fault = await lab.fault("slow-snapshot")
    (name,) = fault.members

    async def held() -> bool:
        return (await metric(lab, name, "etcd_mvcc_db_open_read_transactions") or 0) > 1

    await eventually(held)
    await asyncio.sleep(1)
    assert await held()
    await lab.heal(fault)
    await lab.heal(filled)


# ---- the data


async def hashes(lab: Lab) -> dict[str, str]:
    """HashKV of every member at one revision."""
    revision = (await lab.call("maintenance/status"))["header"]["revision"]
    asked = {
        m.name: await lab.call("maintenance/hashkv", member=m.name, revision=revision)
        for m in lab.members
    }
    return {name: said["hash"] for name, said in asked.items()}


@on_the_shared_loop
async def test_diverged_member_has_another_hash_until_it_is_healed(lab: Lab) -> None:
    (name,) = (await lab.fault("diverge")).members

    said = await hashes(lab)
    mine = said.pop(name)
    assert len(set(said.values())) == 1
    assert mine not in said.values()
    await lab.heal()
    assert len(set((await hashes(lab)).values())) == 1


@on_the_shared_loop
async def test_member_with_other_users_shows_another_revision_until_it_is_healed(lab: Lab) -> None:
    async def revisions() -> set[float]:
        names = [member.name for member in lab.members]
        return {await metric(lab, name, "etcd_debugging_auth_revision") for name in names}

    before = await revisions()
    assert len(before) == 1
    await lab.fault("auth-diverge")
    assert await revisions() == before | {before.copy().pop() + 2}
    await lab.heal()
    assert await revisions() == before


@on_the_shared_loop
async def test_corrupt_alarm_refuses_writes_until_it_is_disarmed(lab: Lab) -> None:
    await lab.fault("corrupt")

    with pytest.raises(LabError, match="corrupt cluster"):
        await put_seconds(lab)
    await lab.heal()
    assert await put_seconds(lab) < 5


@on_the_shared_loop
async def test_wiped_member_is_a_cluster_of_its_own_until_its_data_is_back(lab: Lab) -> None:
    (name,) = (await lab.fault("wipe")).members

    async def alone() -> bool:
        said = await status(lab.gateway, lab.member(name))
        return said is not None and int(said["header"]["revision"]) < 10

    await eventually(alone)
    await lab.heal()
    await lab.ready()
    said = await lab.call("maintenance/status", member=name)
    assert f"{int(said['header']['member_id']):x}" == lab.member(name).member_id


async def test_restored_cluster_has_an_older_revision() -> None:
    async with Lab.start(LabSpec(members=2)) as lab:
        before = int((await lab.call("maintenance/status"))["header"]["revision"])
        ids = [member.member_id for member in lab.members]

        await lab.fault("restore", writes=20)

        after = int((await lab.call("maintenance/status"))["header"]["revision"])
        assert after < before + 20
        assert [member.member_id for member in lab.members] != ids


@on_the_shared_loop
async def test_advertised_url_stands_in_the_member_list_until_it_is_healed(lab: Lab) -> None:
    _, follower, _ = await roles(lab)

    await lab.fault("advertise", follower, url="http://127.0.0.1:9999")

    assert await client_urls(lab, follower) == ["http://127.0.0.1:9999"]
    assert await answers(lab, lab.member(follower))
    await lab.heal()
    assert await client_urls(lab, follower) == [lab.member(follower).client_url]


async def client_urls(lab: Lab, name: str) -> list[str]:
    rows = (await lab.call("cluster/member/list"))["members"]
    (urls,) = (row["clientURLs"] for row in rows if row.get("name") == name)
    return [str(url) for url in urls]


def test_no_fault_was_forgotten() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_faults*.py"))

    assert [name for name in FAULTS if f'"{name}"' not in text] == []


@on_the_shared_loop
async def test_raft_terms_show_that_the_cluster_was_left_well(lab: Lab) -> None:
    terms = await asyncio.gather(*(raft(lab, member.name) for member in lab.members))

    assert len({said["term"] for said in terms}) == 1
