"""Pages of causes and signals."""

import inspect
import re
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType

from etcdscope.detect.catalog import DETECTORS
from etcdscope.detect.detector import Detector
from etcdscope.diagnose.causes import TABLE as CAUSES
from etcdscope.diagnose.separators import TABLE as SEPARATORS
from etcdscope.model.incident import Step
from etcdscope.model.signal import Signal
from etcdscope.surfaces.explain.page import Page
from etcdscope.surfaces.words import count

_FIELD = re.compile(r"^(Signal|Source|Means|Next|Alike):\s+")


_KNOWN = frozenset(d.id for d in DETECTORS)


def known(ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that have a detector, in their order; knowledge may be ahead of detectors."""
    return tuple(ident for ident in ids if ident in _KNOWN)


def contents() -> list[tuple[str, str, str]]:
    """Return (family, cause, sentence) of every cause."""
    return [(d.family, d.id, _manual(d)[0]) for d in DETECTORS]


def cause(known: Detector) -> Page:
    """Return the page of a detector."""
    says, facts = _manual(known)
    limits = ", ".join(f"{name} {count(value)}" for name, value in known.limits.values.items())
    if limits:
        facts["Limits"] = limits
    held = known.opens_after
    if held:
        facts["Told"] = f"after it has held for {count(held)} s"
    if known.planned:
        facts["Planned"] = "work that somebody does on purpose; what it explains is told as info"
    return Page(
        known.id,
        "cause",
        known.family,
        says,
        facts,
        known.impact,
        runbook(known),
        explains=_sorted(row.effect for row in CAUSES if row.cause == known.id),
        explained_by=_sorted(row.cause for row in CAUSES if row.effect == known.id),
        needs=tuple(need.name for need in known.needs),
        instead={
            (row.other if row.one == known.id else row.one): str(row.test(known.id))
            for row in SEPARATORS
            if known.id in (row.one, row.other)
        },
    )


def signal_page(signal: Signal) -> Page:
    """Return the page of a signal."""
    facts = {"Unit": signal.unit.value or "none", "Kind": _kind(signal), "Source": signal.source}
    if signal.metrics:
        facts["Metric"] = ", older: ".join(signal.metrics)
    if signal.by:
        facts["By"] = f"label {signal.by}" if signal.metrics else signal.by
    if span := _versions(signal):
        facts["etcd"] = span
    return Page(signal.name, "signal", signal.source, signal.means, facts, used_by=users(signal))


def users(*signals: Signal) -> tuple[str, ...]:
    """Return the detectors that name one of the signals."""
    return _sorted(d.id for d in DETECTORS if not _signals(d.judge).isdisjoint(signals))


def _signals(judge: Callable[..., object]) -> frozenset[Signal]:
    """Return the signals that a judge, or what it calls in its room, names."""
    seen: set[Signal] = set()
    known: set[object] = set()
    waiting: list[object] = [judge]
    while waiting:
        function = waiting.pop()
        if not isinstance(function, FunctionType) or function in known:
            continue
        known.add(function)
        named = [function.__globals__.get(name) for name in _names(function.__code__)]
        seen.update(value for value in named if isinstance(value, Signal))
        waiting += [v for v in named if getattr(v, "__module__", "").startswith("etcdscope.detect")]
    return frozenset(seen)


def _names(code: CodeType) -> Iterable[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _kind(signal: Signal) -> str:
    named_total = any(name.endswith("_total") for name in signal.metrics)
    lies = named_total and signal.kind == "gauge"
    return f"{signal.kind}, whatever its name says" if lies else str(signal.kind)


def _versions(signal: Signal) -> str:
    first = f"since {'.'.join(map(str, signal.first))}" if signal.first else ""
    last = f"until {'.'.join(map(str, signal.last))}" if signal.last else ""
    return " ".join(filter(None, (first, last)))


def _manual(known: Detector) -> tuple[str, dict[str, str]]:
    """Take a judge's docstring apart: its sentence, and its titled lines."""
    sentence, _, rest = inspect.cleandoc(known.manual).partition("\n\n")
    facts: dict[str, str] = {}
    title = ""
    for row in rest.splitlines():
        if found := _FIELD.match(row):
            title = found[1]
            facts[title] = row[found.end() :].strip()
        elif title:
            facts[title] += f" {row.strip()}"
    return " ".join(sentence.split()), facts


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key.upper()


def runbook(known: Detector) -> tuple[Step, ...]:
    """Return the steps with capitals where a member or an address will stand."""
    blanks = _Blanks()
    return tuple(Step(s.say.format_map(blanks), s.run.format_map(blanks)) for s in known.runbook)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
