# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/users`: the accounts of an installation, for its administrators.

Rules: ID67, ID68.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from pydantic import BaseModel
from starlette.requests import Request

from legato.api.access import Needs, Routes
from legato.api.authenticator import principal_of
from legato.api.body import Sent, sent
from legato.api.deeds import deed
from legato.api.pages import PagePart, Pages
from legato.api.parts import ApiPart
from legato.api.times import time_text
from legato.errors import NotFound, Refused
from legato.model.ids import UserId
from legato.ports.accounts import User

routes: Final = Routes("/api/v1/users", tag="users")
_ADMINISTER: Final = Needs("user", "disable", of="instance")


class UserView(BaseModel):
    """An account."""

    id: str
    email: str
    display_name: str
    is_instance_admin: bool
    is_disabled: bool
    has_totp: bool
    created_at: str


class Users(BaseModel):
    """Accounts, the newest first."""

    items: list[UserView]
    next_cursor: str | None


class UserChange(BaseModel):
    """What an account shall be."""

    is_disabled: bool


@routes.get("", _ADMINISTER, response_model=Users)
async def list_users(request: Request, api: ApiPart, asked: PagePart) -> Users:
    """Return the accounts of the installation."""
    pages = Pages(request, "users", of_workspace=False)
    found = await api.stores.accounts.users(after=pages.after(asked), limit=asked.limit + 1)
    items, next_cursor = pages.cut(found, asked, lambda each: each.id)
    return Users(items=[_view(each) for each in items], next_cursor=next_cursor)


@routes.patch("/{user_id}", _ADMINISTER, response_model=UserView)
async def change_user(
    request: Request,
    api: ApiPart,
    user_id: str,
    body: Annotated[Sent[UserChange], sent(UserChange)],
) -> UserView:
    """Disable an account, which ends its log-ins and keys for good at once; or enable it."""
    accounts = api.stores.accounts
    user = await accounts.user(UserId(user_id))
    if user is None:
        raise NotFound
    wanted = await body.read()
    if wanted.is_disabled and user.id == principal_of(request).user.id:
        raise Refused("illegal_state", "Nobody disables the own account.")
    action = "user.disable" if wanted.is_disabled else "user.enable"
    audit = deed(request, action, ("user", user.id), of="instance")
    done = await accounts.disable_user(user.id, audit, is_disabled=wanted.is_disabled)
    if done == "unknown":
        raise NotFound
    if done == "last_admin":
        raise Refused("illegal_state", "The last administrator of the installation stays.")
    return _view(msgspec.structs.replace(user, is_disabled=wanted.is_disabled))


def _view(user: User) -> UserView:
    return UserView(
        id=user.id,
        email=user.email,
        display_name=user.display_name,
        is_instance_admin=user.is_instance_admin,
        is_disabled=user.is_disabled,
        has_totp=user.totp is not None,
        created_at=time_text(user.created_at),
    )
