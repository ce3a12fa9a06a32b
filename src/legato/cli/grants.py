# SPDX-License-Identifier: Apache-2.0
"""What a workflow needs beyond the safe default of nothing, and how a person allows it.

Found before a run by reading the document (nothing is executed), or after it by the kind of its
error. `legato.toml` is edited by adding to it: what else stands there, comments too, stays.
Rules: CL1, CL10, ND13.
"""

from __future__ import annotations

import copy
import os
import re
import shutil
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from legato.errors import InvalidInput, Unavailable
from legato.model.workflow import Workflow
from legato.ports.node import PROGRAM_PATH

_SHELL: Final = "shell.run"
_TABLE: Final = re.compile(r"^[ \t]*\[[ \t]*grants[ \t]*\.[ \t]*shell[ \t]*\][ \t]*(?:#.*)?$", re.M)
_PROGRAMS: Final = re.compile(r"^([ \t]*programs[ \t]*=[ \t]*)(\[[^\]]*\])", re.M)
_GRANT: Final = re.compile(r"(\[grants\.\w+\]) (\w+ = \[.*?\])")
"""How a node that was refused names the setting that would allow it."""
_NEXT_TABLE: Final = re.compile(r"^[ \t]*\[", re.M)


def programs_of(workflows: Iterable[Workflow]) -> list[str]:
    """Return the programs that workflows and their inline bodies name, each once, in order.

    A name that an expression makes is not known before the run and left out.
    """
    found: dict[str, None] = {}
    for workflow in workflows:
        for node in workflow.nodes:
            if node.call is not None and node.call.body is not None:
                found.update(dict.fromkeys(programs_of([node.call.body])))
            if node.uses != _SHELL:
                continue
            program = msgspec.json.decode(bytes(node.config)).get("program")
            if isinstance(program, str) and "${{" not in program:
                found[program] = None
    return list(found)


def missing_programs(wanted: Iterable[str], granted: Iterable[str]) -> list[str]:
    """Return the programs that no grant covers."""
    grants = list(granted)
    return [name for name in wanted if not any(_covers(grant, name) for grant in grants)]


def _covers(grant: str, program: str) -> bool:
    """Tell whether a grant allows a program, both by name or absolute path, as the node does."""
    if grant == program:
        return True
    if grant.startswith("/") and "/" not in program:
        return Path(grant).name == program
    if program.startswith("/") and "/" not in grant:
        return shutil.which(grant, path=PROGRAM_PATH) == program
    return False


def toml_line(programs: Iterable[str]) -> str:
    """Return what has to stand in `[grants.shell]`."""
    return f"programs = [{', '.join(_quoted(name) for name in programs)}]"


def missing_grant(message: str, file: Path) -> list[str]:
    """Return what to add to which file if an error says that a grant is missing, else nothing."""
    found = _GRANT.search(message)
    if found is None:
        return []
    return [f"If you want to allow it, add this to {file}:", f"  {found[1]}", f"  {found[2]}"]


def allow_programs(file: Path, programs: Iterable[str]) -> None:
    """Add programs to `[grants.shell]` of the settings file, making the file (0600) if needed.

    Raises:
        InvalidInput: The file is not in a shape that can be edited safely.
        Unavailable: It cannot be written.
    """
    try:
        before = file.read_text(encoding="utf-8") if file.exists() else ""
        after = _with_programs(before, list(programs), file)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
        fresh = file.with_name(f"{file.name}.new")
        with open(
            fresh, "w", encoding="utf-8",
            opener=lambda path, _: os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode),
        ) as out:  # fmt: skip
            out.write(after)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except OSError as error:
        raise Unavailable(
            f"cannot write {file}: {error.strerror}", hint="Check owner and rights of the folder."
        ) from None


def _with_programs(before: str, programs: list[str], file: Path) -> str:
    """Return the text with the programs granted; it says exactly that and what it said before."""
    try:
        parsed = tomllib.loads(before)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{file}: is not valid TOML: {error}") from None
    had = list(parsed.get("grants", {}).get("shell", {}).get("programs", []))
    line = toml_line(dict.fromkeys([*had, *programs]))
    table = _TABLE.search(before)
    if table is None:
        above = before.rstrip("\n") + "\n\n" if before.strip() else before
        after = f"{above}[grants.shell]\n{line}\n"
    else:
        end = _NEXT_TABLE.search(before, table.end())
        stop = end.start() if end is not None else len(before)
        body = before[table.end() : stop]
        if _PROGRAMS.search(body):
            body = _PROGRAMS.sub(lambda match: match[1] + line.partition("= ")[2], body, count=1)
        else:
            body = f"\n{line}{body}"
        after = before[: table.end()] + body + before[stop:]
    _check(after, parsed, had, programs, file)
    return after


def _check(
    after: str, parsed: dict[str, Any], had: list[str], programs: list[str], file: Path
) -> None:
    """See that the edited text means what it should, whatever way the file was written."""
    wanted = list(dict.fromkeys([*had, *programs]))
    expected = copy.deepcopy(parsed)
    expected.setdefault("grants", {}).setdefault("shell", {})["programs"] = wanted
    try:
        is_right = tomllib.loads(after) == expected
    except tomllib.TOMLDecodeError:
        is_right = False
    if not is_right:
        raise InvalidInput(
            f"{file}: its grants cannot be edited safely",
            hint=f"Add it by hand: [grants.shell] {toml_line(wanted)}",
        )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
