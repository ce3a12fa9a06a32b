# SPDX-License-Identifier: Apache-2.0
"""Node types that tell the ledger of every effect. Found through the entry point `legato.nodes`.

They are written as anybody would write node types of their own; the engine knows nothing of them.
"""

import asyncio
import ctypes
import json
from functools import partial
from typing import Any

from pydantic import BaseModel

from legato.model.policy import EffectClass
from legato.ports.node import NodeContext, NodeFailure, NodeType, node
from tests.crash.ledger import ask


class Work(BaseModel):
    """What every node here takes."""

    ledger: str
    value: Any = None


class Done(BaseModel):
    """What every node here returns."""

    value: Any
    count: int = 0
    text: str = ""


class Fallible(Work):
    """A node that says no the first `failures` times."""

    failures: int = 1


class Sized(Work):
    """A node with a large output."""

    size_bytes: int = 100_000


class Stepped(Work):
    """A node that does its work in durable steps; the last `once` of them not twice."""

    steps: int = 3
    once: int = 0


class Held(Work):
    """A node that runs until the test lets it go."""

    name: str


async def _happen(ctx: NodeContext, ledger: str, effect: EffectClass, step: str = "") -> int:
    """Have an effect: tell the ledger, wait until it is on its disk, return its count."""
    answer = await _ask(
        ledger,
        {
            "op": "effect",
            "key": ctx.idempotency_key,
            "attempt": ctx.attempt,
            "effect": effect,
            "step": step,
        },
    )
    return int(answer["count"])


async def _ask(ledger: str, question: dict[str, Any]) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(ledger)
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        await writer.drain()
        answer: dict[str, Any] = json.loads(await reader.readline())
        return answer
    finally:
        writer.close()


@node("crash.pure", title="Pure effect", effect="pure")
def pure(ctx: NodeContext, config: Work) -> Done:
    """Have one effect, from a thread."""
    question = {
        "op": "effect",
        "key": ctx.idempotency_key,
        "attempt": ctx.attempt,
        "effect": "pure",
        "step": "",
    }
    return Done(value=config.value, count=ask(config.ledger, question)["count"])


@node("crash.idempotent", title="Idempotent effect", effect="idempotent")
async def idempotent(ctx: NodeContext, config: Work) -> Done:
    """Have one effect that may be had again under the same key."""
    return Done(value=config.value, count=await _happen(ctx, config.ledger, "idempotent"))


@node("crash.once", title="Effect that must not be had twice", effect="non_idempotent")
async def once(ctx: NodeContext, config: Work) -> Done:
    """Have one effect that nobody may have again without being asked."""
    return Done(value=config.value, count=await _happen(ctx, config.ledger, "non_idempotent"))


@node("crash.flaky", title="Effect that fails at first", effect="idempotent")
async def flaky(ctx: NodeContext, config: Fallible) -> Done:
    """Fail the first times, as the ledger counts them."""
    count = await _happen(ctx, config.ledger, "idempotent")
    if count <= config.failures:
        raise NodeFailure("crash.refused", f"this was time {count}")
    return Done(value=config.value, count=count)


@node("crash.large", title="Effect with a large output", effect="idempotent")
async def large(ctx: NodeContext, config: Sized) -> Done:
    """Return more than an event may hold."""
    count = await _happen(ctx, config.ledger, "idempotent")
    return Done(value=config.value, count=count, text="x" * config.size_bytes)


async def _take_steps(ctx: NodeContext, config: Stepped) -> Done:
    """Have one effect per step; a finished step is never had again."""
    count = 0
    for number in range(config.steps):
        is_once = number >= config.steps - config.once
        effect: EffectClass = "non_idempotent" if is_once else "idempotent"
        name = f"step {number}"
        body = partial(_happen, ctx, config.ledger, effect, name)
        count += await ctx.step(name, body, input=number, effect=effect)
    return Done(value=config.value, count=count)


@node("crash.steps", title="Durable steps", effect="idempotent")
async def steps(ctx: NodeContext, config: Stepped) -> Done:
    """Do work in steps, in a node that may be run again."""
    return await _take_steps(ctx, config)


@node("crash.steps_once", title="Durable steps that must not be had twice", effect="non_idempotent")
async def steps_once(ctx: NodeContext, config: Stepped) -> Done:
    """Do work in steps, in a node that may not be run again unasked."""
    return await _take_steps(ctx, config)


@node("crash.held", title="Long work", effect="idempotent")
async def held(ctx: NodeContext, config: Held) -> Done:
    """Have an effect, then run until the test lets it go."""
    count = await _happen(ctx, config.ledger, "idempotent")
    await _ask(config.ledger, {"op": "hold", "name": config.name})
    return Done(value=config.value, count=count)


@node("crash.poison", title="Kills its process", effect="idempotent")
async def poison(ctx: NodeContext, config: Work) -> Done:
    """Have an effect, then take the process along by reading where nothing is."""
    count = await _happen(ctx, config.ledger, "idempotent")
    ctypes.string_at(0)
    return Done(value=config.value, count=count)


def node_types() -> tuple[NodeType, ...]:
    """Return the node types of this file, for the entry point group `legato.nodes`."""
    return (
        pure, idempotent, once, flaky, large, steps, steps_once, held, poison,
    )  # fmt: skip
