"""The commands: what they print where, how they end, and what they do not import."""

import gzip
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from etcdscope import __version__
from etcdscope.cli import main
from etcdscope.cli.access import Cluster, access_of
from etcdscope.cli.complaints import complaint
from etcdscope.cli.configuration import read
from etcdscope.cli.settings import limits_in, settings_of
from etcdscope.etcd.errors import EtcdError, SettingsError
from etcdscope.lab.spec import LabError
from etcdscope.model.contract import schema
from etcdscope.model.reading import Failure

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("ETCDCTL_")}


@pytest.fixture(autouse=True)
def no_etcdctl(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("ETCDCTL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens, and nobody else may."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


# Whoever runs the tests in the background has made SIGINT ignored; a terminal has not.
RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from etcdscope.cli import main
sys.exit(main())
"""


def begun(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *words],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# --- how it ends -----------------------------------------------------------------------------


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"etcdscope {__version__}\n"


def test_no_words_are_a_call_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("check", "watch", "serve", "explain", "demo", "lab"))


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (["chekc"], 64, 'Did you mean "check"?'),
        (["check", "--nope"], 3, "--nope"),
        (["check", "extra"], 3, "extra: nothing is expected there."),
        (["watch", "--nope"], 64, "--nope"),
        (["check", "--endpoints", "host"], 3, "host has no port; write host:2379."),
        (["watch", "--endpoints", "host"], 64, "host has no port; write host:2379."),
        (["check", "--cacert", "/nope"], 3, "no such file"),
        (["check", "--for", "soon"], 3, "write 10s or 1m30s"),
        (["watch", "--live", "--endpoints", "127.0.0.1:1"], 64, "needs a terminal"),
        (["replay", "/nope"], 64, "/nope is not there"),
        (["demo", "--once", "nope"], 64, "write one of kill, freeze"),
        (["lab", "up", "--quota", "much"], 64, "write 64MiB"),
        (
            ["lab", "status", "--name", "nobody-has-this"],
            1,
            "lab up --name nobody-has-this",
        ),
        (["explain", "quorm-lost"], 1, "quorum-lost"),
        (["check", "--cluster", "prod"], 3, "give --config FILE"),
        (["watch", "--log", "/var/log/etcd.log"], 64, "write NAME=PATH"),
        (["check", "--log", "m1=/a", "--log", "m1=/b"], 3, "given twice"),
        (["logs"], 64, "name a file"),
        (["logs", "/nope.log"], 64, "/nope.log cannot be read: no such file"),
        (["logs", "/"], 64, "cannot be read: is a directory"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    words: list[str], code: int, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("etcdscope: ")
    assert complaint in err
    assert "Traceback" not in err


def test_a_user_without_a_password_is_asked_only_at_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())

    assert main(["check", "--user", "root"]) == 3
    assert "root:PASSWORD" in capsys.readouterr().err


def test_errors_that_the_user_can_mend_are_told_from_bugs() -> None:
    mend = [
        SettingsError("a"),
        LabError("b"),
        EtcdError(Failure.DNS, "c"),
        FileNotFoundError(2, "No such", "d"),
    ]

    assert [told.sentence if (told := complaint(e)) else None for e in mend] == [
        "a",
        "b",
        "c",
        "d: no such.",
    ]
    assert complaint(ValueError("x")) is None
    grouped = complaint(ExceptionGroup("", [LabError("b")]))
    assert grouped is not None
    assert grouped.sentence == "b"
    assert complaint(ExceptionGroup("", [LabError("b"), ValueError("x")])) is None


# --- check -----------------------------------------------------------------------------------


def test_what_could_not_be_judged_is_3(nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--endpoints", nobody]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("▒ We cannot judge this cluster")
    assert not err


def test_a_log_tells_why_nobody_answers(
    nobody: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its lines are of November 2026; they count as last words, since nothing came after them."""
    recorded = Path(__file__).parent / "recorded" / "logs" / "3.5.30.wal-rot.log.gz"
    (tmp_path / "m1.log").write_bytes(gzip.decompress(recorded.read_bytes()))

    code = main(["check", "--json", "--endpoints", nobody, "--log", f"m1={tmp_path / 'm1.log'}"])
    told = json.loads(capsys.readouterr().out)

    jsonschema.validate(told, schema()["check.schema.json"])
    (incident,) = [i for i in told["incidents"] if i["cause"] == "wal-corrupt"]
    assert incident["subject"]["member_id"] == "3aa4a8bea36f8c93"
    assert code in (2, 3)


def test_a_log_that_is_not_there_is_a_blind_spot(
    nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", "--json", "--endpoints", nobody, "--log", "m1=/nope/etcd.log"])
    told = json.loads(capsys.readouterr().out)

    (spot,) = [spot for spot in told["blind_spots"] if spot["source"] == "logs"]
    assert spot["why"] == "there is no file /nope/etcd.log"
    assert "wal-corrupt" in spot["hides"]


def test_check_json_is_one_object_of_the_contract(
    nobody: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--json", "--endpoints", nobody]) == 3
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, schema()["check.schema.json"])
    assert told["verdict"] == "unknown"


def test_a_flag_that_wins_over_its_variable_is_noticed(
    nobody: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", "elsewhere:2379")

    main(["check", "--endpoints", nobody])

    assert "note: --endpoints is used, ETCDCTL_ENDPOINTS is not." in capsys.readouterr().out


# --- explain, completion ---------------------------------------------------------------------


def test_explain_prints_a_page_or_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "member-down"]) == 0
    assert capsys.readouterr().out.startswith("member-down  cause, member\n")
    assert main(["explain", "member-down", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "cause"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_flags(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "explain" in script
    assert "endpoints" in script


# --- --config --------------------------------------------------------------------------------


@pytest.fixture
def filed(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "etcdscope.toml"
        path.write_text(text)
        return path

    return write


def test_a_file_describes_a_cluster_limits_and_whom_to_tell(filed: Callable[[str], Path]) -> None:
    path = filed("""
        [clusters.prod]
        endpoints = ["10.0.0.1:2379", "10.0.0.2:2379"]
        command-timeout = "2s"
        [limits.wal-fsync-slow]
        warning = 0.2
        [agent]
        listen = "127.0.0.1:9999"
        token = "geheim"
        alertmanager = ["http://am:9093"]
        webhook = ["http://hook/x"]
    """)

    settings, notices = settings_of(Cluster(config=path), agent=True, webhook=["https://other/y"])

    assert settings.access.endpoints == ("http://10.0.0.1:2379", "http://10.0.0.2:2379")
    assert settings.access.command_timeout == 2.0
    assert settings.limits["wal-fsync-slow"]["warning"] == 0.2
    assert settings.limits["wal-fsync-slow"]["critical"] == 2.0  # the others stay
    assert (settings.listen, settings.token) == ("127.0.0.1:9999", "geheim")
    assert settings.alertmanager is not None
    assert [w.receiver.origin for w in settings.webhooks] == ["https://other", "http://hook"]
    assert not notices
    assert limits_in(path) == settings.limits


@pytest.mark.parametrize(
    ("text", "flag", "counts"),
    [
        ("", None, True),
        ("[agent]", None, True),
        ("[agent]\nregistry = false", None, False),
        ("[agent]\nregistry = false", True, True),
        ("[agent]\nregistry = true", False, False),
        ("", False, False),
    ],
)
def test_keys_are_counted_unless_the_flag_or_else_the_file_says_no(
    text: str, flag: bool | None, counts: bool, filed: Callable[[str], Path]
) -> None:
    settings, _ = settings_of(Cluster(config=filed(text)), registry=flag, agent=True)

    assert settings.registry is counts


def test_webhooks_are_signed_with_a_file_or_a_variable(
    filed: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("of a file\n")
    text = f'[agent]\nwebhook = ["http://hook/x"]\nwebhook-secret-file = "{tmp_path}/secret"\n'
    of_file, _ = settings_of(Cluster(config=filed(text)), agent=True, webhook=["https://other/y"])
    plain, _ = settings_of(Cluster(), agent=True, webhook=["https://other/y"])
    monkeypatch.setenv("ETCDSCOPE_WEBHOOK_SECRET", "of a variable")
    of_variable, _ = settings_of(Cluster(), agent=True, webhook=["https://other/y"])

    assert [w.secret.read() for w in of_file.webhooks] == ["of a file"] * 2
    assert [w.secret.read() for w in of_variable.webhooks] == ["of a variable"]
    assert not any(w.secret for w in plain.webhooks)


def test_a_file_names_logs_and_a_flag_wins(filed: Callable[[str], Path]) -> None:
    path = filed("""
        [clusters.prod]
        endpoints = ["10.0.0.1:2379"]
        [clusters.prod.logs]
        m1 = "/var/log/m1.log"
        m2 = "journald:etcd.service"
    """)

    settings, _ = settings_of(Cluster(config=path), log=["m1=-"])

    assert [(one.named, one.where) for one in settings.logs] == [
        ("m1", "-"),
        ("m2", "journald:etcd.service"),
    ]


def test_a_flag_wins_over_the_file(filed: Callable[[str], Path]) -> None:
    path = filed('[clusters.a]\nendpoints = ["10.0.0.1:2379"]')
    flags = Cluster(config=path, endpoints=["10.0.0.9:2379"])

    access, _ = access_of(flags, read(path), {})

    assert access.endpoints == ("http://10.0.0.9:2379",)


def test_node_exporters_stand_in_file_and_flags(filed: Callable[[str], Path]) -> None:
    path = filed(
        "[clusters.a.node-exporter]\nm1 = 'http://h1:9100'\nm2 = 'http://h2:9100#/data/etcd'"
    )

    settings, _ = settings_of(Cluster(config=path, node_exporter=["m1=https://other:9100"]))

    assert settings.node_exporters == {
        "m1": "https://other:9100",
        "m2": "http://h2:9100#/data/etcd",
    }


@pytest.mark.parametrize("word", ["http://h1:9100", "m1", "=http://h1:9100", "m1=h1:9100", "m1="])
def test_node_exporter_that_is_none_is_told_with_what_to_write(word: str) -> None:
    with pytest.raises(SettingsError, match=r"write .*http://HOST:9100"):
        settings_of(Cluster(node_exporter=[word]))


def test_a_password_may_stand_in_a_file_of_its_own(
    filed: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("geheim\n")
    path = filed(f'[clusters.a]\nuser = "root"\npassword-file = "{tmp_path}/secret"')

    access, _ = access_of(Cluster(), read(path), {})

    assert (access.security.user, access.security.password) == ("root", "geheim")


@pytest.mark.parametrize(
    ("text", "cluster", "complaint"),
    [
        (
            "[clusters.a]\n[clusters.b]",
            None,
            "here it must be one: give --cluster NAME",
        ),
        ("[clusters.a]\n[clusters.b]", "c", "the clusters a, b"),
        ("[clusters.a]\nendpoint = 1", None, "in clusters: there is no setting endpoint."),
        ("[clusters.a]\nendpoints = 1", None, "in clusters.endpoints: Expected array, got int."),
        ("[limits.wal-fsync-slo]\nwarning = 1", None, "wal-fsync-slow may be meant"),
        ("[limits.wal-fsync-slow]\nwarn = 1", None, "warning may be meant"),
        ("[agent", None, "is not TOML"),
        ('[agent]\nregistry = "no"', None, "in agent.registry: Expected bool, got str."),
        ('[agent]\nwebhook = ["nowhere"]', None, "write http(s)://host:port"),
        (
            '[agent]\nwebhook = ["http://h/x"]\nwebhook-secret-file = "/nowhere"',
            None,
            "agent.webhook-secret-file /nowhere: there is no such file",
        ),
        ("[clusters.'prod/eu']", None, "a name is made of letters, digits"),
        ("[clusters.'']", None, "a name is made of letters, digits"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(
    text: str, cluster: str | None, complaint: str, filed: Callable[[str], Path]
) -> None:
    with pytest.raises(SettingsError) as told:
        settings_of(Cluster(config=filed(text), cluster=cluster), agent=True)

    assert complaint in str(told.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file or directory; give a TOML file"):
        read(tmp_path / "nope.toml")


TWO = """
    [clusters.a]
    endpoints = ["10.0.0.1:2379"]
    labels = { site = "north" }
    logs = { m1 = "/var/log/etcd.log" }
    [clusters.b]
    endpoints = ["https://10.1.0.1:2379"]
    user = "root:geheim"
    [limits.wal-fsync-slow]
    warning = 0.2
    [agent]
    listen = "127.0.0.1:9999"
"""


def test_all_clusters_of_a_file_are_watched_at_once(
    filed: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What etcdctl is told means one cluster: no other must get its password.
    monkeypatch.setenv("ETCDCTL_USER", "somebody:else")
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", "10.9.9.9:2379")

    settings, _ = settings_of(Cluster(config=filed(TWO)), agent=True, fleet=True)
    a, b = settings.clusters

    assert (a.name, b.name) == ("a", "b")
    assert (a.access.endpoints, b.access.endpoints) == (
        ("http://10.0.0.1:2379",), ("https://10.1.0.1:2379",),
    )  # fmt: skip
    assert (a.access.security.user, b.access.security.user) == ("", "root")
    assert (a.labels, b.labels) == ({"site": "north"}, {})
    assert ([log.named for log in a.logs], b.logs) == (["m1"], ())
    assert a.limits["wal-fsync-slow"] == b.limits["wal-fsync-slow"]
    assert settings.listen == "127.0.0.1:9999"


def test_one_of_several_clusters_can_be_chosen(filed: Callable[[str], Path]) -> None:
    settings, _ = settings_of(Cluster(config=filed(TWO), cluster="b"), agent=True, fleet=True)

    assert not settings.also
    assert settings.name == "b"


@pytest.mark.parametrize(
    ("said", "more", "complaint"),
    [
        (Cluster(endpoints=["10.0.0.9:2379"]), {}, "--endpoints speaks of one cluster"),
        (Cluster(node_exporter=["m1=http://h:9100"]), {}, "--node-exporter speaks of one cluster"),
        (Cluster(), {"log": ["m1=-"]}, "--log speaks of one cluster"),
        (Cluster(), {"record": Path("file")}, "--record speaks of one cluster"),
    ],
)
def test_what_speaks_of_one_cluster_is_refused_for_several(
    said: Cluster, more: dict[str, Any], complaint: str, filed: Callable[[str], Path]
) -> None:
    with pytest.raises(SettingsError, match=complaint):
        settings_of(replace(said, config=filed(TWO)), fleet=True, **more)


def test_one_of_several_clusters_must_say_where_it_is(filed: Callable[[str], Path]) -> None:
    path = filed('[clusters.a]\n[clusters.b]\nendpoints = ["10.0.0.1:2379"]')
    with pytest.raises(SettingsError, match=r"clusters.a: give endpoints, discovery-srv, or"):
        settings_of(Cluster(config=path), fleet=True)


def test_a_hyphen_in_a_file_is_a_hyphen_in_a_flag(filed: Callable[[str], Path]) -> None:
    path = filed("[clusters.a]\ninsecure-skip-tls-verify = true")

    access, _ = access_of(Cluster(), read(path), {})

    assert access.security.insecure_skip_tls_verify


# --- whatever ends it ------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_watch_ends_without_a_word(told: signal.Signals, code: int, nobody: str) -> None:
    with begun("watch", "--endpoints", nobody, "--log-level", "error") as process:
        assert process.stderr
        assert process.stderr.readline() == f"etcdscope: watching {nobody}; Ctrl-C ends it.\n"
        time.sleep(0.7)  # the loop, and its signals, begin right after it
        process.send_signal(told)
        _, err = process.communicate(timeout=20)

    assert process.returncode == code
    assert not err


def test_a_reader_that_leaves_is_no_error() -> None:
    with begun("explain") as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        err = process.stderr.read()
        process.wait(20)

    assert process.returncode == 141
    assert not err


# --- what is not imported --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "foreign"),
    [
        (["--version"], ["cyclopts", "rich", "asyncio", "msgspec"]),
        (["--help"], ["asyncio", "aiohttp", "grpc", "msgspec"]),
        (["check", "--help"], ["aiohttp", "grpc", "msgspec"]),
        (["explain", "member-down"], ["aiohttp", "grpc", "msgspec"]),
        (["logs", "/dev/null"], ["aiohttp", "grpc", "asyncio"]),
        (
            ["check", "--endpoints", "127.0.0.1:1"],
            ["numpy", "apsw", "zstandard", "aiohttp.web", "lightkube", "textual"],
        ),
    ],
)  # fmt: skip
def test_a_command_imports_only_what_it_needs(words: list[str], foreign: list[str]) -> None:
    code = (
        "import sys\nfrom etcdscope.cli import main\nmain(sys.argv[2:])\n"
        "sys.exit(' '.join(m for m in sys.argv[1].split() if m in sys.modules) or 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, " ".join(foreign), *words],
        env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert run.stderr.strip() == ""
    assert run.returncode == 0


def test_a_thread_that_waits_for_something_holds_up_no_end_that_has_a_limit() -> None:
    """A name server that does not answer holds such a thread."""
    text = (
        "import asyncio, time; from etcdscope.cli.running import run;"
        "run(asyncio.to_thread(lambda: print('up', flush=True) or time.sleep(20)), within=0.5)"
    )
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 143
