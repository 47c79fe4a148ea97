"""Opens a page in the desktop's browser, where there is a desktop and it is ours."""

import os
import shutil
import subprocess
from collections.abc import Mapping

DISPLAYS = ("WAYLAND_DISPLAY", "DISPLAY")


def opener(environ: Mapping[str, str], user: int) -> str | None:
    """Return the program that opens a page, None where nobody would see it.

    Not for root: browsers refuse to run as root. Not over SSH: the screen is not where the user is.
    """
    seen = any(environ.get(name) for name in DISPLAYS) and "SSH_CONNECTION" not in environ
    return shutil.which("xdg-open", path=environ.get("PATH")) if seen and user else None


def open_page(url: str) -> bool:
    """Open it and do not wait; what the browser prints is not for our screen."""
    program = opener(os.environ, os.geteuid())
    if program is None:
        return False
    quiet = subprocess.DEVNULL
    subprocess.Popen(
        [program, url], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    return True
