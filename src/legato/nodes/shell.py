# SPDX-License-Identifier: Apache-2.0
"""shell.run: one granted program, by argument list, without a shell.

Rules: ND12, ND13, ND14, ND15.
"""

import asyncio
import re
import shutil
import signal
from pathlib import Path
from typing import Final

from pydantic import Field

from legato.nodes.fields import Config, Output, not_granted, refused, without_nul
from legato.nodes.safe_paths import folder_inside
from legato.ports.grants import Grants
from legato.ports.node import (
    PROGRAM_OUTPUT_BYTES_MAX,
    PROGRAM_PATH,
    NodeContext,
    NodeFailure,
    ProgramCall,
    Secret,
    node,
)

OUTPUT_BYTES_MAX: Final = 16 * 1024 * 1024
_SAID_BYTES: Final = 600
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_ENV_REFUSED: Final = re.compile(
    r"(LD_|DYLD_|GIT_|BASH_|PYTHON|PERL|RUBY|NODE_|JAVA_|_JAVA|LEGATO_).*"
    r"|PATH|IFS|ENV|SHELLOPTS|PS4|HOME|TMPDIR|.*(PAGER|EDITOR|ASKPASS)|VISUAL|BROWSER|SHELL"
)
"""Names by which a harmless program is made to run another one."""

Argument = str | int | float


class RunConfig(Config):
    """`with` of shell.run."""

    program: str = Field(description="A granted program: its name, or its absolute path.")
    args: tuple[Argument, ...] = Field(
        default=(), description="Its arguments, each handed over exactly as it stands here."
    )
    stdin: Secret | None = Field(default=None, description="What the program reads.")
    cwd: str | None = Field(
        default=None,
        description="Folder to run in, inside a granted root; else a scratch folder.",
    )
    env: dict[str, str] = Field(
        default_factory=dict, description="Variables; the environment is empty otherwise."
    )
    ok_exit_codes: tuple[int, ...] = Field(
        default=(0,), description="Exit codes that count as success."
    )
    max_output_bytes: int = Field(
        default=PROGRAM_OUTPUT_BYTES_MAX,
        ge=0,
        le=OUTPUT_BYTES_MAX,
        description="How much of stdout and of stderr is kept; the rest is dropped.",
    )


class RunOutput(Output):
    """Output of shell.run."""

    stdout: str = Field(description="What it printed, as UTF-8; other bytes are replaced.")
    stderr: str = Field(description="What it printed to standard error.")
    exit_code: int = Field(description="Its exit code.")
    truncated: bool = Field(description="Whether output was dropped.")


@node(
    "shell.run",
    title="Run a program",
    group="system",
    icon="terminal",
    effect="non_idempotent",
    timeout_ms=600_000,
    secret_fields=("stdin",),
    example="""\
uses: shell.run
effect: pure
with:
  program: git
  args: [-C, /srv/repository, log, --oneline, --since, 7 days ago]
""",
)
async def run(ctx: NodeContext, config: RunConfig) -> RunOutput:
    """Run a program that the operator granted.

    There is no shell: arguments such as `$(id)`, `;id` or a newline arrive as they are. By
    default no program is granted; the operator names them in `legato.toml`:
    `[grants.shell] programs = ["git"]`. Grant a program only if you would let the authors of
    workflows use it with any arguments: many can run others.

    The program gets an empty environment (PATH, LANG, HOME and TMPDIR aside), a scratch folder as
    home, limits on time, memory and files, and ends with the attempt, with all its descendants.
    Where bubblewrap is installed it also runs without network, and cannot see Legato's own files.

    Fails with `exit.N` for an exit code that is not in `ok_exit_codes`, `not_granted`,
    `not_found`, `timeout`, or `killed` when a signal ended it.
    """
    call = ProgramCall(
        program=granted_program(ctx.grants, config.program),
        args=tuple(_text_of(each) for each in config.args),
        stdin=b"" if config.stdin is None else config.stdin.get_secret_value().encode(),
        cwd=await asyncio.to_thread(folder_inside, ctx.grants, config.cwd) if config.cwd else None,
        env=_checked_env(config.env),
        max_output_bytes=config.max_output_bytes,
    )
    result = await ctx.run_program(call)
    stderr = without_nul(result.stderr.decode("utf-8", "replace"))
    if result.exit_code < 0:
        raise NodeFailure("killed", f"{config.program} was ended by {_name_of(-result.exit_code)}")
    if result.exit_code not in config.ok_exit_codes:
        raise NodeFailure(
            f"exit.{result.exit_code}",
            f"{config.program} ended with exit code {result.exit_code}: {_end_of(stderr)}",
        )
    return RunOutput(
        stdout=without_nul(result.stdout.decode("utf-8", "replace")),
        stderr=stderr,
        exit_code=result.exit_code,
        truncated=result.truncated,
    )


def granted_program(grants: Grants, program: str) -> Path:
    """Return the absolute path of a granted program.

    Names are looked up in a fixed path, never in the engine's own.

    Raises:
        NodeFailure: `not_granted` or `not_found`.
    """
    wanted = _find(program)
    for grant in grants.programs:
        if program == grant or (wanted is not None and wanted == _find(grant)):
            break
        if "/" not in program and Path(grant).is_absolute() and Path(grant).name == program:
            wanted = _find(grant)
            break
    else:
        line = f'[grants.shell] programs = ["{program:.100}"]'
        raise not_granted(f"{program!r:.100} may not be run here", line)
    if wanted is None:
        raise refused(
            "not_found", f"{program!r:.100} is granted but not installed (looked in {PROGRAM_PATH})"
        )
    return wanted


def _find(program: str) -> Path | None:
    if not program or "\0" in program or ("/" in program and not program.startswith("/")):
        return None
    found = shutil.which(program, path=PROGRAM_PATH)
    return None if found is None else Path(found)


def _text_of(argument: Argument) -> str:
    """Write an argument; a whole number that CEL made a double loses its `.0`."""
    if isinstance(argument, float) and argument.is_integer() and abs(argument) < 2**53:
        return str(int(argument))
    return str(argument)


def _checked_env(env: dict[str, str]) -> dict[str, str]:
    for name in env:
        if _ENV_NAME.fullmatch(name) is None or _ENV_REFUSED.fullmatch(name.upper()):
            raise refused(
                "invalid_argument",
                f"the variable {name!r:.100} cannot be set: it changes which code the program runs",
            )
    return env


def _end_of(stderr: str) -> str:
    text = stderr.strip()
    return text if len(text) <= _SAID_BYTES else "…" + text[-_SAID_BYTES:]


def _name_of(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
