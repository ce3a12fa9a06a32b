# SPDX-License-Identifier: Apache-2.0
"""Sees to it, before anything starts, that the programs of a workflow may be started.

A run that fails half way for want of a grant is worse than one that is refused. Rules: CL1, ND13.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from legato.cli.grants import allow_programs, missing_programs, programs_of, toml_line
from legato.cli.terminal import read_line
from legato.cli.text import escape
from legato.errors import NotAllowed
from legato.model.workflow import decode_workflow

if TYPE_CHECKING:
    from legato.cli.invocation import Invocation
    from legato.ports.stores import Stores
    from legato.runtime.history import History
    from legato.settings import Settings


def with_grants(
    invocation: Invocation,
    settings: Settings,
    wanted: Sequence[str],
    *,
    given: tuple[str, ...],
    yes: bool = False,
) -> Settings:
    """Return settings that grant every wanted program, asking where somebody is there.

    Args:
        invocation: Where to ask.
        settings: With what is granted so far.
        wanted: Programs by name or path.
        given: Granted on the command line for this process.
        yes: Allow what is missing without a question.

    Raises:
        NotAllowed: A program is not granted and nobody can be asked, or the answer was no.
    """
    granted = settings.grants.shell.programs
    missing = missing_programs(wanted, granted)
    if not missing:
        return settings
    file = invocation.settings_file(settings)
    names = ", ".join(missing)
    if yes or _agrees(invocation, names):
        allow_programs(file, missing)
        invocation.terminal.note(f"allowed in {file}: {names}")
        return invocation.settings(programs=tuple(dict.fromkeys((*given, *missing))))
    flags = " ".join(f"--allow-program {name}" for name in missing)
    line = toml_line(dict.fromkeys([*(each for each in granted if each not in given), *missing]))
    raise NotAllowed(
        f"this workflow runs: {names}; not allowed on this machine.",
        hint=f"For this run: {flags}. For every run: in {file} under [grants.shell]: {line}",
    )


async def programs_ahead(stores: Stores, history: History) -> list[str]:
    """Return the programs that the unfinished nodes of an execution name, also in what they call.

    Programs of nodes that are done are not needed any more.
    """
    state = history.state
    ahead = [state.spec(index) for index, node in enumerate(state.nodes) if not node.is_final]
    workflow = state.graph.workflow
    found = programs_of([msgspec.structs.replace(workflow, nodes=tuple(ahead))])
    if state.started is None or not any(node.call is not None for node in ahead):
        return found
    for version in state.started.pins.values():
        row = await stores.versions.get(version)
        if row is not None:
            found += programs_of([decode_workflow(row.compiled)])
    return list(dict.fromkeys(found))


def _agrees(invocation: Invocation, names: str) -> bool:
    if not invocation.terminal.can_ask:
        return False
    question = escape(f"This workflow runs: {names}. Allow it on this machine?")
    return read_line(f"{question} [y/N]: ").strip().lower() in {"y", "yes"}
