"""Pages of metrics: what is measured, and where the name misleads."""

import re

from etcdscope.model.incident import Step
from etcdscope.model.signal import BY_METRIC, Signal
from etcdscope.surfaces.explain.causes import known as existing
from etcdscope.surfaces.explain.causes import signal_page, users
from etcdscope.surfaces.explain.metrics import NOTES, family, note
from etcdscope.surfaces.explain.metrics.note import Note
from etcdscope.surfaces.explain.page import Page

_NAME = re.compile(r"\b(?:etcd|grpc|os|process)_\w+")


def metric_page(said: str) -> Page | None:
    """Return the page of a metric: by its name, with or without labels and endings."""
    name = family(said)
    known = note(said)
    signals = [signal for text, signal in BY_METRIC.items() if text == name]
    if known is None:
        return signal_page(signals[0]) if signals else None
    return _page(name, known, signals)


def quoted_metric_page(said: str) -> Page | None:
    """Return the page of the first metric that a text names, such as a query of Prometheus."""
    names = (name for name in _NAME.findall(said) if family(name) in NOTES)
    return metric_page(next(names, ""))


def _page(name: str, known: Note, signals: list[Signal]) -> Page:
    facts = {
        "Kind": known.kind,
        "Unit": signals[0].unit.value if signals else "",
        "Trap": known.trap,
        "Healthy": known.good,
        "etcd": " ".join(
            filter(
                None,
                (known.since and f"since {known.since}", known.until and f"until {known.until}"),
            )
        ),
        "Signal": ", ".join(signal.name for signal in signals),
        "Others": _others(name, known),
    }
    told_by = {*users(*signals), *known.causes} if signals else set(known.causes)
    look = f"curl -s ENDPOINT/metrics | grep '^{name}'"
    return Page(
        name,
        "metric",
        "/metrics",
        known.means,
        {title: text for title, text in facts.items() if text},
        runbook=(
            Step("Look at it.", look),
            *((Step("Ask Prometheus.", known.ask),) if known.ask else ()),
        ),
        used_by=existing(sorted(told_by)),
    )


def _others(name: str, known: Note) -> str:
    """Return what the other names of the same thing are."""
    return "" if known.name in NOTES or known.name == name else f"one of {known.name}*"
