"""A manual page, and how it is printed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from rich.text import Text

from etcdscope.model.incident import Step
from etcdscope.surfaces.lines import EMPTY, Line, fold, line
from etcdscope.surfaces.signs import DIM


@dataclass(frozen=True, slots=True)
class Page:
    """One manual page. ``kind``: cause, signal, metric, error, code, message or word.

    ``facts``: titled sentences, in order. ``because``: reasons, the likeliest first. ``isnt``:
    what it is often taken for. ``causes``: ids of causes that may stand behind it. ``instead``:
    what it may be in its place, and what tells the two apart.
    """

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
    because: tuple[str, ...] = ()
    isnt: str = ""
    causes: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)
    see: tuple[str, ...] = ()

    def object(self) -> dict[str, object]:
        """Return what ``explain --json`` prints; what is empty is left out."""
        return {name: value for name, value in asdict(self).items() if value}


def page(shown: Page, width: int | None = None) -> list[Text]:
    """Return a page as it is printed."""
    lines = [
        line("", (shown.name, "bold"), (f"  {shown.kind}, {shown.family}", DIM)),
        line("", shown.says),
    ]
    if shown.because:
        lines += [EMPTY, line("", ("why it happens", "bold")), *_listed(shown.because)]
    titled = {
        **shown.facts,
        "Is not": shown.isnt,
        "Needs": ", ".join(shown.needs),
        "Used by": ", ".join(shown.used_by),
        "Explains": ", ".join(shown.explains),
        "Because of": ", ".join(shown.explained_by),
        "Seen by": ", ".join(shown.causes),
        "Impact": shown.impact,
        "See also": ", ".join(shown.see),
    }
    told = {title: text for title, text in titled.items() if text}
    if told:
        broad = max(map(len, told)) + 2
        lines += [
            EMPTY,
            *(Line(Text(f"  {t:{broad}}", DIM), Text(says)) for t, says in told.items()),
        ]
    if shown.instead:
        lines += [EMPTY, line("", ("what it may be instead", "bold"))]
        lines += [
            Line(Text("  ~ "), Text.assemble((other, "bold"), f": {test}"))
            for other, test in shown.instead.items()
        ]
    if shown.runbook:
        lines += [EMPTY, line("", ("what to do", "bold")), *_steps(shown.runbook)]
    return fold(lines, width)


def _listed(because: Sequence[str]) -> list[Line]:
    return [line(f"  {number}. ", reason) for number, reason in enumerate(because, 1)]


def _steps(runbook: Sequence[Step]) -> list[Line]:
    lines = []
    for number, step in enumerate(runbook, 1):
        lines.append(line(f"  {number}. ", step.say))
        if step.run:
            lines.append(line("       ", (step.run, "cyan"), whole=True))
    return lines
