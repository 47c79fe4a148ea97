"""What separates an expert's diagnosis: each fault beside its look-alikes, and none is confused.

A row is a story in short: what happens to a cluster of m1 (the leader), m2 and m3, and the one
cause that is named for it, beside notes; what is merely likely may be told first. The numbers are
those of the catalogue's list of separators. Not judged here: 8 (hashes), 11 (identity), 12 and 13
(API servers, watches), 14 (who fills the database); of 5 pinned pages and stalled compaction, of 6
the client's name and of 7 the operation, of 9 lists that diverge, of 15 backups and revisions that
go back.
"""

import pytest
from tests.detect.test_latency import FAR, TRAILS_150, cluster, leads, rtt
from tests.detect.test_raft import feeds, reads
from tests.detect.windows import Told, found, window
from tests.scenarios.replay import effects
from tests.scenarios.story import parse

from etcdscope.detect.latency import link_slow, rtt_metric_misleading
from etcdscope.detect.raft import read_index_slow, snapshot_storm
from etcdscope.model.finding import Severity, Subject
from etcdscope.model.incident import EffectKind

NAMES = {"a1": "m1", "a2": "m2", "a3": "m3", "a4": "m4"}


def told(happens: str, seconds: int = 30) -> set[str]:
    """Return the serious causes that are named in the end: ``cause member``."""
    text = f"# {happens}\ncluster m1 m2 m3 leader=m1 term=2 writes=50/s\n"
    text += f"15s  {happens}\n{15 + seconds}s  end\n"
    named = {
        e.incident.id: f"{e.incident.cause} {_who(e.incident.subject)}".strip()
        for e in effects(parse(text))
        if e.incident and e.kind is not EffectKind.CLOSED and e.incident.severity > Severity.INFO
    }
    return set(named.values())


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
    ],
)
def test_why_space_runs_out(happens: str, cause: str) -> None:
    assert told(happens) == {cause}


@pytest.mark.parametrize(
    ("m3", "waits"),
    [
        pytest.param(reads(0.4), True, id="6: for the read index"),
        pytest.param(reads(0.002, own=0.4), False, id="6: the read itself"),
    ],
)
def test_what_a_slow_read_waits_for(m3: Told, waits: bool) -> None:
    assert bool(found(read_index_slow, window({"m3": m3}))) is waits


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        pytest.param("m2 behind=6000", "apply-lag m2", id="7: it applies too slowly"),
        pytest.param("m2 bursts=1500ms", "link-lossy m1→m2", id="7: it gets entries too slowly"),
    ],
)
def test_why_a_member_is_behind(happens: str, cause: str) -> None:
    assert told(happens) == {cause}


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
    ("m1", "storm"),
    [
        pytest.param(feeds("probe", "snapshot", "replicate"), False, id="10: one catch-up"),
        pytest.param(feeds(*["probe", "snapshot"] * 3), True, id="10: one after the other"),
    ],
)
def test_whether_a_follower_ever_catches_up(m1: Told, storm: bool) -> None:
    assert bool(found(snapshot_storm, window({"m1": m1}))) is storm


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
