# SPDX-License-Identifier: Apache-2.0
"""A server that ends while requests are open: told to, or killed."""

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx2
import pytest

from tests.integration.api.serving import PATIENCE_S, Serving
from tests.integration.api.visitor import EMAIL, PASSWORD, Visitor
from tests.integration.cli.site import Site
from tests.security.server.conftest import fresh_home

SEED = 20_261_130
OPEN = 4
"""Log-ins at once: of five from one address for one account the next is refused."""
START_S = 5
"""In which a server that does not start has said so; they share the machine."""


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A home of one test."""
    made = fresh_home(tmp_path_factory)
    yield made
    made.close()


def start(site: Site) -> Serving:
    """Start a server there."""
    return Serving(site.start("serve", "--port", 0, "--json"))


def rows(site: Site, sql: str) -> int:
    """Count in the database, beside the server."""
    with closing(sqlite3.connect(site.home / "legato.db")) as database:
        return int(database.execute(sql).fetchone()[0])


def test_requests_that_are_open_when_it_is_told_to_end_are_answered_whole(site: Site) -> None:
    """200 or 503, each with a whole body; what was answered is what was written [SE25]."""
    serving = start(site)
    Visitor(serving).set_up()
    body = f'{{"email":"{EMAIL}","password":"{PASSWORD}"}}'.encode()
    head = (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    raws = [serving.raw().send(head + body[:-1]) for _ in range(OPEN)]
    assert serving.get("/health/live").status_code == 200  # it has the others by now
    for raw in raws:
        raw.send(body[-1:])
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(serving.stop().code))
    thread.start()
    answers = [raw.answer() for raw in raws]
    thread.join()
    serving.close()
    assert ended == [0]
    codes = [status for status, _ in answers]
    assert set(codes) <= {200, 503}, answers
    for status, value in answers:
        assert ("access_token" in value) == (status == 200)
        assert status == 200 or value["code"] == "draining"
    assert rows(site, "SELECT count(*) FROM sessions") == 1 + codes.count(200)
    assert rows(site, "SELECT count(*) FROM audit WHERE action = 'auth.login'") == codes.count(200)
    again = start(site)
    for status, value in answers:
        if status == 200:
            me = again.get("/api/v1/auth/me", Authorization=f"Bearer {value['access_token']}")
            assert me.json()["email"] == EMAIL
    again.stop()


PARTS = {
    "users": "SELECT count(*) FROM users",
    "members": "SELECT count(*) FROM members",
    "workspaces": "SELECT count(*) FROM workspaces",
    "sessions": "SELECT count(*) FROM sessions",
    "presence": "SELECT count(*) FROM presence",
    "refresh": "SELECT count(*) FROM refresh_tokens",
    "setup": "SELECT count(*) FROM setup",
    "audit": "SELECT count(*) FROM audit WHERE action = 'auth.setup'",
}


def test_a_server_that_is_killed_during_set_up_leaves_all_of_it_or_nothing(site: Site) -> None:
    """At its beginning, somewhere, and as soon as it can be seen: whole or not there [SE24]."""
    chance = random.Random(SEED)
    pause_s = chance.uniform(0.05, 0.4)
    moments: list[Callable[[], None]] = [
        lambda: None,
        lambda: _wait(pause_s),
        lambda: _until(lambda: rows(site, PARTS["users"]) > 0),
    ]
    for moment in moments:
        serving = start(site)
        claim = threading.Thread(target=_claim, args=(serving,))
        claim.start()
        moment()
        serving.process.kill()
        claim.join()
        found = {name: rows(site, sql) for name, sql in PARTS.items()}
        assert len(set(found.values())) == 1, found
        if found["users"]:
            break
    last = start(site)
    assert last.get("/api/v1/setup").json() == {"required": False}
    assert last.ready["setup_url"] is None
    Visitor(last).log_in()
    assert last.stop().code == 0


def _claim(serving: Serving) -> None:
    visitor = Visitor(serving)
    try:
        visitor.set_up()
    except (httpx2.TransportError, AssertionError):
        return


def _until(is_so: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < PATIENCE_S


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def test_no_known_or_short_secret_starts_a_server(site: Site) -> None:
    """Each of the sources' own, 16 bytes, and none: 2, one line, nothing opened or made [SE26]."""
    name = "LEGATO_JWT_SECRET_KEY"
    values = ["", "secret", "changeme", "CHANGE_ME_IN_PRODUCTION", "0123456789abcdef"]
    began = time.monotonic()
    started = [site.start("serve", **{name: value}) for value in values]
    for value, process in zip(values, started, strict=True):
        result = process.finish()
        assert (result.code, result.out) == (2, ""), result
        (line,) = result.err.splitlines()
        assert line.startswith(f"error: {name}: ")
        assert not value or value not in line.partition("; make one")[0]
    assert time.monotonic() - began < START_S * len(values)
    assert not (site.home / "legato.db").exists()
