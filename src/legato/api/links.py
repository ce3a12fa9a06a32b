# SPDX-License-Identifier: Apache-2.0
"""Links for people, printed on the machine: to log in, and to set a new password.

Each is good once; what stands after `#` is never sent by a browser nor logged, and is kept as a
hash. Who prints one has the machine with the database and the keys: nobody else is asked. A new one
voids the older one of its kind. Rules: ID41, ID42.
"""

from __future__ import annotations

from typing import Final, Literal

from legato.auth.refresh import new_token, token_hash
from legato.errors import Conflict
from legato.ports.accounts import Accounts, NewToken, User
from legato.ports.audit import AuditEntry

LOGIN_MS: Final = 10 * 60_000
RESET_MS: Final = 3_600_000


async def new_login_link(accounts: Accounts, user: User, base: str, *, person: str = "") -> str:
    """Make a link that logs a user in, for 10 minutes; with a second factor its code is owed.

    Args:
        accounts: Where it is kept.
        user: As it was read.
        base: The address of the server, without a slash at the end.
        person: Who asked for it at the command line, for the audit.

    Raises:
        Conflict: The user is disabled, or was changed meanwhile.
    """
    return f"{base}/login#token={await _new(accounts, user, 'link', person)}"


async def new_reset_link(accounts: Accounts, user: User, base: str, *, person: str = "") -> str:
    """Make a link with which a user sets a new password, for an hour; a second factor stays.

    Args:
        accounts: As `new_login_link`.
        user: The same.
        base: The same.
        person: The same.

    Raises:
        Conflict: The same.
    """
    return f"{base}/reset#token={await _new(accounts, user, 'reset', person)}"


async def _new(accounts: Accounts, user: User, kind: Literal["link", "reset"], person: str) -> str:
    """Store a token and return it."""
    token = new_token()
    action = "auth.login_link" if kind == "link" else "auth.reset_link"
    ttl_ms = LOGIN_MS if kind == "link" else RESET_MS
    made = NewToken(hash=token_hash(token), kind=kind, ttl_ms=ttl_ms, user=user.id)
    audit = AuditEntry(
        action=action,
        actor="cli" if person else "",
        target_kind="user",
        target=user.id,
        data={"person": person} if person else {},
    )
    if not await accounts.add_token(made, [audit], user_version=user.version):
        raise Conflict("The account is disabled, or was changed at the same time.")
    return token
