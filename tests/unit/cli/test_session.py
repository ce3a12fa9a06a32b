# SPDX-License-Identifier: Apache-2.0
"""A session before anything is shown: the store may hang while a run is submitted."""

import asyncio
import io
from types import SimpleNamespace
from typing import Any

import pytest

from legato.adapters.system_clock import SystemClock
from legato.cli.invocation import Invocation
from legato.cli.session import Session
from legato.errors import StoreUnavailable
from legato.model.ids import ExecutionId


def _session() -> tuple[Session, io.StringIO]:
    invocation = Invocation(env={}, as_json=False)
    heard = io.StringIO()
    invocation.terminal.err = heard
    app: Any = SimpleNamespace(clock=SystemClock(), on_line=None)
    return Session(app, invocation, ExecutionId("019ab3d0")), heard


@pytest.mark.parametrize("happened", ["interrupt", "terminate"])
async def test_a_run_whose_store_hangs_can_be_stopped(happened: Any) -> None:
    """Ctrl-C and SIGTERM work before the run is accepted, and it is said what is known [EN14]."""
    session, heard = _session()
    hangs: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def submit() -> None:
        session._note(happened)
        await hangs

    assert await session.is_accepted(submit()) is False
    assert hangs.cancelled()
    assert "legato executions show 019ab3d0" in heard.getvalue()


async def test_a_submission_that_ends_is_accepted_or_raises() -> None:
    """What happened meanwhile is not forgotten; an error of the store passes [EN1, EN14]."""
    session, _ = _session()

    async def submit() -> None:
        session._note("interrupt")

    assert await session.is_accepted(submit()) is True
    assert session._happenings.get_nowait() == ("interrupt", None)

    async def fail() -> None:
        raise StoreUnavailable("the disk is full")

    with pytest.raises(StoreUnavailable):
        await session.is_accepted(fail())
