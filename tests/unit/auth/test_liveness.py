# SPDX-License-Identifier: Apache-2.0
"""Whether a token still holds: what is asked, how often, and what counts as an answer."""

import asyncio
import base64
from typing import Any

import orjson
import pytest

from legato.auth.issuers import Introspection, UserInfo
from legato.auth.liveness import TOKENS_MAX, Liveness
from legato.errors import Unauthenticated, Unavailable
from legato.ports.issuers import Answer, Question
from legato.testing.clock import FakeClock
from tests.support.issuer import SUBJECT, FakeHttp, turns

URL = "https://id.example.org/ask"
BY_FORM = Introspection(url=URL, client_id="leg:ato", client_secret="s p")
BY_TOKEN = UserInfo(url=URL, headers={"apikey": "anon"})
HOLDS = {"active": True, "sub": SUBJECT, "id": SUBJECT}


class Place:
    """An issuer that says whether tokens hold, and a clock."""

    def __init__(self, how: Introspection | UserInfo = BY_FORM) -> None:
        """Everything holds."""
        self.clock = FakeClock()
        self.http = FakeHttp()
        self.answer(HOLDS)
        self.liveness = Liveness(how, self.http, self.clock.monotonic)

    def answer(self, value: Any, status: int = 200) -> None:
        """Answer so from now on."""
        body = value if isinstance(value, bytes) else orjson.dumps(value)
        self.http.replies[URL] = Answer(status, body)

    async def outcome(self, token: str = "a.b.c") -> str:
        """Ask about a token and return what comes of it."""
        try:
            await self.liveness.check(token, SUBJECT)
        except Unauthenticated:
            return "ended"
        except Unavailable:
            return "unknown"
        return "holds"


async def test_an_introspection_has_the_form_of_its_rfc() -> None:
    """A POST with the token, and who asks in the header, each part written as in a form [AU107]."""
    place = Place()
    assert await place.outcome() == "holds"
    (asked,) = place.http.asked
    assert asked.form == {"token": "a.b.c", "token_type_hint": "access_token"}
    pair = base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
    assert pair == b"leg%3Aato:s+p"
    assert "s p" not in repr(asked) + repr(BY_FORM)


async def test_a_userinfo_question_shows_the_token() -> None:
    """A GET with it as bearer, and the headers of the settings [AU107]."""
    place = Place(BY_TOKEN)
    assert await place.outcome() == "holds"
    (asked,) = place.http.asked
    assert asked.form is None
    assert asked.headers == {"apikey": "anon", "authorization": "Bearer a.b.c"}
    assert "anon" not in repr(BY_TOKEN) + repr(asked)


@pytest.mark.parametrize(
    ("value", "status", "outcome"),
    [
        ({"active": True}, 200, "holds"),
        ({"active": True, "sub": SUBJECT}, 200, "holds"),
        ({"active": False}, 200, "ended"),
        ({"active": True, "sub": "another"}, 200, "unknown"),
        ({"active": "true"}, 200, "unknown"),
        ({"active": 1}, 200, "unknown"),
        ({"active": None}, 200, "unknown"),
        ({}, 200, "unknown"),
        ([], 200, "unknown"),
        (b"active", 200, "unknown"),
        (b"\xff", 200, "unknown"),
        ({"active": True}, 201, "unknown"),
        ({"active": True}, 302, "unknown"),
        ({"active": True}, 401, "unknown"),
        ({"active": False}, 404, "unknown"),
        ({"active": True}, 429, "unknown"),
        ({"active": True}, 500, "unknown"),
    ],
)
async def test_only_a_clear_word_of_introspection_counts(
    value: Any, status: int, outcome: str
) -> None:
    """Anything else is 503, and never taken for yes [AU107]."""
    place = Place()
    place.answer(value, status)
    assert await place.outcome() == outcome


@pytest.mark.parametrize(
    ("value", "status", "outcome"),
    [
        ({"sub": SUBJECT}, 200, "holds"),
        ({"id": SUBJECT}, 200, "holds"),
        ({"sub": "another", "id": SUBJECT}, 200, "unknown"),
        ({"sub": [SUBJECT]}, 200, "unknown"),
        ({}, 200, "unknown"),
        (b"ey.ey.x", 200, "unknown"),
        ({"sub": SUBJECT}, 401, "ended"),
        ({"sub": SUBJECT}, 403, "ended"),
        ({"sub": SUBJECT}, 404, "unknown"),
        ({"sub": SUBJECT}, 302, "unknown"),
        ({"sub": SUBJECT}, 503, "unknown"),
    ],
)
async def test_only_a_clear_word_of_userinfo_counts(value: Any, status: int, outcome: str) -> None:
    """About the same person; a refusal of the token is its end [AU107]."""
    place = Place(BY_TOKEN)
    place.answer(value, status)
    assert await place.outcome() == outcome


async def test_an_issuer_that_is_away_lets_nobody_in() -> None:
    """Though the token was good a second ago [AU107]."""
    place = Place()
    assert await place.outcome() == "holds"
    place.http.replies[URL] = Unavailable("down")
    place.clock.advance(1)
    assert await place.outcome() == "unknown"
    place.answer(HOLDS)
    place.clock.advance(1)
    assert await place.outcome() == "holds"


async def test_a_token_is_asked_about_once_a_second() -> None:
    """A revocation is known a second later; each token by itself [AU107]."""
    place = Place()
    for _ in range(5):
        assert await place.outcome() == "holds"
    place.answer({"active": False})
    assert await place.outcome("another") == "ended"
    place.clock.advance(0.999)
    assert await place.outcome() == "holds"
    place.clock.advance(0.001)
    assert await place.outcome() == "ended"
    assert place.http.count(URL) == 3


async def test_many_at_once_share_a_question_for_a_second() -> None:
    """Who comes later asks anew, though the first is still open: it may tell the past [AU107]."""
    place = Place()
    place.http.gate = asyncio.Event()
    first = [asyncio.create_task(place.outcome()) for _ in range(20)]
    await turns()
    first[0].cancel()
    assert place.http.count(URL) == 1
    place.clock.advance(1)
    late = asyncio.create_task(place.outcome())
    await turns()
    assert place.http.count(URL) == 2
    place.http.gate.set()
    assert await asyncio.gather(*first[1:], late) == ["holds"] * 20


async def test_few_tokens_are_remembered() -> None:
    """None beyond its second, and never more than a bound [AU107]."""
    place = Place()
    for number in range(50):
        await place.outcome(str(number))
    place.clock.advance(1)
    await place.outcome("last")
    assert len(place.liveness._asked) == 1
    for number in range(TOKENS_MAX + 10):
        await place.outcome(str(number))
    assert len(place.liveness._asked) == TOKENS_MAX


async def test_what_is_asked_is_given_up_at_the_end() -> None:
    """Nothing is left running [AU107]."""
    place = Place()
    place.http.gate = asyncio.Event()
    waiting = asyncio.create_task(place.outcome())
    await turns()
    await place.liveness.close()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], BaseException)


def test_a_question_does_not_show_its_secrets() -> None:
    """Nor does its form [AU107]."""
    assert repr(Question(url=URL, form={"token": "x.y.z"})) == f"Question(url={URL!r})"
