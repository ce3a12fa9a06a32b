# SPDX-License-Identifier: Apache-2.0
"""Two server processes on one PostgreSQL, started at the same instant on an empty database."""

import secrets
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from legato.auth.roles import SCOPES
from tests import services
from tests.integration.api.serving import Serving
from tests.integration.api.visitor import EMAIL, PASSWORD, Visitor
from tests.integration.cli.site import Site
from tests.security.server.crowd import Backdoor, Pass

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("two_servers")]
REVOKED_S = 1.0
GONE = (401, "session_ended")


@dataclass(frozen=True)
class Pair:
    """Both servers, and their one store."""

    servers: tuple[Serving, Serving]
    door: Backdoor
    url: str

    def browsers(self, given: Pass) -> tuple[Visitor, Visitor]:
        """Return the same log-in at each of them."""
        made = Visitor(self.servers[0]), Visitor(self.servers[1])
        for each in made:
            each.access, each.cookie = given.access, given.refresh
        return made


@pytest.fixture(scope="module")
def pair(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Start both, wait for both."""
    with services.database(postgres_server) as url:
        more = {
            "LEGATO_JWT_SECRET_KEY": secrets.token_urlsafe(48),
            "LEGATO_MASTER_KEY": secrets.token_urlsafe(48),
            "LEGATO_DATABASE_URL": url,
        }
        sites = [Site(tmp_path_factory.mktemp(name)) for name in ("one", "other")]
        for site in sites:
            site.more = more
        processes = [site.start("serve", "--port", 0, "--json") for site in sites]
        one, other = (Serving(each) for each in processes)
        for process in processes:
            process.stay()
        door = Backdoor(sites[0])
        yield Pair((one, other), door, url)
        door.close()
        for each in (one, other):
            each.close()
            assert each.stop().code == 0
        for site in sites:
            site.close()


def test_both_come_up_and_one_set_up_is_claimed_once(pair: Pair) -> None:
    """On a database that both found empty; eight claims with both links, one owner [SE22]."""
    links = [str(each.ready["setup_url"]).partition("#token=")[2] for each in pair.servers]
    assert all(len(link) == 43 for link in links)
    racers = [(Visitor(pair.servers[n % 2]), links[n // 2 % 2], n) for n in range(8)]

    def claim(racer: tuple[Visitor, str, int]) -> int:
        visitor, link, n = racer
        value = {"token": link, "email": f"a{n}@example.org", "password": PASSWORD}
        return visitor.code("POST", "/setup", value)[0]

    with ThreadPoolExecutor(len(racers)) as pool:
        found = Counter(pool.map(claim, racers))
    assert found[201] == 1
    assert set(found) <= {201, 400, 409}
    for each in pair.servers:
        assert each.get("/api/v1/setup").json() == {"required": False}
        value = {"token": links[0], "email": EMAIL, "password": PASSWORD}
        assert Visitor(each).code("POST", "/setup", value) == (409, "already_set_up")


def test_what_one_ends_is_over_at_the_other(pair: Pair) -> None:
    """A log-in, a user, a key: 401 there within a second, and where it was ended at once [SE23]."""
    user = pair.door.person("ann", "owner")
    here, there = pair.browsers(pair.door.log_in(user))
    assert there.call("GET", "/auth/me").status_code == 200
    assert here.call("POST", "/auth/logout").status_code == 204
    _within_a_second(there, GONE)
    assert here.code("GET", "/auth/me", Authorization=f"Bearer {there.access}") == GONE

    _, there = pair.browsers(pair.door.log_in(user))
    key = pair.door.key(user, tuple(SCOPES))
    by_key = Visitor(pair.servers[1])
    by_key.access = key
    assert [each.call("GET", "/auth/me").status_code for each in (there, by_key)] == [200, 200]
    pair.door.disable(user)
    _within_a_second(there, GONE)
    _within_a_second(by_key, (401, "unauthenticated"))


def _within_a_second(visitor: Visitor, wanted: tuple[int, str]) -> None:
    began = time.monotonic()
    while visitor.code("GET", "/auth/me") != wanted:
        assert time.monotonic() - began < REVOKED_S, wanted


def test_a_refresh_that_races_over_both_gets_one_child(pair: Pair) -> None:
    """The same cookie from both; an older one at the other ends the log-in at both [SE23]."""
    given = pair.door.log_in(pair.door.person("ben", "viewer"))
    tabs = [each for _ in range(4) for each in pair.browsers(given)]
    with ThreadPoolExecutor(len(tabs)) as pool:
        answers = list(pool.map(lambda tab: tab.call("POST", "/auth/refresh"), tabs))
    assert {each.status_code for each in answers} == {200}
    (child,) = {tab.cookie for tab in tabs}
    here, there = tabs[:2]
    here.take(here.call("POST", "/auth/refresh"))
    assert here.cookie != child
    there.cookie = given.refresh
    assert there.code("POST", "/auth/refresh") == (401, "refresh_reused")
    for each in (here, there):
        assert each.code("GET", "/auth/me") == GONE


def test_a_token_and_a_key_are_good_at_both(pair: Pair) -> None:
    """The keys of both are the same, and nothing is kept in one process [SE23]."""
    user = pair.door.person("cleo", "editor")
    here, there = pair.browsers(pair.door.log_in(user))
    here.take(here.call("POST", "/auth/refresh"))
    there.access = here.access
    assert there.call("GET", "/auth/me").json()["id"] == user
    key = pair.door.key(user, ("workflow:read",))
    for each in (here, there):
        answer = each.call("GET", "/auth/me", Authorization=f"Bearer {key}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["workspace"]["role"] == "editor"


async def _until_it_waits(connection: Any) -> None:
    """Wait until somebody waits for the lock that this connection holds."""
    sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'workspaces'::regclass"
    began = time.monotonic()
    while not await connection.fetchval(sql):
        assert time.monotonic() - began < 30


def test_a_server_that_is_killed_in_the_middle_of_set_up_leaves_nothing(
    postgres_server: str, tmp_path: Path
) -> None:
    """Half of the transaction is written: no user, no used link; the link is good again [SE24]."""
    import asyncio

    site = Site(tmp_path)
    with services.database(postgres_server) as url:
        site.more = {
            "LEGATO_JWT_SECRET_KEY": secrets.token_urlsafe(48),
            "LEGATO_MASTER_KEY": secrets.token_urlsafe(48),
            "LEGATO_DATABASE_URL": url,
        }
        serving = Serving(site.start("serve", "--port", 0, "--json"))
        link = str(serving.ready["setup_url"]).partition("#token=")[2]
        value = {"token": link, "email": EMAIL, "password": PASSWORD}
        rows = asyncio.run(_kill_in_the_middle(url, serving, value))
        assert rows == {"users": 0, "members": 0, "sessions": 0, "setup": 0, "used": 0}
        door = Backdoor(site)
        again = Serving(site.start("serve", "--port", 0, "--json"))
        assert again.get("/api/v1/setup").json() == {"required": True}
        newest = str(again.ready["setup_url"]).partition("#token=")[2]
        assert Visitor(again).code("POST", "/setup", value) == (400, "token_invalid")
        assert Visitor(again).code("POST", "/setup", {**value, "token": newest}) == (201, "")
        door.close()
        assert again.stop().code == 0
    site.close()


async def _kill_in_the_middle(url: str, serving: Serving, value: Any) -> dict[str, int]:
    """Claim while somebody holds a table of the claim, kill the server there, and count rows."""
    import asyncio

    holder, looker = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE workspaces IN ACCESS EXCLUSIVE MODE")
            claim = asyncio.create_task(asyncio.to_thread(_lost, Visitor(serving), value))
            await _until_it_waits(looker)
            await asyncio.to_thread(serving.process.kill)
            assert await claim
        found = {
            name: int(await looker.fetchval(f"SELECT count(*) FROM {name}"))
            for name in ("users", "members", "sessions", "setup")
        }
        used = "SELECT count(*) FROM one_time_tokens WHERE used_at IS NOT NULL"
        return {**found, "used": int(await looker.fetchval(used))}
    finally:
        await holder.close()
        await looker.close()


def _lost(visitor: Visitor, value: Any) -> bool:
    """Tell whether the answer to a claim was lost."""
    import httpx2

    try:
        visitor.call("POST", "/setup", value)
    except httpx2.TransportError:
        return True
    return False
