"""What separates an expert's diagnosis: each fault beside its look-alikes, and none is confused.

A row is a story in short: what happens to a cluster of m1 (the leader), m2 and m3, and the one
cause that is named for it, beside notes; what is merely likely may be told first. The numbers are
those of the catalogue's list of separators.
"""

import pytest
from tests.detect.test_history import compacting
from tests.detect.test_identity import processes
from tests.detect.test_latency import FAR, TRAILS_150, cluster, leads, rtt
from tests.detect.test_membership import THREE, lists, teller
from tests.detect.test_raft import feeds, reads
from tests.detect.windows import Told, found, window
from tests.scenarios.replay import effects
from tests.scenarios.story import parse

from etcdscope.detect.history import compaction_stalled
from etcdscope.detect.identity import member_id_duplicate
from etcdscope.detect.latency import link_slow, rtt_metric_misleading
from etcdscope.detect.membership import member_list_stale, membership_diverged
from etcdscope.detect.raft import read_index_slow, snapshot_storm
from etcdscope.model.finding import Severity, Subject
from etcdscope.model.incident import EffectKind

NAMES = {"a1": "m1", "a2": "m2", "a3": "m3", "a4": "m4"}


def told(
    happens: str, seconds: int = 30, *, notes: bool = False, before: str = "", on: str = ""
) -> set[str]:
    """Return the serious causes that are named in the end: ``cause member``; or notes as well.

    ``before``: what is so from the first second on. ``on``: what it runs on, ``kubernetes``.
    """
    text = f"# {happens}\ncluster m1 m2 m3 leader=m1 term=2 writes=50/s\n"
    text += f"{on}\n" if on else ""
    text += f"1s  {before}\n" if before else ""
    text += "".join(f"{line}\n" for line in _lines(happens)) + f"{15 + seconds}s  end\n"
    least = Severity.INFO if notes else Severity.WARNING
    named = {
        e.incident.id: f"{e.incident.cause} {_who(e.incident.subject)}".strip()
        for e in effects(parse(text))
        if e.incident and e.kind is not EffectKind.CLOSED and e.incident.severity >= least
    }
    return set(named.values())


def _lines(happens: str) -> list[str]:
    """Return the lines of a story; one without times begins after fifteen seconds."""
    parts = [part.strip() for part in happens.split("|")]
    return parts if len(parts) > 1 else [f"15s  {happens}"]


def _who(subject: Subject) -> str:
    return "→".join(NAMES.get(end, end) for end in (subject.name, subject.to) if end)


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param("m1 fsync=300ms", "wal-fsync-slow m1", id="1: its disk"),
        pytest.param("m1 starved answers=60ms fsync=60ms", "cpu-starved m1", id="1: its CPU"),
        pytest.param("m1 frozen", "member-frozen m1", id="1: it stands still"),
        pytest.param("m1 isolated", "member-isolated m1", id="1: its network is cut"),
        pytest.param("m1 rtt=300ms", "link-slow m1", id="1: its network is slow"),
    ],
)
def test_why_a_leaders_heartbeats_come_late(happens: str, cause: str) -> None:
    assert told(happens) == {cause}


@pytest.mark.parametrize(
    ("happens", "causes"),
    [
        pytest.param("m1 fsync=300ms", {"wal-fsync-slow m1"}, id="2: the leader's"),
        pytest.param("m2 fsync=300ms", {"wal-fsync-slow m2"}, id="2: a follower's"),
        pytest.param("all fsync=300ms", set(), id="2: all: no one member's disk"),
    ],
)
def test_whose_disk_is_slow(happens: str, causes: set[str]) -> None:
    """Storage that all share is a cause of its own; no single member is blamed for it."""
    blamed = {cause for cause in told(happens) if cause.startswith("wal-fsync-slow")}

    assert blamed == causes


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param("m1-m3 cut", "link-one-way m3→m1", id="3: one link"),
        pytest.param("m3 isolated", "member-isolated m3", id="3: all links of one"),
        pytest.param("m3 bursts=1500ms", "link-lossy m1→m3", id="3: a link that loses packets"),
        pytest.param("m3 rtt=240ms", "link-slow m1→m3", id="3: a link that is slow"),
        pytest.param("m3 hidden", "member-unreachable m3", id="3: only our way to it"),
        pytest.param("m3 host-lost", "member-down m3", id="3: its host"),
    ],
)
def test_which_part_of_the_network_is_broken(happens: str, cause: str) -> None:
    assert told(happens) == {cause}


@pytest.mark.parametrize(
    ("m1", "m3", "slow", "misleads"),
    [
        pytest.param(leads(rtt(ms300=2)), None, False, True, id="4: the metric alone"),
        pytest.param(leads(rtt(ms300=2), m3=TRAILS_150), FAR, True, False, id="4: it is slow"),
    ],
)
def test_whether_the_rtt_metric_tells_the_truth(
    m1: Told, m3: Told | None, slow: bool, misleads: bool
) -> None:
    seen = cluster(m1, m3)

    assert (bool(found(link_slow, seen)), bool(found(rtt_metric_misleading, seen))) == (
        slow,
        misleads,
    )


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param("all db=1900MiB in_use=1850MiB", "quota-near", id="5: real data"),
        pytest.param("all db=1900MiB in_use=100MiB", "db-fragmented", id="5: free pages"),
        pytest.param(
            "m1 alarm NOSPACE  all db=2048MiB in_use=2000MiB", "quota-exhausted m1", id="5: full"
        ),
        pytest.param(
            "all process_start=1 db=390MiB in_use=380MiB  m2 db=1500MiB",
            "db-size-uneven m2",
            id="5: one member",
        ),
        pytest.param(
            "m2 open_read_transactions=2 in_use=300MiB db=360MiB",
            "read-transaction-long m2",
            id="5: pages that a read pins",
        ),
    ],
)
def test_why_space_runs_out(happens: str, cause: str) -> None:
    before = "all process_start=1 open_read_transactions=1"

    assert told(happens, before=before) == {cause}


@pytest.mark.parametrize(
    ("history", "stalled"),
    [
        pytest.param(compacting(5, stopped=20), True, id="5: nobody compacts any more"),
        pytest.param(compacting(5), False, id="5: it is compacted as ever"),
    ],
)
def test_whether_history_fills_it(history: Told, stalled: bool) -> None:
    assert bool(found(compaction_stalled, window({"m1": history}))) is stalled


@pytest.mark.parametrize(
    ("m3", "waits"),
    [
        pytest.param(reads(0.4), True, id="6: for the read index"),
        pytest.param(reads(0.002, own=0.4), False, id="6: the read itself"),
    ],
)
def test_what_a_slow_read_waits_for(m3: Told, waits: bool) -> None:
    assert bool(found(read_index_slow, window({"m3": m3}))) is waits


LIST = (
    "m2 says request-slow operation=range client=10.0.0.7 prefix=/registry/pods/ entries=40000"
    " bytes=80000000 seconds=1.7s"
)


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param(
            f"15s  {LIST} | 20s  {LIST} | 25s  {LIST}",
            "range-expensive 10.0.0.7",
            id="6: a client that is named",
        ),
        pytest.param("m2 commit=600ms", "backend-commit-slow m2", id="6: the disk"),
        pytest.param("m3 rtt=240ms", "link-slow m1→m3", id="6: the way to the leader"),
    ],
)
def test_why_requests_take_long_to_apply(happens: str, cause: str) -> None:
    assert told(happens) == {cause}


HUGE = "all puts=+15000/s keys=9000 grpc_started[etcdserverpb.KV/Txn]=+1/s"


@pytest.mark.parametrize(
    ("happens", "causes"),
    [
        pytest.param("m2 behind=6000", {"apply-lag m2"}, id="7: it applies too slowly"),
        pytest.param("m2 bursts=1500ms", {"link-lossy m1→m2"}, id="7: it gets entries too slowly"),
        pytest.param(
            "m2 defrag_inflight=1 behind=6000 linearizable_ok=0",
            {"defrag-blocking m2"},
            id="7: it is being defragmented",
        ),
        pytest.param(
            "m2 commit=600ms behind=6000", {"backend-commit-slow m2"}, id="7: its commits are slow"
        ),
        pytest.param(
            f"{HUGE} grpc_started[etcdserverpb.KV/Put]=+6/s  m2 behind=6000",
            {"transaction-huge"},
            id="7: transactions are huge",
        ),
    ],
)
def test_why_a_member_is_behind(happens: str, causes: set[str]) -> None:
    assert told(happens, notes=True) == causes


@pytest.mark.parametrize(
    ("happens", "causes"),
    [
        pytest.param("m3 data=1", {"data-diverged m3"}, id="8: other data, and no alarm"),
        pytest.param(
            "m3 data=1  m3 alarm CORRUPT", {"data-diverged m3"}, id="8: other data, and the alarm"
        ),
        pytest.param("m3 alarm CORRUPT", {"alarm-corrupt m3"}, id="8: the alarm, and equal data"),
        pytest.param("m3 behind=400", set(), id="8: it is merely behind"),
    ],
)
def test_whose_data_is_wrong(happens: str, causes: set[str]) -> None:
    assert told(happens) == causes


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param("m4 added", "member-never-started m4", id="9: it never came"),
        pytest.param("m3 killed", "member-down m3", id="9: it was there"),
    ],
)
def test_why_a_voter_is_missing(happens: str, cause: str) -> None:
    assert told(happens) == {cause}


@pytest.mark.parametrize(
    ("m3", "told"),
    [
        pytest.param(
            teller(lists("m1", "m2", "m3", "m4")), "membership-diverged", id="9: it lists a ghost"
        ),
        pytest.param(
            teller(lists("m1", "m2", "m3", "m4"), applied=90), "member-list-stale", id="9: it lags"
        ),
        pytest.param(teller(lists("m1", "m2", "m3")), "", id="9: it lists what all do"),
    ],
)
def test_why_a_member_lists_others(m3: Told, told: str) -> None:
    seen = window({"m1": THREE, "m2": THREE, "m3": m3})

    said = [d.id for d in (membership_diverged, member_list_stale) if found(d, seen)]

    assert said == ([told] if told else [])


@pytest.mark.parametrize(
    ("m1", "storm"),
    [
        pytest.param(feeds("probe", "snapshot", "replicate"), False, id="10: one catch-up"),
        pytest.param(feeds(*["probe", "snapshot"] * 3), True, id="10: one after the other"),
    ],
)
def test_whether_a_follower_ever_catches_up(m1: Told, storm: bool) -> None:
    assert bool(found(snapshot_storm, window({"m1": m1}))) is storm


STILL = "m3 says self-removed"


@pytest.mark.parametrize(
    ("happens", "causes"),
    [
        pytest.param("m3 cluster_id=deadbeef", {"cluster-id-mixed"}, id="11: of another cluster"),
        pytest.param(
            f"15s  m3 removed  m3 killed | 16s  {STILL} | 40s  {STILL} | 62s {STILL} | 82s {STILL}",
            {"member-removed-running"},
            id="11: it was removed",
        ),
        pytest.param("m3 killed", {"member-down"}, id="11: it is ours, and gone"),
    ],
)
def test_who_a_stranger_is(happens: str, causes: set[str]) -> None:
    seconds = 75 if "|" in happens else 30

    named = {cause.split(" ")[0] for cause in told(happens, seconds)}

    # Two voters are left, and that is told as what it is.
    assert named - {"voters-even", "quorum-margin-zero"} == causes


@pytest.mark.parametrize(
    ("m1", "twice"),
    [
        pytest.param(processes(("a", 900, 5), ("b", 60, 5)), True, id="11: two processes, one id"),
        pytest.param(processes(("a", 900, 70), ("b", 60, 1)), False, id="11: it moved"),
    ],
)
def test_whether_a_member_is_there_twice(m1: Told, twice: bool) -> None:
    assert bool(found(member_id_duplicate, window({"m1": m1}))) is twice


@pytest.mark.parametrize(
    ("happens", "causes"),
    [
        pytest.param(
            "m2 slow_watchers=12 events_pending=1500",
            {"watchers-slow m2"},
            id="13: a client does not read",
        ),
        pytest.param(
            "15s  m2 slow_watchers=400 | 18s  m2 slow_watchers=0", set(), id="13: new watches"
        ),
        pytest.param(
            "15s  m2 grpc_handled[OutOfRange]=0 | 22s  m2 grpc_handled[OutOfRange]=60",
            {"watch-revision-compacted m2"},
            id="13: they come too late",
        ),
    ],
)
def test_why_watches_are_behind(happens: str, causes: set[str]) -> None:
    assert told(happens, notes=True) == causes


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param("all puts=+150/s keys=500", "write-hotspot", id="14: a few keys"),
        pytest.param(
            f"{HUGE} grpc_started[etcdserverpb.KV/Put]=+6/s", "transaction-huge", id="14: bulk"
        ),
        pytest.param(
            "all keys=900 leases_granted=+250/s leases_revoked=0", "leases-piling", id="14: leases"
        ),
        pytest.param("all puts=+150/s keys=+150/s", "", id="14: all of it is new: a bulk load"),
    ],
)
def test_who_floods_it(happens: str, cause: str) -> None:
    assert told(happens, notes=True) == ({cause} if cause else set())


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param(
            "8s  all killed | 12s  monitor-restarts | 14s  all restored to=200 | 15s  all started",
            "revision-rewound",
            id="15: it was restored",
        ),
        pytest.param(
            "8s  all killed | 12s  monitor-restarts | 15s  all started", "", id="15: restarted"
        ),
        pytest.param("m3 clock=30s", "clock-skewed m3", id="15: a clock that is ahead"),
    ],
)
def test_whether_time_went_back(happens: str, cause: str) -> None:
    named = told(happens)

    assert named - {"quorum-lost"} == ({cause} if cause else set())


@pytest.mark.parametrize(
    ("happens", "causes"),
    [
        pytest.param("m2 killed", {"member-down m2"}, id="15: one is lost, and the margin with it"),
        pytest.param("m2,m3 killed", {"quorum-lost"}, id="15: the quorum"),
        pytest.param("all certificate=5d", {"certificate-expiring"}, id="15: soon"),
    ],
)
def test_what_is_merely_one_failure_away(happens: str, causes: set[str]) -> None:
    assert {cause.split(" ")[0] for cause in told(happens)} == {c.split(" ")[0] for c in causes}


# --- what API servers see ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param("cp-2 dials=m1", "apiserver-pinned cp-2", id="12: to another node's member"),
        pytest.param("cp-2 dials=m1,m2,m3", "", id="12: not pinned: it names all of them"),
        pytest.param("servers dials=m3", "apiserver-pinned", id="12: all of them, to one"),
        pytest.param(
            "cp-2 apiserver_db_bytes[etcd-0]=4GiB",
            "apiserver-view-differs cp-2",
            id="12: a size that no member has",
        ),
        pytest.param(
            "cp-2 dials=elsewhere ahead=50000",
            "apiserver-view-differs cp-2",
            id="12: revisions of another etcd",
        ),
        pytest.param(
            "m2 db=1500MiB  all process_start=1",
            "db-size-uneven m2",
            id="12: a member that is larger, and the API server tells its size",
        ),
    ],
)
def test_which_etcd_an_api_server_uses(happens: str, cause: str) -> None:
    assert told(happens, 35, on="kubernetes") == ({cause} if cause else set())


@pytest.mark.parametrize(
    ("happens", "causes"),
    [
        pytest.param(
            "cp-2 lags=25s past=60%", {"watch-cache-lagging cp-2"}, id="13: one API server's cache"
        ),
        pytest.param(
            "cp-2 past=60%", {"watch-cache-lagging cp-2"}, id="13: its reads go past it to etcd"
        ),
        pytest.param(
            "m2 slow_watchers=12 events_pending=1500",
            {"watchers-slow m2"},
            id="13: etcd's own watchers, and the caches are up to date",
        ),
        pytest.param(
            "m2 slow_watchers=12 events_pending=1500  cp-2 lags=25s past=60%",
            {"watchers-slow m2"},
            id="13: etcd's own watchers, and a cache with them",
        ),
        pytest.param("writes=1/s", set(), id="13: an etcd where little happens"),
    ],
)
def test_whose_watches_are_late(happens: str, causes: set[str]) -> None:
    assert told(happens, 50, notes=True, on="kubernetes") == causes


# --- whose keys they are -------------------------------------------------------------------------

USUAL = "namespaces=30,12KiB pods@shop=3000,20MiB events@shop=900,600KiB"


@pytest.mark.parametrize(
    ("counted", "cause"),
    [
        pytest.param(USUAL, "", id="14: as ever"),
        pytest.param(
            f"{USUAL} events@ci=30000,25MiB", "events-flood events", id="14: events of a namespace"
        ),
        pytest.param(
            f"{USUAL} acme.io/widgets@a=41000,1GiB orphan:acme.io/widgets=41000,1GiB",
            "keys-orphaned acme.io/widgets",
            id="14: objects without a definition",
        ),
        pytest.param(
            f"{USUAL} acme.io/widgets@a=41000,1GiB", "", id="14: as many, and they have one"
        ),
        pytest.param(
            f"{USUAL} object:/registry/configmaps/shop/dashboards=1.45MiB",
            "objects-giant",
            id="14: one object",
        ),
    ],
)
def test_whose_keys_fill_it(counted: str, cause: str) -> None:
    days = "".join(f"1s  registry counted ago={hours}h {USUAL} | " for hours in (3, 2, 1))

    named = told(f"{days}15s  registry counted {counted}", notes=True)

    assert named == ({cause} if cause else set())


# --- what is not missed until it is needed -------------------------------------------------------


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param("backup saved ago=27h", "backup-stale", id="15: none of today"),
        pytest.param("backup saved ago=3h", "", id="15: there is one of this morning"),
        pytest.param("backup saved broken=has_no_hash", "backup-stale", id="15: it is cut off"),
        pytest.param(
            "all in_use=900MiB db=950MiB  backup saved bytes=1MiB",
            "backup-stale",
            id="15: it is of something else, by its size",
        ),
        pytest.param("nightly ran ago=80h", "backup-stale", id="15: its job has not run"),
        pytest.param(
            "nightly ran ago=80h  backup saved ago=1h", "", id="15: a file outweighs its job"
        ),
    ],
)
def test_whether_there_is_a_backup(happens: str, cause: str) -> None:
    assert told(happens, 10, on="kubernetes") == ({cause} if cause else set())
