# SPDX-License-Identifier: Apache-2.0
"""`legato audit export`: rows as JSON lines, in batches, to a file that is whole or not there.

Rules: AD15.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click

from legato.cli.audit_look import choosing
from legato.cli.files import PRIVATE_MODE
from legato.cli.invocation import OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from legato.app import App

BATCH: Final = 1_000


@click.command(
    epilog=examples(
        "legato audit export > audit.ndjson",
        "legato audit export --output audit.ndjson --after 4000",
        "legato audit export --action auth. --since 30d",
    )
)
@choosing
@click.option("--after", type=click.IntRange(0), default=0, metavar="SEQ", help="Later rows.")
@click.option("--output", metavar="FILE", default="-", help="Where to; default stdout.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@command_options
def export(invocation: Invocation, **asked: Any) -> int:
    """Write rows as JSON lines, the oldest first. It is a row of the audit itself.

    A line is what was hashed, with its hash: `hash = SHA-256(hash before || canonical JSON)`. A
    file is private, and replaces nothing unless told to.
    """
    from legato.app import run
    from legato.cli.people import administration
    from legato.cli.text import plural

    async def work() -> int:
        async with administration(invocation) as app:
            return await _export(app, asked)

    count = run(work())
    output = asked["output"]
    if output != "-":
        invocation.terminal.json({"file": output, "rows": count})
        invocation.terminal.line(f"{output}: {plural(count, 'row')}")
    return OK


async def _export(app: App, asked: dict[str, Any]) -> int:
    from legato.cli.audit_look import query_of
    from legato.cli.people import entry

    wanted = await query_of(app, asked)
    with _sink(asked["output"], is_forced=asked["force"]) as out:
        end = (await app.stores.audit.head()).seq
        data = {"after": asked["after"], "until": end}
        audit = entry("export", ("audit", ""), workspace=wanted.workspace, data=data)
        await app.stores.audit.write(audit)
        count, after = 0, asked["after"]
        while after < end:
            rows = await app.stores.audit.read(after=after, limit=BATCH, workspace=wanted.workspace)
            chosen = [row for row in rows if (row.seq or 0) <= end and wanted.wants(row)]
            out.write(b"".join(_line(row) for row in chosen))
            count += len(chosen)
            if len(rows) < BATCH:
                break
            after = rows[-1].seq or end
    return count


def _line(row: Any) -> bytes:
    import orjson

    from legato.ports.audit import public

    return orjson.dumps({**public(row), "hash": row.hash}) + b"\n"


@contextlib.contextmanager
def _sink(output: str, *, is_forced: bool) -> Iterator[BinaryIO]:
    """Give where to write to: stdout, or a file beside the one that is meant until it is whole.

    Raises:
        Conflict: There is such a file, and `is_forced` is false.
        InvalidInput: It cannot be written.
    """
    from legato.errors import Conflict, InvalidInput

    if output == "-":
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # `| head` has what it wants
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
        return
    file = Path(output)
    if file.exists() and not is_forced:
        raise Conflict(f"{file} is there already", hint="--force replaces it.")
    beside = file.with_name(f"{file.name}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(beside, flags, PRIVATE_MODE)
        with os.fdopen(descriptor, "wb") as out:
            os.fchmod(descriptor, PRIVATE_MODE)
            yield out
            out.flush()
            os.fsync(descriptor)
        beside.replace(file)
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be written: {error.strerror}") from None
