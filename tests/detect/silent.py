"""A cluster of three of which m2 is silent, and what is seen of it."""

from tests.detect.windows import Told, ago, refused, timing_out, window

from etcdscope.model.signal import (
    ACTIVE_PEERS,
    FAREWELL,
    PORT_STATE,
    PROGRESS_MATCH,
    RAFT_LEAD,
    RAFT_STATE,
)
from etcdscope.model.window import Window

LEADS: Told = {RAFT_LEAD: ["m1"] * 8, RAFT_STATE: ["leader"] * 8}
FOLLOWS: Told = {RAFT_LEAD: ["m1"] * 8, RAFT_STATE: ["follower"] * 8}
OPEN: Told = {PORT_STATE: {"client": "open", "peer": "open"}}
CLIENTS_REFUSED: Told = {PORT_STATE: {"client": "refused", "peer": "open"}}
CLOSED: Told = {PORT_STATE: {"client": "refused", "peer": "refused"}}
CLOSED_LONG: Told = {
    PORT_STATE: {"client": ago((1.9, "refused"), (0.1, "refused")), "peer": "refused"}
}
DARK: Told = {PORT_STATE: {"client": "silent", "peer": "silent"}}
HEARS_M2: Told = {PROGRESS_MATCH: {"m2": [10, 20, 30, 40]}}
LOST_M2: Told = {ACTIVE_PEERS: {"m2": 0.0}}
ORDERLY: Told = {FAREWELL: ago((1.0, 1.0))}


def without_m2(m2: Told, m1: Told | None = None, *, seconds: float = 2.0) -> Window:
    """Return a window in which m2 has not answered for so long, with what m1 says beside it."""
    closed = m2.get(PORT_STATE, {}).get("client") == "refused"
    away = refused(seconds) if closed else timing_out(seconds)
    return window({"m1": LEADS | (m1 or {}), "m2": m2, "m3": FOLLOWS}, away={"m2": away})
