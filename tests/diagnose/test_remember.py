"""What is remembered of a cluster, and what is seen to have changed since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from etcdscope.detect.catalog import DETECTORS
from etcdscope.diagnose.remember import remember
from etcdscope.diagnose.step import State, step
from etcdscope.model.cluster import Certificate, Member, MemberList
from etcdscope.model.memory import Change, Memory
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import (
    CERTIFICATE,
    CLUSTER_ID,
    COMMITTED_INDEX,
    LINEARIZABLE_OK,
    MEMBER_LIST,
    MEMORY,
    RAFT_TERM,
    REVISION,
    VERSION,
)
from etcdscope.model.window import Window, slide

T0 = 1_795_330_000.0


@dataclass
class Watched:
    """A cluster as it is seen, step after step."""

    memory: Memory = field(default_factory=Memory)
    window: Window = field(default_factory=Window)
    now: float = T0

    def see(
        self,
        revisions: Mapping[str, float],
        *,
        cluster: str = "c1",
        index: float = 100.0,
        read: bool = True,
        version: str = "3.5.30",
        names: Mapping[str, str] | None = None,
        certificate: str = "",
        listed: Iterable[str] = (),
        read_ago: tuple[float, ...] = (1.0,),
    ) -> tuple[Change, ...]:
        """Look once at all, 5 s later; return what changed."""
        ids = tuple(listed) or tuple(revisions)
        called = names or {}
        members = tuple(
            Member(i, called.get(i, i), (f"http://{called.get(i, i)}:2380",), (f"http://{i}:2379",))
            for i in ids
        )
        self.now += 5.0
        probed = [
            Reading(
                "probe",
                f"http://{m}:2379",
                self.now - ago,
                0.0,
                m,
                (Observation(LINEARIZABLE_OK, float(read)),),
            )
            for m in revisions
            for ago in read_ago
        ]
        looked = [
            Reading(
                "status",
                f"http://{m}:2379",
                self.now - 0.1,
                0.0,
                m,
                (
                    Observation(CLUSTER_ID, cluster),
                    Observation(VERSION, version),
                    Observation(REVISION, revision),
                    Observation(COMMITTED_INDEX, index),
                    Observation(RAFT_TERM, 2.0),
                    Observation(MEMBER_LIST, MemberList(members, linearizable=True)),
                    *(
                        (Observation(CERTIFICATE, shown(certificate), "peer"),)
                        if certificate
                        else ()
                    ),
                ),
            )
            for m, revision in revisions.items()
        ]
        before = self.memory.changes
        self.window = slide(self.window, [*probed, *looked], self.now)
        self.memory = remember(self.memory, self.window)
        return tuple(c for c in self.memory.changes if c not in before)


def shown(fingerprint: str) -> Certificate:
    return Certificate(fingerprint, "1", "m", "ca", "ca", (), T0)


def all_at(revision: float, members: str = "abc") -> dict[str, float]:
    return dict.fromkeys(members, revision)


def kinds(changes: Iterable[Change]) -> list[str]:
    return sorted(c.what for c in changes)


def test_first_sight_is_no_change() -> None:
    seen = Watched()

    assert seen.see(all_at(50), certificate="f1") == ()
    memory = seen.memory
    assert (memory.home, memory.cluster, memory.revision.value, memory.term) == ("c1", "c1", 50, 2)
    assert set(memory.endpoints) == {f"http://{m}:2379" for m in "abc"}
    assert [m.id for m in memory.members] == ["a", "b", "c"]


def test_mark_is_what_a_quorum_reached() -> None:
    seen = Watched()
    seen.see({"a": 70, "b": 60, "c": 50})

    assert seen.memory.revision.value == 60
    seen.see({"a": 90, "b": 55, "c": 50})
    assert seen.memory.revision.value == 60


def test_revision_that_a_read_through_the_quorum_confirms_to_be_lower_went_back() -> None:
    seen = Watched()
    seen.see(all_at(500), index=900)

    changes = seen.see(all_at(100), index=20)

    assert kinds(changes) == ["index", "revision"]
    assert {(c.before, c.after) for c in changes} == {(500, 100), (900, 20)}
    assert seen.memory.revision.value == 100
    assert seen.see(all_at(101), index=21) == ()


def test_read_before_the_last_one_confirms_as_well() -> None:
    """Both come once a second, so that the newest read may always be newer than the status."""
    seen = Watched()
    seen.see(all_at(500), read_ago=(0.0,))

    assert kinds(seen.see(all_at(100), read_ago=(1.0, 0.0))) == ["revision"]


def test_read_that_none_of_the_values_came_after_confirms_nothing() -> None:
    seen = Watched()
    seen.see(all_at(500), read_ago=(0.0,))

    assert seen.see(all_at(100), read_ago=(0.0,)) == ()


def test_only_the_index_went_back_where_the_revision_was_raised() -> None:
    seen = Watched()
    seen.see(all_at(500), index=900)

    assert kinds(seen.see(all_at(1_000_000_500), index=20)) == ["index"]


def test_without_a_read_through_the_quorum_a_member_may_only_lag() -> None:
    seen = Watched()
    seen.see(all_at(500))

    assert seen.see({"c": 490}, read=False, listed="abc") == ()
    assert seen.memory.revision.value == 500


def test_diverged_member_that_was_ahead_and_is_gone_is_no_rewind() -> None:
    seen = Watched()
    seen.see({"a": 505, "b": 500, "c": 500})

    assert seen.see({"b": 500, "c": 500}, listed="abc") == ()


def test_member_that_lags_behind_another_is_no_rewind() -> None:
    seen = Watched()
    seen.see(all_at(500))

    assert seen.see({"a": 510, "b": 510, "c": 400}) == ()


@pytest.mark.parametrize("members", ["a", "ab"])
def test_small_clusters_are_remembered_as_well(members: str) -> None:
    seen = Watched()
    seen.see(all_at(500, members))

    assert kinds(seen.see(all_at(100, members), index=20)) == ["index", "revision"]


def test_restore_under_new_ids_is_the_same_cluster_by_its_names() -> None:
    seen = Watched()
    names = {"a": "m1", "b": "m2", "c": "m3", "x": "m1", "y": "m2", "z": "m3"}
    seen.see(all_at(500), names=names, index=900)
    seen.now += 20  # it is down meanwhile

    changes = seen.see(all_at(100, "xyz"), names=names, cluster="c2", index=20)

    assert kinds(changes) == ["cluster", "index", "member", "member", "member", "revision"]
    assert (seen.memory.home, seen.memory.cluster) == ("c1", "c2")
    assert {(c.before, c.after) for c in changes if c.what == "member"} == {
        ("a", "x"),
        ("b", "y"),
        ("c", "z"),
    }


def test_quite_another_cluster_begins_a_memory_of_its_own() -> None:
    seen = Watched()
    seen.see(all_at(500))
    seen.now += 20

    assert seen.see(all_at(3, "xyz"), cluster="c9") == ()
    assert (seen.memory.home, seen.memory.revision.value) == ("c9", 3)


def test_other_version_and_certificate_are_changes_once() -> None:
    seen = Watched()
    seen.see(all_at(5, "a"), version="3.4.23", certificate="f1")

    changes = seen.see(all_at(5, "a"), version="3.5.30", certificate="f2")

    assert {(c.what, c.before, c.after) for c in changes} == {
        ("version", "3.4.23", "3.5.30"),
        ("certificate", "f1", "f2"),
    }
    assert seen.memory.members[0].version_at == seen.now
    assert seen.see(all_at(5, "a"), certificate="f2") == ()


def test_added_and_removed_members_are_no_change_of_identity() -> None:
    seen = Watched()
    seen.see(all_at(5))

    assert seen.see(all_at(6, "abcd")) == ()
    assert seen.see(all_at(7, "abd")) == ()


def test_nothing_is_remembered_of_what_is_not_listed() -> None:
    seen = Watched()
    seen.see(all_at(500))

    assert seen.see({**all_at(500), "stranger": 3}, listed="abc") == ()
    assert seen.memory.member("stranger") is None


def test_old_changes_are_forgotten() -> None:
    seen = Watched()
    seen.see(all_at(5, "a"), version="3.4.23")
    seen.see(all_at(5, "a"))
    seen.now += 8 * 86_400.0

    seen.see(all_at(5, "a"))

    assert seen.memory.changes == ()


def test_state_that_is_given_its_memory_back_tells_what_happened_while_we_were_away() -> None:
    seen = Watched()
    seen.see(all_at(500), index=900)
    before = seen.memory
    later = Watched(now=seen.now + 3600)
    later.see(all_at(100), index=20)  # only to build the window
    state = State(DETECTORS, window=replace(later.window, memory=Memory()))
    known = Reading("self", "", later.now, observations=(Observation(MEMORY, before),))

    state, effects = step(state, [known], later.now)

    opened = [e.incident.cause for e in effects if e.incident]
    assert "revision-rewound" in opened
    assert state.window.memory.revision.value == 100
