# SPDX-License-Identifier: Apache-2.0
"""Drives a node's coroutine by hand, inside the task of its attempt.

Why not a task of its own: that costs 6-8 µs for a node that never waits, and a `SystemExit` that
leaves a task stops the whole loop. Driving by hand keeps every exception of the node here, and
makes it possible to leave a node behind that swallows its cancellation: when the grace is over
its coroutine is closed and the attempt goes on without it.

Rules: ND6, EN12, AT18.
"""

import asyncio
import contextlib
import types
from collections.abc import Coroutine, Generator
from typing import Any, Final

from legato.runtime.attempt.context import Attempt

Outcome = tuple[Any, BaseException | None]
"""What the node returned, or what it raised."""

_PlainFuture: Final = asyncio.Future
"""Cancelling one always takes effect at once; a task or a gathering may refuse."""


class GivenUp(Exception):
    """The node did not stop within the grace and was left behind."""


@types.coroutine
def drive(attempt: Attempt, node: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Outcome]:
    """Run a coroutine to its end, or until it is given up.

    Never raises what the node raises. A `GeneratorExit` from outside closes the node and passes.
    """
    try:
        waits_for = node.send(None)
    except StopIteration as stop:
        return stop.value, None
    except BaseException as error:  # noqa: BLE001 - this is the boundary that contains a node
        return None, error
    while True:
        thrown: BaseException | None = None
        try:
            if type(waits_for) is _PlainFuture or waits_for is None:
                yield waits_for
            else:
                yield from _wait_interruptibly(attempt, waits_for)
        except GeneratorExit:
            _close(node)
            raise
        except BaseException as error:  # noqa: BLE001 - handed to the node
            thrown = error
        if attempt.given_up:
            _close(node)
            return None, GivenUp()
        try:
            if thrown is None:
                waits_for = node.send(None)
            else:
                attempt.noticed = attempt.noticed or not attempt.in_thread
                waits_for = node.throw(thrown)
        except StopIteration as stop:
            return stop.value, None
        except BaseException as error:  # noqa: BLE001 - this is the boundary that contains a node
            return None, error


def _wait_interruptibly(attempt: Attempt, waits_for: Any) -> Generator[Any, None, None]:
    """Wait for a future that may refuse to be cancelled (a task, a gathering).

    The attempt's task waits for a gate of ours instead, so that giving up always wakes it. A
    cancellation is passed on the way the task itself would do it.
    """
    waits_for._asyncio_future_blocking = False  # the mark by which a task knows it may wait
    loop = asyncio.get_running_loop()
    while not waits_for.done():
        gate: asyncio.Future[None] = loop.create_future()
        open_gate = _opener(gate)
        waits_for.add_done_callback(open_gate)
        try:
            yield from gate
        except asyncio.CancelledError:
            if attempt.given_up or not waits_for.cancel():
                raise
            attempt.noticed = True
        finally:
            waits_for.remove_done_callback(open_gate)


def _opener(gate: "asyncio.Future[None]") -> Any:
    def open_gate(_: object) -> None:
        if not gate.done():
            gate.set_result(None)

    return open_gate


def _close(node: Coroutine[Any, Any, Any]) -> None:
    """Leave a node behind; one that goes on waiting while it is closed is simply forgotten."""
    with contextlib.suppress(BaseException):
        node.close()
