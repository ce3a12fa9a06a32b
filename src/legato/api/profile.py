# SPDX-License-Identifier: Apache-2.0
"""`PATCH /api/v1/auth/me`: the own name, and the workspace that is meant where none is named.

Rules: ID62.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from pydantic import BaseModel, Field
from starlette.requests import Request

from legato.api import sign_in
from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of, workspace_of
from legato.api.body import body, checked
from legato.api.deeds import deed
from legato.api.parts import ApiPart
from legato.auth.names import clean_display_name
from legato.errors import NotFound, Refused
from legato.model.ids import UserId
from legato.ports.accounts import Accounts, Role, Workspace

routes: Final = Routes("/api/v1/auth", tag="auth")


class Profile(BaseModel):
    """What shall be different; what is absent stays. The workspace by id or slug."""

    display_name: str = Field(default_factory=str)
    default_workspace: str = Field(default_factory=str)


@routes.patch("/me", Needs("account", "profile"), response_model=sign_in.Me)
async def change_profile(
    request: Request, api: ApiPart, wanted: Annotated[Profile, body(Profile)]
) -> sign_in.Me:
    """Change the own name or default workspace."""
    accounts, principal = api.stores.accounts, principal_of(request)
    user, place = principal.user, (principal.workspace, principal.role)
    changes: dict[str, Any] = {}
    if "default_workspace" in wanted.model_fields_set:
        found = await _own(accounts, principal.user.id, wanted.default_workspace)
        changes["default_workspace"] = found[0].id
        if workspace_of(request) is None:
            place = found
    if "display_name" in wanted.model_fields_set:
        name = checked("/display_name", clean_display_name, wanted.display_name)
        changes["display_name"] = name
    after = msgspec.structs.replace(user, **changes)
    if after != user:
        data = {"fields": sorted(changes)}
        audit = deed(request, "auth.profile", ("user", user.id), of="instance", data=data)
        if not await accounts.change_user(after, audit):
            raise Refused("illegal_state", "The account was changed at the same time.")
    workspace, role = place
    request.state.principal = msgspec.structs.replace(
        principal, user=after, workspace=workspace, role=role
    )
    answer: sign_in.Me = await sign_in.me(request)
    return answer


async def _own(accounts: Accounts, user: UserId, named: str) -> tuple[Workspace, Role]:
    """Return a workspace of a user by id or slug; one of others is not there.

    Raises:
        NotFound: The user has none of that name.
    """
    for workspace, role in await accounts.memberships(user):
        if named in {workspace.id, workspace.slug}:
            return workspace, role
    raise NotFound
