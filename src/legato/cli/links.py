# SPDX-License-Identifier: Apache-2.0
"""Links that are good once, for people who cannot log in. Rules: CL62."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from legato.errors import Conflict

if TYPE_CHECKING:
    from legato.ports.accounts import Accounts, User

LOGIN_MS: Final = 10 * 60_000
RESET_MS: Final = 3_600_000


async def new_login_link(accounts: Accounts, user: User, base: str) -> str:
    """Make a link that logs a user in, for 10 minutes."""
    return f"{base}/login#token={await _new(accounts, user, 'link', LOGIN_MS)}"


async def new_reset_link(accounts: Accounts, user: User, base: str) -> str:
    """Make a link with which a user sets a new password, for an hour."""
    return f"{base}/reset#token={await _new(accounts, user, 'reset', RESET_MS)}"


async def _new(accounts: Accounts, user: User, kind: Literal["link", "reset"], ttl_ms: int) -> str:
    from legato.auth.refresh import new_token, token_hash
    from legato.cli.people import entry
    from legato.ports.accounts import NewToken

    if user.is_disabled:
        raise Conflict("The account is disabled, or was changed at the same time.")
    token = new_token()
    made = NewToken(hash=token_hash(token), kind=kind, ttl_ms=ttl_ms, user=user.id)
    action = "auth.login_link" if kind == "link" else "auth.reset_link"
    await accounts.add_token(made, entry(action, ("user", user.id)))
    return token
