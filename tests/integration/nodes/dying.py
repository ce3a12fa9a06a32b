# SPDX-License-Identifier: Apache-2.0
"""A process that runs one attempt of a file node and dies by SIGKILL at a chosen system call.

    python -m tests.integration.nodes.dying FOLDER USES CONFIG ATTEMPT CALL

CALL is the number of the call among those that change names or make them durable; 0 never dies.
Each of them is printed first, so that somebody else may do the killing; the last line is the kind
of report.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from legato.nodes import files
from legato.ports.grants import Grants
from tests.unit.nodes.world import World

CALLS = ("link", "rename", "unlink", "mkdir", "fsync")


def die_at(number: int) -> None:
    """Count the calls and die just before the one of that number."""
    count = 0

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            print(name, flush=True)
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    for name in CALLS:
        setattr(os, name, counted(name, getattr(os, name)))


async def attempt(folder: Path, uses: str, config: Any, number: int) -> str:
    """Run it; return what the report is."""
    world = World(folder)
    world.grants = Grants(roots=(folder / "granted",))
    types = {each.info.uses: each for each in files.NODE_TYPES}
    report = await world.run(types[uses], config, attempt=number)
    await world.launcher.close()
    await world.sink.close()
    return type(report).__name__


if __name__ == "__main__":
    where, which, what, which_attempt, call = sys.argv[1:]
    die_at(int(call))
    print(asyncio.run(attempt(Path(where), which, json.loads(what), int(which_attempt))))
