# SPDX-License-Identifier: Apache-2.0
"""`[grants]`: what the operator lets nodes do; names, types and bounds only. Rules: CL11, ND."""

import ipaddress
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from legato.settings.section import Section

_NETWORK_EXPECTED: Final = "should be network:port, for example 10.0.0.0/8:443 or [fd00::/8]:443"


def _checked_endpoint(value: str) -> str:
    if "/" in value:
        return _checked_network(value)
    parts = urlsplit(f"//{value}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or not port or parts.path or parts.username is not None:
        raise ValueError("should be host:port, for example 127.0.0.1:8080 or [::1]:8080")
    return value.lower()


def _checked_network(value: str) -> str:
    """Accept `10.0.0.0/8:443` and `[fd00::/8]:443`, written the one way that a network has."""
    text, _, port = value.rpartition(":")
    if text.startswith("[") != (":" in text) or not port.isascii() or not port.isdigit():
        raise ValueError(_NETWORK_EXPECTED)
    try:
        network = ipaddress.ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        raise ValueError(_NETWORK_EXPECTED) from None
    written = f"[{network}]:{int(port)}" if network.version == 6 else f"{network}:{int(port)}"
    if not 0 < int(port) < 65_536 or written != value.lower():
        raise ValueError(f"{_NETWORK_EXPECTED}, did you mean {written}")
    return written


def _checked_program(value: str) -> str:
    if not value or "\0" in value or ("/" in value and not value.startswith("/")):
        raise ValueError("should be a program's name or its absolute path")
    return value


Endpoint = Annotated[str, AfterValidator(_checked_endpoint)]
Program = Annotated[str, AfterValidator(_checked_program)]


class ShellGrants(Section):
    """`[grants.shell]`: programs that `shell.run` may start, by name or absolute path."""

    programs: tuple[Program, ...] = ()


class FileGrants(Section):
    """`[grants.files]`: folders inside which `files.*` nodes may work."""

    roots: tuple[Path, ...] = ()


class HttpGrants(Section):
    """`[grants.http]`: what HTTP nodes may reach although it is not public, with its port."""

    allow_private: tuple[Endpoint, ...] = ()


def _checked_connection_url(value: str) -> str:
    if value.startswith("sqlite:///"):
        if not value.startswith("sqlite:////"):
            raise ValueError("should be sqlite:////ABSOLUTE/PATH")
        return value
    parts = urlsplit(value)
    if parts.scheme not in {"postgresql", "mysql"} or not parts.hostname or parts.path in {"", "/"}:
        raise ValueError(
            "should be sqlite:////PATH, postgresql://USER@HOST:PORT/NAME or "
            "mysql://USER@HOST:PORT/NAME"
        )
    if parts.password is not None:
        raise ValueError("should hold no password: name a secret, password = NAME")
    return value


ConnectionUrl = Annotated[str, AfterValidator(_checked_connection_url)]
GrantName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class SqlConnectionSettings(Section):
    """`[grants.sql.connections.NAME]`: a database for `sql.query`; see `ports.grants`."""

    url: ConnectionUrl
    password: str | None = None
    write: bool = False
    functions: tuple[str, ...] = ()


class SqlGrants(Section):
    """`[grants.sql]`: databases by name."""

    connections: dict[GrantName, SqlConnectionSettings] = Field(default_factory=dict)
    credential_writes: bool = False
    """Statements over a credential may write, as far as its user may."""


class MailServerSettings(Section):
    """`[grants.mail.servers.NAME]`: a server for `notify.email`; see `ports.grants`."""

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65_535)
    sender: str = Field(min_length=3)
    recipients: tuple[str, ...] = Field(min_length=1)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = None
    password: str | None = None


class MailGrants(Section):
    """`[grants.mail]`: mail servers by name."""

    servers: dict[GrantName, MailServerSettings] = Field(default_factory=dict)


class CodeGrants(Section):
    """`[grants.code]`: whether `code.python` may run."""

    python: bool = False


class GrantSettings(Section):
    """`[grants]`: what the operator lets nodes do beyond the safe default of nothing."""

    shell: ShellGrants = ShellGrants()
    files: FileGrants = FileGrants()
    http: HttpGrants = HttpGrants()
    sql: SqlGrants = SqlGrants()
    mail: MailGrants = MailGrants()
    code: CodeGrants = CodeGrants()
