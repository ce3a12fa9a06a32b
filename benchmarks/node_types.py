# SPDX-License-Identifier: Apache-2.0
"""Node types of the benchmarks, written as any plugin would write them.

They do as little as a node can, with a config and an output that are checked like any other's, so
that what is measured is the engine. They are found through the entry-point group `legato.nodes`,
see `benchmarks.plugin`.
"""

import asyncio
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from legato.ports.node import NodeContext, NodeType, node

FOREVER_S: Final = 3_600


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AddConfig(_Config):
    """One number."""

    value: int


class Number(BaseModel):
    """One number."""

    value: int


class ListConfig(_Config):
    """How many elements."""

    size: Annotated[int, Field(ge=0, le=1_000_000)]


class Numbers(BaseModel):
    """0, 1, 2, …"""

    values: list[int]


@node("bench.add", title="Add one", effect="pure")
async def add(_ctx: NodeContext, config: AddConfig) -> Number:
    """Return the number plus one."""
    return Number(value=config.value + 1)


@node("bench.numbers", title="Make a list", effect="pure")
async def numbers(_ctx: NodeContext, config: ListConfig) -> Numbers:
    """Return the numbers below `size`."""
    return Numbers(values=list(range(config.size)))


@node("bench.stuck", title="Stuck once", effect="idempotent")
async def stuck(ctx: NodeContext, config: AddConfig) -> Number:
    """Return the number plus one, but never in the first attempt: it has to be interrupted."""
    if ctx.attempt == 1:
        await asyncio.sleep(FOREVER_S)
    return Number(value=config.value + 1)


def bench_node_types() -> tuple[NodeType, ...]:
    """Return them all: what the entry point names."""
    return (add, numbers, stuck)
