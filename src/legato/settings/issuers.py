# SPDX-License-Identifier: Apache-2.0
"""`[[auth.issuers]]`: whose tokens are taken beside our own; names, types and bounds only.

No secret stands here: `client_secret` and the values of `userinfo_headers` are names of secrets of
the server. Rules: AU100.
"""

import ipaddress
import re
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from legato.settings.section import Section

MAX_AGE_S: Final = 3_600
"""Longer lives are refused: until its end a token is good, unless its issuer is asked."""
ISSUERS_MAX: Final = 16
HEADERS_MAX: Final = 4
URL_MAX: Final = 1_024
_URL: Final = re.compile(rf"[\x21-\x7e]{{1,{URL_MAX}}}")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}")
_OWN_HEADERS: Final = frozenset(
    {"accept", "accept-encoding", "authorization", "connection", "content-length", "content-type",
     "cookie", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade", "user-agent"}
)  # fmt: skip
"""What the request to an issuer says by itself, and what says where a message ends."""

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]
"""Asymmetric ones only: with any other, whoever may verify could sign as well."""
KEY_TYPES: Final[dict[str, str]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""The type of key (`kty`) that each takes."""


def _checked_url(value: str) -> str:
    """Return a URL as it is written; plain http only where it does not leave this machine."""
    expected = "should be an https URL without user, password and fragment"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    is_plain = parts.username is None and parts.password is None and "#" not in value
    if not _URL.fullmatch(value) or not parts.hostname or port == 0 or not is_plain:
        raise ValueError(expected)
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("should begin with https:// beyond this machine")
    if parts.scheme not in {"http", "https"}:
        raise ValueError(expected)
    return value


def _checked_issuer(value: str) -> str:
    if "?" in value:
        raise ValueError("should have no query")
    return _checked_url(value)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_secret(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("should be the name of a secret, of letters, digits, - and _")
    return value


def _checked_header(value: str) -> str:
    if not _HEADER.fullmatch(value) or value.lower() in _OWN_HEADERS:
        raise ValueError("should be the name of a header beside those of every request")
    return value


Url = Annotated[str, AfterValidator(_checked_url)]
IssuerUrl = Annotated[str, AfterValidator(_checked_issuer)]
SecretName = Annotated[str, AfterValidator(_checked_secret)]
HeaderName = Annotated[str, AfterValidator(_checked_header)]


class IssuerSettings(Section):
    """`[[auth.issuers]]`: one issuer of tokens, and how they are verified."""

    issuer: IssuerUrl
    """The claim `iss`, character by character."""
    audience: str = Field(min_length=1, max_length=255)
    """What the claim `aud` must be or hold: this API, no client of the issuer."""
    jwks_url: Url
    """Where its keys are. Not looked up anywhere: a token must not say where to look."""
    algorithms: tuple[Algorithm, ...]
    """One or more, all of one type of key."""
    max_age_s: int = Field(default=MAX_AGE_S, ge=1, le=MAX_AGE_S)
    """Between `iat` and `exp` at most."""
    auto_provision: bool = False
    """Whether a subject that nobody has linked gets an account, a member of nothing."""
    introspection_url: Url | None = None
    """Asked whether a token still holds (RFC 7662), with the two fields below."""
    client_id: str | None = Field(default=None, min_length=1, max_length=255)
    client_secret: SecretName | None = None
    userinfo_url: Url | None = None
    """Asked the same with the token itself (OpenID Connect)."""
    userinfo_headers: dict[HeaderName, SecretName] = Field(
        default_factory=dict, max_length=HEADERS_MAX
    )
    """Sent with that question, by the names of their secrets."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if len({KEY_TYPES[each] for each in self.algorithms}) != 1:
            raise ValueError("algorithms should be of one type of key: RS and PS, or ES, or EdDSA")
        if len(set(self.algorithms)) != len(self.algorithms):
            raise ValueError("algorithms should name each once")
        if self.introspection_url is not None and self.userinfo_url is not None:
            raise ValueError("introspection_url and userinfo_url should not both be there")
        is_known = self.client_id is not None and self.client_secret is not None
        if self.introspection_url is not None and not is_known:
            raise ValueError("introspection_url needs client_id and client_secret")
        if self.introspection_url is None and (self.client_id or self.client_secret):
            raise ValueError("client_id and client_secret need introspection_url")
        if self.userinfo_url is None and self.userinfo_headers:
            raise ValueError("userinfo_headers needs userinfo_url")
        return self
