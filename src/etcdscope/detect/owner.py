"""Who fills the database, by the last census of its keys."""

from etcdscope.model.census import REGISTRY_AT, Census, Chronicle
from etcdscope.model.census_change import Difference, difference
from etcdscope.model.finding import Evidence
from etcdscope.model.signal import REGISTRY
from etcdscope.model.window import Window, once

HOUR = 3600.0
# Growth is told over the longest of these that the censuses reach back.
SPANS = (24 * HOUR, 6 * HOUR, HOUR)
# Censuses are an hour apart, give or take what the scans take.
NEARLY = 0.95


@once
def chronicle(window: Window) -> Chronicle | None:
    """Return the censuses, None if there is no fresh one."""
    point = window.last(REGISTRY_AT, REGISTRY)
    return point.value if point and isinstance(point.value, Chronicle) else None


def census(window: Window) -> Census | None:
    """Return the newest census, None if there is no fresh one."""
    known = chronicle(window)
    return known.last if known else None


@once
def grown(window: Window) -> Difference | None:
    """Return what changed over the longest span that the censuses cover."""
    known = chronicle(window)
    if known is None or known.last is None:
        return None
    for span in SPANS:
        if before := known.before(span * NEARLY):
            return difference(before, known.last)
    return None


def owner(window: Window) -> tuple[Evidence, ...]:
    """Return who holds most of the live data, and who grew most, as evidence for others."""
    last = census(window)
    if last is None or not last.cells:
        return ()
    row = max(last.by_resource(), key=lambda cell: cell.bytes)
    total = last.total.bytes or 1
    told = [
        Evidence(
            "registry_owner",
            row.resource,
            source=REGISTRY.source,
            says=f"{row.bytes / total:.0%} of {last.total.bytes / 2**20:.0f} MiB of live data",
        )
    ]
    change = grown(window)
    most = max(change.resources, key=lambda c: c.bytes, default=None) if change else None
    if change and most and most.bytes > 0:
        told.append(
            Evidence(
                "registry_grew",
                most.name,
                source=REGISTRY.source,
                says=f"by {most.bytes / 2**20:.1f} MiB in {change.seconds / HOUR:.0f} h",
            )
        )
    return tuple(told)
