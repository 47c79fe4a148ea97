from pathlib import Path

import pytest

from etcdscope.lab.debian import (
    DebianError,
    deb822_sources,
    machine_source,
    madison_versions,
    one_line_sources,
    upstream,
)

DEB822 = """\
# the machine's own
Types: deb deb-src
# http://snapshot.example/archive/debian/20250520T000000Z
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""


def test_the_same_archive_is_asked_for_sid_with_the_keyring_kept() -> None:
    source = next(deb822_sources(DEB822))

    (for_sid,) = deb822_sources(source.stanza("sid"))

    assert for_sid.fields == {
        "types": "deb",
        "uris": "http://mirror.example/debian",
        "suites": "sid",
        "components": "main",
        "signed-by": "/usr/share/keyrings/debian-archive-keyring.gpg",
    }


def test_a_key_written_into_the_entry_goes_along() -> None:
    key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----"
    (source,) = deb822_sources(f"Types: deb\nURIs: http://m/debian\nSuites: sid\nSigned-By:{key}\n")

    assert source.stanza("sid").count(f"signed-by: {key}\n") == 1


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        pytest.param(
            "deb http://m.example/debian trixie main",
            {"uris": "http://m.example/debian", "suites": "trixie", "components": "main"},
            id="plain",
        ),
        pytest.param(
            "deb [signed-by=/k.gpg arch=amd64,arm64] http://m.example/debian sid main # why",
            {
                "signed-by": "/k.gpg",
                "architectures": "amd64 arm64",
                "uris": "http://m.example/debian",
                "suites": "sid",
                "components": "main",
            },
            id="with options and a comment",
        ),
    ],
)
def test_one_line_entry_is_read_as_a_stanza(line: str, fields: dict[str, str]) -> None:
    (source,) = one_line_sources(f"# deb http://old.example/debian sid main\n{line}\n")

    assert source.fields == {"types": "deb", **fields}


@pytest.mark.parametrize(
    ("entry", "serves"),
    [
        pytest.param("deb http://m/debian bookworm main", True, id="Debian"),
        pytest.param("deb http://m/debian/ stable main contrib", True, id="by its role"),
        pytest.param("deb mirror+file:/etc/apt/debian.list sid main", True, id="a mirror list"),
        pytest.param("deb http://m/archive/debian/20250520T000000Z sid main", True, id="snapshot"),
        pytest.param("deb-src http://m/debian bookworm main", False, id="sources only"),
        pytest.param("deb http://m/debian bookworm contrib", False, id="without main"),
        pytest.param("deb http://m/debian bookworm-backports main", False, id="backports"),
        pytest.param("deb http://m/debian-security bookworm main", False, id="security"),
        pytest.param("deb http://m/apt bookworm main", False, id="a third party's"),
        pytest.param("deb http://m/ubuntu noble main", False, id="another distribution"),
    ],
)
def test_debian_itself_is_told_from_other_archives(entry: str, serves: bool) -> None:
    (source,) = one_line_sources(entry)

    assert source.serves_debian is serves


def test_disabled_entry_serves_nothing() -> None:
    assert not next(deb822_sources(f"Enabled: no\n{DEB822}")).serves_debian


def test_machine_source_prefers_debians_keyring_over_a_third_party_called_debian(
    tmp_path: Path,
) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "vendor.list").write_text("deb [signed-by=/v.gpg] http://v/debian bookworm main\n")
    (parts / "debian.sources").write_text(DEB822)

    source = machine_source(tmp_path)

    assert (source.fields["uris"], source.suite) == ("http://mirror.example/debian", "bookworm")


def test_machine_without_debian_says_so(tmp_path: Path) -> None:
    with pytest.raises(DebianError, match="name no Debian archive"):
        machine_source(tmp_path)


@pytest.mark.parametrize(
    ("version", "release"),
    [
        ("3.4.23-4+b4", "3.4.23"),
        ("3.5.3+ds1-6", "3.5.3"),
        ("1:2.0~rc1-1", "2.0"),
        ("nonsense", ""),
    ],
)
def test_upstream_release_of_a_debian_version(version: str, release: str) -> None:
    assert upstream(version) == release


def test_versions_are_read_from_madison_newest_first() -> None:
    answer = """\
 etcd-server |   3.5.30-2 | http://m.example/debian sid/main amd64 Packages
 etcd-server | 3.4.23-4+b4 | http://m.example/debian bookworm/main amd64 Packages
"""
    assert madison_versions(answer) == ["3.5.30-2", "3.4.23-4+b4"]
