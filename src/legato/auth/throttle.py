# SPDX-License-Identifier: Apache-2.0
"""How often log-ins may fail: per account and address, per address, and per account in all.

A try takes its places before a password is hashed and gives them back when it was good, so a
hundred tries at once have no more than one after the other. A try that is not settled counts as a
failure. An account is named by an HMAC of the address that was typed, known or not, so an unknown
one behaves like any other and no text of it is kept.

Log-in links do not ask here: they always work, and make an account known from their address.

Rules: AU54-AU58.
"""

import contextlib
import hmac
import ipaddress
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from legato.errors import InvalidInput, RateLimited, Unavailable
from legato.ports.counters import Counters

NAMES_KEY_BYTES_MIN: Final = 32
ADDRESS_CHARS_MAX: Final = 64
"""An address has fewer; what a trusted proxy passes on may be anything."""
_MINUTE_MS: Final = 60_000
_IPV6_HOST_BITS: Final = 64
"""A household or host has at least so many addresses: they count as one."""


class ThrottleLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Failures that are let through, and over which time."""

    pair: int = 5
    """Per account and address."""
    address: int = 20
    """Per address."""
    window_ms: int = 15 * _MINUTE_MS
    """Of the two above."""
    account: int = 100
    """Per account, from addresses that it does not know."""
    account_window_ms: int = 60 * _MINUTE_MS
    known_ms: int = 30 * 24 * 60 * _MINUTE_MS
    """How long an account knows an address after a log-in from there."""


class Attempt(msgspec.Struct, frozen=True):
    """A try under way: the places that it holds, key and mark, and who knows whom if it is good."""

    places: tuple[tuple[str, str], ...]
    pair: str


class LoginThrottle:
    """Let tries in, or say when to come back."""

    def __init__(
        self, counters: Counters, names_key: bytes, limits: ThrottleLimits | None = None
    ) -> None:
        """Make it.

        Args:
            counters: Shared by all processes that take log-ins.
            names_key: 32 bytes or more, for `name_hash`.
            limits: Other ones than the defaults.

        Raises:
            InvalidInput: The key is too short.
        """
        if len(names_key) < NAMES_KEY_BYTES_MIN:
            raise InvalidInput(f"the key of names should have {NAMES_KEY_BYTES_MIN} bytes or more")
        self._counters = counters
        self._names_key = names_key
        self._limits = limits or ThrottleLimits()

    def name_hash(self, name: str) -> str:
        """Return what stands for a name that was typed: its HMAC-SHA256 in hex.

        Args:
            name: The folded address, or what was typed if it is none.
        """
        text = name.encode("utf-8", "surrogatepass")
        return hmac.digest(self._names_key, text, "sha256").hex()

    async def begin(
        self, name: str, ip: str, *, what: Literal["login", "forgot"] = "login"
    ) -> Attempt:
        """Let a try in; call it before a password or code is looked at.

        Args:
            name: The folded address, or what was typed if it is none.
            ip: The caller's address, as the server sees it through the proxies that it trusts.
            what: Counted by itself. To have forgotten a password proves nothing: it is not settled.

        Returns:
            What `passed` or `dropped` takes; one that is given to neither is a failure.

        Raises:
            RateLimited: Too many have failed.
            Unavailable: The counters do not answer.
        """
        limits = self._limits
        account, address = self.name_hash(name), address_key(ip)
        pair = f"{account}:{address}"
        wanted = [
            # First, so that an address which is shut makes no keys of accounts.
            (f"{what}:address:{address}", limits.address, limits.window_ms),
            (f"{what}:pair:{pair}", limits.pair, limits.window_ms),
        ]
        if not await self._counters.remembers(f"login:known:{pair}"):
            wanted.append((f"{what}:account:{account}", limits.account, limits.account_window_ms))
        held: list[tuple[str, str]] = []
        for key, limit, window_ms in wanted:
            taken = await self._counters.take(key, limit=limit, window_ms=window_ms)
            if taken.mark is None:
                await self._give_back(held)
                raise RateLimited(
                    "Too many log-ins failed.", retry_after_s=-(-taken.wait_ms // 1000)
                )
            held.append((key, taken.mark))
        return Attempt(tuple(held), pair)

    async def passed(self, attempt: Attempt) -> None:
        """Settle a whole log-in: it is no failure, and the account knows the address."""
        await self._know(attempt.pair)
        await self._give_back(attempt.places)

    async def vouch(self, name: str, ip: str) -> None:
        """Let an account know an address by a log-in that was not counted, a link's.

        That log-in is made already: it does not fail where the counters do not answer.

        Args:
            name: The folded address.
            ip: As of `begin`.
        """
        with contextlib.suppress(Unavailable):
            await self._know(f"{self.name_hash(name)}:{address_key(ip)}")

    async def dropped(self, attempt: Attempt) -> None:
        """Settle what was neither good nor bad: a code is still owed, or a service was away."""
        await self._give_back(attempt.places)

    async def _know(self, pair: str) -> None:
        await self._counters.remember(f"login:known:{pair}", ttl_ms=self._limits.known_ms)

    async def _give_back(self, places: Iterable[tuple[str, str]]) -> None:
        for key, mark in places:
            await self._counters.give_back(key, mark)


def address_key(ip: str) -> str:
    """Return what counts as one address: an IPv4 address, an IPv6 network of 64 bits.

    What is no address (a socket of the system) is taken as it is, shortened.
    """
    try:
        address = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip[:ADDRESS_CHARS_MAX]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        # `ip_network` says the same and costs five times as much, at every request.
        site = ipaddress.IPv6Address(int(address) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS)
        return f"{site}/{128 - _IPV6_HOST_BITS}"
    return str(address)
