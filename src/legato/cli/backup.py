# SPDX-License-Identifier: Apache-2.0
"""`legato backup` and `legato restore`: one file that holds an installation, and the way back.

Rules: BK1, BK6, BK7, BK31.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from legato.cli.invocation import OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.app.backup import Looked
    from legato.app.restore import Done
    from legato.cli.terminal import Terminal
    from legato.ports.audit import AuditEntry

TOLD_EACH_S: Final = 2.0
_MIB: Final = 1024 * 1024

_phrase = click.option(
    "--key-passphrase-file", "phrase", metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Its first line seals the keys, and opens them again.",
)  # fmt: skip
_without = click.option("--without-key", is_flag=True, help="Leave the keys out.")


@click.command(
    epilog=examples(
        "legato backup /backup/monday.tar --key-passphrase-file /etc/legato/phrase",
        "legato backup /backup/monday.tar --without-key",
    )
)
@click.argument("place", metavar="DEST.tar", type=click.Path(path_type=Path))
@_phrase
@_without
@command_options
def backup(invocation: Invocation, place: Path, phrase: Path | None, *, without_key: bool) -> int:
    """Write database, payloads and keys into one file, while executions run.

    It is read again before it gets its name; if anything fails there is no file. Settings and the
    file of secrets are yours to keep: legato.toml, secrets.toml.
    """
    from legato.app import build, run
    from legato.app.backup import back_up

    passphrase = _passphrase(phrase, without_key=without_key)

    async def work() -> Looked:
        async with build(invocation.settings(), role="reader") as app:
            tell = _Telling(invocation.terminal)
            done = await back_up(
                app, place, passphrase, audit=_entry("system.backup", place.name), tell=tell
            )
            await app.stores.audit.seal()
            return done

    _say_backup(invocation, place, run(work()), wanted_keys=passphrase is not None)
    return OK


@click.command(
    epilog=examples(
        "legato restore /backup/monday.tar --check --without-key",
        "legato --home /srv/new restore /backup/monday.tar --key-passphrase-file phrase",
    )
)
@click.argument("source", metavar="SRC.tar", type=click.Path(path_type=Path))
@_phrase
@_without
@click.option("--check", is_flag=True, help="Only look whether the file is whole.")
@command_options
def restore(
    invocation: Invocation, source: Path, phrase: Path | None, *, without_key: bool, check: bool
) -> int:
    """Put a backup into an empty home and database; nothing in it goes on by itself.

    Executions that had not ended need attention until legato executions resume ID; triggers are
    paused, everybody is logged out, API keys are disabled until legato token enable ID.
    """
    from legato.app import run
    from legato.app.backup import look_through
    from legato.app.restore import open_keys
    from legato.app.restore import restore as put_back

    passphrase = _passphrase(phrase, without_key=without_key)
    tell = _Telling(invocation.terminal)
    if check:
        looked = look_through(source, tell)
        open_keys(looked, passphrase)
        _say_checked(invocation, source, looked)
        return OK
    settings = invocation.settings()
    audit = _entry("system.restore", source.name)
    _say_restored(invocation, run(put_back(settings, source, passphrase, audit=audit, tell=tell)))
    return OK


class _Telling:
    """Says now and then how far it is."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._last = time.monotonic()

    def __call__(self, what: str, done: int) -> None:
        now = time.monotonic()
        if now - self._last >= TOLD_EACH_S:
            self._last = now
            said = f"{done} executions" if what == "parking" else f"{done / _MIB:.1f} MB"
            self._terminal.note(f"{what}: {said}")


def _passphrase(file: Path | None, *, without_key: bool) -> str | None:
    """Return the passphrase, None to leave the keys out.

    Raises:
        InvalidInput: Both or neither was asked for, or the file holds none.
    """
    from legato.auth.escrow import PASSPHRASE_BYTES_MAX, PASSPHRASE_CHARS_MIN
    from legato.errors import InvalidInput

    if (file is None) == (not without_key):
        raise InvalidInput(
            "say --key-passphrase-file FILE or --without-key",
            hint="Without its keys a backup cannot open credentials and second factors.",
        )
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            data = opened.read(PASSPHRASE_BYTES_MAX + 1)
        text = data.decode()
    except OSError as error:
        raise InvalidInput(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is no text") from None
    line = text.splitlines()[0] if text else ""
    if len(data) > PASSPHRASE_BYTES_MAX or len(line) < PASSPHRASE_CHARS_MIN:
        raise InvalidInput(
            f"{file}: its first line should be a passphrase of at least {PASSPHRASE_CHARS_MIN} "
            "characters"
        )
    return line


def _entry(action: str, name: str) -> AuditEntry:
    from legato.cli.people import entry

    return entry(action, ("backup", name))[0]


def _say_backup(invocation: Invocation, place: Path, done: Looked, *, wanted_keys: bool) -> None:
    terminal = invocation.terminal
    terminal.json({"backup": str(place), **_looked_json(done)})
    terminal.line(f"{place}: {done.size_bytes / _MIB:.1f} MB, {_contents(done)}")
    if wanted_keys and done.keys is None:
        terminal.note("there are no keys to take along: this installation has none so far")


def _say_checked(invocation: Invocation, source: Path, looked: Looked) -> None:
    terminal = invocation.terminal
    terminal.json({"backup": str(source), **_looked_json(looked)})
    terminal.line(f"{source} is whole: {_contents(looked)}")


def _contents(looked: Looked) -> str:
    with_keys = "with keys" if looked.keys is not None else "without keys"
    rows = sum(looked.manifest.rows.values())
    return f"{looked.header.kind}, {rows} rows, {looked.manifest.blobs} payloads, {with_keys}"


def _looked_json(looked: Looked) -> dict[str, Any]:
    from legato.model.instants import iso

    header, manifest = looked.header, looked.manifest
    return {
        "id": header.id,
        "kind": header.kind,
        "schema": header.revision,
        "legato": header.legato,
        "created_at": iso(header.created_at),
        "size_bytes": looked.size_bytes,
        "rows": manifest.rows,
        "payloads": manifest.blobs,
        "has_keys": looked.keys is not None,
    }


def _say_restored(invocation: Invocation, done: Done) -> None:
    terminal = invocation.terminal
    ended, parked = done.ended, done.parked
    terminal.json(
        {
            "epoch": ended.epoch,
            "parked": parked.parked,
            "ended": parked.ended,
            "unreadable": list(parked.unreadable),
            "sessions_ended": ended.sessions,
            "tokens_void": ended.tokens,
            "api_keys_disabled": ended.api_keys,
            "triggers_paused": ended.triggers,
            "rows": done.rows,
            "payloads": done.blobs,
            "has_keys": done.has_keys,
            "environment": done.environment,
        }
    )
    terminal.line(f"restored: {done.rows} rows, {done.blobs} payloads; epoch {ended.epoch}")
    terminal.line(f"  {parked.parked} executions wait for you: legato executions resume ID")
    terminal.line(f"  {ended.triggers} triggers are paused, {ended.sessions} sessions have ended")
    terminal.line(f"  {ended.api_keys} API keys are disabled: legato token enable ID")
    for each in parked.unreadable:
        terminal.note(f"{each} cannot be read; it will not go on")
    if done.environment is not None:
        terminal.line(f"  the server's master key is in {done.environment}; give it a new JWT key")
    if not done.has_keys:
        terminal.note("without its keys: credentials and second factors cannot be opened")
