"""What clients read."""

from typing import Any

import pytest
from tests.detect.scrapes import closely, growing, scraped, seen
from tests.detect.windows import Ago, found

from etcdscope.detect.reads import list_storm, watchers_slow
from etcdscope.model.signal import (
    CLIENT_SENT_BYTES,
    EVENTS_PENDING,
    EVENTS_SENT,
    GRPC_STARTED,
    PUT_BYTES,
    PUTS,
    SLOW_APPLIES,
    SLOW_WATCHERS,
    SNAPSHOT_MESSAGES,
)

MIB = 2.0**20


@pytest.mark.parametrize(
    ("slow", "pending", "said"),
    [
        pytest.param(closely(0, 8, 8, 8, 8, 8), closely(*[1e3] * 6), True, id="nobody reads"),
        pytest.param(closely(0, 8, 8, 8, 8), closely(*[1e3] * 5), False, id="not for long enough"),
        pytest.param(closely(0, 8, 8, 8, 8, 3), closely(*[1e3] * 6), False, id="fewer are behind"),
        pytest.param(
            closely(0, 8, 8, 8, 8, 8), closely(9e3, 8e3, 7e3, 6e3, 5e3, 4e3), False, id="they read"
        ),
        pytest.param(closely(8, 8, 0, 8, 8, 8), closely(*[1e3] * 6), False, id="one was well"),
    ],
)
def test_watchers_that_take_nothing_are_told_within_seconds(
    slow: Ago, pending: Ago, said: bool
) -> None:
    told = seen(m2={SLOW_WATCHERS: slow, EVENTS_PENDING: pending})

    assert found(watchers_slow, told) == ([("m2", "warning")] if said else [])


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        pytest.param(scraped(0.0, 0.0, 4.0, 20.0, 20.0), True, id="behind in three scrapes"),
        pytest.param(scraped(0.0, 0.0, 0.0, 20.0, 20.0), False, id="not long enough"),
        pytest.param(scraped(0.0, 0.0, 200.0, 120.0, 30.0), False, id="they catch up"),
        pytest.param(scraped(0.0, 5.0, 20.0, 20.0, 0.0), False, id="over"),
        pytest.param(scraped(3.0, 0.0, 1.0, 0.0, 7.0), False, id="new watches now and then"),
    ],
)
def test_watchers_are_slow(slow: Ago, said: bool) -> None:
    told = seen(m2={SLOW_WATCHERS: slow, EVENTS_PENDING: growing(100.0)})

    assert found(watchers_slow, told) == ([("m2", "warning")] if said else [])


LISTS = {CLIENT_SENT_BYTES: growing(12 * MIB), GRPC_STARTED: {"etcdserverpb.KV/Range": growing(10)}}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(LISTS, "info", id="lists"),
        pytest.param(LISTS | {SLOW_APPLIES: growing(3.0)}, "warning", id="and requests are slow"),
        pytest.param(LISTS | {SNAPSHOT_MESSAGES: growing(370.0)}, None, id="a backup"),
        pytest.param(
            LISTS
            | {EVENTS_SENT: growing(9_000.0), PUTS: growing(10.0), PUT_BYTES: growing(13_000.0)},
            None,
            id="watchers",
        ),
        pytest.param(
            LISTS | {GRPC_STARTED: {"etcdserverpb.KV/Range": growing(900.0)}},
            None,
            id="small reads",
        ),
        pytest.param(LISTS | {CLIENT_SENT_BYTES: growing(MIB)}, None, id="little"),
    ],
)
def test_lists_come_in_storms(told: dict[Any, Any], said: str | None) -> None:
    quiet = {CLIENT_SENT_BYTES: growing(1_000.0)}

    assert found(list_storm, seen(quiet, m3=told)) == ([("m3", said)] if said else [])
