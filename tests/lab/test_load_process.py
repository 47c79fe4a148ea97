"""The arithmetic and the HTTP of the background load."""

import asyncio
from dataclasses import asdict
from typing import Any

import pytest

from etcdscope.lab.load_process import Load, _answer
from etcdscope.lab.spec import LoadShape, LoadSpec


def load(**changes: Any) -> Load:  # noqa: ANN401
    return Load({**asdict(LoadSpec(**changes)), "endpoints": ["http://127.0.0.1:2379"]})


@pytest.mark.parametrize(
    ("shape", "at_s", "rate"),
    [
        ("steady", 3, 100),
        ("steps", 0, 20),
        ("steps", 4.9, 20),
        ("steps", 5, 100),
        ("sine", 0, 20),
        ("sine", 2.5, 60),
        ("sine", 5, 100),
        ("sine", 10, 20),
    ],
)
async def test_rate_follows_its_shape(shape: LoadShape, at_s: float, rate: float) -> None:
    busy = load(rate=100, low=0.2, shape=shape, period_s=10)

    assert busy.rate(at_s) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("answer", "fine"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", True, id="taken"),
        pytest.param(b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\n{}", False, id="refused"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\n}\r\n0\r\n\r\n",
            True,
            id="in chunks",
        ),
    ],
)
async def test_answers_are_read_to_their_end(answer: bytes, fine: bool) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(answer + b"NEXT")

    assert await _answer(reader) is fine
    assert await reader.readexactly(4) == b"NEXT"


async def test_key_space_is_bounded() -> None:
    busy = load(keys=2, value_bytes=8)

    assert len({busy.request("h").split(b'"key":"')[1].split(b'"')[0] for _ in range(99)}) == 2
