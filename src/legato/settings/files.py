# SPDX-License-Identifier: Apache-2.0
"""`[files]`: how large uploaded files may be, how much room they get, how long they are kept.

Rules: FI1, FI2, FI22, FI32.
"""

from typing import Annotated, Final

from pydantic import Field, PositiveFloat, PositiveInt

from legato.settings.section import Section

MB: Final = 1_048_576
"""What "MB" means of a file."""
PROVIDERS_MAX: Final = 32
Provider = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]


class FileSettings(Section):
    """`[files]`: bounds on uploaded files."""

    max_bytes: PositiveInt = 100 * MB
    """Of one file."""
    provider_max_bytes: dict[Provider, PositiveInt] = Field(
        default={"kimi": 100 * MB, "glm": 20 * MB}, max_length=PROVIDERS_MAX
    )
    """Of one that is meant for a provider of models: `?provider=NAME`."""
    quota_bytes: int = Field(default=10 * 1024 * MB, ge=0)
    """Of all files of a workspace that has no bound of its own; equal ones count once."""
    keep_days: float = Field(default=0, ge=0, le=36_500)
    """A file is deleted this long after it was uploaded; 0: never by itself."""
    sweep_s: PositiveFloat = 3_600.0
    """How often files that are too old and payloads that nobody needs are looked for."""
