# SPDX-License-Identifier: Apache-2.0
"""`[auth]`: log-ins and passwords; names, types and bounds only. Rules: ID20, AU100."""

from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from legato.errors import InvalidInput
from legato.model.durations import parse_duration
from legato.settings.issuers import ISSUERS_MAX, IssuerSettings
from legato.settings.section import Section

_DAY_MS: Final = 24 * 3_600_000


def _milliseconds(value: object) -> int:
    """Return `30d`, `10s` or a number of seconds in milliseconds."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("should be a duration such as 30d or 10s")
    try:
        return parse_duration(value)
    except InvalidInput as error:
        raise ValueError(error.message) from None


Duration = Annotated[int, BeforeValidator(_milliseconds)]
"""Written `30d` or as seconds, held in milliseconds."""


class AuthSettings(Section):
    """`[auth]`: how long log-ins live, and which passwords may be set."""

    session_ttl: Duration = Field(default=30 * _DAY_MS, le=366 * _DAY_MS)
    """A log-in ends after this long, whatever it does."""
    session_idle: Duration = Field(default=7 * _DAY_MS, le=366 * _DAY_MS)
    """And after this long without being used."""
    refresh_grace: Duration = Field(default=10_000, le=60_000)
    """How long a request that was repeated gets the same refresh token again."""
    password_policy: Literal["nist", "composition"] = "nist"  # noqa: S105 - a name
    registration: Literal["closed", "open"] = "closed"
    """Whether somebody without an invitation may make an account, which is a member nowhere."""
    issuers: tuple[IssuerSettings, ...] = Field(default=(), max_length=ISSUERS_MAX)
    """Whose tokens are taken beside our own; none by default."""

    @model_validator(mode="after")
    def _each_issuer_once(self) -> Self:
        if len({each.issuer for each in self.issuers}) != len(self.issuers):
            raise ValueError("issuers should name each issuer once")
        return self
