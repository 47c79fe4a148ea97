"""Reads the membership: as each member sees it, and from one of them as a quorum confirms it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from etcdscope.etcd.answers import Keys, Membership
from etcdscope.etcd.errors import EtcdError
from etcdscope.model.cluster import MemberList
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import MEMBER_LIST
from etcdscope.sources.looking import Looking
from etcdscope.sources.questions import KEY, path_works

# A quorum that needs longer has other troubles; the member's own view is there by then.
CONFIRM_SECONDS = 1.0


class TellsMembers(Protocol):
    """The part of ``EtcdClient`` that is needed here."""

    async def membership(self, linearizable: bool = False) -> Membership:
        """Return the members and who answered. Errors: EtcdError."""
        ...

    async def get(self, key: bytes, *, serializable: bool = False) -> Keys:
        """Read one key. Errors: EtcdError."""
        ...


class MembersSource:
    """Reads MemberList of one member.

    One endpoint at a time, the first that has answered, is also asked for a list that a quorum
    confirms; if it cannot, the next one is asked at its next look.
    Gives:   a Reading with one member list, ``linearizable`` if it was confirmed.
    Errors:  none leave; a list that could not be confirmed is the member's own view.
    """

    name = "members"
    pace = Pace(cadence=5.0, patience=2.5, zoomed=1.0)

    def __init__(self, client: Callable[[str], TellsMembers]) -> None:
        self._client = client
        self._failures: dict[str, int] = {}  # to confirm, in a row, of those that answer

    async def read(self, endpoint: str, at: float) -> Reading:
        """Ask once, or twice."""
        looking = Looking(self.name, endpoint, at)
        client = self._client(endpoint)
        try:
            answer = await client.membership()
        except EtcdError as error:
            self._failures.pop(endpoint, None)
            return looking.failed(error)
        except asyncio.CancelledError:  # the engine's patience is over
            self._failures.pop(endpoint, None)
            raise
        known, members = self._failures, answer.list
        known.setdefault(endpoint, 0)
        if endpoint == min(known, key=lambda url: (known[url], url)):
            confirmed = await _confirmed(client)
            known[endpoint] = 0 if confirmed else known[endpoint] + 1
            members = confirmed or members
        return looking.gave([Observation(MEMBER_LIST, members)], answer.header.member_id)

    def leave(self, endpoint: str) -> None:
        """Ask it no more: the turn to confirm would stay with who is never asked again."""
        self._failures.pop(endpoint, None)


async def _confirmed(client: TellsMembers) -> MemberList | None:
    with suppress(EtcdError, TimeoutError):
        async with asyncio.timeout(CONFIRM_SECONDS):
            members = (await client.membership(linearizable=True)).list
            return members if members.linearizable else await _caught_up(client)
    return None


async def _caught_up(client: TellsMembers) -> MemberList:
    """Confirm the list of etcd 3.4, which only ever gives its own view.

    A linearizable read returns when the member has applied all that was committed before it,
    changes of the membership included: the view after that is as new.
    """
    try:
        await client.get(KEY)
    except EtcdError as error:
        if not path_works(error):
            raise
    return replace((await client.membership()).list, linearizable=True)
