"""What members still hear of each other below raft: the heartbeats of rafthttp's streams.

Every stream carries one each 1.7 s, whether raft has something to say or not (ConnReadTimeout / 3
in etcd's rafthttp). They are counted as received bytes, From="0": how many peers are heard, not
which; but all members hear each peer at the same rate. Measured on etcd 3.5.30: 30 bytes each on
two streams a peer. With the link between two followers cut their rate falls to one peer's share
less at once and the leader's does not, while active_peers says 1 for over a minute.
"""

from etcdscope.model.signal import PEER_RECEIVED_BYTES
from etcdscope.model.window import Window, once

NOBODY = "0"
# Heartbeats are few: in so many seconds for each peer there are three or four, and one more or less
# does not look like a peer.
SECONDS_A_PEER = 5.0
# Scrapes are five seconds apart in calm: as many may be missing at the edge.
EDGE = 0.5


def judged_over(window: Window) -> float:
    """Return over how many seconds the rate must be taken."""
    return max(SECONDS_A_PEER * (len(window.members) - 1), 10.0)


@once
def peers_lost(window: Window, member: str) -> float | None:
    """Return how many of its peers the member does not hear: about 0, 1, 2, …

    Held against the member that hears most. None while a rate is not known.
    """
    rates = {m.id: _rate(window, m.id) for m in window.members}
    known = [rate for rate in rates.values() if rate is not None]
    own = rates.get(member)
    if own is None or len(known) < len(rates) or max(known) <= 0:
        return None
    return (len(rates) - 1) * (1 - own / max(known))


def _rate(window: Window, member: str) -> float | None:
    """Return bytes a second over the last seconds; None if too few, or if they were reset."""
    span = judged_over(window)
    points = [
        (p.at, float(p.value))
        for p in window.points(member, PEER_RECEIVED_BYTES, NOBODY, over=span + 5.5)
        if isinstance(p.value, (int, float))
    ]
    if not points:
        return None
    (newest, last), oldest = points[-1], points[0]
    for at, value in points:
        if newest - at < span - EDGE:
            break
        oldest = (at, value)
    grown, seconds = last - oldest[1], newest - oldest[0]
    return grown / seconds if grown >= 0 and seconds >= span - EDGE else None
