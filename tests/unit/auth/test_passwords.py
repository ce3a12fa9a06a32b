# SPDX-License-Identifier: Apache-2.0
"""Hashing: whole strings, equal work, few at once."""

import asyncio
import os
import threading
from collections.abc import Iterator
from typing import Any, Final

import argon2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legato.auth.password_policy import About
from legato.auth.passwords import NICE, Passwords, Verdict
from legato.errors import InvalidInput, RateLimited

CHEAP: Final = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
GOOD: Final = "correct horse battery staple"
WRONG: Final = Verdict(is_right=False)


class Watched(argon2.PasswordHasher):
    """A hasher that tells what it was asked to verify, and can be held."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified: list[str] = []
        self.threads: set[int] = set()
        self.nice: set[int] = set()
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Semaphore(0)

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:
        self.verified.append(hash if isinstance(hash, str) else hash.decode())
        self.threads.add(threading.get_ident())
        self.nice.add(os.getpriority(os.PRIO_PROCESS, 0))
        self.begun.release()
        assert self.go.wait(30)
        return super().verify(hash, password)


@pytest.fixture
def watched() -> Watched:
    """Return a hasher that is watched."""
    return Watched()


@pytest.fixture
def passwords(watched: Watched) -> Iterator[Passwords]:
    """Return what is tested, over the watched hasher: 2 at once, 3 waiting."""
    made = Passwords(hasher=watched, waiting_max=3)
    yield made
    watched.go.set()
    made.close()


async def test_a_password_is_verified_by_its_hash(passwords: Passwords) -> None:
    """The right password is right, another one is not; two hashes of one differ [AU67]."""
    stored = await passwords.hash(GOOD)
    assert stored.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert stored != await passwords.hash(GOOD)
    assert await passwords.verify(GOOD, stored) == Verdict(is_right=True)
    for other in (GOOD + " ", GOOD[:-1], GOOD.upper(), "", GOOD + "\0", "\ud800"):
        assert await passwords.verify(other, stored) == WRONG


async def test_the_whole_string_counts(passwords: Passwords) -> None:
    """1024 characters, with a NUL too, count to the last; a longer text is never right [AU67]."""
    text = "x" * 1023 + "y"
    stored = await passwords.hash(text)
    assert (await passwords.verify(text, stored)).is_right
    assert await passwords.verify("x" * 1024, stored) == WRONG
    assert await passwords.verify(text + "z", stored) == WRONG
    with pytest.raises(InvalidInput, match="at most 1024"):
        await passwords.hash(text + "z")
    assert await passwords.verify("a\0b", await passwords.hash("a\0c")) == WRONG


async def test_one_password_is_right_from_every_keyboard(passwords: Passwords) -> None:
    """Composed and decomposed letters are the same password (NFC); look-alikes are not [AU67]."""
    stored = await passwords.hash("caf\u00e9 au lait 42")
    assert (await passwords.verify("cafe\u0301 au lait 42", stored)).is_right
    assert not (await passwords.verify("cafe au lait 42", stored)).is_right
    assert not (await passwords.verify("caf\u00e9 au lait \uff14\uff12", stored)).is_right


@pytest.mark.parametrize("stored", [None, "", "no hash", "$argon2id$", "$2b$12$abc", "ä" * 90])
async def test_who_has_no_password_costs_as_much(
    passwords: Passwords, watched: Watched, stored: str | None
) -> None:
    """An unknown account, or a damaged hash, is verified against a hash of equal cost [AU68]."""
    assert await passwords.verify(GOOD, stored) == WRONG
    dummy = watched.verified[-1]
    assert argon2.extract_parameters(dummy) == argon2.extract_parameters(CHEAP.hash("x"))
    for typed in ("x" * 5_000, "", "\ud800"):
        before = len(watched.verified)
        assert await passwords.verify(typed, stored) == WRONG
        assert watched.verified[before:][-1] == dummy
    real = await passwords.hash(GOOD)
    before = len(watched.verified)
    await passwords.verify("x" * 5_000, real)
    assert watched.verified[before:] == [dummy], "nor does a long text save the work"


async def test_no_password_is_that_of_nobody() -> None:
    """The hash for unknown accounts is drawn anew in each process [AU68]."""
    seen = []
    for _ in range(2):
        hasher = Watched()
        made = Passwords(hasher=hasher)
        await made.verify("", None)
        made.close()
        seen += hasher.verified
    assert len(set(seen)) == 2


def test_the_defaults_are_argon2id_as_the_standard_recommends() -> None:
    """64 MiB, three passes, four lanes: RFC 9106's second recommended option [AU67]."""
    made = Passwords()
    hasher = made._hasher
    made.close()
    costs = (hasher.type, hasher.memory_cost, hasher.time_cost, hasher.parallelism)
    assert costs == (argon2.Type.ID, 65_536, 3, 4)


async def test_a_hash_of_other_parameters_asks_to_be_made_anew(passwords: Passwords) -> None:
    """A right password whose hash has other parameters says so; a wrong one does not [AU69]."""
    old = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(GOOD)
    assert await passwords.verify(GOOD, old) == Verdict(is_right=True, needs_rehash=True)
    assert await passwords.verify("other", old) == WRONG


async def test_two_work_at_once_and_few_wait(passwords: Passwords, watched: Watched) -> None:
    """Two at once, a bounded queue, and then `RateLimited` with a time, before any work [AU70]."""
    watched.go.clear()
    tries = [asyncio.ensure_future(passwords.verify(GOOD, None)) for _ in range(5)]
    for _ in range(2):
        await asyncio.to_thread(watched.begun.acquire)
    with pytest.raises(RateLimited) as caught:
        await passwords.verify(GOOD, None)
    assert caught.value.retry_after_s == 5
    assert len(watched.verified) == 2
    watched.go.set()
    assert await asyncio.gather(*tries) == [WRONG] * 5
    assert len(watched.threads) == 2
    assert threading.get_ident() not in watched.threads, "never in the loop"
    assert await passwords.verify(GOOD, None) == WRONG


@pytest.mark.linux
async def test_hashing_stands_back_behind_the_loop(passwords: Passwords, watched: Watched) -> None:
    """Its threads have a lower priority, the loop has its own [AU70]."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert await passwords.verify(GOOD, None) == WRONG
    assert watched.nice == {min(own + NICE, 19)}
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


async def test_who_gives_up_makes_room(passwords: Passwords, watched: Watched) -> None:
    """A try that is cancelled while it waits leaves the queue and is not made [AU70]."""
    watched.go.clear()
    working = [asyncio.ensure_future(passwords.verify(GOOD, None)) for _ in range(2)]
    for _ in range(2):
        await asyncio.to_thread(watched.begun.acquire)
    waiting = [asyncio.ensure_future(passwords.verify(GOOD, None)) for _ in range(3)]
    await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert all(each.cancelled() for each in waiting)
    again = [asyncio.ensure_future(passwords.verify(GOOD, None)) for _ in range(3)]
    await asyncio.sleep(0)
    watched.go.set()
    assert await asyncio.gather(*working, *again) == [WRONG] * 5
    assert len(watched.verified) == 5


async def test_a_closed_pool_counts_nothing(passwords: Passwords) -> None:
    """After `close` a try fails, and takes no place [AU70]."""
    passwords.close()
    for _ in range(10):
        with pytest.raises(RuntimeError):
            await passwords.verify(GOOD, None)


async def test_a_new_password_is_judged_away_from_the_loop(passwords: Passwords) -> None:
    """`check` lets a good password pass, and refuses with every reason in one message [AU64]."""
    await passwords.check(GOOD, About())
    with pytest.raises(InvalidInput) as caught:
        await passwords.check("letmein", About(), "composition")
    assert "at least 15" in caught.value.message
    assert "a common one" in caught.value.message
    assert "letmein" not in caught.value.message


@settings(max_examples=40)
@given(st.text(), st.one_of(st.none(), st.text()))
def test_any_text_gives_a_verdict(password: str, stored: str | None) -> None:
    """Whatever is typed and stored, the answer is a verdict, never an error [AU68]."""
    made = Passwords(hasher=CHEAP)
    assert made._verdict(password, stored) == WRONG
    made.close()
