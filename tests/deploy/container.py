"""Builds and runs a Containerfile without a container engine: its steps, with chroot.

For the base image stand this machine's own programs, mounted read-only. So the steps, the pins, the
user and the mounts are tried for real; the base image and the engine itself are not.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_SETTINGS = (
    "ca-certificates",
    "group",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "nsswitch.conf",
    "passwd",
    "pip.conf",
    "resolv.conf",
    "ssl",
    "xdg",
)


@dataclass
class Stage:
    """One stage: its root, and what its instructions have set."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("proc", "dev", "tmp", "usr", "etc", "base", sys.base_prefix[1:]):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name in _SYSTEM:
            if Path("/", name).is_symlink():
                (self.root / name).symlink_to(f"usr/{name}")
        for name in _SETTINGS:
            _copy(Path("/etc", name), self.root / "etc" / name)
        (self.root / "base/python").symlink_to(Path(sys.base_prefix, "bin/python3"))
        self.environ["PATH"] = "/base:/usr/local/bin:/usr/bin:/bin"

    def at(self, path: str) -> Path:
        """Return where a path of the stage lies on this machine."""
        return self.root / os.path.normpath(f"/{self.folder}/{path}").lstrip("/")

    def argv(self, words: Sequence[str], mounts: Sequence[str] = ()) -> list[str]:
        """Return what runs words in the stage; ``mounts``: commands before that."""
        root = shlex.quote(str(self.root))
        lines = [
            f"mount --bind {root} {root}",
            f"mount --bind -o ro /usr {root}/usr",
            f"mount --bind -o ro {sys.base_prefix} {root}{sys.base_prefix}",
            f"mount --rbind /proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
            *mounts,
            f"exec chroot {root} {shlex.join(words)}",
        ]
        return ["unshare", "--mount", "sh", "-ec", "\n".join(lines)]

    def run(self, script: str) -> None:
        """Do a RUN: as root, in the stage's folder."""
        environ = {"HOME": "/tmp"} | _pip() | self.environ
        variables = [f"{name}={value}" for name, value in environ.items()]
        shell = ["/bin/sh", "-ec", f"cd {self.folder} && {script}"]
        subprocess.run(
            self.argv(["/usr/bin/env", "-i", *variables, *shell]), check=True, timeout=300
        )


def _pip() -> dict[str, str]:
    """How this machine reaches packages belongs to it, not to the image."""
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_")}


def instructions(file: Path) -> Iterator[tuple[str, str]]:
    """Return the instructions of a Containerfile, each with its arguments."""
    text = re.sub(r"^\s*#.*\n", "", file.read_text(), flags=re.MULTILINE)
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield name, rest.strip()


class Build:
    """A build in a folder; the last stage is the image."""

    def __init__(self, file: Path, context: Path, into: Path) -> None:
        self.context, self.into = context, into
        self.stages: list[Stage] = []
        self.names: dict[str, Stage] = {}
        for name, rest in instructions(file):
            getattr(self, f"_{name.lower()}")(rest)

    @property
    def image(self) -> Stage:
        """Return what a container starts from."""
        return self.stages[-1]

    def _arg(self, _: str) -> None:
        """The base image is this machine, whatever it is called."""

    def _expose(self, _: str) -> None:
        """Says, and does nothing."""

    def _from(self, rest: str) -> None:
        self.stages.append(Stage(self.into / f"stage-{len(self.stages)}"))
        self.names[rest.rpartition(" ")[2]] = self.image

    def _env(self, rest: str) -> None:
        self.image.environ |= dict(pair.split("=", 1) for pair in shlex.split(rest))

    def _workdir(self, rest: str) -> None:
        self.image.folder = rest
        self.image.at(".").mkdir(parents=True, exist_ok=True)

    def _user(self, rest: str) -> None:
        self.image.user = rest

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        origin, left_out = self.context, "__pycache__"
        if sources[0].startswith("--from="):
            origin, left_out = self.names[sources.pop(0).partition("=")[2]].root, ""
        for source in sources:
            to = self.image.at(Path(source).name if target == "./" else target)
            to.parent.mkdir(parents=True, exist_ok=True)
            _copy(origin / source.lstrip("/"), to, left_out)

    def _run(self, rest: str) -> None:
        self.image.run(rest)

    def _entrypoint(self, rest: str) -> None:
        self.image.entrypoint = json.loads(rest)

    def _cmd(self, rest: str) -> None:
        self.image.command = json.loads(rest)

    def container(
        self, words: Sequence[str], mounts: Sequence[tuple[Path, str, bool]] = ()
    ) -> list[str]:
        """Return what runs the image with a read-only root and no right left.

        ``mounts``: what, where, and whether it may be written.
        """
        image = self.image
        user, _, group = image.user.partition(":")
        lines = [f"mount -t tmpfs tmpfs {image.at('/tmp')}"]
        for source, target, written in mounts:
            place = image.at(target)
            place.mkdir(parents=True, exist_ok=True)
            lines.append(f"mount --bind -o {'rw' if written else 'ro'} {source} {place}")
        lines.append(f"mount -o remount,bind,ro {image.root}")
        drop = ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        drop += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "/usr/bin/env", "-i"]
        drop += [f"{name}={value}" for name, value in image.environ.items()]
        return image.argv([*drop, *image.entrypoint, *(words or image.command)], lines)


def _copy(source: Path, to: Path, left_out: str = "") -> None:
    """Copy a file or a folder, if it is there."""
    if source.is_dir():
        ignore = shutil.ignore_patterns(left_out) if left_out else None
        shutil.copytree(source, to, symlinks=True, ignore=ignore)
    elif source.exists():
        shutil.copy2(source, to)
