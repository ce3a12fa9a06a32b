# SPDX-License-Identifier: Apache-2.0
"""The servers that a person is logged in to: one file that only they may read.

`$XDG_CONFIG_HOME/legato/servers.json`, else `~/.config/legato/servers.json`, mode 0600, written
whole or not at all. Never an argument of a program, never in a log. Rules: CC24, CC25.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from legato.errors import InvalidInput, NotAllowed

FORMAT: Final = 1
FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_BYTES_MAX: Final = 1024 * 1024


class KnownServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server and what is shown there.

    `key_id` is that of a key that `login` made, with the cookie of the log-in that made it: with
    both, `logout` can revoke it. A key that was brought along has neither.
    """

    url: str
    key: str
    email: str
    workspace: str
    key_id: str | None = None
    cookies: dict[str, str] = {}

    def __repr__(self) -> str:
        """Name it without its secrets."""
        return f"KnownServer({self.url})"


class KnownServers(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, and the one that is meant where none is named."""

    format: int = FORMAT
    current: str | None = None
    servers: tuple[KnownServer, ...] = ()

    def find(self, url: str) -> KnownServer | None:
        """Return the one of an address."""
        return next((each for each in self.servers if each.url == url), None)

    def put(self, server: KnownServer) -> KnownServers:
        """Return them with one more, which is meant from now on."""
        others = tuple(each for each in self.servers if each.url != server.url)
        return KnownServers(current=server.url, servers=(server, *others))

    def without(self, url: str) -> KnownServers:
        """Return them without one; then none is meant, unless another was."""
        others = tuple(each for each in self.servers if each.url != url)
        return KnownServers(current=None if self.current == url else self.current, servers=others)


def servers_file(env: Mapping[str, str]) -> Path:
    """Return where they are kept."""
    named = env.get("XDG_CONFIG_HOME", "")
    folder = Path(named) if named.startswith("/") else Path(env.get("HOME") or "~") / ".config"
    return folder.expanduser() / "legato" / "servers.json"


def read_servers(file: Path) -> KnownServers:
    """Return what is kept; nothing if there is no file.

    Raises:
        NotAllowed: Others may read or change it.
        InvalidInput: It cannot be read, or is no such file.
    """
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode & 0o777
            data = stream.read(_BYTES_MAX)
    except FileNotFoundError:
        return KnownServers()
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise NotAllowed(
            f"{file} may be read by others (mode {mode:o}), so its keys are no secrets any more",
            hint=f"Revoke them, then chmod 600 {file} and log in again.",
        )
    try:
        return msgspec.json.decode(data, type=KnownServers)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise InvalidInput(
            f"{file} is not what legato login writes", hint="Remove it and log in again."
        ) from None


@contextmanager
def changing(file: Path) -> Iterator[list[KnownServers]]:
    """Give the block what is kept, alone in its list, and write what it puts in its place.

    Raises:
        NotAllowed: As `read_servers`.
        InvalidInput: The same; or it cannot be written.
    """
    try:
        file.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        lock = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise InvalidInput(f"{file.parent}: cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read_servers(file)
        found = [before]
        yield found
        if found[0] != before:
            _write(file, msgspec.json.format(msgspec.json.encode(found[0]), indent=1) + b"\n")
    finally:
        os.close(lock)


def _write(file: Path, data: bytes) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be written: {error.strerror}") from None
