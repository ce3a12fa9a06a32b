# SPDX-License-Identifier: Apache-2.0
"""Seals anew, under the current master key, what an older one has sealed.

Each secret is one transaction of its own, so an end in the middle loses nothing: whoever begins
again finds what is left. Whoever changes a user at the same time wins, and is looked at again.

Rules: CL75, CL76.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from legato.auth.sealing import Sealer
from legato.auth.totp import open_secret, seal_secret
from legato.errors import InvalidInput
from legato.ports.accounts import Accounts, User

BATCH: Final = 200
TRIES: Final = 5


class Resealed(msgspec.Struct, frozen=True):
    """How many secrets were sealed anew, and the users whose secret no key here opens."""

    count: int
    lost: tuple[str, ...]


async def reseal(
    accounts: Accounts, sealer: Sealer, on_step: Callable[[int], None] = lambda _: None
) -> Resealed:
    """Seal anew all that needs it.

    Args:
        accounts: Whose second factors.
        sealer: The new key first, and the old ones.
        on_step: Told the number of users that were looked at, batch by batch.
    """
    count = looked_at = 0
    lost: list[str] = []
    after: str | None = None
    while batch := await accounts.users(after=after, limit=BATCH):
        for user in batch:
            try:
                count += await _reseal(accounts, sealer, user)
            except InvalidInput:
                lost.append(user.id)
        after = batch[-1].id
        looked_at += len(batch)
        on_step(looked_at)
    return Resealed(count, tuple(lost))


async def needs_resealing(accounts: Accounts, sealer: Sealer) -> bool:
    """Tell whether anything was sealed with another key than the current one."""
    after: str | None = None
    while batch := await accounts.users(after=after, limit=BATCH):
        if any(each.totp is not None and sealer.needs_resealing(each.totp) for each in batch):
            return True
        after = batch[-1].id
    return False


async def _reseal(accounts: Accounts, sealer: Sealer, user: User | None) -> int:
    """Return 1 if the user's secret was sealed anew.

    Raises:
        InvalidInput: No key opens it, or the user changes again and again.
    """
    for _ in range(TRIES):
        if user is None or user.totp is None or not sealer.needs_resealing(user.totp):
            return 0
        secret = open_secret(sealer, user.id, user.totp)
        sealed = seal_secret(sealer, user.id, secret)
        if await accounts.change_user(msgspec.structs.replace(user, totp=sealed), ()):
            return 1
        user = await accounts.user(user.id)
    raise InvalidInput("a user changes all the time")
