# SPDX-License-Identifier: Apache-2.0
"""What the server is measured on: its process, the people in its store, and the bare route."""

import asyncio
import contextlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import argon2

from benchmarks.process import cpu_s, started, tree
from legato.adapters.sql.open import make_stores
from legato.adapters.system_clock import SystemClock
from legato.auth import keys
from legato.auth.refresh import new_sid, new_token, token_hash
from legato.auth.tokens import AccessTokens, KeyRing
from legato.model.ids import LOCAL_WORKSPACE, SessionId, UserId
from legato.model.rate import PER_MINUTE_MAX
from legato.ports.accounts import Accounts, Member, NewSession, NewToken, Role, User, Workspace

PASSWORD: Final = "Correct-Horse-41-Battery"  # noqa: S105 - of people who exist for a minute
DAY_MS: Final = 86_400_000
AT_ONCE: Final = 50
RAISED: Final = {
    f"LEGATO_SERVER__RATES__{name}_PER_MINUTE": str(PER_MINUTE_MAX)
    for name in ("REQUESTS", "READS", "CREDENTIALS", "WRITES", "STARTS")
}
"""Limits count as ever, and turn nobody away: one client stands here for a thousand people."""
READY_WITHIN_S: Final = 60.0
LOOK_S: Final = 0.002
TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


class ServerFailedError(Exception):
    """A server did not start, or answered what it should not."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers at a URL; what it says goes to a file."""

    process: subprocess.Popen[bytes]
    url: str
    said: Path
    ready_s: float

    def cpu_s(self) -> float:
        """Return the processor seconds that it has used, with all its children."""
        return cpu_s(self.process.pid)

    def pss_mb(self) -> float:
        """Return the memory of all its processes, shared pages divided among who shares them."""
        return sum(_pss_mb(pid) for pid in tree(self.process.pid))

    def count_processes(self) -> int:
        """Return how many those are."""
        return len(tree(self.process.pid))

    def count_log_lines(self) -> int:
        """Return how many requests its log has."""
        with self.said.open("rb") as lines:
            return sum(b'"event":"request"' in line for line in lines)


@dataclass(frozen=True, slots=True)
class Place:
    """A home with keys, and a database."""

    home: Path
    database_url: str

    def environment(self, port: int, *, has_keys: bool) -> dict[str, str]:
        """Return what a server is started with: defaults but for keys, place, port and `RAISED`."""
        return {
            **RAISED,
            "LEGATO_HOME": str(self.home),
            "LEGATO_DATABASE_URL": self.database_url,
            "LEGATO_PORT": str(port),
            **(self.keys() if has_keys else {}),
        }

    def keys(self) -> dict[str, str]:
        """Return the keys of this home, made when they are first needed."""
        file = self.home / "keys.json"
        if not file.exists():
            names = (keys.JWT_VARIABLE, keys.MASTER_VARIABLE)
            file.write_text(json.dumps({name: secrets.token_urlsafe(48) for name in names}))
        found: dict[str, str] = json.loads(file.read_text())
        return found


@contextlib.contextmanager
def legato(command: list[str], place: Place, *, has_keys: bool = True) -> Iterator[Server]:
    """Run `legato COMMAND` until its ready line, and while the block lasts.

    Args:
        command: With its options.
        place: Where.
        has_keys: Give it keys; `legato up` makes its own.
    """
    port = free_port()
    said = place.home / f"said-{port}"
    began = time.perf_counter()
    arguments = ["-m", "legato.cli", *command, "--json"]
    with started(arguments, said, place.environment(port, has_keys=has_keys)) as process:
        url = _ready_url(process, said)
        yield Server(process, url, said, time.perf_counter() - began)


@contextlib.contextmanager
def bare(value: bytes, home: Path, path: str | None = None) -> Iterator[Server]:
    """Run the bare route, which answers this value at a path."""
    port = free_port()
    said, file = home / f"said-{port}", home / "value.json"
    file.write_bytes(value)
    url = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    command = ["-m", "benchmarks.bare_server", str(port), str(file), *([path] if path else [])]
    with started(command, said) as process:
        while not _answers(url):
            _check_alive(process, said, began)
        yield Server(process, url, said, time.perf_counter() - began)


def has_command(name: str) -> bool:
    """Tell whether this Legato has a command."""
    asked = [sys.executable, "-m", "legato.cli", name, "--help"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def free_port() -> int:
    """Return a port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(url: str, **headers: str) -> tuple[int, bytes]:
    """Make one request."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("GET", parts.path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def make_people(place: Place, server: Server, count: int, *, role: Role = "viewer") -> list[str]:
    """Give a server a workspace with so many people, each logged in; return their tokens.

    The people and their sessions are written by the ports, the tokens are signed with the server's
    key: no password is hashed but once. Person N has the address that `email_of` gives.
    """
    return _in_loop(_make_people(place, server, count, role))


def email_of(number: int) -> str:
    """Return a person's address; all are equally long."""
    return f"person-{number:05d}@example.org"


async def _make_people(place: Place, server: Server, count: int, role: Role) -> list[str]:
    clock = SystemClock()
    found = keys.keys_from_environment(place.keys())
    tokens = AccessTokens(KeyRing(found.jwt), clock, issuer=server.url)
    stores = make_stores(place.database_url, "memory:", home=place.home)
    password_hash = argon2.PasswordHasher().hash(PASSWORD)
    await stores.lifecycle.open()
    try:
        accounts = stores.accounts
        await _own(accounts, clock)

        async def make(number: int) -> str:
            user = User(
                id=UserId(clock.new_id()),
                email=email_of(number),
                display_name=f"Person {number:05d}",
                password_hash=password_hash,
            )
            member = Member(workspace=LOCAL_WORKSPACE, user=user.id, role=role)
            session, sid = _session(user.id, clock)
            if not await accounts.add_user(user, (), member=member):
                raise ServerFailedError(f"{user.email} is there already")
            await accounts.add_session(session, ())
            return tokens.issue(user.id, sid)

        made = []
        for first in range(0, count, AT_ONCE):
            made += await asyncio.gather(*map(make, range(first, min(first + AT_ONCE, count))))
        return made
    finally:
        await stores.lifecycle.close()


async def _own(accounts: Accounts, clock: SystemClock) -> None:
    """Claim the installation, as the set-up link would."""
    token = token_hash(new_token())
    await accounts.add_token(NewToken(hash=token, kind="setup", ttl_ms=DAY_MS), ())
    owner = User(id=UserId(clock.new_id()), email="owner@example.org", display_name="Owner")
    workspace = Workspace(id=LOCAL_WORKSPACE, slug="main", name="Main")
    session, _ = _session(owner.id, clock)
    made = await accounts.set_up(token, owner, workspace, session, ())
    if isinstance(made, str):
        raise ServerFailedError(f"the installation cannot be claimed: {made}")


def _session(user: UserId, clock: SystemClock) -> tuple[NewSession, str]:
    sid = new_sid()
    session = NewSession(
        id=SessionId(clock.new_id()),
        sid_hash=token_hash(sid),
        refresh_hash=token_hash(new_token()),
        user=user,
        ttl_ms=DAY_MS,
        idle_ms=DAY_MS,
    )
    return session, sid


def _in_loop(work: Coroutine[Any, Any, list[str]]) -> list[str]:
    with asyncio.Runner() as runner:
        return runner.run(work)


def _ready_url(process: subprocess.Popen[bytes], said: Path) -> str:
    began = time.perf_counter()
    while True:
        for line in said.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n") and b'"ready"' in line:
                value = json.loads(line)
                if value.get("event") == "ready":
                    return str(value["url"])
        _check_alive(process, said, began)


def _check_alive(process: subprocess.Popen[bytes], said: Path, began: float) -> None:
    """Wait a moment for a server, which must neither end nor take for ever."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(LOOK_S)
        raise ServerFailedError(f"a server ended: {said.read_text(errors='replace')[-2000:]}")
    if time.perf_counter() - began > READY_WITHIN_S:
        raise ServerFailedError(f"a server is not ready after {READY_WITHIN_S:g} s")


def _answers(url: str) -> bool:
    try:
        return get(f"{url}/")[0] > 0
    except OSError:
        return False


def _pss_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0
