"""Clients that do harm to a real cluster: told by what they do, and over when they end."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from tests.live.watched import Watched, watching

from etcdscope.lab.cluster import LabSpec, LoadSpec
from etcdscope.model.finding import Severity
from etcdscope.model.incident import EffectKind, Incident

pytestmark = [pytest.mark.etcd, pytest.mark.asyncio(loop_scope="module")]

WITHIN = 25.0  # generous on a busy machine; two scrapes of 5 s are needed


@dataclass(frozen=True)
class Case:
    """A fault, the cause that is right, and how much it matters."""

    fault: str
    cause: str
    severity: Severity
    says: str

    def __str__(self) -> str:
        return self.fault


CASES = (
    Case("requests-wrong", "errors-rising", Severity.INFO, "InvalidArgument"),
    Case("requests-too-large", "request-too-large", Severity.WARNING, "1.6 MiB"),
    Case("watchers-slow", "watchers-slow", Severity.WARNING, "12 watchers"),
)
TOGETHER = (
    Case("txn-conflicts", "txn-conflicts", Severity.INFO, "transactions"),
    Case("list-storm", "list-storm", Severity.INFO, "of lists"),
    Case("leases-pile", "leases-piling", Severity.INFO, "leases"),
    Case("hot-key", "write-hotspot", Severity.INFO, "writes a second"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched() -> AsyncIterator[Watched]:
    async with watching(LabSpec(version="3.5", load=LoadSpec(rate=50, reads=0.2))) as one:
        await asyncio.sleep(20)  # so that there is a past to compare with
        assert one.told() == []
        yield one


def opened(watched: Watched, mark: int, case: Case) -> Incident | None:
    """Return the incident as the case wants it."""
    told = [e.incident for e in watched.effects[mark:] if e.incident and e.kind in _TOLD]
    return next(
        (
            i
            for i in told
            if (i.cause, i.severity) == (case.cause, case.severity) and case.says in i.summary
        ),
        None,
    )


_TOLD = (EffectKind.OPENED, EffectKind.CHANGED)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_clients_do_is_told(watched: Watched, case: Case) -> None:
    mark = len(watched.effects)
    fault = await watched.lab.fault(case.fault)
    try:
        took = await watched.until(lambda: opened(watched, mark, case) is not None, WITHIN)
    finally:
        await watched.lab.heal(fault)

    assert took is not None, [(i.cause, i.summary) for i in watched.told(mark)]
    assert {i.cause for i in watched.told(mark)} <= {case.cause}
    assert await watched.quiet(30.0)


async def test_what_harms_nobody_is_a_note(watched: Watched) -> None:
    mark = len(watched.effects)
    faults = [await watched.lab.fault(case.fault) for case in TOGETHER]
    try:
        await watched.until(lambda: all(opened(watched, mark, c) for c in TOGETHER), 2 * WITHIN)
    finally:
        for fault in faults:
            await watched.lab.heal(fault)

    assert [c.cause for c in TOGETHER if not opened(watched, mark, c)] == []
    assert watched.told(mark) == []
