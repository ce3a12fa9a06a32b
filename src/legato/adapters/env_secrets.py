# SPDX-License-Identifier: Apache-2.0
"""Secrets from the environment (`LEGATO_SECRET_<NAME>`) and from a file only the owner reads.

The file is TOML, `name = "value"`, or tables per workspace: `[workspace.NAME]`. It is read anew
when it has changed, so a secret can be replaced while a server runs.

Rules: ND, LG24.
"""

import asyncio
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from legato.errors import InvalidInput, NotAllowed, NotFound
from legato.model.ids import WorkspaceId

PREFIX: Final = "LEGATO_SECRET_"
SERVER_PREFIX: Final = "LEGATO_SERVER_SECRET_"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_BYTES_MAX: Final = 1024 * 1024


class EnvSecrets:
    """Keeps `ports.secrets.Secrets`."""

    def __init__(self, environment: Mapping[str, str], file: Path) -> None:
        """Make the look-up.

        Args:
            environment: Variables of the process; those with our prefix are copied.
            file: `home/secrets.toml`; need not exist.
        """
        self._variables = {
            name.removeprefix(PREFIX): value
            for name, value in environment.items()
            if name.startswith(PREFIX)
        }
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._values: dict[str, Any] = {}

    async def get(self, workspace: WorkspaceId, name: str) -> str:
        """Keep `Secrets.get`.

        Raises:
            NotAllowed: Others than the owner may read the file.
            InvalidInput: The file is no TOML of texts.
        """
        values = await asyncio.to_thread(self.read)
        spaces = values.get("workspace", {})
        own = spaces.get(workspace, {}) if isinstance(spaces, dict) else {}
        for place in (own, values):
            value = place.get(name) if isinstance(place, dict) else None
            if isinstance(value, str):
                return value
            if value is not None and name != "workspace":
                raise InvalidInput(f"secret {name} in {self._file} is no text; write it in quotes")
        variable = variable_name(name)
        value = self._variables.get(variable.removeprefix(PREFIX))
        if value is None:
            raise NotFound(
                f"there is no secret {name}.",
                hint=f'Put {name} = "…" into {self._file} (mode 0600), or set {variable}.',
            )
        return value

    def read(self) -> dict[str, Any]:
        """Return what the file holds, reading it only if it has changed.

        Raises:
            NotAllowed: As `get`.
            InvalidInput: As `get`.
        """
        try:
            descriptor = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._stamp, self._values = None, {}
            return self._values
        except OSError as error:
            raise NotAllowed(f"cannot read {self._file}: {error.strerror}") from None
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if found.st_mode & _OTHERS:
                raise NotAllowed(
                    f"{self._file} may be read by others (mode {stat.S_IMODE(found.st_mode):04o}).",
                    hint=f"Run: chmod 600 {self._file}",
                )
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp != self._stamp:
                self._values = self._parse(file.read(_BYTES_MAX))
                self._stamp = stamp
        return self._values

    def _parse(self, data: bytes) -> dict[str, Any]:
        try:
            return tomllib.loads(data.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError):
            # Without the parser's words: they quote the line, and the line holds a secret.
            raise InvalidInput(f"{self._file} is no valid TOML file in UTF-8") from None


class ServerSecrets:
    """What the server itself shows to others, such as its secret at an issuer of identities.

    From the table `[server]` of the same file, or `LEGATO_SERVER_SECRET_<NAME>`: apart from what
    workflows can name, or everybody who may edit one could read it.
    """

    def __init__(self, environment: Mapping[str, str], file: Path) -> None:
        """Args: as for `EnvSecrets`."""
        self._variables = {
            name.removeprefix(SERVER_PREFIX): value
            for name, value in environment.items()
            if name.startswith(SERVER_PREFIX)
        }
        self._file = EnvSecrets({}, file)

    def find(self, name: str) -> str | None:
        """Return a secret; None if there is none, or an empty one.

        Raises:
            NotAllowed: Others than the owner may read the file.
            InvalidInput: The file is no TOML.
        """
        table = self._file.read().get("server", {})
        value = table.get(name) if isinstance(table, dict) else None
        if isinstance(value, str) and value:
            return value
        return self._variables.get(_upper(name)) or None


def variable_name(name: str) -> str:
    """Return the environment variable that holds a secret: upper case, `-` and `.` as `_`."""
    return PREFIX + _upper(name)


def _upper(name: str) -> str:
    return name.upper().replace("-", "_").replace(".", "_")
