# SPDX-License-Identifier: Apache-2.0
"""Users.

Rules: AC1, AC2, AC5.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from legato.adapters.sql.accounts.part import Part, make_session, renew, use_token
from legato.adapters.sql.accounts.rows import user_of, user_values
from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Script, Undo, step
from legato.model.ids import SessionId, UserId
from legato.ports.accounts import ALL, Member, NewSession, Renewal, User
from legato.ports.audit import AuditEntry


class Users(Part):
    """Users."""

    async def user(self, user: UserId) -> User | None:
        """Keep `Accounts.user`."""
        rows = await self._driver.fetch("accounts.user", id=user)
        return user_of(rows[0]) if rows else None

    async def user_by_email(self, email: str) -> User | None:
        """Keep `Accounts.user_by_email`."""
        rows = await self._driver.look_up("accounts.user_by_email", email=email)
        return user_of(rows[0]) if rows else None

    async def users(self, *, after: str | None = None, limit: int = ALL) -> list[User]:
        """Keep `Accounts.users`."""
        rows = await self._driver.fetch("accounts.users", after=after, limit=limit)
        return [user_of(row) for row in rows]

    async def disable_user(
        self, user: UserId, audit: Sequence[AuditEntry], *, is_disabled: bool = True
    ) -> Literal["done", "unknown", "last_admin"]:
        """Keep `Accounts.disable_user`."""
        wanted = {"user_id": user, "is_disabled": is_disabled}

        def script() -> Script[Literal["done", "unknown", "last_admin"]]:
            admins = yield from step("accounts.instance_admins_lock")
            if is_disabled and [each["id"] for each in admins] == [user]:
                return "last_admin"
            if not (yield from step("accounts.user_disable", **wanted)):
                return "done" if (yield from step("accounts.user", id=user)) else "unknown"
            if is_disabled:
                yield from step("accounts.sessions_end", user_id=user, only=None, but=None)
                yield from step("accounts.keys_revoke", user_id=user, workspace=None)
                yield from step("accounts.tokens_end", user_id=user)
            yield from record(audit)
            return "done"

        return await self._driver.run(script)

    async def add_user(
        self,
        user: User,
        audit: Sequence[AuditEntry],
        *,
        member: Member | None = None,
        token_hash: bytes | None = None,
        session: NewSession | None = None,
    ) -> bool:
        """Keep `Accounts.add_user`."""
        if member is not None and user.default_workspace is None:
            user = msgspec.structs.replace(user, default_workspace=member.workspace)

        def script() -> Script[bool]:
            if not (yield from step("accounts.user_add", **user_values(user))):
                return False
            where = None if member is None else member.workspace
            yield from use_token(token_hash, refused=False, user=user.id, workspace=where)
            if member is not None:
                yield from step(
                    "accounts.member_put",
                    workspace=member.workspace,
                    user_id=user.id,
                    role=member.role,
                )
            if session is not None:
                yield from make_session(session)
            yield from record(audit)
            return True

        return await self._driver.run(script)

    async def change_user(
        self,
        user: User,
        audit: Sequence[AuditEntry],
        *,
        token_hash: bytes | None = None,
        ends_sessions_but: SessionId | Literal["none"] | None = None,
        session: NewSession | Renewal | None = None,
    ) -> bool:
        """Keep `Accounts.change_user`."""

        def script() -> Script[bool]:
            values = user_values(user)
            if not (yield from step("accounts.user_change", **values, was=user.version)):
                return False
            yield from use_token(token_hash, refused=False, user=user.id)
            if ends_sessions_but is not None:
                but = None if ends_sessions_but == "none" else ends_sessions_but
                yield from step("accounts.sessions_end", user_id=user.id, only=None, but=but)
                yield from step("accounts.tokens_of_user_void", user_id=user.id)
            if isinstance(session, NewSession):
                yield from make_session(session)
            elif session is not None and not (yield from renew(session)):
                raise Undo(result=False)
            yield from record(audit)
            return True

        return await self._driver.run(script)
