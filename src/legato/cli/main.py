# SPDX-License-Identifier: Apache-2.0
"""The entry point `legato`: reads the environment once, finds the command, maps errors once.

Commands are loaded when they are used, so that `legato --help` loads neither engine nor store. The
table of commands here is all that the overview needs. Rules: CL1, CL10, CL11, CL13.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from legato import __version__, crashpoints, errors
from legato.cli.invocation import (
    BAD_INPUT,
    CANCELLED,
    OK,
    REFUSED,
    RUN_FAILED,
    Invocation,
    examples,
)

if TYPE_CHECKING:
    from typing import Any

EXIT_CODES: Final[tuple[tuple[type[errors.LegatoError], int], ...]] = (
    (errors.InvalidInput, BAD_INPUT),
    (errors.NotFound, BAD_INPUT),
    (errors.NotAllowed, REFUSED),
    (errors.Unauthenticated, REFUSED),
    (errors.Conflict, REFUSED),
    (errors.LimitExceeded, REFUSED),
    (errors.Refused, REFUSED),
    (errors.Unavailable, REFUSED),
)
"""The only place that maps error classes to exit codes; a defect is 1."""
DEBUG_VARIABLE: Final = "LEGATO_DEBUG"
COMPLETE_VARIABLE: Final = "_LEGATO_COMPLETE"
"""Set by the completion script of a shell: click then answers what could follow."""

COMMANDS: Final = {
    "run": ("legato.cli.run:run", "Run a workflow and watch it live."),
    "validate": ("legato.cli.validate:validate", "Check workflow files; nothing is executed."),
    "test": ("legato.cli.tests:test", "Run workflow tests, without a server."),
    "executions": ("legato.cli.executions:executions", "Look at executions and act on them."),
    "workflows": (
        "legato.cli.workflows:workflows",
        "Publish workflows and look at what is published.",
    ),
    "nodes": ("legato.cli.nodes:nodes", "Show the node types there are, or make your own."),
    "schema": ("legato.cli.schema:schema", "Print the JSON Schema of workflow or test files."),
    "openapi": ("legato.cli.openapi:openapi", "Print the description of the HTTP API."),
    "login": ("legato.cli.login:login", "Log in to a server; commands then ask it."),
    "logout": ("legato.cli.login:logout", "Forget a server, and revoke the key made there."),
    "up": ("legato.cli.up:up", "Start everything on this computer, and open it in the browser."),
    "engine": ("legato.cli.engine:engine", "Run every execution that has no live owner."),
    "serve": ("legato.cli.serve:serve", "Serve the HTTP API, with an engine."),
    "user": ("legato.cli.user:user", "Administer accounts: links, roles, passwords."),
    "token": ("legato.cli.token:token", "Administer API keys."),
    "credentials": ("legato.cli.credentials:credentials", "Keep what workflows log in with."),
    "keys": ("legato.cli.key_commands:keys", "Look at and rotate the keys of the installation."),
    "audit": ("legato.cli.audit:audit", "Read, check and take away who did what."),
    "backup": ("legato.cli.backup:backup", "Write everything into one file, while it runs."),
    "restore": ("legato.cli.backup:restore", "Put a backup into an empty home and database."),
    "doctor": ("legato.cli.doctor:doctor", "Check this installation and say what to do."),
    "completion": ("legato.cli.completion:completion", "Print the completion script of a shell."),
    "migrate": ("legato.cli.migrate:migrate", "Bring the database to this program's schema."),
    "version": ("legato.cli.version:version", "Print the version."),
}
INNER_COMMANDS: Final = {"up-server": "legato.cli.up_server:up_server"}
"""What `legato up` starts; nobody else has what they need, so the overview leaves them out."""


class LazyGroup(click.Group):
    """A group whose commands are named in a table and imported when they are used."""

    def __init__(
        self,
        table: Mapping[str, tuple[str, str]] | None = None,
        inner: Mapping[str, str] | None = None,
        **attributes: Any,
    ) -> None:
        """Make it.

        Args:
            table: Maps a name to (`module:attribute`, one line of help).
            inner: Maps names that are not shown to `module:attribute`.
            attributes: Of the group.
        """
        super().__init__(**attributes)
        self.table = dict(table or {})
        self._inner = dict(inner or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        entry = self.table.get(cmd_name)
        place = self._inner.get(cmd_name) if entry is None else entry[0]
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def _has(self, name: str) -> bool:
        return name in self.table or name in self._inner

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; of an unknown one say the nearest."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and not self._has(name):
            import difflib

            near = difflib.get_close_matches(name, self.table, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            ctx.fail(f"there is no command {name}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview from the table, without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry[1]) for name, entry in self.table.items()])


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    inner=INNER_COMMANDS,
    name="legato",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "legato run examples/repo-report.yaml --input path=.",
        "legato executions list",
        "legato executions resume ID",
    )
    + "\n\n\b\nExit codes: 0 ok, 1 the run failed, 2 bad input or usage, 3 refused,\n"
    "  4 needs attention, 130 cancelled.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of database and settings; default LEGATO_HOME or ~/.legato.",
)
@click.version_option(__version__, "-V", "--version", message="legato %(version)s")
@click.pass_context
def legato(ctx: click.Context, home: Path | None) -> None:
    """Durable workflows: every step is kept before the next begins."""
    ctx.obj.home = home.expanduser() if home is not None else None


def main() -> NoReturn:
    """Run the command of this process and exit with its code."""
    if order := os.environ.get(crashpoints.VARIABLE):
        try:
            crashpoints.arm(order)
        except ValueError as error:
            sys.exit(str(error))
    sys.exit(invoke(sys.argv[1:], dict(os.environ)))


def invoke(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run one command.

    Args:
        arguments: Without the program's name.
        env: The environment; nothing else of the command line reads it.

    Returns:
        The exit code; errors have been written to stderr.
    """
    _arm_crash_point(env)
    debug = env.get(DEBUG_VARIABLE, "") not in {"", "0"}
    invocation = Invocation(
        env={name: value for name, value in env.items() if name != DEBUG_VARIABLE},
        # Usage errors come before the command's own option has been read.
        as_json="--json" in arguments,
    )
    try:
        result = legato.main(
            list(arguments), "legato", COMPLETE_VARIABLE, standalone_mode=False, obj=invocation
        )
    except Exception as error:  # the outermost edge: nothing passes as a traceback
        if debug:
            raise
        return _report(invocation, error)
    except KeyboardInterrupt:
        invocation.terminal.note("cancelled")
        return CANCELLED
    return result if isinstance(result, int) else OK


def _arm_crash_point(env: Mapping[str, str]) -> None:
    """Have a process of the crash tests die where its variable says."""
    order = env.get("LEGATO_CRASH_POINT", "")
    if order:
        from legato.crashpoints import arm

        arm(order)


def _report(invocation: Invocation, error: Exception) -> int:
    """Write one error and return its exit code."""
    terminal = invocation.terminal
    if isinstance(error, click.exceptions.Abort):
        terminal.note("cancelled")
        return CANCELLED
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        ctx = getattr(error, "ctx", None)
        path = ctx.command_path if ctx is not None else "legato"
        terminal.error("usage", error.format_message(), f"See {path} --help.")
        return BAD_INPUT
    if isinstance(error, errors.InvalidDocument):
        from legato.cli.problems import report_problems

        report_problems(terminal, error)
        return BAD_INPUT
    if isinstance(error, errors.LegatoError):
        terminal.error(error.code, error.message, error.hint)
        for kind, code in EXIT_CODES:
            if isinstance(error, kind):
                return code
        return RUN_FAILED
    hint = f"This is a defect in Legato; {DEBUG_VARIABLE}=1 shows where it happened."
    terminal.error("internal", f"{type(error).__name__}: {error}", hint)
    return RUN_FAILED
