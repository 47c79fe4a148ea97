"""Whether the members run the same version, and what is known to be wrong with it."""

from dataclasses import replace

import pytest
from tests.detect.windows import NOW, Told, found, window

from etcdscope.detect.versions import DEFECTS, Defect, version_known_bad, version_of, version_skew
from etcdscope.model.memory import Memory, Remembered
from etcdscope.model.signal import AUTH_ON, VERSION
from etcdscope.model.window import Window

DAY = 86_400.0


def running(*versions: str, learners: str = "", moved: float | None = None) -> Window:
    """Return members with these versions; ``moved``: seconds since the last one was upgraded."""
    seen: dict[str, Told] = {f"m{i}": {VERSION: v} for i, v in enumerate(versions, start=1)}
    found_ = window(seen, members=" ".join(seen), learners=learners)
    if moved is None:
        return found_
    known = tuple(Remembered(m, m, version_at=NOW - moved) for m in seen)
    return replace(found_, memory=Memory(members=known))


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(running("3.5.30", "3.5.30", "3.5.30"), [], id="one version"),
        pytest.param(
            running("3.4.23", "3.5.30", "3.5.30", moved=60),
            [("cluster", "info")],
            id="an upgrade under way",
        ),
        pytest.param(
            running("3.4.23", "3.5.30", "3.5.30", moved=DAY + 1),
            [("cluster", "warning")],
            id="an upgrade that was forgotten",
        ),
        pytest.param(
            running("3.5.29", "3.5.30", "3.5.30", moved=DAY + 1),
            [("cluster", "info")],
            id="patches may be mixed for long",
        ),
        pytest.param(
            running("3.4.23", "3.6.1", "3.6.1", moved=60),
            [("cluster", "warning")],
            id="two minor versions apart is not supported",
        ),
        pytest.param(running("3.5.30", "", "3.5.30"), [], id="one says nothing"),
    ],
)
def test_mixed_versions_are_graded_by_how_long_nothing_moves(
    seen: Window, said: list[tuple[str, str]]
) -> None:
    assert found(version_skew, seen) == said


def test_member_that_holds_the_cluster_back_is_named() -> None:
    (finding,) = version_skew(running("3.5.30", "3.4.23", "3.5.30"))

    assert finding.summary.endswith("and the cluster is held at 3.4 by m2")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        pytest.param(running("3.5.2", "3.5.2", "3.5.2"), [("cluster", "warning")], id="loses data"),
        pytest.param(running("3.5.30", "3.5.2", "3.5.30"), [("m2", "warning")], id="one member"),
        pytest.param(running("3.5.12", "3.5.12"), [("cluster", "info")], id="revokes leases"),
        pytest.param(running("3.5.30", "3.5.30", "3.5.30"), [], id="nothing that it can meet"),
        pytest.param(running("3.6.14", "3.6.14", "3.6.14"), [], id="nothing known"),
        pytest.param(running("3.5.26"), [], id="a single member has nobody to bring back"),
        pytest.param(running("3.5.3"), [("cluster", "warning")], id="a single member loses writes"),
        pytest.param(running("4.0.0-rc.1"), [], id="to come"),
    ],
)
def test_version_with_a_defect_that_can_be_met_is_told(
    seen: Window, said: list[tuple[str, str]]
) -> None:
    assert found(version_known_bad, seen) == said


def test_defect_of_users_needs_users() -> None:
    def issues(auth: float) -> set[str]:
        seen = window({"m1": {VERSION: "3.5.5", AUTH_ON: auth}}, members="m1")
        return {str(e.value) for f in version_known_bad(seen) for e in f.evidence}

    assert issues(1.0) - issues(0.0) == {"etcd-io/etcd#14571"}


@pytest.mark.parametrize("defect", [pytest.param(d, id=d.issue) for d in DEFECTS])
def test_defect_was_fixed_within_its_minor_version(defect: Defect) -> None:
    first, fixed = defect.first, defect.fixed

    assert first[:2] == fixed[:2]
    assert first < fixed


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("3.5.30", (3, 5, 30)),
        ("3.6.0-rc.2", (3, 6, 0)),
        ("", None),
        ("unknown", None),
        (None, None),
    ],
)
def test_version_is_read(text: str | None, version: tuple[int, int, int] | None) -> None:
    assert version_of(text) == version
