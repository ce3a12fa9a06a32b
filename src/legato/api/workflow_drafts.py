# SPDX-License-Identifier: Apache-2.0
"""Drafts: read, saved over the revision that was seen, published; files; texts that are checked.

A draft is kept as it was written, whatever is wrong with it. Publishing is what is refused.
Rules: WF4, WF5, WF9, WF14-WF17, WF22-WF26.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, sent
from legato.api.conditions import changed, check_match, etag, if_match, required_tag, tagged
from legato.api.credential_use import check_credentials
from legato.api.deeds import deed, place_of
from legato.api.idempotency import Claim, once
from legato.api.openapi import refusals
from legato.api.parts import Api, ApiPart
from legato.api.times import time_text
from legato.api.workflow_texts import (
    BODY_BYTES_MAX,
    TEXT,
    YAML,
    ProblemView,
    WrittenPart,
    check,
    read_text,
    valid,
    version_of,
    views,
)
from legato.api.workflows import (
    found_workflow,
    is_slug,
    refuse_archived,
    slug_taken,
)
from legato.errors import Internal, NotFound, Refused
from legato.model.document.fields import TITLE_LENGTH_MAX
from legato.ports.admission import Once
from legato.ports.catalogue import Publication
from legato.ports.workflows import (
    DraftConflict,
    DraftRow,
    NewWorkflow,
    Publishing,
    Saving,
    WorkflowRow,
)

routes: Final = Routes("/api/v1/workflows", tag="workflows")
MESSAGE_MAX: Final = 1_000
NUMBER_MAX: Final = 999_999_999
"""Of revisions and versions."""
TRIES_MAX: Final = 5
"""Of a file that is published while others publish, too."""
_JSON: Final = "application/json"


class DraftView(BaseModel):
    """A draft. `document` is its content, null if the text cannot be read.

    `base_version` is the version that the text grew out of. `errors` is what is wrong with it.
    """

    revision: int
    base_version: int | None
    source: str
    document: Any
    errors: list[ProblemView]
    by: str
    at: str


class PublishRequest(BaseModel):
    """Which revision of the draft shall be published."""

    revision: int = Field(ge=1, le=NUMBER_MAX)
    message: str = Field(default="", max_length=MESSAGE_MAX)


class VersionMade(BaseModel):
    """A version: its number, the hash of its text, and that of its logic alone."""

    version: int
    hash: str
    logic_hash: str


class Judgement(BaseModel):
    """What is wrong with a text; nothing if it could be published."""

    valid: bool
    name: str
    errors: list[ProblemView]


@routes.post(
    "/validate",
    Needs("workflow", "validate"),
    accepts=TEXT,
    body_bytes_max=BODY_BYTES_MAX,
    response_model=Judgement,
)
async def validate(request: Request, api: ApiPart, wanted: WrittenPart) -> Judgement:
    """Tell what is wrong with a document. Nothing is kept, and nothing is executed."""
    source = await read_text(request, wanted, api.settings.limits.max_document_bytes)
    found = await check(api, source)
    is_valid = found.workflow is not None
    return Judgement(valid=is_valid, name=found.name[:63], errors=views(found))


@routes.get(
    "/{workflow_id}/draft",
    Needs("workflow", "read"),
    response_model=DraftView,
    takes=("If-None-Match",),
    gives=("ETag",),
)
async def read_draft(request: Request, api: ApiPart, workflow_id: str) -> Response:
    """Return the draft with what is wrong with it. Nothing is executed."""
    row = await found_workflow(request, api, workflow_id)
    draft = await draft_of(api, row)
    return tagged(request, _tag(draft), await draft_answer(api, row, draft))


@routes.put(
    "/{workflow_id}/draft",
    Needs("workflow", "draft"),
    accepts=TEXT,
    body_bytes_max=BODY_BYTES_MAX,
    response_model=DraftView,
    responses=refusals(412, 428),
    takes=("If-Match",),
    gives=("ETag",),
)
async def save_draft(
    request: Request, api: ApiPart, workflow_id: str, wanted: WrittenPart
) -> Response:
    """Save a text over the revision that `If-Match` names; problems in it are told, not refused.

    A stale revision is refused with `current` and `base`: what the draft is now, and what it was.
    """
    row = await found_workflow(request, api, workflow_id)
    seen = required_tag(request)
    source = await read_text(request, wanted, api.settings.limits.max_document_bytes)
    refuse_archived(row)
    saving = Saving(
        workspace=row.workspace,
        workflow=row.id,
        revision=_revision(seen),
        source=source,
        by=principal_of(request).user.id,
    )
    audit = deed(request, "workflow.edit", ("workflow", row.id), data={"fields": ["draft"]})
    done = await api.stores.workflows.put_draft(saving, audit)
    if done is None:
        raise NotFound
    if isinstance(done, DraftConflict):
        raise await conflict(api, row, done)
    return await draft_answer(api, row, done)


@routes.post(
    "/{workflow_id}/publish",
    Needs("workflow", "publish"),
    status_code=201,
    response_model=VersionMade,
    responses={200: {"model": VersionMade, "description": "It is what it was: nothing is new."}},
    takes=("Idempotency-Key",),
    gives=("ETag",),
)
async def publish(
    request: Request,
    api: ApiPart,
    workflow_id: str,
    wanted: Annotated[Sent[PublishRequest], sent(PublishRequest)],
) -> Response:
    """Have the workflow stand for its draft from now on."""
    row = await found_workflow(request, api, workflow_id)
    asked = await wanted.read()
    refuse_archived(row)

    async def effect(claim: Claim | None) -> Response:
        draft = await api.stores.workflows.draft(row.workspace, row.id, asked.revision)
        if draft is None or draft.revision != (await draft_of(api, row)).revision:
            current = await draft_of(api, row)
            raise await conflict(api, row, DraftConflict(current=current, base=draft))
        made = _Making(request, api, draft.source, asked.revision, asked.message, claim)
        return await made.publish(row.id)

    return await once(request, api, effect)


@routes.get(
    "/{workflow_id}/file",
    Needs("workflow", "read"),
    response_class=Response,
    responses={200: {"content": {YAML: {"schema": {"type": "string"}}}}, **refusals(409)},
    takes=("If-None-Match",),
    gives=("ETag",),
)
async def read_file_of(request: Request, api: ApiPart, workflow_id: str) -> Response:
    """Return the text of the published version, byte for byte."""
    row = await found_workflow(request, api, workflow_id)
    if row.published is None:
        raise Refused("not_published", "No version of this workflow is published.")
    found = await api.stores.workflows.version(row.workspace, row.id, row.published)
    if found is None:
        raise NotFound
    answer = text_answer(found.source)
    return tagged(request, found.publication.hash, answer)


@routes.put(
    "/{workflow_id}/file",
    Needs("workflow", "publish"),
    accepts=TEXT,
    body_bytes_max=BODY_BYTES_MAX,
    status_code=201,
    response_model=VersionMade,
    responses={
        200: {"model": VersionMade, "description": "It is what it was: nothing is new."},
        **refusals(412),
    },
    takes=("If-Match",),
    gives=("ETag",),
)
async def put_file(
    request: Request, api: ApiPart, workflow_id: str, wanted: WrittenPart
) -> Response:
    """Have a file be the draft and the published version at once.

    A name that no workflow has makes one, if the document has the same name. `If-Match` names the
    hash of the version that shall be replaced.
    """
    limit = api.settings.limits.max_document_bytes
    place, _ = place_of(request)
    row = await api.stores.workflows.find(place.id, workflow_id, with_archived=True)
    if row is None and not is_slug(workflow_id):
        raise NotFound
    if row is None:
        source = await read_text(request, wanted, limit)
        if if_match(request) is not None:
            raise changed()
        row = await _make(request, api, workflow_id, source)
    else:
        source = await read_text(request, wanted, limit)
        refuse_archived(row)
        if if_match(request) is not None:
            newest = await api.stores.workflows.versions(row.workspace, row.id, limit=1)
            check_match(request, newest[0].hash if newest else "")
    made = _Making(request, api, source, None, "", None)
    return await made.publish(row.id)


class _Making:
    """A text that becomes a version."""

    def __init__(
        self,
        request: Request,
        api: Api,
        source: bytes,
        revision: int | None,
        message: str,
        claim: Claim | None,
    ) -> None:
        self._request = request
        self._api = api
        self._source = source
        self._revision = revision
        self._message = message
        self._claim = claim

    async def publish(self, workflow_id: str) -> Response:
        """Publish, and return the answer; begun anew if others publish at the same time."""
        found = await check(self._api, self._source)
        for _ in range(TRIES_MAX):
            row = await found_workflow(self._request, self._api, workflow_id)
            refuse_archived(row)
            workflow = valid(found, row.slug)
            version = version_of(row, workflow, self._source, self._api.clock.now_ms())
            naming = await check_credentials(self._request, self._api, workflow)
            audit = deed(
                self._request,
                "workflow.publish",
                ("workflow", row.id),
                data={"number": (row.published or 0) + 1, "hash": found.hash},
            )
            wanted = Publishing(
                workflow=row.id,
                revision=self._revision,
                number=row.published,
                row=version,
                title=(workflow.title or "")[:TITLE_LENGTH_MAX],
                by=principal_of(self._request).user.id,
                message=self._message,
                naming=naming,
            )
            answer = await self._answer(row, found.hash, version.version)
            kept = self._kept(answer)
            done = await self._api.stores.workflows.publish(wanted, audit, once=kept)
            if isinstance(done, DraftConflict):
                raise await conflict(self._api, row, done)
            if done == "unknown":
                raise NotFound
            if not isinstance(done, str):
                assert answer.status_code == (201 if done[1] else 200)
                return answer
        raise Refused("illegal_state", "Others publish this workflow at the same time.")

    def _kept(self, answer: Response) -> Once | None:
        return None if self._claim is None else self._claim.of(answer)

    async def _answer(self, row: WorkflowRow, text_hash: str, logic: str) -> Response:
        """Return what will be true if nobody publishes in between."""
        number = row.published
        if number is not None:
            last = await self._last(row, number)
            if last.hash == text_hash:
                return version_answer(last.number, last.hash, last.version, 200)
        return version_answer((number or 0) + 1, text_hash, logic, 201)

    async def _last(self, row: WorkflowRow, number: int) -> Publication:
        found = await self._api.stores.workflows.versions(
            row.workspace, row.id, before=number + 1, limit=1
        )
        if not found:
            raise Internal("a workflow stands for a version that is not there")
        return found[0]


async def _make(request: Request, api: Api, slug: str, source: bytes) -> WorkflowRow:
    """Make the workflow of a file that is published for the first time."""
    found = await check(api, source)
    workflow = valid(found, slug)
    place, _ = place_of(request)
    new = NewWorkflow(
        id=api.clock.new_id(),
        workspace=place.id,
        slug=slug,
        title=(workflow.title or "")[:TITLE_LENGTH_MAX],
        source=source,
        by=principal_of(request).user.id,
    )
    audit = deed(request, "workflow.create", ("workflow", new.id))
    row = await api.stores.workflows.create(new, audit)
    if row is None:
        raise slug_taken()
    return row


async def draft_of(api: Api, row: WorkflowRow) -> DraftRow:
    """Return the draft of a workflow."""
    found = await api.stores.workflows.draft(row.workspace, row.id)
    if found is None:
        raise NotFound
    return found


async def conflict(api: Api, row: WorkflowRow, found: DraftConflict) -> Refused:
    """Return the refusal to somebody whose draft is not the newest, with both texts."""
    base = None if found.base is None else await _draft_value(api, row, found.base)
    return Refused(
        "draft_conflict",
        "The draft was changed in the meantime.",
        headers=(("etag", f'"{_tag(found.current)}"'),),
        more={"current": await _draft_value(api, row, found.current), "base": base},
    )


def version_answer(number: int, text_hash: str, logic: str, status: int) -> Response:
    """Return a version that was made, or is what it was."""
    made = VersionMade(version=number, hash=text_hash, logic_hash=logic)
    return Response(made.model_dump_json(), status, headers=etag(text_hash), media_type=_JSON)


def text_answer(source: bytes) -> Response:
    """Return a text as a file."""
    kind = _JSON if source.lstrip()[:1] == b"{" else YAML
    return Response(source, headers={"x-content-type-options": "nosniff"}, media_type=kind)


async def draft_answer(api: Api, row: WorkflowRow, draft: DraftRow) -> Response:
    """Return a draft with what is wrong with it."""
    value = await _draft_value(api, row, draft)
    return Response(orjson.dumps(value), headers=etag(_tag(draft)), media_type=_JSON)


async def _draft_value(api: Api, row: WorkflowRow, draft: DraftRow) -> dict[str, Any]:
    found = await check(api, draft.source)
    errors = [each.model_dump() for each in views(found, row.slug)]
    return {
        "revision": draft.revision,
        "base_version": draft.base_version,
        "source": draft.source.decode("utf-8", "replace"),
        "document": orjson.Fragment(found.document or b"null"),
        "errors": errors,
        "by": draft.by,
        "at": time_text(draft.at),
    }


def _tag(draft: DraftRow) -> str:
    return f"r{draft.revision}"


def _revision(tag: str) -> int:
    """Return the revision that a tag names; one that never was if it names none."""
    number = tag.removeprefix("r")
    is_number = tag.startswith("r") and number.isascii() and number.isdigit() and len(number) < 10
    return int(number) if is_number else 0
