"""What a real bash completes, with the script that ``etcdscope completion`` prints."""

import subprocess
from pathlib import Path

import pytest
from tests.e2e.commands import ENVIRONMENT, PROGRAM

# Does what readline does on TAB: words, the word under the cursor, then the function.
_PRESS = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMP_LINE="${COMP_WORDS[*]}"
COMP_POINT=${#COMP_LINE}
COMPREPLY=()
$(complete -p etcdscope | sed -E 's/.*-F ([^ ]+) .*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT | environ,
    )


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ran = run("completion", "bash")
    assert ran.returncode == 0
    path = tmp_path_factory.mktemp("completion") / "etcdscope"
    path.write_text(ran.stdout)
    return path


def press_tab(script: Path, *words: str) -> set[str]:
    done = subprocess.run(
        ["bash", "-c", _PRESS, "press", script, "etcdscope", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return {*done.stdout.split()}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        pytest.param(["wa"], {"watch"}, id="a command"),
        pytest.param(["lab", "fa"], {"fault", "faults"}, id="a command of a command"),
        pytest.param(["check", "--endp"], {"--endpoints"}, id="a flag"),
        pytest.param(["top", "--asc"], {"--ascii"}, id="a flag of top"),
        pytest.param(["top", "--ascii", "--endp"], {"--endpoints"}, id="a flag behind a switch"),
        pytest.param(["lab", "up", "--netw"], {"--network"}, id="a flag of a command's command"),
        pytest.param(["check", "--color", ""], {"auto", "always", "never"}, id="a flag's choices"),
        pytest.param(["completion", ""], {"bash", "zsh", "fish"}, id="an argument's choices"),
    ],
)
def test_bash_completes(words: list[str], offered: set[str], script: Path) -> None:
    assert press_tab(script, *words) == offered


def test_every_command_is_offered(script: Path) -> None:
    offered = press_tab(script, "")

    assert {"check", "watch", "top", "serve", "replay", "logs", "explain", "lab"} <= offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_install_completion_says_where_and_touches_only_the_start_up_file(
    shell: str, tmp_path: Path
) -> None:
    ran = run("--install-completion", "--shell", shell, HOME=str(tmp_path))

    assert ran.returncode == 0, ran.stderr
    path = Path(ran.stdout.strip().rpartition(": ")[2])
    assert tmp_path in path.parents
    assert "etcdscope" in path.read_text()
    assert {p.name for p in tmp_path.iterdir() if p.is_file()} <= {".bashrc", ".zshrc"}


def test_an_unknown_shell_is_told_what_to_write(tmp_path: Path) -> None:
    ran = run("--install-completion", HOME=str(tmp_path), SHELL="/bin/nosuch", BASH_VERSION="")

    assert ran.returncode == 64
    assert ran.stderr == (
        "etcdscope: the shell is not known: write --install-completion --shell bash.\n"
    )
