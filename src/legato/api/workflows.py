# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/workflows`: made, listed, renamed, archived, purged.

`{workflow_id}` is an id, or the slug or alias of a workflow that is not archived.
Rules: WF1, WF2, WF7, WF8, WF14, WF15, WF18-WF21.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, checked, sent
from legato.api.conditions import changed, check_match, etag, tagged
from legato.api.deeds import deed, place_of
from legato.api.openapi import refusals
from legato.api.pages import PageQuery, Pages, Text
from legato.api.parts import Api, ApiPart
from legato.api.times import time_or_none, time_text
from legato.api.workflow_texts import BODY_BYTES_MAX, TEXT, WrittenPart, check, read_text
from legato.errors import InvalidDocument, InvalidInput, NotFound, Refused
from legato.model.document.fields import SLUG, SLUG_PATTERN, TITLE_LENGTH_MAX, UUID_SHAPED
from legato.model.document.naming import set_name
from legato.model.ids import WorkspaceId
from legato.ports.workflows import Listed, NewWorkflow, RunMark, WorkflowQuery, WorkflowRow

routes: Final = Routes("/api/v1/workflows", tag="workflows")


class WorkflowView(BaseModel):
    """A workflow. `version` is the number of the one that is published, if one is."""

    id: str
    slug: str
    title: str
    version: int | None
    created_at: str
    updated_at: str
    created_by: str
    archived_at: str | None


class RunView(BaseModel):
    """One of the last executions of a workflow."""

    id: str
    status: str
    created_at: str


class ListedWorkflow(WorkflowView):
    """A workflow in the list.

    `is_ahead`: its draft is not what is published. `runs`: its last ten executions, newest first;
    tests are not among them. `next_at`: when a schedule of it falls due next.
    """

    draft_revision: int
    draft_at: str
    draft_by: str
    is_ahead: bool
    runs: list[RunView]
    next_at: str | None


class Workflows(BaseModel):
    """A page of workflows."""

    items: list[ListedWorkflow]
    next_cursor: str | None


class WorkflowFilters(PageQuery):
    """Which workflows, the newest first."""

    archived: bool = Field(default=False, description="Those that are archived, and no others.")
    published: bool | None = Field(default=None, description="With, or without, a version.")
    q: Text | None = Field(default=None, description="Stands in slug or title, in any case.")


class WorkflowChange(BaseModel):
    """What shall be different; what is absent stays."""

    slug: str = Field(default_factory=str)
    title: str = Field(default_factory=str)


@routes.post(
    "",
    Needs("workflow", "create"),
    accepts=TEXT,
    body_bytes_max=BODY_BYTES_MAX,
    status_code=201,
    response_model=WorkflowView,
    responses=refusals(409),
    gives=(
        "ETag",
        "Location",
    ),
)
async def create_workflow(request: Request, api: ApiPart, wanted: WrittenPart) -> Response:
    """Make a workflow of a document, as draft revision 1; nothing is published.

    The document's name becomes the slug. The draft may have problems, but the name must be
    readable.
    """
    source = await read_text(request, wanted, api.settings.limits.max_document_bytes)
    found = await check(api, source)
    if not is_slug(found.name):
        raise InvalidDocument(found.problems)
    place, _ = place_of(request)
    new = NewWorkflow(
        id=api.clock.new_id(),
        workspace=place.id,
        slug=found.name,
        title=found.title[:TITLE_LENGTH_MAX],
        source=source,
        by=principal_of(request).user.id,
    )

    audit = deed(request, "workflow.create", ("workflow", new.id))
    made = await api.stores.workflows.create(new, audit)
    if made is None:
        raise slug_taken()
    return _answer(made, 201, location=True)


@routes.get("", Needs("workflow", "read"), response_model=Workflows)
async def list_workflows(
    request: Request, api: ApiPart, asked: Annotated[WorkflowFilters, Query()]
) -> Workflows:
    """Return workflows, the newest first."""
    place, _ = place_of(request)
    pages = Pages(request, "workflows")
    wanted = WorkflowQuery(
        is_archived=asked.archived,
        is_published=asked.published,
        text=asked.q,
        after=pages.after(asked),
        limit=asked.limit + 1,
    )
    found = await api.stores.workflows.page(place.id, wanted)
    items, next_cursor = pages.cut(found, asked, lambda each: each.row.id)
    ids = [each.row.id for each in items]
    runs = await api.stores.workflows.last_runs(place.id, ids)
    ticks = await api.stores.triggers.next_ticks(place.id, ids)
    views = [_listed(each, runs.get(each.row.id, []), ticks.get(each.row.id)) for each in items]
    return Workflows(items=views, next_cursor=next_cursor)


@routes.get(
    "/{workflow_id}",
    Needs("workflow", "read"),
    response_model=WorkflowView,
    responses={304: {"description": "It is what If-None-Match names."}},
    takes=("If-None-Match",),
    gives=("ETag",),
)
async def read_workflow(request: Request, api: ApiPart, workflow_id: str) -> Response:
    """Return a workflow; one that is archived by its id only."""
    row = await found_workflow(request, api, workflow_id)
    return tagged(request, stamp_of(row), _answer(row))


@routes.patch(
    "/{workflow_id}",
    Needs("workflow", "draft"),
    response_model=WorkflowView,
    responses=refusals(412),
    takes=("If-Match",),
    gives=("ETag",),
)
async def change_workflow(
    request: Request,
    api: ApiPart,
    workflow_id: str,
    wanted: Annotated[Sent[WorkflowChange], sent(WorkflowChange)],
) -> Response:
    """Give a workflow another slug or title.

    With another slug the name in the draft becomes the same; versions stay as they are.
    """
    row = await found_workflow(request, api, workflow_id)
    change = await wanted.read()
    check_match(request, stamp_of(row))
    refuse_archived(row)
    after = row
    if "slug" in change.model_fields_set:
        after = msgspec.structs.replace(after, slug=checked("/slug", _slug, change.slug))
    if "title" in change.model_fields_set:
        after = msgspec.structs.replace(after, title=checked("/title", _title, change.title))
    if after == row:
        return _answer(row)
    source = None
    if after.slug != row.slug:
        draft = await api.stores.workflows.draft(row.workspace, row.id)
        if draft is None:
            raise NotFound
        after = msgspec.structs.replace(after, draft=draft.revision)
        source = await named_text(api, draft.source, after.slug)
    fields = sorted(change.model_fields_set)
    audit = deed(request, "workflow.edit", ("workflow", row.id), data={"fields": fields})
    by = principal_of(request).user.id
    done = await api.stores.workflows.change(after, audit, source=source, by=by)
    return _answer(done_or_refused(done))


@routes.delete(
    "/{workflow_id}",
    Needs("workflow", "archive"),
    status_code=204,
    responses=refusals(412),
    takes=("If-Match",),
)
async def archive_workflow(request: Request, api: ApiPart, workflow_id: str) -> Response:
    """Archive a workflow: nothing starts it any more, what runs goes on, its slug is free."""
    row = await found_workflow(request, api, workflow_id)
    check_match(request, stamp_of(row))
    if row.archived_at is None:
        audit = deed(request, "workflow.delete", ("workflow", row.id))
        done_or_refused(await api.stores.workflows.archive(row, audit))
    return Response(status_code=204)


@routes.post("/{workflow_id}/purge", Needs("workflow", "purge"), accepts=(), status_code=204)
async def purge_workflow(request: Request, api: ApiPart, workflow_id: str) -> Response:
    """Delete an archived workflow, its drafts, texts and pins for ever.

    Executions stay, with what they ran.
    """
    row = await found_workflow(request, api, workflow_id)
    data = {"is_purged": True}
    audit = deed(request, "workflow.delete", ("workflow", row.id), data=data)
    refusal = await api.stores.workflows.purge(row, audit)
    if refusal == "not_archived":
        raise Refused("illegal_state", "It is not archived.", hint="Archive it first.")
    if refusal == "in_use":
        raise Refused("in_use", "Executions of it have not ended.", hint="Cancel them first.")
    if refusal is not None:
        raise NotFound if refusal == "unknown" else changed()
    return Response(status_code=204)


async def found_workflow(request: Request, api: Api, named: str) -> WorkflowRow:
    """Return a workflow of the workspace that was asked for.

    Raises:
        NotFound: There is none of that id, slug or alias.
    """
    place, _ = place_of(request)
    return await workflow_in(api, place.id, named)


async def workflow_in(api: Api, workspace: WorkspaceId, named: str) -> WorkflowRow:
    """Return a workflow of a workspace; one that is archived by its id only.

    Raises:
        NotFound: There is none of that id, slug or alias.
    """
    row = await api.stores.workflows.find(workspace, named, with_archived=True)
    if row is None:
        raise NotFound
    return row


def refuse_archived(row: WorkflowRow) -> None:
    """Refuse to change a workflow that is archived.

    Raises:
        Refused: `illegal_state`.
    """
    if row.archived_at is not None:
        raise Refused("illegal_state", "The workflow is archived.")


def done_or_refused(done: WorkflowRow | str) -> WorkflowRow:
    """Return what a change has made of a workflow.

    Raises:
        Refused: `slug_taken` or `precondition_failed`.
        NotFound: It has gone.
    """
    if isinstance(done, WorkflowRow):
        return done
    if done == "slug_taken":
        raise slug_taken()
    if done == "unknown":
        raise NotFound
    raise changed()


def slug_taken() -> Refused:
    """Return the refusal of a slug that another workflow has."""
    return Refused("slug_taken", "Another workflow has that name.", hint="Choose another name.")


def is_slug(text: str) -> bool:
    """Tell whether a text can be a slug."""
    return bool(SLUG.match(text)) and not UUID_SHAPED.match(text)


def stamp_of(row: WorkflowRow) -> str:
    """Return the tag of a workflow as it is."""
    return f"w{row.stamp}"


async def named_text(api: Api, source: bytes, slug: str) -> bytes:
    """Return a document with another name; as it is if it cannot be read."""
    limits = api.settings.limits.to_policy()

    def work() -> bytes:
        try:
            return set_name(source, slug, file="workflow", limits=limits)
        except InvalidInput:
            return source

    return await api.texts.apart(work)


def workflow_view(row: WorkflowRow) -> WorkflowView:
    """Return a workflow as answers show it."""
    return WorkflowView(
        id=row.id,
        slug=row.slug,
        title=row.title,
        version=row.published,
        created_at=time_text(row.created_at),
        updated_at=time_text(row.updated_at),
        created_by=row.created_by,
        archived_at=time_or_none(row.archived_at),
    )


def _answer(row: WorkflowRow, status: int = 200, *, location: bool = False) -> Response:
    where = {"location": f"/api/v1/workflows/{row.id}"} if location else {}
    return Response(
        workflow_view(row).model_dump_json(),
        status,
        headers={**etag(stamp_of(row)), **where},
        media_type="application/json",
    )


def _listed(listed: Listed, runs: list[RunMark], next_at: int | None) -> ListedWorkflow:
    return ListedWorkflow(
        **workflow_view(listed.row).model_dump(),
        draft_revision=listed.row.draft,
        draft_at=time_text(listed.draft_at),
        draft_by=listed.draft_by,
        is_ahead=listed.is_ahead,
        runs=[
            RunView(id=each.id, status=each.status, created_at=time_text(each.created_at))
            for each in runs
        ],
        next_at=time_or_none(next_at),
    )


def _slug(value: object) -> str:
    if not isinstance(value, str) or not is_slug(value):
        raise InvalidInput(f"should be a name like {SLUG_PATTERN}, and not formed like an id")
    return value


def _title(value: object) -> str:
    if not isinstance(value, str) or len(value) > TITLE_LENGTH_MAX:
        raise InvalidInput(f"should have {TITLE_LENGTH_MAX} characters at most")
    return value
