"""What is known of the keys of a cluster, and from where."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from etcdscope.model.window import Window
from etcdscope.surfaces.registry import view
from etcdscope.surfaces.registry.objects import DiffObject, RegistryObject

NOT_HERE = (
    "Nothing was counted. Only an agent counts keys, once an hour; top shows its counts with"
    " --agent URL. This counts them once, at a rate that disturbs nobody:"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """What is known of the keys. ``why``: nothing was counted; ``run``: what would count them."""

    counted: RegistryObject | None = None
    grown: DiffObject | None = None
    why: str = ""
    run: str = ""


Asking = Callable[[], Awaitable[Keys]]


def held(window: Window | None, command: str) -> Keys:
    """Return what a window holds; an own watch counts nothing, so there is what to run instead."""
    if window is None:
        return Keys(why=NOT_HERE, run=command)
    try:
        counted = view.latest(window)
    except view.NotCounted:  # what it says is true of an agent
        return Keys(why=NOT_HERE, run=command)
    try:
        return Keys(counted, view.compared(window))
    except view.NotCounted:
        return Keys(counted)
