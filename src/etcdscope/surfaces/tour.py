"""The tour of the demo: captions as lines, and the table at its end."""

from collections.abc import Sequence
from datetime import tzinfo

from rich.text import Text

from etcdscope.lab.tour import Outcome
from etcdscope.model.incident import Level
from etcdscope.surfaces.lines import fold, line
from etcdscope.surfaces.signs import DIM, LEVELS, OK
from etcdscope.surfaces.words import clock, duration

LATER = 0.5
HEADS = ("FAULT", "MEMBER", "TOLD AFTER", "CAUSE NAMED", "RIGHT", "CLOSED AFTER")


def caption(
    at: float, title: str, text: str, width: int | None, zone: tzinfo | None = None
) -> list[Text]:
    """Return a caption as it stands between the lines of the watch."""
    words = f"{title} {text}".strip()
    return fold([line(f"{clock(at, zone)}  ▸ ", (words, "bold cyan"))], width)


def summary(outcomes: Sequence[Outcome]) -> list[Text]:
    """Return the table: what was done, how soon it was told, whether rightly, when it was over."""
    rows = [_cells(outcome) for outcome in outcomes]
    broad = [max(len(row[i]) for row in (HEADS, *rows)) for i in range(len(HEADS))]
    lines = [
        Text("  ".join(f"{head:{broad[i]}}" for i, head in enumerate(HEADS)).rstrip(), style=DIM)
    ]
    for outcome, row in zip(outcomes, rows, strict=True):
        text = Text()
        for i, cell in enumerate(row):
            sign = OK if outcome.right else LEVELS[Level.CRITICAL]
            text.append(f"{cell:{broad[i]}}  ", style=sign.style if HEADS[i] == "RIGHT" else "")
        text.rstrip()
        lines.append(text)
    return lines


def _cells(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.fault,
        ", ".join(outcome.members) or "–",
        _span(outcome.told_after),
        _named(outcome),
        "yes" if outcome.right else f"no: {outcome.expected}",
        _span(outcome.closed_after),
    )


def _named(outcome: Outcome) -> str:
    """Return the cause, and when it was named if that was noticeably later than the first word."""
    told, named = outcome.told_after, outcome.named_after
    if told is None or named is None:
        return outcome.named or "nothing"
    return f"{outcome.named} ({duration(named)})" if named - told > LATER else outcome.named


def _span(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)
