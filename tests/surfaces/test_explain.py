"""The manual."""

import re

import msgspec
import pytest
from tests.detect.test_catalog import ADDED
from tests.detect.test_catalog import CAUSES as EVER
from tests.sources import recorded
from tests.surfaces.conftest import Shows

from etcdscope.detect.catalog import DETECTORS
from etcdscope.etcd.logs.messages import TABLE as TABLE_OF_MESSAGES
from etcdscope.model.errors import ALL, CODES
from etcdscope.model.incident import Step
from etcdscope.model.signal import BY_METRIC, TABLE
from etcdscope.surfaces.explain import Page, alike, everything, explain, index, page
from etcdscope.surfaces.explain.messages import ADVICE, message_page
from etcdscope.surfaces.explain.metrics import NOTES
from etcdscope.surfaces.explain.words import WORDS

CAUSES = {detector.id for detector in DETECTORS}
_TYPE = re.compile(rb"^# TYPE (\S+) ", re.MULTILINE)


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


def test_a_page_of_an_error(shows: Shows) -> None:
    made_up = Page(
        "etcdserver: mvcc: database space exceeded",
        "error",
        "of etcd",
        "The database of at least one member has reached its quota, and writes are refused.",
        {"gRPC code": "RESOURCE_EXHAUSTED (8)", "Given by": "Put, Txn, LeaseGrant"},
        runbook=(Step("See who raised the alarm.", "etcdctl alarm list"),),
        because=("history was never compacted", "space was freed, but never given back"),
        isnt="a full disk: etcd with a full disk ends",
        causes=("quota-exhausted", "db-fragmented"),
    )

    shows("explain-error-80", page(made_up, 80))


# --- causes, signals, words ----------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in TABLE if n.replace("_", "-") not in CAUSES])
def test_every_signal_has_a_page(name: str) -> None:
    found = explain(name)

    assert found is not None
    assert found.kind in {"signal", "word"}  # a word that is a signal's name as well tells both
    assert TABLE[name].means in {found.says, found.facts.get("Signal")}


@pytest.mark.parametrize("word", ["wal_fsync", "wal-fsync", "WAL_FSYNC"])
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


@pytest.mark.parametrize(
    ("said", "word"),
    [("quorum", "quorum"), ("Learners", "learner"), ("TERM", "term"), ("margin", "margin"),
     ("defrag", "defragmentation"), ("NOSPACE", "alarm"), ("wal fsync", "wal fsync")],
)  # fmt: skip
def test_a_word_is_explained(said: str, word: str) -> None:
    found = explain(said)

    assert found is not None
    assert (found.name, found.kind) == (word, "word")


@pytest.mark.parametrize("name", WORDS)
def test_a_word_points_at_what_exists(name: str) -> None:
    word = WORDS[name]

    assert explain(name) is not None
    assert set(word.causes) <= EVER | ADDED
    assert all(explain(other) for other in word.see)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [pytest.param(e, id=e.text[:50]) for e in ALL])
def test_every_error_has_a_page(error: object) -> None:
    found = explain(getattr(error, "text", ""))

    assert found is not None
    assert found.runbook


@pytest.mark.parametrize(
    ("said", "name"),
    [
        pytest.param("300", "300 Raft Internal Error", id="v2 by number"),
        pytest.param("14", "UNAVAILABLE", id="gRPC by number"),
        pytest.param("RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", id="gRPC by name"),
        pytest.param("no leader", "etcdserver: no leader", id="without the prefix"),
        pytest.param(
            '{"level":"warn","caller":"v3rpc/x.go","error":"etcdserver: too many requests"}',
            "etcdserver: too many requests",
            id="a log line",
        ),
        pytest.param(
            "Unable to connect: rpc error: code = Unknown desc = ETCDSERVER: Leader Changed",
            "etcdserver: leader changed",
            id="through an API server",
        ),
    ],
)
def test_an_error_is_found_as_people_ask(said: str, name: str) -> None:
    found = explain(said)

    assert found is not None
    assert found.name == name
    assert found.because or found.isnt
    assert found.runbook


@pytest.mark.parametrize(
    ("said", "name"),
    [
        pytest.param(
            "rpc error: code = DataLoss desc = something new", "DATA_LOSS", id="a code in a line"
        ),
        pytest.param(
            "histogram_quantile(0.99, rate(etcd_disk_wal_fsync_duration_seconds_bucket[5m])) > 1",
            "etcd_disk_wal_fsync_duration_seconds",
            id="a query",
        ),
    ],
)
def test_what_a_text_quotes_is_found(said: str, name: str) -> None:
    found = explain(said)

    assert found is not None
    assert found.name == name


def test_a_full_database_is_explained_as_an_operator_would() -> None:
    found = explain("etcdserver: mvcc: database space exceeded")

    assert found is not None
    assert len(found.because) >= 3
    assert "full disk" in found.isnt
    assert set(found.causes) <= CAUSES
    assert "quota-exhausted" in found.causes
    runs = " ".join(step.run for step in found.runbook)
    assert all(command in runs for command in ("alarm list", "compact", "defrag", "alarm disarm"))


@pytest.mark.parametrize("code", [pytest.param(c, id=c.name) for c in CODES])
def test_every_code_has_a_page(code: object) -> None:
    found = explain(str(getattr(code, "number", "")))

    assert found is not None
    assert found.name == getattr(code, "name", "")


# --- metrics -------------------------------------------------------------------------------------


def families() -> set[str]:
    """Return all families in the recordings of 3.4 to 3.6."""
    return {
        name.decode()
        for which in recorded.METRICS
        for name in _TYPE.findall(recorded.metrics(which))
    }


@pytest.mark.parametrize("name", sorted(families()))
def test_every_metric_of_the_recordings_is_explained(name: str) -> None:
    found = explain(name)

    assert found is not None
    assert (found.name, found.kind) == (name, "metric")
    assert found.facts["Kind"]
    assert found.facts.get("Trap") or found.facts.get("Healthy") or found.used_by or found.causes


def test_every_metric_says_something_of_its_own() -> None:
    told: dict[str, list[str]] = {}
    for name in families():
        if not name.startswith(("go_", "process_")):
            found = explain(name)
            assert found is not None
            told.setdefault(found.says, []).append(name)

    assert [names for names in told.values() if len(names) > 1] == []


@pytest.mark.parametrize("name", BY_METRIC)
def test_every_metric_that_we_read_has_a_note(name: str) -> None:
    assert name in NOTES


@pytest.mark.parametrize("name", NOTES)
def test_a_note_names_causes_that_exist(name: str) -> None:
    assert set(NOTES[name].causes) <= EVER | ADDED


@pytest.mark.parametrize(
    "word",
    ["etcd_disk_wal_fsync_duration_seconds", "etcd_disk_wal_fsync_duration_seconds_bucket",
     'etcd_disk_wal_fsync_duration_seconds{le="1"}', "etcd_disk_wal_fsync_duration_seconds_count"],
)  # fmt: skip
def test_a_metric_is_found_however_it_is_written(word: str) -> None:
    found = explain(word)

    assert found is not None
    assert found.name == "etcd_disk_wal_fsync_duration_seconds"
    assert found.facts["Signal"] == "wal_fsync"
    assert "wal-fsync-slow" in found.used_by


def test_a_metric_without_its_ending_is_found() -> None:
    found = explain("etcd_server_slow_apply")

    assert found is not None
    assert found.name == "etcd_server_slow_apply_total"
    assert "reads" in found.says
    assert "misleads" in found.facts["Trap"]


def test_a_gauge_that_is_called_total_is_called_a_gauge() -> None:
    found = explain("etcd_server_proposals_committed_total")

    assert found is not None
    assert found.facts["Kind"].startswith("gauge")


# --- what is unknown -----------------------------------------------------------------------------


def test_what_is_unknown_is_guessed() -> None:
    assert explain("quorm-lost") is None
    assert alike("quorm-lost")[0] == "quorum-lost"
    assert "wal-fsync-slow" in alike("fsync")
    assert "etcdserver: mvcc: database space exceeded" in alike("databse spce exceeded")
    assert "RESOURCE_EXHAUSTED" in alike("resource_exausted")
    assert "etcd_server_slow_apply_total" in alike("etcd_server_slow_aply")
    assert alike("zzzz") == ()


@pytest.mark.parametrize("said", ["", "   ", "zzzz", "x" * 100_000, "17", "-1", "…", "\x00"])
def test_nonsense_has_no_page(said: str) -> None:
    assert explain(said) is None


def test_nothing_is_listed_that_has_no_page() -> None:
    assert [name for name in everything() if explain(name) is None] == []


def test_a_page_is_an_object_as_well() -> None:
    for word in ("wal-fsync-slow", "database space exceeded", "300", "etcd_server_id", "term"):
        found = explain(word)
        assert found is not None
        read = msgspec.json.decode(msgspec.json.encode(found.object()))
        assert read["name"] == found.name
        assert read["says"]


def test_the_index_names_every_cause() -> None:
    printed = "\n".join(line.plain for line in index())

    assert all(detector.id in printed for detector in DETECTORS)


# --- log messages --------------------------------------------------------------------------------

APPLY_LINE = (
    '{"level":"warn","ts":"2026-11-22T07:30:03.123456Z","caller":"etcdserver/util.go:170",'
    '"msg":"apply request took too long","took":"312.1ms","expected-duration":"100ms",'
    '"prefix":"read-only range ","request":"key:\\"/registry/pods/\\" ","response":"size:12"}'
)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        pytest.param("apply request took too long", "apply-slow", id="the message"),
        pytest.param("Apply request took too  long", "apply-slow", id="not quite as written"),
        pytest.param(APPLY_LINE, "apply-slow", id="a whole line of zap"),
        pytest.param("warn: slow fdatasync, took 1.4s", "fsync-slow", id="a piece of a line"),
        pytest.param(
            "2026-11-22 07:30:03.123456 W | wal: sync duration of 1.4s, expected less than 1s",
            "fsync-slow",
            id="a text line of 3.4",
        ),
        pytest.param(
            "8e9e05c52164694d is starting a new election at term 7",
            "raft-election-started",
            id="raft's own words",
        ),
    ],
)
def test_a_message_of_the_log_has_a_page(said: str, kind: str) -> None:
    found = explain(said)

    assert found is not None
    assert (found.kind, found.facts["Kind"]) == ("message", kind)


def test_a_slow_apply_is_answered_as_one_who_knows_would() -> None:
    found = explain("apply request took too long")

    assert found is not None
    assert found.causes == ("range-expensive", "backend-commit-slow", "read-index-slow")
    assert "waited for the leader" in found.because[1]
    assert "slow disk" in found.isnt
    assert found.runbook[0].run == "etcdscope logs etcd.log"
    assert len(found.runbook) > 1


@pytest.mark.parametrize("kind", sorted(ADVICE))
def test_advice_is_about_messages_that_etcd_writes(kind: str) -> None:
    for text in TABLE_OF_MESSAGES[kind].says:
        found = message_page(text)

        assert found is not None
        assert found.because == ADVICE[kind].because


def test_what_no_version_writes_is_no_message() -> None:
    assert message_page("the moon is full tonight") is None
    assert message_page("slow") is None
