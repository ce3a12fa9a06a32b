# SPDX-License-Identifier: Apache-2.0
"""What `legato up` takes for itself before it starts anything: its home, and two ports.

The ports belong to the supervisor, which lives longer than any server: while a server is started
again nobody else can take its port, and with it the cookies that browsers send there.

Rules: UP2, UP4, UP6.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Final

from legato.api.listening import bound
from legato.errors import Conflict, InvalidInput, Unavailable

LOCK: Final = "up.lock"
BACKLOG: Final = 1_024
TRIES: Final = 100
"""So many ports after a busy one are tried."""
PRACTICE_HOST: Final = "127.0.0.1"
PRACTICE_PORT: Final = 8421
PRACTICE: Final = "practice"
"""The folder of the practice service in the home."""
PORT: Final = "port"
"""Holds the port of the practice service, which the grant and the sample name."""
_PORT_BYTES_MAX: Final = 8


def hold_home(home: Path) -> int:
    """Take a home, made if needed; return the descriptor that holds it until it is closed.

    Raises:
        Conflict: Another `legato up` runs on it.
        Unavailable: The folder cannot be used.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        lock = os.open(home / LOCK, flags, 0o600)
    except OSError as error:
        raise Unavailable(f"cannot use {home}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        said = os.read(lock, 200).decode("ascii", "replace")
        os.close(lock)
        raise Conflict(
            f"legato up runs on {home} already{f', at {said}' if said else ''}",
            hint="Stop it first, or choose another folder with --home.",
        ) from None
    return lock


def noted_url(home: Path) -> str | None:
    """Return where `legato up` serves this home, or did so the last time; None if it never did."""
    try:
        return (home / LOCK).read_text(encoding="ascii", errors="replace").strip() or None
    except OSError:
        return None


def note_url(lock: int, url: str) -> None:
    """Write down where this home is served, for whoever tries to start it a second time."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, url.encode(), 0)


def listen(host: str, port: int, *, tries: int = 1, avoid: Collection[int] = ()) -> socket.socket:
    """Return a listening socket at a port or, if that is taken, at one of those after it.

    Args:
        host: Address or name of this machine.
        port: The one that is wanted; 0 for any.
        tries: How many ports are tried, from it on.
        avoid: Ports that are passed over, except the one that is wanted.

    Raises:
        Conflict: Every one is taken.
        InvalidInput: The host is none of this machine, or the port is not allowed.
    """
    for each in range(port, min(port + tries, 65_536)):
        if each != port and each in avoid:
            continue
        try:
            made = bound(host, each)
            with contextlib.ExitStack() as undo:
                undo.callback(made.close)
                # Not before: two programs may both bind a port where nobody listens.
                made.listen(BACKLOG)
                undo.pop_all()
            return made
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                reason = error.strerror or type(error).__name__
                raise InvalidInput(f"cannot listen on {host}, port {each}: {reason}") from None
    raise Conflict(f"the port {port} of {host} is taken by another program")


def remembered_port(home: Path) -> int | None:
    """Return the port that the practice service of a home has had; None if it had none."""
    try:
        with (home / PRACTICE / PORT).open("rb") as file:
            text = file.read(_PORT_BYTES_MAX).strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"cannot read {home / PRACTICE / PORT}: {error.strerror}") from None
    port = int(text) if text.isdigit() else 0
    return port if 0 < port < 65_536 else None


def remember_port(home: Path, port: int) -> None:
    """Write down the port of the practice service, whole or not at all.

    Raises:
        Unavailable: It cannot be written.
    """
    file = home / PRACTICE / PORT
    beside = file.with_name(f"{PORT}.new")
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        beside.touch(mode=0o600)
        beside.write_text(f"{port}\n", encoding="ascii")
        beside.replace(file)
    except OSError as error:
        raise Unavailable(f"cannot write {file}: {error.strerror}") from None
