"""The slow line, without a kernel: what leaves when."""

import struct

import pytest

from etcdscope.lab.pacer import (
    CAP_LEN,
    HEADER,
    PACKET_HDR,
    PAYLOAD,
    SUBSYSTEM_QUEUE,
    Line,
    attribute,
    packet,
)

FULL = 1460


def test_packets_leave_in_order_once_their_time_has_come() -> None:
    line = Line(delay=0.1)
    for number, came in enumerate((0.0, 0.02, 0.04), 1):
        assert line.take(number, FULL, came)

    assert [line.leaving(now) for now in (0.09, 0.1, 0.13, 0.14, 0.2)] == [None, 1, 2, 3, None]


def test_jitter_does_not_reorder() -> None:
    line = Line(delay=0.1, jitter=0.1)
    for number in range(200):
        line.take(number, FULL, number * 0.001)

    times = [at for at, _ in line.waiting]
    assert times == sorted(times)
    assert max(times) - min(times) > 0.05
    assert all(at >= number * 0.001 for at, number in line.waiting)


def test_narrow_line_sends_as_fast_as_its_rate() -> None:
    line = Line(delay=0.0, rate=14_600, buffer=64_000)
    for number in range(10):
        line.take(number, FULL, 0.0)

    assert [at for at, _ in line.waiting] == pytest.approx([0.1 * n for n in range(1, 11)])


def test_what_finds_the_buffer_full_is_lost() -> None:
    line = Line(delay=0.0, rate=14_600, buffer=2 * FULL)

    assert [line.take(number, FULL, 0.0) for number in range(5)] == [True, True, True, False, False]
    assert line.take(9, FULL, 1.0)


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        pytest.param([(PAYLOAD, bytes(20)), (CAP_LEN, struct.pack(">I", 1500))], 1500, id="cut"),
        pytest.param([(PAYLOAD, bytes(13))], 13, id="whole"),
        pytest.param([], 0, id="no payload"),
    ],
)
def test_number_and_length_are_read_from_the_kernels_message(
    attributes: list[tuple[int, bytes]], told: int
) -> None:
    numbered = attribute(PACKET_HDR, struct.pack(">IHBx", 77, 0x800, 3))
    body = bytes(4) + numbered + b"".join(attribute(kind, data) for kind, data in attributes)
    data = HEADER.pack(HEADER.size + len(body), SUBSYSTEM_QUEUE, 0, 0, 0) + body

    assert packet(data) == (77, told)


def test_other_messages_are_no_packets() -> None:
    assert packet(HEADER.pack(HEADER.size, 2, 0, 0, 0)) is None
