# SPDX-License-Identifier: Apache-2.0
"""The lock file of an engine: held as long as its process lives, whatever way it dies.

`home/engines/<id>.lock` under `flock`. The kernel lets it go with the last descriptor, so a free
lock of a registered engine means that its process is gone. A child made by fork shares the lock;
therefore children close their copy at once (programs never get one: the descriptor is not
inherited over exec).

Rules: OW3.
"""

import fcntl
import os
import socket
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from legato.errors import StoreUnavailable
from legato.model.ids import EngineId

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def machine_id() -> str:
    """Return what two processes have in common if a lock of one is visible to the other.

    The boot of the kernel on Linux, also across containers; else the host's name.
    """
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return socket.gethostname()


class EngineLocks:
    """The locks this process holds, and a way to look at those of others."""

    def __init__(self, folder: Path) -> None:
        """Use a folder; it is made when the first lock is taken.

        Args:
            folder: `home/engines`.
        """
        self._folder = folder
        self._held: dict[EngineId, int] = {}
        _all_locks.add(self)

    def place(self) -> str:
        """Return a text that is equal for two processes if they see each other's locks.

        The machine's boot, then the folder as the kernel knows it: another home, or a container
        with files of its own, is another place although its path may be the same.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._folder.stat()
        return f"{machine_id()}/{found.st_dev:x}.{found.st_ino:x}"

    def take(self, engine: EngineId) -> None:
        """Take the lock of an engine; nothing happens if this process holds it already.

        Raises:
            StoreUnavailable: The folder cannot be written, or another process holds the lock.
        """
        if engine in self._held:
            return
        path = self._path(engine)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreUnavailable(
                f"cannot write the lock file {path}: {error.strerror}.",
                hint="Check owner and rights of the folder and the space on its disk.",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise StoreUnavailable(
                f"another process holds the lock file {path}", hint="Engine ids must be unique."
            ) from error
        self._held[engine] = descriptor

    def give_up(self, engine: EngineId) -> None:
        """Let go of a lock and remove its file."""
        descriptor = self._held.pop(engine, None)
        if descriptor is not None:
            # Removed first: nobody may take a file that is about to go.
            self.remove(engine)
            os.close(descriptor)

    def give_up_all(self) -> None:
        """Let go of every lock of this process."""
        for engine in list(self._held):
            self.give_up(engine)

    def is_dead(self, engine: EngineId) -> bool:
        """Tell whether a registered engine of this machine is gone: nobody holds its lock."""
        if engine in self._held:
            return False
        try:
            descriptor = os.open(self._path(engine), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        except OSError:
            return False  # not readable: the lease will tell
        try:
            # Shared, so that two who look at the same time do not take each other for the engine.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return True

    def remove(self, engine: EngineId) -> None:
        """Remove the file of an engine that is gone."""
        with suppress(OSError):
            self._path(engine).unlink()

    def forget_after_fork(self) -> None:
        """Close this child's copies; the parent keeps its locks."""
        for descriptor in self._held.values():
            with suppress(OSError):
                os.close(descriptor)
        self._held.clear()

    def _path(self, engine: EngineId) -> Path:
        return self._folder / f"{engine}.lock"


_all_locks: "weakref.WeakSet[EngineLocks]" = weakref.WeakSet()


def _after_fork() -> None:
    for locks in list(_all_locks):
        locks.forget_after_fork()


os.register_at_fork(after_in_child=_after_fork)
