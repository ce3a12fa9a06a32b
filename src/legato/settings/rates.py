# SPDX-License-Identifier: Apache-2.0
"""`[server.rates]`: how many requests; names, types and bounds only. Rules: HT40-HT42, HT46."""

from typing import Annotated

from pydantic import Field

from legato.model.rate import PER_MINUTE_MAX
from legato.settings.section import Section

Count = Annotated[int, Field(ge=1, le=PER_MINUTE_MAX)]


class RateSettings(Section):
    """`[server.rates]`: requests a minute; as many may come at once, and refill evenly."""

    requests_per_minute: Count = 12_000
    """Per address: a hundred people behind one, each as busy as two requests a second."""
    credentials_per_minute: Count = 120
    """Per address, of what hashes a password or uses a token up."""
    refreshes_per_minute: Count = 30
    """Per log-in."""
    starts_per_minute: Count = 600
    """Per user or API key."""
    starts_at_once: Count = 200
    writes_per_minute: Count = 300
    """Per user or API key."""
    reads_per_minute: Count = 3_000
    """Per user or API key."""
