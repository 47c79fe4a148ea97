"""Reads raft's own state from a member's ``/debug/vars``."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from etcdscope.etcd.errors import EtcdError
from etcdscope.model.cluster import Role
from etcdscope.model.ports import Pace
from etcdscope.model.reading import Failure, Observation, Reading
from etcdscope.model.signal import (
    FLAGS,
    LEAD_TRANSFEREE,
    PROGRESS_MATCH,
    PROGRESS_STATE,
    RAFT_APPLIED,
    RAFT_COMMIT,
    RAFT_LEAD,
    RAFT_STATE,
    RAFT_TERM,
    RAFTVARS_SECONDS,
)
from etcdscope.sources.looking import Looking
from etcdscope.sources.pages import Pages, page, page_url

# It is 5 kB; only a command line or a cluster beyond reason makes it larger.
MAX_BYTES = 1 << 20

_ROLES = {
    "StateLeader": Role.LEADER,
    "StateFollower": Role.FOLLOWER,
    "StateCandidate": Role.CANDIDATE,
    "StatePreCandidate": Role.PRE_CANDIDATE,
}


# What of the command line is kept: raft's settings, and whether there is a file with more of them.
# All else is forgotten at once, since it may hold secrets.
KEPT_FLAGS = frozenset({"heartbeat-interval", "election-timeout", "pre-vote"})
_FILE = "config-file"
_PLAIN = re.compile(r"[a-z0-9.]{1,16}")


class Progress(msgspec.Struct):
    """How far a peer has come, as the leader sees it."""

    match: int
    state: str


class RaftStatus(msgspec.Struct):
    """raft.Status as its MarshalJSON writes it; ids are hex, "0" is nobody."""

    id: str
    term: int
    lead: str
    raft_state: str = msgspec.field(name="raftState")
    commit: int
    applied: int
    progress: dict[str, Progress] = {}
    leadtransferee: str = "0"


class Vars(msgspec.Struct):
    """What we read of the page; of ``cmdline`` only raft's own settings are kept."""

    # null until raft runs
    raft: RaftStatus | None = msgspec.field(name="raft.status")
    cmdline: list[str] = []


_DECODER = msgspec.json.Decoder(Vars)


class RaftvarsSource:
    """Reads ``raft.status``, the only place that tells of elections that fail.

    ``urls``: where an endpoint's HTTP is, if not on the endpoint itself
    (``--listen-client-http-urls``).
    Gives:   a Reading; indexes in entries, ids in hex; progress from the leader alone.
    Errors:  none leave; UNSUPPORTED where the listener does not have the page.
    """

    name = "raftvars"
    pace = Pace(cadence=0.5, patience=1.0)

    def __init__(self, http: Pages, urls: Mapping[str, str] | None = None) -> None:
        self._http = http
        self._urls = urls or {}

    async def read(self, endpoint: str, at: float) -> Reading:
        """Look once."""
        looking = Looking(self.name, endpoint, at)
        url = page_url(endpoint, "/debug/vars", self._urls)
        try:
            answer = await page(self._http, url, MAX_BYTES)
            shown = _DECODER.decode(answer.body)
            status = shown.raft
        except EtcdError as error:
            return looking.failed(error)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:  # what it is about, not its text
            return looking.blind(Failure.NOT_ETCD, f"{url} has no raft.status: {error}.")
        if status is None:
            return looking.blind(Failure.UNSUPPORTED, f"{url}: raft has not started yet.")
        took = Observation(RAFTVARS_SECONDS, answer.seconds)
        seen = (*parse(status), *settings(shown.cmdline), took)
        return looking.gave(seen, nobody_is_empty(status.id))


def parse(status: RaftStatus) -> Iterator[Observation]:
    """Turn one raft.Status into observations."""
    yield Observation(RAFT_STATE, _ROLES.get(status.raft_state, Role.UNKNOWN).value)
    yield Observation(RAFT_TERM, status.term)
    yield Observation(RAFT_LEAD, nobody_is_empty(status.lead))
    yield Observation(RAFT_COMMIT, status.commit)
    yield Observation(RAFT_APPLIED, status.applied)
    if status.raft_state == "StateLeader":
        yield Observation(LEAD_TRANSFEREE, nobody_is_empty(status.leadtransferee))
    for peer, progress in status.progress.items():  # its own match is its last index
        yield Observation(PROGRESS_MATCH, progress.match, peer)
        if peer != status.id:
            yield Observation(PROGRESS_STATE, progress_word(progress.state), peer)


def settings(cmdline: Sequence[str]) -> Iterator[Observation]:
    """Yield raft's settings as the command line gives them; nothing where there is none.

    Go's flag package takes ``--flag=value``, ``-flag=value`` and ``--flag value``.
    """
    found: list[tuple[str, str]] = []
    for word, following in pairwise((*cmdline[1:], "")):
        flag, given, value = word.lstrip("-").partition("=")
        if not word.startswith("-") or flag not in KEPT_FLAGS | {_FILE}:
            continue
        if flag == _FILE:
            found.append((_FILE, "given"))
            continue
        # pre-vote is a switch: alone it means true.
        value = value if given else "true" if flag == "pre-vote" else following
        if _PLAIN.fullmatch(value):
            found.append((flag, value))
    if cmdline:
        yield Observation(FLAGS, tuple(found))


def nobody_is_empty(member: str) -> str:
    """Return a member's hex id; raft's nobody is 0, ours is empty."""
    return "" if member == "0" else member


def progress_word(state: str) -> str:
    """Return probe, replicate or snapshot for ``StateProbe``, or ``ProgressStateProbe``."""
    return state.rpartition("State")[2].lower()
