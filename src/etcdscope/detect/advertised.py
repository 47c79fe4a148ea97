"""Addresses that members advertise, and where nobody can reach them."""

import ipaddress
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from etcdscope.detect.detector import detector
from etcdscope.model.cluster import Member
from etcdscope.model.finding import Evidence, Finding, Limits, RuledOut, Severity, Subject
from etcdscope.model.incident import Step
from etcdscope.model.signal import ADVERTISED_STATE, MEMBER_LIST, PORT_STATE
from etcdscope.model.window import Window

# The source knocks every ten seconds.
KNOCKED = 25.0
# Peer ports are knocked on twice a second.
KNOCKED_PEER = 2.0
# A peer port that refuses for so long, while its member serves, is another port than it listens on.
REFUSED_FOR = 10.0
_OPEN, _LOOPBACK = "open", "loopback"
_WRONG = frozenset({"refused", _LOOPBACK})


def elsewhere(window: Window, endpoint: str) -> tuple[str, ...]:
    """Return the client URLs of the member behind an endpoint that lead elsewhere than to it."""
    member = window.member(window.endpoints.get(endpoint, ""))
    if member is None:
        return ()
    known = _looked_at(window, member.id)
    return tuple(
        u for u in member.client_urls if _plain(u) not in known and not _leads_to_itself(u)
    )


@detector(
    "advertised-url-unreachable",
    needs=(),
    opens_after=1.0,
    closes_after=10.0,
    impact="Clients that follow the member list lose this member, and with all of them wrong the"
    " cluster; those with a fixed list, such as Kubernetes' API servers, do not notice.",
    runbook=(
        Step("See what the members advertise.", "etcdctl --endpoints {endpoints} member list"),
        Step(
            "Client URLs: correct --advertise-client-urls of {member}, and restart it.",
        ),
        Step(
            "Peer URLs are kept in the cluster: correct them there.",
            "etcdctl --endpoints {endpoints} member update {member_id} --peer-urls={peer_scheme}://ADDRESS:{peer_port}",
        ),
    ),
)
def advertised_url_unreachable(window: Window, limits: Limits) -> Iterator[Finding]:
    """A member advertises a URL at which nobody, or not we, can reach it, although it serves.

    Signal:  the client URLs of the member list, knocked on, where they are not what we look at; a
             loopback or unspecified address where members are looked at from elsewhere; a peer port
             that refuses while the member serves.
    Source:  Cluster.MemberList, TCP probe.
    Means:   a flag copied from an example, an old address, a wrong port, NAT. A warning where it is
             wrong for everybody (loopback, refused); info where only we may be in the wrong place
             (silent, unresolved) or another of its URLs works.
    Alike:   member-down (it does not serve at all), member-unreachable (where we look at it).
    """
    away = not all(_leads_to_itself(e) for _, e in window.looks if "://" in e)
    for member in window.members:
        if not member.started or not member.client_urls:
            continue
        looked_at = _looked_at(window, member.id)
        if looked_at and not window.reachable(member.id):
            continue
        states = {u: s for u in member.client_urls if (s := _state(window, member.id, u, away))}
        if wrong := {u: s for u, s in states.items() if s != _OPEN}:
            yield _client(window, member, wrong, len(states) == len(wrong))
        elif away and len(window.members) > 1:
            yield from _peer(window, member)


def _looked_at(window: Window, member: str) -> frozenset[str]:
    return frozenset(
        _plain(look.endpoint) for look in window.looks.values() if look.member == member
    )


def _state(window: Window, member: str, url: str, away: bool) -> str | None:
    """Return what is at the URL; None while that is not known."""
    if _plain(url) in _looked_at(window, member):
        return _OPEN
    if _leads_to_itself(url):
        return _LOOPBACK if away else None
    return window.word(member, ADVERTISED_STATE, url, within=KNOCKED)


def _client(window: Window, member: Member, wrong: Mapping[str, str], alone: bool) -> Finding:
    certain = alone and any(state in _WRONG for state in wrong.values())
    urls = ", ".join(wrong)
    why = {
        _LOOPBACK: "which leads everybody to themselves",
        "refused": "where nobody listens",
        "silent": "where nothing answers from here",
        "unresolved": "a name that does not resolve here",
    }
    told = why.get(next(iter(wrong.values())), "which cannot be reached from here")
    looked_at = sorted(_looked_at(window, member.id))
    serves = f"; it serves at {looked_at[0]}" if looked_at else ""
    return Finding(
        Subject.member(member.id),
        Severity.WARNING if certain else Severity.INFO,
        f"{member.label} advertises {urls}, {told}{serves}",
        tuple(
            Evidence(
                "advertised_state",
                state,
                source=MEMBER_LIST.source if state == _LOOPBACK else ADVERTISED_STATE.source,
                member=member.id,
                says=url,
            )
            for url, state in wrong.items()
        ),
        ruled_out=(RuledOut("member-down", "it answers us"),) if looked_at else (),
        confidence=0.95 if certain else 0.7,
        next_test=""
        if certain
        else f"curl {next(iter(wrong))}/health from where clients are: if it answers, only we"
        " cannot reach it; if not, nobody can.",
    )


def _peer(window: Window, member: Member) -> Iterator[Finding]:
    local = [url for url in member.peer_urls if _leads_to_itself(url)]
    # Behind TLS it is only knocked on while the client port gives no answer: what it did then says
    # nothing of a member that is back.
    lately = window.last(member.id, PORT_STATE, "peer", within=KNOCKED_PEER) is not None
    held = window.held(member.id, PORT_STATE, "refused", "peer", over=60.0)
    refused = lately and held >= REFUSED_FOR
    if not (local or refused) or not member.peer_urls:
        return
    url = (local or list(member.peer_urls))[0]
    yield Finding(
        Subject.member(member.id),
        Severity.WARNING,
        f"{member.label}'s peer URL {url} "
        + (
            "leads every other member to itself" if local else "refuses, although it serves clients"
        ),
        (
            Evidence(
                "advertised_state",
                _LOOPBACK if local else "refused",
                source=MEMBER_LIST.source if local else PORT_STATE.source,
                member=member.id,
                says=url,
            ),
        ),
        ruled_out=(RuledOut("member-down", "it answers us"),),
        confidence=0.85,
    )


def _plain(url: str) -> str:
    return url.strip().rstrip("/").lower()


def _leads_to_itself(url: str) -> bool:
    """Return whether the address means whoever dials it."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
