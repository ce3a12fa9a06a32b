# SPDX-License-Identifier: Apache-2.0
"""`legato login` and `logout`: become known to a server, and stop.

A log-in makes an API key of one's own with an end, and keeps it in `servers`. Passwords, codes,
links and keys are typed, or come from stdin or a file; none is ever an argument. Rules: CC21, CC24,
CC26.
"""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.invocation import OK, Invocation, command_options, examples
from legato.errors import InvalidInput

if TYPE_CHECKING:
    from legato.cli.servers import KnownServer
    from legato.client import Client
    from legato.client.generated import models

DEFAULT_URL: Final = "http://127.0.0.1:8420"
DAYS: Final = 90
DAYS_MAX: Final = 3_650
_NAME_MAX: Final = 60


@click.command(
    epilog=examples(
        "legato login https://legato.example.org",
        "legato login --email ada@example.org --workspace team",
        "legato login --link                      # a link that legato user link prints",
        "legato login URL --api-key-file key.txt",
        "printf '%s\\n' \"$PASSWORD\" | legato login URL --email ada@example.org --stdin",
    )
)
@click.argument("url", metavar="[URL]", required=False)
@click.option("--email", help="Whose account; asked for if it is missing.")
@click.option("--link", "by_link", is_flag=True, help="By a log-in link instead of a password.")
@click.option(
    "--api-key-file", type=click.Path(dir_okay=False, path_type=Path),
    help="Use this key instead of making one; - is stdin.",
)  # fmt: skip
@click.option("--stdin", "from_stdin", is_flag=True, help="Password (or link), then code, by line.")
@click.option("--workspace", help="Id or slug; default: your default one.")
@click.option(
    "--days", type=click.IntRange(1, DAYS_MAX), default=DAYS, show_default=True,
    help="How long the log-in is good.",
)  # fmt: skip
@command_options
def login(invocation: Invocation, url: str | None, **given: Any) -> int:
    """Log in to a server: commands then ask it instead of the store on this computer.

    Without URL it is LEGATO_SERVER, else http://127.0.0.1:8420. It ends with `legato logout`.
    """
    from legato.app import run
    from legato.cli.remote import LOCAL, VARIABLE
    from legato.client.transport import checked_url

    named = url or invocation.env.get(VARIABLE, "").strip()
    address = checked_url(DEFAULT_URL if named in {"", LOCAL} else named)
    if given["api_key_file"] is not None and (given["email"] or given["by_link"]):
        raise click.UsageError("--api-key-file stands for itself: leave --email and --link out")
    secrets = Secrets(invocation, from_stdin=given["from_stdin"])
    found = run(_log_in(address, secrets, given))
    before = _keep(invocation, found)
    if before is not None and before.key_id is not None:
        run(_revoke(before))  # or it would live on with nobody who has it
    return OK


@click.command(epilog=examples("legato logout", "legato logout https://legato.example.org"))
@click.argument("url", metavar="[URL]", required=False)
@command_options
def logout(invocation: Invocation, url: str | None) -> int:
    """Forget a server, and revoke the key that `legato login` made there."""
    from legato.app import run
    from legato.cli.servers import changing, read_servers, servers_file
    from legato.client.transport import checked_url

    file = servers_file(invocation.env)
    known = read_servers(file)
    address = known.current if url is None else checked_url(url, may_be_plain=True)
    server = None if address is None else known.find(address)
    if server is None:
        raise InvalidInput("you are not logged in" + (f" to {address}" if address else ""))
    with changing(file) as kept:  # first: whatever the server says, nothing is left here
        kept[0] = kept[0].without(server.url)
    is_revoked = run(_revoke(server)) if server.key_id is not None else False
    terminal = invocation.terminal
    terminal.json({"server": server.url, "key_id": server.key_id, "revoked": is_revoked})
    terminal.line(f"logged out of {server.url}")
    if not is_revoked:
        name = server.key_id or "that you brought along"
        terminal.note(f"the key {name} is still good there: revoke it if nobody needs it")
    return OK


class Secrets:
    """Asks for what may not be an argument: on the terminal, or line by line from stdin."""

    def __init__(self, invocation: Invocation, *, from_stdin: bool) -> None:
        """Args: from_stdin reads lines instead of asking."""
        self._terminal = invocation.terminal
        self._from_stdin = from_stdin

    def ask(self, what: str, *, is_hidden: bool = True) -> str:
        """Return one.

        Raises:
            InvalidInput: Nobody can be asked, or stdin has no more lines.
        """
        if self._from_stdin:
            line = sys.stdin.readline()
            if not line:
                raise InvalidInput(f"stdin has no line with the {what}")
            return line.rstrip("\r\n")
        if sys.stdin is None or not sys.stdin.isatty():
            raise InvalidInput(
                f"there is no terminal to ask for the {what}",
                hint="Give --stdin, or --api-key-file.",
            )
        text: str = click.prompt(what.capitalize(), hide_input=is_hidden, err=True, type=str)
        return text

    def file(self, file: Path) -> str:
        """Return a key that is in a file, or in stdin."""
        from legato.cli.inputs import read_bytes

        data = sys.stdin.buffer.read() if str(file) == "-" else read_bytes(file, 4096)
        text = data.decode("ascii", "replace").strip()
        if not text.startswith("lgt_") or len(text.split()) != 1:
            raise InvalidInput(f"{file} holds no API key: it begins with lgt_ and is one word")
        return text


async def _log_in(url: str, secrets: Secrets, given: dict[str, Any]) -> KnownServer:
    from legato.cli.servers import KnownServer
    from legato.client import Client, Options

    options = Options(workspace=given["workspace"])
    if given["api_key_file"] is not None:
        key = secrets.file(given["api_key_file"])
        async with Client(url, key, options) as legato:
            me = await legato.read_me()
        return KnownServer(url=url, key=key, email=me.email, workspace=_place(me).slug)
    async with Client(url, None, options) as door:
        access = await _access(door, secrets, given)
        async with Client(url, access, options) as legato:
            me = await legato.read_me()
            made = await legato.create_key(_wanted(_place(me).role, given["days"]))
        return KnownServer(
            url=url,
            key=made.key,
            email=me.email,
            workspace=_place(me).slug,
            key_id=made.id,
            cookies=dict(door.transport.cookies),
        )


async def _access(door: Client, secrets: Secrets, given: dict[str, Any]) -> str:
    """Return an access token, for a password or link and, where it is owed, a code."""
    from legato.client import NotKnown
    from legato.client.generated import models

    shown: models.ByPassword | models.ByLink
    if given["by_link"]:
        shown = models.ByLink(token=_token(secrets.ask("link")))
    else:
        email = given["email"] or secrets.ask("e-mail", is_hidden=False)
        shown = models.ByPassword(email=email, password=secrets.ask("password"))
    try:
        return (await door.log_in(shown)).access_token
    except NotKnown as owed:
        token = owed.more.get("mfa_token")
        if owed.code != "mfa_required" or not isinstance(token, str):
            raise
    step = models.SecondStep(mfa_token=token, code=secrets.ask("code", is_hidden=False))
    return (await door.log_in_with_code(step)).access_token


def _token(link: str) -> str:
    """Return what stands after `#token=`, or the text if it is that alone."""
    return link.strip().rpartition("#token=")[2]


def _place(me: models.Me) -> models.OwnWorkspace:
    if me.workspace is None:
        raise InvalidInput(
            "you are a member of no workspace there, or not of this one",
            hint="Give --workspace, or ask an admin for an invitation.",
        )
    return me.workspace


def _wanted(role: str, days: int) -> models.WantedKey:
    """Return a key for all that the role may do through a key."""
    from legato.auth.roles import SCOPES, scope_within
    from legato.client.generated import models

    end = datetime.now(UTC) + timedelta(days=days)  # noqa: TID251 - a person's command, no engine
    name = f"legato on {socket.gethostname()}"[:_NAME_MAX]
    scopes = sorted(each for each in SCOPES if scope_within(role, each))
    return models.WantedKey(name=name, scopes=scopes, expires_at=end.isoformat(timespec="seconds"))


def _keep(invocation: Invocation, server: KnownServer) -> KnownServer | None:
    """Keep a log-in; return the one that it takes the place of."""
    from legato.cli.servers import changing, servers_file

    file = servers_file(invocation.env)
    with changing(file) as kept:
        before = kept[0].find(server.url)
        kept[0] = kept[0].put(server)
    terminal = invocation.terminal
    terminal.json(
        {
            "server": server.url,
            "email": server.email,
            "workspace": server.workspace,
            "key_id": server.key_id,
            "file": str(file),
        }
    )
    terminal.line(f"logged in to {server.url} as {server.email}, workspace {server.workspace}")
    terminal.note(f"kept in {file}; end it with: legato logout")
    return before


async def _revoke(server: KnownServer) -> bool:
    """Revoke the key with the log-in that made it, and end that; False if it cannot be done."""
    from legato.client import NEVER, Client, Options
    from legato.errors import LegatoError

    assert server.key_id is not None
    options = Options(workspace=server.workspace, retry=NEVER)
    try:
        async with Client(server.url, None, options) as door:
            door.transport.cookies.update(server.cookies)
            access = (await door.refresh_log_in()).access_token
            async with Client(server.url, access, options) as legato:
                await legato.revoke_key(server.key_id)
            await door.log_out()
    except LegatoError:
        return False
    return True
