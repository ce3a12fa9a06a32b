# SPDX-License-Identifier: Apache-2.0
"""`legato credentials`: credentials of a workspace, on the database of the settings.

A secret comes from a file or from stdin, never from an argument, which others could read; and none
is printed. Rules: CR44-CR46.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.invocation import OK, RUN_FAILED, Invocation, command_options, examples
from legato.cli.main import LazyGroup
from legato.errors import InvalidInput, NotAllowed, NotFound

if TYPE_CHECKING:
    from legato.app import App
    from legato.auth.credential_types import AnyWanted
    from legato.auth.sealing import Sealer
    from legato.model.ids import WorkspaceId
    from legato.ports.credentials import Credential

SENT_MAX: Final = 64 * 1024
_TYPES: Final = ("http_bearer", "http_basic", "http_header", "sql", "smtp", "llm")

credentials = LazyGroup(
    name="credentials",
    help="Keep credentials that workflows name; a server may run or not.\n\n"
    "What they hold is sealed with the master key and never shown again.",
    table={
        "list": (f"{__name__}:list_credentials", "List credentials by name."),
        "set": (f"{__name__}:put", "Keep a credential, or replace one; its secret is read."),
        "delete": (f"{__name__}:delete", "Delete a credential that no workflow uses."),
        "test": (f"{__name__}:try_one", "Try a credential, harmlessly."),
    },
    epilog=examples(
        "legato credentials set github --type http_bearer --host api.github.com < token.txt",
        "legato credentials list",
        "legato credentials test github",
        "legato credentials delete github",
    ),
)


@click.command("list", epilog=examples("legato credentials list", "legato credentials list --json"))
@click.option("--workspace", metavar="SLUG", help="Slug or id; default the first one.")
@command_options
def list_credentials(invocation: Invocation, workspace: str | None) -> int:
    """List the credentials of a workspace: name, type and hosts, and nothing of what they hold."""
    from legato.app import run
    from legato.cli.people import administration
    from legato.cli.text import local_time, table
    from legato.model.instants import iso

    async def work() -> list[Credential]:
        async with administration(invocation) as app:
            place = await _place(app, workspace)
            found: list[Credential] = []
            after: str | None = None
            while batch := await app.stores.credentials.page(place, after=after, limit=200):
                found += batch
                after = batch[-1].id
            return sorted(found, key=lambda each: each.name)

    terminal = invocation.terminal
    shown = [("NAME", "TYPE", "VERSION", "CHANGED", "HOSTS")]
    for each in run(work()):
        terminal.json(
            {
                "id": each.id,
                "name": each.name,
                "type": each.type,
                "hosts": list(each.hosts),
                "version": each.version,
                "created_at": iso(each.created_at),
                "updated_at": iso(each.updated_at),
            }
        )
        hosts = ", ".join(each.hosts) or "-"
        changed = local_time(each.updated_at)
        shown.append((each.name, each.type, str(each.version), changed, hosts))
    terminal.lines(table(shown))
    return OK


@click.command(
    "set",
    epilog=examples(
        "legato credentials set github --type http_bearer --host api.github.com < token.txt",
        "legato credentials set crm --type http_basic --host crm.example.org --field username=ann "
        "--file password.txt",
        "legato credentials set shop --type sql --file shop.json",
    ),
)
@click.argument("name")
@click.option("--type", "kind", type=click.Choice(_TYPES), required=True, help="What it holds.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Where to; repeatable.")
@click.option(
    "--field", "fields", multiple=True, metavar="NAME=VALUE",
    help="A part that is no secret; repeatable.",
)  # fmt: skip
@click.option("--file", type=click.File("rb"), help="Where the secret is; default stdin.")
@click.option("--workspace", metavar="SLUG", help="Slug or id; default the first one.")
@command_options
def put(invocation: Invocation, name: str, kind: str, **asked: Any) -> int:
    """Keep a credential under a name, in place of the one that is there.

    What is read is the secret alone, or a JSON object with all parts. End a secret that is typed
    with a new line and Ctrl-D.
    """
    from legato.app import run
    from legato.cli.people import administration

    wanted = _wanted(name, kind, asked)

    async def work() -> Credential:
        async with administration(invocation) as app:
            place = await _place(app, asked["workspace"])
            return await _store(app, place, wanted)

    made = run(work())
    terminal = invocation.terminal
    terminal.json({"id": made.id, "name": made.name, "type": made.type, "version": made.version})
    terminal.line(f"credential {made.name} is kept, version {made.version}")
    return OK


@click.command(epilog=examples("legato credentials delete github --yes"))
@click.argument("name")
@click.option("--workspace", metavar="SLUG", help="Slug or id; default the first one.")
@click.option("--yes", is_flag=True, help="Do it without a question.")
@command_options
def delete(invocation: Invocation, name: str, workspace: str | None, *, yes: bool) -> int:
    """Delete a credential for good, unless a published workflow uses it."""
    from legato.app import run
    from legato.cli.people import administration, confirm, entry

    async def work() -> None:
        async with administration(invocation) as app:
            place = await _place(app, workspace)
            found = await _named(app, place, name)
            confirm(invocation, f"Delete the credential {name}?", yes=yes)
            audit = entry("credential.delete", ("credential", found.id), workspace=place)
            done = await app.stores.credentials.remove(place, found.id, audit)
            if done == "in_use":
                uses = await app.stores.credentials.used_by(place, name, limit=10)
                slugs = ", ".join(each.slug for each in uses)
                raise NotAllowed(f"published workflows use {name}: {slugs}")
            if done != "done":
                raise NotFound(f"the credential {name} has just gone")
            invocation.terminal.json({"id": found.id, "name": name})
            invocation.terminal.line(f"credential {name} is deleted")

    run(work())
    return OK


@click.command("test", epilog=examples("legato credentials test github"))
@click.argument("name")
@click.option("--url", help="Where an HTTP credential is tried; default its first host.")
@click.option("--workspace", metavar="SLUG", help="Slug or id; default the first one.")
@command_options
def try_one(invocation: Invocation, name: str, url: str | None, workspace: str | None) -> int:
    """Try a credential: a GET, a SELECT, or a log-in without a mail. Exit 1 if it is refused."""
    from legato.app import credential_trials, run
    from legato.auth.vault import StoredVault
    from legato.cli.people import administration, entry
    from legato.ports.credentials import Trial

    async def work() -> Trial:
        async with administration(invocation) as app:
            place = await _place(app, workspace)
            found = await _named(app, place, name)
            held = StoredVault(app.stores.credentials, app.vault.sealer).open(found)
            done = await credential_trials(app.settings)(held, url)
            data = {"version": found.version, "ok": done.is_good}
            audit = entry("credential.test", ("credential", found.id), workspace=place, data=data)
            await app.stores.audit.write(audit)
            return done

    done = run(work())
    said = {"ok": done.is_good, "message": done.message, "asked": done.asked or None}
    invocation.terminal.json({**said, "status": done.status})
    status = "" if done.status is None else f" ({done.status})"
    invocation.terminal.line(f"{done.message}{status}")
    return OK if done.is_good else RUN_FAILED


async def _place(app: App, named: str | None) -> WorkspaceId:
    """Return a workspace; the first one is there before anybody has set the installation up."""
    from legato.cli.people import find_workspace
    from legato.model.ids import LOCAL_WORKSPACE

    return LOCAL_WORKSPACE if named is None else (await find_workspace(app, named)).id


async def _named(app: App, place: WorkspaceId, name: str) -> Credential:
    found = await app.stores.credentials.named(place, name)
    if found is None:
        raise NotFound(f"there is no credential {name}", hint="See: legato credentials list")
    return found


async def _store(app: App, place: WorkspaceId, wanted: AnyWanted) -> Credential:
    """Add a credential, or replace the one of its name.

    Raises:
        InvalidInput: Somebody else changes it at the same time.
    """
    import msgspec

    from legato.auth.credential_types import data_of
    from legato.auth.vault import sealed
    from legato.cli.people import entry
    from legato.ports.credentials import Credential

    store = app.stores.credentials
    before = await store.named(place, wanted.name)
    row = before or Credential(
        id=app.clock.new_id(), workspace=place, name=wanted.name, type=wanted.type, hosts=(),
        version=0, key_id="", sealed=b"",
    )  # fmt: skip
    row = msgspec.structs.replace(
        row, type=wanted.type, hosts=wanted.hosts, version=row.version + 1, updated_by=""
    )
    made = sealed(_sealer(app), row, data_of(wanted))
    action = "credential.create" if before is None else "credential.change"
    data = {"type": made.type, "version": made.version}
    audit = entry(action, ("credential", made.id), workspace=place, data=data)
    done = (
        await store.add(made, audit) is not None
        if before is None
        else await store.replace(made, audit) == "done"
    )
    if not done:
        raise InvalidInput(f"somebody else has just changed the credential {wanted.name}")
    return made


def _sealer(app: App) -> Sealer:
    """Return what seals; the first use of a home makes its keys."""
    from legato.auth.keys import load_or_create

    if not app.settings.server_keys:
        load_or_create(app.settings.home, now_ms=app.clock.now_ms())
    found = app.vault.sealer()
    assert found is not None, "there are keys now"
    return found


def _wanted(name: str, kind: str, asked: dict[str, Any]) -> AnyWanted:
    """Read and check what is wanted.

    Raises:
        InvalidInput: One line for each thing that is wrong; none repeats what was read.
        click.UsageError: A secret stands in an argument.
    """
    from legato.api.body import parse
    from legato.api.problems import InvalidBody
    from legato.auth.credential_types import WantedCredential
    from legato.model.values import encode
    from legato.ports.credentials import SECRET_FIELDS

    secret = SECRET_FIELDS[kind][0]  # type: ignore[index]
    data: dict[str, Any] = {}
    for each in asked["fields"]:
        key, sign, value = each.partition("=")
        if key == secret or not sign:
            raise click.UsageError(f"--field takes NAME=VALUE, and never {secret}, which is read")
        data[key] = int(value) if key == "port" and value.isdecimal() else value
    text = _read(asked["file"])
    data |= _object(text) if text.lstrip().startswith("{") else {secret: text} if text else {}
    body = {"name": name, "type": kind, "hosts": list(asked["hosts"]), "data": data}
    try:
        return parse(encode(body, what="credential"), WantedCredential).root
    except InvalidBody as error:
        lines = [f"{each.path}: {each.message}; {each.expected}" for each in error.faults]
        raise InvalidInput("\n".join(each.rstrip("; ") for each in lines)) from None


def _read(file: Any) -> str:
    """Return what the file or stdin holds, without the line end behind it."""
    source = file or sys.stdin.buffer
    if file is None and sys.stdin.isatty():
        click.echo("The secret, then Ctrl-D:", err=True)
    data = source.read(SENT_MAX + 1)
    if len(data) > SENT_MAX:
        raise InvalidInput(f"the secret is longer than {SENT_MAX} bytes")
    try:
        return str(data.decode()).rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidInput("the secret is no text in UTF-8") from None


def _object(text: str) -> dict[str, Any]:
    from legato.model.values import decode

    value = decode(text.encode(), what="the JSON object that was read")
    return value if isinstance(value, dict) else {}
