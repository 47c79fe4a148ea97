"""Arguments → app: the commands, and how each of them ends.

Nothing here may be imported that `--version` does without: what a command needs it imports itself.
"""

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from etcdscope import __version__

if TYPE_CHECKING:
    from cyclopts import CycloptsError

FAILED = 1
# `check` serves as a probe, and a probe that could not be made is neither fine nor trouble.
NOT_CHECKED = 3
MISUSED = 64  # EX_USAGE of sysexits.h
INTERRUPTED = 130
BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        sys.stdout.write(f"etcdscope {__version__}\n")
        return 0
    gc.disable()  # a tenth of the time that imports take, and they leave nothing to collect
    try:
        code = _run(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    finally:
        gc.enable()
    return code


def _run(words: list[str]) -> int:
    from cyclopts import CycloptsError

    from etcdscope.cli.commands import app

    checking = words[:1] == ["check"]
    try:
        result = app(words or ["--help"])
    except CycloptsError as error:
        return _complain(_misuse(error), NOT_CHECKED if checking else MISUSED, _help_of(words))
    except Exception as error:
        from etcdscope.cli.complaints import complaint

        told = complaint(error)
        if told is None:
            raise  # a bug is loud
        misused = MISUSED if told.misuse else FAILED
        return _complain(told.sentence, NOT_CHECKED if checking else misused)
    return result if isinstance(result, int) else 0


def _help_of(words: Sequence[str]) -> str:
    from etcdscope.cli.commands import app

    known, within = ["etcdscope"], app
    for word in words:
        if word.startswith("-") or word not in list(within):
            break
        known.append(word)
        within = within[word]
    return f"Try {' '.join(known)} --help."


def _misuse(error: "CycloptsError") -> str:
    if error.unused_tokens and type(error).__name__ == "UnusedCliTokensError":
        return f"{' '.join(error.unused_tokens)}: nothing is expected there."
    return " ".join(str(error).split())


def _complain(sentence: str, code: int, hint: str = "") -> int:
    sys.stderr.write(f"etcdscope: {sentence}\n" + (f"{hint}\n" if hint else ""))
    return code
