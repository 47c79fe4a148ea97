"""Reads Maintenance.Status of one member."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from etcdscope.etcd.answers import Status, hex_id
from etcdscope.etcd.errors import EtcdError
from etcdscope.model.cluster import Alarm
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import (
    ALARMS,
    APPLIED_INDEX,
    APPLIED_TERM,
    CLUSTER_ID,
    COMMITTED_INDEX,
    DB_BYTES,
    DB_IN_USE_BYTES,
    IS_LEARNER,
    LEADER,
    QUOTA_BYTES,
    REVISION,
    STATUS_ERRORS,
    STATUS_SECONDS,
    VERSION,
)
from etcdscope.model.window import Window
from etcdscope.sources.looking import Looking


class TellsStatus(Protocol):
    """The part of ``EtcdClient`` that is needed here."""

    async def status(self) -> Status:
        """Return what the member says of itself. Errors: EtcdError."""
        ...


# That a member fell silent is seen by its answers, which are wanted twice a second. Where raft's
# own status brings them, this one only brings sizes, indexes and alarms.
ALONE = Pace(cadence=0.5, patience=1.0)
RELIEVED = Pace(cadence=1.0, patience=1.0, zoomed=0.5)


class StatusSource:
    """Reads Maintenance.Status of one member.

    ``client``: gives the client of an endpoint. ``relieved``: whether somebody else asks every
    member for a sign of life as often.
    Gives:   a Reading; indexes in entries, sizes in bytes.
    Errors:  none leave. A member that we cannot read is something we saw.
    """

    name = "status"

    def __init__(
        self, client: Callable[[str], TellsStatus], relieved: Callable[[], bool] = lambda: False
    ) -> None:
        self._client = client
        self._relieved = relieved

    @property
    def pace(self) -> Pace:
        """Return how often it looks."""
        return RELIEVED if self._relieved() else ALONE

    async def read(self, endpoint: str, at: float) -> Reading:
        """Ask once."""
        looking = Looking(self.name, endpoint, at)
        try:
            status = await self._client(endpoint).status()
        except EtcdError as error:
            return looking.failed(error)
        took = Observation(STATUS_SECONDS, looking.seconds)
        return looking.gave((*parse(status), took), status.member_id)


def raft_is_seen(window: Window) -> bool:
    """Return whether /debug/vars answered at the last look, on every member that we look at."""
    looks = window.looks
    others = [looks.get(("raftvars", endpoint)) for source, endpoint in looks if source == "status"]
    return bool(others) and all(look is not None and look.failure is None for look in others)


def parse(status: Status) -> Iterator[Observation]:
    """Turn one Status into observations; zeros are values, None is what the version lacks."""
    yield Observation(CLUSTER_ID, status.cluster_id)
    yield Observation(VERSION, status.version)
    yield Observation(LEADER, status.leader)
    yield Observation(APPLIED_TERM, status.raft_term)
    yield Observation(COMMITTED_INDEX, status.raft_index)
    yield Observation(REVISION, status.revision)
    yield Observation(DB_BYTES, status.db_bytes)
    yield Observation(IS_LEARNER, float(status.is_learner))
    yield Observation(STATUS_ERRORS, status.errors)
    yield Observation(ALARMS, alarms(status.errors))
    for signal, value in (
        (APPLIED_INDEX, status.raft_applied_index),
        (DB_IN_USE_BYTES, status.db_in_use_bytes),
        (QUOTA_BYTES, status.db_quota),  # where it is known, sooner than from /metrics
    ):
        if value is not None:
            yield Observation(signal, value)


def alarms(errors: Sequence[str]) -> tuple[Alarm, ...]:
    """Return the alarms among Status.errors: ``memberID:4029825426299138825 alarm:NOSPACE ``.

    So every version from 3.4 to 3.6 says them. AlarmList would tell no more, and is a Raft
    proposal even for a look: it writes, and hangs without a quorum.
    """
    said = [dict(word.split(":", 1) for word in text.split() if ":" in word) for text in errors]
    return tuple(
        Alarm(words["alarm"], hex_id(int(words.get("memberID", "0"))))
        for words in said
        if words.get("alarm") and words.get("memberID", "0").isdecimal()
    )
