"""A log as a source: whose it is, what of it still matters, and how little of a flood is kept."""

import asyncio
import json
from collections import Counter

import pytest

from etcdscope.etcd.errors import SettingsError
from etcdscope.model.logs import FSYNC_SLOW, REQUEST_SLOW, SKIPPED, UNKNOWN, WAL_CORRUPT, LogEvent
from etcdscope.model.reading import Failure, Reading
from etcdscope.model.signal import LOG_EVENT
from etcdscope.model.window import Window, slide
from etcdscope.sources.logs.condense import APART, BURST, EVERY, Condenser
from etcdscope.sources.logs.lines import LinesError
from etcdscope.sources.logs.opened import MOST_HANDED, Logs, LogSettings, chosen, parse
from etcdscope.sources.logs.source import PAUSE_SECONDS, LogSource

NOW = 1_795_332_700.0  # 2026-11-22T07:31:40Z
ID = "8e9e05c52164694d"


class Given:
    """Lines that a test has ready, batch by batch; an error is raised."""

    def __init__(self, *batches: list[bytes] | LinesError) -> None:
        self.batches = list(batches)
        self.skipped = 0
        self.at_end = False

    async def batch(self, within: float) -> list[bytes]:
        one = self.batches.pop(0) if self.batches else []
        if isinstance(one, LinesError):
            raise one
        return one

    async def aclose(self) -> None:
        """Nothing is held."""


def zap(ago: float, msg: str, level: str = "warn", **fields: object) -> bytes:
    return json.dumps({"level": level, "ts": NOW - ago, "msg": msg, **fields}).encode()


def source(*batches: list[bytes] | LinesError, **given: object) -> LogSource:
    return LogSource("m1", Given(*batches), now=lambda: NOW, **given)  # type: ignore[arg-type]


async def read(one: LogSource) -> Reading:
    return await one.read("log:m1", NOW)


def events(reading: Reading) -> list[LogEvent]:
    return [o.value for o in reading.observations if isinstance(o.value, LogEvent)]


SLOW = zap(5, "slow fdatasync", took="1.2s")
LOCAL = zap(900_000, "restarting local member", **{"local-member-id": ID})
LAST_WORDS = zap(7200, "failed to read WAL, cannot be repaired", "fatal", error="wal: crc mismatch")
START = zap(7000, "starting etcd server", "info")


async def test_the_member_is_the_one_that_the_log_names() -> None:
    reading = await read(source([LOCAL, SLOW], identify=lambda _: "else"))

    assert reading.member == ID
    assert [(e.kind, e.member, e.at) for e in events(reading)] == [(FSYNC_SLOW, ID, NOW - 5)]
    assert [o.key for o in reading.observations] == [FSYNC_SLOW]


async def test_else_the_one_whose_name_the_user_gave() -> None:
    reading = await read(source([SLOW], identify=lambda name: {"m1": ID}.get(name, "")))

    assert reading.member == ID


async def test_old_trouble_is_not_present() -> None:
    one = source([zap(3000, "slow fdatasync", took="9s"), SLOW])

    assert [e.at for e in events(await read(one))] == [NOW - 5]
    assert one.tally.kinds[FSYNC_SLOW] == 2


async def test_last_words_explain_why_a_member_is_down_now() -> None:
    one = source([LAST_WORDS], [], [])

    assert events(await read(one)) == []
    assert [(e.kind, e.at) for e in events(await read(one))] == [(WAL_CORRUPT, NOW - 7200)]
    assert events(await read(one)) == []


async def test_last_words_at_the_very_end_of_a_file_are_told_at_once() -> None:
    lines = Given([LAST_WORDS])
    lines.at_end = True

    told = events(await read(LogSource("m1", lines, now=lambda: NOW)))

    assert [e.kind for e in told] == [WAL_CORRUPT]


async def test_last_words_of_an_earlier_process_are_history() -> None:
    one = source([LAST_WORDS, START, zap(6900, "ready to serve client requests", "info")], [])

    assert events(await read(one)) + events(await read(one)) == []


async def test_a_clock_that_is_ahead_does_not_write_in_the_future() -> None:
    assert [e.at for e in events(await read(source([zap(-30, "slow fdatasync")])))] == [NOW]


async def test_a_log_that_cannot_be_read_is_a_failure_with_its_reason() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    why = LinesError(Failure.UNREACHABLE, "there is no file /x")
    one = source(why, why, [SLOW], identify=lambda _: ID, sleep=sleep)
    first, second, third = [await read(one) for _ in range(3)]

    assert (first.failure, first.detail, first.member) == (why.failure, why.detail, ID)
    assert second.failure
    assert events(third)
    assert waited == [PAUSE_SECONDS, PAUSE_SECONDS]


async def test_what_was_left_out_is_told() -> None:
    lines = Given([SLOW], [])
    one = LogSource("m1", lines, now=lambda: NOW)
    await read(one)
    lines.skipped = 5000

    assert [(e.kind, e.bytes) for e in events(await read(one))] == [(SKIPPED, 5000)]


# --- floods --------------------------------------------------------------------------------------


async def test_a_flood_is_small_and_complete() -> None:
    """A minute of it, in batches of 800 lines."""
    lines = [zap(1, "slow fdatasync", took=f"{n % 7 + 1}s") for n in range(400)]
    lines += [zap(1, f"what is this {'ghijklmnop'[n % 10]}?") for n in range(400)]
    now = NOW
    one = LogSource("m1", Given(*([lines] * 12)), now=lambda: now)
    window, seen = Window(), Counter[str]()

    for n in range(13):  # every fifth second of it; then there is nothing more
        now = NOW + 5.0 * n
        reading = await one.read("log:m1", now)
        for event in events(reading):
            seen[event.kind] += event.count
        window = slide(window, [reading], now)

    assert seen == {FSYNC_SLOW: 400 * 12, UNKNOWN: 400 * 12}
    kept = sum(len(points) for by_key in window.series.values() for points in by_key.values())
    assert kept <= 2 * BURST + 7 * 2 * (APART + 1)


def test_what_is_put_together_keeps_who_and_the_worst() -> None:
    condenser = Condenser()
    many = [
        LogEvent(NOW + n, REQUEST_SLOW, client=f"10.0.0.{n % 2}", prefix="/a/", seconds=n / 10)
        for n in range(BURST + 20)
    ]

    seen = condenser.condensed(many, NOW)
    merged = [e for e in seen if e.count > 1]

    assert sum(e.count for e in seen) == len(many)
    assert {(e.client, e.prefix, e.seconds) for e in merged} == {
        ("10.0.0.0", "/a/", 3.8),
        ("10.0.0.1", "/a/", 3.9),
    }
    assert all(e.began < e.at for e in merged)


def test_after_a_while_single_events_are_kept_again() -> None:
    condenser = Condenser()
    storm = [LogEvent(NOW, FSYNC_SLOW) for _ in range(3 * BURST)]
    condenser.condensed(storm, NOW)

    assert condenser.condensed(storm[:5], NOW + 1) == []
    (together,) = condenser.condensed([], NOW + EVERY)
    assert together.count == 5
    assert len(condenser.condensed(storm[:5], NOW + 60)) == 5


# --- in the window --------------------------------------------------------------------------------


async def test_a_log_is_no_address_of_the_member() -> None:
    reading = await read(source([LOCAL, SLOW]))
    window = slide(Window(), [reading], NOW)

    assert window.endpoints == {}
    assert window.dialled(ID) == ""
    assert window.looks["logs", "log:m1"].member == ID
    assert [p.value for p in window.points(ID, LOG_EVENT, FSYNC_SLOW)] == events(reading)
    assert not window.reachable(ID)


# --- which logs there are -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("m1=/var/log/etcd.log", LogSettings("m1", "/var/log/etcd.log")),
        ("m1=journald:etcd.service", LogSettings("m1", "journald:etcd.service")),
        ("m1=-", LogSettings("m1", "-")),
        ("etcd-1.infra=/a=b", LogSettings("etcd-1.infra", "/a=b")),
    ],
)
def test_a_log_is_a_name_and_a_place(text: str, settings: LogSettings) -> None:
    assert parse(text) == settings


@pytest.mark.parametrize("text", ["", "m1", "/var/etcd.log", "m1=", "=x", "a b=x", "m1=journald:"])
def test_what_is_no_log(text: str) -> None:
    with pytest.raises(SettingsError, match="write NAME=PATH"):
        parse(text)


def test_a_member_has_one_log_and_standard_input_one_reader() -> None:
    with pytest.raises(SettingsError, match="given twice"):
        chosen([parse("m1=/a"), parse("m1=/b")])
    with pytest.raises(SettingsError, match="standard input"):
        chosen([parse("m1=-"), parse("m2=-")])
    assert len(chosen([parse("m1=/a"), parse("m1=/a")])) == 1


async def test_lines_over_http_make_a_source_of_their_own() -> None:
    logs = Logs([LogSettings("m1", "/var/log/etcd.log")])

    assert logs.take("m2", SLOW + b"\n\n" + SLOW) == 2
    assert logs.take("m1", SLOW) is None  # it is read from its file
    assert logs.take("../m3", SLOW) is None
    assert sorted(logs.sources) == ["log:m1", "log:m2"]
    reading = await logs.sources["log:m2"].read("log:m2", NOW)
    assert [e.kind for e in events(reading)] == [FSYNC_SLOW, FSYNC_SLOW]


def test_so_many_logs_are_taken_over_http() -> None:
    logs = Logs([])
    for n in range(MOST_HANDED):
        assert logs.take(f"m{n}", SLOW) == 1

    assert logs.take("one-more", SLOW) is None
    assert logs.take("m3", SLOW) == 1


async def test_all_logs_are_let_go_of() -> None:
    logs = Logs([])
    logs.take("m1", SLOW)

    async with asyncio.timeout(1):
        await logs.aclose()
