"""What arrives of what a leader sends: second by second, beside what arrives elsewhere."""

from itertools import pairwise

from etcdscope.model.signal import PEER_RECEIVED_BYTES
from etcdscope.model.window import Window, once

# Another member receives this much more, and both more than heartbeats.
LESS = 0.75
CARRIES = 20_000.0
# Scrapes of so many seconds; closer ones cannot show a rate.
OVER = 5.5
APART = 0.5


@once
def received(window: Window, lead: str, member: str) -> tuple[float, ...]:
    """Return the bytes a second that the member received from the leader, scrape by scrape."""
    points = window.points(member, PEER_RECEIVED_BYTES, lead, over=OVER)
    return tuple(
        (float(b.value) - float(a.value)) / (b.at - a.at)  # type: ignore[arg-type]
        for a, b in pairwise(points)
        if b.at - a.at > APART
    )


@once
def falls_short(window: Window, lead: str, member: str) -> bool:
    """Return whether the member receives less from the leader than another one, for seconds now.

    Over a line that is merely slow as much arrives as is sent, only later.
    """
    own = received(window, lead, member)
    others = [
        rates
        for m in window.voters
        if m.id not in (lead, member) and (rates := received(window, lead, m.id))
    ]
    if len(own) < 2 or not others:
        return False
    wanted = max(sum(rates) / len(rates) for rates in others)
    return CARRIES < sum(own) / len(own) < LESS * wanted
