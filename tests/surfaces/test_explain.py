"""The manual."""

import msgspec
import pytest
from tests.surfaces.conftest import Shows

from etcdscope.detect.catalog import DETECTORS
from etcdscope.model.incident import Step
from etcdscope.model.signal import BY_METRIC, TABLE
from etcdscope.surfaces.explain import Page, alike, explain, index, page


def test_a_page_of_a_cause(shows: Shows) -> None:
    made_up = Page(
        "member-frozen",
        "cause",
        "member",
        "The process exists but does nothing.",
        {"Signal": "its port accepts connections, but nothing has answered for over a second."},
        "Requests through it hang; if it leads, writes wait until the others elect a new leader.",
        (Step("See whether it is stopped.", "ps -o stat -C etcd"), Step("Continue it.")),
        explains=("leader-changed", "link-lossy"),
        explained_by=("quorum-lost",),
    )

    shows("explain-member-frozen-80", page(made_up, 80))


CAUSES = {detector.id for detector in DETECTORS}


# A signal that is called like a cause is told on the cause's page.
@pytest.mark.parametrize(
    "name", [n for n in (*TABLE, *BY_METRIC) if n.replace("_", "-") not in CAUSES]
)
def test_every_signal_and_metric_has_a_page(name: str) -> None:
    found = explain(name)

    assert found is not None
    assert found.kind == "signal"
    assert found.says


@pytest.mark.parametrize(
    "word",
    ["etcd_disk_wal_fsync_duration_seconds_bucket", 'etcd_disk_wal_fsync_duration_seconds{le="1"}',
     "wal_fsync", "wal-fsync", "WAL_FSYNC"],
)  # fmt: skip
def test_a_signal_is_found_however_it_is_written(word: str) -> None:
    found = explain(word)

    assert found is not None
    assert found.name == "wal_fsync"
    assert "wal-fsync-slow" in found.used_by


def test_a_signal_knows_the_detectors_that_name_it_only_in_their_code() -> None:
    found = explain("farewell")

    assert found is not None
    assert "member-stopped" in found.used_by


def test_what_causes_and_what_is_caused_stand_on_the_page() -> None:
    found = explain("member-down")

    assert found is not None
    assert "leader-changed" in found.explains
    assert "quorum-lost" in found.explained_by


def test_what_is_unknown_is_guessed() -> None:
    assert explain("quorm-lost") is None
    assert alike("quorm-lost")[0] == "quorum-lost"
    assert "wal-fsync-slow" in alike("fsync")
    assert alike("zzzz") == ()


def test_a_page_is_an_object_as_well() -> None:
    found = explain("wal-fsync-slow")

    assert found is not None
    read = msgspec.json.decode(msgspec.json.encode(found.object()))
    assert read["name"] == "wal-fsync-slow"
    assert read["runbook"][0]["say"]


def test_the_index_names_every_cause() -> None:
    printed = "\n".join(line.plain for line in index())

    assert all(detector.id in printed for detector in DETECTORS)
