# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/auth/login/mfa` and `/api/v1/auth/mfa`: log-ins that owe a code, and the own factor.

Who has shown a password or a link gets a token for the code that is owed. A try is counted before
its code is looked at, and what a code changes (its time step, or one recovery code less), the token
and the new log-in are one transaction: of two that show the same code one is too late, which is a
wrong code. Rules: ID30-ID38, ID45, ID46.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import JSON, Declaration, Needs, Public, Routes
from legato.api.authenticator import principal_of, session_of
from legato.api.body import body
from legato.api.log_ins import (
    WRONG,
    LogIn,
    Once,
    Pass,
    Shown,
    client_of,
    counted,
    entry,
    hashed,
    holder_of,
    logged_in,
    new_renewal,
    new_session,
    prove_password,
    refuse_proof,
)
from legato.api.openapi import refusals
from legato.api.parts import ApiPart, IdentityPart, api_of, identity_of
from legato.api.problems import Fault, InvalidBody
from legato.auth.password_policy import About
from legato.auth.refresh import new_token, token_hash
from legato.auth.totp import new_recovery, new_secret, otpauth_uri, seal_secret, use_code
from legato.errors import InvalidInput, InvalidToken, Refused
from legato.ports.accounts import Accounts, NewToken, Token, User
from legato.ports.audit import AuditEntry

routes: Final = Routes("/api/v1/auth", tag="auth")
MFA_MS: Final = 5 * 60_000
TRIES_MAX: Final = 5
PENDING_MS: Final = 10 * 60_000
_OWED: Final = Public("the token of a log-in that a code is owed for is what is shown")
_OWN_FACTOR: Final = Needs("account", "mfa", is_recent=True)


class SecondStep(Shown):
    """The token of the answer `mfa_required`, and a code of the app or a recovery code."""

    mfa_token: Once
    code: str


class NewFactor(BaseModel):
    """Begins a second factor."""

    current_password: str


class FactorSecret(BaseModel):
    """What an authenticator app takes; shown once, and good for nothing before it is confirmed."""

    secret: str
    otpauth_uri: str


class FactorCode(BaseModel):
    """A code of the app that took the secret."""

    code: str


class RecoveryCodes(BaseModel):
    """Codes that are good once each, where the app is not at hand. Shown once."""

    recovery_codes: list[str]


class NoFactor(BaseModel):
    """Ends the second factor. `new_password` where the current one is too weak to stand alone."""

    current_password: str
    code: str
    new_password: str | None = None


async def owe_code(
    request: Request, user: User, *, name: str = "", link: bytes | None = None
) -> Refused | None:
    """Begin a log-in that a code is owed for.

    Args:
        request: Where from.
        user: Whose password or link was right, as it was read.
        name: Under which a wrong code counts as a failed log-in; empty for a link.
        link: The hash of the link that is used up with it.

    Returns:
        The answer; None if the user was changed meanwhile, or the link is not good any more.
    """
    token = new_token()
    made = NewToken(hash=token_hash(token), kind="mfa", ttl_ms=MFA_MS, user=user.id, email=name)
    by = {"by": "link" if link is not None else "password"}
    audit = [entry(request, "auth.mfa_required", target=("user", user.id), data=by)]
    accounts = api_of(request).stores.accounts
    if not await accounts.add_token(made, audit, token_hash=link, user_version=user.version):
        return None
    return Refused("mfa_required", "This account has a second factor.", more={"mfa_token": token})


@routes.post(
    "/login/mfa", _OWED, response_model=LogIn, responses=refusals(400, 401), gives=("Set-Cookie",)
)
async def log_in_with_code(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    sent: Annotated[SecondStep, body(SecondStep)],
) -> Response:
    """Finish a log-in with a code of the second factor, or with a recovery code."""
    token, user = await holder_of(api.stores.accounts, sent.mfa_token, "mfa")
    if token.email:
        async with counted(request, token.email, logs_in=True):
            given = await _finished(request, token, user, sent.code)
    else:  # A link's: they always work, and five tries per link let nobody guess a code.
        given = await _finished(request, token, user, sent.code)
        await identity.throttle.vouch(user.email, client_of(request))
    return logged_in(request, given)


async def _finished(request: Request, token: Token, user: User, code: str) -> Pass:
    """Make the session of a log-in with a code.

    Raises:
        InvalidToken: It has no tries left, or is not good any more.
        Refused: The code is wrong, or somebody else was faster with it.
    """
    api, identity = api_of(request), identity_of(request)
    accounts = api.stores.accounts
    if not await accounts.try_token(token.hash, "mfa", tries_max=TRIES_MAX):
        raise InvalidToken
    target, by = ("user", user.id), "password" if token.email else "link"
    used = use_code(identity.sealer, user, code, now_ms=api.clock.now_ms())
    if used is not None:
        session, given = new_session(request, user.id)
        data = {"by": by, "factor": "totp" if used.recovery == user.recovery else "recovery"}
        made = entry(request, "auth.login", user=user.id, target=("session", session.id), data=data)
        if await accounts.change_user(used, [made], token_hash=token.hash, session=session):
            return given
    data = {"by": by, "factor": "wrong"}
    failed = entry(request, "auth.login", result="failed", target=target, data=data)
    await api.stores.audit.write([failed])
    raise Refused(WRONG, "The code is wrong.")


@routes.post("/mfa/totp", _OWN_FACTOR, response_model=FactorSecret)
async def begin_factor(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    sent: Annotated[NewFactor, body(NewFactor)],
) -> FactorSecret:
    """Return a secret for an authenticator app. Nothing changes before a code confirms it.

    The secret waits sealed, for 10 minutes, as a token that is good once: a second call, a new
    password and the confirmation itself make it void.
    """
    user = _without_factor(request)
    if user.password_hash is None:
        raise Refused("illegal_state", "There is no password yet.", hint="Set one first.")
    async with counted(request, user.email):
        await prove_password(request, user, sent.current_password, "auth.mfa_begin")
        secret = new_secret()
        made = NewToken(
            # Nobody is given this token: it is found by its user.
            hash=token_hash(new_token()),
            kind="totp",
            ttl_ms=PENDING_MS,
            user=user.id,
            sealed=seal_secret(identity.sealer, user.id, secret),
        )
        audit = [entry(request, "auth.mfa_begin", user=user.id, target=("user", user.id))]
        if not await api.stores.accounts.add_token(made, audit, user_version=user.version):
            raise _changed()
    return FactorSecret(secret=secret, otpauth_uri=otpauth_uri(secret, user.email))


@routes.post("/mfa/totp/confirm", _OWN_FACTOR, response_model=RecoveryCodes)
async def confirm_factor(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    sent: Annotated[FactorCode, body(FactorCode)],
) -> RecoveryCodes:
    """Make the second factor active with a code of the app; log-ins that live go on."""
    user = _without_factor(request)
    pending = await api.stores.accounts.token_of(user.id, "totp")
    if pending is None:
        raise Refused("illegal_state", "No second factor waits for a code.", hint="Begin again.")
    waiting = msgspec.structs.replace(user, totp=pending.sealed, totp_step=0, recovery=())
    async with counted(request, user.email):
        active = use_code(identity.sealer, waiting, sent.code, now_ms=api.clock.now_ms())
        if active is None:
            await refuse_proof(request, user, "auth.mfa_on", "The code is wrong.")
        recovery = new_recovery(user.id)
        changed = await api.stores.accounts.change_user(
            msgspec.structs.replace(active, recovery=recovery.hashes),
            [entry(request, "auth.mfa_on", user=user.id, target=("user", user.id))],
            token_hash=pending.hash,
        )
        if not changed:
            raise _changed()
    return RecoveryCodes(recovery_codes=list(recovery.codes))


@routes.route(
    "DELETE",
    "/mfa/totp",
    Declaration(_OWN_FACTOR, JSON),
    status_code=204,
    responses={200: {"model": LogIn, "description": "With a new password: a log-in as after one."}},
)
async def end_factor(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    sent: Annotated[NoFactor, body(NoFactor)],
) -> Response:
    """End the second factor with the password and a code of it, or a recovery code.

    The password that is left stands alone, so it must be one that may: else a new one is needed,
    which ends all other log-ins and gives this one a new id.
    """
    user, session = principal_of(request).user, session_of(request)
    if user.totp is None:
        raise Refused("illegal_state", "This account has no second factor.")
    async with counted(request, user.email):
        await prove_password(request, user, sent.current_password, "auth.mfa_off")
        if use_code(identity.sealer, user, sent.code, now_ms=api.clock.now_ms()) is None:
            await refuse_proof(request, user, "auth.mfa_off", "The code is wrong.")
        text = await _password_alone(request, user, sent)
        renewal, given = new_renewal(identity, session, is_authenticated=True)
        has_new = text is not None
        changed = await api.stores.accounts.change_user(
            _bare(user, text or user.password_hash),
            [entry(request, "auth.mfa_off", user=user.id, target=("user", user.id))],
            ends_sessions_but=session.id if has_new else None,
            session=renewal if has_new else None,
        )
        if not changed:
            raise _changed()
    return logged_in(request, given) if has_new else Response(status_code=204)


async def drop_second_factor(accounts: Accounts, user: User) -> bool:
    """Take a second factor away by hand, for somebody who has lost the app and the codes.

    The password goes with it: beside the factor it may have been a short one, and nobody can tell
    from its hash. Every log-in ends. What is needed then is a link for a new password.

    Args:
        accounts: Where the user is.
        user: As it was read.

    Returns:
        False if the user was changed meanwhile; nothing is done then.
    """
    audit = [AuditEntry(action="auth.mfa_off", target_kind="user", target=user.id)]
    return await accounts.change_user(_bare(user, None), audit, ends_sessions_but="none")


async def _password_alone(request: Request, user: User, sent: NoFactor) -> str | None:
    """Return the hash of a new password; None if the current one may stand alone.

    Raises:
        InvalidBody: It may not, and there is no new one, or that may not either.
    """
    about = About(email=user.email, display_name=user.display_name)
    if sent.new_password is not None:
        return await hashed(request, sent.new_password, about, path="/new_password")
    policy = api_of(request).settings.auth.password_policy
    try:
        await identity_of(request).passwords.check(sent.current_password, about, policy)
    except InvalidInput:
        why = "is required: the current password is good beside a second factor only"
        raise InvalidBody([Fault("/new_password", why, "another password")]) from None
    return None


def _bare(user: User, password_hash: str | None) -> User:
    """Return a user without a second factor."""
    return msgspec.structs.replace(
        user, totp=None, totp_step=0, recovery=(), password_hash=password_hash
    )


def _without_factor(request: Request) -> User:
    """Return who asks.

    Raises:
        Refused: A second factor is active, which its own code must end first.
    """
    user = principal_of(request).user
    if user.totp is not None:
        raise Refused("illegal_state", "This account has a second factor.", hint="End it first.")
    return user


def _changed() -> Refused:
    return Refused("illegal_state", "The account was changed at the same time.")
