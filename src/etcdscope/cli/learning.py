"""explain, completion."""

import sys
from typing import Annotated, Literal

from cyclopts import Parameter

from etcdscope.cli import FAILED
from etcdscope.cli.access import Output


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
    if not word and not json:
        say(console, manual.index(width_of(console)))
        return 0
    found = manual.explain(word)
    if found is None:
        near = manual.alike(word) if word else ()
        meant = f" Meant: {', '.join(near)}?" if near else " etcdscope explain lists all causes."
        sys.stderr.write(f"etcdscope: nothing is called {word!r}.{meant}\n")
        return FAILED
    if json:
        import msgspec

        sys.stdout.write(msgspec.json.encode(found.object()).decode() + "\n")
    else:
        say(console, manual.page(found, width_of(console)))
    return 0


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="Whose script.")],
) -> int:
    """Print a completion script: `etcdscope completion bash > /etc/bash_completion.d/etcdscope`."""
    from etcdscope.cli.commands import app

    sys.stdout.write(app.generate_completion(prog_name="etcdscope", shell=shell))
    return 0
