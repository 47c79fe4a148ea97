"""top."""

import os
import shlex
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from etcdscope.cli.access import Cluster, Output
from etcdscope.cli.running import HUNG_UP, run
from etcdscope.cli.settings import settings_of
from etcdscope.cli.watching import Data, Log, Record
from etcdscope.etcd.errors import SettingsError

if TYPE_CHECKING:
    from etcdscope.app import Settings
    from etcdscope.surfaces.tui.trail import Trail

# Hours of moments are kept of one cluster; several share the memory.
LEAST_KEPT = 300
ENDS_WITHIN = 1.5  # seconds after a signal, whatever still waits for something
# They can show no more than letters, or no screen at all.
LETTERS_ONLY = frozenset({"linux", "vt100", "vt102", "vt220", "ansi"})
NO_SCREEN = frozenset({"dumb", "unknown"})


def top(
    *,
    ascii_: Annotated[
        bool,
        Parameter(
            name="--ascii", help="Letters only, as on terminals that have no more.", negative=""
        ),
    ] = False,
    agent: Annotated[
        str | None,
        Parameter(help="Show what a running agent sees, e.g. http://127.0.0.1:2390."),
    ] = None,
    token_file: Annotated[Path | None, Parameter(help="The agent's; else ETCDSCOPE_TOKEN.")] = None,
    data_dir: Data = None,
    record: Record = None,
    log: Log = None,
    cluster: Cluster = Cluster(),
    output: Output = Output(),
) -> int:
    """Watch on one screen: verdict, members, roles, incidents; look into each, and back in time."""
    _needs_a_screen(os.environ)
    output.open_log()
    _honour(output)
    letters = ascii_ or letters_only(os.environ)
    if agent:
        if cluster.flags() or cluster.config:
            raise SettingsError(
                "--agent shows what the agent watches; leave out what says where etcd is."
            )
        _run(_attached(agent, _token(token_file), letters=letters))
        return 0
    settings, notices = settings_of(cluster, data_dir=data_dir, record=record, log=log, fleet=True)
    for notice in notices:
        sys.stderr.write(f"etcdscope: {notice}\n")
    _run(_watched(settings, cluster.config, letters=letters))
    return 0


def _run(showing: "Coroutine[Any, Any, None]") -> None:
    run(showing, hung_up=HUNG_UP, within=ENDS_WITHIN)


async def _watched(settings: "Settings", config: Path | None, *, letters: bool) -> None:
    """Watch by ourselves."""
    from etcdscope import app
    from etcdscope.surfaces.tui.app import Top, show

    trails = _trails({one.name: _counting(one, config) for one in settings.clusters})

    def troubled(name: str, why: str) -> None:
        trails[name].trouble = why

    feed = app.watch(settings, named=lambda name: trails[name].tell, troubled=troubled)
    await show(Top([*trails.values()], letters=letters), feed)


async def _attached(url: str, token: str, *, letters: bool) -> None:
    """Let a running agent tell."""
    from etcdscope.surfaces.tui import attached
    from etcdscope.surfaces.tui.app import Top, show

    async with attached.agent(url, token) as agent:
        trails = [*_trails(dict.fromkeys(agent.clusters, "")).values()]
        await show(Top(trails, letters=letters), agent.follow(trails))


def _trails(counting: Mapping[str, str]) -> "dict[str, Trail]":
    """Return a trail of each cluster; ``counting``: the command that counts its keys, by name."""
    from etcdscope.surfaces.tui.trail import KEPT, Trail

    kept = max(KEPT // len(counting), LEAST_KEPT)
    return {name: Trail(name, kept, counts=command) for name, command in counting.items()}


def _counting(one: "Settings", config: Path | None) -> str:
    """Return the command that counts the keys of a cluster; passwords are left out."""
    words = ["etcdscope", "registry"]
    if config and one.name:
        words += ["--config", str(config), "--cluster", one.name]
        return shlex.join(words)
    access = one.access
    if access.endpoints:
        words += ["--endpoints", ",".join(access.endpoints)]
    for flag in ("cacert", "cert", "key"):
        if file := getattr(access.security, flag):
            words += [f"--{flag}", str(file)]
    return shlex.join(words)


def _honour(output: Output) -> None:
    """Let the flag win over the variable, which Textual reads."""
    if output.color == "never":
        os.environ["NO_COLOR"] = "1"
    elif output.color == "always":
        os.environ.pop("NO_COLOR", None)


def _token(file: Path | None) -> str:
    said = file.read_text() if file else os.environ.get("ETCDSCOPE_TOKEN", "")
    return said.strip()


def _needs_a_screen(environ: Mapping[str, str]) -> None:
    screen = sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()
    if not screen or environ.get("TERM", "unknown") in NO_SCREEN:
        raise SettingsError(
            "top needs a terminal that has a screen; etcdscope watch tells the same in lines."
        )


def letters_only(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal cannot show more than ASCII: by its kind, or by the locale."""
    if environ.get("TERM", "") in LETTERS_ONLY:
        return True
    said = next((v for n in ("LC_ALL", "LC_CTYPE", "LANG") if (v := environ.get(n))), "")
    # No locale at all is what a bare container has; its terminal is elsewhere, and speaks UTF-8.
    return bool(said) and "utf" not in said.lower()
