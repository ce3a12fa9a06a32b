# SPDX-License-Identifier: Apache-2.0
"""What a route is measured beside: a FastAPI route that answers the same value and does no more.

    python -m benchmarks.bare_server PORT VALUE.json [PATH]

The same loop, parser, and settings of process and server as `legato serve`; uvicorn's own
connection, no middleware, no log. A return type lets FastAPI encode the answer in its fast way.
"""

import asyncio
import json
import sys
from pathlib import Path

from fastapi import FastAPI
from uvicorn import Config, Server

from legato.api.server import BACKLOG
from legato.app import run
from legato.settings import ServerSettings

PATH = "/api/v1/auth/me"


def application(value: dict[str, object], path: str) -> FastAPI:
    """Return an application with one route that answers this; its id, if it has one, is read."""
    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    async def bare() -> dict[str, object]:
        return value

    async def of_id(execution_id: str) -> dict[str, object]:
        return value

    made.get(path)(of_id if "{" in path else bare)
    return made


async def main() -> None:
    """Serve until the process is ended."""
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    path = sys.argv[3] if len(sys.argv) > 3 else PATH
    value = json.loads(await asyncio.to_thread(file.read_bytes))
    config = Config(
        application(value, path),
        port=port,
        http="httptools",
        ws="none",
        proxy_headers=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=ServerSettings().keep_alive_s,
    )
    await Server(config).serve()


if __name__ == "__main__":
    run(main())
