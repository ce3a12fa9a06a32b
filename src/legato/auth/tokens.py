# SPDX-License-Identifier: Apache-2.0
"""Access tokens: JWTs (RFC 9068 `at+jwt`, HS256) that live 15 minutes and name a session.

A token says who and which session, never a role or a workspace: those are read with the session at
each request. One algorithm and one kind of key; the header may hold `alg`, `typ` and `kid` and
nothing else, so that nothing in it can choose how it is verified. Why a token is refused is not
told.

Rules: AU10-AU17, AU87. Source: RFC 8725 (best practices), RFC 9068 (profile of access tokens).
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import jwt
import msgspec

from legato.auth.compact import HEADER, compact, part_of
from legato.auth.refresh import is_token
from legato.errors import Internal, InvalidInput, Unauthenticated
from legato.model.ids import UserId
from legato.ports.clock import Clock

ALGORITHM: Final = "HS256"
TYP: Final = "at+jwt"
AUDIENCE: Final = "legato:api"
KEY_BYTES_MIN: Final = 32
"""RFC 7518 section 3.2: a key of the size of the hash or larger."""
TTL_S_MAX: Final = 15 * 60
LEEWAY_S: Final = 60
"""How far clocks of two instances may be apart."""
VERIFIED_MAX: Final = 4_096
"""Tokens whose signature is not verified again, some 4 MB; one costs as much time as the rest of a
short request."""
_CLAIMS: Final = ("iss", "aud", "sub", "sid", "jti", "iat", "exp")
_HEADERS: Final = {"alg", "typ", "kid"}
_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ID: Final = re.compile(r"[\x21-\x7e]{1,64}")


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key with its name. One with `ends_at` (ms) only verifies, until then.

    `made_at` is in ms; None where nobody knows.
    """

    kid: str
    secret: bytes
    ends_at: int | None = None
    made_at: int | None = None

    def __repr__(self) -> str:
        """Name it without its secret."""
        return f"SigningKey(kid={self.kid!r}, ends_at={self.ends_at!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name it without its secret."""
        return [("kid", self.kid), ("ends_at", self.ends_at)]


class AccessClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token said that was verified. Times are seconds since the epoch."""

    user: UserId
    sid: str
    jti: str
    issued_at: int
    expires_at: int


class KeyRing:
    """The keys of access tokens: the first signs, all verify, each at most until it ends."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        """Make the ring.

        Args:
            keys: The signing key first; it has no end, the others have one or stay.

        Raises:
            InvalidInput: There is none, one is short, no key for HMAC or has an odd or double name.
        """
        self._take(keys)

    @property
    def signing(self) -> SigningKey:
        """The key that signs."""
        return self._signing

    @property
    def changes(self) -> int:
        """Grows with each change of the keys: who remembers what they verified forgets it then."""
        return 0

    def _take(self, keys: Sequence[SigningKey]) -> None:
        if not keys:
            raise InvalidInput("there is no key for access tokens")
        for key in keys:
            _check_key(key)
        if len({key.kid for key in keys}) != len(keys):
            raise InvalidInput("two keys for access tokens have the same kid")
        if keys[0].ends_at is not None:
            raise InvalidInput(f"key {keys[0].kid} signs access tokens and cannot have an end")
        self._keys = {key.kid: key for key in keys}
        self._signing = keys[0]

    def find(self, kid: str, now_ms: int) -> SigningKey | None:
        """Return the key of that name that may still verify."""
        key = self._keys.get(kid)
        if key is None or (key.ends_at is not None and key.ends_at <= now_ms):
            return None
        return key


class AccessTokens:
    """Make and verify access tokens."""

    def __init__(
        self,
        keys: KeyRing,
        clock: Clock,
        *,
        issuer: str,
        audience: str = AUDIENCE,
        ttl_s: int = TTL_S_MAX,
    ) -> None:
        """Make it.

        Args:
            keys: They sign and verify.
            clock: Gives the time.
            issuer: The public URL of this installation.
            audience: Whom the tokens are for; a token for one is refused by another.
            ttl_s: How long a token lives, 1 to 900 s.

        Raises:
            InvalidInput: Issuer or audience is empty, or the life is out of bounds.
        """
        if not issuer or not audience:
            raise InvalidInput("access tokens need an issuer and an audience")
        if not 0 < ttl_s <= TTL_S_MAX:
            raise InvalidInput(f"access tokens live 1 to {TTL_S_MAX} s, got {ttl_s}")
        self._keys = keys
        self._clock = clock
        self.issuer = issuer
        self._audience = audience
        self.ttl_s = ttl_s
        self._verified: dict[str, tuple[AccessClaims, int]] = {}
        """Token to what it says and until when (ms)."""
        self._changes = keys.changes

    @property
    def remembered(self) -> int:
        """How many tokens are known without another look at their signature."""
        return len(self._verified)

    def issue(self, user: UserId, sid: str) -> str:
        """Return a token for a session.

        Raises:
            Internal: The user is empty, or `sid` has not the form of a session id.
        """
        if not user or not is_token(sid):
            raise Internal("an access token is for a user and a session")
        issued_at = self._clock.now_ms() // 1000
        claims = {
            "iss": self.issuer,
            "aud": self._audience,
            "sub": user,
            "sid": sid,
            "jti": self._clock.new_id(),
            "iat": issued_at,
            "exp": issued_at + self.ttl_s,
        }
        key = self._keys.signing
        headers = {"typ": TYP, "kid": key.kid}
        return jwt.encode(claims, key.secret, algorithm=ALGORITHM, headers=headers)

    def verify(self, token: object) -> AccessClaims:
        """Return what a token says, if it is one of ours and lives.

        Args:
            token: Whatever the caller sent: text or bytes.

        Raises:
            Unauthenticated: Anything else; it does not say why.
        """
        now_ms = self._clock.now_ms()
        known = self._remembered(token, now_ms)
        if known is not None:
            return known
        text = compact(token)
        key = self._keys.find(_checked_kid(text), now_ms)
        if key is None:
            raise Unauthenticated
        try:
            claims: dict[str, Any] = jwt.decode(
                text,
                key.secret,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self.issuer,
                options={
                    "require": list(_CLAIMS),
                    "strict_aud": True,
                    # Checked below, by our clock.
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise Unauthenticated from None
        checked = _checked_claims(claims, now_ms)
        self._remember(text, checked, key)
        return checked

    def _remembered(self, token: object, now_ms: int) -> AccessClaims | None:
        """Return what a token says that was verified before, if it and its key still count."""
        if self._changes != self._keys.changes:
            self._changes = self._keys.changes
            self._verified.clear()
        found = self._verified.get(token) if isinstance(token, str) else None
        return found[0] if found is not None and now_ms < found[1] else None

    def _remember(self, text: str, claims: AccessClaims, key: SigningKey) -> None:
        """Keep a token until it or its key ends; of too many the oldest goes."""
        if len(self._verified) >= VERIFIED_MAX:
            del self._verified[next(iter(self._verified))]
        until = (claims.expires_at + LEEWAY_S) * 1000
        self._verified[text] = (claims, until if key.ends_at is None else min(until, key.ends_at))


def _check_key(key: SigningKey) -> None:
    if not _KID.fullmatch(key.kid):
        raise InvalidInput("a kid is 1 to 64 letters, digits, - or _")
    if len(key.secret) < KEY_BYTES_MIN:
        raise InvalidInput(
            f"key {key.kid} has {len(key.secret)} bytes; access tokens need {KEY_BYTES_MIN} or more"
        )
    try:
        jwt.get_algorithm_by_name(ALGORITHM).prepare_key(key.secret)
    except jwt.InvalidKeyError:  # a PEM or SSH key: public, so anybody could sign with it
        raise InvalidInput(f"key {key.kid} is a certificate or key pair, no secret") from None


def _checked_kid(text: str) -> str:
    """Return the kid of a header that holds what it must and nothing else."""
    header = part_of(text, HEADER)
    if header.keys() != _HEADERS:
        raise Unauthenticated
    kid = header["kid"]
    is_ours = header["alg"] == ALGORITHM and header["typ"] == TYP and isinstance(kid, str)
    if not is_ours or not _KID.fullmatch(kid):
        raise Unauthenticated
    return str(kid)


def _checked_claims(claims: dict[str, Any], now_ms: int) -> AccessClaims:
    """Check forms and times of claims whose signature, issuer and audience are right."""
    user, sid, jti = claims["sub"], claims["sid"], claims["jti"]
    issued_at, expires_at = claims["iat"], claims["exp"]
    # Not isinstance: a bool is an int, and a float has no place here.
    if type(issued_at) is not int or type(expires_at) is not int:
        raise Unauthenticated
    is_named = all(isinstance(each, str) and _ID.fullmatch(each) for each in (user, jti))
    if not is_named or not is_token(sid):
        raise Unauthenticated
    leeway_ms = LEEWAY_S * 1000
    is_timely = (
        0 < expires_at - issued_at <= TTL_S_MAX
        and issued_at * 1000 <= now_ms + leeway_ms
        and now_ms - leeway_ms < expires_at * 1000
    )
    if not is_timely:
        raise Unauthenticated
    return AccessClaims(
        user=UserId(user), sid=sid, jti=jti, issued_at=issued_at, expires_at=expires_at
    )
