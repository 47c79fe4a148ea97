"""What the agent's API tells of the key space: the last census, a tree of it, two compared."""

from datetime import UTC, datetime

from etcdscope.detect.owner import chronicle
from etcdscope.model.census import REGISTRY_AT, Census, Chronicle
from etcdscope.model.census_change import difference
from etcdscope.model.window import Window
from etcdscope.surfaces.registry.objects import (
    DiffObject,
    RegistryObject,
    diff_object,
    registry_object,
)
from etcdscope.surfaces.registry.treemap import Tile, treemap


class NotCounted(LookupError):
    """There is no such census. The message says why, and what to do."""


def latest(window: Window) -> RegistryObject:
    """Return the last census. Errors: NotCounted."""
    return registry_object(_last(window))


def tree(window: Window) -> Tile:
    """Return the last census as a tree of resources and namespaces. Errors: NotCounted."""
    return treemap(_last(window))


def moments(window: Window) -> tuple[float, ...]:
    """Return when the censuses were made that can be compared, in unix seconds."""
    known = chronicle(window) or Chronicle()
    return tuple(census.at for census in known.censuses)


def compared(window: Window, before: float | None = None, after: float | None = None) -> DiffObject:
    """Return what changed between the last censuses up to two moments, in unix seconds.

    Without ``after`` it is the newest, without ``before`` the oldest of the last day.
    Errors: NotCounted.
    """
    last = _last(window)
    known = (chronicle(window) or Chronicle()).censuses
    new = last if after is None else _up_to(known, after)
    if before is not None:
        return diff_object(difference(_up_to(known, before), new))
    day = [census for census in known if new.at - 24.5 * 3600.0 <= census.at < new.at]
    if not day:
        raise NotCounted("There is only one census yet; the next one comes within the hour.")
    return diff_object(difference(day[0], new))


def _last(window: Window) -> Census:
    known = chronicle(window)
    if known is not None and known.last is not None:
        return known.last
    look = window.looks.get(("registry", REGISTRY_AT))
    if look is None:
        raise NotCounted(
            "The keys have not been counted yet; that is done a minute after the start, where"
            " a member is fit for it, and then once an hour."
        )
    if look.failure is not None:
        raise NotCounted(f"The keys could not be counted: {look.detail or look.failure}")
    raise NotCounted("No API server keeps its objects in this etcd, so its keys are not counted.")


def _up_to(known: tuple[Census, ...], at: float) -> Census:
    before = [census for census in known if census.at <= at]
    if not before:
        oldest = datetime.fromtimestamp(known[0].at, UTC)
        raise NotCounted(f"Nothing was counted so long ago; the oldest is of {oldest:%FT%TZ}.")
    return before[-1]
