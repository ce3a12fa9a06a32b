# SPDX-License-Identifier: Apache-2.0
"""Workflow documents as routes take them: read from bodies, checked apart from the loop.

A text is kept as it was sent: what is refused is only its size, another encoding than UTF-8, NUL
and lone surrogates. Everything else that is wrong with it is told beside it. Rules: WF15-WF17.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel
from starlette.requests import Request

from legato.api.body import Sent, read_bytes, sent
from legato.api.parts import Api
from legato.api.problems import Fault, InvalidBody, pointer
from legato.api.workflow_checks import Checked
from legato.errors import InvalidDocument, Refused
from legato.model.document.problems import UNREADABLE, Problem
from legato.model.workflow import Workflow, encode_workflow, version_hash
from legato.ports.catalogue import VersionRow
from legato.ports.workflows import WorkflowRow

YAML: Final = "application/yaml"
TEXT: Final = ("application/json", YAML)
"""What a workflow may be sent as."""
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of a route that takes a document: as JSON text a document may take twice its own size."""


class ProblemView(BaseModel):
    """Something that is wrong with a document, from its first to after its last character.

    The code stays the same when words change: unreadable, unknown_key, unknown_value, missing,
    unknown_node, unknown_node_type, unknown_input, expression, cycle, duplicate, secret, limit,
    slug_mismatch, invalid.
    """

    code: str
    path: str
    message: str
    expected: str
    line: int
    column: int
    end_line: int
    end_column: int


class Written(BaseModel):
    """A document: its text as it shall be kept, or its content, which is kept as JSON text."""

    source: str | None = None
    document: dict[str, Any] | None = None


WrittenPart = Annotated[Sent[Written], sent(Written)]
"""The body of a route that takes a document; `read_text` reads it."""


async def read_text(request: Request, wanted: Sent[Written], limit_bytes: int) -> bytes:
    """Return the document in a body: a YAML file, or JSON with `source` or `document`.

    Raises:
        Refused: `too_large`.
        InvalidBody: It is no text that can be kept.
        InvalidJson: JSON that is not strict.
    """
    if is_yaml(request):
        return kept(await read_bytes(request), limit_bytes, "")
    found = await wanted.read()
    if (found.source is None) == (found.document is None):
        raise InvalidBody([Fault("", "has both or none of two fields", "source or document")])
    if found.source is not None:
        return kept(found.source.encode(), limit_bytes, "/source")
    data = orjson.dumps(found.document, option=orjson.OPT_INDENT_2)
    return kept(data, limit_bytes, "/document")


def is_yaml(request: Request) -> bool:
    """Tell whether a body is a YAML file."""
    return request.headers["content-type"].partition(";")[0].strip().lower() == YAML


def kept(data: bytes, limit_bytes: int, path: str) -> bytes:
    """Return a text that can be kept.

    Raises:
        Refused: `too_large`.
        InvalidBody: It is not UTF-8, or holds NUL.
    """
    if len(data) > limit_bytes:
        raise Refused("too_large", f"The document is larger than {limit_bytes} bytes.")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidBody([Fault(path, "is not UTF-8", "UTF-8", line)]) from None
    if b"\x00" in data:
        line = data.count(b"\n", 0, data.index(b"\x00")) + 1
        raise InvalidBody([Fault(path, "holds a NUL character", "text without it", line)])
    return data


async def check(api: Api, source: bytes) -> Checked:
    """Return what is known of a text; executes nothing.

    Raises:
        Refused: `unavailable`: too many wait to be checked.
    """
    return await api.texts.check(source, api.settings.limits.to_policy(), api.node_types)


def views(checked: Checked, slug: str | None = None) -> list[ProblemView]:
    """Return what is wrong with a text; also that it has another name than its workflow."""
    is_readable = checked.document is not None
    found = [problem_view(each, is_readable=is_readable) for each in checked.problems]
    if slug is not None and is_readable and checked.name != slug:
        found.append(_mismatch())
    return found


def valid(checked: Checked, slug: str) -> Workflow:
    """Return the workflow of a text that may be published.

    Raises:
        InvalidDocument: With every problem.
        Refused: `slug_mismatch`: the document has another name.
    """
    if checked.workflow is None:
        raise InvalidDocument(checked.problems)
    if checked.workflow.name != slug:
        raise Refused(
            "slug_mismatch",
            "The document's name is not the slug of the workflow.",
            hint="PATCH the workflow to give it another slug.",
        )
    return checked.workflow


def version_of(row: WorkflowRow, workflow: Workflow, source: bytes, at: int) -> VersionRow:
    """Return what is stored of a workflow that is published."""
    return VersionRow(
        version=version_hash(workflow),
        workspace=row.workspace,
        name=workflow.name,
        compiled=encode_workflow(workflow),
        source=source,
        created_at=at,
    )


def problem_view(problem: Problem, *, is_readable: bool) -> ProblemView:
    """Return a problem as it stands in an answer; of the document it has names and places only."""
    message = problem.message
    if problem.nearest is not None:
        message += f"; did you mean {problem.nearest}?"
    code = problem.code
    end = problem.end_line, problem.end_column
    return ProblemView(
        code=code if is_readable or code == "limit" else UNREADABLE,
        path=pointer(problem.steps),
        message=message,
        expected=problem.expected or "",
        line=problem.line,
        column=problem.column,
        end_line=end[0] or problem.line,
        end_column=end[1] or problem.column + 1,
    )


def _mismatch() -> ProblemView:
    return ProblemView(
        code="slug_mismatch",
        path="/name",
        message="the name is not the slug of the workflow",
        expected="the workflow's slug",
        line=1,
        column=1,
        end_line=1,
        end_column=2,
    )
