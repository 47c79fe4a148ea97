"""A run that was interrupted keeps what it has, and its tables can be made again."""

from dataclasses import replace
from pathlib import Path

from bench.faults.book import Book
from bench.faults.facts import Cost, Notice, Seen, Sighting, Trial
from bench.faults.report import fault_table, page, results
from bench.faults.table import FAULTS

OURS = Seen(
    "0.1.0",
    (
        Notice(100.5, "opened", "k", "member-down", "critical", ("m1", "a1")),
        Notice(121.0, "closed", "k", "member-down", "critical", ("m1", "a1")),
    ),
    cost=Cost(50.0, 1.5, 60.0),
)
STOCK = Seen("3.5", (), (Sighting(115.0, "pending", "etcdMembersDown", 112.0),), Cost(50.0, 1, 90))
TRIAL = Trial(
    id="leader-killed",
    kind="fault",
    number=1,
    spec="three",
    etcd="3.5.30",
    started=99.0,
    ended=130.0,
    began=(100.0,),
    healed=120.0,
    hit=(("m1",),),
    identities={"m1": ("a1", "10.0.0.1")},
    observers={"etcdscope": OURS, "stock": STOCK},
    replay=True,
)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    failed = replace(TRIAL, observers={}, error="no leader for 20 s")
    for trial in (TRIAL, failed):
        Book(tmp_path).add(trial)

    book = Book(tmp_path)

    assert book.trials == [TRIAL, failed]
    assert book.valid == [TRIAL]
    assert book.times(frozenset({"etcdscope"})) == {"leader-killed": 1}
    assert book.times(frozenset({"etcdscope", "fast"})) == {}


def test_a_line_that_was_cut_short_costs_only_itself(tmp_path: Path) -> None:
    Book(tmp_path).add(TRIAL)
    Book(tmp_path).add(TRIAL)
    file = tmp_path / "trials.jsonl"
    file.write_bytes(file.read_bytes()[:-20])

    Book(tmp_path).add(TRIAL)

    assert Book(tmp_path).trials == [TRIAL, TRIAL]


def test_the_table_shows_the_peer_beside_us() -> None:
    head, _, line = fault_table(results(FAULTS, [TRIAL])).splitlines()

    cells = dict(zip(head.strip("| ").split(" | "), line.strip("| ").split(" | "), strict=False))
    assert cells["told s"] == "0.5"
    assert cells["cause"] == "1/1"
    assert cells["closed s"] == "1"
    assert cells["peer, stock: told s"] == "–"
    assert cells["true s"] == "12"


def test_the_page_tells_of_trials_without_a_result_and_of_false_pages() -> None:
    failed = replace(
        TRIAL, id="leader-frozen", observers={}, replay=None, error="no leader for 20 s"
    )
    work = replace(TRIAL, id="compaction", kind="work")

    text = page(FAULTS, [TRIAL, failed, work], "how")

    assert "- leader-frozen: no leader for 20 s" in text
    assert "| compaction | 1 | member-down | 0 |" in text
    assert "| false incidents, planned work | 1 in 1 min, 1 runs (member-down) | 0 in" in text
    assert "Replay agrees in 2/2 recordings." in text
