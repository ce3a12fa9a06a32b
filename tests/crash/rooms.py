# SPDX-License-Identifier: Apache-2.0
"""Folders with a weather of their own: a small disk, a read-only one, one without root's privilege.

A mount lives in a private namespace of the processes that are started into it and is gone with the
last of them; nobody else sees it and nothing has to be cleaned up.

    python -m tests.crash.rooms small FOLDER BYTES -- COMMAND…     a tmpfs of this size over FOLDER
    python -m tests.crash.rooms frozen FOLDER -- COMMAND…          FOLDER mounted read-only
    python -m tests.crash.rooms plain -- COMMAND…                  root, but bound by file modes
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

MS_RDONLY: Final = 0x1
MS_REMOUNT: Final = 0x20
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
CLONE_NEWNS: Final = 0x20000
CLONE_NEWUSER: Final = 0x10000000
PR_CAPBSET_DROP: Final = 24
CAP_DAC_OVERRIDE: Final = 1
CAP_DAC_READ_SEARCH: Final = 2
CANNOT: Final = 77
"""Exit code if this machine allows no such room; the test is then skipped loudly."""

LIBC: Final = ctypes.CDLL(None, use_errno=True)


def enter_namespace() -> None:
    """Give this process and its children mounts of their own.

    Raises:
        OSError: The machine does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    if user != 0:
        _check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS))
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1", encoding="ascii")
    else:
        _check(LIBC.unshare(CLONE_NEWNS))
    _mount(None, "/", None, MS_REC | MS_PRIVATE, None)


def mount_small(folder: str, size_bytes: int) -> None:
    """Lay an empty file system of this size over a folder."""
    _mount("tmpfs", folder, "tmpfs", 0, f"size={size_bytes}")


def mount_frozen(folder: str) -> None:
    """Make a folder read-only, for root as well."""
    _mount(folder, folder, None, MS_BIND, None)
    _mount(None, folder, None, MS_BIND | MS_REMOUNT | MS_RDONLY, None)


def drop_override() -> None:
    """Bind root by the modes of files, as everybody else is."""
    if os.getuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            _check(LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None) -> None:
    def text(value: str | None) -> bytes | None:
        return None if value is None else os.fsencode(value)

    _check(LIBC.mount(text(source), text(target), text(kind), flags, text(data)))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(arguments: list[str]) -> None:
    """Prepare the room and become the command."""
    at = arguments.index("--")
    (kind, *given), command = arguments[:at], arguments[at + 1 :]
    try:
        if kind == "plain":
            drop_override()
        else:
            enter_namespace()
            if kind == "small":
                mount_small(given[0], int(given[1]))
            else:
                mount_frozen(given[0])
    except OSError as error:
        print(f"no {kind} room can be had here: {error}", file=sys.stderr)
        sys.exit(CANNOT)
    os.execvp(command[0], command)  # noqa: S606 - the point of this program


if __name__ == "__main__":
    main(sys.argv[1:])
