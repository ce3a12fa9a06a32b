# SPDX-License-Identifier: Apache-2.0
"""The first set-up, and tokens that are good once.

Rules: AC2, AC5, AC6.
"""

from collections.abc import Sequence

import msgspec

from legato.adapters.sql.accounts.part import Part, is_version, make_session, use_token
from legato.adapters.sql.accounts.rows import (
    token_of,
    token_values,
    user_values,
    workspace_values,
)
from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Script, Undo, step
from legato.errors import Conflict
from legato.model.ids import UserId
from legato.ports.accounts import (
    NewSession,
    NewToken,
    Refusal,
    Session,
    Token,
    TokenKind,
    User,
    Workspace,
)
from legato.ports.audit import AuditEntry


class Tokens(Part):
    """Set-up and tokens."""

    async def is_set_up(self) -> bool:
        """Keep `Accounts.is_set_up`."""
        return bool(await self._driver.fetch("accounts.is_set_up"))

    async def set_up(
        self,
        token_hash: bytes,
        user: User,
        workspace: Workspace,
        session: NewSession,
        audit: Sequence[AuditEntry],
    ) -> Session | Refusal:
        """Keep `Accounts.set_up`."""

        def script() -> Script[Session | Refusal]:
            used = yield from step("accounts.setup_token_use", token=token_hash)
            if not used:
                return (yield from _refusal(token_hash))
            if not (yield from step("accounts.claim", user_id=user.id)):
                raise Undo("claimed")
            yield from _first_owner(user, workspace)
            made = yield from make_session(session)
            yield from record(audit)
            return made

        return await self._driver.run(script)

    async def add_token(
        self,
        token: NewToken,
        audit: Sequence[AuditEntry],
        *,
        token_hash: bytes | None = None,
        user_version: int | None = None,
    ) -> bool:
        """Keep `Accounts.add_token`."""

        def script() -> Script[bool]:
            # Or many log-ins of one user at once would begin anew again and again.
            if token.user is not None:
                is_same = yield from is_version(token.user, user_version)
                if user_version is not None and not is_same:
                    return False
            yield from use_token(token_hash, refused=False, user=token.user)
            if token.kind != "mfa":
                yield from step("accounts.tokens_void", kind=token.kind, user_id=token.user)
            yield from step("accounts.token_add", **token_values(token))
            yield from record(audit)
            return True

        return await self._driver.run(script)

    async def token(self, token_hash: bytes, kind: TokenKind) -> Token | None:
        """Keep `Accounts.token`."""
        rows = await self._driver.fetch("accounts.token", token=token_hash, kind=kind)
        return token_of(rows[0]) if rows else None

    async def token_of(self, user: UserId, kind: TokenKind) -> Token | None:
        """Keep `Accounts.token_of`."""
        rows = await self._driver.fetch("accounts.token_of", user_id=user, kind=kind)
        return token_of(rows[0]) if rows else None

    async def try_token(self, token_hash: bytes, kind: TokenKind, *, tries_max: int) -> bool:
        """Keep `Accounts.try_token`."""
        taken = await self._driver.run(
            lambda: step("accounts.token_try", token=token_hash, kind=kind, tries_max=tries_max)
        )
        return bool(taken)


def _refusal(token_hash: bytes) -> Script[Refusal]:
    """Say why a set-up token is not good; that somebody was first tells more than the rest."""
    if (yield from step("accounts.is_set_up")):
        return "claimed"
    found = yield from step("accounts.setup_token_state", token=token_hash)
    if not found:
        return "unknown"
    return "used" if found[0]["is_used"] else "expired"


def _first_owner(user: User, workspace: Workspace) -> Script[None]:
    default = user.default_workspace or workspace.id
    values = user_values(msgspec.structs.replace(user, default_workspace=default))
    made = yield from step("accounts.user_add", **values)
    made = made and (yield from step("accounts.workspace_add", **workspace_values(workspace)))
    if not made:
        raise Conflict("the first owner or workspace is there already")
    yield from step("accounts.member_put", workspace=workspace.id, user_id=user.id, role="owner")
