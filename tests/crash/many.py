# SPDX-License-Identifier: Apache-2.0
"""An engine with many executions of one workflow; it says their ids and runs until it is killed.

python -m tests.crash.many FILE COUNT LEDGER GATE
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from legato.app import build, node_catalogue, run
from legato.model.document.validate import load_workflow
from legato.model.policy import Limits
from legato.runtime.submission import Submission
from legato.settings import load_settings


async def work(name: str, text: bytes, count: int, inputs: dict[str, str]) -> None:
    """Start them, say their ids, and go on for ever."""
    loaded = load_workflow(text, catalogue=node_catalogue(), file=name, limits=Limits())
    async with build(load_settings(os.environ), role="engine") as app:
        ids = [await app.engine.submit(Submission(loaded, inputs)) for _ in range(count)]
        print(json.dumps({"ids": ids}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    _, name, number, socket, gate = sys.argv
    run(work(name, Path(name).read_bytes(), int(number), {"ledger": socket, "gate": gate}))
