# SPDX-License-Identifier: Apache-2.0
"""The throttle of log-ins."""

import asyncio
import hashlib
import hmac
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.adapters.memory.counters import MemoryCounters
from legato.auth.throttle import LoginThrottle, ThrottleLimits, address_key
from legato.errors import InvalidInput, RateLimited, Unavailable
from legato.testing.clock import FakeClock

KEY: Final = bytes(range(32))
ANNA: Final = "anna@example.org"
HERE: Final = "203.0.113.7"


class Rooms:
    """A throttle with its clock."""

    def __init__(self, **limits: Any) -> None:
        self.clock = FakeClock()
        self.counters = MemoryCounters(self.clock)
        self.throttle = LoginThrottle(self.counters, KEY, ThrottleLimits(**limits))

    async def fail(self, name: str = ANNA, ip: str = HERE, times: int = 1) -> None:
        """Fail so many times; none is refused."""
        for _ in range(times):
            await self.throttle.begin(name, ip)

    async def wait_s(self, name: str = ANNA, ip: str = HERE) -> int:
        """Return how long one has to wait; 0 if a try is let in, which is dropped."""
        try:
            attempt = await self.throttle.begin(name, ip)
        except RateLimited as refusal:
            return refusal.retry_after_s
        await self.throttle.dropped(attempt)
        return 0

    async def log_in(self, name: str = ANNA, ip: str = HERE) -> None:
        """Log in."""
        await self.throttle.passed(await self.throttle.begin(name, ip))


async def test_five_failures_shut_an_account_for_an_address() -> None:
    """After 5 failures in 15 min an address gets 429 for that account, and no other [AU54]."""
    rooms = Rooms()
    await rooms.fail(times=5)
    assert await rooms.wait_s() == 900
    assert await rooms.wait_s("bert@example.org") == 0
    assert await rooms.wait_s(ip="203.0.113.8") == 0


async def test_twenty_failures_shut_an_address() -> None:
    """After 20 failures in 15 min an address gets 429 for every account [AU54]."""
    rooms = Rooms()
    for number in range(20):
        await rooms.fail(f"user{number}@example.org")
    assert await rooms.wait_s("new@example.org") == 900
    assert await rooms.wait_s("new@example.org", "203.0.113.8") == 0


async def test_the_window_slides() -> None:
    """A place is free again 15 min after the failure that took it, not sooner or later [AU54]."""
    rooms = Rooms()
    await rooms.fail(times=1)
    rooms.clock.advance(600)
    await rooms.fail(times=4)
    assert await rooms.wait_s() == 300
    rooms.clock.advance(299)
    assert await rooms.wait_s() == 1
    rooms.clock.advance(1)
    await rooms.fail()
    assert await rooms.wait_s() == 600


async def test_refused_tries_do_not_make_it_longer() -> None:
    """Who is refused is not counted: the wait that was told is the wait [AU54]."""
    rooms = Rooms()
    await rooms.fail(times=5)
    for _ in range(50):
        assert await rooms.wait_s() == 900
    assert await rooms.wait_s("bert@example.org") == 0
    rooms.clock.advance(900)
    assert await rooms.wait_s() == 0


async def test_the_time_to_wait_is_whole_seconds_and_at_least_one() -> None:
    """`retry_after_s` is rounded up [AU54]."""
    rooms = Rooms()
    await rooms.fail(times=5)
    rooms.clock.advance(899.999)
    assert await rooms.wait_s() == 1


async def test_a_hundred_failures_shut_an_account_to_strangers_only() -> None:
    """100 failures an hour close it to addresses without a log-in in 30 days, not others [AU55]."""
    rooms = Rooms()
    await rooms.log_in(ip="198.51.100.1")
    for number in range(100):
        await rooms.fail(ip=f"10.0.{number}.1")
    assert await rooms.wait_s(ip="203.0.113.9") == 3_600
    assert await rooms.wait_s("bert@example.org", "203.0.113.9") == 0
    assert await rooms.wait_s(ip="198.51.100.1") == 0, "it is known"
    rooms.clock.advance(3_600)
    assert await rooms.wait_s(ip="203.0.113.9") == 0


async def test_an_address_is_known_for_30_days_and_to_its_account() -> None:
    """A log-in makes the address known to that account, for 30 days [AU55]."""
    rooms = Rooms(account=1)
    await rooms.log_in()
    await rooms.log_in("bert@example.org", "198.51.100.1")
    rooms.clock.advance(30 * 86_400 - 1)
    await rooms.fail(ip="10.0.0.1")
    assert await rooms.wait_s() == 0
    assert await rooms.wait_s(ip="198.51.100.1") == 3_600
    rooms.clock.advance(1)
    assert await rooms.wait_s() == 3_599


async def test_a_known_address_is_still_bounded() -> None:
    """Also where it is known, an address has 5 failures per account and 20 in all [AU55]."""
    rooms = Rooms()
    await rooms.log_in()
    await rooms.fail(times=5)
    assert await rooms.wait_s() == 900


async def test_a_hundred_at_once_have_five_tries() -> None:
    """Places are taken before a password is looked at: at once or in turn, 5 are let in [AU56]."""
    rooms = Rooms()
    tries = [rooms.throttle.begin(ANNA, HERE) for _ in range(100)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(not isinstance(each, BaseException) for each in found) == 5
    assert sum(isinstance(each, RateLimited) for each in found) == 95


async def test_a_try_that_passed_or_was_dropped_is_no_failure() -> None:
    """Log-ins that are good, or owe a second factor, use nothing up [AU56]."""
    rooms = Rooms(account=5)
    for _ in range(50):
        await rooms.log_in()
        await rooms.throttle.dropped(await rooms.throttle.begin(ANNA, "198.51.100.1"))
    await rooms.fail(ip="198.51.100.1", times=5)
    assert await rooms.wait_s(ip="198.51.100.2") == 3_600, "a dropped try made nothing known"
    assert await rooms.wait_s() == 0


async def test_a_log_in_does_not_forgive_failures() -> None:
    """Failures stay for their 15 min, whatever succeeds meanwhile [AU56]."""
    rooms = Rooms()
    await rooms.fail(times=4)
    await rooms.log_in()
    await rooms.fail()
    assert await rooms.wait_s() == 900


async def test_a_refused_try_holds_no_place() -> None:
    """What a refused try had taken is given back [AU56]."""
    rooms = Rooms(account=3)
    for ip in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        await rooms.fail(ip=ip)
    for _ in range(30):
        assert await rooms.wait_s() == 3_600
    await rooms.fail("bert@example.org")
    peeked = await rooms.counters.peek(f"login:address:{HERE}", window_ms=900_000)
    assert peeked == 1


class Spy(MemoryCounters):
    """Counters that tell which keys they were asked for."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.keys: list[str] = []

    async def take(self, key: str, *, limit: int, window_ms: int) -> Any:
        self.keys.append(key)
        return await super().take(key, limit=limit, window_ms=window_ms)


async def test_a_name_is_kept_as_its_hmac() -> None:
    """Counters hold the HMAC-SHA256 of a name, never its text, known or not [AU57]."""
    spy = Spy()
    throttle = LoginThrottle(spy, KEY)
    await throttle.begin(ANNA, HERE)
    hashed = hmac.new(KEY, ANNA.encode(), hashlib.sha256).hexdigest()
    assert throttle.name_hash(ANNA) == hashed
    assert spy.keys == [
        f"login:address:{HERE}",
        f"login:pair:{hashed}:{HERE}",
        f"login:account:{hashed}",
    ]
    with pytest.raises(InvalidInput, match="32 bytes"):
        LoginThrottle(spy, KEY[:31])


@given(st.text(), st.text())
async def test_any_name_and_address_can_be_tried(name: str, ip: str) -> None:
    """Whatever is typed as a name, and whatever the address is, a try is counted [AU57]."""
    await Rooms().fail(name, ip)
    assert len(address_key(ip)) <= 64


@pytest.mark.parametrize(
    ("ip", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_a_household_is_one_address(ip: str, key: str) -> None:
    """IPv6 counts by its network of 64 bits, IPv4 in IPv6 as IPv4 [AU58]."""
    assert address_key(ip) == key


async def test_a_link_makes_its_address_known() -> None:
    """An account that is shut by failures elsewhere is open where a link logged in [ID42]."""
    rooms = Rooms()
    for number in range(100):
        await rooms.fail(ip=f"198.51.100.{number // 5}")
    assert await rooms.wait_s() > 0
    await rooms.throttle.vouch(ANNA, HERE)
    assert await rooms.wait_s() == 0
    assert await rooms.wait_s(ip="203.0.113.8") > 0


async def test_a_link_logs_in_without_counters() -> None:
    """What cannot be remembered is not, and nobody is told [ID42]."""

    class Away(MemoryCounters):
        async def remember(self, key: str, *, ttl_ms: int) -> None:
            raise Unavailable

    throttle = LoginThrottle(Away(FakeClock()), KEY)
    await throttle.vouch(ANNA, HERE)
    with pytest.raises(Unavailable):
        await throttle.passed(await throttle.begin(ANNA, HERE))


async def test_to_have_forgotten_is_counted_by_itself() -> None:
    """So many questions shut no log-in, and no log-in the question [ID40]."""
    rooms = Rooms()
    for _ in range(5):
        await rooms.throttle.begin(ANNA, HERE, what="forgot")
    with pytest.raises(RateLimited):
        await rooms.throttle.begin(ANNA, HERE, what="forgot")
    assert await rooms.wait_s() == 0
    await rooms.fail("bert@example.org", times=5)
    await rooms.throttle.begin("bert@example.org", HERE, what="forgot")
