# SPDX-License-Identifier: Apache-2.0
"""Log-ins and their refresh tokens.

Rules: AC2, AC5, AC7-AC9.
"""

from collections.abc import Sequence

import msgspec

from legato.adapters.sql.accounts.part import (
    Part,
    is_version,
    make_session,
    renew,
    use_token,
    written_session,
)
from legato.adapters.sql.accounts.rows import principal_of, session_of
from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Script, step
from legato.model.ids import SessionId, UserId
from legato.ports.accounts import NewSession, Principal, Renewal, Rotation, Session
from legato.ports.audit import AuditEntry


class Sessions(Part):
    """Log-ins."""

    async def add_session(
        self,
        session: NewSession,
        audit: Sequence[AuditEntry],
        *,
        token_hash: bytes | None = None,
        user_version: int | None = None,
    ) -> Session | None:
        """Keep `Accounts.add_session`."""

        def script() -> Script[Session | None]:
            if not (yield from is_version(session.user, user_version)):
                return None
            yield from use_token(token_hash, refused=None, user=session.user)
            made = yield from make_session(session)
            yield from record(audit)
            return made

        return await self._driver.run(script)

    async def principal_of_session(
        self, sid_hash: bytes, workspace: str | None
    ) -> Principal | None:
        """Keep `Accounts.principal_of_session`."""
        rows = await self._driver.look_up(
            "accounts.principal_of_session", sid_hash=sid_hash, workspace=workspace
        )
        if not rows:
            return None
        return principal_of(rows[0], session=session_of(rows[0], "s_"), at=rows[0]["at"])

    async def touch_session(self, session: SessionId, *, idle_ms: int) -> None:
        """Keep `Accounts.touch_session`."""
        await self._driver.run(lambda: step("accounts.touch", id=session, idle_ms=idle_ms))

    async def rotate(
        self,
        parent_hash: bytes,
        child_hash: bytes,
        *,
        grace_ms: int,
        idle_ms: int,
        audit_reuse: Sequence[AuditEntry],
    ) -> Rotation:
        """Keep `Accounts.rotate`."""

        def script() -> Script[Rotation]:
            found = yield from step("accounts.refresh_lock", hash=parent_hash)
            if not found:
                return Rotation(outcome="unknown")
            session: SessionId = found[0]["id"]
            used = yield from step("accounts.refresh_use", hash=parent_hash)
            if used:
                number = used[0]["number"] + 1
                yield from step("accounts.refresh_add", id=session, hash=child_hash, number=number)
            elif not (
                yield from step(
                    "accounts.refresh_again",
                    hash=parent_hash,
                    child=child_hash,
                    grace_ms=grace_ms,
                )
            ):
                yield from step("accounts.session_end", id=session)
                yield from record([_about(session, each) for each in audit_reuse])
                return Rotation(outcome="reused")
            yield from step("accounts.touch", id=session, idle_ms=idle_ms)
            alive = yield from written_session(session)
            return Rotation(outcome="rotated" if used else "again", session=alive)

        return await self._driver.run(script)

    async def session_of_refresh(self, refresh_hash: bytes) -> SessionId | None:
        """Keep `Accounts.session_of_refresh`."""
        rows = await self._driver.fetch("accounts.refresh_session", hash=refresh_hash)
        return rows[0]["id"] if rows else None

    async def sessions(self, user: UserId) -> list[Session]:
        """Keep `Accounts.sessions`."""
        rows = await self._driver.fetch("accounts.sessions", user_id=user)
        return [session_of(row) for row in rows]

    async def end_sessions(
        self,
        user: UserId,
        audit: Sequence[AuditEntry],
        *,
        only: SessionId | None = None,
        but: SessionId | None = None,
    ) -> int:
        """Keep `Accounts.end_sessions`."""

        def script() -> Script[int]:
            ended = yield from step("accounts.sessions_end", user_id=user, only=only, but=but)
            if ended:
                yield from record(audit)
            return len(ended)

        return await self._driver.run(script)

    async def renew_session(self, renewal: Renewal, audit: Sequence[AuditEntry]) -> Session | None:
        """Keep `Accounts.renew_session`."""

        def script() -> Script[Session | None]:
            if not (yield from renew(renewal)):
                return None
            yield from record(audit)
            return (yield from written_session(renewal.id))

        return await self._driver.run(script)


def _about(session: SessionId, entry: AuditEntry) -> AuditEntry:
    """Return an entry that names a session, which its writer did not know yet."""
    return msgspec.structs.replace(entry, target_kind="session", target=session)
