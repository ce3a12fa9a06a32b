# SPDX-License-Identifier: Apache-2.0
"""Several issuers beside each other: no key of one verifies a token of another."""

from typing import Any

from legato.auth.foreign_tokens import ForeignTokens
from legato.auth.issuers import UserInfo
from legato.errors import LegatoError, Unauthenticated, Unavailable
from legato.ports.issuers import Answer
from legato.testing.clock import FakeClock
from tests.support.issuer import (
    JWKS_URL,
    SUBJECT,
    URL,
    FakeHttp,
    Signer,
    good_claims,
    issuer,
    key_set,
)

ASK = "https://id.example.org/me"
OTHER_URL, OTHER_JWKS = "https://other.example", "https://other.example/keys"
OURS, THEIRS = Signer(), Signer()


def place(*, asks: bool = False) -> tuple[ForeignTokens, FakeHttp]:
    """Return two issuers, whose keys have the same kid, and what they are asked through."""
    http = FakeHttp()
    http.serve(OURS)
    http.replies[OTHER_JWKS] = Answer(200, key_set(THEIRS))
    http.replies[ASK] = Answer(200, b'{"sub": "%s"}' % SUBJECT.encode())
    first = issuer(asks=UserInfo(url=ASK) if asks else None)
    second = issuer(url=OTHER_URL, jwks_url=OTHER_JWKS)
    return ForeignTokens([(first, http), (second, http)], FakeClock()), http


async def outcome(tokens: ForeignTokens, text: str) -> str | type[LegatoError]:
    """Return the issuer of a good token, or why it is none."""
    try:
        return (await tokens.verify(text)).issuer.url
    except LegatoError as error:
        return type(error)


async def test_the_issuer_that_a_token_names_must_have_signed_it() -> None:
    """Though another one has a key of that name [AU101]."""
    tokens, http = place()
    other = good_claims(iss=OTHER_URL)
    assert await outcome(tokens, OURS.token()) == URL
    assert await outcome(tokens, THEIRS.token(claims=other)) == OTHER_URL
    assert await outcome(tokens, THEIRS.token()) is Unauthenticated
    assert await outcome(tokens, OURS.token(claims=other)) is Unauthenticated
    http.replies[OTHER_JWKS] = Unavailable("down")
    assert await outcome(tokens, OURS.token()) == URL


async def test_an_issuer_that_nobody_named_is_not_asked() -> None:
    """Nor is any for a token that cannot be good: nothing is fetched [AU101, AU106]."""
    tokens, http = place(asks=True)
    now = FakeClock().now_ms() // 1000
    bad: tuple[dict[str, Any], ...] = (
        {"iss": "https://evil.example"}, {"iss": f"{URL}/"}, {"aud": "other"}, {"sub": ""},
        {"iat": now - 900, "exp": now - 600},
    )  # fmt: skip
    for changes in bad:
        claims = good_claims(**changes)
        assert await outcome(tokens, OURS.token(claims=claims)) is Unauthenticated
    assert http.asked == []


async def test_only_a_token_with_a_good_signature_is_asked_about() -> None:
    """Whoever makes tokens up cannot have an issuer asked [AU107]."""
    tokens, http = place(asks=True)
    assert await outcome(tokens, THEIRS.token()) is Unauthenticated
    assert [each.url for each in http.asked] == [JWKS_URL]
    assert await outcome(tokens, OURS.token()) == URL
    http.replies[ASK] = Unavailable("down")
    assert await outcome(tokens, OURS.token(claims=good_claims(jti="2"))) is Unavailable
    http.replies[ASK] = Answer(401, b"")
    assert await outcome(tokens, OURS.token(claims=good_claims(jti="3"))) is Unauthenticated


async def test_all_connections_are_closed_at_the_end() -> None:
    """Once, with what is still asked [AU105, AU107]."""
    tokens, http = place(asks=True)
    await tokens.verify(OURS.token())
    await tokens.close()
    assert http.is_closed
