"""A cluster that was really judged: readings of three members through the real step."""

from collections.abc import Sequence

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.step import State, step
from etcdscope.model.cluster import Member, MemberList
from etcdscope.model.incident import Effect
from etcdscope.model.reading import Histogram, Observation, Reading
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    APPLIED_INDEX,
    CLUSTER_ID,
    COMMITTED_INDEX,
    DB_BYTES,
    DB_IN_USE_BYTES,
    LEADER,
    LINEARIZABLE_SECONDS,
    MEMBER_LIST,
    PEER_RTT,
    PEER_SENT_BYTES,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    QUOTA_BYTES,
    RAFT_LEAD,
    RAFT_STATE,
    RAFT_TERM,
    STATUS_SECONDS,
    VERSION,
    WAL_FSYNC,
)

NAMES = {"a1": "m1", "b2": "m2", "c3": "m3"}
URLS = {one: f"http://10.0.0.{i}:2379" for i, one in enumerate(NAMES, 1)}
MEMBERS = MemberList(
    tuple(Member(i, name, (f"http://10.0.0.{i}:2380",), (URLS[i],)) for i, name in NAMES.items())
)
LEADS = "b2"
BEGAN = 1_795_330_000.0


def status(member: str, at: float, *, index: int = 100, size: float = 10e6) -> Reading:
    seen = (
        Observation(CLUSTER_ID, "cdf8"),
        Observation(VERSION, "3.5.30"),
        Observation(LEADER, LEADS),
        Observation(COMMITTED_INDEX, float(index)),
        Observation(APPLIED_INDEX, float(index)),
        Observation(DB_BYTES, size),
        Observation(DB_IN_USE_BYTES, size / 2),
        Observation(STATUS_SECONDS, 0.002),
    )
    return Reading("status", URLS[member], at, member=member, observations=seen)


def raftvars(member: str, at: float, *, index: int = 100) -> Reading:
    leads = member == LEADS
    progress = [
        fact
        for peer in NAMES
        for fact in (
            Observation(PROGRESS_MATCH, float(index), peer),
            Observation(PROGRESS_STATE, "replicate", peer),
        )
    ]
    seen = (
        Observation(RAFT_STATE, "leader" if leads else "follower"),
        Observation(RAFT_TERM, 14.0),
        Observation(RAFT_LEAD, LEADS),
        *(progress if leads else ()),
    )
    return Reading("raftvars", URLS[member], at, member=member, observations=seen)


def metrics(member: str, at: float, scrapes: int) -> Reading:
    fsyncs = 100.0 * scrapes
    peers = [
        fact
        for peer in NAMES
        if peer != member
        for fact in (
            Observation(ACTIVE_PEERS, 1.0, peer),
            Observation(PEER_SENT_BYTES, 5_000.0 * scrapes, peer),
            Observation(PEER_RTT, Histogram((0.001, float("inf")), (scrapes, scrapes),
                                            0.0004 * scrapes), peer),
        )
    ]  # fmt: skip
    seen = (
        Observation(QUOTA_BYTES, 2e9),
        Observation(WAL_FSYNC, Histogram((0.001, 0.002, float("inf")), (0.0, fsyncs, fsyncs),
                                         0.0015 * fsyncs)),
        *peers,
    )  # fmt: skip
    return Reading("metrics", URLS[member], at, member=member, observations=seen)


def readings(at: float, second: int, *, without: str = "") -> list[Reading]:
    """Return what one second of looks brings."""
    found: list[Reading] = []
    for member in NAMES:
        if member == without:
            continue
        index = 100 + 10 * second
        found += [status(member, at, index=index), raftvars(member, at, index=index)]
        probe = (Observation(LINEARIZABLE_SECONDS, 0.003 if member == "a1" else 0.001),)
        found.append(Reading("probe", URLS[member], at, member=member, observations=probe))
        lists = (Observation(MEMBER_LIST, MEMBERS),)
        found.append(Reading("members", URLS[member], at, member=member, observations=lists))
        if second % 5 == 0:
            found.append(metrics(member, at, second // 5 + 1))
    return found


def watched(seconds: int, begin: float = BEGAN) -> tuple[State, Sequence[Effect]]:
    """Return the state after so many healthy seconds, and what was told."""
    state, told = State(DETECTORS), list[Effect]()
    for second in range(seconds + 1):
        state, effects = step(state, readings(begin + second, second), begin + second)
        told += effects
    return state, told
