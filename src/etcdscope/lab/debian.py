"""Debian's packages, unpacked but never installed, through an apt of our own."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ETC_APT = Path("/etc/apt")
# Package lists change a few times a day; within this time we do not ask for them again.
LISTS_STAY_FRESH_SECONDS = 3600
APT_PATIENCE_SECONDS = 900

# One-line options whose deb822 field is not simply their name with capitals (sources.list(5)).
_OPTION_FIELDS = {"arch": "Architectures", "lang": "Languages", "target": "Targets"}


class DebianError(Exception):
    """Debian's archive gave us nothing; the message says why, in a clause."""


@dataclass(frozen=True)
class Source:
    """One entry of the machine's apt sources, as the fields of a deb822 stanza."""

    fields: Mapping[str, str]

    def words(self, field: str) -> list[str]:
        return self.fields.get(field.lower(), "").split()

    @property
    def suite(self) -> str | None:
        """The release itself, beside which "-updates" and "-backports" may stand."""
        return next((s for s in self.words("Suites") if "-" not in s and "/" not in s), None)

    @property
    def serves_debian(self) -> bool:
        """Whether this is Debian's own archive, and neither security nor a third party's."""
        return (
            "deb" in self.words("Types")
            and "main" in self.words("Components")
            and self.fields.get("enabled", "yes").lower() not in {"no", "false", "off", "0"}
            and self.suite is not None
            and any(re.search(r"/debian(/|$|\.list$)", uri) for uri in self.words("URIs"))
        )

    @property
    def foreignness(self) -> int:
        """Others, who have a keyring of their own, also call their archive "debian"."""
        keyring = self.fields.get("signed-by", "")
        return 0 if "debian-archive-keyring" in keyring else 2 if keyring else 1

    def stanza(self, suite: str) -> str:
        """The same archive for another suite; keyring and trust stay as the machine has them."""
        changed = {"types": "deb", "suites": suite, "components": "main"}
        return "".join(f"{k}: {v}\n" for k, v in {**self.fields, **changed}.items())


def deb822_sources(text: str) -> Iterator[Source]:
    """Read a `.sources` file: stanzas apart by empty lines, values over several lines."""
    uncommented = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", uncommented):
        fields = re.findall(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.MULTILINE)
        if fields:
            yield Source({name.lower(): value.rstrip() for name, value in fields})


def one_line_sources(text: str) -> Iterator[Source]:
    """Read a `.list` file: `deb [option=value …] uri suite component …`."""
    line = r"^\s*(deb|deb-src)\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#\n]+)"
    for kind, options, uri, suite, components in re.findall(line, text, re.MULTILINE):
        fields: dict[str, str] = {}
        for name, _, value in (option.partition("=") for option in options.split()):
            fields[_OPTION_FIELDS.get(name, name).lower()] = value.replace(",", " ")
        fields |= {"types": kind, "uris": uri, "suites": suite, "components": components.strip()}
        yield Source(fields)


def machine_source(etc_apt: Path = ETC_APT) -> Source:
    """Return the entry through which this machine gets Debian itself."""
    parts = etc_apt / "sources.list.d"
    lists = [etc_apt / "sources.list", *sorted(parts.glob("*.list"))]
    found = [s for file in lists if file.is_file() for s in one_line_sources(file.read_text())]
    found += [
        s for file in sorted(parts.glob("*.sources")) for s in deb822_sources(file.read_text())
    ]
    debian = [source for source in found if source.serves_debian]
    if not debian:
        raise DebianError("the apt sources of this machine name no Debian archive")
    return min(debian, key=lambda source: source.foreignness)


def upstream(version: str) -> str:
    """The upstream release in a Debian version: "1:3.5.3+ds1-6" is 3.5.3."""
    found = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", version)
    return found[1] if found else ""


def madison_versions(text: str) -> list[str]:
    """Read the versions in the answer of `apt-cache madison`, newest first."""
    return [columns[1].strip() for line in text.splitlines() if len(columns := line.split("|")) > 2]


@dataclass(frozen=True)
class PrivateApt:
    """An apt of our own, for one suite: needs no root, changes nothing outside `folder`."""

    folder: Path
    source: Source
    suite: str

    def versions(self, package: str) -> list[str]:
        return madison_versions(self._run("apt-cache", "madison", package))

    def unpack(self, package: str, version: str, into: Path) -> None:
        """Download (apt verifies the signatures) and unpack a package into an empty folder."""
        self._run("apt-get", "--quiet", "download", f"{package}={version}", cwd=into)
        (archive,) = into.glob("*.deb")
        _run(["dpkg-deb", "--extract", str(archive), str(into)])
        archive.unlink()

    def refresh(self) -> None:
        """Get the suite's package lists, unless they are fresh."""
        stamp = self.folder / "refreshed"
        stanza = self.source.stanza(self.suite)
        if _age_seconds(stamp) < LISTS_STAY_FRESH_SECONDS and stamp.read_text() == stanza:
            return
        for needed in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / needed).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        (self.folder / "debian.sources").write_text(stanza)
        (self.folder / "apt.conf").write_text(_configuration(self.folder))
        self._run("apt-get", "--quiet", "update")
        stamp.write_text(stanza)

    def _run(self, *argv: str, cwd: Path | None = None) -> str:
        program, *arguments = argv
        configuration = str(self.folder / "apt.conf")
        return _run([program, "--config-file", configuration, *arguments], cwd)


def _configuration(folder: Path) -> str:
    """The machine's own apt.conf is read before this one, so its proxies hold for us too."""
    return f"""\
// What the machine does after its own updates (clean caches, build indexes) is not for us.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "{folder}/state";
Dir::State::lists "{folder}/state/lists";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/debian.sources";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "-";
// As root, apt would download as _apt, who may not enter our folder.
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
"""


def _age_seconds(file: Path) -> float:
    return time.time() - file.stat().st_mtime if file.exists() else float("inf")


def _run(argv: Sequence[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            check=True,
            capture_output=True,
            text=True,
            timeout=APT_PATIENCE_SECONDS,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise DebianError(f"there is no {argv[0]} on this machine") from None
    except subprocess.TimeoutExpired:
        raise DebianError(f"{argv[0]} gave no answer for {APT_PATIENCE_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        raise DebianError(f"{argv[0]} said: {_complaint(error.stderr)}") from None
    return done.stdout


def _complaint(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("E: ") for line in lines if line.startswith("E: ")]
    return (errors or lines or ["nothing"])[0].strip()
