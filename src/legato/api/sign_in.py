# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/auth`: log in, refresh, log out, and who one is.

Who is unknown and who has a wrong password get the same answer for the same work. Limits come
before a password is hashed. Only `refresh` and `logout` read the cookie.

Rules: ID5-ID8, ID13, ID30, ID42.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
import orjson
from pydantic import BaseModel, Discriminator, RootModel, Tag
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Public, Routes
from legato.api.authenticator import BearerAuthenticator, bearer_of, principal_of
from legato.api.body import body
from legato.api.cookies import cleared_cookie, refresh_token
from legato.api.log_ins import (
    WRONG,
    LogIn,
    Once,
    Pass,
    Shown,
    client_of,
    counted,
    entry,
    holder_of,
    logged_in,
    logged_out,
    new_renewal,
    new_session,
    typed_name,
)
from legato.api.openapi import REF, refusals
from legato.api.parts import ApiPart, Identity, IdentityPart, api_of, identity_of
from legato.api.problems import MEDIA_TYPE
from legato.api.second_factor import owe_code
from legato.auth.refresh import child_of, refresh_hash, sid_of, token_hash
from legato.errors import InvalidToken, Refused, Unauthenticated
from legato.ports.accounts import Accounts, Rotation, Session, User

routes: Final = Routes("/api/v1/auth", tag="auth")
_LOG_IN: Final = Public("it is how one becomes somebody")
_COOKIE: Final = Public("the refresh token in the cookie is what is shown")
_LOG_OUT: Final = Public("whoever has a credential may end it")


class ByPassword(BaseModel):
    """An e-mail address and a password."""

    email: str
    password: str


class ByLink(Shown):
    """What stands after `#token=` in a printed link."""

    token: Once


def _way(value: Any) -> str:
    return "by link" if isinstance(value, dict) and "token" in value else "by password"


class Credentials(
    RootModel[
        Annotated[
            Annotated[ByPassword, Tag("by password")] | Annotated[ByLink, Tag("by link")],
            Discriminator(_way),
        ]
    ]
):
    """What somebody logs in with: a password, or a link."""


class OwnWorkspace(BaseModel):
    """The workspace that was asked for, and one's role in it."""

    id: str
    slug: str
    name: str
    role: str


class Me(BaseModel):
    """Who asks."""

    id: str
    email: str
    display_name: str
    is_instance_admin: bool
    has_totp: bool
    workspace: OwnWorkspace | None


_OWES: Final = {
    "allOf": [
        {"$ref": REF.format(model="Problem")},
        {
            "type": "object",
            "properties": {
                "mfa_token": {
                    "type": "string",
                    "description": "With `mfa_required`: for `login/mfa`, within 5 minutes.",
                }
            },
        },
    ]
}


@routes.post(
    "/login",
    _LOG_IN,
    response_model=LogIn,
    responses={
        **refusals(400),
        401: {
            "description": "invalid_credentials · mfa_required",
            "content": {MEDIA_TYPE: {"schema": _OWES}},
        },
    },
    gives=("Set-Cookie",),
)
async def log_in(request: Request, sent: Annotated[Credentials, body(Credentials)]) -> Response:
    """Log in with a password or a printed link. Where a second factor is active a code is owed."""
    if isinstance(sent.root, ByLink):
        return logged_in(request, await _by_link(request, sent.root.token))
    return logged_in(request, await _by_password(request, sent.root))


async def _by_password(request: Request, shown: ByPassword) -> Pass:
    """Make a session for who knows the password."""
    api, identity = api_of(request), identity_of(request)
    accounts, name = api.stores.accounts, typed_name(shown.email)
    async with counted(request, name, logs_in=True):
        user = await accounts.user_by_email(name)
        stored = user.password_hash if user is not None and not user.is_disabled else None
        verdict = await identity.passwords.verify(shown.password, stored)
        if user is None or not verdict.is_right:
            data = {"name": identity.throttle.name_hash(name)}
            failed = entry(request, "auth.login", result="failed", data=data)
            await api.stores.audit.write([failed])
            raise _wrong()
        if verdict.needs_rehash:
            user = await _hashed_anew(identity, accounts, user, shown.password)
        if user.totp is not None:
            raise await owe_code(request, user, name=name) or _wrong()
        session, given = new_session(request, user.id)
        audit = [entry(request, "auth.login", user=user.id, target=("session", session.id))]
        made = await accounts.add_session(session, audit, user_version=user.version)
        if made is None:  # disabled, or another password since it was read
            raise _wrong()
    return given


async def _by_link(request: Request, token: object) -> Pass:
    """Make a session for who has a printed link.

    It is never throttled: failures of others lock nobody out who has the machine. It stands for the
    password alone, so where a second factor is active its code is owed after it. A link is shown on
    a terminal and handed on through chats and mails: whoever finds it there shall not be past the
    second factor. Who has lost that too has it taken away on the machine, which is an act of its
    own (`drop_second_factor`).
    """
    api, identity = api_of(request), identity_of(request)
    accounts = api.stores.accounts
    link, user = await holder_of(accounts, token, "link")
    if user.totp is not None:
        raise await owe_code(request, user, link=link.hash) or InvalidToken()
    session, given = new_session(request, user.id)
    target, by = ("session", session.id), {"by": "link"}
    audit = [entry(request, "auth.login", user=user.id, target=target, data=by)]
    made = await accounts.add_session(
        session, audit, token_hash=link.hash, user_version=user.version
    )
    if made is None:
        raise InvalidToken
    await identity.throttle.vouch(user.email, client_of(request))
    return given


@routes.post(
    "/refresh",
    _COOKIE,
    accepts=(),
    rate="refresh",
    response_model=LogIn,
    responses=refusals(401),
    operation_id="refresh_log_in",
    gives=("Set-Cookie",),
)
async def refresh(request: Request, api: ApiPart, identity: IdentityPart) -> Response:
    """Exchange the refresh token in the cookie for its child and an access token."""
    if api.limits is not None:
        asking = await api.stores.accounts.session_of_refresh(refresh_hash(refresh_token(request)))
        if asking is not None:  # before the token is used up: a refusal must not cost the log-in
            await api.limits.limit("refresh", asking)
    rotation, child = await _rotate(request, api, identity)
    session = rotation.session
    if session is None:
        code = "refresh_reused" if rotation.outcome == "reused" else "session_ended"
        text = "The log-in has ended."
        if code == "refresh_reused":
            text = "The refresh token was used before; its log-in has been ended."
        headers = (("set-cookie", cleared_cookie(request)),)
        raise Refused(code, text, hint="Log in again.", headers=headers)
    sid = sid_of(identity.refresh_key, session.id, session.version)
    given = Pass(session.user, sid, child)
    if token_hash(sid) != session.sid_hash:  # made with the master key before this one
        renewal, given = new_renewal(identity, session, is_authenticated=False)
        if await api.stores.accounts.renew_session(renewal, ()) is None:
            raise Refused("session_ended", "The log-in has ended.", hint="Log in again.")
    return logged_in(request, given)


@routes.post("/logout", _LOG_OUT, accepts=(), rate="write", status_code=204)
async def log_out(request: Request, api: ApiPart, identity: IdentityPart) -> Response:
    """End the log-in of the cookie and of the access token, if there are any."""
    ended: dict[str, Session] = {}
    text = bearer_of(request)
    try:
        person = BearerAuthenticator(identity.tokens, api.stores.accounts).person
        principal = await person(text) if text is not None else None
        if principal is not None and principal.session is not None:
            ended[principal.session.id] = principal.session
    except Unauthenticated:
        pass  # it ends nothing
    try:
        rotation, _ = await _rotate(request, api, identity)
        if rotation.session is not None:
            ended[rotation.session.id] = rotation.session
    except Unauthenticated:
        pass
    for session in ended.values():
        audit = [entry(request, "auth.logout", user=session.user, target=("session", session.id))]
        await api.stores.accounts.end_sessions(session.user, audit, only=session.id)
    return logged_out(request)


@routes.post("/logout-all", Needs("account", "sessions"), accepts=(), status_code=204)
async def log_out_everywhere(request: Request, api: ApiPart) -> Response:
    """End every log-in of who asks."""
    user = principal_of(request).user.id
    await api.stores.accounts.end_sessions(user, [entry(request, "auth.logout_all", user=user)])
    return logged_out(request)


@routes.get("/me", Needs("account", "me"), response_model=Me, operation_id="read_me")
async def me(request: Request) -> Response:
    """Return who asks, and their role in the workspace that is asked for."""
    principal = principal_of(request)
    user, place = principal.user, None
    if principal.workspace is not None and principal.role is not None:
        found = principal.workspace
        place = {"id": found.id, "slug": found.slug, "name": found.name, "role": principal.role}
    value = {
        "id": user.id,
        "email": user.email,
        "display_name": user.display_name,
        "is_instance_admin": user.is_instance_admin,
        "has_totp": user.totp is not None,
        "workspace": place,
    }
    return Response(orjson.dumps(value), media_type="application/json")


async def _rotate(request: Request, api: ApiPart, identity: Identity) -> tuple[Rotation, str]:
    """Exchange the cookie's token; return what came of it, and the child.

    Raises:
        Unauthenticated: There is no cookie, or no token in it.
    """
    parent = refresh_token(request)
    parent_hash = refresh_hash(parent)
    assert parent is not None
    child = child_of(identity.refresh_key, parent)
    rotation = await api.stores.accounts.rotate(
        parent_hash,
        token_hash(child),
        grace_ms=api.settings.auth.refresh_grace,
        idle_ms=api.settings.auth.session_idle,
        audit_reuse=[entry(request, "auth.refresh_reused", result="denied")],
    )
    return rotation, child


async def _hashed_anew(identity: Identity, accounts: Accounts, user: User, password: str) -> User:
    """Store a right password with the parameters of today."""
    text = await identity.passwords.hash(password)
    changed = await accounts.change_user(msgspec.structs.replace(user, password_hash=text), ())
    return msgspec.structs.replace(user, version=user.version + 1) if changed else user


def _wrong() -> Refused:
    return Refused(WRONG, "The e-mail address or the password is wrong.")
