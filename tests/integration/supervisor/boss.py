# SPDX-License-Identifier: Apache-2.0
"""A supervisor that a test kills: it says the process ids of its children, and waits."""

import asyncio
import json
import sys

from legato.supervisor.output import Output
from legato.supervisor.supervisor import Supervisor
from tests.integration.supervisor.site import child


async def main() -> int:
    """Run to the end."""
    with Output(sys.stderr) as output:
        async with Supervisor(output) as supervisor:
            pids = []
            for what in sys.argv[1:]:
                supervisor.start(child(what))
                pids.append((await supervisor.announcement(what))["pid"])
            print(json.dumps(pids), flush=True)
            return await supervisor.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
