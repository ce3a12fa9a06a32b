# SPDX-License-Identifier: Apache-2.0
"""`[retention]` and `[database]`: how long executions stay, how many connections there are.

Rules: BK40, BK50.
"""

from typing import Annotated

from pydantic import Field, PositiveFloat

from legato.settings.section import Section

Days = Annotated[float, Field(ge=0, le=36_500)]


class RetentionSettings(Section):
    """`[retention]`: days after its end at which an execution goes; 0: it stays."""

    completed_days: Days = 0
    failed_days: Days = 0
    cancelled_days: Days = 0
    timed_out_days: Days = 0
    log_days: Days = 0
    """A line of an attempt's log goes this long after it was written, once its execution ended."""
    sweep_s: PositiveFloat = 600.0
    """How often what is too old is looked for."""


class DatabaseSettings(Section):
    """`[database]`: the connections of one process to PostgreSQL; SQLite has none to bound."""

    pool_max: int = Field(default=8, ge=2, le=200)
    """For everything but the log of executions, which has a connection of its own."""
    pool_wait_s: float = Field(default=5.0, gt=0, le=60)
    """How long a request waits for a connection before it is told to come again (503)."""
