# SPDX-License-Identifier: Apache-2.0
"""The second factor: time-based codes (RFC 6238) and recovery codes.

A code is good for its own time step and the ones beside it, and each step is accepted once: who
calls stores the step that `accepted_step` returns, in the transaction that uses it.

Rules: AU30-AU35, ID31, ID45.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec
import pyotp

from legato.auth.sealing import Sealer
from legato.errors import InvalidInput
from legato.model.ids import UserId
from legato.ports.accounts import User
from legato.telemetry import logger

STEP_S: Final = 30
STEPS_BESIDE: Final = 1
"""Codes of one step earlier and later are good: clocks differ and people type slowly."""
ISSUER: Final = "Legato"
RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10
"""80 bits: nobody tries those through, even with the hashes in hand."""
_CODE: Final = re.compile(r"[0-9]{6}")
_RECOVERY: Final = re.compile(r"[a-z2-7]{16}")
_TYPED_MAX: Final = 64
_SPACES: Final = str.maketrans("", "", " -")

_log = logger(__name__)


class Recovery(msgspec.Struct, frozen=True):
    """Recovery codes as they are shown once, and the hashes that are stored."""

    codes: tuple[str, ...]
    hashes: tuple[str, ...]

    def __repr__(self) -> str:
        """Tell how many, not which."""
        return f"Recovery({len(self.codes)} codes)"


def new_secret() -> str:
    """Return a fresh secret: 32 characters of base32, 160 bits."""
    return pyotp.random_base32()


def otpauth_uri(secret: str, email: str) -> str:
    """Return what an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def accepted_step(secret: str, code: object, *, now_ms: int, last_step: int) -> int | None:
    """Return the time step of a code that is good now.

    Args:
        secret: Base32.
        code: Whatever the caller sent.
        now_ms: The time.
        last_step: The last step that was accepted; codes of it and of earlier ones are refused.

    Returns:
        The step to store, greater than `last_step`; None if the code is not good.
    """
    typed = _typed(code)
    if not _CODE.fullmatch(typed):
        return None
    now_step = now_ms // (STEP_S * 1000)
    totp = pyotp.TOTP(secret, interval=STEP_S)
    accepted = None
    for step in range(max(0, now_step - STEPS_BESIDE), now_step + STEPS_BESIDE + 1):
        is_same = hmac.compare_digest(totp.generate_otp(step), typed)
        if is_same and step > last_step and accepted is None:
            accepted = step
    return accepted


def seal_secret(sealer: Sealer, user: UserId, secret: str) -> bytes:
    """Return a secret as it is stored: it opens for this user only."""
    return sealer.seal(secret.encode("ascii"), user.encode())


def open_secret(sealer: Sealer, user: UserId, sealed: bytes) -> str:
    """Return a stored secret.

    Raises:
        InvalidInput: It is damaged, another user's, or its master key is not here.
    """
    try:
        return sealer.open(sealed, user.encode()).decode("ascii")
    except UnicodeDecodeError:
        raise InvalidInput("what is sealed is no secret of a second factor") from None


def new_recovery(user: UserId) -> Recovery:
    """Return 10 fresh recovery codes, `xxxx-xxxx-xxxx-xxxx`, each good once."""
    plain = [
        base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode("ascii").lower()
        for _ in range(RECOVERY_CODES)
    ]
    codes = tuple("-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in plain)
    return Recovery(codes, tuple(_recovery_hash(user, code) for code in plain))


def without_used(user: UserId, code: object, hashes: Sequence[str]) -> tuple[str, ...] | None:
    """Return the hashes that are left when a recovery code is used; None if it is none of them."""
    typed = _typed(code).lower()
    if not _RECOVERY.fullmatch(typed):
        return None
    hashed = _recovery_hash(user, typed)
    # All are compared, so the time does not tell which it was.
    left = tuple(each for each in hashes if not hmac.compare_digest(each, hashed))
    return left if len(left) < len(hashes) else None


def use_code(sealer: Sealer, user: User, code: object, *, now_ms: int) -> User | None:
    """Return a user as they are when a code of their second factor, or a recovery code, is used.

    What was sealed with the master key before is sealed with the current one by that. A secret that
    no key opens is told to the log; recovery codes are good without it.

    Args:
        sealer: Opens and seals the secret.
        user: As it was read; who stores the result stores it over this version.
        code: Whatever the caller sent.
        now_ms: The time.

    Returns:
        None if the code is not good, or there is no second factor.
    """
    if user.totp is None:
        return None
    left = without_used(user.id, code, user.recovery)
    if left is not None:
        return msgspec.structs.replace(user, recovery=left)
    try:
        secret = open_secret(sealer, user.id, user.totp)
    except InvalidInput as error:
        _log.error("the secret of a second factor cannot be opened", user=user.id, why=str(error))
        return None
    step = accepted_step(secret, code, now_ms=now_ms, last_step=user.totp_step)
    if step is None:
        return None
    is_old = sealer.needs_resealing(user.totp)
    sealed = seal_secret(sealer, user.id, secret) if is_old else user.totp
    return msgspec.structs.replace(user, totp=sealed, totp_step=step)


def _typed(code: object) -> str:
    """Return what was typed without the spaces and dashes of its groups; empty if it is no text."""
    if not isinstance(code, str) or len(code) > _TYPED_MAX or not code.isascii():
        return ""
    return code.translate(_SPACES)


def _recovery_hash(user: UserId, code: str) -> str:
    """Return the SHA-256 in hex, bound to the user; 80 random bits need no slow hash."""
    return hashlib.sha256(f"{user}:{code}".encode()).hexdigest()
