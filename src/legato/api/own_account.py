# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/auth`: the own password and the own log-ins. No key reaches them.

Rules: ID14, ID15, ID38, ID39.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Routes
from legato.api.authenticator import check_recent, principal_of, session_of
from legato.api.body import body
from legato.api.log_ins import (
    LogIn,
    counted,
    entry,
    hashed,
    logged_in,
    logged_out,
    new_renewal,
    prove_password,
)
from legato.api.parts import ApiPart, IdentityPart
from legato.api.problems import Fault, InvalidBody
from legato.api.times import time_text
from legato.auth.password_policy import About
from legato.errors import NotFound, Refused
from legato.model.ids import SessionId

routes: Final = Routes("/api/v1/auth", tag="auth")


class NewPassword(BaseModel):
    """The password of now, and the one that shall be. Without the first where there is none."""

    current_password: str | None = None
    new_password: str


class OwnSession(BaseModel):
    """A log-in of one's own; times as RFC 3339."""

    id: str
    created_at: str
    last_active: str
    ip: str
    user_agent: str
    current: bool


class OwnSessions(BaseModel):
    """The log-ins that live, the newest first."""

    items: list[OwnSession]


@routes.post("/password", Needs("account", "password"), response_model=LogIn, gives=("Set-Cookie",))
async def change_password(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    sent: Annotated[NewPassword, body(NewPassword)],
) -> Response:
    """Change the password; every other log-in ends, and this one gets a new id.

    An account without a password, such as the owner of `legato up`, gets its first one from who
    logged in by a link not long ago: there is no current one to know.
    """
    principal, session = principal_of(request), session_of(request)
    user = principal.user
    async with counted(request, user.email):
        if sent.current_password is not None:
            await prove_password(request, user, sent.current_password, "auth.password")
        elif user.password_hash is None:
            check_recent(principal)
        else:
            raise InvalidBody([Fault("/current_password", "is required", "a value")])
        about = About(
            email=user.email, display_name=user.display_name, has_totp=user.totp is not None
        )
        text = await hashed(request, sent.new_password, about, path="/new_password")
        renewal, given = new_renewal(identity, session, is_authenticated=True)
        changed = await api.stores.accounts.change_user(
            msgspec.structs.replace(user, password_hash=text),
            [entry(request, "auth.password", user=user.id, target=("user", user.id))],
            ends_sessions_but=session.id,
            session=renewal,
        )
        if not changed:
            raise Refused("illegal_state", "The account was changed at the same time.")
    return logged_in(request, given)


@routes.get("/sessions", Needs("account", "sessions"), response_model=OwnSessions)
async def list_sessions(request: Request, api: ApiPart) -> OwnSessions:
    """Return the own log-ins that live."""
    current = session_of(request)
    found = await api.stores.accounts.sessions(current.user)
    items = [
        OwnSession(
            id=each.id,
            created_at=time_text(each.created_at),
            last_active=time_text(each.last_active),
            ip=each.ip,
            user_agent=each.user_agent,
            current=each.id == current.id,
        )
        for each in found
    ]
    return OwnSessions(items=items)


@routes.delete("/sessions/{session_id}", Needs("account", "sessions"), status_code=204)
async def end_session(request: Request, api: ApiPart, session_id: str) -> Response:
    """End a log-in of one's own; one of somebody else is not there."""
    current = session_of(request)
    target = ("session", session_id)
    ended = await api.stores.accounts.end_sessions(
        current.user,
        [entry(request, "auth.session_end", user=current.user, target=target)],
        only=SessionId(session_id),
    )
    if not ended:
        raise NotFound
    return logged_out(request) if session_id == current.id else Response(status_code=204)
