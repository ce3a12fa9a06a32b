# SPDX-License-Identifier: Apache-2.0
"""Limits of requests: which a route has, whom they count, and what they let in."""

from collections import Counter
from typing import Any

import msgspec
import pytest
from fastapi.routing import APIRoute
from starlette.requests import Request

from legato.adapters.memory.counters import MemoryCounters
from legato.api.access import Declaration, Gate, Guarded, Needs, Public, Routes, rate_of
from legato.api.frame import Exchange
from legato.api.limits import RequestLimits
from legato.api.meter import BodyMeter
from legato.api.server import IDENTITY, RESOURCES
from legato.auth.roles import TABLE
from legato.errors import RateLimited
from legato.model.ids import SessionId, UserId
from legato.ports.accounts import Principal, Session, User
from legato.settings.rates import RateSettings
from legato.testing.clock import FakeClock
from tests.unit.api.calls import scope_of, sender

OPEN = Public("a test")
READ = Declaration(Needs("workflow", "read"), rate="read")
LOGIN = Declaration(OPEN, rate="credential")
ANN = Principal(user=User(id=UserId("u-ann"), email="ann@example.org", display_name="Ann"))


class Door:
    """Limits with their clock."""

    def __init__(self, **settings: int) -> None:
        self.clock = FakeClock()
        self.limits = RequestLimits(MemoryCounters(self.clock), RateSettings(**settings))

    async def comes(
        self, declaration: Declaration, ip: str = "203.0.113.7", who: Principal | None = None
    ) -> int:
        """Return how many seconds somebody has to wait; 0: let in."""
        scope = scope_of()
        meter = BodyMeter(sender(), [], limit_bytes=1, body_s=1)
        scope["state"] = {"exchange": Exchange("request-1", ip, meter)}
        request = Request(scope)
        try:
            await self.limits.limit_address(request, declaration)
            if who is not None:
                request.state.principal = who
                await self.limits.limit_principal(request, declaration)
        except RateLimited as refusal:
            return refusal.retry_after_s
        return 0


def _session(principal: Principal, name: str) -> Principal:
    session = Session(
        id=SessionId(name), sid_hash=b"", user=principal.user.id, created_at=0,
        authenticated_at=0, expires_at=1, last_active=0,
    )  # fmt: skip
    return msgspec.structs.replace(principal, session=session)


@pytest.mark.parametrize(
    ("methods", "access", "rate"),
    [
        ({"GET"}, OPEN, "read"),
        ({"POST"}, OPEN, "credential"),
        ({"DELETE"}, OPEN, "credential"),
        ({"GET"}, Needs("account", "password"), "read"),
        ({"POST"}, Needs("account", "password"), "credential"),
        ({"DELETE"}, Needs("account", "mfa"), "credential"),
        ({"DELETE"}, Needs("account", "sessions"), "write"),
        ({"GET"}, Needs("execution", "read"), "read"),
        ({"POST"}, Needs("execution", "start"), "start"),
        ({"POST"}, Needs("workflow", "run_draft"), "start"),
        ({"PUT"}, Needs("workflow", "draft"), "write"),
        ({"GET", "POST"}, Needs("workflow", "draft"), "write"),
        ({"POST"}, Needs("workspace", "create", of="instance"), "write"),
        ({"POST"}, Needs("no such", "right"), "write"),
    ],
)
def test_the_limit_of_a_route_follows_from_method_and_right(
    methods: set[str], access: Public | Needs, rate: str
) -> None:
    """Never from its path; what anybody may do and is no reading is the tightest [HT40]."""
    assert rate_of(methods, access) == rate


def test_what_runs_is_a_start_and_what_writes_is_a_write() -> None:
    """Over the whole table of rights [HT40]."""
    for resource, verbs in TABLE.items():
        for verb, right in verbs.items():
            found = rate_of({"POST"}, Needs(resource, verb))
            if resource == "account":
                assert (found == "credential") == (verb in {"password", "mfa"})
            else:
                assert (found == "start") == (right.kind == "run")


def test_a_route_may_say_another_limit() -> None:
    """Each way to offer one takes `rate`; a route object always has one [HT40]."""
    routes = Routes("/x", tag="x")
    offers: Any = (routes.get, routes.delete, routes.post, routes.put, routes.patch)
    for offer in offers:
        for options in ({}, {"rate": "start"}):
            offer("", OPEN, **options)(lambda: None)
    built = [spec.build(Gate()) for spec in routes.specs]
    assert [each.declaration.rate for each in built[1::2]] == ["start"] * 5
    assert [each.declaration.rate for each in built[::2]] == ["read", *["credential"] * 4]


def test_only_health_has_no_limit() -> None:
    """And what gives out or takes credentials is counted tightly [HT40, HT41]."""
    rates: dict[str, str | None] = {}
    for resource in (*RESOURCES, *IDENTITY):
        for spec in resource.specs:
            route = spec.build(Gate())
            assert isinstance(route, APIRoute | Guarded)
            rates[f"{spec.method} {spec.path}"] = route.declaration.rate
    free = {name for name, rate in rates.items() if rate == "none"}
    assert free == {"GET /health/live", "GET /health/ready"}
    auth = "/api/v1/auth"
    expected = {
        "POST /api/v1/setup": "credential",
        f"POST {auth}/login": "credential",
        f"POST {auth}/password": "credential",
        f"POST {auth}/refresh": "refresh",
        f"POST {auth}/logout": "write",
        f"GET {auth}/me": "read",
    }
    assert expected.items() <= rates.items()


async def test_an_address_has_so_many_requests_and_fewer_log_ins() -> None:
    """An IPv6 network of 64 bits is one address; the wait is whole seconds, at least 1 [HT41]."""
    door = Door(requests_per_minute=40, credentials_per_minute=3)
    assert [await door.comes(LOGIN) for _ in range(5)] == [0, 0, 0, 20, 20]
    assert [await door.comes(READ) for _ in range(42)] == [0] * 40 + [2, 2], "1.5 s, rounded up"
    assert await door.comes(READ, "203.0.113.8") == 0
    homes = [await door.comes(LOGIN, f"2001:db8:1:2::{number}") for number in range(4)]
    assert homes == [0, 0, 0, 20]
    assert await door.comes(LOGIN, "2001:db8:1:3::1") == 0
    door.clock.advance(1.5)
    assert await door.comes(READ) == 0
    assert await door.comes(Declaration(OPEN, rate="none")) == 0


@pytest.mark.parametrize(
    ("rate", "per_minute", "at_once", "wait_s"),
    [("refresh", 30, 30, 2), ("start", 600, 200, 1), ("write", 300, 300, 1),
     ("read", 3_000, 3_000, 1), ("credential", 300, 300, 1)],
)  # fmt: skip
async def test_a_principal_has_the_rates_of_the_contract(
    rate: Any, per_minute: int, at_once: int, wait_s: int
) -> None:
    """Refresh 30, starts 600 (200 at once), writes 300, reads 3000 a minute by default [HT42]."""
    door, declared = Door(credentials_per_minute=100_000), Declaration(READ.access, rate=rate)
    for _ in range(at_once):
        assert await door.comes(declared, who=ANN) == 0
    assert await door.comes(declared, who=ANN) == wait_s
    door.clock.advance(60 / per_minute - 0.001)
    assert await door.comes(declared, who=ANN) == 1
    door.clock.advance(0.001)
    assert await door.comes(declared, who=ANN) == 0
    assert await door.comes(declared, who=ANN) == wait_s


async def test_log_ins_of_a_user_count_together_and_keys_apart() -> None:
    """Another log-in gives no more requests, another key does; classes are apart [HT42]."""
    door = Door(reads_per_minute=2, writes_per_minute=1)
    first, second = _session(ANN, "s1"), _session(ANN, "s2")
    key = msgspec.structs.replace(ANN, key="abcdefghijkl", scopes=())
    assert [await door.comes(READ, who=each) for each in (first, second, first)] == [0, 0, 30]
    assert [await door.comes(READ, who=key) for _ in range(3)] == [0, 0, 30]
    other = msgspec.structs.replace(ANN, user=msgspec.structs.replace(ANN.user, id=UserId("u2")))
    assert await door.comes(READ, who=other) == 0
    write = Declaration(Needs("workflow", "draft"), rate="write")
    hashing = Declaration(Needs("account", "password"), rate="credential")
    assert await door.comes(write, who=first) == 0
    assert await door.comes(hashing, who=first) == 60, "it is a write too"


async def test_an_office_behind_one_address_is_not_shut_out() -> None:
    """A hundred people who log in within a minute and then look twice a second [HT41]."""
    door = Door()
    people = [
        msgspec.structs.replace(
            ANN, user=msgspec.structs.replace(ANN.user, id=UserId(f"u-{number}"))
        )
        for number in range(100)
    ]
    for _ in people:
        assert await door.comes(LOGIN) == 0
        door.clock.advance(0.5)
    for _ in range(20):
        for each in people:
            assert await door.comes(READ, who=each) == 0
        door.clock.advance(0.5)


async def test_refusals_are_counted_by_limit_and_class() -> None:
    """So that somebody can show which limit bites; names of who asked are not kept [HT47]."""
    door = Door(requests_per_minute=5, credentials_per_minute=1, reads_per_minute=2)
    for number in range(4):
        await door.comes(LOGIN)
        await door.comes(READ, f"10.0.0.{number}", ANN)
    for _ in range(7):
        await door.comes(READ, "10.9.9.9")
    assert door.limits.refused == Counter(
        {("address", "credential"): 3, ("principal", "read"): 2, ("address", "request"): 2}
    )
