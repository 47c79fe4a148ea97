"""Decides which URL to dial for each member."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from etcdscope.etcd.endpoint import parse_endpoint
from etcdscope.etcd.errors import SettingsError
from etcdscope.model.cluster import Member
from etcdscope.model.reading import Failure


@dataclass(frozen=True, slots=True)
class Choice:
    """What to dial: URL → hex member id, empty where it is not known yet.

    ``notices``: sentences about what was left out, or looks wrong.
    """

    endpoints: Mapping[str, str]
    notices: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def normalised(url: str) -> str:
    """Return a URL so that two of the same listener are equal; as it is, if it is none of ours."""
    scheme, mark, rest = url.strip().partition("://")
    try:
        return parse_endpoint(f"{scheme.lower()}{mark}{rest.lower()}").url
    except SettingsError:
        return url.strip()


def choose(
    given: Sequence[str],
    members: Sequence[Member],
    answered: Mapping[str, str],
    failed: Mapping[str, Failure],
) -> Choice:
    """Choose one URL a member: a given endpoint if it leads there, else an advertised one.

    ``answered``: by URL, the hex id of the member that answered there; ``failed``: the URLs where
    the last look failed, and why. URLs that are in both have answered before.
    """
    answered = {normalised(url): member for url, member in answered.items()}
    broken = {normalised(url) for url in failed}
    chosen, notices = _given(given, members, answered, broken)
    here = any(_is_loopback(url) for url in chosen) or not chosen
    for member in members:
        if member.id in chosen.values() or not member.started:
            continue
        urls, wrong = _advertised(member, answered, here=here)
        notices += wrong
        if urls:
            chosen[min(urls, key=lambda url: (url in broken, urls.index(url)))] = member.id
    return Choice(chosen, tuple(notices))


def _given(
    given: Sequence[str],
    members: Sequence[Member],
    answered: Mapping[str, str],
    broken: set[str],
) -> tuple[dict[str, str], list[str]]:
    ids = {member.id for member in members}
    advertised = {normalised(url): m.id for m in members for url in m.client_urls}
    chosen: dict[str, str] = {}
    notices: list[str] = []
    urls = list(dict.fromkeys(normalised(url) for url in given))
    # Of two that lead to one member the first that works is taken.
    for url in sorted(urls, key=lambda url: (url not in answered, url in broken)):
        member = answered.get(url) or advertised.get(url, "")
        twin = next((other for other, known in chosen.items() if member and known == member), None)
        if twin:
            notices.append(f"{url} is not used: it leads to the same member as {twin}.")
            continue
        chosen[url] = member
        if ids and url in answered and member not in ids:
            notices.append(
                f"{url} answers as member {member}, which is not in the member list:"
                " it was removed, or belongs to another cluster."
            )
    return {url: chosen[url] for url in urls if url in chosen}, notices


def _advertised(
    member: Member, answered: Mapping[str, str], *, here: bool
) -> tuple[list[str], list[str]]:
    """Return the member's URLs that may be dialled from here, and what is wrong with the others."""
    urls = [normalised(url) for url in member.client_urls]
    usable = [url for url in urls if _leads_somewhere(url) and (here or not _is_loopback(url))]
    right = [url for url in usable if answered.get(url, member.id) == member.id]
    wrong = [
        f"{url} is advertised by {member.label} ({member.id}), but {answered[url]} answers there."
        for url in usable
        if url not in right
    ]
    if right or wrong:
        return right, wrong
    said = f"advertises only {', '.join(urls)}" if urls else "advertises no client URL"
    notice = f"{member.label} ({member.id}) {said}, which cannot be dialled from here"
    return [], [f"{notice}: name its endpoint with --endpoints."]


def _leads_somewhere(url: str) -> bool:
    try:
        host = parse_endpoint(url).host
    except SettingsError:  # unix sockets, and what is no URL
        return False
    return not any(address.is_unspecified for address in _address(host))


def _is_loopback(url: str) -> bool:
    try:
        host = parse_endpoint(url).host
    except SettingsError:
        return False
    return host == "localhost" or any(address.is_loopback for address in _address(host))


def _address(host: str) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        yield ipaddress.ip_address(host)
    except ValueError:
        return
