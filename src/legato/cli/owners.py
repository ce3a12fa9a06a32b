# SPDX-License-Identifier: Apache-2.0
"""Whether the owners of an installation have passwords. Rules: UP5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from legato.app import build, look_at_schema
from legato.errors import InvalidInput
from legato.model.ids import LOCAL_WORKSPACE

if TYPE_CHECKING:
    from legato.ports.accounts import User
    from legato.settings import Settings


async def refuse_without_password(settings: Settings) -> None:
    """Refuse a host that others reach while somebody could be the owner without a password.

    Raises:
        InvalidInput: There is no owner, or one has no password.
    """
    owners: list[User | None] = []
    if (await look_at_schema(settings)).state != "empty":  # it stays so: its home may be new
        async with build(settings, role="reader") as app:
            accounts = app.stores.accounts
            members = await accounts.members(LOCAL_WORKSPACE)
            owners = [await accounts.user(each.user) for each in members if each.role == "owner"]
    if not owners or any(each is None or each.password_hash is None for each in owners):
        raise InvalidInput(
            f"LEGATO_SERVER__HOST: others reach {settings.server.host}, and the owner has no "
            "password: start on 127.0.0.1 and set one first"
        )
