"""What a fault is: its kind, one injection of it, and the record that heals it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from etcdscope.lab.spec import LabError

if TYPE_CHECKING:
    from etcdscope.lab.cluster import Lab
    from etcdscope.lab.member import Member

Needs = Literal["nothing", "namespaces", "ptrace", "cgroup"]
Option = str | bool | int | float


@dataclass(slots=True)
class Injection:
    """One fault in the making: where, with which options, and how to undo what is done so far."""

    lab: "Lab"
    asked: str
    targets: "list[Member]"
    options: Mapping[str, Option]
    undo: AsyncExitStack
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def others(self) -> "list[Member]":
        return [member for member in self.lab.members if member not in self.targets]

    def begins(self) -> None:
        """From here on it hurts; called by faults that take a while to prepare."""
        self.at = datetime.now(UTC)

    def number(self, name: str) -> float:
        value = self.options[name]
        assert not isinstance(value, str)
        return value

    def text(self, name: str) -> str:
        return str(self.options[name])

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that goes on until the fault is healed; what it raises, heal raises."""
        task = asyncio.create_task(work)
        self.lab.tasks.add(task)

        async def cancel() -> None:
            task.cancel()
            self.lab.tasks.discard(task)
            (result,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(result, Exception):
                raise result

        self.undo.push_async_callback(cancel)


Apply = Callable[[Injection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A fault by name. `options` are the defaults; a value given is read as its default's type.

    `target` is who is hit when nobody is named: a member, leader, follower, followers, majority,
    all, "" (the cluster as a whole), or several of them with commas.
    """

    name: str
    doc: str
    apply: Apply = field(repr=False)
    target: str
    options: Mapping[str, Option]
    needs: Needs = "nothing"

    @property
    def needs_root(self) -> bool:
        """Tracing our own children needs none, unless kernel.yama.ptrace_scope forbids it."""
        return self.needs in {"namespaces", "cgroup"}

    def read(self, given: Mapping[str, object]) -> dict[str, Option]:
        options = dict(self.options)
        for name, value in given.items():
            if name not in options:
                known = ", ".join(options) or "none"
                raise LabError(f"fault {self.name} has no option {name}; it has: {known}")
            options[name] = self._read(name, value)
        return options

    def _read(self, name: str, value: object) -> Option:
        default = self.options[name]
        try:
            if isinstance(default, bool):
                return {"true": True, "false": False}[str(value).lower()]
            return type(default)(str(value))
        except (ValueError, KeyError):
            wanted = type(default).__name__
            raise LabError(f"fault {self.name}: {name}={value}: write a {wanted}") from None


def fault(
    name: str, *, target: str, needs: Needs = "nothing", **options: Option
) -> Callable[[Apply], FaultKind]:
    """Declare the fault that a function injects; its docstring is the manual."""

    def declare(apply: Apply) -> FaultKind:
        doc = " ".join((apply.__doc__ or "").split())
        return FaultKind(name, doc, apply, target, options, needs)

    return declare


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is in effect since `at`; `lab.heal(fault)` undoes it."""

    number: int
    name: str
    members: tuple[str, ...]
    at: datetime
    options: Mapping[str, Option]
    undo: AsyncExitStack = field(repr=False, compare=False)
