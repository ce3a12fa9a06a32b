# SPDX-License-Identifier: Apache-2.0
"""`/api/v1/auth/password/forgot` and `…/reset`: a new password for who does not know the old one.

There is no mail here: to have forgotten is written to the audit, where an administrator sees it and
prints a link (`links.new_reset_link`). Rules: ID40, ID41.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from legato.api.access import Public, Routes
from legato.api.body import body
from legato.api.log_ins import Once, Shown, client_of, entry, hashed, holder_of, typed_name
from legato.api.openapi import refusals
from legato.api.parts import ApiPart, IdentityPart
from legato.auth.password_policy import About
from legato.errors import InvalidToken

routes: Final = Routes("/api/v1/auth/password", tag="auth")
_FORGOTTEN: Final = Public("who forgot the password cannot log in; the answer tells nothing")
_TOKEN: Final = Public("the token of a printed link is what is shown")


class Forgotten(BaseModel):
    """Whose password is forgotten."""

    email: str


class Reset(Shown):
    """What stands after `#token=` in the printed link, and the password that shall be."""

    token: Once
    password: str


@routes.post(
    "/forgot", _FORGOTTEN, status_code=202, response_class=Response, operation_id="forgot_password"
)
async def forgot(
    request: Request,
    api: ApiPart,
    identity: IdentityPart,
    sent: Annotated[Forgotten, body(Forgotten)],
) -> Response:
    """Ask for a new password. The answer and its time are the same for who is not known."""
    name, throttle = typed_name(sent.email), identity.throttle
    await throttle.begin(name, client_of(request), what="forgot")
    user = await api.stores.accounts.user_by_email(name)
    target = ("user", str(user.id)) if user is not None else ("", "")
    data = {"name": throttle.name_hash(name)}
    asked = entry(request, "auth.password_forgot", target=target, data=data)
    await api.stores.audit.write([asked])
    return Response(status_code=202)


@routes.post(
    "/reset", _TOKEN, status_code=204, responses=refusals(400), operation_id="reset_password"
)
async def reset(request: Request, api: ApiPart, sent: Annotated[Reset, body(Reset)]) -> Response:
    """Set a password by a printed link; every log-in ends, and none begins.

    A second factor stays: the link stands for the password alone.
    """
    accounts = api.stores.accounts
    # Before a password is hashed, which costs much; decided in the transaction.
    token, user = await holder_of(accounts, sent.token, "reset")
    about = About(email=user.email, display_name=user.display_name, has_totp=user.totp is not None)
    text = await hashed(request, sent.password, about, path="/password")
    changed = await accounts.change_user(
        msgspec.structs.replace(user, password_hash=text),
        [entry(request, "auth.password_reset", user=user.id, target=("user", user.id))],
        token_hash=token.hash,
        ends_sessions_but="none",
    )
    if not changed:
        raise InvalidToken
    return Response(status_code=204)
