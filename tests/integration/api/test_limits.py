# SPDX-License-Identifier: Apache-2.0
"""Limits of requests: two real servers that count together in a Redis, and what happens without it.

The servers trust a proxy at 127.0.0.9, so a test chooses the address that it is counted as.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests import redis_service
from tests.integration.api.serving import PATIENCE_S, Serving
from tests.integration.api.visitor import PASSWORD, Visitor
from tests.integration.cli.site import Site
from tests.redis_service import OwnRedis

pytestmark = pytest.mark.linux  # every address of 127.0.0.0/8 is ours there

SECRET = "canary-of-redis"
PROXY = "127.0.0.9"
LOGIN = "/api/v1/auth/login"
RATES = {"CREDENTIALS": 6, "REFRESHES": 3, "WRITES": 4, "READS": 10}
LOST, BACK = "Redis is away", "Redis is back"


@dataclass
class Pair:
    """Two servers, the first set up, and their Redis."""

    one: Serving
    two: Serving
    redis: OwnRedis
    errors: tuple[Path, Path]

    def start_redis(self) -> None:
        """Start it again, empty."""
        self.redis.start("--requirepass", SECRET)

    def forget(self) -> None:
        """Have Redis know nothing, as after a long time."""
        with self.redis.client(password=SECRET) as client:
            client.flushall()

    def told(self, text: str) -> list[int]:
        """Return how often each server has said something."""
        return [each.read_text(encoding="utf-8").count(text) for each in self.errors]

    def until_told(self, text: str, times: int) -> None:
        """Wait until both have; every request meanwhile is answered."""
        end = time.monotonic() + PATIENCE_S
        while self.told(text) != [times, times]:
            assert time.monotonic() < end, self.told(text)
            for serving in (self.one, self.two):
                assert serving.get("/api/v1/setup").status_code == 200


@pytest.fixture(scope="module")
def pair(redis_server: OwnRedis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two servers of one installation, as far as limits go; `redis_server`: missing is loud."""
    del redis_server
    with ExitStack() as stack:
        redis = stack.enter_context(redis_service.own_redis())
        redis.kill()
        redis.start("--requirepass", SECRET)
        sites = [Site(tmp_path_factory.mktemp(name)) for name in ("one", "two")]
        started = []
        for site in sites:
            stack.callback(site.close)
            site.more = {
                "LEGATO_JWT_SECRET_KEY": "one key for both servers, 32 bytes and more",
                "LEGATO_MASTER_KEY": "another key for both, which also has enough bytes",
                "LEGATO_SERVER__TRUSTED_PROXIES": PROXY,
                "LEGATO_REDIS_URL": redis.url.replace("://", f"://:{SECRET}@"),
                **{f"LEGATO_SERVER__RATES__{k}_PER_MINUTE": str(v) for k, v in RATES.items()},
            }
            started.append(site.start("serve", "--port", 0, "--json"))
            started[-1]._watchdog.cancel()  # it serves the whole module; `close` ends it
        servings = [Serving(each) for each in started]
        errors = (sites[0].folder / "stderr-1", sites[1].folder / "stderr-1")
        yield Pair(servings[0], servings[1], redis, errors)
        for serving in servings:
            result = serving.stop()
            assert result.code == 0, result
            assert SECRET not in result.err + result.out


@pytest.fixture
def ada(pair: Pair) -> Visitor:
    """The owner, logged in anew."""
    made = Visitor(pair.one)
    pair.forget()
    if pair.one.get("/api/v1/setup").json()["required"]:
        made.set_up()
    else:
        made.log_in()
    return made


@pytest.fixture(scope="module")
def proxy() -> Iterator[httpx2.Client]:
    """Requests that come from the proxy."""
    transport = httpx2.HTTPTransport(local_address=PROXY)
    with httpx2.Client(transport=transport, timeout=PATIENCE_S) as client:
        yield client


def knock(client: httpx2.Client, serving: Serving, *claimed: str) -> int:
    """Try to log in with a body that is none, which costs nothing; return the status."""
    headers = [("X-Forwarded-For", each) for each in claimed]
    answer = client.post(serving.url + LOGIN, headers=headers, content=b"x")
    if answer.status_code == 429:
        assert answer.json()["code"] == "rate_limited"
        assert answer.headers["content-type"] == "application/problem+json"
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        return 429
    assert answer.status_code == 415, answer.text
    return 0


def knocks(knock_once: Callable[[int], int], times: int) -> int:
    """Return how many of so many were let in; after the first that was not, none is."""
    found = [knock_once(number) for number in range(times)]
    let_in = found.count(0)
    assert found == [0] * let_in + [429] * (times - let_in)
    return let_in


def test_too_many_log_ins_are_refused_before_a_password_is_hashed(
    pair: Pair, proxy: httpx2.Client
) -> None:
    """40 from one address: 6 are judged, the others cost next to nothing [HT41, HT43]."""
    pair.forget()
    took: dict[int, list[float]] = {401: [], 429: []}
    for number in range(40):
        began = time.monotonic()
        answer = proxy.post(
            pair.one.url + LOGIN,
            headers={"X-Forwarded-For": "203.0.113.1"},
            json={"email": f"nobody-{number}@example.org", "password": PASSWORD},
        )
        took[answer.status_code].append(time.monotonic() - began)
        if answer.status_code == 429:
            assert answer.json()["errors"] == []
            assert 1 <= int(answer.headers["retry-after"]) <= 10
            assert "nobody" not in answer.text
    assert 6 <= len(took[401]) <= 8, "one comes back in 10 s"
    assert statistics.median(took[429]) < statistics.median(took[401]) / 3


def test_two_servers_count_together(pair: Pair, proxy: httpx2.Client) -> None:
    """By turns, and also failed log-ins of one account [HT44]."""
    pair.forget()
    servers = (pair.one, pair.two)
    assert knocks(lambda n: knock(proxy, servers[n % 2], "203.0.113.2"), 20) == 6
    assert knock(proxy, pair.two, "203.0.113.3") == 0
    value = {"email": "nobody@example.org", "password": PASSWORD}
    seen = [
        proxy.post(each.url + LOGIN, json=value, headers={"X-Forwarded-For": "203.0.113.4"})
        for each in (*servers, *servers, pair.one, pair.two)
    ]
    assert [each.status_code for each in seen] == [401] * 5 + [429]
    assert seen[-1].json()["detail"].startswith("Too many log-ins failed.")


def test_what_a_client_says_of_its_address_changes_nothing(
    pair: Pair, proxy: httpx2.Client
) -> None:
    """Said to us, or to the proxy, in one header or several [HT45]."""
    pair.forget()
    with httpx2.Client(timeout=PATIENCE_S) as stranger:
        assert knocks(lambda n: knock(stranger, pair.one, f"198.51.100.{n}"), 15) == 6
    assert knocks(lambda n: knock(proxy, pair.one, f"6.6.6.{n}, 203.0.113.5"), 15) == 6
    assert knocks(lambda n: knock(proxy, pair.one, f"6.6.6.{n}", f"{PROXY}, 203.0.113.6"), 15) == 6
    assert knocks(lambda n: knock(proxy, pair.one, f"2001:db8:1:2::{n}"), 15) == 6
    assert knocks(lambda n: knock(proxy, pair.one, f"203.0.113.{100 + n}"), 15) == 15
    assert knocks(lambda n: knock(proxy, pair.one, "'; DROP " * 200 + f"{n}"), 15) == 6


def test_each_class_of_a_principal_has_its_own_limit(pair: Pair, ada: Visitor) -> None:
    """Known to be it first; reads do not use writes up, and health has none [HT42, HT43]."""
    answers = [ada.code("GET", "/auth/me") for _ in range(11)]
    assert answers == [(200, "")] * 10 + [(429, "rate_limited")]
    writes = [ada.code("DELETE", "/auth/sessions/nothing") for _ in range(5)]
    assert writes == [(404, "not_found")] * 4 + [(429, "rate_limited")]
    again = Visitor(pair.one)
    again.log_in()
    assert again.code("GET", "/auth/me") == (429, "rate_limited"), "it is the same user"
    assert Visitor(pair.one).code("GET", "/auth/me", Authorization="Bearer x")[0] == 401
    for _ in range(20):
        assert pair.one.get("/health/live").status_code == 200


def test_a_refusal_to_refresh_does_not_cost_the_log_in(pair: Pair, ada: Visitor) -> None:
    """Its token is not used up; another log-in of the user counts apart [HT42]."""
    for _ in range(3):
        ada.take(ada.call("POST", "/auth/refresh"))
    answer = ada.call("POST", "/auth/refresh")
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert "set-cookie" not in answer.headers
    assert 1 <= int(answer.headers["retry-after"]) <= 20
    other = Visitor(pair.one)
    other.log_in()
    other.take(other.call("POST", "/auth/refresh"))
    pair.forget()
    ada.take(ada.call("POST", "/auth/refresh"))


@pytest.mark.parametrize("way", ["kill", "freeze"])
def test_without_redis_each_server_counts_by_itself_and_goes_on_together(
    pair: Pair, proxy: httpx2.Client, way: str
) -> None:
    """Never off, never a 500, never slow for long; one line at each end [HT44]."""
    pair.forget()
    address = {"kill": "203.0.113.7", "freeze": "203.0.113.8"}[way]
    before = {text: pair.told(text)[0] for text in (LOST, BACK)}
    assert knocks(lambda _: knock(proxy, pair.one, address), 2) == 2
    getattr(pair.redis, way)()
    began = time.monotonic()
    assert knocks(lambda _: knock(proxy, pair.one, address), 20) == 4, "it has let 2 in before"
    assert knocks(lambda _: knock(proxy, pair.two, address), 20) == 6
    assert time.monotonic() - began < 5
    pair.until_told(LOST, before[LOST] + 1)
    if way == "kill":
        pair.start_redis()
    else:
        pair.redis.thaw()
    pair.until_told(BACK, before[BACK] + 1)
    pair.forget()
    servers = (pair.one, pair.two)
    assert knocks(lambda n: knock(proxy, servers[n % 2], address), 20) == 6
    assert pair.told(LOST) == [before[LOST] + 1] * 2
