# SPDX-License-Identifier: Apache-2.0
"""What a server has beside it that `legato up` started, for the person at this computer.

Rules: UP3, UP10, UP13, UP14.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from legato.adapters.practice_counts import practice_counts
from legato.api import system
from legato.api.crash_button import CrashButton
from legato.api.origin import is_loopback
from legato.auth.keys import Keys
from legato.supervisor.link import SupervisorLink

if TYPE_CHECKING:
    from legato.api.access import Routes
    from legato.api.parts import Api, PracticeCounts
    from legato.app import App
    from legato.settings import Settings

CRASH_FILE: Final = "crashed"
"""In the home; its time is that of the last crash that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """Its keys and neighbours.

    Args:
        keys: Those of the home; the environment has none.
        link: Its supervisor.
        practice_port: Where the practice service listens; None: there is none.
    """

    keys: Keys
    link: SupervisorLink
    practice_port: int | None

    def practice(self) -> PracticeCounts | None:
        """Return who asks the practice service."""
        port = self.practice_port
        return None if port is None else functools.partial(practice_counts, port)

    def crash_button(self, app: App) -> CrashButton | None:
        """Return the button, where there is nothing to lose but this person's own time."""
        if not may_crash(app.settings):
            return None
        memory = app.settings.home / CRASH_FILE
        return CrashButton(self.link.ask_for_crash, memory, app.clock.now_ms)


def may_crash(settings: Settings) -> bool:
    """Tell whether a supervised server may have a crash button at all."""
    is_own = is_loopback(settings.server.host) and settings.database_url.startswith("sqlite:")
    return settings.crash_button and is_own


def neighbours(api: Api) -> tuple[Routes, ...]:
    """Return the routes of what a server has beside it; without it they are not there."""
    has = (system.practice, api.practice), (system.crash, api.crash_button)
    return tuple(routes for routes, part in has if part is not None)
