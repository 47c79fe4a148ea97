"""What is known of one error: what it says, what it means, why it comes, what to do."""

from dataclasses import dataclass

from etcdscope.model.incident import Step

Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class KnownError:
    """One error of etcd, of its v2 API, or of what lies between a client and etcd.

    ``text``: exactly as it is printed. ``code``: gRPC's name for it, or "v2". ``was``: the code
    that older releases gave. ``number``: only of the v2 API. ``calls``: the methods that give it;
    empty for any. ``because``: reasons, the likeliest first. ``causes``: ids of detectors that
    see such a reason. ``isnt``: what it is often taken for. ``usual``: normal traffic brings it.
    """

    text: str
    code: str
    means: str
    because: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    isnt: str = ""
    todo: tuple[Step, ...] = ()
    calls: tuple[str, ...] = ()
    usual: bool = False
    was: str = ""
    number: int | None = None
    http: int | None = None
    first: Version | None = None
    where: str = "etcd"
