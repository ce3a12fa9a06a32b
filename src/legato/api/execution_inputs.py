# SPDX-License-Identifier: Apache-2.0
"""What a node was given: its `with`, as it is written and as it was evaluated.

The log holds a hash of it only. It is evaluated again from what the log holds, by the same helper
as previews, and compared with the hash: what differs is not shown as what it was.
Rules: XR27.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import orjson
from pydantic import BaseModel

from legato.api.parts import Api
from legato.api.preview_values import NoData, known_of, variables
from legato.api.slices import WHOLE_BYTES_MAX
from legato.engine.state import ExecutionState
from legato.errors import ExpressionError, NotFound, Unavailable
from legato.model.ids import VersionHash
from legato.ports.executions import ExecutionRow
from legato.runtime.plan import CompiledTemplate, Plan, digest

_NOTHING: Final[dict[str, Any]] = {"value": None, "size": None}


class InputView(BaseModel):
    """What a node was given.

    `written` is its `with` block, `value` that block evaluated; with `why` it is not known: it has
    not begun (`not_begun`), is too large (`too_large`), is not what it was then (`changed`), or
    cannot be found out now (`unknown`). Secrets stand in it by their names.
    """

    written: Any
    value: Any
    size: int | None
    why: str | None


async def input_view(
    api: Api, row: ExecutionRow, state: ExecutionState, index: int, item: int | None
) -> dict[str, Any]:
    """Return what a node or item was given."""
    spec = state.graph.nodes[index]
    written = bytes(spec.call.input if spec.call is not None else spec.config)
    found = {"written": orjson.Fragment(written or b"null"), **_NOTHING}
    node = state.nodes[index]
    known = node.input_hash
    if item is not None and node.items is not None:
        known = node.items.hashes.get(item, "")
    if not known and node.started_at is None:
        return {**found, "why": "not_begun"}
    try:
        data = await _evaluated(api, row, state, index, item)
    except NoData as error:
        return {**found, "why": "too_large" if error.code == "too_large" else "unknown"}
    except (ExpressionError, NotFound, Unavailable):
        return {**found, "why": "unknown"}
    if known and digest(data) != known:
        return {**found, "why": "changed"}
    if len(data) > WHOLE_BYTES_MAX:
        return {**found, "size": len(data), "why": "too_large"}
    return {**found, "value": orjson.Fragment(data), "size": len(data), "why": None}


async def _evaluated(
    api: Api, row: ExecutionRow, state: ExecutionState, index: int, item: int | None
) -> bytes:
    limits = api.settings.limits.to_policy()
    plan = Plan(state.graph.workflow, VersionHash(row.version), limits)
    spec = state.graph.nodes[index]
    what = "config" if spec.call is None else "input"
    template = await asyncio.to_thread(plan.template, index, what)  # type: ignore[arg-type]
    if template.static is not None:
        return bytes(template.static.json)
    is_of_item = not {"item", "index"}.isdisjoint(template.template.roots)
    if is_of_item and item is None:
        raise NoData("It differs from item to item.")
    each: CompiledTemplate | None = None
    if is_of_item:
        each = await asyncio.to_thread(plan.template, index, "foreach")
    used = [template, *([each] if each is not None else [])]
    roots = {root for one in used for root in one.template.roots}
    nodes = [ref for one in used for ref in one.template.node_refs]
    known = await known_of(api, row, state)
    values = await variables(api, row, known, sorted(roots), nodes)
    if each is not None and item is not None:
        values |= await _item(api, each, values, item)
    return await api.evaluations.evaluate(template.source, orjson.dumps(values))


async def _item(
    api: Api, each: CompiledTemplate, values: dict[str, Any], item: int
) -> dict[str, Any]:
    data = await api.evaluations.evaluate(each.source, orjson.dumps(values))
    found = await asyncio.to_thread(orjson.loads, data)
    if not isinstance(found, list) or item >= len(found):
        raise NoData("The list is another now.")
    return {"item": found[item], "index": item}
