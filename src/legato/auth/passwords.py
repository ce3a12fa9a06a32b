# SPDX-License-Identifier: Apache-2.0
"""Hashing and checking of passwords: argon2id, in few threads, with a bounded queue before them.

A hash takes 64 MiB and some 200 ms: unbounded, ten log-ins a second would eat the machine. Who has
no password costs as much to refuse as who has one, so the time does not tell which accounts there
are.

Rules: AU64, AU65, AU67-AU70. Source: RFC 9106 section 4 (the second recommended option,
argon2-cffi's default).
"""

import asyncio
import base64
import contextlib
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

import argon2
import msgspec

from legato.auth import password_policy
from legato.auth.password_policy import About, PasswordPolicy
from legato.errors import InvalidInput, RateLimited

WORKERS: Final = 2
WAITING_MAX: Final = 256
"""With 2 workers the last in this queue waits half a minute, which is as long as anybody would."""
NICE: Final = 10
"""How far the threads that hash stand back behind the event loop, which has little to do and should
not wait for it: each hash keeps four threads busy."""
_RETRY_AFTER_S: Final = 5

Returned = TypeVar("Returned")


class Verdict(msgspec.Struct, frozen=True):
    """Whether a password was right, and whether its hash should be made anew."""

    is_right: bool
    needs_rehash: bool = False


class Passwords:
    """Make, verify and judge, away from the loop."""

    def __init__(
        self,
        *,
        workers: int = WORKERS,
        waiting_max: int = WAITING_MAX,
        hasher: argon2.PasswordHasher | None = None,
    ) -> None:
        """Make it.

        Args:
            workers: How many run at once; each takes 64 MiB.
            waiting_max: How many may wait for them.
            hasher: Parameters; argon2-cffi's defaults if None.
        """
        self._hasher = hasher or argon2.PasswordHasher()
        self._nobody = _hash_of_nothing(self._hasher)
        self._pool = ThreadPoolExecutor(workers, "legato-passwords", _stand_back)
        self._lock = threading.Lock()
        self._inside = 0
        self._inside_max = workers + waiting_max

    @property
    def inside(self) -> int:
        """How many passwords are hashed or judged now, or wait for it."""
        return self._inside

    async def hash(self, password: str) -> str:
        """Return the encoded hash of a password that `check` has let through.

        Raises:
            RateLimited: Too many wait already.
            InvalidInput: It is longer than any password may be.
        """
        secret = _secret(password)
        if secret is None:
            raise InvalidInput(f"a password has at most {password_policy.LENGTH_MAX} characters")
        return await self._run(lambda: self._hasher.hash(secret))

    async def verify(self, password: str, stored: str | None) -> Verdict:
        """Tell whether a password is the one that was hashed; the whole of it counts.

        Args:
            password: What was typed; nothing in it makes this fail or be quick.
            stored: The encoded hash, or None for an account that does not exist or has none.

        Raises:
            RateLimited: Too many wait already.
        """
        return await self._run(lambda: self._verdict(password, stored))

    async def check(self, password: str, about: About, policy: PasswordPolicy = "nist") -> None:
        """Judge a new password.

        Raises:
            InvalidInput: It may not be set; the message says all that is wrong with it.
            RateLimited: Too many wait already.
        """
        found = await self._run(lambda: password_policy.problems(password, about, policy))
        if found:
            raise InvalidInput(" ".join(found))

    def close(self) -> None:
        """End the threads; who waits is cancelled. Waits for what runs, some 200 ms."""
        self._pool.shutdown(cancel_futures=True)

    def _verdict(self, password: str, stored: str | None) -> Verdict:
        secret = _secret(password)
        if secret is None or stored is None:
            self._try_nobody(secret or b"")
            return Verdict(is_right=False)
        try:
            self._hasher.verify(stored, secret)
        except argon2.exceptions.VerifyMismatchError:
            return Verdict(is_right=False)
        except (argon2.exceptions.VerificationError, ValueError):
            # Damaged, or no hash at all: as much work as for a wrong password.
            self._try_nobody(secret)
            return Verdict(is_right=False)
        return Verdict(is_right=True, needs_rehash=self._hasher.check_needs_rehash(stored))

    def _try_nobody(self, secret: bytes) -> None:
        with contextlib.suppress(argon2.exceptions.VerifyMismatchError):
            self._hasher.verify(self._nobody, secret)

    async def _run(self, work: Callable[[], Returned]) -> Returned:
        with self._lock:
            if self._inside >= self._inside_max:
                raise RateLimited(
                    "Too many passwords are being checked.", retry_after_s=_RETRY_AFTER_S
                )
            self._inside += 1
        try:
            future = self._pool.submit(work)
        except BaseException:
            self._leave()
            raise
        # Also when who waits gives up: what has not begun is then cancelled.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _future: "Future[Returned] | None" = None) -> None:
        with self._lock:
            self._inside -= 1


def _stand_back() -> None:
    """Lower the priority of this thread and those that it starts (Linux: elsewhere it has none)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            own = os.getpriority(os.PRIO_PROCESS, 0)  # here that is the calling thread's
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), own + NICE)


def _secret(password: str) -> bytes | None:
    """Return what is hashed; None for what is longer than any password may be."""
    if len(password) > password_policy.LENGTH_MAX:
        return None
    # Surrogates are refused when a password is set; here they are only wrong.
    return password_policy.normalised(password).encode("utf-8", "surrogatepass")


def _hash_of_nothing(hasher: argon2.PasswordHasher) -> str:
    """Return an encoded hash that no password has and that costs as much to try as any other."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).rstrip(b"=").decode("ascii")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${costs}${salt}${digest}"
