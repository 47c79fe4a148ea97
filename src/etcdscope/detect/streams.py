"""What members still hear of each other below raft: the heartbeats of rafthttp's streams.

Every stream carries one each 1.7 s, whether raft has something to say or not (ConnReadTimeout / 3
in etcd's rafthttp). They are counted as received bytes, From="0": how many peers are heard, not
which. Measured on etcd 3.5.30 with the link between two followers cut: their rate falls by one
peer's share at once and the leader's does not, while active_peers says 1 for over a minute.
"""

from etcdscope.model.signal import PEER_RECEIVED_BYTES
from etcdscope.model.window import Window

NOBODY = "0"
# Heartbeats are few: this many seconds for each peer make one peer's share stand out.
SECONDS_A_PEER = 5.0
# The usual rate is taken from before this many seconds ago, over at least so many more.
BEFORE, USUAL_OVER = 20.0, 15.0


def judged_over(window: Window) -> float:
    """Return over how many seconds the present rate must be taken."""
    return max(SECONDS_A_PEER * (len(window.members) - 1), 10.0)


def peers_lost(window: Window, member: str) -> float | None:
    """Return how many of its peers the member has stopped hearing: about 0, 1, 2, …

    None while the usual rate, or that of now, is not known.
    """
    peers = len(window.members) - 1
    points = [
        (p.at, float(p.value))
        for p in window.points(member, PEER_RECEIVED_BYTES, NOBODY)
        if isinstance(p.value, (int, float))
    ]
    span = judged_over(window)
    now = [point for point in points if point[0] >= window.now - span]
    usual = [point for point in points if point[0] <= window.now - span - BEFORE]
    # Scrapes are five seconds apart in calm: as many may be missing at the edge.
    before, present = _rate(usual, USUAL_OVER), _rate(now, span - 5.0)
    if not before or present is None or peers < 1:
        return None
    return peers * (1 - present / before)


def _rate(points: list[tuple[float, float]], least: float) -> float | None:
    """Return bytes a second between the ends; None if they are too near, or the counter fell."""
    if len(points) < 2 or points[-1][0] - points[0][0] < least:
        return None
    grown = points[-1][1] - points[0][1]
    return grown / (points[-1][0] - points[0][0]) if grown >= 0 else None
