# SPDX-License-Identifier: Apache-2.0
"""Seals anew, under the current master key, what webhooks and notices have sealed.

As `resealing` does it with second factors: each row by itself, and whoever changes it meanwhile
wins and has it sealed with the new key already, or is looked at by the next rotation.

Rules: TR49.
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from legato.auth.sealing import Sealer
from legato.auth.webhooks import NOTICES, HookSeals
from legato.errors import InvalidInput
from legato.ports.triggers import Notices, NoticeTarget, SealedHook, Triggers

BATCH: Final = 200


class ResealedHooks(msgspec.Struct, frozen=True):
    """How many secrets were sealed anew, and ids of webhooks and workspaces that no key opens."""

    count: int = 0
    lost: tuple[str, ...] = ()


async def reseal_hooks(triggers: Triggers, notices: Notices, sealer: Sealer) -> ResealedHooks:
    """Seal anew all that needs it.

    Args:
        triggers: Tokens and secrets of webhooks.
        notices: Secrets of workspaces.
        sealer: The new key first, and the old ones.
    """
    count = 0
    lost: list[str] = []
    async for each in _hooks(triggers):
        if not _is_old(sealer, each.token, each.secret, each.old_secret):
            continue
        try:
            count += await triggers.reseal(each, _sealed_anew(HookSeals(sealer), each))
        except InvalidInput:
            lost.append(each.id)
    for target in await notices.targets():
        if not _is_old(sealer, target.secret, target.old_secret):
            continue
        try:
            count += await notices.reseal(target, _target_anew(HookSeals(sealer), target))
        except InvalidInput:
            lost.append(target.workspace)
    return ResealedHooks(count, tuple(lost))


async def hooks_need_resealing(triggers: Triggers, notices: Notices, sealer: Sealer) -> bool:
    """Tell whether anything was sealed with another key than the current one."""
    async for each in _hooks(triggers):
        if _is_old(sealer, each.token, each.secret, each.old_secret):
            return True
    return any(
        _is_old(sealer, target.secret, target.old_secret) for target in await notices.targets()
    )


async def _hooks(triggers: Triggers) -> AsyncIterator[SealedHook]:
    after: str | None = None
    while batch := await triggers.sealed(after=after, limit=BATCH):
        for each in batch:
            yield each
        after = batch[-1].id


def _is_old(sealer: Sealer, *sealed: bytes | None) -> bool:
    return any(each is not None and sealer.needs_resealing(each) for each in sealed)


def _sealed_anew(seals: HookSeals, hook: SealedHook) -> SealedHook:
    def anew(sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        key = seals.open_secret(hook.workspace, hook.id, sealed)
        return seals.seal_secret(hook.workspace, hook.id, key)

    token = hook.token
    if token is not None:
        text = seals.open_token(hook.workspace, hook.id, token)
        token = seals.seal_token(hook.workspace, hook.id, text)
    return msgspec.structs.replace(
        hook, token=token, secret=anew(hook.secret), old_secret=anew(hook.old_secret)
    )


def _target_anew(seals: HookSeals, target: NoticeTarget) -> NoticeTarget:
    def anew(sealed: bytes) -> bytes:
        key = seals.open_secret(target.workspace, NOTICES, sealed)
        return seals.seal_secret(target.workspace, NOTICES, key)

    old = None if target.old_secret is None else anew(target.old_secret)
    return msgspec.structs.replace(target, secret=anew(target.secret), old_secret=old)
