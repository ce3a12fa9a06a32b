# SPDX-License-Identifier: Apache-2.0
"""A comparison of two executions as plain JSON values, for the command line and the API.

Rules: CL27, XR40.
"""

from typing import Any

from legato.engine.compare import Comparison, Side
from legato.model.ids import ExecutionId


def comparison_json(one: ExecutionId, other: ExecutionId, found: Comparison) -> dict[str, Any]:
    """Return rows in the order in which the first of them runs, and where they part."""
    return {
        "one": one,
        "other": other,
        "same_version": found.same_version,
        "same_inputs": found.same_inputs,
        "first_difference": found.first,
        "nodes": [
            {
                "node": row.node,
                "differs": list(row.differs),
                "one": _side_json(row.one),
                "other": _side_json(row.other),
            }
            for row in found.rows
        ],
    }


def _side_json(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {
        "status": side.status,
        "took_ms": side.took_ms,
        "cost_usd": None,  # no node of this version has a price
        "attempts": side.attempts,
        "reused": side.reused,
        "edited": side.edited,
    }
