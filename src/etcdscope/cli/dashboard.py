"""top."""

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from etcdscope.cli.access import Cluster, Output
from etcdscope.cli.running import run
from etcdscope.cli.settings import settings_of
from etcdscope.cli.watching import Data, Log, Record
from etcdscope.etcd.errors import SettingsError

if TYPE_CHECKING:
    from etcdscope.app import Settings
    from etcdscope.surfaces.tui.trail import Trail

# Hours of moments are kept of one cluster; several share the memory.
LEAST_KEPT = 300
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
        run(_attached(agent, _token(token_file), letters=letters))
        return 0
    wanted = _clusters(cluster)
    if len(wanted) > 1 and (record or log or data_dir):
        raise SettingsError(
            "--record, --log and --data-dir are of one cluster; choose it with --cluster NAME."
        )
    settings: dict[str, Settings] = {}
    for name in wanted:
        one = replace(cluster, cluster=name or None)
        settings[name], notices = settings_of(one, data_dir=data_dir, record=record, log=log)
        for notice in notices:
            sys.stderr.write(f"etcdscope: {notice}\n")
    run(_watched(settings, letters=letters))
    return 0


async def _watched(settings: "Mapping[str, Settings]", *, letters: bool) -> None:
    """Watch by ourselves."""
    from etcdscope import app
    from etcdscope.surfaces.tui.app import Top, show

    trails = _trails(settings)
    watching = {t.name: app.watch(settings[t.name], t.tell) for t in trails}
    await show(Top(trails, letters=letters), watching)


async def _attached(url: str, token: str, *, letters: bool) -> None:
    """Let a running agent tell."""
    from etcdscope.surfaces.tui import attached
    from etcdscope.surfaces.tui.app import Top, show

    async with attached.agent(url, token) as agent:
        trails = _trails(agent.clusters)
        following = {t.name: agent.follow(t) for t in trails}
        await show(Top(trails, letters=letters), following)


def _trails(names: "Collection[str]") -> "list[Trail]":
    from etcdscope.surfaces.tui.trail import KEPT, Trail

    return [Trail(name, max(KEPT // len(names), LEAST_KEPT)) for name in names]


def _honour(output: Output) -> None:
    """Let the flag win over the variable, which Textual reads."""
    if output.color == "never":
        os.environ["NO_COLOR"] = "1"
    elif output.color == "always":
        os.environ.pop("NO_COLOR", None)


def _token(file: Path | None) -> str:
    said = file.read_text() if file else os.environ.get("ETCDSCOPE_TOKEN", "")
    return said.strip()


def _clusters(cluster: Cluster) -> Sequence[str]:
    """Return the names of the clusters that are meant; a nameless one where no file has any."""
    if cluster.config is None or cluster.cluster is not None:
        return [cluster.cluster or ""]
    from etcdscope.cli.configuration import read

    return list(read(cluster.config).clusters) or [""]


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
