# SPDX-License-Identifier: Apache-2.0
"""Tells who wants to know of failed executions, of such that need a person, and of missed ticks.

What is to be told is in the store since the very transaction of its cause (`schema_triggers`); this
only carries it out: at least once, with pauses that grow, and not for ever. Nothing waits for it.

Rules: TR41-TR46.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import msgspec

from legato.api.parts import Api, Identity
from legato.api.published import published
from legato.api.times import time_text
from legato.auth.webhooks import (
    ID_HEADER,
    NOTICES,
    SIGNATURE_HEADER,
    TIME_HEADER,
    HookSeals,
    sign,
)
from legato.errors import Internal, InvalidInput, NotFound, Refused
from legato.model.workflow import AS_ELSEWHERE, Notify
from legato.ports.http import HttpAccess, HttpBounds
from legato.ports.node import NodeFailure
from legato.ports.triggers import Notice, NoticeTarget
from legato.runtime.rounds import Rounds
from legato.telemetry import logger

POLL_S: Final = 0.5
AT_ONCE: Final = 16
"""Notices that are told at once: with `TIMEOUT_S` less than the claim of any of them."""
TIMEOUT_S: Final = 15.0
_S: Final = 1_000
_M: Final = 60 * _S
_H: Final = 60 * _M
DELAYS_MS: Final = (5 * _S, 5 * _M, 30 * _M, 2 * _H, 5 * _H, 10 * _H, 14 * _H, 20 * _H, 24 * _H)
"""Between tries: some three days in all. Source: Standard Webhooks, its schedule of retries."""
GONE: Final = 410
"""The receiver wants to hear nothing any more."""
TYPES: Final = {
    "failed": "execution.failed",
    "needs_attention": "execution.needs_attention",
    "missed": "schedule.missed",
}
_BOUNDS: Final = HttpBounds(response_bytes_max=64 * 1024, redirects_max=0)

_log = logger(__name__)


class Notifier(Rounds):
    """One loop, from `start` to `stop`."""

    TROUBLE = "notices cannot be told now"

    def __init__(self, api: Api, http: HttpAccess, *, poll_s: float = POLL_S) -> None:
        """Make it.

        Args:
            api: Where notices are, and what they are about.
            http: Reaches what the operator lets nodes reach.
            poll_s: Between two looks.
        """
        super().__init__(poll_s)
        self._api = api
        self._http = http

    async def look(self) -> int:
        """Tell what is due, and return how many notices that were.

        Raises:
            LegatoError: The store does not answer.
        """
        notices = await self._api.stores.notices.take(AT_ONCE)
        await asyncio.gather(*(self._carry_out(each) for each in notices))
        return len(notices)

    async def _round(self) -> bool:
        return await self.look() >= AT_ONCE

    async def _carry_out(self, notice: Notice) -> None:
        store = self._api.stores.notices
        target = await store.target(notice.workspace)
        wish = await self._wish(notice)
        url = wish.url or (None if target is None else target.url)
        kinds = wish.on if wish.on is not None else (() if target is None else target.on)
        if target is None or url is None or notice.kind not in kinds:
            await store.done(notice)
            return
        reason = await self._told(notice, target, url)
        if reason is None:
            await store.done(notice)
        elif reason == str(GONE) or notice.tries >= len(DELAYS_MS):
            _log.error("a notice was given up", notice=notice.id, tries=notice.tries, reason=reason)
            await store.done(notice)
        else:
            _log.warning("a notice was not taken", notice=notice.id, reason=reason)
            await store.postpone(notice, DELAYS_MS[notice.tries])

    async def _wish(self, notice: Notice) -> Notify:
        """Return what the published document says of notices."""
        with contextlib.suppress(NotFound, Refused):
            found = await published(self._api, notice.workspace, notice.workflow)
            return found.workflow.notify
        return AS_ELSEWHERE

    async def _told(self, notice: Notice, target: NoticeTarget, url: str) -> str | None:
        """Send a notice; return why it was not taken, or None."""
        body = msgspec.json.encode(await self._message(notice))
        id_ = f"notice-{notice.execution_id or notice.id}-{notice.seq or notice.at}"
        at_s = self._api.clock.now_ms() // 1000
        try:
            signatures = " ".join(sign(key, id_, at_s, body) for key in self._keys(target))
            headers = {
                "content-type": "application/json",
                ID_HEADER: id_,
                TIME_HEADER: str(at_s),
                SIGNATURE_HEADER: signatures,
            }
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._http.request(
                    "POST", url, headers=headers, body=body, bounds=_BOUNDS
                )
        except TimeoutError:
            return "timeout"
        except NodeFailure as failure:
            return failure.error.kind
        except InvalidInput:
            return "secret_lost"
        return None if 200 <= answer.status < 300 else str(answer.status)

    def _keys(self, target: NoticeTarget) -> list[bytes]:
        """Return the keys that are good now: a receiver may know the old one yet."""
        seals = HookSeals(_identity(self._api).sealer)
        sealed = [target.secret]
        is_overlap = target.old_until is not None and target.old_until > self._api.clock.now_ms()
        if target.old_secret is not None and is_overlap:
            sealed.append(target.old_secret)
        return [seals.open_secret(target.workspace, NOTICES, each) for each in sealed]

    async def _message(self, notice: Notice) -> dict[str, Any]:
        """Return what is told: ids, states and times, no value of an execution."""
        data: dict[str, Any] = {
            "workspace_id": notice.workspace,
            "workflow_id": notice.workflow,
        }
        if notice.execution_id is not None:
            row = await self._api.stores.executions.get(notice.execution_id)
            data["execution_id"] = notice.execution_id
            if row is not None:
                data |= {"workflow_slug": row.workflow, "status": row.status, "error": row.error}
                data |= {"waiting_for": row.waiting_for, "trigger": row.trigger}
        else:
            data |= _missed(msgspec.json.decode(notice.data))
        return {"type": TYPES[notice.kind], "timestamp": time_text(notice.at), "data": data}


def _missed(found: dict[str, Any]) -> dict[str, Any]:
    times = {name: time_text(found[name]) for name in ("first", "last")}
    return {
        "schedule_id": found["schedule"],
        "trigger_id": found["trigger"],
        "count": found["count"],
        "made_good": found["made_good"],
        **times,
    }


def _identity(api: Api) -> Identity:
    if api.identity is None:
        raise Internal("notices are told by a server without keys")
    return api.identity
