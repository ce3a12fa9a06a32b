# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/workspaces`: those one is a member of; new ones; their names.

Rules: ID59, ID61.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from pydantic import BaseModel, Field
from starlette.requests import Request

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import body, checked
from legato.api.deeds import deed, in_workspace, place_of
from legato.api.pages import PagePart, Pages
from legato.api.parts import ApiPart
from legato.api.times import time_text
from legato.auth.names import check_slug, clean_display_name, make_slug
from legato.errors import Refused
from legato.model.ids import WorkspaceId
from legato.ports.accounts import Role, Workspace

routes: Final = Routes("/api/v1/workspaces", tag="workspaces")


class WorkspaceView(BaseModel):
    """A workspace, and one's role in it."""

    id: str
    slug: str
    name: str
    role: Role
    created_at: str


class Workspaces(BaseModel):
    """The workspaces that one is a member of."""

    items: list[WorkspaceView]
    next_cursor: str | None


class NewWorkspace(BaseModel):
    """A workspace to make; without a slug it gets one of its name."""

    name: str
    slug: str | None = None


class WorkspaceChange(BaseModel):
    """What shall be different; what is absent stays."""

    name: str = Field(default_factory=str)
    slug: str = Field(default_factory=str)


@routes.get("", Needs("account", "workspaces"), response_model=Workspaces)
async def list_workspaces(request: Request, api: ApiPart, asked: PagePart) -> Workspaces:
    """Return the workspaces that one is a member of."""
    found = await api.stores.accounts.memberships(principal_of(request).user.id)
    pages = Pages(request, "workspaces", of_workspace=False)
    items, next_cursor = pages.cut_whole(found, asked, lambda each: each[0].id)
    return Workspaces(items=[_view(*each) for each in items], next_cursor=next_cursor)


@routes.post(
    "", Needs("workspace", "create", of="instance"), status_code=201, response_model=WorkspaceView
)
async def create_workspace(
    request: Request, api: ApiPart, wanted: Annotated[NewWorkspace, body(NewWorkspace)]
) -> WorkspaceView:
    """Make a workspace, which is then one's own."""
    name = checked("/name", clean_display_name, wanted.name)
    slug = make_slug(name, otherwise="workspace")
    if wanted.slug is not None:
        slug = checked("/slug", check_slug, wanted.slug)
    made = Workspace(id=WorkspaceId(api.clock.new_id()), slug=slug, name=name)
    user = principal_of(request).user.id
    (done,) = deed(request, "workspace.create", ("workspace", made.id), of="instance")
    audit = in_workspace(done, made.id)
    if not await api.stores.accounts.add_workspace(made, user, audit):
        raise _taken()
    own = {each.id: each for each, _ in await api.stores.accounts.memberships(user)}
    return _view(own.get(made.id, made), "owner")


@routes.get("/{workspace_id}", Needs("setting", "list"), response_model=WorkspaceView)
async def read_workspace(request: Request, workspace_id: str) -> WorkspaceView:
    """Return a workspace, by id or slug."""
    del workspace_id  # the gate has read it
    return _view(*place_of(request))


@routes.patch("/{workspace_id}", Needs("setting", "update"), response_model=WorkspaceView)
async def change_workspace(
    request: Request,
    api: ApiPart,
    workspace_id: str,
    wanted: Annotated[WorkspaceChange, body(WorkspaceChange)],
) -> WorkspaceView:
    """Give a workspace another name or slug."""
    del workspace_id  # the gate has read it
    place, role = place_of(request)
    changes: dict[str, str] = {}
    if "name" in wanted.model_fields_set:
        changes["name"] = checked("/name", clean_display_name, wanted.name)
    if "slug" in wanted.model_fields_set:
        changes["slug"] = checked("/slug", check_slug, wanted.slug)
    after = msgspec.structs.replace(place, **changes)
    if after != place:
        data = {"fields": sorted(changes)}
        audit = deed(request, "workspace.change", ("workspace", place.id), data=data)
        if not await api.stores.accounts.change_workspace(after, audit):
            raise _taken()
    return _view(after, role)


def _view(workspace: Workspace, role: Role) -> WorkspaceView:
    return WorkspaceView(
        id=workspace.id,
        slug=workspace.slug,
        name=workspace.name,
        role=role,
        created_at=time_text(workspace.created_at),
    )


def _taken() -> Refused:
    return Refused("slug_taken", "Another workspace has that slug.", hint="Choose another slug.")
