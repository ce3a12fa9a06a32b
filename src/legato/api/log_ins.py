# SPDX-License-Identifier: Apache-2.0
"""What the routes of identity share: a session to make, the answer to a log-in, audit entries.

Rules: ID5-ID8.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
import orjson
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.cookies import cleared_cookie, refresh_cookie
from legato.api.frame import exchange_of
from legato.api.parts import Api, Identity, api_of, identity_of
from legato.api.problems import Fault, InvalidBody
from legato.auth.password_policy import About
from legato.auth.refresh import new_token, sid_of, token_hash
from legato.errors import InvalidInput
from legato.model.ids import SessionId, UserId
from legato.ports.accounts import NewSession, Session
from legato.ports.audit import AuditEntry, Result

USER_AGENT_MAX: Final = 256


class LogIn(BaseModel):
    """A log-in. The refresh token is in a cookie, never here."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int


class Pass(msgspec.Struct, frozen=True):
    """What is given to the client of a session: never stored, never logged."""

    user: UserId
    sid: str
    refresh: str

    def __repr__(self) -> str:
        """Name it without its secrets."""
        return f"Pass({self.user})"


def new_session(request: Request, user: UserId) -> tuple[NewSession, Pass]:
    """Return a session to make, and what its client gets."""
    api, identity = api_of(request), identity_of(request)
    session = SessionId(api.clock.new_id())
    given = Pass(user, sid_of(identity.refresh_key, session, 1), new_token())
    made = NewSession(
        id=session,
        sid_hash=token_hash(given.sid),
        refresh_hash=token_hash(given.refresh),
        user=user,
        ttl_ms=api.settings.auth.session_ttl,
        idle_ms=api.settings.auth.session_idle,
        ip=client_of(request),
        user_agent=request.headers.get("user-agent", "")[:USER_AGENT_MAX],
    )
    return made, given


async def renewed_session(
    api: Api, identity: Identity, session: Session, *, is_authenticated: bool
) -> Pass | None:
    """Give a session a new id and refresh token; None if it has ended.

    Args:
        api: Where it is stored.
        identity: Makes the id.
        session: As it was read.
        is_authenticated: A password was given just now.
    """
    sid = sid_of(identity.refresh_key, session.id, session.version + 1)
    given = Pass(session.user, sid, new_token())
    renewed = await api.stores.accounts.renew_session(
        session.id,
        token_hash(given.sid),
        token_hash(given.refresh),
        authenticated=is_authenticated,
        audit=(),
    )
    return given if renewed is not None else None


def logged_in(request: Request, given: Pass, status: int = 200) -> Response:
    """Return the answer to a log-in: an access token, and the cookie."""
    tokens = identity_of(request).tokens
    idle_ms = api_of(request).settings.auth.session_idle
    value = {
        "access_token": tokens.issue(given.user, given.sid),
        "token_type": "bearer",
        "expires_in": tokens.ttl_s,
    }
    cookie = refresh_cookie(request, given.refresh, max_age_s=idle_ms // 1000)
    headers = {"set-cookie": cookie}
    return Response(orjson.dumps(value), status, headers=headers, media_type="application/json")


def logged_out(request: Request) -> Response:
    """Return the answer to who has no log-in any more."""
    return Response(status_code=204, headers={"set-cookie": cleared_cookie(request)})


def client_of(request: Request) -> str:
    """Return the address of who asks."""
    return exchange_of(request.scope).client


def entry(
    request: Request,
    action: str,
    *,
    result: Result = "ok",
    user: UserId | None = None,
    target: tuple[str, str] = ("", ""),
    data: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """Return an entry for the audit about this request.

    Args:
        request: Where from.
        action: What.
        result: How it ended.
        user: Who did it; None: nobody who is known.
        target: Kind and id of what it was done to.
        data: Ids and names only.
    """
    return AuditEntry(
        action=action,
        result=result,
        actor_kind="user" if user is not None else "",
        actor=user or "",
        target_kind=target[0],
        target=target[1],
        ip=client_of(request),
        request_id=exchange_of(request.scope).request_id,
        data=data or {},
    )


async def hashed(request: Request, password: str, about: About, *, path: str) -> str:
    """Return the hash of a new password.

    Args:
        request: Whose server and policy.
        password: What is set.
        about: For whom.
        path: Where it stands in the body.

    Raises:
        InvalidBody: It may not be set.
    """
    passwords = identity_of(request).passwords
    policy = api_of(request).settings.auth.password_policy
    try:
        await passwords.check(password, about, policy)
    except InvalidInput as error:
        raise InvalidBody([Fault(path, error.message, "another password")]) from None
    return await passwords.hash(password)
