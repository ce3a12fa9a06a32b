# SPDX-License-Identifier: Apache-2.0
"""Keys of programs.

Rules: AC11, AC12.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from legato.adapters.sql.accounts.part import Part
from legato.adapters.sql.accounts.rows import key_of, key_values, principal_of, scopes_of
from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Script, step
from legato.errors import LimitExceeded, Unavailable
from legato.model.ids import UserId, WorkspaceId
from legato.ports.accounts import ALL, ApiKey, Principal
from legato.ports.audit import AuditEntry

NOTE_PAUSE_MS: Final = 60_000
"""A key's last use is this exact: else every call would be a write."""


class Keys(Part):
    """Keys, and the care of what is over."""

    async def add_key(
        self, key: ApiKey, audit: Sequence[AuditEntry], *, live_max: int | None = None
    ) -> ApiKey:
        """Keep `Accounts.add_key`."""

        def script() -> Script[ApiKey]:
            if live_max is not None:
                is_there = yield from step("accounts.user_lock", id=key.user)
                (live,) = yield from step("accounts.keys_live", user_id=key.user)
                if not is_there or live["count"] >= live_max:
                    raise LimitExceeded(f"a user may have {live_max} keys")
            (made,) = yield from step("accounts.key_add", **key_values(key))
            yield from record(audit)
            return msgspec.structs.replace(key, created_at=made["created_at"], last_used=None)

        return await self._driver.run(script)

    async def keys(self, user: UserId, workspace: WorkspaceId | None = None) -> list[ApiKey]:
        """Keep `Accounts.keys`."""
        rows = await self._driver.fetch("accounts.keys", user_id=user, workspace=workspace)
        return [key_of(row) for row in rows]

    async def keys_of_workspace(
        self, workspace: WorkspaceId, *, after: str | None = None, limit: int = ALL
    ) -> list[ApiKey]:
        """Keep `Accounts.keys_of_workspace`."""
        rows = await self._driver.fetch(
            "accounts.keys_of_workspace", workspace=workspace, after=after, limit=limit
        )
        return [key_of(row) for row in rows]

    async def revoke_key(
        self,
        key_id: str,
        audit: Sequence[AuditEntry],
        *,
        user: UserId | None = None,
        workspace: WorkspaceId | None = None,
    ) -> bool:
        """Keep `Accounts.revoke_key`."""

        def script() -> Script[bool]:
            revoked = yield from step(
                "accounts.key_revoke", id=key_id, user_id=user, workspace=workspace
            )
            if revoked:
                yield from record(audit)
            return bool(revoked)

        return await self._driver.run(script)

    async def enable_key(self, key_id: str, audit: Sequence[AuditEntry]) -> bool:
        """Keep `Accounts.enable_key`."""

        def script() -> Script[bool]:
            enabled = yield from step("accounts.key_enable", id=key_id)
            if enabled:
                yield from record(audit)
            return bool(enabled)

        return await self._driver.run(script)

    async def principal_of_key(self, key_id: str, secret_hash: bytes) -> Principal | None:
        """Keep `Accounts.principal_of_key`. A write, too, once a minute."""
        rows = await self._driver.look_up(
            "accounts.principal_of_key",
            id=key_id,
            secret_hash=secret_hash,
            pause_ms=NOTE_PAUSE_MS,
        )
        if not rows:
            return None
        if rows[0]["is_unnoted"]:
            with suppress(Unavailable):  # a full disk must not make a good key a bad one
                await self._driver.run(
                    lambda: step("accounts.key_used", id=key_id, pause_ms=NOTE_PAUSE_MS)
                )
        return principal_of(rows[0], key=key_id, scopes=scopes_of(rows[0]))

    async def clean(self) -> int:
        """Keep `Accounts.clean`."""

        def script() -> Script[int]:
            count = 0
            for name in ("sessions", "presence", "refresh", "tokens", "keys"):
                count += len((yield from step(f"accounts.{name}_clean")))
            return count

        return await self._driver.run(script)
