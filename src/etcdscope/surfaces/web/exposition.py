"""The agent's own ``/metrics``: verdicts and incidents of all clusters as Prometheus series."""

from collections.abc import Iterable, Iterator, Sequence

from etcdscope.diagnose.step import State
from etcdscope.model.incident import Incident, Level, Verdict
from etcdscope.model.signal import LOOP_LAG, SINK_DROPPED, SINK_FAILING, STORE_FAILING


def exposition(states: Sequence[State]) -> str:
    """Return the text of ``/metrics``, in Prometheus' text format 0.0.4."""
    verdicts = [state.verdict for state in states if state.verdict]
    return "\n".join((*_verdicts(verdicts), *_incidents(states), *_ourselves(states), ""))


def _verdicts(verdicts: Sequence[Verdict]) -> Iterator[str]:
    if not verdicts:
        return
    yield from _head("etcdscope_verdict", "1 for the verdict that holds, 0 for the others.")
    for said in verdicts:
        for level in Level:
            value = 1.0 if level is said.level else 0.0
            labels = {"cluster": said.cluster, "verdict": level.value}
            yield _line("etcdscope_verdict", labels, value)
    judged = [(said, said.margin) for said in verdicts if said.margin is not None]
    if judged:
        yield from _head("etcdscope_margin", "Voters that may still be lost; negative: no quorum.")
    for said, margin in judged:
        yield _line("etcdscope_margin", {"cluster": said.cluster}, margin)
    yield from _head("etcdscope_member_reachable", "1 while the member answers this agent.")
    for said in verdicts:
        for member in said.members:
            labels = {"cluster": said.cluster, "member": member.name, "member_id": member.id}
            labels["role"] = member.role.value
            yield _line("etcdscope_member_reachable", labels, 1.0 if member.reachable else 0.0)


def _incidents(states: Iterable[State]) -> Iterator[str]:
    states = tuple(states)
    yield from _head("etcdscope_incident_open", "1 for each open incident.")
    # Each series once: Prometheus takes no twins.
    yield from dict.fromkeys(
        _line("etcdscope_incident_open", _labels(incident), 1.0)
        for state in states
        for incident in state.incidents
    )
    yield from _head("etcdscope_blind_spots", "What could not be looked at.")
    blind: dict[str, int] = {}
    for state in states:
        cluster = state.verdict.cluster if state.verdict else ""
        blind[cluster] = blind.get(cluster, 0) + len(state.blind)
    for cluster, count in blind.items():
        yield _line("etcdscope_blind_spots", {"cluster": cluster} if cluster else {}, count)


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


def _ourselves(states: Sequence[State]) -> Iterator[str]:
    for signal in (LOOP_LAG, SINK_FAILING, SINK_DROPPED, STORE_FAILING):
        name = f"etcdscope_{signal.name}" + ("_seconds" if signal.unit == "s" else "")
        yield from _head(name, signal.means)
        worst: dict[str, float] = {}
        for window in (state.window for state in states):
            for key in window.keys("", signal):
                value = window.number("", signal, key)
                if value is not None:
                    worst[key] = max(value, worst.get(key, value))
        for key, value in worst.items():
            yield _line(name, {signal.by: key} if signal.by else {}, value)


def _head(name: str, means: str) -> tuple[str, str]:
    return f"# HELP {name} {means}", f"# TYPE {name} gauge"


def _line(name: str, labels: dict[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value:.15g}" if inside else f"{name} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
