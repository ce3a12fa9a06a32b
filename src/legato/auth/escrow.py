# SPDX-License-Identifier: Apache-2.0
"""The keys of an installation, sealed with a passphrase, for a backup.

scrypt makes the key (RFC 7914: N = 2^16, r = 8, p = 1, which takes 64 MiB and some 200 ms), and
AES-256-GCM seals, bound to the one backup it was made for. What a stranger's file asks for is
bounded before anything is computed.

Rules: BK6.
"""

import hashlib
import secrets
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from legato.errors import InvalidInput, NotAllowed

PASSPHRASE_CHARS_MIN: Final = 12
PASSPHRASE_BYTES_MAX: Final = 4_096
_N: Final = 2**16
_N_MAX: Final = 2**18
_R: Final = 8
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class Escrow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is written; bytes are base64."""

    kdf: str
    n: int
    salt: bytes
    nonce: bytes
    sealed: bytes


def seal(secret: bytes, passphrase: str, bound_to: str) -> bytes:
    """Return the secret sealed, as JSON.

    Args:
        secret: What is sealed.
        passphrase: Opens it.
        bound_to: Names the backup; it opens only with the same.

    Raises:
        InvalidInput: The passphrase is too short.
    """
    if len(passphrase) < PASSPHRASE_CHARS_MIN:
        raise InvalidInput(f"a passphrase has at least {PASSPHRASE_CHARS_MIN} characters")
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    cipher = AESGCM(_derived(passphrase, salt, _N))
    sealed = cipher.encrypt(nonce, secret, bound_to.encode())
    return msgspec.json.encode(Escrow(kdf="scrypt", n=_N, salt=salt, nonce=nonce, sealed=sealed))


def unseal(data: bytes, passphrase: str, bound_to: str) -> bytes:
    """Return the secret.

    Raises:
        InvalidInput: What is given is nothing that was sealed here.
        NotAllowed: The passphrase is another one.
    """
    try:
        found = msgspec.json.decode(data, type=Escrow)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise InvalidInput("the sealed keys are damaged") from None
    is_good = found.n & (found.n - 1) == 0 and 2**10 <= found.n <= _N_MAX
    if found.kdf != "scrypt" or not is_good or len(found.nonce) != _NONCE_BYTES:
        raise InvalidInput("the sealed keys are of a kind that this program does not know")
    try:
        cipher = AESGCM(_derived(passphrase, found.salt, found.n))
        return cipher.decrypt(found.nonce, found.sealed, bound_to.encode())
    except InvalidTag:
        raise NotAllowed(
            "the passphrase does not open the keys of this backup.",
            hint="Nothing was changed. Give the passphrase that it was made with.",
        ) from None


def _derived(passphrase: str, salt: bytes, n: int) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=n, r=_R, p=1, dklen=_KEY_BYTES,
        maxmem=129 * n * _R,
    )  # fmt: skip
