# SPDX-License-Identifier: Apache-2.0
"""Interrupting an attempt from outside: the wish to stop, the time-out, the end of the grace.

Every interruption comes from a callback of the loop, never from inside the attempt's own step:
a cancellation that arrives while the node takes its last step would swallow the report.

Rules: EN12, AT18.
"""

import asyncio

from legato.ports.clock import Clock
from legato.runtime.attempt.context import Attempt
from legato.runtime.attempt.request import RunnerOptions


def begin(attempt: Attempt, clock: Clock, options: RunnerOptions) -> None:
    """Note the task that carries the attempt and set its time-out."""
    attempt.task = asyncio.current_task()
    timeout_ms = attempt.request.timeout_ms
    if timeout_ms is not None:
        attempt.started_ms = clock.now_ms()
        call_later = options.call_later or asyncio.get_running_loop().call_later
        attempt.timer = call_later(timeout_ms / 1000, _expire, attempt, options.cancel_grace_s)


def note_overdue(attempt: Attempt) -> None:
    """Note a time-out that could not strike: the node held the loop until it was over."""
    # A handle of the loop says when; a test's own clock stands still while a node holds the loop.
    when = getattr(attempt.timer, "when", None)
    if when is not None and not (attempt.stopping or attempt.timed_out):
        attempt.timed_out = when() <= asyncio.get_running_loop().time()


def end(attempt: Attempt) -> None:
    """Take every trace of interruption back; the task may go on."""
    attempt.driving = False
    if attempt.timer is not None:
        attempt.timer.cancel()
        attempt.timer = None
    task = attempt.task
    if task is not None:
        for _ in range(attempt.cancels):
            task.uncancel()
    attempt.cancels = 0


def is_torn_down(attempt: Attempt) -> bool:
    """Tell whether somebody else has cancelled the attempt's task."""
    task = attempt.task
    return task is not None and task.cancelling() > attempt.cancels


def stop(attempt: Attempt, grace_s: float) -> None:
    """Ask an attempt to stop; after the grace it is given up."""
    if attempt.stopping:
        return
    attempt.stopping = True
    asyncio.get_running_loop().call_soon(_interrupt, attempt, grace_s)


def _expire(attempt: Attempt, grace_s: float) -> None:
    if not attempt.stopping:
        attempt.timed_out = True
        _interrupt(attempt, grace_s)


def _interrupt(attempt: Attempt, grace_s: float) -> None:
    if not attempt.driving:
        return
    if attempt.timer is not None:
        attempt.timer.cancel()
    attempt.timer = asyncio.get_running_loop().call_later(grace_s, _give_up, attempt)
    _cancel(attempt)


def _give_up(attempt: Attempt) -> None:
    if attempt.driving:
        attempt.given_up = True
        _cancel(attempt)


def _cancel(attempt: Attempt) -> None:
    task = attempt.task
    if task is not None and not task.done():
        attempt.cancels += 1
        task.cancel()
