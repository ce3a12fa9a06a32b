# SPDX-License-Identifier: Apache-2.0
"""Signed messages between programs, as Standard Webhooks writes them, and tokens of addresses.

What is signed is the message's id, its time in seconds and its raw body. Source:
https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.

Rules: TR20-TR23.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec

from legato.auth.sealing import Sealer
from legato.model.ids import WorkspaceId

ID_HEADER: Final = "webhook-id"
TIME_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
TOLERANCE_S: Final = 300
TOKEN_BYTES: Final = 32
SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what a secret begins with
SIGNATURES_MAX: Final = 20
"""Of one message; a sender that changes its key sends two."""
_HEADER_MAX: Final = 4_000
# A dot would let the id of one message end where the time of another begins.
_ID: Final = re.compile(r"[!-\-/-~]{1,255}")
_TIME: Final = re.compile(r"[0-9]{1,12}")
_MAC_BYTES: Final = 32


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a message's headers say, in a form that can be verified."""

    id: str
    at_s: int
    signatures: tuple[bytes, ...]


def read_message(id_: str | None, time: str | None, signatures: str | None) -> Message | None:
    """Return what headers say, or None if one is missing or has no such form."""
    if id_ is None or time is None or signatures is None or len(signatures) > _HEADER_MAX:
        return None
    if _ID.fullmatch(id_) is None or _TIME.fullmatch(time) is None:
        return None
    found: list[bytes] = []
    for each in signatures.split(" ")[:SIGNATURES_MAX]:
        version, _, text = each.partition(",")
        mac = _mac(text)
        if version == "v1" and mac is not None:
            found.append(mac)
    return Message(id=id_, at_s=int(time), signatures=tuple(found)) if found else None


def is_fresh(message: Message, now_ms: int) -> bool:
    """Tell whether a message was made not long ago, and not in the future."""
    return abs(now_ms - message.at_s * 1000) <= TOLERANCE_S * 1000


def is_signed(message: Message, body: bytes, keys: Sequence[bytes]) -> bool:
    """Tell whether one of the keys has signed it; each is compared with each, in constant time."""
    is_good = False
    for key in keys:
        wanted = _digest(key, message.id, message.at_s, body)
        for each in message.signatures:
            is_good |= hmac.compare_digest(wanted, each)
    return is_good


def sign(key: bytes, id_: str, at_s: int, body: bytes) -> str:
    """Return the signature of a message as its header has it."""
    return "v1," + base64.b64encode(_digest(key, id_, at_s, body)).decode("ascii")


def new_secret() -> bytes:
    """Return a key for signatures."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_text(key: bytes) -> str:
    """Return a key as people copy it."""
    return SECRET_PREFIX + base64.b64encode(key).decode("ascii")


def new_token() -> str:
    """Return what makes an address that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> bytes:
    """Return what a token is found by."""
    return hashlib.sha256(token.encode()).digest()


class HookSeals:
    """Seals tokens and secrets of webhooks and notices, each for its own row."""

    def __init__(self, sealer: Sealer) -> None:
        """Args: sealer has the master key."""
        self._sealer = sealer

    def seal_token(self, workspace: WorkspaceId, trigger: str, token: str) -> bytes:
        """Return a webhook's token, sealed."""
        return self._sealer.seal(token.encode(), _token_of(workspace, trigger))

    def open_token(self, workspace: WorkspaceId, trigger: str, sealed: bytes) -> str:
        """Return a webhook's token.

        Raises:
            InvalidInput: No key here opens it.
        """
        return self._sealer.open(sealed, _token_of(workspace, trigger)).decode()

    def seal_secret(self, workspace: WorkspaceId, of: str, key: bytes) -> bytes:
        """Return the key of a webhook, or of the workspace's notices (`of` is then `notices`)."""
        return self._sealer.seal(key, _secret_of(workspace, of))

    def open_secret(self, workspace: WorkspaceId, of: str, sealed: bytes) -> bytes:
        """Return a key.

        Raises:
            InvalidInput: No key here opens it.
        """
        return self._sealer.open(sealed, _secret_of(workspace, of))


NOTICES: Final = "notices"
"""What the key of a workspace's notices is sealed for."""


def _token_of(workspace: WorkspaceId, trigger: str) -> bytes:
    return f"hook-token:{workspace}:{trigger}".encode()


def _secret_of(workspace: WorkspaceId, of: str) -> bytes:
    return f"hook-secret:{workspace}:{of}".encode()


def _digest(key: bytes, id_: str, at_s: int, body: bytes) -> bytes:
    return hmac.digest(key, f"{id_}.{at_s}.".encode() + body, "sha256")


def _mac(text: str) -> bytes | None:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == _MAC_BYTES else None
