"""What anything of etcd means: a cause, a signal, a metric, an error, a code, a word.

Each kind has a file here that finds its page; ``LOOKUPS`` is the one place where they are put
together, the surest first.
"""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import replace

from rich.text import Text

from etcdscope.detect.catalog import DETECTORS
from etcdscope.model import errors
from etcdscope.model.signal import BY_METRIC, TABLE
from etcdscope.surfaces.explain.causes import cause, contents, signal_page
from etcdscope.surfaces.explain.failures import (
    by_number,
    code_page,
    error_page,
    quoted_code_page,
)
from etcdscope.surfaces.explain.measures import metric_page, quoted_metric_page
from etcdscope.surfaces.explain.messages import message_page
from etcdscope.surfaces.explain.metrics import NOTES
from etcdscope.surfaces.explain.page import Page, page
from etcdscope.surfaces.explain.words import WORDS, word_page
from etcdscope.surfaces.lines import EMPTY, Line, fold, line

Lookup = Callable[[str], Page | None]

__all__ = ["Page", "alike", "contents", "everything", "explain", "index", "page"]


def _by_cause(said: str) -> Page | None:
    wanted = said.lower().replace("_", "-").replace(" ", "-")
    return next((cause(d) for d in DETECTORS if d.id == wanted), None)


def _by_signal(said: str) -> Page | None:
    signal = TABLE.get(said.lower().replace("-", "_").replace(" ", "_"))
    return signal_page(signal) if signal else None


def _by_word(said: str) -> Page | None:
    """A word may be a signal's name as well, such as leader: then its page says so."""
    found, measured = word_page(said), _by_signal(said)
    if not found or not measured:
        return found
    return replace(
        found, facts={**measured.facts, "Signal": measured.says}, used_by=measured.used_by
    )


# A log message comes behind the errors: a line may quote one.
LOOKUPS: tuple[Lookup, ...] = (
    _by_cause,
    by_number,
    code_page,
    _by_word,
    _by_signal,
    metric_page,
    error_page,
    message_page,
    quoted_code_page,
    quoted_metric_page,
)


def explain(word: str) -> Page | None:
    """Return the page of what was said, however it is written; a whole log line will do."""
    said = " ".join(word.split())
    return next((found for look in LOOKUPS if (found := look(said))), None) if said else None


def alike(word: str) -> tuple[str, ...]:
    """Return what may have been meant."""
    known = {name.lower(): name for name in everything()}
    said = " ".join(word.lower().split())
    near = difflib.get_close_matches(said, known, 4, 0.5)
    within = [name for name in known if len(said) > 2 and said in name]
    return tuple(known[name] for name in dict.fromkeys([*near, *within]))[:6]


def everything() -> list[str]:
    """Return all names that have a page, causes first."""
    return list(dict.fromkeys(_everything()))


def _everything() -> Iterator[str]:
    yield from sorted(d.id for d in DETECTORS)
    yield from sorted(WORDS)
    yield from sorted(TABLE)
    yield from sorted({*BY_METRIC, *NOTES})
    yield from (code.name for code in errors.CODES)
    yield from (error.text for error in errors.ALL)


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
