# SPDX-License-Identifier: Apache-2.0
"""What one call of the command line knows: environment, home, and how it was asked to answer.

Imports nothing heavy: `legato --help` comes through here. Rules: CL3, CL11, CL13.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from legato.cli.terminal import Terminal
    from legato.settings import Settings

OK: Final = 0
RUN_FAILED: Final = 1
BAD_INPUT: Final = 2
REFUSED: Final = 3
NEEDS_ATTENTION: Final = 4
CANCELLED: Final = 130


@dataclass(slots=True)
class Invocation:
    """One call. `as_json` is set by the command's own option before the command runs."""

    env: Mapping[str, str]
    home: Path | None = None
    as_json: bool = False
    _terminal: Terminal | None = field(default=None, repr=False)

    @property
    def terminal(self) -> Terminal:
        """Where answers go: stdout for results, stderr for everything else."""
        if self._terminal is None:
            from legato.cli.terminal import Terminal

            self._terminal = Terminal(as_json=self.as_json, env=self.env)
        return self._terminal

    def settings_file(self, settings: Settings) -> Path:
        """Return the file where settings are written, whether it is there or not."""
        named = self.env.get("LEGATO_CONFIG")
        return Path(named).expanduser().absolute() if named else settings.home / "legato.toml"

    def settings(self, *, programs: tuple[str, ...] = ()) -> Settings:
        """Read the settings, warn of unknown names on stderr, and set up logging.

        Args:
            programs: Granted to `shell.run` for this process in addition to the settings.

        Raises:
            InvalidInput: One line per mistake.
        """
        from legato.settings import load_settings
        from legato.telemetry import configure_logging

        settings = load_settings(self.env, self.home)
        for warning in settings.warnings:
            self.terminal.note(f"warning: {warning}")
        # A person who watches a run wants the run; warnings and errors still come through.
        quiet = "LEGATO_LOG_LEVEL" not in self.env and settings.log_level == "info"
        configure_logging("warning" if quiet else settings.log_level, as_json=self.as_json)
        if not programs:
            return settings
        shell = settings.grants.shell.model_copy(
            update={"programs": tuple(dict.fromkeys((*settings.grants.shell.programs, *programs)))}
        )
        grants = settings.grants.model_copy(update={"shell": shell})
        return settings.model_copy(update={"grants": grants})


def command_options(function: Callable[..., int | None]) -> Callable[..., int]:
    """Give a command `--json` and its `Invocation`; the function's result is the exit code."""

    @click.option("--json", "as_json", is_flag=True, help="One JSON value per line on stdout.")
    @functools.wraps(function)
    def wrapped(*args: Any, as_json: bool, **kwargs: Any) -> int:
        invocation: Invocation = click.get_current_context().find_root().obj
        invocation.as_json = as_json
        return function(invocation, *args, **kwargs) or OK

    return wrapped


def examples(*lines: str) -> str:
    """Return an epilog of examples that click leaves as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
