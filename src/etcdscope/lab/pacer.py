"""Delays the packets that the kernel hands it: what netem does, for kernels without it.

A program, run inside a member's network namespace: `pacer.py QUEUE DELAY JITTER RATE BUFFER …`,
five words a queue (s, s, bytes/s or 0 for any, bytes). It says "ready" once it is bound, and lets
go of every packet when it is told to end. Firewall rules with the target NFQUEUE name the packets;
these stay in the kernel, and only their numbers and lengths come here. The layout of the messages
is that of linux/netfilter/nfnetlink_queue.h.

Packets leave in the order in which they came, jitter or not: a network that reorders is another
fault. This file imports the standard library only.
"""

import contextlib
import random
import select
import signal
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass, field

NETLINK_NETFILTER = 12
NETLINK_NO_ENOBUFS = 5
SOL_NETLINK = 270
SO_RCVBUFFORCE = 33
SUBSYSTEM_QUEUE = 3 << 8
PACKET, VERDICT, CONFIG, VERDICT_BATCH = 0, 1, 2, 3
# Attributes of a configuration, of a packet, of a verdict.
CFG_CMD, CFG_PARAMS, CFG_QUEUE_MAXLEN, CFG_MASK, CFG_FLAGS = 1, 2, 3, 4, 5
PACKET_HDR, VERDICT_HDR, PAYLOAD, CAP_LEN = 1, 2, 10, 13
BIND, COPY_PACKET, FLAG_GSO = 1, 2, 4
DROP, ACCEPT = 0, 1
REQUEST, ACK = 1, 4
HEADER = struct.Struct("=IHHII")
# Only the length of a packet is of interest; the kernel says it where it cuts the packet short.
SEEN_BYTES = 20
WAITING_PACKETS = 200_000
SOCKET_BYTES = 16 * 1024 * 1024


def attribute(kind: int, data: bytes) -> bytes:
    """Return one attribute, padded."""
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def message(kind: int, queue: int, attributes: bytes, flags: int = REQUEST) -> bytes:
    """Return one request to the kernel."""
    body = struct.pack(">BBH", socket.AF_UNSPEC, 0, queue) + attributes
    return HEADER.pack(HEADER.size + len(body), SUBSYSTEM_QUEUE | kind, flags, 0, 0) + body


def packet(data: bytes) -> tuple[int, int] | None:
    """Return the number and the length of the packet that a message tells of, if it does."""
    length, kind, _, _, _ = HEADER.unpack_from(data)
    if kind != SUBSYSTEM_QUEUE | PACKET:
        return None
    number, size, at = 0, 0, HEADER.size + 4
    while at + 4 <= length:
        span, what = struct.unpack_from("=HH", data, at)
        what &= 0x3FFF
        if what == PACKET_HDR:
            (number,) = struct.unpack_from(">I", data, at + 4)
        elif what == PAYLOAD:
            size = max(size, span - 4)
        elif what == CAP_LEN:
            (size,) = struct.unpack_from(">I", data, at + 4)
        at += (span + 3) & ~3
    return number, size


@dataclass
class Line:
    """One direction of a slow line: when what came may leave. Times in seconds of one clock."""

    delay: float
    jitter: float = 0.0
    rate: float = 0.0
    buffer: float = 0.0
    waiting: deque[tuple[float, int]] = field(default_factory=deque)
    _free: float = 0.0  # when the line will have sent all that came so far
    _last: float = 0.0  # when the newest that waits will leave

    def take(self, number: int, size: int, now: float) -> bool:
        """Let a packet in; False where the buffer before the line is full, and it is lost."""
        sent = now
        if self.rate:
            begins = max(self._free, now)
            if (begins - now) * self.rate > self.buffer:
                return False
            self._free = sent = begins + size / self.rate
        late = self.delay + random.uniform(-self.jitter, self.jitter)  # noqa: S311 (no secret)
        self._last = max(self._last, sent + max(late, 0.0))
        self.waiting.append((self._last, number))
        return True

    def leaving(self, now: float) -> int | None:
        """Return the number of the newest packet that may leave, all before it as well."""
        newest = None
        while self.waiting and self.waiting[0][0] <= now:
            newest = self.waiting.popleft()[1]
        return newest


class Queue:
    """One queue of the kernel's, and the line that its packets go through."""

    def __init__(self, number: int, line: Line) -> None:
        self.number = number
        self.line = line
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.bind((0, 0))
        self._ask(attribute(CFG_CMD, struct.pack(">BBH", BIND, 0, socket.AF_INET)))
        self._ask(attribute(CFG_PARAMS, struct.pack(">IB", SEEN_BYTES, COPY_PACKET)))
        self._ask(attribute(CFG_QUEUE_MAXLEN, struct.pack(">I", WAITING_PACKETS)))
        flags = struct.pack(">I", FLAG_GSO)
        self._ask(attribute(CFG_FLAGS, flags) + attribute(CFG_MASK, flags))
        self.socket.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BYTES)
        self.socket.setblocking(False)

    def _ask(self, attributes: bytes) -> None:
        self.socket.send(message(CONFIG, self.number, attributes, REQUEST | ACK))
        (error,) = struct.unpack_from("=i", self.socket.recv(4096), HEADER.size)
        if error:
            raise OSError(-error, f"the kernel refused queue {self.number}")

    def receive(self) -> None:
        """Take in what has come."""
        with contextlib.suppress(BlockingIOError):
            while True:
                told = packet(self.socket.recv(4096))
                if told and not self.line.take(*told, time.monotonic()):
                    self._decide(VERDICT, DROP, told[0])

    def release(self, now: float) -> None:
        """Let go of what has waited long enough."""
        newest = self.line.leaving(now)
        if newest is not None:
            self._decide(VERDICT_BATCH, ACCEPT, newest)

    def _decide(self, kind: int, verdict: int, number: int) -> None:
        header = attribute(VERDICT_HDR, struct.pack(">II", verdict, number))
        self.socket.send(message(kind, self.number, header))


def pace(queues: list[Queue], told: socket.socket) -> None:
    """Work until a signal comes."""
    by_socket = {queue.socket.fileno(): queue for queue in queues}
    poll = select.poll()
    for number in (*by_socket, told.fileno()):
        poll.register(number, select.POLLIN)
    while True:
        heads = [queue.line.waiting[0][0] for queue in queues if queue.line.waiting]
        # poll counts whole milliseconds; a packet that leaves a little late is no harm.
        pause = max((min(heads) - time.monotonic()) * 1000, 0) if heads else None
        for number, _ in poll.poll(None if pause is None else int(pause) + 1):
            if number == told.fileno():
                return
            by_socket[number].receive()
        now = time.monotonic()
        for queue in queues:
            queue.release(now)


def main() -> None:
    """Bind the queues that the arguments name, and pace them."""
    words = sys.argv[1:]
    queues = [
        Queue(int(number), Line(float(delay), float(jitter), float(rate), float(buffer)))
        for number, delay, jitter, rate, buffer in zip(*[iter(words)] * 5, strict=True)
    ]
    told, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    pace(queues, told)
    for queue in queues:
        queue.receive()
        queue.release(float("inf"))


if __name__ == "__main__":
    main()
