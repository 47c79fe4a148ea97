"""Whether the cluster, its members and its data are still those that they were."""

from dataclasses import replace

import pytest
from tests.detect.windows import NOW, Told, ago, found, refused, window

from etcdscope.detect.identity import (
    TOLD_SECONDS,
    astray,
    data_dir_empty,
    identity_changed,
    member_id_duplicate,
    revision_rewound,
)
from etcdscope.model.memory import Change, Memory, Remembered
from etcdscope.model.signal import CLUSTER_ID, COMMITTED_INDEX, PROCESS_AT
from etcdscope.model.window import Window


def remembering(*changes: Change) -> Window:
    return replace(window(), memory=Memory(cluster="c1", changes=changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param((), [], id="nothing"),
        pytest.param(
            (Change("revision", NOW - 5, "", 900.0, 100.0),), [("cluster", "critical")], id="lower"
        ),
        pytest.param(
            (Change("index", NOW - 5, "", 900.0, 20.0),),
            [("cluster", "info")],
            id="only the raft index began anew, as with --bump-revision",
        ),
        pytest.param(
            (Change("revision", NOW - TOLD_SECONDS - 1, "", 900.0, 100.0),),
            [],
            id="long ago",
        ),
    ],
)
def test_revision_that_went_back_is_told_for_an_hour(
    changes: tuple[Change, ...], said: list[tuple[str, str]]
) -> None:
    assert found(revision_rewound, remembering(*changes)) == said


def test_restore_says_that_the_cluster_id_changed_with_it() -> None:
    (finding,) = revision_rewound(
        remembering(
            Change("cluster", NOW - 5, "", "c1", "c2"),
            Change("revision", NOW - 3, "", 900.0, 100.0),
        )
    )

    assert "from 900 to 100 3 s ago, and the cluster id is another one (c2)" in finding.summary


def empty(
    cluster: str = "c9", index: float = 4.0, listed: bool = False, alone: bool = False
) -> Window:
    """Return a window in which somebody else has answered at the URL of m3 for two seconds."""
    stranger: Told = {CLUSTER_ID: ago((2, cluster), (0.1, cluster)), COMMITTED_INDEX: index}
    seen = window(
        {"m1": {CLUSTER_ID: "c1"}, "z": stranger},
        members="m1 m2 m3 z" if listed else "m1 m2 m3",
        away={"m1": refused(4), "m2": refused(4)} if alone else {},
    )
    before = Remembered("m3", "m3", (), ("http://m3:2379",), index=500.0)
    return replace(
        seen,
        endpoints={**seen.endpoints, "http://m3:2379": "z"},
        memory=Memory(cluster="c1", members=(before,)),
    )


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(empty(), [("m3", "critical")], id="a new cluster with a few entries"),
        pytest.param(empty(index=400.0), [], id="it has nearly as much: another cluster, not none"),
        pytest.param(empty(cluster="c1"), [], id="the same cluster: it was replaced"),
        pytest.param(empty(listed=True), [], id="the others know it"),
        pytest.param(empty(alone=True), [], id="the others were stopped before: a restore"),
        pytest.param(window(), [], id="nobody is remembered"),
    ],
)
def test_member_that_came_back_empty_is_named(seen: Window, said: list[tuple[str, str]]) -> None:
    assert found(data_dir_empty, seen) == said


@pytest.mark.parametrize(
    ("change", "summary"),
    [
        pytest.param(
            Change("cluster", NOW - 5, "", "c1", "c2"),
            "The id of the cluster changed from c1 to c2",
            id="cluster",
        ),
        pytest.param(
            Change("member", NOW - 5, "m2", "b1", "m2"),
            "m2 is another member than before: its id changed from b1 to m2",
            id="member",
        ),
        pytest.param(
            Change("certificate", NOW - 5, "m2", "a" * 64, "b" * 64, "peer"),
            "m2 presents another certificate on its peer port (aaaaaaaaaaaa before,"
            " bbbbbbbbbbbb now)",
            id="certificate",
        ),
    ],
)
def test_change_of_identity_is_a_note(change: Change, summary: str) -> None:
    (finding,) = identity_changed(remembering(change))

    assert (finding.summary, str(finding.severity)) == (summary, "info")
    assert not identity_changed(remembering(replace(change, at=NOW - 61)))


# --- who is who ----------------------------------------------------------------------------------


def processes(*seen: tuple[str, float, float]) -> Told:
    """Return processes by endpoint: when each started and was last heard, in seconds ago."""
    return {PROCESS_AT: {url: ago((heard, NOW - started)) for url, started, heard in seen}}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(processes(("a", 900, 1)), [], id="one"),
        pytest.param(
            processes(("a", 900, 1), ("b", 900, 2)), [], id="two addresses of one process"
        ),
        pytest.param(
            processes(("a", 900, 5), ("b", 60, 5)), [("m1", "critical")], id="two processes at once"
        ),
        pytest.param(processes(("a", 900, 70), ("b", 60, 1)), [], id="it moved to another address"),
        pytest.param(
            processes(("a", 900, 61), ("b", 60, 1)), [], id="within what clocks may be apart"
        ),
    ],
)
def test_two_processes_with_one_id_are_told_apart_from_two_addresses(
    told: Told, said: list[tuple[str, str]]
) -> None:
    assert found(member_id_duplicate, window({"m1": told})) == said


def test_who_answers_and_is_in_no_list_is_astray() -> None:
    seen = window({"m1": {CLUSTER_ID: "c1"}, "z": {CLUSTER_ID: "c1"}, "y": {CLUSTER_ID: "c2"}})
    seen = replace(seen, endpoints={**seen.endpoints, "http://z:2379": "z", "http://y:2379": "y"})

    assert astray(seen) == {"http://z:2379": "z"}
