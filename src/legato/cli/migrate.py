# SPDX-License-Identifier: Apache-2.0
"""`legato migrate`: bring the database to this program's schema, or only look.

Rules: CL8, LG21, LG22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from legato.cli.invocation import OK, REFUSED, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.app import Schema


@click.command(epilog=examples("legato migrate --check", "legato migrate"))
@click.option("--check", is_flag=True, help="Only look; exit 3 if something has to be done.")
@command_options
def migrate(invocation: Invocation, check: bool) -> int:
    """Bring the database to this program's schema, and say what was done.

    Every command does this by itself; with PostgreSQL it is better done once, before the others
    start. A database of a newer Legato is refused.
    """
    from legato.app import build, look_at_schema, run

    async def work() -> int:
        settings = invocation.settings()
        before = await look_at_schema(settings)
        if check:
            _say(invocation, before, before)
            return OK if before.state == "current" else REFUSED
        async with build(settings, role="reader"):
            pass
        _say(invocation, before, await look_at_schema(settings))
        return OK

    return run(work())


def _say(invocation: Invocation, before: Schema, after: Schema) -> None:
    terminal = invocation.terminal
    terminal.json(
        {
            "database": after.place,
            "found": before.found,
            "schema": after.found,
            "newest": after.newest,
            "state": after.state,
            "changed": before.found != after.found,
        }
    )
    if before.found != after.found:
        from_where = "an empty database" if before.found is None else f"schema {before.found}"
        terminal.line(f"{after.place}: from {from_where} to schema {after.found}")
    elif after.state == "current":
        terminal.line(f"{after.place}: schema {after.found} is the newest; nothing to do")
    else:
        what = "is empty" if after.found is None else f"has schema {after.found}"
        terminal.line(f"{after.place}: {what}; legato migrate brings it to {after.newest}")
