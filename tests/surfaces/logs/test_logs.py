"""``etcdscope logs``: what a person who was just woken reads of real members' logs."""

import gzip
import json
from datetime import UTC
from pathlib import Path

import jsonschema
import pytest
from tests.etcd.logs.recorded import FOLDER
from tests.surfaces.conftest import Shows

from etcdscope.cli import main
from etcdscope.etcd.logs.reader import Reader, Tally
from etcdscope.model.logs import WAL_CORRUPT, LogEvent
from etcdscope.sources.logs import offline
from etcdscope.surfaces.logs.digest import GAP, MOST_ASKERS, MOST_EPISODES, Digest
from etcdscope.surfaces.logs.objects import UnknownObject, objects, schema
from etcdscope.surfaces.logs.text import MOST_ROWS, logs, sentence

AT = 1_795_332_600.0


def digest(*events: LogEvent, name: str = "m1") -> Digest:
    one, tally = Digest(), Tally(lines=len(events))
    for event in events:
        tally.count(event)
    one.read(name, iter(events), tally)
    return one


@pytest.mark.parametrize(
    "name",
    ["3.4.23-capnslog.leader-kill-restart", "3.5.30.very-slow-disk-leader", "3.6.14.membership"],
)
def test_a_recorded_log_for_people(name: str, shows: Shows) -> None:
    one, reader = Digest(), Reader()
    one.read("etcd", offline.events(str(FOLDER / f"{name}.log.gz"), reader), reader.tally)

    shows(f"logs-{name}", logs(one, zone=UTC, width=120))


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    path = FOLDER / "3.5.30.very-slow-disk-leader.log.gz"

    assert main(["logs", "--json", f"m1={path}"]) == 0
    told = json.loads(capsys.readouterr().out)

    assert told["logs"][0]["name"] == "m1"
    assert told["logs"][0]["unknown"] == 0
    assert sum(told["logs"][0]["kinds"].values()) == told["logs"][0]["lines"]
    slow = [e for e in told["timeline"] if e["kind"] == "fsync-slow"]
    assert slow
    assert all(e["seconds"] > 1 and e["log"] == "m1" for e in slow)
    assert {r["client"] for r in told["requests"]} >= {"127.0.0.1"}
    assert "/load/" in {r["prefix"] for r in told["requests"]}


@pytest.mark.parametrize(
    "name",
    ["3.4.23-capnslog.leader-kill-restart", "3.5.30.very-slow-disk-leader", "3.6.14.membership"],
)
def test_the_json_is_as_its_schema_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "--json", f"m1={FOLDER / f'{name}.log.gz'}", "/dev/null"]) == 0
    told = json.loads(capsys.readouterr().out)

    jsonschema.validate(told, schema())
    assert "begin" not in told["logs"][1]  # of an empty log there is none
    for part in ("LogObject", "EpisodeObject", "RequestObject"):
        assert "additionalProperties" not in schema()["$defs"][part]  # more may come
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told | {"timeline": [{"kind": "fsync-slow"}]}, schema())


def test_a_plain_file_and_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m7.log"
    packed = FOLDER / "3.6.14.baseline-no-fault.log.gz"
    path.write_bytes(gzip.decompress(packed.read_bytes()))

    assert main(["logs", str(path)]) == 0
    assert "m7  member " in capsys.readouterr().out


def test_an_empty_log(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "/dev/null"]) == 0
    assert "no line of a log was read" in capsys.readouterr().out


# --- the digest -----------------------------------------------------------------------------------


def test_what_comes_again_soon_is_one_episode() -> None:
    seen = digest(*(LogEvent(AT + t, "fsync-slow", "warn", seconds=t + 1) for t in (0, 10, 39)))
    apart = digest(LogEvent(AT, "fsync-slow"), LogEvent(AT + GAP + 1, "fsync-slow"))

    (episode,) = seen.timeline
    assert (episode.since, episode.until, episode.count) == (AT, AT + 39, 3)
    assert episode.event.seconds == 40
    assert len(apart.timeline) == 2


def test_long_logs_do_not_grow_in_memory() -> None:
    events = [LogEvent(AT + 100 * n, "fsync-slow") for n in range(MOST_EPISODES + 10)]
    events += [
        LogEvent(AT, "request-slow", client=f"10.0.{n}", seconds=0.4)
        for n in range(2 * MOST_ASKERS)
    ]
    seen = digest(*events)

    assert (len(seen.episodes), seen.dropped) == (MOST_EPISODES, 10)
    assert len(seen.asked) == MOST_ASKERS + 1
    assert sum(row.count for row in seen.asked.values()) == 2 * MOST_ASKERS


def test_the_serious_stays_on_a_page_that_cannot_hold_all() -> None:
    events = [LogEvent(AT + 100 * n, "fsync-slow", "warn") for n in range(2 * MOST_ROWS)]
    broken = LogEvent(AT + 1, WAL_CORRUPT, "fatal", error="walpb: crc mismatch")

    page = "\n".join(line.plain for line in logs(digest(*events, broken), zone=UTC))

    assert "the WAL cannot be read: walpb: crc mismatch" in page
    assert f"{MOST_ROWS + 1} lighter episodes are left out" in page


def test_the_short_of_it_has_its_heading_without_an_election() -> None:
    broken = LogEvent(AT, WAL_CORRUPT, "fatal", error="walpb: crc mismatch")

    page = [line.plain for line in logs(digest(broken), zone=UTC)]

    assert "In short  the WAL cannot be read." in page


def test_a_clean_shutdown_of_3_6_is_no_event_for_people() -> None:
    """Five lines of level error a member."""
    errors = [LogEvent(AT, "server-stopped", "error") for _ in range(5)]

    assert digest(*errors).timeline == []


def test_etcds_guess_of_a_slow_disk_is_not_repeated_as_the_truth() -> None:
    late = LogEvent(AT, "heartbeat-late", "warn", peer="28cf", seconds=0.4)

    page = "\n".join(line.plain for line in logs(digest(late), zone=UTC))

    assert "no fsync took over a second there: too little CPU" in page


def test_unknown_messages_are_listed_with_their_numbers() -> None:
    seen = digest(*(LogEvent(AT, "unknown", text="a new thing #") for _ in range(7)))

    page = "\n".join(line.plain for line in logs(seen, zone=UTC))

    assert "Messages that etcdscope does not know (7)" in page
    assert "     7  a new thing #" in page
    assert objects(seen).unknown == [UnknownObject("a new thing #", 7)]


def test_a_sentence_names_the_peer() -> None:
    event = LogEvent(AT, "leader-lost", peer="28cf", term=3)

    assert (
        sentence(event, 1, {"28cf": "m2"}) == "the member knows no leader any more; peer m2; term 3"
    )
