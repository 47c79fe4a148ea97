"""Stand-ins for what sources call."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from etcdscope.etcd.answers import Header, Keys, Membership, Status
from etcdscope.etcd.errors import EtcdError
from etcdscope.etcd.http import HttpAnswer
from etcdscope.model.cluster import MemberList
from etcdscope.model.reading import Observation, Reading, Value
from etcdscope.model.signal import Signal

ENDPOINT = "http://10.0.0.1:2379"
HEADER = Header("cdf818194e3a8c32", "8e9e05c52164694d", 7, 2)


@dataclass
class FakePages:
    """Answers every page alike, or fails; remembers what it was asked for."""

    body: bytes = b""
    status: int = 200
    error: EtcdError | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def get(
        self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> HttpAnswer:
        self.asked.append(url)
        if self.error:
            raise self.error
        assert len(self.body) <= max_bytes
        return HttpAnswer(self.status, self.headers, self.body, 0.002)


@dataclass
class FakeClient:
    """A member: each call gives what stands here, or raises it."""

    told: Status | EtcdError | None = None
    lists: Sequence[MemberList | EtcdError] = ()
    reads: Mapping[bool, EtcdError | Callable[[], Awaitable[None]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    async def status(self) -> Status:
        self.calls.append("status")
        if isinstance(self.told, Status):
            return self.told
        raise self.told or AssertionError

    async def membership(self, linearizable: bool = False) -> Membership:
        self.calls.append("linearizable list" if linearizable else "list")
        answer = self.lists[1 if linearizable else 0]
        if isinstance(answer, EtcdError):
            raise answer
        return Membership(HEADER, answer)

    async def get(self, key: bytes, *, serializable: bool = False) -> Keys:
        self.calls.append("serializable get" if serializable else "get")
        does = self.reads.get(serializable)
        if isinstance(does, EtcdError):
            raise does
        if does:
            await does()
        return Keys(HEADER, (), 0, more=False)


def values(reading: Reading | Sequence[Observation], signal: Signal) -> dict[str, Value]:
    """Return what was seen of a signal, by key."""
    seen = reading.observations if isinstance(reading, Reading) else reading
    return {o.key: o.value for o in seen if o.signal is signal}


def value(reading: Reading | Sequence[Observation], signal: Signal) -> Value:
    """Return the one value that was seen of a signal."""
    (only,) = values(reading, signal).values()
    return only
