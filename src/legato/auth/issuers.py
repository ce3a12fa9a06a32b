# SPDX-License-Identifier: Apache-2.0
"""Tokens of other issuers: which issuer one claims, what it must say, and keys to verify it with.

Nothing here waits or remembers. Our own tokens are signed with HMAC and every other with a key
pair, so the header's `alg` tells them apart and no key of one side can verify a token of the other.
The unverified `iss` only chooses whose keys are tried: a token that names another issuer than its
own meets keys that refuse it. Nothing in a token says where a key is: `kid` is compared for
equality with names that the issuer published, and opened nowhere.

Rules: AU101-AU104. Source: RFC 8725, RFC 9068, RFC 7517.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeGuard

import jwt
import msgspec

from legato.auth.compact import CLAIMS, HEADER, compact, part_of
from legato.auth.tokens import LEEWAY_S
from legato.errors import InvalidInput, Unauthenticated

Family = Literal["RSA", "EC", "OKP"]

ALGORITHMS: Final[dict[str, tuple[Family, str]]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", "")),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""What an algorithm takes: type of key, and curve."""
MAX_AGE_S: Final = 3_600
KEYS_MAX: Final = 100
RSA_BITS_MIN: Final = 2_048
RSA_BITS_MAX: Final = 8_192
"""Beyond, one signature takes milliseconds of everybody's time."""
SUBJECT_MAX: Final = 255
AUDIENCES_MAX: Final = 64

_HEADERS: Final = frozenset({"alg", "kid", "typ", "x5t", "x5t#S256"})
"""The last two are fingerprints, which nobody follows. What is not named here (`jku`, `jwk`, `x5u`,
`x5c`, `crit`, `b64`, `cty`, `enc`, `zip`…) is refused, whatever it says."""
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_KID: Final = re.compile(r"[A-Za-z0-9_.:=+/-]{1,128}")
_SUBJECT: Final = re.compile(rf"[\x20-\x7e]{{1,{SUBJECT_MAX}}}")
"""OpenID Connect Core section 2: at most 255 ASCII characters, compared exactly."""
_REQUIRED: Final = ("iss", "aud", "exp", "iat", "sub")
_NOT_OF_ACCESS: Final = frozenset({"cnf", "events", "at_hash", "c_hash"})
"""Claims of tokens that are none of access: bound to a proof of possession that nobody here looks
at (RFC 7800), events such as a log-out (RFC 8417), identity tokens (OpenID Connect)."""
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class Introspection(msgspec.Struct, frozen=True, kw_only=True):
    """Where to ask whether a token holds, as whom (RFC 7662)."""

    url: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        """Name it without its secret."""
        return f"Introspection(url={self.url!r})"


class UserInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Where to ask the same with the token itself; `headers` go along and may hold secrets."""

    url: str
    headers: Mapping[str, str] = {}

    def __repr__(self) -> str:
        """Name it without its secrets."""
        return f"UserInfo(url={self.url!r})"


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens are taken, and how they are verified; `url` is `iss`, compared exactly."""

    url: str
    audience: str
    jwks_url: str
    algorithms: tuple[str, ...]
    max_age_s: int = MAX_AGE_S
    auto_provision: bool = False
    asks: Introspection | UserInfo | None = None


class Unverified(msgspec.Struct, frozen=True):
    """What a token says of itself, before anybody has looked at its signature."""

    text: str
    algorithm: str
    kid: str
    issuer: str
    claims: dict[str, Any]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a verified token is about. `name` is for people to read, and proves nothing."""

    issuer: Issuer
    id: str
    name: str = ""


def is_subject(value: object) -> TypeGuard[str]:
    """Tell whether something can be a `sub`."""
    return isinstance(value, str) and _SUBJECT.fullmatch(value) is not None


def is_foreign(text: str) -> bool:
    """Tell whether a bearer token is one of another issuer, by the kind of its algorithm.

    Whatever else it is, our own verifier refuses it.
    """
    try:
        algorithm = part_of(compact(text), HEADER).get("alg")
    except Unauthenticated:
        return False
    return isinstance(algorithm, str) and algorithm in ALGORITHMS


def read(text: str) -> Unverified:
    """Read a token of another issuer strictly, believing none of it.

    Raises:
        Unauthenticated: Its header holds what it must not, or it names no issuer.
    """
    text = compact(text)
    header = part_of(text, HEADER)
    algorithm, kid = header.get("alg"), header.get("kid")
    kind = header.get("typ", "JWT")
    if not header.keys() <= _HEADERS or not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise Unauthenticated
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Unauthenticated
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise Unauthenticated
    claims = part_of(text, CLAIMS)
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise Unauthenticated
    return Unverified(text, algorithm, kid, issuer, claims)


def subject_of(token: Unverified, issuer: Issuer, now_ms: int) -> Subject:
    """Return whom a token is about, if all that it says is as it must be; its signature is not.

    Cheap, and therefore before the keys: what cannot be good makes nobody fetch anything.

    Raises:
        Unauthenticated: Something is missing, of another form, for others, or out of its time.
    """
    claims = token.claims
    is_ours_to_judge = token.issuer == issuer.url and token.algorithm in issuer.algorithms
    if not is_ours_to_judge or not _is_for(claims.get("aud"), issuer.audience):
        raise Unauthenticated
    subject, name = claims.get("sub"), claims.get("name", "")
    if not is_subject(subject) or not _is_timely(claims, issuer.max_age_s, now_ms):
        raise Unauthenticated
    # `typ`: how Keycloak tells its access tokens from those of identity, refresh and log-out.
    if not _NOT_OF_ACCESS.isdisjoint(claims) or claims.get("typ", "Bearer") != "Bearer":
        raise Unauthenticated
    return Subject(issuer=issuer, id=subject, name=name if isinstance(name, str) else "")


def check_signature(token: Unverified, issuer: Issuer, key: jwt.PyJWK) -> None:
    """Check a token with a key of the issuer that it names.

    Args:
        token: Its claims were checked.
        issuer: As in the settings.
        key: Has one algorithm, which is the issuer's.

    Raises:
        Unauthenticated: It was not signed with that key and algorithm.
    """
    try:
        jwt.decode(
            token.text,
            key,
            algorithms=[key.algorithm_name],
            audience=issuer.audience,
            issuer=issuer.url,
            options={
                "require": list(_REQUIRED),
                "enforce_minimum_key_length": True,
                # Checked in `subject_of`, by our clock.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise Unauthenticated from None


def keys_of(document: bytes, algorithms: tuple[str, ...]) -> dict[str, jwt.PyJWK]:
    """Return the keys of a JWK set that may verify, by their kid.

    A key has one algorithm: the one it names, or the only one that fits it. What fits none is left
    out: keys of other types and uses, secret and private ones, weak ones, and those that share a
    kid, of which nobody could say which is meant.

    Args:
        document: As the issuer sent it.
        algorithms: Of the issuer, by the settings.

    Raises:
        InvalidInput: It is no JWK set, or has more than 100 keys.
    """
    try:
        value = msgspec.json.decode(document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise InvalidInput("the keys of an issuer are no JSON") from None
    listed = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(listed, list) or len(listed) > KEYS_MAX:
        raise InvalidInput(f"the keys of an issuer are no set of at most {KEYS_MAX} keys")
    names = [each.get("kid") for each in listed if isinstance(each, dict)]
    found: dict[str, jwt.PyJWK] = {}
    for each in listed:
        key = _key_of(each, algorithms) if isinstance(each, dict) else None
        if key is not None and names.count(each["kid"]) == 1:
            found[each["kid"]] = key
    return found


def _is_for(claim: object, audience: str) -> bool:
    """Tell whether a claim `aud`, a text or a list of them, is or holds an audience."""
    several = claim if isinstance(claim, list) else [claim]
    if len(several) > AUDIENCES_MAX or not all(isinstance(each, str) for each in several):
        return False
    return any(each == audience for each in several)


def _is_timely(claims: Mapping[str, Any], max_age_s: int, now_ms: int) -> bool:
    issued_at, expires_at = claims.get("iat"), claims.get("exp")
    begins_at = claims.get("nbf", issued_at)
    # Not isinstance: a bool is an int, and a float has no place here.
    if not all(type(each) is int for each in (issued_at, expires_at, begins_at)):
        return False
    assert isinstance(issued_at, int)
    assert isinstance(expires_at, int)
    leeway_ms = LEEWAY_S * 1000
    return (
        0 < expires_at - issued_at <= max_age_s
        and max(issued_at, begins_at) * 1000 <= now_ms + leeway_ms
        and now_ms - leeway_ms < expires_at * 1000
    )


def _key_of(value: dict[str, Any], algorithms: tuple[str, ...]) -> jwt.PyJWK | None:
    """Return a key that may verify, or None."""
    kid, operations = value.get("kid"), value.get("key_ops", ["verify"])
    if not isinstance(kid, str) or not _KID.fullmatch(kid) or not _PRIVATE.isdisjoint(value):
        return None
    if value.get("use", "sig") != "sig" or not isinstance(operations, list):
        return None
    algorithm = _algorithm_of(value, algorithms)
    if algorithm is None or "verify" not in operations:
        return None
    try:
        key = jwt.PyJWK(value, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
    is_rsa = ALGORITHMS[algorithm][0] == "RSA"
    if is_rsa and not RSA_BITS_MIN <= key.key.key_size <= RSA_BITS_MAX:
        return None
    return key


def _algorithm_of(value: Mapping[str, Any], algorithms: tuple[str, ...]) -> str | None:
    """Return the one algorithm that a key is for."""
    fitting = [
        each
        for each in algorithms
        if ALGORITHMS[each] in ((value.get("kty"), ""), (value.get("kty"), value.get("crv")))
    ]
    if "alg" in value:
        fitting = [each for each in fitting if each == value["alg"]]
    return fitting[0] if len(fitting) == 1 else None
