"""A census of a live member: serializable pages at one revision, two at a time.

Each resource is a stretch of its own. So a page of large values never comes as a surprise after
small ones, etcd counts only one resource's index a page (it walks all of a range, whatever the
limit), and what is ahead is known.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.mvcc import Page
from etcdscope.etcd.operations import prefix_end
from etcdscope.model.census import OTHER, Census
from etcdscope.model.ports import Clock
from etcdscope.model.reading import Failure
from etcdscope.sources.registry.places import ROOTS, Place, kubernetes, place
from etcdscope.sources.registry.tally import Tally

# Each jump costs etcd a count of what is left of its window. An API server has a dozen resources to
# a letter; elsewhere there may be a million top-level names: beyond so many the rest is one.
MOST_STRETCHES, MOST_FOREIGN = 400, 20
COMPACTED = "required revision has been compacted"
# The first page of a resource, of whose objects nothing is known yet; then at most so much more.
FIRST_PAGE, GROWTH = 100, 8
ABREAST = 4  # small calls at a time while looking what there is
_ALL = b"\0"
_REST = Place(OTHER.encode(), OTHER, "", shared=False)
_NOTHING = Page(0, 0, False, 0, b"", 0, iter(()))


class ReadsPages(Protocol):
    """The part of ``EtcdClient`` that is needed here."""

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
        """Read keys. Errors: EtcdError."""
        ...

    async def leases(self) -> tuple[str, ...]:
        """Return all leases. Errors: EtcdError."""
        ...


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard etcd may be asked. ``rate``: bytes a second, 0 for as fast as it goes.

    2,000 keys a page: of 100 a page the scan is seven to ten times slower, of more no faster.
    ``abreast``: pages on their way at a time; with two, etcd collects one while the other travels
    or is counted.
    """

    page_keys: int = 2_000
    page_bytes: int = 4 << 20
    abreast: int = 2
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of keys with one owner, and how many are in it."""

    place: Place
    begin: bytes
    end: bytes
    keys: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is."""

    keys: int
    of_keys: int
    bytes: int


class Scan:
    """Counts what one member has. ``stop``: asked after every page whether to end early.

    ``since``: revision of the census before, so that what changed since can be counted.
    ``revision``: which to count, 0 for the present one.
    """

    def __init__(
        self,
        client: ReadsPages,
        of: str,
        clock: Clock,
        effort: Effort | None = None,
        *,
        hashed: bool = False,
        since: int = 0,
        revision: int = 0,
        told: Callable[[Progress], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._client = client
        self._of = of
        self._clock = clock
        self._effort = effort or Effort()
        self._told = told
        self._stop = stop
        self._tally = Tally(since, hashed)
        self._began = clock.now()
        self._revision = self._first_revision = revision
        self._bytes = self._ahead = 0
        self._notes: list[str] = []

    # ---- what it gives

    async def counts(self) -> Census:
        """Return how many keys each resource has: a few small calls, and no sizes."""
        for stretch in await self._survey():
            self._tally.counted(stretch.place._replace(namespace=""), stretch.keys)
        census = self._census(complete=not self._stop())
        return replace(census, sized=False, kinds=(), orphans=None, leases_used=None)

    async def census(self) -> Census:
        """Return counts and sizes. Errors: EtcdError if nothing at all could be read."""
        stretches = await self._survey()
        self._ahead = sum(stretch.keys for stretch in stretches)
        try:
            complete = await self._read(stretches)
        except EtcdError as error:
            if not self._tally.seen:
                raise
            complete = False
            self._notes.append(f"It ended early: {error.detail}")
        if self._stop():
            self._notes.append("It was interrupted.")
        leases = await self._leases() if complete else None
        return replace(self._census(complete=complete), leases=leases)

    def _census(self, *, complete: bool) -> Census:
        tally = self._tally
        if self._first_revision < self._revision:
            self._notes.append(
                "A compaction overtook the scan: what was counted first is of revision"
                f" {self._first_revision}, what was counted last of {self._revision}."
            )
        if not complete:
            self._notes.append(
                f"Only part was counted: {tally.seen} of {max(self._ahead, tally.seen)} keys."
            )
        return Census(
            at=self._clock.now(),
            of=self._of,
            revision=self._revision,
            first_revision=self._first_revision,
            since=tally.since,
            cells=tally.cells(),
            largest=tally.largest,
            rewritten=tally.rewritten,
            kinds=tally.kinds,
            helm=tally.helm,
            orphans=tally.orphans() if complete else None,
            leases_used=len(tally.leases),
            complete=complete,
            seconds=self._clock.now() - self._began,
            notes=tuple(self._notes),
        )

    async def _leases(self) -> int | None:
        try:
            return len(await self._client.leases())
        except EtcdError:  # where auth is on it takes more rights than reading keys does
            return None

    # ---- what is there

    async def _survey(self) -> list[Stretch]:
        """Jump from resource to resource, in a few windows at a time."""
        await self._page(_ALL, b"\0\0", 1, count_only=True)  # which fixes the revision
        spans = [span for span in _spans() if await self._has(span)]
        windows = deque(enumerate(window for span in spans for window in span.windows()))
        found: dict[int, list[Stretch]] = {}

        async def work() -> None:
            while windows and not self._stop():
                number, (begin, end) = windows.popleft()
                found[number] = await self._window(begin, end)

        await _together(work() for _ in range(ABREAST))
        return [stretch for _, stretches in sorted(found.items()) for stretch in stretches]

    async def _has(self, span: "Span") -> bool:
        return (await self._page(span.begin, span.end, 1, keys_only=True)).size > 0

    async def _window(self, begin: bytes, end: bytes) -> list[Stretch]:
        """Return the stretches of a window; what is left of it after a jump counts them."""
        found: list[Stretch] = []
        most = MOST_STRETCHES if kubernetes(begin) else MOST_FOREIGN
        page = await self._page(begin, end, 1, keys_only=True)
        while page.size and not self._stop():
            where = place(page.last)
            at, after = _bounds(page.last, where)
            at, ahead = max(at, begin), page.total
            if len(found) >= most:
                return [*found, Stretch(_REST, at, end, ahead)]
            begin = after
            page = await self._page(after, end, 1, keys_only=True) if ahead > 1 else _NOTHING
            found.append(Stretch(where, at, after, ahead - page.total))
        return found

    async def _page(
        self,
        key: bytes,
        end: bytes,
        limit: int,
        *,
        keys_only: bool = False,
        count_only: bool = False,
    ) -> Page:
        """Ask at the revision of the scan; if that was compacted, at the present one from now."""
        while True:
            try:
                page = await self._client.page(
                    key,
                    end,
                    limit=limit,
                    revision=self._revision,
                    keys_only=keys_only,
                    count_only=count_only,
                )
            except EtcdError as error:
                if not self._revision or COMPACTED not in error.code:
                    raise
                self._revision = 0
                continue
            self._revision = self._revision or page.revision
            self._first_revision = self._first_revision or self._revision
            return page

    # ---- reading

    async def _read(self, stretches: Sequence[Stretch]) -> bool:
        """Read all stretches; return False where it was stopped."""
        waiting = deque((one.begin, one.end) for one in joined(stretches))

        async def work() -> None:
            while waiting and not self._stop():
                await self._stretch(*waiting.popleft())

        await _together(work() for _ in range(self._effort.abreast))
        return not self._stop()

    async def _stretch(self, begin: bytes, end: bytes) -> None:
        """Read a stretch to its end, or until it is to stop."""
        limit, more = min(FIRST_PAGE, self._effort.page_keys), True
        while more and not self._stop():
            page, limit = await self._fitting(begin, end, limit)
            for key in page.keys:
                self._tally.live(key)
            self._bytes += page.bytes
            self._told(Progress(self._tally.seen, self._ahead, self._bytes))
            begin, more = page.last + b"\0", page.more
            limit = self._next(page, limit) if more else limit
            await self._pace()

    async def _fitting(self, begin: bytes, end: bytes, limit: int) -> tuple[Page, int]:
        """Read a page, of fewer keys if so many are more than an answer may be."""
        while True:
            try:
                return await self._page(begin, end, limit), limit
            except EtcdError as error:
                if error.failure is not Failure.TOO_LARGE or limit == 1:
                    raise
                limit = max(limit // 4, 1)

    def _next(self, page: Page, limit: int) -> int:
        """Return how many keys to ask for so that a page has the size that is wanted."""
        fits = int(self._effort.page_bytes / max(page.bytes / page.size, 1.0))
        return max(min(fits, limit * GROWTH, self._effort.page_keys), 1)

    async def _pace(self) -> None:
        if self._effort.rate:
            due = self._began + self._bytes / self._effort.rate
            await self._clock.sleep(due - self._clock.now())


def _bounds(key: bytes, where: Place) -> tuple[bytes, bytes]:
    """Return the range of all keys of the resource; of a name without a path it is one key."""
    if not where.shared:
        return key, key + b"\0"
    begin = where.prefix + b"/"
    return begin, prefix_end(begin)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the key space: what is under a root of Kubernetes, or between two of them."""

    begin: bytes
    end: bytes
    root: bool = False

    def windows(self) -> list[tuple[bytes, bytes]]:
        """Return how far to look in one call: a letter of the resource's name.

        etcd counts all of a range to find its first key, so under a root windows are narrow.
        """
        if not self.root:
            return [(self.begin, self.end)]
        letters = [self.begin + bytes([octet]) for octet in range(ord("a"), ord("z") + 2)]
        return list(pairwise([self.begin, *letters, self.end]))


def _spans() -> list[Span]:
    found, at = [], _ALL
    for root in sorted(b"/" + name + b"/" for name in ROOTS):
        found += [Span(at, root), Span(root, prefix_end(root), root=True)]
        at = prefix_end(root)
    return [*found, Span(at, _ALL)]


async def _together(work: Iterable[Coroutine[None, None, None]]) -> None:
    """Run these side by side; what goes wrong in one ends all, and is what went wrong here."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except* EtcdError as failed:
        raise next(e for e in failed.exceptions if isinstance(e, EtcdError)) from None


def joined(stretches: Sequence[Stretch]) -> list[Stretch]:
    """Put neighbours together that fit into one first page."""
    found: list[Stretch] = []
    for one in stretches:
        if found and found[-1].keys + one.keys <= FIRST_PAGE:
            before = found.pop()
            found.append(replace(before, end=one.end, keys=before.keys + one.keys))
        else:
            found.append(one)
    return found
