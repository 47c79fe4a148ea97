"""Faults of the network between members, and between members and clients.

Every rule stands in the namespace of the member it is about, before (OUTPUT) or behind (INPUT) its
cable; so who sends and who receives is never in doubt.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from etcdscope.lab.injection import Injection, fault
from etcdscope.lab.member import Member
from etcdscope.lab.network import CLIENT_PORT, METRICS_PORT, PEER_PORT, Rule
from etcdscope.lab.spec import LabError

RuleFor = Callable[[str], Rule]

# Long enough for every stream to carry a message, and be reset by it.
RESET_S: Final = 0.5
CLIENT_PORTS: Final = f"{CLIENT_PORT},{METRICS_PORT}"


async def _block(on: Injection, rules: Iterable[tuple[Member, Rule]]) -> None:
    """Put rules where they belong, at (nearly) the same time."""
    by_member: dict[str, tuple[Member, list[Rule]]] = {}
    for member, rule in rules:
        by_member.setdefault(member.name, (member, []))[1].append(rule)
    network = on.lab.network

    async def block(member: Member, its: list[Rule]) -> None:
        await network.block(member.place, its)
        on.undo.push_async_callback(network.unblock, member.place, its)

    await network.arm()
    on.begins()
    await asyncio.gather(*(block(member, its) for member, its in by_member.values()))


def _both_ways(here: Member, there: Iterable[Member]) -> list[tuple[Member, Rule]]:
    rules: list[tuple[Member, Rule]] = []
    for other in there:
        rules.append((here, ("OUTPUT", "-d", other.address, "-j", "DROP")))
        rules.append((here, ("INPUT", "-s", other.address, "-j", "DROP")))
    return rules


@fault("isolate", target="leader", needs="namespaces")
async def isolate(on: Injection) -> None:
    """Cut each target off from all other members, both ways; clients still reach it."""
    everybody = on.lab.members
    rules = [
        rule
        for member in on.targets
        for rule in _both_ways(member, (other for other in everybody if other is not member))
    ]
    await _block(on, rules)


@fault("partition", target="leader", needs="namespaces")
async def partition(on: Injection) -> None:
    """Split the members in two groups, the targets and the others, that do not hear each other."""
    await _block(on, [rule for one in on.targets for rule in _both_ways(one, on.others)])


@fault("forced-alone", target="follower", needs="namespaces")
async def forced_alone(on: Injection) -> None:
    """Cut a member off and start it with --force-new-cluster; healed by a new member in its place.

    So does who takes it for the only one that is left. It leads alone and takes writes, and so do
    the others: two histories under one cluster id.
    """
    (member,) = on.targets
    on.undo.push_async_callback(on.lab.replace_member, member.name)
    await _block(on, _both_ways(member, on.others))
    on.undo.push_async_callback(member.kill)  # before the others hear of it
    await member.stop()
    member.with_flags("--force-new-cluster")
    on.begins()
    await member.start()


@fault("cut-pair", target="leader,follower", needs="namespaces")
async def cut_pair(on: Injection) -> None:
    """Cut the link between two members, both ways; a third one still hears both."""
    one, other = _pair(on)
    await _block(on, _both_ways(one, [other]))


@fault("one-way", target="leader,follower", needs="namespaces", what="packets")
async def one_way(on: Injection) -> None:
    """Hinder what the first target (A) sends to the second (B); three kinds, unlike each other.

    In rafthttp the receiver dials: B's messages to A travel on connections that A dialled.
    Observed on etcd 3.4 and 3.5, three members, fifty puts a second:
    what=packets: every IP packet A to B is lost, so connections of both directions die. With A the
    leader, B is leaderless after an election timeout and campaigns for pre-votes for ever (the
    third member ignores them, its lease is not expired); A's progress[B] stands still. A's
    active_peers for B falls to 0, and its peer_sent_failures rise, only when its socket to B is
    full: after 5 to 10 s at that load, later with less; B's active_peers for A stays 1. Healed, TCP
    takes up to 10 s to try again.
    what=dialled: packets to B's peer port only. B's stream of messages to A stalls: progress[B]
    stands still for 5 to 15 s, until B's write times out and B falls back to its own POSTs, which
    work; then raft is well again, while A's prober of B reports i/o timeouts for as long as it
    lasts. With B the leader, A is leaderless for those seconds.
    what=new: connections are reset once, then only new ones A to B are lost (SYN): B falls back to
    POSTs at once and raft goes on without a hitch, but A counts B as inactive (active_peers 0).
    """
    one, other = _pair(on)
    to_peer = ("OUTPUT", "-d", other.address, "-p", "tcp", "--dport", str(PEER_PORT))
    drops: dict[str, Rule] = {
        "packets": ("OUTPUT", "-d", other.address, "-j", "DROP"),
        "dialled": (*to_peer, "-j", "DROP"),
        "new": (*to_peer, "--syn", "-j", "DROP"),
    }
    what = on.text("what")
    if what not in drops:
        raise LabError(f"one-way: what={what}: write {', '.join(drops)}")
    await _block(on, [(one, drops[what])])
    if what == "new":
        reset = (*to_peer, "-j", "REJECT", "--reject-with", "tcp-reset")
        await on.lab.network.block(one.place, [reset])
        try:
            await asyncio.sleep(RESET_S)
        finally:
            await on.lab.network.unblock(one.place, [reset])


@fault("loss", target="leader", needs="namespaces", p=0.2, direction="both")
async def loss(on: Injection) -> None:
    """Lose a share p of the packets between each target and all other members.

    direction=out: only what the target sends; in: only what it receives; both. All are lost where
    they arrive: of what a host's own firewall drops on the way out TCP is told, and sends it again
    at once.
    """
    sides = {"out": (False,), "in": (True,), "both": (False, True)}
    if on.text("direction") not in sides:
        raise LabError(f"loss: direction={on.text('direction')}: write {', '.join(sides)}")
    if not 0 < on.number("p") <= 1:
        raise LabError(f"loss: p={on.number('p')}: write a share above 0, at most 1")
    chance = ("-m", "statistic", "--mode", "random", "--probability", f"{on.number('p'):.6f}")
    pairs = [
        (member, other) if arrives else (other, member)
        for member in on.targets
        for other in on.lab.members
        if other is not member and other.program
        for arrives in sides[on.text("direction")]
    ]
    await _block(
        on,
        [(here, ("INPUT", "-s", there.address, *chance, "-j", "DROP")) for here, there in pairs],
    )


@fault("client-cut", target="leader", needs="namespaces", how="drop")
async def client_cut(on: Injection) -> None:
    """Make the client port unreachable from outside; the other members still hear the target.

    how=drop: silence; reject: connections are refused at once.
    """
    verdicts: dict[str, Rule] = {
        "drop": ("DROP",),
        "reject": ("REJECT", "--reject-with", "tcp-reset"),
    }
    if on.text("how") not in verdicts:
        raise LabError(f"client-cut: how={on.text('how')}: write {', '.join(verdicts)}")
    ports = ("-p", "tcp", "-m", "multiport", "--dports", CLIENT_PORTS)
    source = ("-s", on.lab.network.observer)
    verdict = ("-j", *verdicts[on.text("how")])
    await _block(on, [(member, ("INPUT", *source, *ports, *verdict)) for member in on.targets])


@fault("host-cut", target="leader", needs="namespaces")
async def host_cut(on: Injection) -> None:
    """Pull the cable: neither members nor clients reach the target, and it reaches nobody."""
    cut = [("INPUT", "-i", "eth0", "-j", "DROP"), ("OUTPUT", "-o", "eth0", "-j", "DROP")]
    await _block(on, [(member, rule) for member in on.targets for rule in cut])


def _pair(on: Injection) -> tuple[Member, Member]:
    if len(on.targets) != 2:
        raise LabError(f"this fault is between two members: write e.g. m1,m2, not {on.asked!r}")
    return on.targets[0], on.targets[1]


KINDS = (isolate, partition, forced_alone, cut_pair, one_way, loss, client_cut, host_cut)
