from pathlib import Path

import pytest

from etcdscope.etcd.endpoint import parse_endpoint
from etcdscope.etcd.errors import SettingsError
from etcdscope.etcd.settings import Security, access_from, parse_duration


@pytest.fixture
def pem(tmp_path: Path) -> str:
    path = tmp_path / "file.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n")
    return str(path)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:2379", "http://127.0.0.1:2379"),
        ("http://10.0.0.1:2379/", "http://10.0.0.1:2379"),
        ("https://etcd-1.example:443", "https://etcd-1.example:443"),
        ("[::1]:2379", "http://[::1]:2379"),
        ("https://[fd00::1]:2379", "https://[fd00::1]:2379"),
        ("my_host.example.:1", "http://my_host.example.:1"),
    ],
)
def test_an_endpoint_is_read(text: str, url: str) -> None:
    assert parse_endpoint(text).url == url


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("127.0.0.1:2379x", "write 127.0.0.1:2379."),
        ("127.0.0.1", "has no port; write 127.0.0.1:2379."),
        ("[::1]", "has no port; write [::1]:2379."),
        ("::1:2379", "in brackets"),
        ("[::zz]:2379", "no IPv6 address"),
        ("10.0.0.1:70000", "70000 is no port"),
        ("ftp://10.0.0.1:21", "ftp is not spoken"),
        ("unix:///run/etcd.sock", "unix is not spoken"),
        ("http://10.0.0.1:2379/v3", "has a path"),
        (":2379", "nothing is no host name"),
        ("ho st:2379", "no host name"),
        ("", "has no port"),
    ],
)
def test_a_wrong_endpoint_ends_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=r"\.$") as caught:
        parse_endpoint(text, "--endpoints")
    assert says in str(caught.value)
    assert str(caught.value).startswith("--endpoints")


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_endpoint("http://root:secret@10.0.0.1:2379", "--endpoints")
    assert "secret" not in str(caught.value)


def test_without_anything_it_is_etcdctls_default() -> None:
    access, notices = access_from({}, {})

    assert access.endpoints == ("http://127.0.0.1:2379",)
    assert access.security == Security()
    assert access.command_timeout == 5.0
    assert notices == ()


def test_variables_are_read_as_etcdctl_reads_them(pem: str) -> None:
    environ = {
        "ETCDCTL_ENDPOINTS": "10.0.0.1:2379, https://10.0.0.2:2379,http://10.0.0.3:2379",
        "ETCDCTL_CACERT": pem,
        "ETCDCTL_CERT": pem,
        "ETCDCTL_KEY": pem,
        "ETCDCTL_USER": "root:se:cret",
        "ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "true",
        "ETCDCTL_COMMAND_TIMEOUT": "1m30s",
        "ETCDCTL_DIAL_TIMEOUT": "500ms",
        "ETCDCTL_DISCOVERY_SRV": "example.com",
        "ETCDCTL_DISCOVERY_SRV_NAME": "blue",
    }

    access, notices = access_from({}, environ)

    # Certificates make TLS of what has no scheme, but http:// stays what it says.
    assert access.endpoints == (
        "https://10.0.0.1:2379",
        "https://10.0.0.2:2379",
        "http://10.0.0.3:2379",
    )
    path = Path(pem)
    assert access.security == Security(path, path, path, True, "root", "se:cret")
    assert (access.command_timeout, access.dial_timeout) == (90.0, 0.5)
    assert (access.discovery_srv, access.discovery_srv_name) == ("example.com", "blue")
    assert notices == ()


def test_a_flag_wins_over_its_variable_with_one_notice() -> None:
    flags = {"endpoints": "10.0.0.1:2379", "user": None}

    access, notices = access_from(flags, {"ETCDCTL_ENDPOINTS": "10.0.0.9:2379"})

    assert access.endpoints == ("http://10.0.0.1:2379",)
    assert notices == ("--endpoints is used, ETCDCTL_ENDPOINTS is not.",)


def test_a_variable_that_says_the_same_is_not_worth_a_notice() -> None:
    _, notices = access_from({"endpoints": "a:1"}, {"ETCDCTL_ENDPOINTS": "a:1"})

    assert notices == ()


def test_secure_transport_makes_tls_of_what_has_no_scheme() -> None:
    access, _ = access_from({}, {"ETCDCTL_INSECURE_TRANSPORT": "false"})

    assert access.endpoints == ("https://127.0.0.1:2379",)


def test_with_a_password_all_of_user_is_the_name() -> None:
    access, _ = access_from({"user": "a:b", "password": "p"}, {})

    assert (access.security.user, access.security.password) == ("a:b", "p")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"endpoints": " , "}, "--endpoints names no endpoint"),
        ({"cacert": "/nowhere/ca.crt"}, "--cacert /nowhere/ca.crt: no such file or directory"),
        ({"cacert": "/"}, "--cacert /: is a directory"),
        ({"cacert": "/dev/null"}, "is empty; give a file in PEM"),
        ({"user": "root"}, "set ETCDCTL_PASSWORD or write root:PASSWORD"),
        ({"password": "secret"}, "--password has no user"),
        ({"command-timeout": "5"}, "write 5s or 1m30s"),
        ({"command-timeout": "-5s"}, "write 5s or 1m30s"),
        ({"command-timeout": "0s"}, "write 5s or 1m30s"),
        ({"insecure-skip-tls-verify": "yes"}, "neither true nor false"),
    ],
)
def test_a_wrong_setting_ends_in_one_sentence(flags: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=r"\.$") as caught:
        access_from(flags, {})
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_certificate_wants_its_key(pem: str) -> None:
    with pytest.raises(SettingsError, match="has no key; give --key as well"):
        access_from({"cert": pem}, {})
    with pytest.raises(SettingsError, match=r"ETCDCTL_KEY .* has no cert; give --cert as well"):
        access_from({}, {"ETCDCTL_KEY": pem})


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(access_from({"user": "root:secret"}, {}))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25), (".5s", 0.5), ("10µs", 1e-5)],
)
def test_go_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "5d", "1s-"])
def test_what_go_refuses_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)
