# SPDX-License-Identifier: Apache-2.0
"""Another issuer of identities as tests need one: keys, tokens of any form, and its answers."""

import asyncio
import base64
import functools
import json
from collections.abc import Callable
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from legato.auth.issuers import Issuer
from legato.errors import Unavailable
from legato.ports.issuers import Answer, Question
from legato.testing.clock import FakeClock

URL: Final = "https://id.example.org/realms/staff"
JWKS_URL: Final = "https://id.example.org/realms/staff/certs"
AUDIENCE: Final = "legato"
SUBJECT: Final = "8e1c0b5e-0000"


@functools.cache
def rsa_pair(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return one of some RSA pairs; they take long to make."""
    del number
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


class Signer:
    """A key pair with a name and an algorithm."""

    def __init__(self, kid: str = "k1", algorithm: str = "ES256", pair: Any = None) -> None:
        """Make it; `pair` is made for ES256 and EdDSA."""
        self.kid = kid
        self.algorithm = algorithm
        if pair is None and algorithm == "ES256":
            pair = ec.generate_private_key(ec.SECP256R1())
        elif pair is None and algorithm == "EdDSA":
            pair = ed25519.Ed25519PrivateKey.generate()
        self.pair = pair if pair is not None else rsa_pair()

    def jwk(self, **changes: Any) -> dict[str, Any]:
        """Return the public key as it is published; None takes a member out."""
        made = jwt.get_algorithm_by_name(self.algorithm).to_jwk(
            self.pair.public_key(), as_dict=True
        )
        made.pop("key_ops", None)
        return without_none(
            {**made, "kid": self.kid, "use": "sig", "alg": self.algorithm, **changes}
        )

    def token(self, header: Any = None, claims: Any = None) -> str:
        """Return a token with a true signature; header and claims may be any bytes or value."""
        first = segment(self.header() if header is None else header)
        text = f"{first}.{segment(good_claims() if claims is None else claims)}"
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        return f"{text}.{segment(algorithm.sign(text.encode(), self.pair))}"

    def header(self, **changes: Any) -> dict[str, Any]:
        """Return a good header with changes; None takes a member out."""
        return without_none({"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **changes})


def segment(value: object) -> str:
    """Return a value as a part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is None."""
    return {name: value for name, value in values.items() if value is not None}


def good_claims(now_s: int | None = None, **changes: Any) -> dict[str, Any]:
    """Return good claims with changes; None takes one out."""
    now_s = FakeClock().now_ms() // 1000 if now_s is None else now_s
    good = {
        "iss": URL, "aud": AUDIENCE, "sub": SUBJECT, "iat": now_s, "exp": now_s + 300,
        "name": "Ada", "email": "ada@example.org", "email_verified": True,
    }  # fmt: skip
    return without_none({**good, **changes})


def issuer(**changes: Any) -> Issuer:
    """Return an issuer as the settings name one."""
    values = {
        "url": URL, "audience": AUDIENCE, "jwks_url": JWKS_URL, "algorithms": ("ES256",),
    }  # fmt: skip
    return Issuer(**{**values, **changes})


def key_set(*keys: Signer | dict[str, Any]) -> bytes:
    """Return a JWK set."""
    listed = [each.jwk() if isinstance(each, Signer) else each for each in keys]
    return json.dumps({"keys": listed}).encode()


Reply = Answer | Exception | Callable[[Question], Answer]


class FakeHttp:
    """Keeps `IssuerHttp`; answers by URL, counts, and can be held up."""

    def __init__(self, **replies: Reply) -> None:
        """Make it; everything else is unavailable."""
        self.replies: dict[str, Reply] = {}
        self.asked: list[Question] = []
        self.gate: asyncio.Event | None = None
        self.is_closed = False
        self.serve(**replies)

    def serve(self, *keys: Signer, **replies: Reply) -> None:
        """Publish keys, and answer at other URLs."""
        self.replies.update(replies)
        if keys:
            self.replies[JWKS_URL] = Answer(200, key_set(*keys))

    def count(self, url: str = JWKS_URL) -> int:
        """Return how often a URL was asked."""
        return sum(each.url == url for each in self.asked)

    async def ask(self, question: Question) -> Answer:
        """Keep `IssuerHttp.ask`."""
        self.asked.append(question)
        if self.gate is not None:
            await self.gate.wait()
        reply = self.replies.get(question.url, Unavailable("nobody is there"))
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Answer) else reply(question)

    async def close(self) -> None:
        """Keep `IssuerHttp.close`."""
        self.is_closed = True


async def turns(count: int = 5) -> None:
    """Let other tasks go on."""
    for _ in range(count):
        await asyncio.sleep(0)
