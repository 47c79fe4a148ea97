"""The agent's HTTP: what is escaped, who is let in, where it listens, when it is stale."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.surfaces.states import AT, IDS, healthy, names

from etcdscope.diagnose.incidents import Followed, Tracking
from etcdscope.diagnose.step import State
from etcdscope.model.finding import CLUSTER, Severity, Subject
from etcdscope.model.incident import Incident
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import LOOP_LAG, SINK_DROPPED, SINK_FAILING
from etcdscope.model.window import Window, slide
from etcdscope.surfaces.view.watched import Watched
from etcdscope.surfaces.web.exposition import exposition
from etcdscope.surfaces.web.server import MOST_BYTES, STALE_SECONDS, ListenError, serving

TOKEN = "kein-wört-davon"


def incident(subject: Subject = CLUSTER, cause: str = "link-one-way") -> Incident:
    return Incident(
        id=f"{cause}/{subject.key()}",
        cluster="c1",
        cause=cause,
        subject=subject,
        severity=Severity.WARNING,
        summary="It is not well",
        confidence=0.9,
        since=AT,
        opened_at=AT,
        names=names(healthy().members),
    )


def state(*incidents: Incident) -> State:
    followed = tuple(Followed(one, frozenset()) for one in incidents)
    return State((), verdict=healthy(), tracking=Tracking(open=followed), window=Window(now=AT))


def series(shown: State) -> list[tuple[str, dict[str, str], float]]:
    """Return every sample, by Prometheus' own parser."""
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(exposition([shown]))
        for sample in family.samples
    ]


# --- /metrics --------------------------------------------------------------------------------


def test_before_the_first_judgement_there_is_little_to_say() -> None:
    assert [name for name, _, _ in series(State(()))] == ["etcdscope_blind_spots"]


def test_the_verdict_the_margin_and_the_members() -> None:
    found = series(state())

    assert ("etcdscope_margin", {"cluster": healthy().cluster}, 1.0) in found
    verdicts = {s[1]["verdict"]: s[2] for s in found if s[0] == "etcdscope_verdict"}
    assert verdicts == {"ok": 1.0, "warning": 0.0, "critical": 0.0, "unknown": 0.0}
    reachable = [s[1]["member_id"] for s in found if s[0] == "etcdscope_member_reachable"]
    assert reachable == list(IDS[:3])


def test_without_a_margin_there_is_no_series_of_it() -> None:
    blind = replace(state(), verdict=replace(healthy(), margin=None))

    assert "etcdscope_margin" not in exposition([blind])


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", 'a\\"\n', "ä → 漢", "{}=,"])
def test_whatever_a_member_is_called_comes_back_as_it_was(name: str) -> None:
    verdict = healthy()
    named = replace(verdict, members=(replace(verdict.members[0], name=name),))

    found = series(replace(state(), verdict=named))

    assert [s[1]["member"] for s in found if s[0] == "etcdscope_member_reachable"] == [name]


def test_an_incident_says_whom_it_is_about() -> None:
    about = [
        CLUSTER,
        Subject.member(IDS[0]),
        Subject.link(IDS[0], IDS[1]),
        Subject.link(IDS[0], IDS[2]),
        Subject.endpoint("http://10.0.0.9:2379"),
    ]

    found = series(state(*(incident(subject) for subject in about)))

    subjects = [s[1]["subject"] for s in found if s[0] == "etcdscope_incident_open"]
    assert sorted(subjects) == sorted(
        ["cluster", "m1", "m1 → m2", "m1 → m3", "http://10.0.0.9:2379"]
    )


def test_every_series_is_there_once() -> None:
    found = series(state(incident(), replace(incident(), id="its twin")))

    keys = [(name, tuple(sorted(labels.items()))) for name, labels, _ in found]
    assert len(keys) == len(set(keys))


def test_large_numbers_are_whole() -> None:
    seen = (
        Observation(LOOP_LAG, 0.25),
        Observation(SINK_FAILING, 31.5, "hook"),
        Observation(SINK_DROPPED, 12_345_678.0, "hook"),
    )
    window = slide(Window(), [Reading("self", "", AT, observations=seen)], AT)

    found = {name: value for name, _, value in series(replace(state(), window=window))}

    assert found["etcdscope_sink_dropped"] == 12_345_678
    assert found["etcdscope_loop_lag_seconds"] == 0.25
    assert found["etcdscope_sink_failing_seconds"] == 31.5


# --- who is let in ---------------------------------------------------------------------------


@dataclass
class Page:
    """What came back."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def served(
    shown: State | None = None, token: str = "", now: float = AT
) -> AsyncIterator[str]:
    watched = Watched("default", lambda: shown or state())
    async with serving("127.0.0.1:0", token, [watched], lambda: now) as (url, _):
        yield url


async def get(url: str, authorization: str | None = None, method: str = "GET") -> Page:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, headers=headers) as answer,
    ):
        return Page(answer.status, await answer.text(), dict(answer.headers))


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer ", 401),
        ("Bearer falsch", 401),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}", 200),
    ],
)
async def test_only_the_token_opens(shown: str | None, status: int) -> None:
    async with served(token=TOKEN) as url:
        page = await get(f"{url}/api/v1/check", shown)

    assert page.status == status
    assert TOKEN not in page.text
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert ("WWW-Authenticate" in page.headers) == (status == 401)


async def test_a_token_that_is_no_text_is_merely_wrong() -> None:
    async with served(token=TOKEN) as url:
        status = await _raw(url, b"Authorization: Bearer \xff\xfe\r\n")

    assert status == b"HTTP/1.1 401 Unauthorized"


async def test_a_token_in_other_letters_than_ascii_can_be_shown() -> None:
    async with served(token=TOKEN) as url:
        status = await _raw(url, b"Authorization: Bearer " + TOKEN.encode() + b"\r\n")

    assert status == b"HTTP/1.1 200 OK"


async def _raw(url: str, header: bytes) -> bytes:
    """Ask for a page with a header that no well-behaved client sends; return the status line."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.split(b"\r\n", 1)[0]


async def test_it_is_read_only() -> None:
    async with served() as url:
        pages = [await get(f"{url}/api/v1/check", method=m) for m in ("POST", "PUT", "DELETE")]

    assert {page.status for page in pages} == {405}
    assert all(page.headers["Cache-Control"] == "no-store" for page in pages)


async def test_the_token_is_asked_for_before_anything_is_said_to_exist() -> None:
    async with served(token=TOKEN) as url:
        assert (await get(f"{url}/nope")).status == 401
        assert (await get(f"{url}/nope", f"Bearer {TOKEN}")).status == 404
        assert (await get(f"{url}/healthz")).status == 200


# --- where it listens ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listen", "complaint"),
    [
        ("0.0.0.0:0", "open to other machines"),
        ("[::]:0", "open to other machines"),
        (":0", "open to other machines"),
        ("etcd.example:0", "open to other machines"),
        ("127.0.0.1", "is no address"),
        ("127.0.0.1:", "is no address"),
        ("127.0.0.1:http", "is no address"),
        ("127.0.0.1:²", "is no address"),
        ("127.0.0.1:65536", "is no address"),
        ("127.0.0.1:-1", "is no address"),
    ],
)
async def test_where_it_does_not_listen(listen: str, complaint: str) -> None:
    with pytest.raises(ListenError, match=complaint) as told:
        async with serving(listen, "", [Watched("default", state)], lambda: AT):
            pass

    assert str(told.value).startswith(f"--listen {listen} ")


async def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ListenError) as told:
            async with serving(listen, "", [Watched("default", state)], lambda: AT):
                pass

    assert str(told.value) == f"--listen {listen} cannot be used: address already in use."


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])
async def test_of_port_0_it_says_which_it_became(host: str) -> None:
    async with serving(f"{host}:0", "", [Watched("default", state)], lambda: AT) as (url, _):
        assert not url.endswith(":0")
        assert (await get(f"{url}/healthz")).text == "ok\n"


# --- whether it lives ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judged", "now", "status", "text"),
    [
        pytest.param(AT, AT + STALE_SECONDS - 1, 200, "ok\n", id="fresh"),
        pytest.param(AT, AT + 12, 503, "nothing was judged for 12 s\n", id="stale"),
        pytest.param(0.0, AT, 503, "nothing was judged yet\n", id="just begun"),
    ],
)
async def test_health_is_that_something_is_judged(
    judged: float, now: float, status: int, text: str
) -> None:
    shown = replace(state(), window=Window(now=judged))
    async with served(shown, now=now) as url:
        page = await get(f"{url}/healthz")

    assert (page.status, page.text) == (status, text)


async def test_before_the_first_judgement_there_is_no_check() -> None:
    async with served(State(())) as url:
        page = await get(f"{url}/api/v1/check")

    assert page.status == 503
    assert "nothing was judged yet" in page.text


# --- logs ------------------------------------------------------------------------------------


async def posted(url: str, body: bytes, kind: str = "application/x-ndjson", token: str = "") -> int:
    headers = {"Content-Type": kind, **({"Authorization": f"Bearer {token}"} if token else {})}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=io.BytesIO(body), headers=headers) as answer,
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer.status


@asynccontextmanager
async def taking(token: str = "") -> AsyncIterator[tuple[str, list[tuple[str, bytes]]]]:
    taken: list[tuple[str, bytes]] = []

    def take(member: str, body: bytes) -> int | None:
        taken.append((member, body))
        return None if member == "m9" else 1

    watched = Watched("default", state, take=take)
    async with serving("127.0.0.1:0", token, [watched], lambda: AT) as (url, _):
        yield f"{url}/api/v1/logs", taken


async def test_lines_of_a_members_log_are_taken() -> None:
    async with taking() as (url, taken):
        assert await posted(f"{url}/m1", b"{}\n{}\n") == 202

    assert taken == [("m1", b"{}\n{}\n")]


@pytest.mark.parametrize(
    ("member", "body", "kind", "status"),
    [
        pytest.param("m1", b"{}", "text/plain", 415, id="what any page in a browser can send"),
        pytest.param("m1", b"x" * (MOST_BYTES + 1), "application/x-ndjson", 413, id="too much"),
        pytest.param("m9", b"{}", "application/json", 409, id="a log that is read elsewhere"),
    ],
)
async def test_what_is_not_taken(member: str, body: bytes, kind: str, status: int) -> None:
    async with taking() as (url, _):
        assert await posted(f"{url}/{member}", body, kind) == status


async def test_logs_want_the_token_too() -> None:
    async with taking(TOKEN) as (url, taken):
        assert await posted(f"{url}/m1", b"{}") == 401
        assert not taken
        assert await posted(f"{url}/m1", b"{}", token=TOKEN) == 202
