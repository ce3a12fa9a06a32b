# SPDX-License-Identifier: Apache-2.0
"""Sees to it that an engine is there for an execution that this process does not run itself.

A live engine is used; otherwise `legato engine --until-idle` is started in the background, in a
session of its own, so that closing the terminal does not end it. Rules: OW9, CL2.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from legato.errors import Unavailable
from legato.runtime.history import live_engines

if TYPE_CHECKING:
    from legato.app import App
    from legato.cli.invocation import Invocation
    from legato.ports.owners import EngineRow

START_WAIT_S: Final = 20.0
_LOOK_S: Final = 0.1


async def ensure_engine(app: App, invocation: Invocation) -> EngineRow:
    """Return a live engine that adopts executions, starting one if there is none.

    Raises:
        Unavailable: It could not be started; the message names its log file.
    """
    found = await _adopter(app)
    if found is not None:
        return found
    log = app.settings.home / "engines" / "background.log"
    process = await asyncio.to_thread(_start, app.settings.home, log, dict(invocation.env))
    try:
        async with asyncio.timeout(START_WAIT_S):
            while process.poll() is None:
                found = await _adopter(app)
                if found is not None:
                    return found
                await app.stores.changes.wait(_LOOK_S)
    except TimeoutError:
        process.terminate()
    raise Unavailable("the engine in the background does not start", hint=f"Look into {log}.")


async def _adopter(app: App) -> EngineRow | None:
    return next((each for each in await live_engines(app.stores) if each.adopts), None)


def _start(home: Path, log: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
        return subprocess.Popen(
            [sys.executable, "-m", "legato.cli", "--home", str(home), "engine", "--until-idle"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            start_new_session=True,
        )
