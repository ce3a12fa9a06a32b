# SPDX-License-Identifier: Apache-2.0
"""`legato doctor`: is this installation well, and if not, what to do.

Rules: CL1, CL35, CL36, CR30.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from legato.cli.invocation import OK, RUN_FAILED, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.cli.checks import Check
    from legato.settings import Settings

_OPEN: Final = ("queued", "running", "waiting")


@click.command(epilog=examples("legato doctor", "legato doctor --json"))
@command_options
def doctor(invocation: Invocation) -> int:
    """Check home, database, grants, sandbox, clock, disk and engines; exit 1 if one has a problem.

    Nothing is changed. Servers that are granted get three seconds to accept a connection.
    """
    from legato.app import run
    from legato.cli.text import plural

    settings = invocation.settings()
    found = run(_look(invocation, settings))
    for check in found:
        _write(invocation, check)
    count = {
        state: sum(check.state == state for check in found) for state in ("warning", "problem")
    }
    terminal = invocation.terminal
    if count["problem"]:
        terminal.line(
            f"{plural(count['problem'], 'problem')}, {plural(count['warning'], 'warning')}"
        )
        return RUN_FAILED
    terminal.line("well" if not count["warning"] else plural(count["warning"], "warning"))
    return OK


async def _look(invocation: Invocation, settings: Settings) -> list[Check]:
    import sys

    from legato.cli import checks

    file = invocation.settings_file(settings)
    found = checks.check_home(settings.home, file, settings.secrets_file)
    found += [checks.Check("settings", "warning", said) for said in settings.warnings]
    found += await _look_at_store(settings)
    found.append(checks.check_disk(settings.home))
    found.append(checks.check_locale(getattr(sys.stdout, "encoding", None)))
    found.append(await checks.check_sandbox(settings))
    found += checks.check_programs(settings.grants)
    found += checks.check_roots(settings.grants)
    found += checks.check_database_files(settings.grants)
    found += await checks.check_connections(settings)
    return found + await checks.check_secrets(settings)


async def _look_at_store(settings: Settings) -> list[Check]:
    """Look at schema, database, clock and engines; an empty or old database is not opened."""
    from legato.app import build, look_at_schema
    from legato.cli import checks
    from legato.cli.checks import Check, check_backup, check_engines, check_schema, check_store
    from legato.errors import LegatoError
    from legato.model.ids import LOCAL_WORKSPACE

    try:
        schema = await look_at_schema(settings)
        found = [check_schema(schema)]
        if schema.state != "current":
            return found
        async with build(settings, role="reader") as app:
            found += check_store(await app.stores.lifecycle.look(), app.clock.now_ms())
            counts = await app.stores.executions.counts(LOCAL_WORKSPACE)
            found.append(await checks.check_credentials(app))
            engines = await app.stores.owners.engines()
            last = await app.stores.keeping.last_backup()
            found.append(check_backup(last, app.clock.now_ms()))
            found.append(check_engines(engines, sum(counts.get(each, 0) for each in _OPEN)))
    except LegatoError as error:
        advice = error.hint or "Start it, or correct database_url."
        return [Check("database", "problem", error.message, advice)]
    return found


def _write(invocation: Invocation, check: Check) -> None:
    terminal = invocation.terminal
    terminal.json(
        {
            "check": check.name,
            "state": check.state,
            "message": check.said,
            "advice": check.advice or None,
        }
    )
    colour = {"ok": "32", "warning": "33", "problem": "31"}[check.state]
    word = terminal.style.paint(check.state.ljust(8), colour)
    terminal.styled(f"{word} {check.name:9} {terminal.style.paint(check.said, '')}")
    if check.advice:
        terminal.line(f"{'':18} {check.advice}")
