# SPDX-License-Identifier: Apache-2.0
"""Opaque tokens: session ids, refresh tokens, tokens that are good once, API keys.

Each holds 256 random bits (a key's secret too) and is stored only as its SHA-256, so a copy of the
database logs nobody in. A refresh token's child is computed from it, not drawn: who repeats a
request within its grace gets the same child, and nothing but hashes has to be kept for that.

Rules: AU20-AU25.
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final

import msgspec

from legato.errors import Internal, InvalidToken, Unauthenticated

TOKEN_BYTES: Final = 32
REFRESH_KEY_BYTES_MIN: Final = 32
API_KEY_PREFIX: Final = "lgt"

# 32 bytes are 43 characters of which the last holds 4 bits: any other end is another spelling of
# the same bytes, and there shall be one spelling only.
_FORM: Final = r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"
_TOKEN: Final = re.compile(_FORM)
_API_KEY: Final = re.compile(rf"{API_KEY_PREFIX}_([a-z2-7]{{12}})_({_FORM})")


class ApiKeyParts(msgspec.Struct, frozen=True):
    """What an API key says: its public id, and the SHA-256 of its secret."""

    id: str
    secret_hash: bytes


class NewApiKey(msgspec.Struct, frozen=True):
    """A key as it is shown once, with what is stored of it."""

    text: str
    parts: ApiKeyParts

    def __repr__(self) -> str:
        """Name it without its secret."""
        return f"NewApiKey({self.parts.id})"


def new_token() -> str:
    """Return a fresh token: 43 characters of base64url, 256 bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_sid() -> str:
    """Return a fresh session id, as an access token carries it; it has the form of a token."""
    return new_token()


def sid_of(key: bytes, session: str, version: int) -> str:
    """Return the session id that access tokens carry: computed, so that only its hash is stored.

    A refresh finds the session and computes it again. It has the form of a token.

    Args:
        key: The key of refresh tokens. What it makes of a session is no child of a token: those
            have no slash.
        session: The id that lists show.
        version: Of the session; a renewed one has another.

    Raises:
        Internal: The key is too short.
    """
    if len(key) < REFRESH_KEY_BYTES_MIN:
        raise Internal("a session id is made with a key of 32 bytes or more")
    digest = hmac.digest(key, f"sid/{session}/{version}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def is_token(value: object) -> bool:
    """Tell whether something has the form of a token."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def token_hash(token: str) -> bytes:
    """Return what is stored of a token or session id: the SHA-256 of its text.

    Raises:
        Internal: It has not the form of one; what comes from outside is checked before.
    """
    if not is_token(token):
        raise Internal("only a well-formed token is hashed")
    return hashlib.sha256(token.encode("ascii")).digest()


def once_hash(value: object) -> bytes:
    """Return the hash of a token that is good once, from whatever a caller sent.

    Raises:
        InvalidToken: It is no text of that form; absent, null, empty and lists among them.
    """
    if not isinstance(value, str) or not is_token(value):
        raise InvalidToken
    return token_hash(value)


def refresh_hash(value: object) -> bytes:
    """Return the hash of a refresh token, from whatever a caller sent.

    Raises:
        Unauthenticated: It is no text of that form.
    """
    if not isinstance(value, str) or not is_token(value):
        raise Unauthenticated
    return token_hash(value)


def child_of(refresh_key: bytes, parent: str) -> str:
    """Return the token that follows a refresh token: base64url(HMAC-SHA256(refresh_key, parent)).

    Raises:
        Internal: The key is too short, or the parent has not the form of a token.
    """
    if len(refresh_key) < REFRESH_KEY_BYTES_MIN or not is_token(parent):
        raise Internal("a child is made of a key of 32 bytes or more and a well-formed token")
    digest = hmac.digest(refresh_key, parent.encode("ascii"), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def new_api_key() -> NewApiKey:
    """Return a fresh API key: `lgt_<12 base32 id>_<43 base64url>`."""
    key_id = base64.b32encode(secrets.token_bytes(8))[:12].decode("ascii").lower()
    secret = new_token()
    parts = ApiKeyParts(key_id, token_hash(secret))
    return NewApiKey(f"{API_KEY_PREFIX}_{key_id}_{secret}", parts)


def looks_like_api_key(value: str) -> bool:
    """Tell an API key from an access token; it may still be malformed."""
    return value[: len(API_KEY_PREFIX) + 1] == f"{API_KEY_PREFIX}_"


def parse_api_key(value: object) -> ApiKeyParts:
    """Take an API key apart.

    Raises:
        Unauthenticated: It has not exactly the form of one.
    """
    found = _API_KEY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Unauthenticated
    return ApiKeyParts(found[1], token_hash(found[2]))


def are_equal(one: bytes, other: bytes) -> bool:
    """Compare two hashes in a time that does not tell where they differ."""
    return hmac.compare_digest(one, other)
