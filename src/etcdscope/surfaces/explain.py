"""What a cause, a signal or a metric means: the manual page of one word."""

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import CodeType, FunctionType

from rich.text import Text

from etcdscope.detect.catalog import DETECTORS
from etcdscope.detect.detector import Detector
from etcdscope.diagnose.causes import TABLE as CAUSES
from etcdscope.diagnose.separators import TABLE as SEPARATORS
from etcdscope.model.incident import Step
from etcdscope.model.signal import BY_METRIC, TABLE, Signal
from etcdscope.surfaces.lines import EMPTY, Line, fold, line
from etcdscope.surfaces.signs import DIM
from etcdscope.surfaces.words import count

_FIELD = re.compile(r"^(Signal|Source|Means|Next|Alike):\s+")
_SUFFIXES = ("_bucket", "_sum", "_count")


@dataclass(frozen=True, slots=True)
class Page:
    """One manual page. ``kind``: cause or signal; ``facts``: titled sentences, in order."""

    name: str
    kind: str
    family: str
    says: str
    facts: Mapping[str, str] = field(default_factory=dict)
    impact: str = ""
    runbook: tuple[Step, ...] = ()
    explains: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()

    def object(self) -> dict[str, object]:
        """Return what ``explain --json`` prints; what is empty is left out."""
        return {name: value for name, value in asdict(self).items() if value}


def explain(word: str) -> Page | None:
    """Return the page of a cause, a signal or a metric, however it is written."""
    word = word.strip()
    wanted = word.lower()
    for known in DETECTORS:
        if known.id == wanted.replace("_", "-"):
            return _cause(known)
    signal = TABLE.get(wanted.replace("-", "_")) or _by_metric(wanted.partition("{")[0])
    return _signal(signal) if signal else None


def alike(word: str) -> tuple[str, ...]:
    """Return what may have been meant."""
    known = everything()
    near = difflib.get_close_matches(word.lower(), known, 4, 0.5)
    within = [name for name in known if len(word) > 2 and word.lower() in name]
    return tuple(dict.fromkeys([*near, *within]))[:6]


def everything() -> list[str]:
    """Return all names that have a page, causes first."""
    return [*sorted(d.id for d in DETECTORS), *sorted(TABLE), *sorted(BY_METRIC)]


def contents() -> list[tuple[str, str, str]]:
    """Return (family, cause, sentence) of every cause."""
    return [(d.family, d.id, _manual(d)[0]) for d in DETECTORS]


def _by_metric(word: str) -> Signal | None:
    for suffix in _SUFFIXES:
        if (found := BY_METRIC.get(word.removesuffix(suffix))) is not None:
            return found
    return None


def _cause(known: Detector) -> Page:
    says, facts = _manual(known)
    limits = ", ".join(f"{name} {count(value)}" for name, value in known.limits.values.items())
    if limits:
        facts["Limits"] = limits
    held = known.opens_after
    if held:
        facts["Told"] = f"after it has held for {count(held)} s"
    told_apart = [
        (row.test(known.id), row) for row in SEPARATORS if known.id in (row.one, row.other)
    ]
    for test, row in told_apart:
        other = row.other if row.one == known.id else row.one
        facts[f"Or {other}"] = str(test)
    if known.planned:
        facts["Planned"] = "work that somebody does on purpose; what it explains is told as info"
    return Page(
        known.id,
        "cause",
        known.family,
        says,
        facts,
        known.impact,
        _runbook(known),
        explains=_sorted(row.effect for row in CAUSES if row.cause == known.id),
        explained_by=_sorted(row.cause for row in CAUSES if row.effect == known.id),
        needs=tuple(need.name for need in known.needs),
    )


def _signal(signal: Signal) -> Page:
    facts = {"Unit": signal.unit.value or "none", "Kind": _kind(signal), "Source": signal.source}
    if signal.metrics:
        facts["Metric"] = ", older: ".join(signal.metrics)
    if signal.by:
        facts["By"] = f"label {signal.by}" if signal.metrics else signal.by
    if span := _versions(signal):
        facts["etcd"] = span
    users = _sorted(d.id for d in DETECTORS if signal in _signals(d.judge))
    return Page(signal.name, "signal", signal.source, signal.means, facts, used_by=users)


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


def _runbook(known: Detector) -> tuple[Step, ...]:
    """Return the steps with capitals where a member or an address will stand."""
    blanks = _Blanks()
    return tuple(Step(s.say.format_map(blanks), s.run.format_map(blanks)) for s in known.runbook)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


# --- as text -------------------------------------------------------------------------------------


def page(shown: Page, width: int | None = None) -> list[Text]:
    """Return a page as it is printed."""
    lines = [
        line("", (shown.name, "bold"), (f"  {shown.kind}, {shown.family}", DIM)),
        line("", shown.says),
    ]
    titled = {
        **shown.facts,
        "Needs": ", ".join(shown.needs),
        "Used by": ", ".join(shown.used_by),
        "Explains": ", ".join(shown.explains),
        "Because of": ", ".join(shown.explained_by),
        "Impact": shown.impact,
    }
    told = {title: text for title, text in titled.items() if text}
    if told:
        broad = max(map(len, told)) + 2
        lines += [
            EMPTY,
            *(Line(Text(f"  {t:{broad}}", DIM), Text(says)) for t, says in told.items()),
        ]
    if shown.runbook:
        lines += [EMPTY, line("", ("what to do", "bold")), *_steps(shown.runbook)]
    return fold(lines, width)


def _steps(runbook: Sequence[Step]) -> list[Line]:
    lines = []
    for number, step in enumerate(runbook, 1):
        lines.append(line(f"  {number}. ", step.say))
        if step.run:
            lines.append(line("       ", (step.run, "cyan"), whole=True))
    return lines


def index(width: int | None = None) -> list[Text]:
    """Return all causes, by family."""
    lines: list[Line] = []
    family = ""
    broad = max(len(d.id) for d in DETECTORS) + 2
    for group, ident, says in contents():
        if group != family:
            lines += [EMPTY] * bool(lines) + [line("", (group, "bold"))]
            family = group
        lines.append(Line(Text(f"  {ident:{broad}}"), Text(says)))
    return fold(lines, width)
