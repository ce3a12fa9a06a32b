# SPDX-License-Identifier: Apache-2.0
"""`legato engine`: run every execution that has no live owner, until told to stop.

Rules: OW4, OW14, EN14, EN17, EN18.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Final

import click

from legato.cli.invocation import OK, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.app import App

IDLE_LOOK_S: Final = 1.0
_MOVING: Final = ("queued", "running", "waiting")
"""Statuses that can change without a person settling something first."""


@click.command(
    epilog=examples(
        "legato engine", "legato engine --until-idle", "LEGATO_HOME=/data legato engine"
    )
)
@click.option("--until-idle", is_flag=True, help="End when nothing is left that could go on.")
@command_options
def engine(invocation: Invocation, until_idle: bool) -> int:
    """Run every execution that has no live owner. SIGTERM or Ctrl-C drains and ends it."""
    from legato.app import build, run
    from legato.cli.logs import begin_logs

    async def work() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        settings = invocation.settings()
        begin_logs(invocation, settings, quiet=True)
        async with build(settings, role="engine") as app:
            _say_ready(invocation, app)
            if until_idle:
                await _until_idle(app, stop)
            else:
                await _until_told(app, stop)
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)  # the next one ends it at once
            invocation.terminal.json({"type": "stopping"})
            invocation.terminal.line("stopping: running attempts may finish, nothing new starts")
            await app.engine.stop(drain=True)
        return OK

    return run(work())


async def _until_told(app: App, stop: asyncio.Event) -> None:
    """Keep schedules, and let go who waits, until told to stop."""
    from legato.app.companions import engine_companions

    companions = engine_companions(app)
    for each in companions:
        each.start()
    await stop.wait()
    for each in companions:
        each.stop()


def _say_ready(invocation: Invocation, app: App) -> None:
    engine_id = app.engine.engine_id
    invocation.terminal.json({"type": "ready", "engine": engine_id, "pid": os.getpid()})
    invocation.terminal.line(f"engine {engine_id} is ready, process {os.getpid()}")


async def _until_idle(app: App, stop: asyncio.Event) -> None:
    """Return when no execution is left that could go on by itself, or when told to stop."""
    from legato.model.ids import LOCAL_WORKSPACE

    while True:
        with_open = await app.stores.executions.counts(LOCAL_WORKSPACE)
        if not any(with_open.get(status, 0) for status in _MOVING) and app.engine.busy == 0:
            return
        try:
            async with asyncio.timeout(IDLE_LOOK_S):
                await stop.wait()
        except TimeoutError:
            continue
        return
