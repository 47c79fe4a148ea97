"""Which member to ask for a census: a follower that has the least to do."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from etcdscope.etcd.answers import Status
from etcdscope.etcd.client import EtcdClient
from etcdscope.etcd.errors import EtcdError

# A single quick answer says little on a busy machine.
TIMES = 3
# Times to answer that differ by less are the same: then the first by name is taken, always.
SAME = 0.0005


@dataclass(frozen=True, slots=True)
class Seen:
    """How a member answered: ``seconds`` is the median of some Status calls."""

    endpoint: str
    status: Status
    seconds: float


async def endpoints(given: Sequence[str], client: Callable[[str], EtcdClient]) -> tuple[str, ...]:
    """Return the given endpoints and those that the members advertise. Errors: EtcdError."""
    failed: EtcdError | None = None
    for endpoint in given:
        try:
            members = await client(endpoint).members()
        except EtcdError as error:
            failed = failed or error
            continue
        urls = [url for member in members.members for url in member.client_urls[:1]]
        return tuple(dict.fromkeys([*given, *urls]))
    assert failed is not None
    raise failed


async def least_busy(given: Sequence[str], client: Callable[[str], EtcdClient]) -> tuple[str, str]:
    """Return whom to ask, and what it is: "follower" or "leader". Errors: EtcdError."""
    found = await asyncio.gather(*(_look(one, client) for one in await endpoints(given, client)))
    seen = [one for one in found if isinstance(one, Seen)]
    if not seen:
        raise next(one for one in found if isinstance(one, EtcdError))
    best = chosen(seen)
    leads = best.status.leader == best.status.member_id
    return best.endpoint, "leader" if leads else "follower"


async def _look(endpoint: str, client: Callable[[str], EtcdClient]) -> Seen | EtcdError:
    took = []
    try:
        for _ in range(TIMES):
            began = time.monotonic()
            status = await client(endpoint).status()
            took.append(time.monotonic() - began)
    except EtcdError as error:
        return error
    return Seen(endpoint, status, median(took))


def chosen(seen: Iterable[Seen]) -> Seen:
    """Return the voter that follows and answers quickest; the leader only if it is alone."""

    def rank(one: Seen) -> tuple[bool, bool, int, str]:
        status = one.status
        leads = status.leader == status.member_id
        return leads, status.is_learner, int(one.seconds / SAME), one.endpoint

    return min(seen, key=rank)
