"""The agent's HTTP: what is escaped, who is let in, where it listens, when it is stale."""

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.surfaces.states import AT, IDS, healthy, names
from yarl import URL

from etcdscope.diagnose.incidents import Followed, Tracking
from etcdscope.diagnose.step import State
from etcdscope.model.finding import CLUSTER, Severity, Subject
from etcdscope.model.incident import Incident
from etcdscope.model.reading import Observation, Reading
from etcdscope.model.signal import LOOP_LAG, SINK_DROPPED, SINK_FAILING
from etcdscope.model.window import Window, slide
from etcdscope.surfaces.view.watched import Watched
from etcdscope.surfaces.web import assets
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


@pytest.mark.parametrize("said", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"x\r\n\r\n"])
async def test_what_is_no_http_is_refused_without_a_word_in_the_log(
    said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with served() as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(said)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()

    assert answer.startswith(b"HTTP/1.0 400") or not answer
    assert b"Traceback" not in answer
    assert not caplog.records


async def test_an_error_of_ours_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> State:
        raise ValueError("a secret of ours")

    async with serving("127.0.0.1:0", "", [Watched("a", broken)], lambda: AT) as (url, _):
        page = await get(f"{url}/api/v1/clusters")

    assert page.status == 500
    assert "secret" not in page.text
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert any(record.exc_info for record in caplog.records)


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


# --- strangers on this machine, and files ----------------------------------------------------


async def asked(url: str, **headers: str) -> Page:
    """Ask with headers of one's own; nothing is unpacked, so that the text may be bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(URL(url, encoded=True), headers=named) as answer,
    ):
        text = (await answer.read()).decode(errors="replace")
        return Page(answer.status, text, dict(answer.headers))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:2390", 200),
        ("localhost", 200),
        ("[::1]:2390", 200),
        ("evil.example:2390", 403),
        ("127.0.0.1.evil.example", 403),
        ("192.0.2.1:2390", 403),
        ("", 403),
    ],
)
async def test_a_name_that_was_made_to_lead_here_opens_nothing(host: str, status: int) -> None:
    async with served() as url:
        page = await asked(f"{url}/api/v1/clusters", Host=host, Accept_Encoding="identity")

    assert page.status == status
    assert ("etcd is fine" in page.text) == (status == 200)


async def test_who_shows_the_token_may_call_it_by_any_name() -> None:
    async with served(token=TOKEN) as url:
        status = await _raw(url, b"Authorization: Bearer " + TOKEN.encode() + b"\r\n")

    assert status == b"HTTP/1.1 200 OK"


async def test_the_page_is_open_and_what_it_asks_for_is_not() -> None:
    async with served(token=TOKEN) as url:
        shell, part, data, stream = [
            await get(url + path)
            for path in ("/", "/assets/index.html", "/api/v1/clusters", "/api/v1/events")
        ]

    assert (shell.status, part.status) == (200, 200)
    assert (data.status, stream.status) == (401, 401)
    assert healthy().cluster not in shell.text + part.text


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../server.py",
        "/assets/%2e%2e/server.py",
        "/assets/..%2fserver.py",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/index.html%00",
        "/assets/.",
        "/assets/nope.js",
    ],
)
async def test_no_path_leaves_the_page(path: str) -> None:
    async with served() as url:
        page = await asked(url + path)

    assert page.status == 404
    assert "ListenError" not in page.text
    assert "root:" not in page.text


def test_only_files_of_the_page_are_served(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>" + " " * 2_000)
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "lib.mjs").write_text("export const a = 1;")
    (tmp_path / ".hidden").write_text("no")

    found = assets.read(tmp_path)

    assert sorted(found) == ["index.html", "vendor/lib.mjs"]
    assert found["vendor/lib.mjs"].type == "text/javascript"
    assert found["index.html"].packed
    assert not found["vendor/lib.mjs"].packed  # it would only grow


async def test_every_answer_keeps_browsers_from_harm() -> None:
    paths = ("/", "/assets/nope", "/healthz", "/metrics", "/api/v1/clusters", "/api/v1/nope")
    async with served() as url:
        pages = {path: await get(url + path) for path in paths}
        stream = await _head(f"{url}/api/v1/events")
        missed = await get(f"{url}/api/v1/clusters", method="DELETE")

    for headers in (*(page.headers for page in pages.values()), stream, missed.headers):
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["Content-Security-Policy"]
    assert "script-src 'self'" in pages["/"].headers["Content-Security-Policy"]
    assert "script-src" not in pages["/api/v1/clusters"].headers["Content-Security-Policy"]
    assert stream["Content-Type"] == "text/event-stream"


async def _head(url: str) -> dict[str, str]:
    """Return the headers of a stream that would not end."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return dict(answer.headers)


# --- bytes that need not be sent -------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/api/v1/clusters/default", "/api/v1/openapi.json"])
async def test_what_a_client_has_is_not_sent_again(path: str) -> None:
    async with served() as url:
        first = await asked(url + path)
        again = await asked(url + path, If_None_Match=first.headers["Etag"])
        strong = first.headers["Etag"].removeprefix("W/")
        one_of_two = await asked(url + path, If_None_Match=f'"other", {strong}')
        other = await asked(url + path, If_None_Match='"other"')

    assert [p.status for p in (first, again, one_of_two, other)] == [200, 304, 304, 200]
    assert again.text == ""
    assert again.headers["Etag"] == first.headers["Etag"]
    assert "no-cache" in again.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("accepts", "packed"),
    [("gzip", True), ("deflate, gzip;q=0.5", True), ("gzip;q=0", False), ("identity", False)],
)
async def test_it_packs_for_those_who_can_unpack(accepts: str, packed: bool) -> None:
    async with served() as url:
        plain = await asked(f"{url}/api/v1/openapi.json", Accept_Encoding="identity")
        page = await asked(f"{url}/api/v1/openapi.json", Accept_Encoding=accepts)

    assert (page.headers.get("Content-Encoding") == "gzip") == packed
    assert (len(page.text) < len(plain.text) / 3) == packed
    assert "Accept-Encoding" in page.headers["Vary"]
    assert page.headers["Etag"] == plain.headers["Etag"]


# --- what is asked wrongly -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "status", "says"),
    [
        ("/clusters/nope", 404, "No such cluster is watched"),
        ("/clusters/default/charts/nope", 404, "No such chart"),
        ("/clusters/default/incidents/a/b/c", 404, "No such incident"),
        ("/clusters/default/charts/commits?from=x", 400, "from: expected"),
        ("/clusters/default/charts/commits?from=nan", 400, "from"),
        ("/clusters/default/charts/commits?from=-1", 400, "from"),
        ("/clusters/default/charts/commits?from=1e12", 400, "from"),
        ("/clusters/default/charts/commits?from=5&to=5", 400, "from (5) must lie before to (5)."),
        ("/clusters/default/charts/commits?from=0", 400, "31 days apart at most"),
        ("/clusters/default/charts/commits?step=0", 400, "step"),
        ("/clusters/default/charts/commits?step=1e9", 400, "step"),
        ("/clusters/default/charts/commits?colour=red", 400, "There is no parameter colour."),
        ("/clusters/default/ranges?charts=commits,nope", 404, "No such chart"),
        ("/clusters/default/incidents?state=maybe", 400, "state"),
        ("/clusters/default/at", 400, "time"),
        ("/clusters/default/at?time=4000000000", 400, "time lies ahead"),
        ("/clusters/default/at?time=5", 404, "No history is kept"),
        ("/clusters/default/registry", 404, "have not been counted yet"),
        ("/explain?q=", 400, "q"),
        ("/explain?q=quorum-lst", 404, "quorum-lost"),
        ("/events?cluster=nope", 404, "No such cluster"),
        ("/nope", 404, "openapi.json"),
    ],
)
async def test_a_wrong_question_is_answered_with_a_sentence(
    question: str, status: int, says: str
) -> None:
    async with served() as url:
        page = await get(f"{url}/api/v1{question}")

    assert page.status == status, page.text
    assert says in json.loads(page.text)["error"]


async def test_a_chart_never_has_more_points_than_a_screen() -> None:
    async with served() as url:
        ask = f"{url}/api/v1/clusters/default/charts/commits?from=0&to=2600000&step=1"
        page = json.loads((await get(ask)).text)

    assert len(page["at"]) <= 2_001


# --- several clusters ------------------------------------------------------------------------


@asynccontextmanager
async def several(*keys: str) -> AsyncIterator[str]:
    taken: list[str] = []

    def watched(key: str) -> Watched:
        def take(member: str, _: bytes) -> int:
            taken.append(f"{key}/{member}")
            return len(taken)

        verdict = replace(healthy(), cluster=f"id-of-{key}")
        return Watched(key, lambda: replace(state(), verdict=verdict), name=key, take=take)

    async with serving("127.0.0.1:0", "", [watched(key) for key in keys], lambda: AT) as (url, _):
        yield url


async def test_of_several_clusters_each_has_its_series_and_its_page() -> None:
    async with several("a", "b") as url:
        metrics = (await get(f"{url}/metrics")).text
        rows = json.loads((await get(f"{url}/api/v1/clusters")).text)["clusters"]
        one = json.loads((await get(f"{url}/api/v1/clusters/b/check")).text)
        whole = await get(f"{url}/api/v1/check")

    families = [family.name for family in text_string_to_metric_families(metrics)]
    assert len(families) == len(set(families))
    assert 'etcdscope_margin{cluster="id-of-a"}' in metrics
    assert 'etcdscope_margin{cluster="id-of-b"}' in metrics
    assert [row["key"] for row in rows] == ["a", "b"]
    assert one["cluster"]["id"] == "id-of-b"
    assert whole.status == 404
    assert "several clusters" in whole.text


async def test_of_several_clusters_a_log_says_which() -> None:
    async with several("a", "b") as url:
        named = await posted(f"{url}/api/v1/clusters/b/logs/m1", b"{}")
        unnamed = await posted(f"{url}/api/v1/logs/m1", b"{}")
        unknown = await posted(f"{url}/api/v1/clusters/c/logs/m1", b"{}")

    assert (named, unnamed, unknown) == (202, 409, 409)
