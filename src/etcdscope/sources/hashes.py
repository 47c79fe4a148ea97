"""Reads HashKV of every member at one revision, so that the answers can be compared."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from etcdscope.etcd.answers import HashKV
from etcdscope.etcd.errors import EtcdError
from etcdscope.model.cluster import Hashed
from etcdscope.model.ports import Clock, Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import (
    AUTH_ON,
    DB_BYTES,
    DB_IN_USE_BYTES,
    HASH_SECONDS,
    HASHED,
    PROCESS_START,
    REVISION,
)
from etcdscope.model.window import Window
from etcdscope.sources.looking import Looking

# etcd keeps the lock of its read transaction while it hashes (HashByRev in mvcc/kvstore.go), so
# that this member commits nothing meanwhile. So one member at a time, and this share of the time.
SHARE = 0.001
CADENCE = 60.0
# By then every member has shown its revision, and `check --for 10s` can still use the answers.
FIRST = 3.0
# Where hashes differ, one failed or a compaction came between, once more, so many times.
AGAIN, AGAIN_TIMES = 1.5, 3
# A member that was restarted may have come back with other data; not for each turn of a crash loop.
AFTER_A_START = 10.0
POLL, CALM_POLL = 0.25, 0.5
# Measured on etcd 3.5.30 and 3.4.23 with 100 000 keys in 63 MiB: 32 to 41 ms, and the slowest put
# meanwhile took 35 to 40 ms instead of 3 to 5. Of more than this it would stand still for more than
# half a second, which is told instead of done.
MOST_BYTES = 1 << 30
# etcd's words when the revision is no longer, or not yet, there (mvcc/kvstore.go).
MISSED = ("required revision has been compacted", "required revision is a future revision")
DENIED = frozenset({Failure.PERMISSION_DENIED, Failure.UNAUTHENTICATED})


class TellsHash(Protocol):
    """The part of ``EtcdClient`` that is needed here."""

    async def hash_kv(self, revision: int = 0) -> HashKV:
        """Return the hash of all keys up to a revision. Errors: EtcdError."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """What the members have shown: the revision that all of them hold (0: not known), and sizes.

    ``bytes``: size in use by endpoint. ``starts``: when each process started.
    """

    revision: int = 0
    starts: frozenset[float] = frozenset()
    bytes: dict[str, float] = field(default_factory=dict)


def held_by(window: Window) -> Held:
    """Return the revision that all members hold that we see, and their sizes."""
    revisions = [window.number(m.id, REVISION) for m in window.members]
    seen = [revision for revision in revisions if revision is not None]
    sizes = {
        window.dialled(m.id): window.number(m.id, DB_IN_USE_BYTES, within=60.0)
        or window.number(m.id, DB_BYTES, within=60.0)
        or 0.0
        for m in window.members
    }
    starts = (window.number(m.id, PROCESS_START) for m in window.members)
    return Held(int(min(seen, default=0.0)), frozenset(s for s in starts if s), sizes)


@dataclass(slots=True)
class _Round:
    """One comparison: its revision, who was asked, and what they said."""

    began: float
    revision: int
    starts: frozenset[float]
    early: int  # how many rounds before it came ahead of their time
    asked: set[str] = field(default_factory=set)
    said: set[tuple[int, int]] = field(default_factory=set)  # compact revision and hash
    slowest: float = 0.0

    @property
    def next(self) -> float:
        """Return when the next one is due, so that hashing takes no more than its share."""
        return self.began + max(CADENCE, self.slowest / SHARE)


class HashesSource:
    """Asks the members for their hashes, one after the other, at a revision that all of them hold.

    The looks share a round: the first that is due chooses the revision, the others take it over.
    ``held``: what the members have shown of themselves. ``anonymous``: we show neither a user nor
    a certificate.
    Gives:   the hash with its revision and compact revision; a round a minute, less often where it
             takes a member more than 60 ms.
    Errors:  none leave; PERMISSION_DENIED where auth is on and we are not root.
    """

    name = "hashes"
    pace = Pace(cadence=0.0, patience=7200.0)  # waits by itself for its turn

    def __init__(
        self,
        client: Callable[[str], TellsHash],
        clock: Clock,
        held: Callable[[], Held],
        *,
        anonymous: bool = False,
    ) -> None:
        self._client = client
        self._clock = clock
        self._held = held
        self._anonymous = anonymous
        self._round: _Round | None = None
        self._due = clock.now() + FIRST
        self._busy = ""
        self._missed = False  # since the last round on schedule

    async def read(self, endpoint: str, at: float) -> Reading:  # noqa: ARG002 - it waits first
        """Wait for the next round, and ask."""
        while True:
            round_ = await self._turn(endpoint)
            began = self._clock.now()
            looking = Looking(self.name, endpoint, began)
            if self._held().bytes.get(endpoint, 0.0) > MOST_BYTES:
                self._busy = ""
                return looking.blind(Failure.TOO_LARGE, f"{endpoint} {_TOO_LARGE}")
            try:
                # A revision that is the compact revision itself cannot be named before etcd 3.5.10.
                revision = 0 if self._missed and round_.early == AGAIN_TIMES else round_.revision
                answer = await self._client(endpoint).hash_kv(revision)
            except EtcdError as error:
                denied = error.failure in DENIED
                missed = any(words in error.code for words in MISSED)
                self._missed = self._missed or missed
                if not denied and self._once_more(round_) and missed:
                    continue
                return looking.failed(error, [Observation(AUTH_ON, 1.0)] if denied else ())
            finally:
                self._busy = ""
                seconds = self._clock.now() - began
                round_.slowest = max(round_.slowest, seconds)
            round_.said.add((answer.compact_revision, answer.hash))
            if len(round_.said) > 1:
                self._once_more(round_)
            return looking.gave(self._seen(answer, revision, seconds), answer.header.member_id)

    def _seen(self, answer: HashKV, revision: int, seconds: float) -> list[Observation]:
        revision = revision or answer.header.revision
        hashed = Hashed(answer.hash, revision, answer.compact_revision)
        seen = [Observation(HASHED, hashed), Observation(HASH_SECONDS, seconds)]
        return [*seen, Observation(AUTH_ON, 0.0)] if self._anonymous else seen

    async def _turn(self, endpoint: str) -> _Round:
        """Wait until there is a round in which this endpoint was not asked, and nobody else is."""
        while True:
            round_ = self._begun()
            if round_ and endpoint not in round_.asked and not self._busy:
                round_.asked.add(endpoint)
                self._busy = endpoint
                return round_
            await self._clock.sleep(self._pause())

    def _pause(self) -> float:
        """Return when it is worth asking again: rounds are a minute apart, as a rule."""
        before = self._round
        due = self._due if before is None else min(self._due, before.next)
        return min(max(due - self._clock.now(), POLL), CALM_POLL)

    def _begun(self) -> _Round | None:
        """Return the present round, a new one if it is time for it."""
        now, before, held = self._clock.now(), self._round, self._held()
        due = self._due if before is None else min(self._due, before.next)
        if before and held.starts - before.starts:
            due = min(due, before.began + AFTER_A_START)
        if now >= due and held.revision:
            early = before.early + 1 if before and self._due < before.next else 0
            self._missed = self._missed and early > 0
            self._round = _Round(now, held.revision, held.starts, early)
            self._due = float("inf")
        return self._round

    def _once_more(self, round_: _Round) -> bool:
        """Let the next round come soon, unless that was tried; say whether it does."""
        if round_.early >= AGAIN_TIMES:
            return False
        self._due = min(self._due, self._clock.now() + AGAIN)
        return True


_TOO_LARGE = (
    "is not hashed: with more than 1 GiB in use it would commit nothing for over half a second;"
    " compare the members in a quiet hour with etcdctl endpoint hashkv."
)
