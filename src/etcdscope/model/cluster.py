"""Members, roles and quorum arithmetic."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Raft's role of a member; being a learner is a flag, being frozen or gone a finding."""

    LEADER = "leader"
    FOLLOWER = "follower"
    CANDIDATE = "candidate"
    PRE_CANDIDATE = "pre-candidate"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Member:
    """One row of a member list. ``id`` is hex without leading zeros. No name: never started."""

    id: str
    name: str
    peer_urls: tuple[str, ...] = ()
    client_urls: tuple[str, ...] = ()
    is_learner: bool = False

    @property
    def started(self) -> bool:
        """Return whether the member has ever joined: etcd learns its name only then."""
        return bool(self.name)

    @property
    def label(self) -> str:
        """Return what people call it: its name, or its id while it has none."""
        return self.name or self.id


@dataclass(frozen=True, slots=True)
class MemberList:
    """The membership as one member sees it; ``linearizable`` if a quorum confirmed it."""

    members: tuple[Member, ...]
    linearizable: bool = False

    @property
    def voters(self) -> tuple[Member, ...]:
        """Return the members that count for quorum."""
        return tuple(m for m in self.members if not m.is_learner)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One raised alarm. ``member`` is empty where etcd named none (CORRUPT before 3.6)."""

    kind: str  # NOSPACE or CORRUPT
    member: str = ""


@dataclass(frozen=True, slots=True)
class Hashed:
    """The hash of all keys up to a revision; comparable only if both revisions are the same."""

    hash: int
    revision: int
    compact_revision: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as it was presented. ``names``: DNS names and addresses that it is for.

    ``authority``: the signer's key identifier in hex, else its name. ``not_after``: unix seconds.
    ``self_signed``: as etcd makes them with ``--auto-tls``.
    """

    fingerprint: str
    serial: str
    subject: str
    issuer: str
    authority: str
    names: tuple[str, ...]
    not_after: float
    self_signed: bool = False


def quorum(voters: int) -> int:
    """Return how many voters must agree."""
    return voters // 2 + 1


def tolerance(voters: int) -> int:
    """Return how many of so many voters may be lost."""
    return max(voters - quorum(voters), 0)
