# SPDX-License-Identifier: Apache-2.0
"""What every section of the settings is: frozen, closed, and silent about what was given."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
