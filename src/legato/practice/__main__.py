# SPDX-License-Identifier: Apache-2.0
"""`python -m legato.practice --ledger FOLDER --port N`: run the practice service.

The first line on stdout is JSON and says the port. It ends when the pipe that it holds of its
supervisor closes, and on SIGTERM. Rules: PR8, PR9.
"""

import argparse
import asyncio
import contextlib
import functools
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from legato.errors import Conflict, LegatoError, Unavailable
from legato.practice.ledger import Ledger
from legato.practice.service import Service

HOST: Final = "127.0.0.1"
"""Only this computer may ask; there is no option."""
REFUSED: Final = 3
FACTOR_MAX: Final = 10.0


def main(arguments: Sequence[str]) -> int:
    """Run the service to its end; return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with (
            contextlib.closing(Ledger(options.ledger, _now_ms)) as ledger,
            _listening(options) as listening,
        ):
            asyncio.run(_serve(ledger, listening, options))
    except LegatoError as error:
        print(f"legato.practice: {error}", file=sys.stderr)  # noqa: T201 - a program
        return REFUSED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m legato.practice")
    parser.add_argument("--ledger", type=Path, required=True, help="folder of its ledger")
    parser.add_argument("--port", type=_port, default=0, help="on loopback; 0 takes a free one")
    parser.add_argument(
        "--listening", type=int, help="descriptor of a socket that listens on loopback already"
    )
    parser.add_argument("--pipe", type=int, help="descriptor whose end of file ends the service")
    parser.add_argument(
        "--delay-factor", type=_factor, default=1.0, help="how slow it is; smaller in tests"
    )
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 65_536:
        raise ValueError
    return port


def _factor(text: str) -> float:
    factor = float(text)
    if not 0.0 <= factor <= FACTOR_MAX:
        raise ValueError
    return factor


def _listening(options: argparse.Namespace) -> socket.socket:
    if options.listening is not None:
        return _given(options.listening)
    port = options.port
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise Conflict(f"cannot listen on {HOST}:{port}: {error.strerror}") from None
    listening.settimeout(0)
    return listening


def _given(descriptor: int) -> socket.socket:
    """Take a socket of the supervisor, which keeps it over our crashes."""
    try:
        listening = socket.socket(fileno=descriptor)
        address = listening.getsockname()
    except OSError as error:
        raise Unavailable(f"--listening {descriptor}: {error.strerror}") from None
    if listening.family != socket.AF_INET or address[0] != HOST:
        listening.close()
        raise Conflict(f"--listening {descriptor}: listens elsewhere than on {HOST}")
    listening.settimeout(0)
    return listening


async def _serve(ledger: Ledger, listening: socket.socket, options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.pipe is not None:
        _watch(options.pipe, stop)
    pause = functools.partial(_pause, options.delay_factor)
    serving = asyncio.create_task(Service(ledger, pause=pause).serve(listening))
    stopping = asyncio.create_task(stop.wait())
    said = {"event": "ready", "port": listening.getsockname()[1], "pid": os.getpid()}
    with contextlib.suppress(OSError):  # nobody reads it
        print(json.dumps(said), flush=True)  # noqa: T201 - a program
    await asyncio.wait({serving, stopping}, return_when="FIRST_COMPLETED")
    stopping.cancel()
    if not serving.done():
        serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _watch(pipe: int, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    try:
        os.set_blocking(pipe, False)
        loop.add_reader(pipe, _read_pipe, pipe, stop)
    except OSError as error:
        raise Unavailable(f"--pipe {pipe}: {error.strerror}") from None


def _read_pipe(pipe: int, stop: asyncio.Event) -> None:
    try:
        is_open = bool(os.read(pipe, 64))
    except BlockingIOError:
        return
    except OSError:
        is_open = False
    if not is_open:
        asyncio.get_running_loop().remove_reader(pipe)
        stop.set()


async def _pause(factor: float, seconds: float) -> None:
    await asyncio.sleep(factor * seconds)


def _now_ms() -> int:
    return int(time.time() * 1000)  # noqa: TID251 - a program of its own, without the clock port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
