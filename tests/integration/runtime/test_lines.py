# SPDX-License-Identifier: Apache-2.0
"""What attempts say and the events that they ended: which of them is stored first."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from pydantic import BaseModel

from legato.model.ids import NodeId
from legato.model.workflow import NodeSpec
from legato.ports.attempt_logs import LogLine
from legato.ports.node import NodeContext, NodeFailure, node
from legato.runtime.attempt.log_sink import LogSink
from legato.runtime.attempt.runner import AttemptRunner
from legato.runtime.engine import Submission
from legato.testing import MemoryLogs
from legato.testing.harness import Services
from tests.integration.runtime.harness import ScriptedRunner, rig, workflow


class Nothing(BaseModel):
    """A config without fields."""


class Held(MemoryLogs):
    """A store that takes no line before the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.opened = asyncio.Event()

    async def append(self, lines: Sequence[LogLine]) -> None:
        self.asked.set()
        await self.opened.wait()
        await super().append(lines)


@node("test.speaks", title="Speaks", effect="idempotent")
async def speaks(ctx: NodeContext, config: Nothing) -> None:
    """Say something of each kind."""
    ctx.log("a line")
    ctx.delta("a piece")
    ctx.progress(0.5, "halfway")


@node("test.fails", title="Fails", effect="idempotent")
async def fails(ctx: NodeContext, config: Nothing) -> None:
    """Say something and fail."""
    ctx.log("a line")
    raise NodeFailure("broken", "it broke")


@node("test.threaded", title="Threaded", effect="idempotent")
def threaded(ctx: NodeContext, config: Nothing) -> None:
    """Say something in a thread."""
    ctx.log("a line")


@node("test.silent", title="Silent", effect="idempotent")
async def silent(ctx: NodeContext, config: Nothing) -> None:
    """Say nothing."""


TYPES = {each.info.uses: each for each in (speaks, fails, threaded, silent)}


def spec(uses: str) -> NodeSpec:
    """Return a node of that type that is not tried twice."""
    return NodeSpec(id=NodeId("only"), uses=uses, config=msgspec.Raw(b"{}"), effect="idempotent")


@pytest.mark.parametrize(
    ("uses", "texts"),
    [
        ("test.speaks", {"a line", "a piece", "halfway"}),
        ("test.fails", {"a line"}),
        ("test.threaded", {"a line"}),
    ],
)
async def test_the_last_line_is_stored_before_the_last_event(uses: str, texts: set[str]) -> None:
    """Who saw the end of an execution and reads then finds every line [XR1]."""
    store = Held()
    sink = LogSink(store, flush_s=3600)  # nothing but the end of the attempt writes
    services = replace(Services().bundle(), logs=sink)
    async with rig(runner=ScriptedRunner({"only": AttemptRunner(TYPES, services).run})) as world:
        started = await world.engine.submit(Submission(workflow(spec(uses)), {}))
        await store.asked.wait()
        names = await world.names(started)
        assert "AttemptStarted" in names
        assert not {"NodeCompleted", "NodeFailed", "AttemptFailed"} & set(names)
        store.opened.set()
        await world.engine.wait_final(started)
        assert texts <= set(store.texts)


async def test_an_attempt_that_said_nothing_waits_for_nothing() -> None:
    """A store that takes no lines does not hold it up [XR1]."""
    store = Held()
    services = replace(Services().bundle(), logs=LogSink(store, flush_s=3600, settle_s=3600))
    async with rig(runner=ScriptedRunner({"only": AttemptRunner(TYPES, services).run})) as world:
        started = await world.engine.submit(Submission(workflow(spec("test.silent")), {}))
        await world.engine.wait_final(started)
    assert not store.asked.is_set()
