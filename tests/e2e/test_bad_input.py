"""``etcdscope check`` as a real process against whatever a network may hold in store for it.

Every trouble is told in one clear sentence, with the right exit code, soon, in bounded memory, and
never with a traceback or a password. The commands run side by side, once for all tests.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from tests.e2e.commands import Ran, run, running
from tests.etcd import servers
from tests.etcd.servers import Talk, free_port, serving

from etcdscope.lab.certificates import Authority, Certificates
from etcdscope.lab.cluster import Lab, LabSpec
from etcdscope.model.contract import schema

SECRET = "kein-wort-davon"
SOON_S = 8.0
PEAK_MB = 200.0
# Cold starts side by side on two cores: more only make each other late.
AT_ONCE = 5
DAY = timedelta(days=1)
HERE = ["127.0.0.1"]


@dataclass(frozen=True)
class Place:
    """Where the troubles are arranged: certificates, files, and servers for as long as needed."""

    folder: Path
    stack: AsyncExitStack
    ours: Authority
    theirs: Authority

    async def serve(self, talk: Talk, shown: Certificates | None = None) -> str:
        """Return host:port of a server that talks so."""
        context = _server_side(shown, asks=False) if shown else None
        return f"127.0.0.1:{await self.stack.enter_async_context(serving(talk, context))}"

    def turn_away(self, shown: Certificates) -> str:
        """Return host:port of a server that wants a certificate of our authority."""
        context = _server_side(shown, asks=True)
        return f"127.0.0.1:{self.stack.enter_context(servers.turning_away(context))}"

    def issue(self, name: str, lasts: timedelta = DAY) -> Certificates:
        """Return a certificate for this machine."""
        return self.ours.issue(name, HERE, lasts)

    def file(self, name: str, text: str) -> Path:
        """Return a file of this content."""
        path = self.folder / name
        path.write_text(text)
        return path


def _server_side(shown: Certificates, *, asks: bool) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=shown.ca)
    context.load_cert_chain(shown.cert, shown.key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
    return context


def _shown(files: Certificates, ca: Path | None = None) -> list[str | Path]:
    return ["--cacert", ca or files.ca, "--cert", files.cert, "--key", files.key]


Words = Sequence[str | Path]
Arrange = Callable[[Place], Awaitable[Words]]


@dataclass(frozen=True)
class Trouble:
    """One trouble: how it is arranged, and what is to be said of it.

    ``misuse``: told on standard error in place of a verdict, with where to read more.
    """

    id: str
    arrange: Arrange
    says: tuple[str, ...]
    code: int = 3
    misuse: bool = False


TROUBLES: list[Trouble] = []


def trouble(
    name: str, *says: str, code: int = 3, misuse: bool = False
) -> Callable[[Arrange], Arrange]:
    """Put it on the list."""

    def listed(arrange: Arrange) -> Arrange:
        TROUBLES.append(Trouble(name, arrange, says, code, misuse))
        return arrange

    return listed


# --- servers that are none, or not well ------------------------------------------------------


@trouble("refused", r"nobody listens at 127\.0\.0\.1:1; see whether etcd runs")
async def _refused(place: Place) -> Words:
    return ["--endpoints", "127.0.0.1:1", "--user", f"root:{SECRET}"]


@trouble("hangs after accepting", r"127\.0\.0\.1:\d+ gave no answer in time")
async def _hangs(place: Place) -> Words:
    return ["--endpoints", await place.serve(servers.hang)]


@trouble("one hangs, one is refused", r"(no answer in time|nobody listens)")
async def _hangs_and_refused(place: Place) -> Words:
    return ["--endpoints", f"{await place.serve(servers.hang)},127.0.0.1:1"]


@trouble("answers HTML on everything", r"answers, but not as etcd does: it said 'HTTP/1.1 200 OK'")
async def _html(place: Place) -> Words:
    return ["--endpoints", await place.serve(servers.html)]


@trouble("endless noise", r"(answers, but not as etcd does: it said|gave no answer in time)")
async def _noise(place: Place) -> Words:
    return ["--endpoints", await place.serve(servers.garbage)]


# Who must pour so much, and unpack it, may be late on a busy machine.
POURED = r"(answers, but not as etcd does|gave no answer in time)"


@trouble("endless HTTP body", POURED)
async def _endless(place: Place) -> Words:
    return ["--endpoints", await place.serve(servers.endless_answer)]


@trouble("a gzip bomb", POURED)
async def _bomb(place: Place) -> Words:
    await asyncio.to_thread(servers._bomb)  # now, not while the other servers want to answer
    return ["--endpoints", await place.serve(servers.bomb)]


@trouble("closes at once", r"closed the connection without an answer")
async def _closes(place: Place) -> Words:
    return ["--endpoints", await place.serve(servers.close_at_once)]


@trouble("resets the connection", r"closed the connection without an answer")
async def _resets(place: Place) -> Words:
    return ["--endpoints", await place.serve(servers.reset_after_hearing)]


@trouble("a name that does not resolve", r"the name in nobody\.invalid:2379 does not resolve")
async def _dns(place: Place) -> Words:
    return ["--endpoints", "http://nobody.invalid:2379"]


# --- TLS -------------------------------------------------------------------------------------


@trouble("another authority", r"not trusted", r"give its authority with --cacert")
async def _wrong_authority(place: Place) -> Words:
    where = await place.serve(servers.html, place.issue("server"))
    return ["--endpoints", f"https://{where}", "--cacert", place.theirs.ca]


@trouble("the server's certificate has ended", r"not valid now: certificate has expired", code=2)
async def _expired_server(place: Place) -> Words:
    where = await place.serve(servers.html, place.issue("expired-server", -DAY))
    return ["--endpoints", f"https://{where}", "--cacert", place.ours.ca]


@trouble("our certificate has ended", r"our certificate \S+expired-client\.crt ended on", code=2)
async def _expired_client(place: Place) -> Words:
    where = place.turn_away(place.issue("strict-1"))
    return ["--endpoints", f"https://{where}", *_shown(place.issue("expired-client", -DAY))]


@trouble("no certificate of ours", r"wants one", r"give --cert and --key")
async def _no_client_certificate(place: Place) -> Words:
    where = place.turn_away(place.issue("strict-2"))
    return ["--endpoints", f"https://{where}", "--cacert", place.ours.ca]


@trouble("our certificate is a stranger's", r"does not accept our certificate")
async def _strange_client_certificate(place: Place) -> Words:
    where = place.turn_away(place.issue("strict-3"))
    stranger = place.theirs.issue("stranger", HERE, DAY)
    return ["--endpoints", f"https://{where}", *_shown(stranger, place.ours.ca)]


@trouble("plain text to a TLS port", r"use https:// where it speaks TLS")
async def _plain_to_tls(place: Place) -> Words:
    where = await place.serve(servers.html, place.issue("tls-only"))
    return ["--endpoints", f"http://{where}"]


async def _as_go_does(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a TLS hello, and all else, as Go's plain HTTP server answers what it cannot read."""
    await reader.read(3)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()


@trouble("TLS to a plain port", r"http:// where it does not")
async def _tls_to_plain(place: Place) -> Words:
    return ["--endpoints", f"https://{await place.serve(_as_go_does)}", "--cacert", place.ours.ca]


# --- misuse ----------------------------------------------------------------------------------


@trouble("a domain without SRV records", r"no SRV record", r"give --endpoints", misuse=True)
async def _srv(place: Place) -> Words:
    return ["--discovery-srv", "nobody.invalid"]


@trouble("an unknown flag", r"--nope", misuse=True)
async def _flag(place: Place) -> Words:
    return ["--nope", "--endpoints", "127.0.0.1:1"]


@trouble("an endpoint without a port", r"host has no port; write host:2379\.", misuse=True)
async def _no_port(place: Place) -> Words:
    return ["--endpoints", "host"]


@trouble("a password in an endpoint", r"a user goes into --user, not the URL", misuse=True)
async def _password_in_url(place: Place) -> Words:
    return ["--endpoints", f"http://root:{SECRET}@127.0.0.1:1"]


@trouble("a scheme that is none", r"ftp is not spoken; write http:// or https://", misuse=True)
async def _scheme(place: Place) -> Words:
    return ["--endpoints", "ftp://127.0.0.1:1"]


@trouble("a certificate that is not there", r"--cacert .*no such file.*in PEM", misuse=True)
async def _no_file(place: Place) -> Words:
    return ["--endpoints", "https://127.0.0.1:1", "--cacert", place.folder / "nope.pem"]


@trouble("a certificate without a key", r"--cert \S+ has no key; give --key", misuse=True)
async def _no_key(place: Place) -> Words:
    return ["--endpoints", "https://127.0.0.1:1", "--cert", place.issue("lonely").cert]


@trouble("an authority that is none", r"ca\.pem cannot be used: no certificate")
async def _no_authority(place: Place) -> Words:
    return ["--endpoints", "https://127.0.0.1:1", "--cacert", place.file("ca.pem", "hello\n")]


@trouble("a file that is not there", r"--config .*no such file.*give a TOML file", misuse=True)
async def _no_config(place: Place) -> Words:
    return ["--config", place.folder / "nope.toml"]


@trouble("a file that is not TOML", r"is not TOML", misuse=True)
async def _no_toml(place: Place) -> Words:
    return ["--config", place.file("bad.toml", f'[clusters.a]\npassword = "{SECRET}"\n[oops')]


@trouble("a file with a wrong setting", r"endpoints.*Expected array", misuse=True)
async def _wrong_setting(place: Place) -> Words:
    text = f'[clusters.a]\nendpoints = 1\nuser = "root"\npassword = "{SECRET}"'
    return ["--config", place.file("wrong.toml", text)]


@trouble("a user without a password", r"ETCDCTL_PASSWORD", misuse=True)
async def _no_password(place: Place) -> Words:
    return ["--user", "root", "--endpoints", "127.0.0.1:1"]


# --- all of them, once -----------------------------------------------------------------------


Results = dict[tuple[str, bool], Ran]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Arrange all troubles, and run into each, for people and (where it is judged) as JSON."""
    return asyncio.run(_into_all(tmp_path_factory.mktemp("bad-input")))


async def _into_all(folder: Path) -> Results:
    async with AsyncExitStack() as stack:
        place = Place(folder, stack, Authority(folder / "ours"), Authority(folder / "theirs"))
        gate = asyncio.Semaphore(AT_ONCE)

        async def into(words: Words) -> Ran:
            async with gate:
                return await run("check", *words)

        runs: dict[tuple[str, bool], asyncio.Task[Ran]] = {}
        for one in TROUBLES:
            words = await one.arrange(place)
            runs[one.id, False] = asyncio.create_task(into(words))
            if not one.misuse:
                runs[one.id, True] = asyncio.create_task(into([*words, "--json"]))
        return {key: await task for key, task in runs.items()}


def assert_well_behaved(ran: Ran, *, soon: float = SOON_S) -> None:
    assert "Traceback" not in ran.told
    assert SECRET not in ran.told
    assert ran.seconds <= soon
    assert ran.peak_mb <= PEAK_MB


def assert_said_once(lines: Sequence[str], says: Sequence[str]) -> None:
    """One line says all of it, and no other line says it again."""
    pattern = ".*".join(says)
    saying = [line for line in lines if re.search(pattern, line)]
    assert len(saying) == 1, "\n".join(lines)


TEXT = [pytest.param(one, id=one.id) for one in TROUBLES]
JSON = [pytest.param(one, id=one.id) for one in TROUBLES if not one.misuse]


@pytest.mark.parametrize("one", TEXT)
def test_a_trouble_is_told_in_one_line(one: Trouble, results: Results) -> None:
    ran = results[one.id, False]

    assert_well_behaved(ran)
    assert ran.code == one.code
    if one.misuse:
        assert not ran.out
        assert ran.err.startswith("etcdscope: ")
    else:
        assert not ran.err
    assert_said_once(ran.told.splitlines(), one.says)


@pytest.mark.parametrize("one", JSON)
def test_a_trouble_is_told_in_one_object(one: Trouble, results: Results) -> None:
    ran = results[one.id, True]

    assert_well_behaved(ran)
    assert ran.code == one.code
    assert not ran.err
    jsonschema.validate(ran.json, schema()["check.schema.json"])
    assert ran.json["verdict"] == {2: "critical", 3: "unknown"}[one.code]
    assert re.search(".*".join(one.says), ran.json["summary"])


# --- with a real etcd ------------------------------------------------------------------------


@asynccontextmanager
async def cluster(
    members: int = 1, *, tls: bool = False, series: str = "3.5"
) -> AsyncIterator[Lab]:
    spec = LabSpec(members=members, version=series, network="loopback", tls=tls)
    async with Lab.start(spec) as lab:
        yield lab


async def both(*words: str | Path, **environ: str) -> tuple[Ran, Ran]:
    """Run ``check`` for people and as JSON."""
    told = await run("check", *words, **environ)
    machine = await run("check", *words, "--json", **environ)
    for ran in (told, machine):
        assert_well_behaved(ran)
        assert not ran.err
    jsonschema.validate(machine.json, schema()["check.schema.json"])
    assert told.code == machine.code
    return told, machine


@pytest.mark.etcd
async def test_auth_without_a_user_is_a_matter_of_permission() -> None:
    async with cluster() as lab:
        await lab.call("auth/user/add", name="root", password=SECRET)
        await lab.call("auth/user/grant", user="root", role="root")
        await lab.call("auth/enable")
        where = lab.endpoints[0]

        told, machine = await both("--endpoints", where)
        wrong, _ = await both("--endpoints", where, "--user", "root:falsch")
        right, _ = await both("--endpoints", where, ETCDCTL_USER="root", ETCDCTL_PASSWORD=SECRET)

    assert told.code == 3  # not 2: a closed door is no outage
    assert_said_once(told.out.splitlines()[:1], [r"wants to know who asks", r"give --user"])
    assert {spot["source"] for spot in machine.json["blind_spots"]} >= {"status"}
    assert all("give --user" in spot["remedy"] for spot in machine.json["blind_spots"])
    assert wrong.code == 3
    assert "authentication failed" in wrong.out.splitlines()[0]
    assert "falsch" not in wrong.told
    assert right.code == 0


@pytest.mark.etcd
async def test_two_clusters_given_as_one_are_critical() -> None:
    async with cluster(3) as most, cluster() as other:
        both_of_them = f"{other.endpoints[0]},{most.endpoints[0]}"
        told, machine = await both("--endpoints", both_of_them)

    assert told.code == 2
    assert "belongs to another cluster (" in told.out.splitlines()[0]
    assert machine.json["verdict"] == "critical"
    mixed = [i for i in machine.json["incidents"] if i["cause"] == "cluster-id-mixed"]
    assert {i["severity"] for i in mixed} == {"critical"}
    assert {i["subject"]["kind"] for i in mixed} == {"endpoint"}


@pytest.mark.etcd
async def test_of_two_clusters_only_the_smaller_is_called_the_wrong_one() -> None:
    async with cluster(3) as most, cluster() as other:
        machine = await run(
            "check", "--json", "--endpoints", f"{other.endpoints[0]},{most.endpoints[0]}"
        )
        where = other.endpoints[0]

    mixed = [i for i in machine.json["incidents"] if i["cause"] == "cluster-id-mixed"]
    assert [where in i["summary"].partition(" belongs")[0] for i in mixed] == [True]


@pytest.mark.etcd
async def test_a_dead_endpoint_beside_a_good_one_is_noticed_and_no_more() -> None:
    async with cluster() as lab:
        dead = f"127.0.0.1:{free_port()}"
        told, machine = await both("--endpoints", f"{dead},{lab.endpoints[0]}")

    assert told.code == 0
    assert told.out.splitlines()[0].startswith("✓ etcd is fine.")
    assert machine.json["verdict"] == "ok"
    assert_said_once(
        told.out.splitlines(), [rf"note: http://{dead} leads to no member that is known: nobody"]
    )


@pytest.mark.etcd
@pytest.mark.parametrize("series", ["3.4", "3.5"])
async def test_the_wrong_scheme_is_told_of_a_real_etcd(series: str) -> None:
    async with cluster(tls=True, series=series) as secret, cluster(series=series) as plain:
        assert secret.certificates
        ca = secret.certificates.ca
        without = secret.endpoints[0].replace("https:", "http:")
        with_tls = plain.endpoints[0].replace("http:", "https:")
        to_tls, _ = await both("--endpoints", without)
        to_plain, _ = await both("--endpoints", with_tls, "--cacert", ca)
        uninvited, _ = await both("--endpoints", secret.endpoints[0], "--cacert", ca)

    for ran in (to_tls, to_plain):
        assert ran.code == 3
        assert_said_once(ran.out.splitlines(), [r"use https:// where it speaks TLS"])
    assert uninvited.code == 3
    assert_said_once(uninvited.out.splitlines(), [r"wants one", r"give --cert and --key"])


@pytest.mark.etcd
async def test_ended_certificates_are_told_of_a_real_etcd(tmp_path: Path) -> None:
    async with cluster(tls=True) as lab:
        assert lab.certificates
        assert lab._authority
        ended = lab._authority.issue("ended", (), -DAY)
        ours, _ = await both("--endpoints", lab.endpoints[0], *_shown(ended))

    assert ours.code == 2
    assert_said_once(ours.out.splitlines(), [r"our certificate \S+ended\.crt ended on"])


@pytest.mark.etcd
async def test_watch_begins_before_etcd_does() -> None:
    async with cluster() as lab:
        member, where = lab.members[0], lab.endpoints[0]
        await lab.stop_member(member.name)

        async with running("watch", "--endpoints", where) as watch:
            await watch.until(lambda: watch.events("verdict", "blind-spot"), 10)
            first = watch.events("verdict", "blind-spot")[0]
            await lab.start_member(member.name)
            await watch.until(lambda: _verdicts(watch.lines)[-1:] == ["ok"], 20)
            assert await watch.end() == 143

    assert first["verdict"] == "unknown"
    assert "nobody listens" in first["summary"]
    assert "Traceback" not in str(watch)
    for line in watch.lines:
        jsonschema.validate(line, schema()["watch-line.schema.json"])
    assert not watch.events("opened")  # what was never seen alive has not failed


def _verdicts(lines: Sequence[dict[str, object]]) -> list[object]:
    return [line["verdict"] for line in lines if line["event"] == "verdict"]
