# SPDX-License-Identifier: Apache-2.0
"""What an expression gives that somebody is writing, with values that a run or a pin has.

Evaluated by a helper process that can be killed, under the limits of every expression. Rules:
WF32-WF35.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import orjson
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.body import Sent, sent
from legato.api.parts import Api, ApiPart
from legato.api.preview_values import Known, NoData, of_execution, of_pins, variables
from legato.api.times import time_text
from legato.api.workflow_drafts import draft_of
from legato.api.workflow_texts import check
from legato.api.workflows import found_workflow
from legato.errors import ExpressionError, Refused
from legato.model.document.fields import NODE_ID_PATTERN
from legato.model.expressions.template import Template, compile_template
from legato.ports.workflows import WorkflowRow

routes: Final = Routes("/api/v1/workflows", tag="preview")
TEXT_MAX: Final = 16 * 1024
VALUE_BYTES_MAX: Final = 64 * 1024
WAITING_MAX: Final = 32
"""Previews at once: more would wait longer than anybody looks."""

_waiting = 0


class PreviewRequest(BaseModel):
    """A field of a node as it is written now.

    `text` is the field's text, which may hold `${{ … }}`; `path` is where it stands in the node.
    `index` chooses an item of a node with `foreach`. Without `execution_id` the values are those of
    the last execution.
    """

    text: str = Field(max_length=TEXT_MAX)
    node: str = Field(pattern=NODE_ID_PATTERN)
    path: str = Field(max_length=1_000)
    source: Literal["execution", "pins"]
    execution_id: str | None = Field(default=None, max_length=36)
    index: int | None = Field(default=None, ge=0, le=1_000_000)


class PreviewError(BaseModel):
    """Why there is no value, and which part of the text is concerned.

    `expression`: it cannot be evaluated. `no_data`: what it reads is not known. `too_large`: what
    it reads is too much to be shown here.
    """

    code: Literal["expression", "no_data", "too_large"]
    message: str
    expected: str
    line: int
    column: int
    end_line: int
    end_column: int


class PreviewSource(BaseModel):
    """Where the values are from."""

    kind: Literal["execution", "pins"]
    execution_id: str | None
    at: str | None


class PreviewView(BaseModel):
    """A value and its JSON type, or an error.

    A value of more than 64 KiB is null here, with `is_cut`. `items` is how many elements the
    `foreach` of the node has.
    """

    type: str | None
    value: Any
    is_cut: bool
    size: int
    items: int | None
    source: PreviewSource
    error: PreviewError | None


@routes.post(
    "/{workflow_id}/preview",
    Needs("workflow", "validate"),
    rate="read",
    response_model=PreviewView,
    operation_id="preview_value",
)
async def preview(
    request: Request,
    api: ApiPart,
    workflow_id: str,
    wanted: Annotated[Sent[PreviewRequest], sent(PreviewRequest)],
) -> Response:
    """Evaluate one field with values that are known; no node runs."""
    global _waiting  # noqa: PLW0603 - one helper serves the whole process
    row = await found_workflow(request, api, workflow_id)
    asked = await wanted.read()
    if _waiting >= WAITING_MAX:
        raise Refused("unavailable", "Too many previews at once.", retry_after_s=1)
    _waiting += 1
    try:
        return await _Preview(api, row, asked).answer()
    finally:
        _waiting -= 1


class _Preview:
    """One preview, as far as it has come."""

    def __init__(self, api: Api, row: WorkflowRow, asked: PreviewRequest) -> None:
        self._api = api
        self._row = row
        self._asked = asked
        self._known: Known | None = None
        self._items: int | None = None

    async def answer(self) -> Response:
        """Return the value, or why there is none."""
        try:
            template = await self._compiled(self._asked.text)
            value = await self._value(template)
        except ExpressionError as error:
            return self._refusal("expression", error.message, error)
        except NoData as error:
            return self._refusal(error.code, str(error))
        is_cut = len(value) > VALUE_BYTES_MAX
        return self._response(
            type=_type_of(value),
            value=None if is_cut else orjson.Fragment(value),
            is_cut=is_cut,
            size=len(value),
            error=None,
        )

    async def _compiled(self, text: object) -> Template:
        limits = self._api.settings.limits.to_policy()
        return await asyncio.to_thread(compile_template, text, limits=limits)

    async def _value(self, template: Template) -> bytes:
        each = await self._foreach() if self._is_of_item(template) else None
        roots = {*template.roots, *(each[1].roots if each is not None else ())}
        nodes = [*template.node_refs, *(each[1].node_refs if each is not None else ())]
        known = await self._look(nodes)
        values = await variables(self._api, self._row, known, sorted(roots), nodes)
        if each is not None:
            values |= await self._item(each[0], values)
        source = orjson.dumps(self._asked.text)
        return await self._api.evaluations.evaluate(source, orjson.dumps(values))

    async def _look(self, nodes: Sequence[str]) -> Known:
        if self._asked.source == "pins":
            self._known = await of_pins(self._api, self._row, nodes)
        else:
            self._known = await of_execution(self._api, self._row, self._asked.execution_id)
        return self._known

    @staticmethod
    def _is_of_item(template: Template) -> bool:
        return not {"item", "index"}.isdisjoint(template.roots)

    async def _foreach(self) -> tuple[bytes, Template]:
        """Return the list of the node's `foreach` as the draft has it."""
        draft = await draft_of(self._api, self._row)
        found = await check(self._api, draft.source)
        document = orjson.loads(found.document) if found.document is not None else None
        value: Any = document
        for step in ("nodes", self._asked.node, "foreach"):
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            raise NoData(f"The node {self._asked.node} has no `foreach` in the draft.")
        return orjson.dumps(value), await self._compiled(value)

    async def _item(self, source: bytes, values: dict[str, Any]) -> dict[str, Any]:
        """Return the item that was chosen."""
        data = await self._api.evaluations.evaluate(source, orjson.dumps(values))
        found = await asyncio.to_thread(orjson.loads, data)
        if not isinstance(found, list):
            raise NoData("`foreach` gives no list.")
        self._items = len(found)
        index = self._asked.index or 0
        if index >= len(found):
            raise NoData(f"The list of `foreach` has {len(found)} elements.")
        return {"item": found[index], "index": index}

    def _refusal(self, code: str, message: str, error: ExpressionError | None = None) -> Response:
        place = (1, 1) if error is None or error.place is None else error.place
        lines = self._asked.text.split("\n")
        hint = "" if error is None or error.hint is None else f" {error.hint}"
        nearest = "" if error is None or not error.nearest else f" Did you mean {error.nearest}?"
        found = {
            "code": code,
            "message": f"{message}{hint}{nearest}",
            "expected": (error.expected if error is not None else None) or "",
            "line": place[0],
            "column": place[1],
            "end_line": len(lines),
            "end_column": len(lines[-1]) + 1,
        }
        return self._response(type=None, value=None, is_cut=False, size=0, error=found)

    def _response(self, **values: Any) -> Response:
        execution = None if self._known is None else self._known.execution
        source = {
            "kind": self._asked.source,
            "execution_id": None if execution is None else execution.execution_id,
            "at": None if execution is None else time_text(execution.created_at),
        }
        body = {**values, "items": self._items, "source": source}
        return Response(orjson.dumps(body), media_type="application/json")


def _type_of(value: bytes) -> str:
    """Return the JSON type of a JSON text."""
    first = value[:1]
    kinds = {b"{": "object", b"[": "array", b'"': "string", b"t": "boolean", b"f": "boolean"}
    if first == b"n":
        return "null"
    is_integer = value.removeprefix(b"-").isdigit()
    return kinds.get(first, "integer" if is_integer else "number")
