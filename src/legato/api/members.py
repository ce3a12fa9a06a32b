# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/members`: who is what in a workspace; roles are given, taken and left here.

Whom one may raise or lower is decided by both roles: up to admin by admins, owners by owners who
logged in not long ago. Rules: ID50, ID52, ID53.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import check_recent, principal_of
from legato.api.body import Sent, sent
from legato.api.deeds import deed, place_of
from legato.api.pages import PagePart, Pages
from legato.api.parts import ApiPart
from legato.api.times import time_text
from legato.auth.roles import allows, may_change_member
from legato.errors import NotFound, Refused
from legato.model.ids import UserId
from legato.ports.accounts import Member, Role
from legato.ports.memberships import Change

routes: Final = Routes("/api/v1/members", tag="members")
OWNER: Final = "owner"


class MemberView(BaseModel):
    """A member. The address is told only to those who may invite."""

    user_id: str
    display_name: str
    email: str | None
    role: Role
    since: str


class Members(BaseModel):
    """Members of a workspace, those with the newest accounts first."""

    items: list[MemberView]
    next_cursor: str | None


class NewRole(BaseModel):
    """The role that a member shall have."""

    role: Role


@routes.get("", Needs("member", "list"), response_model=Members)
async def list_members(request: Request, api: ApiPart, asked: PagePart) -> Members:
    """Return the members of the workspace."""
    place, role = place_of(request)
    pages = Pages(request, "members")
    found = await api.stores.accounts.members(
        place.id, after=pages.after(asked), limit=asked.limit + 1
    )
    items, next_cursor = pages.cut(found, asked, lambda each: each.user)
    return Members(items=[_view(each, role) for each in items], next_cursor=next_cursor)


@routes.delete("/me", Needs("member", "leave"), status_code=204, operation_id="leave_workspace")
async def leave(request: Request, api: ApiPart) -> Response:
    """Leave the workspace, with one's keys; the last owner stays."""
    place, role = place_of(request)
    own = Member(workspace=place.id, user=principal_of(request).user.id, role=role)
    return await _remove(request, api, own)


@routes.patch("/{user_id}", Needs("member", "change"), response_model=MemberView)
async def change_role(
    request: Request,
    api: ApiPart,
    user_id: str,
    body: Annotated[Sent[NewRole], sent(NewRole)],
) -> MemberView:
    """Give a member another role, which counts at once."""
    place, role = place_of(request)
    before = await api.stores.accounts.member(place.id, UserId(user_id))
    if before is None:
        raise NotFound
    wanted = await body.read()
    after = msgspec.structs.replace(before, role=wanted.role)
    check_may(request, before.role, after.role)
    if after.role != before.role:
        data = {"from": before.role, "to": after.role}
        audit = deed(request, "member.role", ("user", after.user), data=data)
        done = await api.stores.accounts.put_member(after, audit, was=before.role)
        _check(done)
    return _view(after, role)


@routes.delete(
    "/{user_id}", Needs("member", "remove"), status_code=204, operation_id="remove_member"
)
async def remove(request: Request, api: ApiPart, user_id: str) -> Response:
    """Take a member out, with their keys of this workspace."""
    place, _ = place_of(request)
    member = await api.stores.accounts.member(place.id, UserId(user_id))
    if member is None:
        raise NotFound
    check_may(request, member.role, None)
    return await _remove(request, api, member)


def check_may(request: Request, before: Role | None, after: Role | None) -> None:
    """Refuse who may not give this role for that one; what concerns owners needs a new log-in.

    Args:
        request: Who asks.
        before: None to invite.
        after: None to remove.

    Raises:
        Refused: `forbidden` or `reauth_required`.
    """
    _, role = place_of(request)
    if not may_change_member(role, before, after):
        raise Refused("forbidden", "Only an owner may grant or remove an owner.")
    if OWNER in {before, after}:
        check_recent(principal_of(request))


async def _remove(request: Request, api: ApiPart, member: Member) -> Response:
    if member.role == OWNER:
        check_recent(principal_of(request))
    audit = deed(request, "member.remove", ("user", member.user), data={"from": member.role})
    accounts = api.stores.accounts
    done = await accounts.remove_member(member.workspace, member.user, audit, was=member.role)
    _check(done)
    return Response(status_code=204)


def _check(done: Change) -> None:
    """Raise what a store has refused."""
    if done == "last_owner":
        raise Refused("last_owner", "A workspace keeps an owner who can log in.")
    if done == "unknown":
        raise NotFound
    if done != "done":
        raise Refused("illegal_state", "The member was changed at the same time.")


def _view(member: Member, role: Role) -> MemberView:
    """Return a member as a role sees them."""
    return MemberView(
        user_id=member.user,
        display_name=member.display_name,
        email=member.email if allows(role, "member", "invite") else None,
        role=member.role,
        since=time_text(member.since),
    )
