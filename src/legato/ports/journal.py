# SPDX-License-Identifier: Apache-2.0
"""The step journal: durable sub-steps inside one node, kept over lost and failed attempts.

Key = (execution, node, item, name, ordinal). Writes are fenced by the current attempt: an older
attempt that still runs somewhere changes nothing.

Rules: JN.
"""

from typing import Protocol

import msgspec

from legato.model.ids import ExecutionId, NodeId


class StepKey(msgspec.Struct, frozen=True):
    """The place of a step. `ordinal` counts steps of the same name from 0; item -1 means none."""

    execution_id: ExecutionId
    node: NodeId
    item: int
    name: str
    ordinal: int


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """A journalled step: begun by `attempt`, finished if `output` is set."""

    key: StepKey
    attempt: int
    input_hash: str
    output: bytes | None = None


class Journal(Protocol):
    """Read and write steps."""

    async def get(self, key: StepKey) -> StepRow | None:
        """Return the step or None."""
        ...

    async def begin(self, key: StepKey, *, attempt: int, input_hash: str) -> bool:
        """Commit that a step has begun. False if a newer attempt holds the key or it is done."""
        ...

    async def finish(self, key: StepKey, *, attempt: int, input_hash: str, output: bytes) -> bool:
        """Commit a step's output (begun or not). False if a newer attempt holds the key."""
        ...
