# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/setup`: the first owner, made with a link that the server prints when it starts.

Rules: ID10-ID12.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Public, Routes
from legato.api.body import body
from legato.api.frame import exchange_of
from legato.api.log_ins import LogIn, client_of, entry, hashed, logged_in, new_session
from legato.api.openapi import refusals
from legato.api.origin import is_loopback
from legato.api.parts import ApiPart, IdentityPart
from legato.api.problems import Fault, InvalidBody
from legato.auth.names import clean_display_name, fold_email
from legato.auth.password_policy import About
from legato.auth.refresh import new_token, once_hash, token_hash
from legato.errors import InvalidInput, InvalidToken, Refused
from legato.model.ids import LOCAL_WORKSPACE, UserId
from legato.ports.accounts import Accounts, NewToken, Session, User, Workspace
from legato.ports.audit import AuditEntry

routes: Final = Routes("/api/v1/setup", tag="setup")
LINK_MS: Final = 3_600_000
LOCAL_OWNER: Final = "owner@localhost"
_PUBLIC: Final = Public("there is no account yet; the link from the server's output is the right")


class SetupState(BaseModel):
    """Whether the installation still needs its owner."""

    required: bool


class Claim(BaseModel):
    """The first owner. Without e-mail and password only on the machine of an embedded server."""

    token: Any = None
    email: str | None = None
    display_name: str | None = None
    password: str | None = None


async def new_setup_link(accounts: Accounts, base: str) -> str | None:
    """Make a link for the first owner and void older ones; None if there is an owner.

    Args:
        accounts: Where it is kept, as a hash.
        base: The address of this server, without a slash at the end.
    """
    if await accounts.is_set_up():
        return None
    token = new_token()
    made = NewToken(hash=token_hash(token), kind="setup", ttl_ms=LINK_MS)
    await accounts.add_token(made, [AuditEntry(action="auth.setup_link")])
    return f"{base}/setup#token={token}"


@routes.get("", _PUBLIC, response_model=SetupState, operation_id="read_setup")
async def look(api: ApiPart) -> SetupState:
    """Tell whether the installation still needs its owner; it consumes nothing."""
    return SetupState(required=not await api.stores.accounts.is_set_up())


@routes.post(
    "",
    _PUBLIC,
    status_code=201,
    response_model=LogIn,
    responses=refusals(400),
    operation_id="claim_installation",
    gives=("Set-Cookie",),
)
async def claim(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    sent: Annotated[Claim, body(Claim)],
) -> Response:
    """Make the first owner and a workspace, and log in. Of any number at once one succeeds."""
    accounts = api.stores.accounts
    given_hash = once_hash(sent.token)
    # Looked at before a password is hashed, which costs much; decided in the transaction.
    if await accounts.token(given_hash, "setup") is None:
        raise await _refused(accounts)
    is_local = (
        identity.is_embedded
        and is_loopback(client_of(request))
        and exchange_of(request.scope).own_origin.startswith("http:")
    )
    email, name = _who(sent, is_local=is_local)
    password_hash = None
    if sent.password is not None:
        about = About(email=email, display_name=name)
        password_hash = await hashed(request, sent.password, about, path="/password")
    user = User(
        id=UserId(api.clock.new_id()),
        email=email,
        display_name=name,
        password_hash=password_hash,
        is_instance_admin=True,
    )
    workspace = Workspace(id=LOCAL_WORKSPACE, slug="main", name="Main")
    session, given = new_session(request, user.id)
    target = ("workspace", str(workspace.id))
    audit = [entry(request, "auth.setup", user=user.id, target=target)]
    made = await accounts.set_up(given_hash, user, workspace, session, audit)
    if not isinstance(made, Session):
        raise await _refused(accounts)
    return logged_in(request, given, 201)


def _who(sent: Claim, *, is_local: bool) -> tuple[str, str]:
    """Return address and name of the owner; the fields that are missing or wrong are named."""
    faults = [
        Fault(f"/{field}", "is required", "a value")
        for field in ("email", "password")
        if getattr(sent, field) is None and not is_local
    ]
    email, name = LOCAL_OWNER, ""
    try:
        email = fold_email(sent.email) if sent.email is not None else email
    except InvalidInput as error:
        faults.append(Fault("/email", error.message, "an e-mail address"))
    try:
        # What is before the @ has no more characters than a name may have.
        name = clean_display_name(sent.display_name or email.partition("@")[0])
    except InvalidInput as error:
        faults.append(Fault("/display_name", error.message, "a name"))
    if faults:
        raise InvalidBody(faults)
    return email, name


async def _refused(accounts: Accounts) -> Exception:
    """Say why a token is not good; that somebody was first tells more than the rest."""
    if await accounts.is_set_up():
        return Refused("already_set_up", "This installation has an owner already.")
    return InvalidToken()
