# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/credentials`: written and never read back; only attempts and trials see what they hold.

Rules: CR33-CR39.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec
from fastapi import Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, body, sent
from legato.api.deeds import deed, place_of
from legato.api.openapi import refusals
from legato.api.pages import PagePart, Pages, Parameters, refuse_repeated
from legato.api.parts import Api, ApiPart, IdentityPart
from legato.api.problems import Fault, InvalidBody
from legato.api.times import time_text
from legato.auth.credential_types import (
    AnyWanted,
    TypeForm,
    WantedCredential,
    data_of,
    forms,
)
from legato.auth.vault import opened, sealed
from legato.errors import Internal, InvalidInput, LimitExceeded, NotFound, Refused
from legato.ports.credentials import (
    CREDENTIALS_MAX,
    USES_MAX,
    Credential,
    CredentialType,
    Trial,
    WorkflowUse,
)

routes: Final = Routes("/api/v1/credentials", tag="credentials")
_TAG: Final = re.compile(r'"v([1-9][0-9]{0,17})"')
_URL_MAX: Final = 2_000


class CredentialNameView(BaseModel):
    """A credential as workflows name it."""

    id: str
    name: str
    type: CredentialType


class CredentialNames(BaseModel):
    """Credentials of the workspace, the newest first."""

    items: list[CredentialNameView]
    next_cursor: str | None


class CredentialView(CredentialNameView):
    """A credential without what it holds, which is never shown."""

    hosts: list[str] = Field(description="Where it may be sent; empty if `data` says it.")
    version: int = Field(description="Counts its changes, from 1.")
    created_at: str
    created_by: str
    updated_at: str
    updated_by: str


class CredentialTypes(BaseModel):
    """The types that there are, for forms."""

    items: list[TypeForm]


class WorkflowUseView(BaseModel):
    """A workflow whose published version names a credential."""

    workflow_id: str
    slug: str
    version: int


class WorkflowUses(BaseModel):
    """Workflows, the newest first."""

    items: list[WorkflowUseView]
    next_cursor: str | None


class TrialView(BaseModel):
    """How a credential did when it was tried."""

    ok: bool
    message: str = Field(description="In words; never what a server sent.")
    asked: str | None = Field(description="Whom: a URL, or a host with its port.")
    status: int | None = Field(description="Of an HTTP answer.")


class TrialQuery(Parameters):
    """Where an HTTP credential is tried; else at the root of its first host."""

    url: str | None = Field(default=None, min_length=1, max_length=_URL_MAX)


@routes.get("", Needs("credential", "names"), response_model=CredentialNames)
async def list_credentials(request: Request, api: ApiPart, asked: PagePart) -> CredentialNames:
    """Return the names of the workspace's credentials."""
    place, _ = place_of(request)
    pages = Pages(request, "credentials")
    found = await api.stores.credentials.page(
        place.id, after=pages.after(asked), limit=asked.limit + 1
    )
    items, next_cursor = pages.cut(found, asked, lambda each: each.id)
    views = [CredentialNameView(id=each.id, name=each.name, type=each.type) for each in items]
    return CredentialNames(items=views, next_cursor=next_cursor)


@routes.get("/types", Needs("credential", "names"), response_model=CredentialTypes)
async def list_types() -> CredentialTypes:
    """Return what each type holds, as JSON Schema for a form."""
    return CredentialTypes(items=forms())


@routes.post("", Needs("credential", "create"), status_code=201, response_model=CredentialView)
async def create_credential(
    request: Request,
    response: Response,
    api: ApiPart,
    identity: IdentityPart,
    wanted: Annotated[WantedCredential, body(WantedCredential)],
) -> CredentialView:
    """Keep a credential. What it holds is sealed, and never shown again."""
    place, _ = place_of(request)
    row = _row(request, wanted.root, Credential(
        id=api.clock.new_id(), workspace=place.id, name="", type="sql", hosts=(), version=1,
        key_id="", sealed=b"", created_by=principal_of(request).user.id,
    ))  # fmt: skip
    made = sealed(identity.sealer, row, data_of(wanted.root))
    audit = deed(request, "credential.create", ("credential", made.id), data={"type": made.type})
    try:
        stored = await api.stores.credentials.add(made, audit)
    except LimitExceeded:
        text = f"The workspace has {CREDENTIALS_MAX} credentials already."
        raise Refused("quota_exceeded", text, hint="Delete some.") from None
    if stored is None:
        raise _taken()
    response.headers["location"] = f"{routes.prefix}/{stored.id}"
    return _shown(response, stored)


@routes.get("/{credential_id}", Needs("credential", "names"), response_model=CredentialView)
async def read_credential(
    request: Request, response: Response, api: ApiPart, credential_id: str
) -> CredentialView:
    """Return a credential without what it holds. That it was read is kept in the audit."""
    found = await _found(request, api, credential_id)
    await api.stores.audit.write(deed(request, "credential.read", ("credential", found.id)))
    return _shown(response, found)


@routes.put(
    "/{credential_id}",
    Needs("credential", "update"),
    response_model=CredentialView,
    responses=refusals(412, 428),
)
async def replace_credential(
    request: Request,
    response: Response,
    api: ApiPart,
    identity: IdentityPart,
    credential_id: str,
    given: Annotated[Sent[WantedCredential], sent(WantedCredential)],
) -> CredentialView:
    """Replace a credential whole: it is not known what it held. Needs If-Match."""
    before = await _found(request, api, credential_id)
    wanted = (await given.read()).root
    _check_tag(request, before, is_required=True)
    later = msgspec.structs.replace(before, version=before.version + 1)
    row = _row(request, wanted, later)
    after = sealed(identity.sealer, row, data_of(wanted))
    audit = deed(
        request, "credential.change", ("credential", after.id),
        data={"type": after.type, "version": after.version},
    )  # fmt: skip
    done = await api.stores.credentials.replace(after, audit)
    if done == "taken":
        raise _taken()
    if done == "in_use":
        raise await _in_use(api, before, "Published workflows use it by its name.")
    if done == "changed":
        raise _changed()
    stored = await _found(request, api, credential_id)
    return _shown(response, stored)


@routes.delete(
    "/{credential_id}",
    Needs("credential", "delete"),
    status_code=204,
    responses=refusals(412),
)
async def delete_credential(request: Request, api: ApiPart, credential_id: str) -> Response:
    """Delete a credential that no published workflow uses."""
    found = await _found(request, api, credential_id)
    version = _check_tag(request, found, is_required=False)
    audit = deed(request, "credential.delete", ("credential", found.id))
    done = await api.stores.credentials.remove(found.workspace, found.id, audit, version=version)
    if done == "gone":
        raise NotFound
    if done == "changed":
        raise _changed()
    if done == "in_use":
        raise await _in_use(api, found, "Published workflows use it.")
    return Response(status_code=204)


@routes.get("/{credential_id}/used-by", Needs("credential", "used_by"), response_model=WorkflowUses)
async def list_uses(
    request: Request, api: ApiPart, credential_id: str, asked: PagePart
) -> WorkflowUses:
    """Return the workflows whose published version names a credential."""
    found = await _found(request, api, credential_id)
    pages = Pages(request, f"credentials/{found.id}/used-by")
    uses = await api.stores.credentials.used_by(
        found.workspace, found.name, after=pages.after(asked), limit=asked.limit + 1
    )
    items, next_cursor = pages.cut(uses, asked, lambda each: each.workflow_id)
    return WorkflowUses(items=[_use(each) for each in items], next_cursor=next_cursor)


@routes.post(
    "/{credential_id}/test",
    Needs("credential", "test"),
    accepts=(),
    response_model=TrialView,
)
async def try_credential(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    credential_id: str,
    asked: Annotated[TrialQuery, Query()],
) -> TrialView:
    """Try a credential, harmlessly: a GET, a SELECT, or a log-in to a mail server.

    The answer says whether it was accepted, and nothing of what a server sent.
    """
    refuse_repeated(request)
    found = await _found(request, api, credential_id)
    if api.trials is None:
        raise Internal("this server has nothing that tries credentials")
    if asked.url is not None and not found.type.startswith("http_"):
        raise InvalidBody([Fault("/url", "is for HTTP credentials", "no such parameter")])
    try:
        trial = await api.trials(opened(identity.sealer, found), asked.url)
    except InvalidInput as error:
        trial = Trial(is_good=False, message=f"It cannot be opened: {error.message}.")
    data = {"version": found.version, "ok": trial.is_good}
    audit = deed(request, "credential.test", ("credential", found.id), data=data)
    await api.stores.audit.write(audit)
    return TrialView(
        ok=trial.is_good, message=trial.message, asked=trial.asked or None, status=trial.status
    )


async def _found(request: Request, api: Api, credential_id: str) -> Credential:
    """Return a credential of the workspace that was asked for.

    Raises:
        NotFound: There is none, or only elsewhere.
    """
    place, _ = place_of(request)
    found = await api.stores.credentials.find(place.id, credential_id)
    if found is None:
        raise NotFound
    return found


def _row(request: Request, wanted: AnyWanted, row: Credential) -> Credential:
    return msgspec.structs.replace(
        row,
        name=wanted.name,
        type=wanted.type,
        hosts=tuple(dict.fromkeys(wanted.hosts)),
        updated_by=principal_of(request).user.id,
    )


def _check_tag(request: Request, found: Credential, *, is_required: bool) -> int | None:
    """Return the version that the caller has seen; None: any.

    Raises:
        Refused: `precondition_required` or `precondition_failed`.
    """
    tags = request.headers.getlist("if-match")
    if not tags:
        if is_required:
            raise Refused(
                "precondition_required",
                "The header If-Match is missing.",
                hint="Send the ETag of what you have read.",
            )
        return None
    if tags == ["*"]:
        return None
    match = _TAG.fullmatch(tags[0].strip())
    if len(tags) > 1 or match is None or int(match[1]) != found.version:
        raise _changed()
    return found.version


def _shown(response: Response, found: Credential) -> CredentialView:
    response.headers["etag"] = f'"v{found.version}"'
    return CredentialView(
        id=found.id,
        name=found.name,
        type=found.type,
        hosts=list(found.hosts),
        version=found.version,
        created_at=time_text(found.created_at),
        created_by=found.created_by,
        updated_at=time_text(found.updated_at),
        updated_by=found.updated_by,
    )


def _use(each: WorkflowUse) -> WorkflowUseView:
    return WorkflowUseView(workflow_id=each.workflow_id, slug=each.slug, version=each.number)


def _taken() -> Refused:
    return Refused("slug_taken", "Another credential of the workspace has that name.")


def _changed() -> Refused:
    return Refused(
        "precondition_failed", "It has changed in the meantime.", hint="Read it again first."
    )


async def _in_use(api: Api, found: Credential, text: str) -> Refused:
    uses = await api.stores.credentials.used_by(found.workspace, found.name, limit=USES_MAX)
    more: dict[str, object] = {"used_by": [_use(each).model_dump() for each in uses]}
    return Refused("in_use", text, hint="Publish them without it first.", more=more)
