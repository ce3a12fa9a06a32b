# SPDX-License-Identifier: Apache-2.0
"""Opens the browser, without waiting for it and without its words in the terminal.

A link that makes its reader the owner must not be an argument of a program: every user of this
computer sees those, and a browser keeps them for as long as it runs. It goes into a file that only
its owner may read, which leads on to it; the file is named instead. It lies in the person's folder
and not in Legato's, whose name begins with a dot: browsers that are packaged with a sandbox may not
read there, nor in a folder for temporary files.

Imports little: the supervisor uses it. Rules: UP8, UP9.
"""

import contextlib
import html
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_LEADS_ON: Final = """\
<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Legato</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="refresh" content="0;url={url}">
</head><body><a href="{url}">Go on to Legato</a></body></html>
"""
_DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def can_open(env: Mapping[str, str]) -> bool:
    """Tell whether there is a screen: a browser in the terminal would take it away."""
    return sys.platform == "darwin" or any(env.get(each) for each in _DISPLAYS)


class Door:
    """A file that leads on to a secret link, until it is closed."""

    def __init__(self, file: Path, link: str) -> None:
        """Write it.

        Raises:
            OSError: It cannot be written there.
        """
        self._file = file
        self.close()  # of a start that was killed
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(file, flags, 0o600), "w", encoding="utf-8") as out:
            out.write(_LEADS_ON.format(url=html.escape(link)))

    @property
    def url(self) -> str:
        """Where the browser finds it."""
        return self._file.as_uri()

    def close(self) -> None:
        """Take the file away."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)


def make_door(folders: tuple[Path, ...], name: str, link: str) -> Door | None:
    """Return a door in the first folder that takes it; None if none does."""
    for folder in folders:
        with contextlib.suppress(OSError):
            return Door(folder / name, link)
    return None


def open_page(url: str, env: Mapping[str, str]) -> "subprocess.Popen[bytes] | None":
    """Ask for a browser in a session of its own: it may live longer than Legato.

    Args:
        url: Holds no secret.
        env: Of the person.

    Returns:
        The process that asks, which ends soon; None if it cannot be started.
    """
    with contextlib.suppress(OSError):
        return subprocess.Popen(
            [sys.executable, "-I", "-m", "webbrowser", url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(env),
            start_new_session=True,
        )
    return None
