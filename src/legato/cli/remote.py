# SPDX-License-Identifier: Apache-2.0
"""Which server a command means, if any, and the client of it.

`--server`, then `LEGATO_SERVER`; `local` there is the store on this computer. A home that is named
(`--home`, `LEGATO_HOME`) is that store too. Else the server that one is logged in to, else the
store. A command says on stderr which server it has asked. Rules: CC22, CC23.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.invocation import Invocation
from legato.errors import InvalidInput, Unauthenticated

if TYPE_CHECKING:
    from legato.cli.servers import KnownServer
    from legato.client import Client

VARIABLE: Final = "LEGATO_SERVER"
LOCAL: Final = "local"

server_option: Callable[[Any], Any] = click.option(
    "--server",
    metavar="URL",
    help="Ask this server instead of the store here; local is the store. Default LEGATO_SERVER, "
    "else where you are logged in.",
)


def server_of(invocation: Invocation, wanted: str | None) -> KnownServer | None:
    """Return the server that a command means, or None for the store on this computer.

    Args:
        invocation: Its environment and home count.
        wanted: Of `--server`.

    Raises:
        InvalidInput: It is no address of a server.
        Unauthenticated: One is not logged in there.
        NotAllowed: The file of log-ins is open to others.
    """
    from legato.cli.servers import read_servers, servers_file
    from legato.client.transport import checked_url

    named = wanted or invocation.env.get(VARIABLE, "").strip()
    if named == LOCAL:
        return None
    has_home = invocation.home is not None or bool(invocation.env.get("LEGATO_HOME"))
    if not named and has_home:
        return None
    known = read_servers(servers_file(invocation.env))
    if not named:
        return None if known.current is None else known.find(known.current)
    url = checked_url(named, may_be_plain=True)
    found = known.find(url)
    if found is None:
        raise Unauthenticated(f"you are not logged in to {url}", hint=f"Log in: legato login {url}")
    return found


def client_of(
    invocation: Invocation,
    server: KnownServer,
    *,
    on_answer: Callable[[int], None] | None = None,
) -> Client:
    """Return the client of a server, and say which one is asked.

    Args:
        invocation: Where it is said.
        server: Which.
        on_answer: Told the status of every answer that is a success.
    """
    from legato.client import Client, Options

    if not invocation.as_json:
        invocation.terminal.note(f"{server.url} as {server.email}, workspace {server.workspace}")
    options = Options(workspace=server.workspace, on_answer=on_answer)
    return Client(server.url, server.key, options)


def refuse_local_only(server: KnownServer | None, **given: object) -> None:
    """Refuse options that only mean something on this computer.

    Raises:
        InvalidInput: One is given though a server is asked.
    """
    if server is None:
        return
    for name, value in given.items():
        if value:
            option = "--" + name.replace("_", "-")
            raise InvalidInput(
                f"{option} has no meaning on {server.url}",
                hint="Leave it out, or give --server local.",
            )
