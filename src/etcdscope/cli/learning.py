"""explain, completion."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from etcdscope.cli import FAILED
from etcdscope.cli.access import Output
from etcdscope.etcd.errors import SettingsError

if TYPE_CHECKING:
    from rich.console import Console

Shell = Literal["bash", "zsh", "fish"]


def explain(
    *words: Annotated[
        str,
        Parameter(
            help="A cause, an error (a whole log line will do), a gRPC or v2 code, a metric, a"
            " signal or a word; nothing lists all causes."
        ),
    ],
    json: Annotated[bool, Parameter(help="Print JSON.", negative="")] = False,
    output: Output = Output(),
) -> int:
    """Tell what a cause, an error, a code, a metric or a word means, and what to do."""
    from etcdscope.surfaces import explain as manual
    from etcdscope.surfaces.console import open_console, say, width_of

    console = open_console(colour=output.color)
    word = " ".join(words)
    if not word:
        _all_causes(console, json=json)
        return 0
    found = manual.explain(word)
    if found is None:
        near = manual.alike(word)
        meant = f" Meant: {', '.join(near)}?" if near else " etcdscope explain lists all causes."
        sys.stderr.write(f"etcdscope: nothing is called {word!r}.{meant}\n")
        return FAILED
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(found.object()).decode() + "\n")
    else:
        say(console, manual.page(found, width_of(console)))
    return 0


def _all_causes(console: "Console", *, json: bool) -> None:
    from etcdscope.surfaces import explain as manual
    from etcdscope.surfaces.console import say, width_of

    if not json:
        say(console, manual.index(width_of(console)))
        return
    import msgspec

    rows = [{"family": f, "name": name, "says": says} for f, name, says in manual.contents()]
    sys.stdout.write(msgspec.json.encode(rows).decode() + "\n")


def completion(
    shell: Annotated[Shell, Parameter(help="Whose script.")],
) -> int:
    """Print a completion script: `etcdscope completion bash > /etc/bash_completion.d/etcdscope`."""
    from etcdscope.cli.commands import app

    sys.stdout.write(app.generate_completion(prog_name="etcdscope", shell=shell))
    return 0


def install_completion(
    *,
    shell: Annotated[Shell | None, Parameter(help="Whose; else the one that runs us.")] = None,
) -> int:
    """Let the shell complete commands and flags, from its next start on."""
    from cyclopts.completion.detect import ShellDetectionError, detect_shell

    from etcdscope.cli.commands import app

    try:
        found = shell or detect_shell()
    except ShellDetectionError:
        found = None
    if found is None or found == "powershell":
        raise SettingsError("the shell is not known: write --install-completion --shell bash.")
    path = app.install_completion(shell=found)
    sys.stdout.write(f"{found} completes etcdscope from its next start on: {path}\n")
    return 0
