# SPDX-License-Identifier: Apache-2.0
"""What the operator allows nodes to reach. By default nothing is granted.

Values only: `legato.settings` reads them from `[grants]` of `legato.toml`, `legato.app` hands them
to attempts, each node checks its own and names the line to add where one is missing. A grant never
holds a secret's value, only its name.

Rules: ND13, ND16, ND21, ND56.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlConnection:
    """A named database for `sql.query`.

    `url` has no password: `sqlite:////PATH`, `postgresql://USER@HOST:PORT/NAME`,
    `mysql://USER@HOST:PORT/NAME`. `password` names a secret. Without `write` everything runs in a
    read-only transaction. `functions` may be called beside the built-in list.
    """

    url: str
    password: str | None = None
    write: bool = False
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A named server for `notify.email`.

    `password` names a secret. `recipients` are addresses or `@domain`; nobody else gets mail.
    """

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class Grants:
    """What the operator allows nodes to reach.

    `programs`: names or absolute paths for `shell.run`. `roots`: folders for `files.*`.
    `hosts`: what may be reached although it is not public, `host:port`, `10.0.0.0/8:443` or
    `[fd00::/8]:443`. `program_network`:
    sandboxed programs may use the network. `connections`, `mail_servers`: by name. `python`:
    `code.python` may run. `credential_writes`: `sql.query` may write over a credential.
    """

    programs: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()
    program_network: bool = False
    connections: Mapping[str, SqlConnection] = field(default_factory=dict)
    mail_servers: Mapping[str, MailServer] = field(default_factory=dict)
    python: bool = False
    credential_writes: bool = False
