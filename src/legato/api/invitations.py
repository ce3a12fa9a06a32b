# SPDX-License-Identifier: Apache-2.0
"""Invitations: a link that makes somebody a member, once, for 72 hours.

Its URL is shown once. It is worth what its maker may give at the time when it is accepted: of
somebody who has left or was lowered since it is worth nothing. Rules: ID54, ID56-ID58, ID71.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Needs, Public, Routes
from legato.api.authenticator import BearerAuthenticator, bearer_of, principal_of
from legato.api.body import body, checked
from legato.api.deeds import deed, in_workspace, place_of
from legato.api.frame import exchange_of
from legato.api.log_ins import LogIn, Once, entry, hashed, logged_in, new_session
from legato.api.members import check_may
from legato.api.pages import PagePart, Pages
from legato.api.parts import Api, ApiPart, Identity, IdentityPart
from legato.api.problems import Fault, InvalidBody
from legato.api.times import time_text
from legato.auth.names import clean_display_name, fold_email
from legato.auth.password_policy import About
from legato.auth.refresh import new_token, once_hash, token_hash
from legato.auth.roles import may_change_member
from legato.auth.tokens import AccessClaims
from legato.errors import InvalidToken, LimitExceeded, NotFound, Refused, Unauthenticated
from legato.model.ids import UserId
from legato.ports.accounts import Accounts, Member, Role, User
from legato.ports.audit import AuditEntry
from legato.ports.memberships import Invitation

routes: Final = Routes("/api/v1", tag="invitations")
LIFE_MS: Final = 72 * 3_600_000
OPEN_MAX: Final = 200
"""Open invitations of a workspace."""
_ACCEPT: Final = Public("the token of the invitation is the right")


class Invite(BaseModel):
    """Whom to invite as what."""

    email: str
    role: Role


class Invited(BaseModel):
    """An invitation as it is shown once."""

    id: str
    url: str
    expires_at: str


class OpenInvitation(BaseModel):
    """An open invitation."""

    id: str
    email: str
    role: Role
    invited_by: str | None
    expires_at: str


class Invitations(BaseModel):
    """Open invitations, the newest first."""

    items: list[OpenInvitation]
    next_cursor: str | None


class Acceptance(BaseModel):
    """Who accepts: name and password for a new account, neither for one that is logged in."""

    token: Once
    display_name: str | None = None
    password: str | None = None


@routes.post(
    "/members/invitations",
    Needs("member", "invite"),
    status_code=201,
    response_model=Invited,
    operation_id="invite_member",
)
async def invite(
    request: Request, api: ApiPart, wanted: Annotated[Invite, body(Invite)]
) -> Invited:
    """Invite somebody; an older invitation of the same address becomes void."""
    place, _ = place_of(request)
    accounts = api.stores.accounts
    check_may(request, None, wanted.role)
    email = checked("/email", fold_email, wanted.email)
    known = await accounts.user_by_email(email)
    if known is not None and await accounts.member(place.id, known.id) is not None:
        raise Refused("illegal_state", "Somebody with that address is a member already.")
    token = new_token()
    made = Invitation(
        id=api.clock.new_id(),
        hash=token_hash(token),
        workspace=place.id,
        role=wanted.role,
        email=email,
        by=principal_of(request).user.id,
    )
    audit = deed(request, "auth.invite", ("invitation", made.id), data={"role": wanted.role})
    try:
        stored = await accounts.invite(made, audit, ttl_ms=LIFE_MS, open_max=OPEN_MAX)
    except LimitExceeded:
        text = f"A workspace has at most {OPEN_MAX} open invitations."
        raise Refused("quota_exceeded", text, hint="Revoke some.") from None
    base = api.settings.server.public_url or exchange_of(request.scope).own_origin
    url = f"{base}/invite#token={token}"
    return Invited(id=stored.id, url=url, expires_at=time_text(stored.expires_at))


@routes.get("/members/invitations", Needs("member", "invite"), response_model=Invitations)
async def list_invitations(request: Request, api: ApiPart, asked: PagePart) -> Invitations:
    """Return the invitations to the workspace that are open."""
    place, _ = place_of(request)
    found = await api.stores.accounts.invitations(place.id)
    pages = Pages(request, "invitations")
    items, next_cursor = pages.cut_whole(found, asked, lambda each: each.id)
    views = [
        OpenInvitation(
            id=each.id,
            email=each.email,
            role=each.role,
            invited_by=each.by,
            expires_at=time_text(each.expires_at),
        )
        for each in items
    ]
    return Invitations(items=views, next_cursor=next_cursor)


@routes.delete("/members/invitations/{invitation_id}", Needs("member", "invite"), status_code=204)
async def revoke_invitation(request: Request, api: ApiPart, invitation_id: str) -> Response:
    """Make an invitation void."""
    place, _ = place_of(request)
    audit = deed(request, "auth.invitation_revoke", ("invitation", invitation_id))
    if not await api.stores.accounts.revoke_invitation(place.id, invitation_id, audit):
        raise NotFound
    return Response(status_code=204)


@routes.post(
    "/auth/invitations/accept",
    _ACCEPT,
    status_code=201,
    response_model=LogIn,
    operation_id="accept_invitation",
    gives=("Set-Cookie",),
)
async def accept(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    sent: Annotated[Acceptance, body(Acceptance)],
) -> Response:
    """Become a member and log in. Of any number with one token at once, one succeeds."""
    accounts = api.stores.accounts
    # Looked at before a password is hashed, which costs much; decided in the transaction.
    found = await accounts.invitation(once_hash(sent.token))
    if found is None or not await _is_backed(accounts, found):
        raise InvalidToken
    known = await accounts.user_by_email(found.email)
    if known is None:
        return await _enter(request, api, found, sent)
    claims = await _claims(request, api, identity)
    if claims is None or claims.user != known.id:
        raise _account_exists()
    await _join(request, api, found, known)
    # The log-in and its cookie stay; nothing of the role is in them.
    value = LogIn(
        access_token=identity.tokens.issue(claims.user, claims.sid),
        token_type="bearer",  # noqa: S106 - a name
        expires_in=identity.tokens.ttl_s,
    )
    return Response(value.model_dump_json(), 201, media_type="application/json")


async def _enter(request: Request, api: Api, found: Invitation, sent: Acceptance) -> Response:
    """Make an account with the role, and its first log-in."""
    name, password = _new_account(sent)
    about = About(email=found.email, display_name=name)
    text = await hashed(request, password, about, path="/password")
    user = User(
        id=UserId(api.clock.new_id()), email=found.email, display_name=name, password_hash=text
    )
    session, given = new_session(request, user.id)
    accounts = api.stores.accounts
    made = await accounts.add_user(
        user,
        _accepted(request, found, user.id),
        member=Member(workspace=found.workspace, user=user.id, role=found.role),
        token_hash=found.hash,
        session=session,
    )
    if made:
        return logged_in(request, given, 201)
    if await accounts.invitation(found.hash) is None:
        raise InvalidToken
    raise _account_exists()  # made meanwhile


async def _join(request: Request, api: Api, found: Invitation, user: User) -> None:
    """Give an account the role; a member's role is not changed by an invitation."""
    accounts = api.stores.accounts
    done = await accounts.put_member(
        Member(workspace=found.workspace, user=user.id, role=found.role),
        _accepted(request, found, user.id),
        token_hash=found.hash,
        was="none",
    )
    if done == "done":
        return
    if await accounts.invitation(found.hash) is None:  # used meanwhile, perhaps by the same person
        raise InvalidToken
    raise Refused("illegal_state", "You are a member of this workspace already.")


async def _claims(request: Request, api: Api, identity: Identity) -> AccessClaims | None:
    """Return what the access token of a live log-in says; None where there is none."""
    text = bearer_of(request)
    if text is None:
        return None
    try:
        person = await BearerAuthenticator(identity.tokens, api.stores.accounts).person(text)
        return identity.tokens.verify(text) if person is not None else None
    except Unauthenticated:
        return None


async def _is_backed(accounts: Accounts, found: Invitation) -> bool:
    """Tell whether who made an invitation may still give what it gives."""
    if found.by is None:
        return True
    user = await accounts.user(found.by)
    maker = await accounts.member(found.workspace, found.by)
    if user is None or user.is_disabled or maker is None:
        return False
    return may_change_member(maker.role, None, found.role)


def _new_account(sent: Acceptance) -> tuple[str, str]:
    """Return name and password of a new account; the fields that are missing or wrong are named."""
    missing = [
        Fault(f"/{field}", "is required", "a value")
        for field in ("display_name", "password")
        if getattr(sent, field) is None
    ]
    if missing or sent.password is None:
        raise InvalidBody(missing)
    return checked("/display_name", clean_display_name, sent.display_name), sent.password


def _accepted(request: Request, found: Invitation, user: UserId) -> list[AuditEntry]:
    made = entry(
        request,
        "auth.invitation_accept",
        user=user,
        target=("invitation", found.id),
        data={"role": found.role, "by": found.by},
    )
    return in_workspace(made, found.workspace)


def _account_exists() -> Refused:
    return Refused(
        "account_exists",
        "The address of this invitation has an account.",
        hint="Log in to it, then accept the invitation.",
    )
