# SPDX-License-Identifier: Apache-2.0
"""What the routes of identity share: sessions to make, proofs, the answer to a log-in, the audit.

Rules: ID4-ID8, ID14, ID39.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, Literal, NoReturn

import msgspec
import orjson
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from legato.api.cookies import cleared_cookie, refresh_cookie
from legato.api.frame import exchange_of
from legato.api.parts import Identity, api_of, identity_of
from legato.api.problems import Fault, InvalidBody
from legato.auth.names import fold_email
from legato.auth.password_policy import About
from legato.auth.refresh import new_token, once_hash, sid_of, token_hash
from legato.errors import InvalidInput, InvalidToken, LegatoError, Refused
from legato.model.ids import SessionId, UserId
from legato.ports.accounts import (
    Accounts,
    NewSession,
    Renewal,
    Session,
    Token,
    TokenKind,
    User,
)
from legato.ports.audit import AuditEntry, Result

USER_AGENT_MAX: Final = 256
NAME_MAX: Final = 1_000
WRONG: Final = "invalid_credentials"
"""The code of a password or code that is wrong: the one refusal that counts as a failure."""

Once = Annotated[
    Any,
    Field(default=None),
    WithJsonSchema({"type": "string", "description": "A token that is good once."}),
]
"""A token that is good once. Whatever else is sent in its place, or nothing, is answered 400."""


def _all_required(schema: dict[str, Any]) -> None:
    """Say that all fields must be sent: a `Once` may be absent only to be answered 400, not 422."""
    schema["required"] = list(schema["properties"])
    for each in schema["properties"].values():
        each.pop("default", None)


class Shown(BaseModel):
    """A body with a `Once`; every field of it is needed."""

    model_config = ConfigDict(json_schema_extra=_all_required)


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


def new_renewal(
    identity: Identity, session: Session, *, is_authenticated: bool
) -> tuple[Renewal, Pass]:
    """Return a new id and refresh token for a session, and what its client gets.

    Args:
        identity: Makes the id.
        session: As it was read.
        is_authenticated: A password was given just now.
    """
    sid = sid_of(identity.refresh_key, session.id, session.version + 1)
    given = Pass(session.user, sid, new_token())
    made = Renewal(
        id=session.id,
        sid_hash=token_hash(given.sid),
        refresh_hash=token_hash(given.refresh),
        is_authenticated=is_authenticated,
    )
    return made, given


@asynccontextmanager
async def counted(request: Request, name: str, *, logs_in: bool = False) -> AsyncIterator[None]:
    """Count what is tried inside as a failed log-in if it raises `WRONG`.

    Args:
        request: Where from.
        name: Whose: the folded address, or what was typed if it is none.
        logs_in: Without an error it is a whole log-in.

    Raises:
        RateLimited: Too many have failed.
    """
    throttle = identity_of(request).throttle
    attempt = await throttle.begin(name, client_of(request))
    try:
        yield
    except LegatoError as error:
        if error.code != WRONG:
            await throttle.dropped(attempt)
        raise
    await (throttle.passed if logs_in else throttle.dropped)(attempt)


async def holder_of(accounts: Accounts, value: object, kind: TokenKind) -> tuple[Token, User]:
    """Return a token that is good now and whom it is for; it is not used up by that.

    Args:
        accounts: Where it is kept.
        value: Whatever the caller sent.
        kind: What it must be for.

    Raises:
        InvalidToken: It is none of that kind, or its user is disabled.
    """
    token = await accounts.token(once_hash(value), kind)
    if token is None or token.user is None:
        raise InvalidToken
    user = await accounts.user(token.user)
    if user is None or user.is_disabled:
        raise InvalidToken
    return token, user


def typed_name(text: str) -> str:
    """Return the folded address, or what was typed where it is none: nobody has that."""
    try:
        return fold_email(text)
    except InvalidInput:
        return text[:NAME_MAX]


async def prove_password(request: Request, user: User, password: str, action: str) -> None:
    """See that somebody who is logged in knows the own password.

    Args:
        request: Of the user.
        user: Who asks.
        password: What was typed.
        action: What it is for, as the audit names it.

    Raises:
        Refused: It is wrong.
    """
    verdict = await identity_of(request).passwords.verify(password, user.password_hash)
    if not verdict.is_right:
        await refuse_proof(request, user, action, "The current password is wrong.")


async def refuse_proof(request: Request, user: User, action: str, message: str) -> NoReturn:
    """Write down that somebody who is logged in could not prove it, and say so.

    Raises:
        Refused: Always.
    """
    failed = entry(request, action, result="failed", user=user.id)
    await api_of(request).stores.audit.write([failed])
    raise Refused(WRONG, message)


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
