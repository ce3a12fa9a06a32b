# SPDX-License-Identifier: Apache-2.0
"""What the config and output models of the built-in nodes share.

Rules: ND1, DO17.
"""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """A `with` block: unknown keys are refused and texts are not taken for numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Output(BaseModel):
    """What a node returns."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


def without_nul(text: str) -> str:
    """Replace NUL, which no JSON text of Legato may hold, as invalid UTF-8 is replaced."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
