"""An etcd that holds keys in memory and answers pages as the real one does."""

import asyncio
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.mvcc import Page, Stored
from etcdscope.model.reading import Failure


class Time:
    """A clock that runs only when somebody waits."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += max(seconds, 0.0)


class Etcd:
    """``asked``: every call. ``fails``: what a call of that number fails with."""

    def __init__(self, keys: Sequence[Stored], revision: int = 50) -> None:
        self.keys = sorted(keys)
        self.names = [key.key for key in self.keys]
        self.revision = revision
        self.most_bytes = 1 << 40
        self.asked: list[tuple[bytes, bytes, int, int]] = []
        self.fails: dict[int, EtcdError] = {}
        self.compacted_at: int | None = None  # the number of the call before which it happens
        self.most_at_once = self._at_once = 0  # of pages with values
        self.held: tuple[str, ...] | EtcdError = ("1", "2")

    async def page(
        self,
        key: bytes,
        range_end: bytes,
        *,
        limit: int,
        revision: int = 0,
        keys_only: bool = False,
        count_only: bool = False,
    ) -> Page:
        self.asked.append((key, range_end, limit, revision))
        number = len(self.asked)
        self._at_once += 1
        if limit > 1:
            self.most_at_once = max(self.most_at_once, self._at_once)
        await asyncio.sleep(0)
        self._at_once -= 1
        if number in self.fails:
            raise self.fails[number]
        if self.compacted_at == number:
            self.revision += 7
        if self.compacted_at and number >= self.compacted_at and 0 < revision < self.revision:
            raise EtcdError(
                Failure.REJECTED,
                "no",
                "etcdserver: mvcc: required revision has been compacted",
            )
        low = bisect_left(self.names, key)
        high = len(self.names) if range_end == b"\0" else bisect_left(self.names, range_end)
        found = [] if count_only else self.keys[low:high][: limit or None]
        size = sum(len(k.key) + (0 if keys_only else k.value_bytes) for k in found)
        if size > self.most_bytes:
            raise EtcdError(Failure.TOO_LARGE, "it is too large")
        return Page(
            self.revision,
            max(high - low, 0),
            high - low > len(found) > 0,
            len(found),
            found[-1].key if found else b"",
            size,
            _once(found),
        )

    async def leases(self) -> tuple[str, ...]:
        if isinstance(self.held, EtcdError):
            raise self.held
        return self.held


def _once(found: Sequence[Stored]) -> Iterator[Stored]:
    yield from found
