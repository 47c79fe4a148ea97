"""Clients that do harm to a real cluster: told by what they do, and over when they end."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from tests.live.watched import Watched, watching

from etcdscope.lab.cluster import LabSpec, LoadSpec
from etcdscope.model.finding import Severity
from etcdscope.model.incident import EffectKind

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]

WITHIN = 40.0  # two scrapes of 5 s tell; generous, since several faults share the machine
_TOLD = (EffectKind.OPENED, EffectKind.CHANGED)


@dataclass(frozen=True)
class Case:
    """A fault, on which member, the cause that is right, and how much it matters."""

    fault: str
    cause: str
    severity: Severity
    says: str
    member: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


# What is injected together is on a member of its own, or does not hide the others.
ROUNDS = {
    "much": (  # first: the store is small yet
        Case("hot-key", "write-hotspot", Severity.INFO, "writes a second", options={"rate": 230}),
        Case("leases-pile", "leases-piling", Severity.INFO, "leases are alive"),
        Case("requests-too-large", "request-too-large", Severity.WARNING, "1.6 MiB", "m2"),
    ),
    "in vain": (  # errors are compared with what was before
        Case("list-storm", "list-storm", Severity.INFO, "of lists"),
        Case("requests-wrong", "errors-rising", Severity.INFO, "InvalidArgument", "m1"),
        Case("watchers-slow", "watchers-slow", Severity.WARNING, "8 watchers on m3", "m3"),
        Case("txn-conflicts", "txn-conflicts", Severity.INFO, "change nothing"),
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    async with watching(LabSpec(version="3.5", load=LoadSpec(rate=50, reads=0.2))) as one:
        assert one.told() == []
        yield one
        assert await one.quiet(30.0), [i.summary for i in one.serious]


def told(watched: Watched, mark: int, case: Case) -> bool:
    """Return whether an incident was told as the case wants it."""
    return any(
        (e.incident.cause, e.incident.severity) == (case.cause, case.severity)
        and case.says in e.incident.summary
        for e in watched.effects[mark:]
        if e.incident and e.kind in _TOLD
    )


@pytest.mark.parametrize("cases", ROUNDS.values(), ids=ROUNDS)
async def test_what_clients_do_is_told(watched: Watched, cases: Sequence[Case]) -> None:
    mark = len(watched.effects)
    faults = [await watched.lab.fault(c.fault, c.member, **c.options) for c in cases]
    try:
        await watched.until(lambda: all(told(watched, mark, case) for case in cases), WITHIN)
        serious = watched.told(mark)
    finally:
        for fault in faults[::-1]:
            await watched.lab.heal(fault)

    right = {case.cause for case in cases}  # a note may rise: on a slow machine lists are slow
    assert [case.cause for case in cases if not told(watched, mark, case)] == []
    assert [i.summary for i in serious if i.cause not in right] == []
