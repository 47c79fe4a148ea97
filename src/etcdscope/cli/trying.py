"""demo, and the lab."""

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from etcdscope.cli import FAILED
from etcdscope.cli.access import Output
from etcdscope.cli.running import run
from etcdscope.etcd.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from etcdscope.app import Tell
    from etcdscope.demo import Demo
    from etcdscope.lab.status import LabStatus
    from etcdscope.lab.tour import Outcome, Pace, Say, Stop

Json = Annotated[bool, Parameter(help="Print JSON.", negative="")]


def demo(
    *,
    fast: Annotated[
        bool, Parameter(help="No pauses to read: about a minute.", negative="")
    ] = False,
    once: Annotated[
        str | None, Parameter(help="One stop: kill, freeze, isolate, slow or quorum.")
    ] = None,
    plain: Annotated[bool, Parameter(help="Lines, even on a terminal.", negative="")] = False,
    browser: Annotated[
        bool, Parameter(help="Open the page where there is a desktop.", negative="--no-browser")
    ] = True,
    listen: Annotated[
        str, Parameter(help="Where the page is; port 0 takes one that is free.")
    ] = "127.0.0.1:0",
    output: Output = Output(),
) -> int:
    """A real cluster on this machine, watched live, and five faults by turns: three minutes."""
    from etcdscope.lab.tour import FAST, SLOW
    from etcdscope.surfaces.console import open_console, say
    from etcdscope.surfaces.tour import summary

    output.open_log()
    console = open_console(colour=output.color)
    outcomes: list[Outcome] = []
    try:
        run(
            _show(
                console,
                _Asked(_stops(once), FAST if fast else SLOW, listen, browser, outcomes),
                lines=plain or not console.is_terminal,
            )
        )
    finally:
        if outcomes:
            say(console, summary(outcomes))
    return 0 if outcomes and all(o.right for o in outcomes) else FAILED


def _stops(once: str | None) -> "Sequence[Stop]":
    from etcdscope.lab.tour import STOPS

    chosen = [stop for stop in STOPS if once in (None, stop.name)]
    if not chosen:
        names = ", ".join(stop.name for stop in STOPS)
        raise SettingsError(f"--once {once}: there is no such stop; write one of {names}.")
    return chosen


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for; ``outcomes``: where what came of it goes."""

    stops: "Sequence[Stop]"
    pace: "Pace"
    listen: str
    browser: bool
    outcomes: "list[Outcome]"

    def demo(self, tell: "Tell", say: "Say", served: "Callable[[str], None]") -> "Demo":
        """Return the demo for a surface; ``served`` shows where the page is."""
        from etcdscope.demo import Demo
        from etcdscope.surfaces.browser import open_page

        def opened(url: str) -> None:
            served(url)
            if self.browser:
                open_page(url)

        return Demo(
            stops=self.stops,
            pace=self.pace,
            listen=self.listen,
            tell=tell,
            say=say,
            served=opened,
            done=self.outcomes.append,
        )


async def _show(console: "Console", asked: _Asked, *, lines: bool) -> None:
    from etcdscope.demo import demo as show

    if lines:
        await show(_in_lines(console, asked))
        return
    from etcdscope.surfaces.live import View, open_live
    from etcdscope.surfaces.screen import Caption

    view = View("demo")

    def caption(title: str, text: str) -> None:
        number = f"{min(len(asked.outcomes) + 1, len(asked.stops))}/{len(asked.stops)}  "
        view.caption = Caption(f"{number}{title}", text)

    def served(url: str) -> None:
        view.title = f"demo  {url}"

    async with open_live(console, view):
        await show(asked.demo(view.tell, caption, served))


def _in_lines(console: "Console", asked: _Asked) -> "Demo":
    from etcdscope.surfaces.console import say, width_of
    from etcdscope.surfaces.text import Telling
    from etcdscope.surfaces.tour import caption

    telling = Telling()
    return asked.demo(
        lambda effects, _: say(console, telling.lines(effects, width_of(console))),
        lambda title, text: say(console, caption(time.time(), title, text, width_of(console))),
        lambda url: say(console, caption(time.time(), "The page is at", url, width_of(console))),
    )


# --- the lab -------------------------------------------------------------------------------------

LabName = Annotated[str, Parameter(name="--name", help="Which lab, where several run.")]


def up(
    *,
    members: Annotated[int, Parameter(help="How many, 1 to 9.")] = 3,
    etcd: Annotated[
        str | None, Parameter(help="Version of etcd, e.g. 3.4; else the first there is.")
    ] = None,
    network: Annotated[
        Literal["auto", "loopback", "namespaces"],
        Parameter(help="Network faults need namespaces, and these root."),
    ] = "auto",
    tls: Annotated[bool, Parameter(help="With certificates of its own.", negative="")] = False,
    quota: Annotated[str | None, Parameter(help="Database quota, e.g. 64MiB.")] = None,
    load: Annotated[float, Parameter(help="Background writes a second; 0 for none.")] = 50.0,
    name: LabName = "default",
    json: Json = False,
    output: Output = Output(),
) -> int:
    """Bring a cluster up that stays until `lab down`."""
    from etcdscope.lab import remote
    from etcdscope.lab.spec import LabSpec, LoadSpec

    spec = LabSpec(
        members=members,
        version=etcd,
        network=network,
        tls=tls,
        quota_bytes=_bytes(quota) if quota else None,
        load=LoadSpec(rate=load) if load else None,
    )
    return _shown(remote.up(spec, name=name), output, json=json)


def status(*, name: LabName = "default", json: Json = False, output: Output = Output()) -> int:
    """Show a lab: its members, its faults, its load."""
    from etcdscope.lab import remote

    return _shown(remote.status(name=name), output, json=json)


def fault(
    kind: Annotated[str, Parameter(help="What to do; `lab faults` lists them.")],
    member: Annotated[str | None, Parameter(help="Whom: m1, leader, follower, majority, …")] = None,
    *options: Annotated[str, Parameter(help="name=value of the fault.")],
    name: LabName = "default",
    json: Json = False,
) -> int:
    """Do harm: `lab fault kill leader`, `lab fault slow-disk leader delay_s=0.5`."""
    from etcdscope.lab import remote

    if member and "=" in member:
        return fault(kind, None, member, *options, name=name, json=json)
    said = dict(_option(option) for option in options)
    done = remote.fault(kind, member=member, options=said, name=name)
    if json:
        _print(done)
        return 0
    whom = f" on {', '.join(done.members)}" if done.members else ""
    sys.stdout.write(
        f"{done.number}  {done.name}{whom}; undo it with: etcdscope lab heal {done.number}\n"
    )
    return 0


def heal(
    number: Annotated[int | None, Parameter(help="Which fault; all, if none is given.")] = None,
    *,
    name: LabName = "default",
    json: Json = False,
    output: Output = Output(),
) -> int:
    """Undo one fault or all, and wait until the cluster is well."""
    from etcdscope.lab import remote

    return _shown(remote.heal(number, name=name), output, json=json)


def down(*, name: LabName = "default") -> int:
    """Take the lab down; nothing of it is left."""
    from etcdscope.lab import remote

    remote.down(name=name)
    sys.stdout.write("The lab is gone.\n")
    return 0


def faults(*, json: Json = False, output: Output = Output()) -> int:
    """List the faults: who is hit, what they need, their options."""
    from etcdscope.lab.faults import FAULTS

    if json:
        from etcdscope.surfaces.lab import objects

        _print(objects(tuple(FAULTS.values())))
        return 0
    from etcdscope.surfaces.console import open_console, say, width_of
    from etcdscope.surfaces.lab import kinds

    console = open_console(colour=output.color)
    say(console, kinds(tuple(FAULTS.values()), width_of(console)))
    return 0


def _shown(found: "LabStatus", output: Output, *, json: bool) -> int:
    if json:
        _print(found)
        return 0
    from etcdscope.surfaces.console import open_console, say, width_of
    from etcdscope.surfaces.lab import lab

    console = open_console(colour=output.color)
    say(console, lab(found, width_of(console)))
    return 0


def _print(found: object) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(found, enc_hook=str).decode() + "\n")


def _option(text: str) -> tuple[str, str]:
    option, sign, value = text.partition("=")
    if not sign:
        raise SettingsError(f"{text}: options are written name=value.")
    return option, value


def _bytes(text: str) -> int:
    units = {"B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    number = text.rstrip("BKMGi")
    unit = text[len(number) :].strip() or "B"
    if not number.strip().isdecimal() or unit not in units:
        raise SettingsError(f"--quota {text}: write 64MiB, or a number of bytes.")
    return int(number) * units[unit]
