# SPDX-License-Identifier: Apache-2.0
"""What a shell offers where an id, a name or a node type is wanted.

A key press must neither wait long, nor change anything, nor say anything: a store that is not
there, is old or does not answer offers nothing. Rules: CL37.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    import click

    from legato.app import App

OFFERED_MAX: Final = 50
PATIENCE_S: Final = 2.0


def execution_ids(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the newest executions, each with its workflow and status."""

    async def find(app: App) -> list[CompletionItem]:
        from legato.model.ids import LOCAL_WORKSPACE
        from legato.ports.executions import ExecutionFilter

        wanted = ExecutionFilter(workspace=LOCAL_WORKSPACE, limit=10 * OFFERED_MAX)
        rows = await app.stores.executions.find(wanted)
        fitting = [row for row in rows if row.execution_id.startswith(incomplete.lower())]
        return [
            CompletionItem(row.execution_id, help=f"{row.workflow} {row.status}")
            for row in fitting[:OFFERED_MAX]
        ]

    return _quietly(ctx, find)


def workflow_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the names of published workflows."""

    async def find(app: App) -> list[CompletionItem]:
        from legato.model.ids import LOCAL_WORKSPACE

        names = await app.stores.versions.names(LOCAL_WORKSPACE)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return _quietly(ctx, find)


def workflows_and_files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer published workflows, and let the shell offer files."""
    return [*workflow_names(ctx, param, incomplete), CompletionItem(incomplete, type="file")]


def node_types(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer node types with their titles."""
    from legato.app import node_catalogue

    try:
        found = sorted(node_catalogue().items())
    except Exception:  # noqa: BLE001 - a broken plugin must not disturb whoever types
        return []
    return [
        CompletionItem(uses, help=info.title) for uses, info in found if uses.startswith(incomplete)
    ]


def _quietly(
    ctx: click.Context, find: Callable[[App], Awaitable[list[CompletionItem]]]
) -> list[CompletionItem]:
    """Ask the store, if it is there and as this program expects it."""
    from legato.app import build, look_at_schema, run
    from legato.settings import load_settings

    invocation = ctx.find_root().obj

    async def work() -> list[CompletionItem]:
        settings = load_settings(invocation.env, _home(ctx))
        async with asyncio.timeout(PATIENCE_S):
            if (await look_at_schema(settings)).state != "current":
                return []
            async with build(settings, role="reader") as app:
                return list(await find(app))

    try:
        return run(work())
    except Exception:  # noqa: BLE001 - as above
        return []


def _home(ctx: click.Context) -> Path | None:
    """Return `--home`, which no callback has taken in while a line is being typed."""
    home: Path | None = ctx.find_root().params.get("home")
    return None if home is None else home.expanduser()
