# SPDX-License-Identifier: Apache-2.0
"""Versions: what a workflow stood for, what differs between two, and back into the draft.

A version never changes. Rules: WF5, WF27-WF29.
"""

from __future__ import annotations

import asyncio
import difflib
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import Path
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.conditions import if_match, tagged
from legato.api.deeds import deed
from legato.api.openapi import refusals
from legato.api.pages import PagePart, Pages
from legato.api.parts import Api, ApiPart
from legato.api.times import time_text
from legato.api.workflow_drafts import (
    NUMBER_MAX,
    DraftView,
    conflict,
    draft_answer,
    draft_of,
)
from legato.api.workflows import found_workflow, named_text, refuse_archived
from legato.errors import InvalidInput, NotFound, Refused
from legato.model.document.diff import Difference, difference
from legato.model.policy import Limits
from legato.model.workflow import Workflow, decode_workflow, node_hash
from legato.ports.catalogue import Publication
from legato.ports.workflows import DraftConflict, PublishedText, Saving, WorkflowRow

routes: Final = Routes("/api/v1/workflows", tag="versions")
TRIES_MAX: Final = 5
CHANGES_MAX: Final = 1_000
COMPARED_MAX: Final = 4_000_000
"""Pairs of lines that may be compared: some seconds at worst."""
VALUE_BYTES_MAX: Final = 4_096
"""Of one value in a list of changes; a longer one is left out."""

Number = Annotated[int, Path(ge=1, le=NUMBER_MAX)]


class VersionItem(BaseModel):
    """A version: `hash` of its text, `logic_hash` without layout and comments."""

    version: int
    hash: str
    logic_hash: str
    message: str
    by: str
    at: str
    restores: int | None


class VersionView(VersionItem):
    """A version with its text and content."""

    source: str
    document: Any
    inputs_schema: dict[str, Any]


class Versions(BaseModel):
    """A page of versions, the newest first."""

    items: list[VersionItem]
    next_cursor: str | None


class ChangeView(BaseModel):
    """One difference in the logic; `is_cut`: a value is too long to stand here."""

    path: str
    what: Literal["added", "removed", "changed"]
    old: Any
    new: Any
    is_cut: bool


class NodeChange(BaseModel):
    """A node that differs."""

    node: str
    what: Literal["added", "removed", "changed"]


class DiffView(BaseModel):
    """What differs between two versions, from the first to the second.

    `text` is a unified diff; null if the texts are too long for one. `moved`: nodes that only
    stand elsewhere on the canvas. `is_cut`: there are more changes than are listed.
    """

    a: int
    b: int
    is_same_text: bool
    is_same_logic: bool
    text: str | None
    changes: list[ChangeView]
    nodes: list[NodeChange]
    moved: list[str]
    is_cut: bool


@routes.get("/{workflow_id}/versions", Needs("version", "read"), response_model=Versions)
async def list_versions(
    request: Request, api: ApiPart, workflow_id: str, asked: PagePart
) -> Versions:
    """Return the versions of a workflow, the newest first."""
    row = await found_workflow(request, api, workflow_id)
    pages = Pages(request, f"versions/{row.id}")
    after = pages.after(asked)
    found = await api.stores.workflows.versions(
        row.workspace,
        row.id,
        before=None if after is None else int(after),
        limit=asked.limit + 1,
    )
    items, next_cursor = pages.cut(found, asked, lambda each: str(each.number))
    return Versions(items=[VersionItem(**_item(each)) for each in items], next_cursor=next_cursor)


@routes.get(
    "/{workflow_id}/versions/{number}",
    Needs("version", "read"),
    response_model=VersionView,
    takes=("If-None-Match",),
    gives=("ETag",),
)
async def read_version(
    request: Request, api: ApiPart, workflow_id: str, number: Number
) -> Response:
    """Return one version with its text."""
    row = await found_workflow(request, api, workflow_id)
    found = await _version(api, row, number)
    checked = await api.texts.check(found.source, api.settings.limits.to_policy(), api.node_types)
    workflow = await _decoded(found)
    value = {
        **_item(found.publication),
        "source": found.source.decode("utf-8", "replace"),
        "document": orjson.Fragment(checked.document or b"null"),
        "inputs_schema": orjson.Fragment(bytes(workflow.inputs_schema)),
    }
    answer = Response(orjson.dumps(value), media_type="application/json")
    return tagged(request, found.publication.hash, answer)


@routes.get(
    "/{workflow_id}/versions/{a}/diff/{b}", Needs("version", "read"), response_model=DiffView
)
async def diff_versions(
    request: Request, api: ApiPart, workflow_id: str, a: Number, b: Number
) -> DiffView:
    """Return what differs between two versions: their texts, their logic, their nodes."""
    row = await found_workflow(request, api, workflow_id)
    old, new = await _version(api, row, a), await _version(api, row, b)
    limits = api.settings.limits.to_policy()
    return await api.texts.apart(lambda: _diff(old, new, limits))


@routes.post(
    "/{workflow_id}/versions/{number}/restore",
    Needs("version", "restore"),
    accepts=(),
    response_model=DraftView,
    responses=refusals(412),
    takes=("If-Match",),
    gives=("ETag",),
)
async def restore_version(
    request: Request, api: ApiPart, workflow_id: str, number: Number
) -> Response:
    """Have the text of a version be the draft; what is published stays.

    `If-Match` names the revision of the draft that may be written over; without it the draft is
    written over whatever it is. A version from before a new slug gets the new name.
    """
    row = await found_workflow(request, api, workflow_id)
    refuse_archived(row)
    found = await _version(api, row, number)
    source = await named_text(api, found.source, row.slug)
    wanted = if_match(request)
    for _ in range(TRIES_MAX):
        draft = await draft_of(api, row)
        if wanted is not None and f"r{draft.revision}" not in wanted:
            raise await conflict(api, row, DraftConflict(current=draft, base=None))
        saving = Saving(
            workspace=row.workspace,
            workflow=row.id,
            revision=draft.revision,
            source=source,
            by=principal_of(request).user.id,
            base_version=number,
        )
        data = {"fields": ["draft"], "restores": number}
        audit = deed(request, "workflow.edit", ("workflow", row.id), data=data)
        done = await api.stores.workflows.put_draft(saving, audit)
        if done is None:
            raise NotFound
        if not isinstance(done, DraftConflict):
            return await draft_answer(api, row, done)
    raise Refused("illegal_state", "Others save this draft at the same time.")


async def _version(api: Api, row: WorkflowRow, number: int) -> PublishedText:
    found = await api.stores.workflows.version(row.workspace, row.id, number)
    if found is None:
        raise NotFound
    return found


async def _decoded(found: PublishedText) -> Workflow:
    return await asyncio.to_thread(decode_workflow, found.compiled)


def _item(publication: Publication) -> dict[str, Any]:
    return {
        "version": publication.number,
        "hash": publication.hash,
        "logic_hash": publication.version,
        "message": publication.message,
        "by": publication.by,
        "at": time_text(publication.at),
        "restores": publication.restores,
    }


def _diff(old: PublishedText, new: PublishedText, limits: Limits) -> DiffView:
    before, after = decode_workflow(old.compiled), decode_workflow(new.compiled)
    try:
        found = difference((before, old.source), (after, new.source), limits)
    except InvalidInput:  # limits are narrower than when it was published
        found = Difference(is_same_text=old.source == new.source)
    changes = [_change(each.path, each.what, each.old, each.new) for each in found.logic]
    return DiffView(
        a=old.publication.number,
        b=new.publication.number,
        is_same_text=found.is_same_text,
        is_same_logic=old.publication.version == new.publication.version,
        text=_text_diff(old, new),
        changes=changes[:CHANGES_MAX],
        nodes=_nodes(before, after),
        moved=list(found.moved),
        is_cut=len(changes) > CHANGES_MAX,
    )


def _change(path: str, what: Any, old: Any, new: Any) -> ChangeView:
    is_long = [len(orjson.dumps(each)) > VALUE_BYTES_MAX for each in (old, new)]
    return ChangeView(
        path=path,
        what=what,
        old=None if is_long[0] else old,
        new=None if is_long[1] else new,
        is_cut=any(is_long),
    )


def _nodes(old: Workflow, new: Workflow) -> list[NodeChange]:
    """Return the nodes that differ, by their definitions' hashes."""
    before = {each.id: node_hash(each) for each in old.nodes}
    after = {each.id: node_hash(each) for each in new.nodes}
    found: list[NodeChange] = []
    for node in [*before, *(each for each in after if each not in before)]:
        if node not in after:
            found.append(NodeChange(node=node, what="removed"))
        elif node not in before:
            found.append(NodeChange(node=node, what="added"))
        elif before[node] != after[node]:
            found.append(NodeChange(node=node, what="changed"))
    return found


def _text_diff(old: PublishedText, new: PublishedText) -> str | None:
    before, after = (
        each.source.decode("utf-8", "replace").splitlines(keepends=True) for each in (old, new)
    )
    if _differing(before, after) * _differing(after, before) > COMPARED_MAX:
        return None
    names = (f"version {old.publication.number}", f"version {new.publication.number}")
    lines = difflib.unified_diff(before, after, names[0], names[1])
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _differing(lines: list[str], others: list[str]) -> int:
    """Return how many lines stand between what both begin and what both end with."""
    most = min(len(lines), len(others))
    head = 0
    while head < most and lines[head] == others[head]:
        head += 1
    tail = 0
    while tail < most - head and lines[-1 - tail] == others[-1 - tail]:
        tail += 1
    return max(len(lines) - head - tail, 1)
