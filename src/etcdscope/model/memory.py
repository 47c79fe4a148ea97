"""What must be remembered of a cluster over restarts, etcd's and our own."""

from dataclasses import dataclass

from etcdscope.model.cluster import Certificate


@dataclass(frozen=True, slots=True)
class Mark:
    """The highest value that a quorum of the members reached, and when; unix seconds."""

    value: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """One member as it was last seen.

    ``revision``, ``index``, ``term``: the highest that it showed. ``version_at``: since when it has
    had its version. ``certificates``: port and certificate.
    """

    id: str
    name: str
    peer_urls: tuple[str, ...] = ()
    client_urls: tuple[str, ...] = ()
    version: str = ""
    version_at: float = 0.0
    revision: float = 0.0
    index: float = 0.0
    term: float = 0.0
    certificates: tuple[tuple[str, Certificate], ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """Something that should stay and was seen to be another one, or a value that went back.

    ``what``: cluster, member, certificate, version, revision or index. ``member``: hex id, empty
    for the cluster.
    """

    what: str
    at: float
    member: str
    before: str | float
    after: str | float
    key: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of one cluster from before. ``home``: its id when it was first seen.

    ``endpoints``: where it was looked at. ``cluster``: its id now. ``term``: the highest of any.
    """

    home: str = ""
    cluster: str = ""
    endpoints: tuple[str, ...] = ()
    members: tuple[Remembered, ...] = ()
    revision: Mark = Mark()
    index: Mark = Mark()
    term: float = 0.0
    changes: tuple[Change, ...] = ()

    def member(self, member_id: str) -> Remembered | None:
        """Return what is remembered of the member with that hex id."""
        return next((m for m in self.members if m.id == member_id), None)

    def at(self, url: str) -> Remembered | None:
        """Return who advertised that client URL."""
        return next((m for m in self.members if url in m.client_urls), None)
