"""Certificates: when those that members present, and our own, come to their end."""

from collections.abc import Iterator

from etcdscope.detect.detector import detector
from etcdscope.model.finding import SELF, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.reading import Failure
from etcdscope.model.signal import CERTIFICATE_END
from etcdscope.model.window import Window

DAY = 86_400.0
PORTS = {"client": "on its client port", "peer": "on its peer port", "ours": "that we present"}


@detector(
    "certificate-expiring",
    # A month is time for a change window, three days are not.
    limits={"warning_days": 30.0, "critical_days": 3.0},
    closes_after=1.0,
    impact="None yet. Established connections survive the end; the next one, or a restart, fails.",
    runbook=(
        Step(
            "Look at what is presented.",
            "openssl s_client -connect {client_host}:{client_port} </dev/null"
            " | openssl x509 -noout -dates",
        ),
        Step("Renew client, server and peer certificates, then restart one member at a time."),
    ),
)
def certificate_expiring(window: Window, limits: Limits) -> Iterator[Finding]:
    """A certificate comes to its end.

    Signal:  NotAfter of the certificate presented on 2379 and on 2380, and of our own.
    Source:  TLS handshakes of our own.
    Means:   after the end a restart isolates the member, or locks its clients out.
    Next:    certificate-expired.
    """
    for member, port, end in _ends(window):
        days = (end - window.now) / DAY
        if not 0 < days <= limits["warning_days"]:
            continue
        yield Finding(
            SELF if port == "ours" else Subject.member(member),
            Severity.CRITICAL if days <= limits["critical_days"] else Severity.WARNING,
            f"The certificate {_whose(window, member, port)} ends in {_days(days)}",
            (
                window.evidence(
                    member,
                    CERTIFICATE_END,
                    end,
                    name=f"certificate_end_{port}",
                    limit=window.now + limits["warning_days"] * DAY,
                ),
            ),
            confidence=1.0,
        )


@detector(
    "certificate-expired",
    closes_after=1.0,
    impact="Established connections go on; every new one fails, so the next restart isolates it.",
    runbook=(Step("Renew all certificates now, then restart one member at a time."),),
)
def certificate_expired(window: Window, limits: Limits) -> Iterator[Finding]:
    """A certificate is past its end.

    Signal:  NotAfter of the certificate presented, or a handshake refused for it.
    Source:  TLS handshakes of our own.
    Means:   works until the next reconnect.
    Alike:   certificate-mismatched (another authority, or a name that is missing in it).
    """
    told = set()
    for member, port, end in _ends(window):
        if end <= window.now:
            told.add(member)
            yield Finding(
                SELF if port == "ours" else Subject.member(member),
                Severity.CRITICAL,
                f"The certificate {_whose(window, member, port)} ended"
                f" {_days((window.now - end) / DAY)} ago",
                (window.evidence(member, CERTIFICATE_END, end, name=f"certificate_end_{port}"),),
                confidence=1.0,
            )
    for look in window.looks.values():
        if (
            look.failure is Failure.TLS_EXPIRED
            and look.member not in told
            and look.source == "status"
        ):
            told.add(look.member)
            yield Finding(
                Subject.member(look.member) if look.member else Subject.endpoint(look.endpoint),
                Severity.CRITICAL,
                f"{look.endpoint} cannot be spoken with: {look.detail.rstrip('.')}",
                confidence=0.9,
            )


def _ends(window: Window) -> Iterator[tuple[str, str, float]]:
    ours = False
    for member in window.members:
        for port in window.keys(member.id, CERTIFICATE_END):
            end = window.number(member.id, CERTIFICATE_END, port)
            if end is not None and not (port == "ours" and ours):
                ours = ours or port == "ours"
                yield member.id, port, end


def _whose(window: Window, member: str, port: str) -> str:
    return PORTS["ours"] if port == "ours" else f"of {window.label(member)} {PORTS.get(port, port)}"


def _days(days: float) -> str:
    return f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
