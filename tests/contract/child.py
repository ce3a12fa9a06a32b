# SPDX-License-Identifier: Apache-2.0
"""A process of its own for tests: appends to its executions until it is killed or done.

    python -m tests.contract.child HOME ENGINE FIRST COUNT TURNS

Registers ENGINE, creates COUNT executions from number FIRST, appends TURNS turns to each (0: until
killed) and prints `number seq` for every turn that was accepted, after its commit.
"""

import asyncio
import sys
from pathlib import Path

from legato.adapters.sql.open import make_stores
from legato.model.ids import EngineId
from legato.ports.log import Turn
from legato.ports.stores import Stores
from tests.contract.build import born, turn


async def main(home: Path, engine: EngineId, first: int, count: int, turns: int) -> None:
    """Run as the module docstring says."""
    stores = make_stores(f"sqlite:///{home}/legato.db", f"file://{home}/blobs", home=home)
    await stores.lifecycle.open()
    await stores.owners.register(engine, lease_ms=3_600_000, adopts=True)
    numbers = range(first, first + count)
    await say(stores, [born(each, owner=engine, project={"is_busy": True}) for each in numbers], 1)
    seq = 1
    while turns == 0 or seq < turns:
        batch = [turn(each, after=seq, project={"is_busy": True}) for each in numbers]
        seq += 1
        await say(stores, batch, seq)
    await stores.lifecycle.close()


async def say(stores: Stores, batch: list[Turn], seq: int) -> None:
    """Append turns and say which were accepted."""
    accepted = await stores.log.append(batch)
    for each, is_accepted in zip(batch, accepted, strict=True):
        if is_accepted:
            number = int(each.execution_id[-12:], 16)
            print(number, seq, flush=True)


if __name__ == "__main__":
    home, engine, *numbers = sys.argv[1:]
    first, count, turns = map(int, numbers)
    asyncio.run(main(Path(home), EngineId(engine), first, count, turns))
