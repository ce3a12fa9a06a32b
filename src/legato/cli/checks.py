# SPDX-License-Identifier: Apache-2.0
"""What `legato doctor` looks at: each check says ok, warning or problem, and what to do.

Looks only: no file is made, no schema changed, no program of a grant started, no secret shown.
Rules: CL35, CL36.
"""

from __future__ import annotations

import asyncio
import locale
import os
import shutil
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from legato.errors import LegatoError
from legato.ports.node import PROGRAM_PATH

if TYPE_CHECKING:
    from legato.app import App, Schema
    from legato.ports.keeping import LastBackup
    from legato.ports.owners import EngineRow
    from legato.ports.stores import StoreLook
    from legato.settings import GrantSettings, Settings

State = Literal["ok", "warning", "problem"]

REACH_S: Final = 3.0
"""How long a server may take to accept a connection."""
CLOCK_WARNING_MS: Final = 2_000
CLOCK_PROBLEM_MS: Final = 60_000
"""A minute off, and timers and leases of this machine mean something else than those of others."""
DISK_WARNING_BYTES: Final = 1024**3
DISK_PROBLEM_BYTES: Final = 100 * 1024**2
CREDENTIALS_NAMED: Final = 5
BACKUP_WARNING_MS: Final = 7 * 86_400_000
SLOW_STORE_MS: Final = 250.0
"""A commit that takes longer bounds every chain of nodes to four a second."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_WRITE_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH
_PORTS: Final = {"postgresql": 5432, "mysql": 3306}


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it is, and what to do if it is not well."""

    name: str
    state: State
    said: str
    advice: str = ""


def check_home(home: Path, settings_file: Path, secrets_file: Path | None) -> list[Check]:
    """Look at the rights of the folder and of what lies in it."""
    if not home.exists():
        return [Check("home", "ok", f"{home} is made by the first command that needs it")]
    if not home.is_dir():
        return [Check("home", "problem", f"{home} is no folder", "Name another with --home.")]
    found = [_check_folder(home)]
    database = sorted(home.glob("legato.db*"))
    for file in database:
        if file.stat().st_mode & _OTHERS:
            found.append(_open_to_others(file, "warning"))
    secrets = secrets_file or home / "secrets.toml"
    if secrets.exists() and secrets.stat().st_mode & _OTHERS:
        found.append(_open_to_others(secrets, "problem"))
    if settings_file.exists() and settings_file.stat().st_mode & _WRITE_OTHERS:
        said = f"others may write {settings_file}, and so grant what they like"
        found.append(Check("home", "problem", said, f"Run: chmod go-w {settings_file}"))
    return found


def _check_folder(home: Path) -> Check:
    found = home.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.geteuid():
        said = f"{home} belongs to another user (uid {found.st_uid})"
        return Check("home", "problem", said, "Run Legato as that user, or use another --home.")
    if not os.access(home, os.W_OK | os.X_OK):
        return Check("home", "problem", f"{home} cannot be written", f"Run: chmod 700 {home}")
    if mode & _OTHERS:
        said = f"{home} is open to others (mode {mode:04o})"
        return Check("home", "problem", said, f"Run: chmod 700 {home}")
    return Check("home", "ok", f"{home}, mode {mode:04o}")


def _open_to_others(file: Path, state: State) -> Check:
    mode = stat.S_IMODE(file.stat().st_mode)
    said = f"{file} is open to others (mode {mode:04o})"
    return Check("home", state, said, f"Run: chmod 600 {file}")


def check_schema(schema: Schema) -> Check:
    """Say whether the database fits this program."""
    if schema.state == "current":
        return Check("schema", "ok", f"{schema.place}: schema {schema.found}")
    if schema.state == "empty":
        said = f"{schema.place} is empty; the first command that needs it fills it"
        return Check("schema", "ok", said)
    said = f"{schema.place} has schema {schema.found}, this program needs {schema.newest}"
    return Check("schema", "warning", said, "Run: legato migrate")


def check_store(look: StoreLook, now_ms: int) -> list[Check]:
    """Judge what a store says of itself, and its clock against ours.

    Args:
        look: What it says.
        now_ms: Our clock when it said so.
    """
    settings = ", ".join(f"{name}={value}" for name, value in look.durability.items())
    said = f"{look.kind} {look.version} answers in {look.took_ms:.0f} ms; {settings}"
    slow = look.took_ms > SLOW_STORE_MS
    advice = "Bring it nearer, or find out what keeps it busy." if slow else ""
    off = abs(look.now - now_ms)
    state: State = "ok"
    if off > CLOCK_WARNING_MS:
        state = "problem" if off > CLOCK_PROBLEM_MS else "warning"
    clock = f"{off / 1000:.1f} s away from the database's"
    mend = "" if state == "ok" else "Set the clock of this machine, or of the database's, by NTP."
    return [
        Check("database", "warning" if slow else "ok", said, advice),
        Check("clock", state, clock, mend),
    ]


def check_disk(folder: Path) -> Check:
    """Say how much room is left where the data is."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / 1024**3:.1f} GiB free at {folder}"
    if free < DISK_PROBLEM_BYTES:
        return Check("disk", "problem", said, "Free some space: nothing can be kept without it.")
    if free < DISK_WARNING_BYTES:
        return Check("disk", "warning", said, "Free some space before it runs out.")
    return Check("disk", "ok", said)


def check_engines(engines: Iterable[EngineRow], still_open: int) -> Check:
    """Say which engines live, and whether somebody looks after what is open.

    Args:
        engines: Every registered engine.
        still_open: Executions that are queued, running or waiting.
    """
    alive = [each for each in engines if each.lease_left_ms > 0]
    names = ", ".join(f"process {each.pid} on {each.host}" for each in alive) or "none runs"
    if still_open and not any(each.adopts for each in alive):
        said = f"{names}; {still_open} executions have not ended"
        return Check("engines", "warning", said, "Run: legato engine")
    return Check("engines", "ok", names)


def check_locale(encoding: str | None) -> Check:
    """Say whether text of every language can be shown and files of every name be met."""
    names = {encoding or "", locale.getpreferredencoding(do_setlocale=False)}
    odd = sorted(name for name in names if name.lower().replace("-", "") != "utf8")
    if odd:
        advice = "Set LANG=C.UTF-8, or PYTHONUTF8=1."
        return Check("locale", "warning", f"not UTF-8: {', '.join(odd)}", advice)
    return Check("locale", "ok", "UTF-8")


def check_programs(grants: GrantSettings) -> list[Check]:
    """Say of each program that may be started whether it is there."""
    found: list[Check] = []
    for program in grants.shell.programs:
        place = shutil.which(program, path=PROGRAM_PATH)
        if place is None:
            said = f"the program {program} is not in {PROGRAM_PATH}"
            advice = "Install it, or grant its absolute path in [grants.shell] programs."
            found.append(Check("grants", "problem", said, advice))
        else:
            found.append(Check("grants", "ok", f"program {program}: {place}"))
    return found


def check_roots(grants: GrantSettings) -> list[Check]:
    """Say of each folder that nodes may use whether they can."""
    found: list[Check] = []
    for root in grants.files.roots:
        if root.is_dir() and os.access(root, os.R_OK | os.X_OK):
            found.append(Check("grants", "ok", f"folder {root}"))
        else:
            what = "cannot be read" if root.exists() else "is not there"
            advice = "Make it, or take it out of [grants.files] roots."
            found.append(Check("grants", "problem", f"the folder {root} {what}", advice))
    return found


async def check_connections(settings: Settings) -> list[Check]:
    """Try to reach every granted server, all at once; nothing is sent."""
    grants = settings.grants
    work = [
        *(
            _check_database(name, each.url)
            for name, each in grants.sql.connections.items()
            if not each.url.startswith("sqlite:")
        ),
        *(
            _check_server(f"mail server {name}", each.host, each.port)
            for name, each in grants.mail.servers.items()
        ),
        *(_check_endpoint(endpoint) for endpoint in grants.http.allow_private),
    ]
    return list(await asyncio.gather(*work))


def check_database_files(grants: GrantSettings) -> list[Check]:
    """Say of each database in a file whether it is there."""
    found: list[Check] = []
    for name, each in grants.sql.connections.items():
        if not each.url.startswith("sqlite:"):
            continue
        file = Path(each.url.removeprefix("sqlite:///").partition("?")[0])
        if file.is_file() and os.access(file, os.R_OK):
            found.append(Check("grants", "ok", f"connection {name}: {file}"))
        else:
            said = f"connection {name}: {file} is not there or not readable"
            advice = f"Correct url in [grants.sql.connections.{name}]."
            found.append(Check("grants", "problem", said, advice))
    return found


async def _check_database(name: str, url: str) -> Check:
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    return await _check_server(f"connection {name}", parts.hostname or "", port)


async def _check_endpoint(endpoint: str) -> Check:
    host, _, port = endpoint.rpartition(":")
    return await _check_server("http", host.strip("[]"), int(port))


async def _check_server(what: str, host: str, port: int) -> Check:
    place = f"{what}: {host}:{port}"
    try:
        async with asyncio.timeout(REACH_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        said = f"{place} does not answer within {REACH_S:.0f} s"
    except OSError as error:
        said = f"{place} cannot be reached: {error.strerror or 'the name is not known'}"
    else:
        writer.transport.abort()
        return Check("grants", "ok", f"{place} can be reached")
    return Check("grants", "problem", said, "Start it, or correct host and port of the grant.")


async def check_secrets(settings: Settings) -> list[Check]:
    """Say of each secret that a grant names whether there is one; never what it is."""
    from legato.app import open_secrets
    from legato.model.ids import LOCAL_WORKSPACE

    grants = settings.grants
    named = [each.password for each in grants.sql.connections.values()]
    named += [each.password for each in grants.mail.servers.values()]
    secrets = open_secrets(settings)
    found: list[Check] = []
    for name in dict.fromkeys(filter(None, named)):
        try:
            await secrets.get(LOCAL_WORKSPACE, name)
        except LegatoError as error:
            found.append(Check("secrets", "problem", error.message, error.hint or ""))
        else:
            found.append(Check("secrets", "ok", f"{name} is there"))
    return found


async def check_credentials(app: App) -> Check:
    """Open every credential of every workspace; say which ones no key here opens."""
    from legato.auth.vault import damaged

    try:
        sealer = app.vault.sealer()
    except LegatoError as error:
        return Check("credentials", "problem", error.message, error.hint or "")
    total = sum((await app.stores.credentials.keys()).values())
    if not total:
        return Check("credentials", "ok", "there are none")
    wrong = await damaged(app.stores.credentials, sealer)
    if not wrong:
        return Check("credentials", "ok", f"{total} open with the keys that are here")
    names = ", ".join(f"{row.name} ({row.id})" for row, _ in wrong[:CREDENTIALS_NAMED])
    more = f" and {len(wrong) - CREDENTIALS_NAMED} more" if len(wrong) > CREDENTIALS_NAMED else ""
    said = f"{len(wrong)} of {total} cannot be opened: {names}{more}; {wrong[0][1]}"
    advice = "Give the master key that sealed them (LEGATO_MASTER_KEY_OLD), or write them anew."
    return Check("credentials", "problem", said, advice)


async def check_sandbox(settings: Settings) -> Check:
    """Say whether programs run in a sandbox here, and what follows if not."""
    import tempfile

    from legato.runtime.attempt.command import Command
    from legato.runtime.attempt.processes import Launcher
    from legato.runtime.attempt.sandbox import Sandbox, SandboxOptions

    true = shutil.which("true", path=PROGRAM_PATH) or "/bin/true"
    sandbox = Sandbox(SandboxOptions(hidden=(settings.home,)))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command = Command(program=true, argv=(true,), folder=home, home=home)
        await sandbox.around(command, Launcher().start)
    if sandbox.is_on:
        return Check("sandbox", "ok", "bubblewrap works: programs see neither home nor network")
    said = "bubblewrap is missing or does not work: programs run with limits, but see your files"
    advice = "Install bubblewrap (bwrap) and allow it user namespaces."
    risky = settings.grants.code.python or bool(settings.grants.shell.programs)
    return Check("sandbox", "warning" if risky else "ok", said, advice)


def check_backup(last: LastBackup | None, now_ms: int) -> Check:
    """Look how old the last backup is; before the first one there is nothing to worry about."""
    if last is None:
        return Check("backup", "ok", "there has been none so far", "Make one: legato backup FILE")
    days = max(now_ms - last.at, 0) / 86_400_000
    age = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
    keys = "with keys" if last.has_keys else "without keys"
    said = f"the last one is {age} old: {last.name}, {keys}"
    if now_ms - last.at > BACKUP_WARNING_MS:
        return Check("backup", "warning", said, "Make one: legato backup FILE")
    return Check("backup", "ok", said)
