"""The agent's own ``/metrics``: the verdict and the incidents as Prometheus series."""

from collections.abc import Iterator

from etcdscope.diagnose.step import State
from etcdscope.model.incident import Incident, Level
from etcdscope.model.signal import LOOP_LAG, SINK_DROPPED, SINK_FAILING, STORE_FAILING


def exposition(state: State) -> str:
    """Return the text of ``/metrics``, in Prometheus' text format 0.0.4."""
    return "\n".join((*_verdict(state), *_incidents(state), *_ourselves(state), ""))


def _verdict(state: State) -> Iterator[str]:
    said = state.verdict
    if said is None:
        return
    cluster = {"cluster": said.cluster}
    yield from _head("etcdscope_verdict", "1 for the verdict that holds, 0 for the others.")
    for level in Level:
        value = 1.0 if level is said.level else 0.0
        yield _line("etcdscope_verdict", {**cluster, "verdict": level.value}, value)
    if said.margin is not None:
        yield from _head("etcdscope_margin", "Voters that may still be lost; negative: no quorum.")
        yield _line("etcdscope_margin", cluster, said.margin)
    yield from _head("etcdscope_member_reachable", "1 while the member answers this agent.")
    for member in said.members:
        labels = {**cluster, "member": member.name, "member_id": member.id}
        labels["role"] = member.role.value
        yield _line("etcdscope_member_reachable", labels, 1.0 if member.reachable else 0.0)


def _incidents(state: State) -> Iterator[str]:
    yield from _head("etcdscope_incident_open", "1 for each open incident.")
    # Each series once: Prometheus takes no twins.
    yield from dict.fromkeys(
        _line("etcdscope_incident_open", _labels(incident), 1.0) for incident in state.incidents
    )
    yield from _head("etcdscope_blind_spots", "What could not be looked at.")
    yield _line("etcdscope_blind_spots", {}, float(len(state.blind)))


def _labels(incident: Incident) -> dict[str, str]:
    return {
        "cluster": incident.cluster,
        "cause": incident.cause,
        "severity": str(incident.severity),
        "subject": _subject(incident),
    }


def _subject(incident: Incident) -> str:
    """Return whom it is about: m1, m1 → m2, cluster."""
    subject, names = incident.subject, incident.names
    ends = (names.get(end, end) for end in (subject.name, subject.to) if end)
    return " → ".join(ends) or subject.kind


def _ourselves(state: State) -> Iterator[str]:
    window = state.window
    for signal in (LOOP_LAG, SINK_FAILING, SINK_DROPPED, STORE_FAILING):
        name = f"etcdscope_{signal.name}" + ("_seconds" if signal.unit == "s" else "")
        yield from _head(name, signal.means)
        for key in window.keys("", signal):
            value = window.number("", signal, key)
            if value is not None and signal.by:
                yield _line(name, {signal.by: key}, value)
            elif value is not None:
                yield _line(name, {}, value)


def _head(name: str, means: str) -> tuple[str, str]:
    return f"# HELP {name} {means}", f"# TYPE {name} gauge"


def _line(name: str, labels: dict[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value:.15g}" if inside else f"{name} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
