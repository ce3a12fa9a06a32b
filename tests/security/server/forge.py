# SPDX-License-Identifier: Apache-2.0
"""Access tokens that are wrong in one way each. No library stands between: it would refuse most."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from legato.auth.tokens import SigningKey
from tests.security.server.crowd import Crowd, Pass, never

YEAR_S: Final = 366 * 24 * 3600


class Forge:
    """Knows a log-in and the key of its server, and makes tokens of them."""

    def __init__(self, crowd: Crowd, given: Pass) -> None:
        """Take them."""
        self.given = given
        self.key: SigningKey = crowd.keys.jwt[0]
        self.claims: dict[str, Any] = jwt.decode(
            given.access, options={"verify_signature": False, "verify_exp": False}
        )
        self.now = int(self.claims["iat"])

    def make(
        self,
        header: dict[str, Any] | None = None,
        claims: dict[str, Any] | None = None,
        *,
        secret: bytes | None = None,
        drop: str = "",
    ) -> str:
        """Return a token that is good but for what is given; `drop` leaves a name out."""
        named = {"alg": "HS256", "typ": "at+jwt", "kid": self.key.kid, **(header or {})}
        said = {**self.claims, **(claims or {})}
        for each in (named, said):
            each.pop(drop, None)
        return self.signed(f"{text_of(named)}.{text_of(said)}", secret)

    def signed(self, text: str, secret: bytes | None = None) -> str:
        """Sign two parts."""
        key = self.key.secret if secret is None else secret
        return f"{text}.{encoded(hmac.digest(key, text.encode(), 'sha256'))}"

    def with_algorithm(self, name: str, key: Any) -> str:
        """Return a token of another algorithm, which its key really signed."""
        headers = {"typ": "at+jwt", "kid": self.key.kid}
        return jwt.encode(self.claims, key, algorithm=name, headers=headers)


def encoded(data: bytes) -> str:
    """Return base64url as JWTs write it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text_of(value: Any) -> str:
    """Return a part of a token."""
    return encoded(json.dumps(value).encode())


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def _public_text() -> bytes:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _unsigned(forge: Forge, name: str) -> str:
    header = {"alg": name, "typ": "at+jwt", "kid": forge.key.kid}
    return f"{text_of(header)}.{text_of(forge.claims)}."


def _jwk(forge: Forge) -> str:
    own = b"k" * 32
    return forge.make({"jwk": {"kty": "oct", "k": encoded(own)}}, secret=own)


def _nested(forge: Forge) -> str:
    header = text_of({"alg": "HS256", "typ": "at+jwt", "kid": forge.key.kid, "cty": "JWT"})
    return forge.signed(f"{header}.{encoded(forge.given.access.encode())}")


def _unencoded(forge: Forge) -> str:
    header = {"alg": "HS256", "typ": "at+jwt", "kid": forge.key.kid, "b64": False, "crit": ["b64"]}
    text = f"{text_of(header)}.{json.dumps(forge.claims)}"
    signature = hmac.digest(forge.key.secret, text.encode(), hashlib.sha256)
    return f"{text}.{encoded(signature)}"


def _two_names(forge: Forge) -> str:
    kid = json.dumps(forge.key.kid)
    header = f'{{"alg":"none","alg":"HS256","typ":"at+jwt","kid":{kid}}}'
    return forge.signed(f"{encoded(header.encode())}.{text_of(forge.claims)}")


def _with_parts(forge: Forge, change: Callable[[list[str]], list[str]]) -> str:
    return ".".join(change(forge.given.access.split(".")))


Attack = Callable[[Forge], str]
ALGORITHMS: Final[dict[str, Attack]] = {
    **{
        f"alg {name} without a signature": lambda forge, name=name: _unsigned(forge, name)  # type: ignore[misc]
        for name in ("none", "None", "NONE", "nOnE", "HS256", "")
    },
    "alg none with its signature": lambda forge: forge.make({"alg": "none"}),
    "alg HS512": lambda forge: forge.with_algorithm("HS512", forge.key.secret.ljust(64, b"x")),
    "alg HS384 signed with the key": lambda forge: forge.make({"alg": "HS384"}),
    "alg RS256": lambda forge: forge.with_algorithm("RS256", _rsa()),
    "alg PS256": lambda forge: forge.with_algorithm("PS256", _rsa()),
    "alg ES256": lambda forge: forge.with_algorithm(
        "ES256", ec.generate_private_key(ec.SECP256R1())
    ),
    "alg HS256 with the text of a public key": lambda forge: forge.make(secret=_public_text()),
    "alg RS256 signed as HS256": lambda forge: forge.make({"alg": "RS256"}),
    "alg as a list": lambda forge: forge.make({"alg": ["HS256", "none"]}),
    "no alg": lambda forge: forge.make(drop="alg"),
    "an empty key": lambda forge: forge.make(secret=b""),
    "the kid as the key": lambda forge: forge.make(secret=forge.key.kid.encode()),
    "a key of zeros": lambda forge: forge.make(secret=bytes(32)),
}
HEADERS: Final[dict[str, Attack]] = {
    **{
        f"kid {kid!r}": lambda forge, kid=kid: forge.make({"kid": kid}, secret=b"")  # type: ignore[misc]
        for kid in (
            *("../../../../dev/null", "/dev/null", "file:///dev/null", "/proc/self/environ"),
            *("x' UNION SELECT '' --", "' OR '1'='1", "https://evil.example/key", "", "none"),
            *("x" * 5_000, "../keys.json", "|sleep 5"),
        )
    },
    "kid null": lambda forge: forge.make({"kid": None}),
    "kid a list": lambda forge: forge.make({"kid": [forge.key.kid]}),
    "no kid": lambda forge: forge.make(drop="kid"),
    "jku": lambda forge: forge.make({"jku": "https://evil.example/jwks.json"}),
    "x5u": lambda forge: forge.make({"x5u": "https://evil.example/cert.pem"}),
    "x5c": lambda forge: forge.make({"x5c": ["MIIB"]}),
    "jwk": _jwk,
    "crit": lambda forge: forge.make({"crit": ["exp"], "exp": 1}),
    "crit empty": lambda forge: forge.make({"crit": []}),
    "b64 true": lambda forge: forge.make({"b64": True}),
    "b64 false": _unencoded,
    "zip": lambda forge: forge.make({"zip": "DEF"}),
    "cty JWT": lambda forge: forge.make({"cty": "JWT"}),
    "nested": _nested,
    "typ JWT": lambda forge: forge.make({"typ": "JWT"}),
    "typ refresh": lambda forge: forge.make({"typ": "rt+jwt"}),
    "no typ": lambda forge: forge.make(drop="typ"),
    "a name twice": _two_names,
    "a header that is no object": lambda forge: forge.signed(
        f"{text_of(['HS256'])}.{text_of(forge.claims)}"
    ),
    "a header that is nested deep": lambda forge: forge.signed(
        f"{encoded(b'[' * 3_000)}.{text_of(forge.claims)}"
    ),
    "a header with NaN": lambda forge: forge.make({"kid": float("nan")}),
}
CLAIMS: Final[dict[str, Attack]] = {
    **{
        f"no {name}": lambda forge, name=name: forge.make(drop=name)  # type: ignore[misc]
        for name in ("iss", "aud", "sub", "sid", "jti", "iat", "exp")
    },
    "expired": lambda forge: forge.make(claims={"iat": forge.now - 1_000, "exp": forge.now - 100}),
    "lives a year": lambda forge: forge.make(claims={"exp": forge.now + YEAR_S}),
    "lives for ever": lambda forge: forge.make(claims={"exp": float("inf")}),
    "exp as text": lambda forge: forge.make(claims={"exp": str(forge.now + 100)}),
    "exp true": lambda forge: forge.make(claims={"exp": True}),
    "exp a fraction": lambda forge: forge.make(claims={"exp": forge.now + 100.5}),
    "exp beyond 64 bits": lambda forge: forge.make(claims={"exp": 10**400}),
    "begins tomorrow": lambda forge: forge.make(
        claims={"iat": forge.now + 86_400, "exp": forge.now + 86_500}
    ),
    "of another issuer": lambda forge: forge.make(claims={"iss": "https://evil.example"}),
    "of an issuer with more": lambda forge: forge.make(
        claims={"iss": forge.claims["iss"] + ".evil.example"}
    ),
    "issuers in a list": lambda forge: forge.make(claims={"iss": [forge.claims["iss"]]}),
    "for sockets": lambda forge: forge.make(claims={"aud": "legato:ws"}),
    "for MCP": lambda forge: forge.make(claims={"aud": "http://127.0.0.1:0/mcp"}),
    "for many": lambda forge: forge.make(claims={"aud": ["legato:api", "legato:ws"]}),
    "of another user": lambda forge: forge.make(claims={"sub": "u-other"}),
    "sub a number": lambda forge: forge.make(claims={"sub": 1}),
    "sid null": lambda forge: forge.make(claims={"sid": None}),
    "sid in a list": lambda forge: forge.make(claims={"sid": [forge.given.sid]}),
    "sid as SQL": lambda forge: forge.make(claims={"sid": "' OR 1=1 --".ljust(43, "A")}),
    "the id that lists show as sid": lambda forge: forge.make(
        claims={"sid": str(forge.given.session)}
    ),
    "the refresh token as sid": lambda forge: forge.make(claims={"sid": forge.given.refresh}),
    "claims that are no object": lambda forge: forge.signed(
        f"{forge.given.access.split('.')[0]}.{text_of([forge.claims])}"
    ),
}
FORMS: Final[dict[str, Attack]] = {
    "the signature of another": lambda forge: _with_parts(
        forge, lambda parts: [*parts[:2], forge.make(claims={"sub": "x"}).split(".")[2]]
    ),
    "no signature": lambda forge: _with_parts(forge, lambda parts: [*parts[:2], ""]),
    "two parts": lambda forge: _with_parts(forge, lambda parts: parts[:2]),
    "four parts": lambda forge: _with_parts(forge, lambda parts: [*parts, parts[2]]),
    "five parts, as JWE": lambda forge: _with_parts(
        forge,
        lambda parts: [text_of({"alg": "dir", "enc": "A256GCM"}), "", never(16), *parts[1:]],
    ),
    "padded": lambda forge: forge.given.access + "=",
    "another spelling of the last letter": lambda forge: (
        forge.given.access[:-1] + chr(ord(forge.given.access[-1]) + 1)
    ),
    "with a space": lambda forge: forge.given.access.replace(".", ". ", 1),
    "as JSON": lambda forge: json.dumps({"payload": forge.given.access}),
    "the refresh token": lambda forge: forge.given.refresh,
    "the id of the session": lambda forge: forge.given.sid,
    "the id that lists show": lambda forge: forge.given.session,
    "8 KiB of a part": lambda forge: forge.make({"kid": "k" * 8_192}),
    "a key without its secret": lambda _: "lgt_aaaaaaaaaaaa_",
    "a key with a secret of nobody": lambda _: f"lgt_aaaaaaaaaaaa_{never()}",
    "a key with SQL in its id": lambda _: f"lgt_'or'1'='1--_{never()}",
    "a key in capitals": lambda _: f"LGT_AAAAAAAAAAAA_{never()}",
    "a key with a space": lambda _: f"lgt_aaaaaaaaaaaa_{never()} x",
}
ATTACKS: Final = {**ALGORITHMS, **HEADERS, **CLAIMS, **FORMS}
OF_NO_SESSION: Final = frozenset({"of another user", "the refresh token as sid"})
"""Good in all but the log-in that they name: signed by the server, they tell who has its key."""
