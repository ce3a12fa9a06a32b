# SPDX-License-Identifier: Apache-2.0
"""Keys of an issuer: fetched when they are needed, seldom, and never old."""

import asyncio

import pytest

from legato.auth.issuer_keys import KIDS_MAX, IssuerKeys
from legato.errors import Unavailable
from legato.ports.issuers import Answer
from legato.testing.clock import FakeClock
from tests.support.issuer import JWKS_URL, FakeHttp, Signer, issuer, key_set, turns

ONE, TWO = Signer("one"), Signer("two")
DOWN = Unavailable("down")


class Place:
    """An issuer, its keys, and a clock."""

    def __init__(self) -> None:
        """It publishes one key."""
        self.clock = FakeClock()
        self.http = FakeHttp()
        self.http.serve(ONE)
        self.keys = IssuerKeys(issuer(), self.http, self.clock.monotonic)

    def go_down(self) -> None:
        """Let it answer no more."""
        self.http.replies[JWKS_URL] = DOWN

    async def knows(self, kid: str) -> bool:
        """Tell whether a kid is found."""
        return await self.keys.find(kid) is not None


@pytest.fixture
def place() -> Place:
    """An issuer that answers."""
    return Place()


async def test_keys_are_fetched_once_in_five_minutes(place: Place) -> None:
    """Nothing before they are needed; anew a minute before they are too old [AU105]."""
    assert place.http.count() == 0
    for _ in range(3):
        assert await place.knows("one")
    place.clock.advance(239)
    assert await place.knows("one")
    assert place.http.count() == 1
    place.clock.advance(1)
    assert await place.knows("one")
    await turns()
    assert place.http.count() == 2
    assert place.http.asked[0].url == JWKS_URL
    assert place.http.asked[0].headers == {}


async def test_of_many_who_need_keys_one_fetches(place: Place) -> None:
    """The others wait for it; one who goes away takes nothing from them [AU105]."""
    place.http.gate = asyncio.Event()
    waiting = [asyncio.create_task(place.knows("one")) for _ in range(50)]
    await turns()
    waiting[0].cancel()
    await turns()
    place.http.gate.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [True] * 49
    assert place.http.count() == 1


async def test_a_short_outage_is_nobodys_and_a_longer_one_lets_nobody_in(place: Place) -> None:
    """Keys of 5 minutes are worth nothing; it is asked every 5 s until it is back [AU105]."""
    assert await place.knows("one")
    place.go_down()
    place.clock.advance(240)
    for _ in range(12):
        for _ in range(2):
            assert await place.knows("one")
            await turns()
        place.clock.advance(5)
    assert place.http.count() == 13
    for _ in range(3):
        with pytest.raises(Unavailable):
            await place.knows("one")
    assert place.http.count() == 14
    place.http.serve(ONE)
    with pytest.raises(Unavailable):
        await place.knows("one")
    place.clock.advance(5)
    assert await place.knows("one")
    assert place.http.count() == 15


@pytest.mark.parametrize(
    "answer",
    [
        DOWN,
        Answer(404, key_set(ONE)),
        Answer(302, key_set(ONE)),
        Answer(200, b"<html>"),
        Answer(200, b"{}"),
    ],
)
async def test_without_keys_nobody_is_let_in(place: Place, answer: Answer | Unavailable) -> None:
    """Whatever the issuer answers instead of them [AU105]."""
    place.http.replies[JWKS_URL] = answer
    for _ in range(2):
        with pytest.raises(Unavailable):
            await place.knows("one")
    assert place.http.count() == 1


async def test_a_key_that_was_taken_back_is_worth_nothing_after_the_next_fetch(
    place: Place,
) -> None:
    """Also if it was the last one [AU105]."""
    assert await place.knows("one")
    place.http.replies[JWKS_URL] = Answer(200, key_set())
    place.clock.advance(300)
    assert not await place.knows("one")


async def test_a_new_key_is_found_at_once(place: Place) -> None:
    """One fetch, though the others are fresh [AU106]."""
    assert await place.knows("one")
    place.http.serve(ONE, TWO)
    assert await place.knows("two")
    assert place.http.count() == 2


async def test_a_kid_that_is_unknown_is_asked_for_once_in_30_s(place: Place) -> None:
    """And until then it is nobody's [AU106]."""
    assert not await place.knows("none")
    assert place.http.count() == 1
    for _ in range(3):
        assert not await place.knows("none")
        assert place.http.count() == 2
    place.clock.advance(29.9)
    assert not await place.knows("none")
    assert place.http.count() == 2
    place.clock.advance(0.1)
    assert not await place.knows("none")
    assert place.http.count() == 3


async def test_a_flood_of_kids_causes_a_fetch_in_5_s(place: Place) -> None:
    """However many they are, and a new key is found meanwhile; few are remembered [AU106]."""
    assert await place.knows("one")
    for second in range(20):
        if second == 10:
            place.http.serve(ONE, TWO)
        for number in range(100):
            assert not await place.knows(f"{second}-{number}")
        place.clock.advance(1)
    assert await place.knows("two")
    assert place.http.count() <= 6
    assert len(place.keys._unknown) <= KIDS_MAX


async def test_few_kids_are_remembered(place: Place) -> None:
    """The oldest is forgotten [AU106]."""
    assert await place.knows("one")
    for number in range(KIDS_MAX + 10):
        place.clock.advance(5)
        assert not await place.knows(str(number))
    assert len(place.keys._unknown) == KIDS_MAX


async def test_an_unknown_kid_while_the_issuer_is_away_is_not_judged(place: Place) -> None:
    """503; those that are known are [AU106]."""
    assert await place.knows("one")
    place.go_down()
    with pytest.raises(Unavailable):
        await place.knows("two")
    assert await place.knows("one")


async def test_what_is_fetched_is_given_up_at_the_end(place: Place) -> None:
    """Nothing is left running [AU105]."""
    await place.keys.close()
    place.http.gate = asyncio.Event()
    waiting = asyncio.create_task(place.knows("one"))
    await turns()
    await place.keys.close()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], BaseException)
