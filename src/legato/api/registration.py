# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/auth/register`: an account without an invitation, where the installation allows it.

Who asks is logged in at once, and is a member nowhere. That an address has an account cannot be
hidden here: without a mail to the address, whoever registers it and can or cannot log in
afterwards knows. So it is said (409), costs as much as a new account, and counts as a log-in that
failed. Rules: ID69, ID70.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Public, Routes
from legato.api.body import Sent, checked, sent
from legato.api.log_ins import LogIn, client_of, entry, hashed, logged_in, new_session
from legato.api.parts import ApiPart, IdentityPart
from legato.auth.names import clean_display_name, fold_email
from legato.auth.password_policy import About
from legato.errors import LegatoError, Refused
from legato.model.ids import UserId
from legato.ports.accounts import User

routes: Final = Routes("/api/v1/auth", tag="auth")
_REGISTER: Final = Public("it is how one becomes somebody, where a setting opens it")


class Registration(BaseModel):
    """A new account."""

    email: str
    password: str
    display_name: str


@routes.post(
    "/register",
    _REGISTER,
    status_code=201,
    response_model=LogIn,
    operation_id="register_account",
    gives=("Set-Cookie",),
)
async def register(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    body: Annotated[Sent[Registration], sent(Registration)],
) -> Response:
    """Make an account and log in. 403 unless the setting `auth.registration` is `open`."""
    accounts, throttle = api.stores.accounts, identity.throttle
    # Before there is an owner, nobody takes the owner's address.
    if api.settings.auth.registration != "open" or not await accounts.is_set_up():
        text = "Accounts of this installation are made by invitation."
        raise Refused("registration_closed", text)
    wanted = await body.read()
    email = checked("/email", fold_email, wanted.email)
    name = checked("/display_name", clean_display_name, wanted.display_name)
    attempt = await throttle.begin(email, client_of(request))
    try:
        about = About(email=email, display_name=name)
        text = await hashed(request, wanted.password, about, path="/password")
        user = User(
            id=UserId(api.clock.new_id()), email=email, display_name=name, password_hash=text
        )
        session, given = new_session(request, user.id)
        audit = [entry(request, "auth.register", user=user.id, target=("user", user.id))]
        made = await accounts.add_user(user, audit, session=session)
    except LegatoError:
        await throttle.dropped(attempt)
        raise
    if not made:
        failed = {"name": throttle.name_hash(email)}
        await api.stores.audit.write(
            [entry(request, "auth.register", result="failed", data=failed)]
        )
        raise Refused("account_exists", "That address has an account.", hint="Log in to it.")
    await throttle.dropped(attempt)
    return logged_in(request, given, 201)
