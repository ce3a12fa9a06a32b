# SPDX-License-Identifier: Apache-2.0
"""API keys: one's own, and those of a workspace, which an admin may revoke.

A key is shown once. It may do what its scopes and its maker's role now both allow, in the one
workspace that it was made in. Rules: ID63-ID66.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import body, checked
from legato.api.deeds import deed, in_workspace, place_of
from legato.api.pages import PagePart, Pages
from legato.api.parts import ApiPart
from legato.api.problems import Fault, InvalidBody
from legato.api.times import parse_time, time_or_none, time_text
from legato.auth.names import clean_display_name
from legato.auth.refresh import new_api_key
from legato.auth.roles import InvalidScopes, check_scopes
from legato.errors import LimitExceeded, NotFound, Refused
from legato.ports.accounts import ApiKey, Role

routes: Final = Routes("/api/v1", tag="API keys")
LIVE_MAX: Final = 100
"""Live keys of a user, in all workspaces."""
LIFE_MS_MAX: Final = 10 * 366 * 86_400_000
"""A later end than in ten years is a slip of the pen; a key without an end says so by none."""


class WantedKey(BaseModel):
    """A key to make; without an end it lives until it is revoked."""

    name: str
    scopes: list[str]
    expires_at: str | None = None


class KeyView(BaseModel):
    """A key, without its secret; times as RFC 3339."""

    id: str
    name: str
    scopes: list[str]
    workspace_id: str
    created_at: str
    expires_at: str | None
    last_used: str | None


class MadeKey(KeyView):
    """A key as it is shown once."""

    key: str


class Keys(BaseModel):
    """Keys that live."""

    items: list[KeyView]
    next_cursor: str | None


class MemberKey(KeyView):
    """A key, and whose it is."""

    user_id: str


class MemberKeys(BaseModel):
    """Keys of a workspace that live."""

    items: list[MemberKey]
    next_cursor: str | None


@routes.post(
    "/auth/api-keys",
    Needs("account", "api_keys", is_recent=True),
    status_code=201,
    response_model=MadeKey,
)
async def create_key(
    request: Request, api: ApiPart, wanted: Annotated[WantedKey, body(WantedKey)]
) -> MadeKey:
    """Make a key for the workspace that is asked for."""
    place, role = place_of(request)
    principal = principal_of(request)
    name = checked("/name", clean_display_name, wanted.name)
    scopes = _scopes(wanted.scopes, role)
    expires_at = _end(wanted.expires_at, principal.at)
    fresh = new_api_key()
    made = ApiKey(
        id=fresh.parts.id,
        secret_hash=fresh.parts.secret_hash,
        workspace=place.id,
        user=principal.user.id,
        name=name,
        scopes=scopes,
        expires_at=expires_at,
    )
    target, data = ("api_key", made.id), {"scopes": list(scopes)}
    audit = deed(request, "auth.api_key_create", target, data=data)
    try:
        stored = await api.stores.accounts.add_key(made, audit, live_max=LIVE_MAX)
    except LimitExceeded:
        text = f"You have {LIVE_MAX} keys already."
        raise Refused("quota_exceeded", text, hint="Revoke some.") from None
    return MadeKey(key=fresh.text, **_view(stored).model_dump())


@routes.get("/auth/api-keys", Needs("account", "api_keys"), response_model=Keys)
async def list_keys(request: Request, api: ApiPart, asked: PagePart) -> Keys:
    """Return the own keys of every workspace."""
    found = await api.stores.accounts.keys(principal_of(request).user.id)
    pages = Pages(request, "keys", of_workspace=False)
    items, next_cursor = pages.cut_whole(found, asked, lambda each: each.id)
    return Keys(items=[_view(each) for each in items], next_cursor=next_cursor)


@routes.delete("/auth/api-keys/{key_id}", Needs("account", "api_keys"), status_code=204)
async def revoke_key(request: Request, api: ApiPart, key_id: str) -> Response:
    """Revoke a key of one's own; one of somebody else is not there."""
    accounts, user = api.stores.accounts, principal_of(request).user.id
    own = {each.id: each for each in await accounts.keys(user)}
    if key_id not in own:
        raise NotFound
    (done,) = deed(request, "auth.api_key_revoke", ("api_key", key_id))
    audit = in_workspace(done, own[key_id].workspace)
    if not await accounts.revoke_key(key_id, audit, user=user):
        raise NotFound
    return Response(status_code=204)


@routes.get("/members/api-keys", Needs("api_key", "revoke_any"), response_model=MemberKeys)
async def list_member_keys(request: Request, api: ApiPart, asked: PagePart) -> MemberKeys:
    """Return the keys of all members for the workspace."""
    place, _ = place_of(request)
    pages = Pages(request, "member-keys")
    found = await api.stores.accounts.keys_of_workspace(
        place.id, after=pages.after(asked), limit=asked.limit + 1
    )
    items, next_cursor = pages.cut(found, asked, lambda each: each.id)
    views = [MemberKey(user_id=each.user, **_view(each).model_dump()) for each in items]
    return MemberKeys(items=views, next_cursor=next_cursor)


@routes.delete("/members/api-keys/{key_id}", Needs("api_key", "revoke_any"), status_code=204)
async def revoke_member_key(request: Request, api: ApiPart, key_id: str) -> Response:
    """Revoke a key of any member for the workspace."""
    place, _ = place_of(request)
    audit = deed(request, "auth.api_key_revoke", ("api_key", key_id))
    if not await api.stores.accounts.revoke_key(key_id, audit, workspace=place.id):
        raise NotFound
    return Response(status_code=204)


def _scopes(wanted: list[str], role: Role) -> tuple[str, ...]:
    try:
        return check_scopes(wanted, role)
    except InvalidScopes as error:
        path = "/scopes" if error.index is None else f"/scopes/{error.index}"
        raise InvalidBody([Fault(path, error.reason, error.expected)]) from None


def _end(text: str | None, now_ms: int) -> int | None:
    """Return when a key ends, by the database's clock.

    Raises:
        InvalidBody: It is no time, or not in the ten years to come.
    """
    if text is None:
        return None
    found = parse_time(text)
    if found is None:
        expected = "a date and time with offset, as RFC 3339 writes it"
        raise InvalidBody([Fault("/expires_at", "has another form", expected)])
    if not 0 < found - now_ms <= LIFE_MS_MAX:
        expected = "a time in the next ten years, or none"
        raise InvalidBody([Fault("/expires_at", "is out of bounds", expected)])
    return found


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        scopes=list(key.scopes),
        workspace_id=key.workspace,
        created_at=time_text(key.created_at),
        expires_at=time_or_none(key.expires_at),
        last_used=time_or_none(key.last_used),
    )
