# SPDX-License-Identifier: Apache-2.0
"""`legato serve`: the HTTP API and an engine, in one process and one event loop.

What is not safe is refused before the port is opened. Rules: HT24-HT26, ID11.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import click

from legato.cli.invocation import OK, RUN_FAILED, Invocation, command_options, examples

if TYPE_CHECKING:
    from legato.api.server import HttpServer
    from legato.app import App
    from legato.settings import Settings

PORT_MAX: Final = 65_535
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@click.command(
    epilog=examples(
        "legato serve",
        "legato serve --port 0 --json",
        "LEGATO_PUBLIC_URL=https://legato.example.org legato serve",
    )
)
@click.option("--host", help="Address to listen on; default 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, PORT_MAX), help="Default 8420; 0: any free one.")
@command_options
def serve(invocation: Invocation, host: str | None, port: int | None) -> int:
    """Serve the HTTP API, with an engine. SIGTERM or Ctrl-C drains and ends it."""
    from legato.api.startup import refuse_unsafe
    from legato.app import build, run
    from legato.app.server import make_server

    settings = _settings(invocation, host, port)
    refuse_unsafe(settings)

    async def work() -> int:
        app = build(settings, role="engine")
        server = make_server(app)
        server.bind()
        try:
            return await _serve(invocation, app, server)
        finally:
            await server.stop()

    return run(work())


def _settings(invocation: Invocation, host: str | None, port: int | None) -> Settings:
    from legato.cli.logs import begin_logs

    settings = invocation.settings()
    begin_logs(invocation, settings)
    given = {"host": host, "port": port}
    chosen = {name: value for name, value in given.items() if value is not None}
    return settings.model_copy(update={"server": settings.server.model_copy(update=chosen)})


async def _serve(invocation: Invocation, app: App, server: HttpServer) -> int:
    from legato.api.setup import new_setup_link

    def say_stopping() -> None:
        invocation.terminal.json({"event": "stopping"})
        invocation.terminal.line("stopping: what runs may finish, nothing new starts")

    stop = asyncio.Event()
    stop_on_signals(stop)
    async with app:
        base = app.settings.server.public_url or server.url
        setup_url = await new_setup_link(app.stores.accounts, base)
        await server.start()
        ready = {"event": "ready", "url": server.url, "setup_url": setup_url, "pid": os.getpid()}
        invocation.terminal.json(ready)
        invocation.terminal.line(f"legato serves {server.url}, process {os.getpid()}")
        if setup_url is not None:
            invocation.terminal.line(f"set it up within an hour: {setup_url}")
        return await until_stopped(app, server, stop, say_stopping)


def stop_on_signals(stop: asyncio.Event) -> None:
    """Have the first SIGINT or SIGTERM set an event."""
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def until_stopped(
    app: App, server: HttpServer, stop: asyncio.Event, say_stopping: Callable[[], None]
) -> int:
    """Serve until the event is set, then drain server and engine; return the exit code."""
    ended = asyncio.ensure_future(server.wait())
    told = asyncio.ensure_future(stop.wait())
    await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
    for number in _SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(number)  # the next one ends it at once
    say_stopping()
    has_failed = ended.done()
    told.cancel()
    await asyncio.gather(server.stop(), app.engine.stop(drain=True))
    await asyncio.gather(ended, told, return_exceptions=True)
    return RUN_FAILED if has_failed else OK
