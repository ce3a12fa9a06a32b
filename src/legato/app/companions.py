# SPDX-License-Identifier: Apache-2.0
"""What runs beside requests and turns: schedules, the queue of those that wait, notices.

Rules: TR13, TR41, TR50.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from legato.api.notifier import Notifier
from legato.api.parts import Api
from legato.api.readiness import Readiness
from legato.api.trigger_starts import start_tick
from legato.app import guarded_http, operator_grants
from legato.runtime.releaser import Releaser
from legato.runtime.scheduler import Scheduler

if TYPE_CHECKING:
    from legato.api.care import Companion
    from legato.app import App
    from legato.ports.triggers import TriggerRow


class _AppReleaser(Releaser):
    """Hears of ends from the engine of its process as soon as there is one."""

    def __init__(self, app: App) -> None:
        super().__init__(app.stores.admissions, self._look_at_queue)
        self._app = app

    def start(self) -> None:
        """Begin."""
        super().start()
        self._app.engine.on_end = self.hint

    def _look_at_queue(self) -> None:
        self._app.engine.look_at_queue()


def engine_companions(app: App, api: Api | None = None) -> list[Companion]:
    """Return what every process with an engine does beside it.

    Args:
        app: Whose engine.
        api: Of a server, if there is one.
    """
    parts = api or Api(
        settings=app.settings,
        stores=app.stores,
        clock=app.clock,
        readiness=Readiness({}, app.clock.monotonic),
        engine=lambda: app.engine,
    )

    async def start(row: TriggerRow, at: int) -> object:
        return await start_tick(parts, row, at)

    return [Scheduler(app.stores.triggers, app.clock, start), _AppReleaser(app)]


def server_companions(app: App, api: Api) -> list[Companion]:
    """Return what a server does beside requests: it has the keys that notices are signed with."""
    http = guarded_http(operator_grants(app.settings.grants))
    return [*engine_companions(app, api), Notifier(api, http)]
