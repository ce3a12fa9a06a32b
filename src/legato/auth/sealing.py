# SPDX-License-Identifier: Apache-2.0
"""Sealing of small secrets with AES-256-GCM under a named master key.

A sealed text says which key opens it, so keys can follow each other; it opens only for what it was
sealed for (the associated data), so it cannot be moved to another row.

Layout: version (1 byte, 1) | length of the key's id (1) | key id | nonce (12) | ciphertext and tag.

Rules: AU34, AU35, AU87.
"""

import re
import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from legato.errors import InvalidInput

KEY_BYTES: Final = 32
_VERSION: Final = 1
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class MasterKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of 32 bytes with its name. `made_at` is in ms; None where nobody knows."""

    id: str
    secret: bytes
    made_at: int | None = None

    def __repr__(self) -> str:
        """Name it without its secret."""
        return f"MasterKey(id={self.id!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name it without its secret."""
        return [("id", self.id)]


class Sealer:
    """Seal with the first key, open with any."""

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        """Make it.

        Raises:
            InvalidInput: There is no key, one has not 32 bytes or an odd or double name.
        """
        self._take(keys)

    def _take(self, keys: Sequence[MasterKey]) -> None:
        if not keys:
            raise InvalidInput("there is no master key")
        for key in keys:
            if not _ID.fullmatch(key.id):
                raise InvalidInput("a master key's id is 1 to 64 letters, digits, - or _")
            if len(key.secret) != KEY_BYTES:
                raise InvalidInput(f"master key {key.id} should have {KEY_BYTES} bytes")
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys}
        if len(self._ciphers) != len(keys):
            raise InvalidInput("two master keys have the same id")
        self._current = keys[0].id

    def seal(self, secret: bytes, bound_to: bytes) -> bytes:
        """Return the sealed secret; it opens only with the same `bound_to`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, secret, bound_to)
        name = self._current.encode("ascii")
        return bytes((_VERSION, len(name))) + name + nonce + sealed

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Return the secret.

        Raises:
            InvalidInput: It is damaged, of an unknown key, or was sealed for something else.
        """
        key_id, rest = _key_id(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None or len(rest) < _NONCE_BYTES + _TAG_BYTES:
            raise InvalidInput("no master key here opens this; it needs the one that sealed it")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound_to)
        except InvalidTag:
            raise InvalidInput("what is sealed was changed, or belongs to something else") from None

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return self._current

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys that open."""
        return frozenset(self._ciphers)

    def key_of(self, sealed: bytes) -> str:
        """Return the id of the key that sealed this; empty for what is nothing sealed."""
        return _key_id(sealed)[0]

    def needs_resealing(self, sealed: bytes) -> bool:
        """Tell whether another key than the current one sealed this."""
        return _key_id(sealed)[0] != self._current


def _key_id(sealed: bytes) -> tuple[str, bytes]:
    """Return the key's id, empty if there is none, and what follows it."""
    if len(sealed) < 2 or sealed[0] != _VERSION:
        return "", b""
    end = 2 + sealed[1]
    return sealed[2:end].decode("latin-1"), sealed[end:]
