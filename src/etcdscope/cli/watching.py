"""check, watch, serve, replay."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from etcdscope.cli import FAILED
from etcdscope.cli.access import Cluster, Output
from etcdscope.cli.running import run
from etcdscope.cli.settings import limits_in, settings_of
from etcdscope.etcd.errors import SettingsError

if TYPE_CHECKING:
    from etcdscope.app import Checked, Named, Settings, Tell
    from etcdscope.diagnose.step import State
    from etcdscope.model.incident import Effect

Json = Annotated[bool, Parameter(help="Print JSON; its schema is stable.", negative="")]
Data = Annotated[Path | None, Parameter(help="Keep history and queues in this directory.")]
Record = Annotated[Path | None, Parameter(help="Write a recording that `replay` judges again.")]
Log = Annotated[
    list[str] | None,
    Parameter(
        help="A member's log: NAME=PATH, NAME=journald:UNIT or NAME=-; may be given again.",
        negative="",
    ),
]
Urls = Annotated[list[str] | None, Parameter(negative="")]


def check(
    *,
    json: Json = False,
    for_: Annotated[
        str | None, Parameter(name="--for", help="Look for so long, e.g. 10s: rates need time.")
    ] = None,
    log: Log = None,
    cluster: Cluster = Cluster(),
    output: Output = Output(),
) -> int:
    """One look at every member. Exit code 0 fine, 1 warning, 2 critical, 3 could not be judged."""
    from etcdscope.app import check as look

    output.open_log()
    settings, notices = settings_of(cluster, log=log)
    checked = run(look(settings, observe=_seconds(for_)))
    if json:
        from etcdscope.model.contract import check_object

        sys.stdout.buffer.write(
            check_object(checked.verdict, checked.incidents, checked.blind_spots, checked.at)
            + b"\n"
        )
        sys.stdout.flush()
    else:
        _print(checked, notices, output)
    return checked.verdict.level.exit_code


def _print(checked: "Checked", notices: Sequence[str], output: Output) -> None:
    from etcdscope.surfaces import text
    from etcdscope.surfaces.console import open_console, say, width_of

    console = open_console(colour=output.color)
    say(
        console,
        text.check(
            checked.verdict,
            checked.incidents,
            checked.blind_spots,
            notices=(*notices, *checked.notices),
            at=checked.at,
            width=width_of(console),
        ),
    )


def watch(
    *,
    json: Json = False,
    live: Annotated[
        bool, Parameter(help="One screen that follows, in place of lines.", negative="")
    ] = False,
    data_dir: Data = None,
    record: Record = None,
    log: Log = None,
    cluster: Cluster = Cluster(),
    output: Output = Output(),
) -> int:
    """Tell incidents as they open, change and close."""
    from etcdscope import app
    from etcdscope.surfaces.words import host

    output.open_log()
    settings, notices = settings_of(
        cluster, data_dir=data_dir, record=record, log=log, fleet=not live
    )
    _notice(notices)
    if live:
        run(_live(settings, output))
        return 0
    if not json:
        ends = (
            [one.name for one in settings.clusters]
            if settings.also
            else map(host, settings.access.endpoints)
        )
        whom = ", ".join(ends) or "what Kubernetes tells of"
        _notice([f"watching {whom}; Ctrl-C ends it."])
    run(app.watch(settings, named=tellers(settings, json=json, output=output)))
    return 0


async def _live(settings: "Settings", output: Output) -> None:
    from etcdscope import app
    from etcdscope.surfaces.console import open_console
    from etcdscope.surfaces.live import View, open_live

    console, view = open_console(colour=output.color), View()
    if not console.is_terminal:
        raise SettingsError("--live needs a terminal; without it watch prints lines.")
    async with open_live(console, view):
        await app.watch(settings, view.tell)


def serve(
    *,
    listen: Annotated[str | None, Parameter(help="host:port; 127.0.0.1:2390 by default.")] = None,
    token_file: Annotated[
        Path | None, Parameter(help="Away from loopback: holds the token that readers must show.")
    ] = None,
    data_dir: Data = None,
    record: Record = None,
    alertmanager: Annotated[
        Urls, Parameter(help="URL of an Alertmanager; may be given again.")
    ] = None,
    webhook: Annotated[
        Urls, Parameter(help="URL that gets every incident as JSON; may be given again.")
    ] = None,
    json: Json = False,
    log: Log = None,
    registry: Annotated[
        bool | None,
        Parameter(help="Count the keys of a Kubernetes cluster once an hour: yes by default."),
    ] = None,
    cluster: Cluster = Cluster(),
    output: Output = Output(),
) -> int:
    """Watch, keep history and tell others, until SIGTERM."""
    from etcdscope import app

    output.open_log("info")
    settings, notices = settings_of(
        cluster,
        listen=listen,
        token_file=token_file,
        data_dir=data_dir,
        record=record,
        alertmanager=alertmanager or (),
        webhook=webhook or (),
        log=log,
        registry=registry,
        agent=True,
        fleet=True,
    )
    _notice(notices)
    if settings.data_dir is None:
        _notice(["history is not kept, and queues live in memory: give --data-dir to keep both."])
    run(app.serve(settings, tellers(settings, json=json, output=output)), terminated=0)
    return 0


def replay(
    file: Annotated[Path, Parameter(help="A recording of `watch --record`.")],
    *,
    json: Json = False,
    config: Annotated[Path | None, Parameter(help="TOML file, for its limits.")] = None,
    output: Output = Output(),
) -> int:
    """Judge a recording again, as it was judged live. Exit code 1 where part of it is lost."""
    from etcdscope import app

    output.open_log()
    if not file.is_file():
        raise SettingsError(f"{file} is not there; give a file that `watch --record` wrote.")
    limits = limits_in(config)
    lost = run(app.replay(file, teller(json=json, output=output), limits))
    if lost:
        _notice([f"{file} is not whole: {lost}. What could be read was judged."])
        return FAILED
    return 0


# --- out -----------------------------------------------------------------------------------------


def teller(*, json: bool, output: Output) -> "Tell":
    """Return what prints effects: lines of JSON, or text."""
    return (_json_tellers() if json else _text_tellers(output))("")


def tellers(settings: "Settings", *, json: bool, output: Output) -> "Named":
    """Return what makes what prints effects; of several clusters each line says which."""
    named = _json_tellers() if json else _text_tellers(output)
    return named if settings.also else lambda _: named("")


def _json_tellers() -> "Named":
    from etcdscope.model.contract import line

    out = sys.stdout.buffer

    def tell(name: str, effects: "Sequence[Effect]", _: "State") -> None:
        if effects:
            out.write(b"".join(line(effect, name) + b"\n" for effect in effects))
            out.flush()

    return lambda name: partial(tell, name)


def _text_tellers(output: Output) -> "Named":
    from etcdscope.surfaces.console import open_console, say, width_of
    from etcdscope.surfaces.text import Telling

    console, telling = open_console(colour=output.color), Telling()

    def tell(name: str, effects: "Sequence[Effect]", _: "State") -> None:
        if effects:
            say(console, telling.lines(effects, width_of(console), name))

    return lambda name: partial(tell, name)


def _notice(notices: Sequence[str]) -> None:
    for notice in notices:
        sys.stderr.write(f"etcdscope: {notice}\n")


def _seconds(text: str | None) -> float:
    if text is None:
        return 0.0
    from etcdscope.etcd.settings import parse_duration

    with suppress(ValueError):
        return parse_duration(text)
    raise SettingsError(f"--for {text} is no duration; write 10s or 1m30s.")
