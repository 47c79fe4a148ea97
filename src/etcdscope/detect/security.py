"""Certificates, whether they hold and how long; and what is open to everybody."""

import ipaddress
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import urlsplit

from etcdscope.detect.detector import detector
from etcdscope.model.cluster import Certificate, Member
from etcdscope.model.finding import CLUSTER, SELF, Evidence, Finding, Limits, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.reading import Failure
from etcdscope.model.signal import (
    ACTIVE_PEERS,
    AUTH_ON,
    CERTIFICATE,
    CERTIFICATE_END,
    MEMBER_LIST,
)
from etcdscope.model.window import Look, Window

DAY = 86_400.0
# What our own TLS says of a certificate that does not fit, or of ours that is not taken.
REFUSALS = frozenset({Failure.TLS_UNTRUSTED, Failure.TLS_REJECTED})
# A refused handshake is retried at once; two in a row are no accident.
SURE = 2
# A restart in the midst of a rotation takes its peers less.
LOST_FOR = 5.0
# What is open has been so for long, and is a note once: it can wait until a watch has lasted.
OPEN_FOR = 900.0
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


# --- certificates that do not fit ---------------------------------------------------------------


@detector(
    "certificate-mismatched",
    opens_after=1.0,
    closes_after=2.0,
    impact="Connections of clients or peers to this member fail, at the latest when they are made"
    " anew.",
    runbook=(
        Step(
            "Look at the names and the issuer of what it presents.",
            "openssl s_client -connect {client_host}:{client_port} </dev/null"
            " | openssl x509 -noout -issuer -ext subjectAltName",
        ),
        Step(
            "Issue it anew with all its names and addresses and both usages (server and client"
            " authentication), from the authority that the others trust."
        ),
        Step("A new authority goes to everybody before the first certificate of it is used."),
    ),
)
def certificate_mismatched(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member presents a certificate that does not fit its address, or of another authority.

    Signal:  names in the certificate against the URLs that the member advertises; handshakes that
             fail with this member alone; its issuer against that of the others.
    Source:  TLS handshakes of our own on 2379 and 2380; Cluster.MemberList.
    Means:   an address that changed, a wrong profile, or an authority that not all trust.
    Alike:   certificate-expired (its end); our own --cacert or --cert, if no member takes it.
    """
    for member in window.members:
        found = [
            *_refused(window, member),
            *_misnamed(window, member, "peer", member.peer_urls),
            *_misnamed(window, member, "client", member.client_urls),
            *_other_authority(window, member, "peer"),
        ]
        if found:
            says, evidence = found[0]
            yield Finding(
                Subject.member(member.id),
                Severity.WARNING,
                f"{member.label} {says}",
                (*evidence, *(e for _, more in found[1:] for e in more)),
                confidence=0.93,
            )


_Says = tuple[str, tuple[Evidence, ...]]


def _refused(window: Window, member: Member) -> Iterator[_Says]:
    """Yield that our handshakes fail with this member, while another takes them."""
    look = window.looks_at(member.id).get("status")
    if look is None or look.failure not in REFUSALS or look.failures < SURE:
        return
    well = [m for m in window.members if m.id != member.id and _takes_us(window, m)]
    if not well:
        return  # it may be our own certificate or authority
    others = " and ".join(m.label for m in well)
    says = (
        f"presents a certificate on its client port that is not trusted, as those of {others} are"
        if look.failure is Failure.TLS_UNTRUSTED
        else f"does not take our certificate, as {others} do: it trusts another authority"
    )
    yield says, (_handshake(look, member),)


def _takes_us(window: Window, member: Member) -> bool:
    look = window.looks_at(member.id).get("status")
    return look is not None and look.failure is None and look.endpoint.startswith("https")


def _handshake(look: Look, member: Member) -> Evidence:
    return Evidence(
        "handshake", str(look.failure), source="TLS handshake", member=member.id, says=look.detail
    )


def _misnamed(window: Window, member: Member, port: str, urls: tuple[str, ...]) -> Iterator[_Says]:
    shown = _shown(window, member, port)
    if shown is None or shown.self_signed:  # --auto-tls: etcd does not look at the names
        return
    hosts = [split.hostname for u in urls if (split := urlsplit(u)).scheme == "https"]
    missing = [host for host in hosts if host and not fits(host, shown.names)]
    if not missing:
        return
    names = ", ".join(shown.names) or "no name at all"
    yield (
        f"presents a certificate {PORTS[port]} for {names}, not for {', '.join(missing)}",
        (
            Evidence(
                f"certificate_names_{port}",
                names,
                source=CERTIFICATE.source,
                member=member.id,
                says=f"{', '.join(missing)} is missing",
            ),
        ),
    )


def fits(host: str, names: tuple[str, ...]) -> bool:
    """Return whether a certificate with these names is for the host, as Go's TLS has it.

    A leading ``*`` stands for one label. The common name does not count (since Go 1.15).
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        wanted = host.rstrip(".").lower()
        parent = wanted.partition(".")[2]
        known = {name.rstrip(".").lower() for name in names}
        return wanted in known or (bool(parent) and f"*.{parent}" in known)
    return str(address) in names


def _other_authority(window: Window, member: Member, port: str) -> Iterator[_Says]:
    """Yield that its issuer is not that of the others and that a peer has lost it.

    While authorities are rotated issuers differ and all goes well: that alone is nothing.
    """
    shown = {m.id: c for m in window.members if (c := _shown(window, m, port))}
    mine = shown.get(member.id)
    if mine is None or mine.self_signed:
        return
    alike = [m for m, c in shown.items() if c.authority == mine.authority]
    others = [m for m, c in shown.items() if c.authority != mine.authority]
    seen = window.last(member.id, CERTIFICATE, port)
    lost = [
        m
        for m in others
        if (held := window.held(m, ACTIVE_PEERS, 0.0, member.id)) >= LOST_FOR
        and seen
        and seen.at > window.now - held  # it runs, and presents this while they have lost it
    ]
    if len(others) <= len(alike) or not lost:
        return
    others_have = shown[others[0]].issuer
    yield (
        f"presents a certificate {PORTS[port]} of {mine.issuer}, the others of {others_have}",
        (
            Evidence(
                f"certificate_issuer_{port}",
                mine.issuer,
                source=CERTIFICATE.source,
                member=member.id,
                says=f"the others have {others_have}; {window.label(lost[0])} has lost it",
            ),
        ),
    )


def _shown(window: Window, member: Member, port: str) -> Certificate | None:
    point = window.last(member.id, CERTIFICATE, port)
    return point.value if point and isinstance(point.value, Certificate) else None


# --- what is open --------------------------------------------------------------------------------


@detector(
    "tls-off",
    needs=(MEMBER_LIST,),
    opens_after=OPEN_FOR,
    closes_after=5.0,
    impact="Whoever is on the path can read and change everything, Secrets of Kubernetes included.",
    runbook=(
        Step("Give every member certificates for its client and its peer port, one at a time."),
        Step("Then require those of clients with --client-cert-auth and --peer-client-cert-auth."),
    ),
)
def tls_off(window: Window, limits: Limits) -> Iterator[Finding]:
    """Members speak in the clear over a network.

    Signal:  http:// in the URLs that members advertise, other than loopback.
    Source:  Cluster.MemberList.
    Means:   a note, once; nothing is said of a cluster whose traffic never leaves the host, since
             there is nobody on the path.
    Next:    auth-off: whether anybody may write as well.
    """
    clients = [m.label for m in window.members if any(map(_in_the_clear, m.client_urls))]
    peers = [m.label for m in window.members if any(map(_in_the_clear, m.peer_urls))]
    spoken = [kind for kind, who in (("clients", clients), ("peers", peers)) if who]
    if spoken:
        members = sorted({*clients, *peers})
        yield Finding(
            CLUSTER,
            Severity.INFO,
            f"{', '.join(members)} speak with {' and '.join(spoken)} without TLS",
            (Evidence("scheme", "http", source=MEMBER_LIST.source, says="in advertised URLs"),),
            confidence=1.0,
        )


@lru_cache(maxsize=4096)
def _in_the_clear(url: str) -> bool:
    split = urlsplit(url)
    return split.scheme == "http" and not _loopback(split.hostname or "")


@lru_cache(maxsize=4096)
def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@detector(
    "auth-off",
    needs=(AUTH_ON,),
    opens_after=OPEN_FOR,
    closes_after=5.0,
    impact="Whoever reaches a client port can read, write and delete everything.",
    runbook=(
        Step("Require client certificates (--client-cert-auth), as Kubernetes does."),
        Step("Or create users and switch auth on.", "etcdctl auth enable"),
        Step("Meanwhile let only the hosts that need it reach the client ports."),
    ),
)
def auth_off(window: Window, limits: Limits) -> Iterator[Finding]:
    """The cluster does not ask who reads and writes.

    Signal:  a call that needs the root role was answered although we showed neither a user nor a
             certificate.
    Source:  Maintenance.HashKV.
    Means:   a note, once; nothing is said of a cluster that only its own host can reach.
    Next:    tls-off.
    """
    open_to_all = [m for m in window.judgeable if window.number(m, AUTH_ON) == 0]
    hosts = [urlsplit(u).hostname or "" for m in window.members for u in m.client_urls]
    if open_to_all and not all(map(_loopback, hosts)):
        yield Finding(
            CLUSTER,
            Severity.INFO,
            "etcd asks nobody who they are: without user and certificate we may do everything",
            (window.evidence(open_to_all[0], AUTH_ON, 0.0, says="HashKV was answered"),),
            confidence=0.95,
        )
