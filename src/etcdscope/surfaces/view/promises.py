"""etcd's own four promises (simple, secure, fast, reliable), and whether they are kept here."""

import ipaddress
from urllib.parse import urlsplit

from etcdscope.diagnose.step import State
from etcdscope.model.cluster import tolerance
from etcdscope.model.incident import Incident, Verdict
from etcdscope.model.signal import CERTIFICATE_END
from etcdscope.model.window import Window
from etcdscope.surfaces.view.shapes import PromiseObject
from etcdscope.surfaces.words import listed

DAY = 86_400.0
# Incidents of these families say that data, or the taking part of members, is in danger.
_UNSAFE = frozenset({"certificate-expired", "certificate-mismatched"})


def promises(state: State) -> tuple[PromiseObject, ...]:
    """Return the promises, each with a sentence that says why."""
    verdict = state.verdict
    if verdict is None or not verdict.members:
        why = "Nothing was seen of this cluster yet."
        return tuple(
            PromiseObject(id=name, kept="unknown", say=why)
            for name in ("simple", "secure", "fast", "reliable")
        )
    return (
        _simple(verdict),
        _secure(state.window, verdict, state.incidents),
        # Load is not capability: what a cluster is not asked for says nothing about what it could.
        PromiseObject(id="fast", kept="unknown", say="Not measured: load is not capability."),
        _reliable(verdict),
    )


def _simple(verdict: Verdict) -> PromiseObject:
    """Its API answers: that is what clients are promised."""
    silent = [m.name for m in verdict.members if not m.reachable]
    if silent:
        verb = "does" if len(silent) == 1 else "do"
        say = f"{listed(silent)} {verb} not answer."
        return PromiseObject(id="simple", kept="no", say=say)
    slowest = max((m.answer_seconds or 0.0 for m in verdict.members), default=0.0)
    say = f"Every member answers its API, within {slowest * 1000:.1f} ms."
    return PromiseObject(id="simple", kept="yes", say=say)


def _secure(window: Window, verdict: Verdict, incidents: tuple[Incident, ...]) -> PromiseObject:
    bad = next((i for i in incidents if i.cause in _UNSAFE), None)
    if bad:
        return PromiseObject(id="secure", kept="no", say=f"{bad.summary}.")
    plain = [m for m in verdict.members if not m.endpoint.startswith("https://")]
    if plain and all(_is_loopback(m.endpoint) for m in verdict.members):
        say = "No TLS, but only loopback addresses: nobody is on the path."
        return PromiseObject(id="secure", kept="unknown", say=say)
    if plain:
        say = f"Clients of {listed(m.name for m in plain)} speak without TLS."
        return PromiseObject(id="secure", kept="no", say=say)
    ends = [
        end
        for member in verdict.members
        for port in window.keys(member.id, CERTIFICATE_END)
        if (end := window.number(member.id, CERTIFICATE_END, port)) is not None
    ]
    if not ends:
        say = "TLS everywhere; no certificate was looked at yet."
        return PromiseObject(id="secure", kept="unknown", say=say)
    days = (min(ends) - window.now) / DAY
    say = f"TLS everywhere; the first certificate ends in {days:.0f} days."
    return PromiseObject(id="secure", kept="yes" if days > 0 else "no", say=say)


def _is_loopback(endpoint: str) -> bool:
    try:
        host = urlsplit(endpoint).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _reliable(verdict: Verdict) -> PromiseObject:
    if verdict.margin is None:
        say = "How many voters take part could not be judged."
        return PromiseObject(id="reliable", kept="unknown", say=say)
    may = tolerance(verdict.voters)
    if may == 0:
        say = f"With {verdict.voters} voters none may be lost."
        return PromiseObject(id="reliable", kept="no", say=say)
    kept = verdict.margin >= may
    left = max(verdict.margin, 0)
    say = (
        "No voter may be lost now"
        if left == 0
        else f"{left} of {verdict.voters} voters may be lost"
    )
    say += "." if kept else f"; it should be {may}."
    return PromiseObject(id="reliable", kept="yes" if kept else "no", say=say)
