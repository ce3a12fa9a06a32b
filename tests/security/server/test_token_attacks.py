# SPDX-License-Identifier: Apache-2.0
"""Bearers that are no good, sent to a real server: one answer for all of them, and a quick one."""

import json
import re
import time
from collections.abc import Iterator
from typing import Final

import httpx2
import pytest

from tests.integration.api.serving import PATIENCE_S
from tests.security.server.crowd import Crowd, Pass
from tests.security.server.forge import ATTACKS, OF_NO_SESSION, Forge
from tests.tidy.places import ROOT

ME: Final = "/api/v1/auth/me"
QUICK_S: Final = 0.1
TRIES: Final = 3
"""The quickest of so many is what the server needs; a loaded machine adds the rest."""
MEGABYTE: Final = 1024 * 1024
SECRET_LIKE: Final = re.compile(r"(?i)secret|passw|token|key|changeme|change_me|canary|hunter")
QUOTED: Final = re.compile(r"""["'`]([^"'`\s]{4,100})["'`]|=\s*([^\s"'`#]{8,100})$""")
TEXTS: Final = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".sh", ".lua", ""}


@pytest.fixture(scope="module")
def holder(crowd: Crowd) -> Pass:
    """A log-in of the owner that lives through all attacks."""
    return crowd.log_in(crowd.owner)


@pytest.fixture(scope="module")
def forge(crowd: Crowd, holder: Pass) -> Forge:
    """Knows the server's own key."""
    return Forge(crowd, holder)


@pytest.fixture(scope="module")
def client(crowd: Crowd) -> Iterator[httpx2.Client]:
    """A client that keeps its connection."""
    with httpx2.Client(base_url=crowd.serving.url, timeout=PATIENCE_S) as made:
        yield made


def ask(client: httpx2.Client, bearer: str) -> httpx2.Response:
    """Show a bearer."""
    return client.get(ME, headers={"Authorization": f"Bearer {bearer}"})


def said(answer: httpx2.Response) -> tuple[int, str]:
    """Return status and body without the request id."""
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, json.dumps(body, sort_keys=True)


@pytest.fixture(scope="module")
def refusal(client: httpx2.Client) -> tuple[int, str]:
    """What everybody is told who has no credential."""
    found = said(client.get(ME))
    assert found[0] == 401
    return found


@pytest.mark.parametrize("name", ATTACKS)
def test_a_token_that_is_wrong_in_one_way_is_no_token(
    client: httpx2.Client, forge: Forge, refusal: tuple[int, str], name: str
) -> None:
    """The same 401 as for none at all within 100 ms, also signed with the real key [SE10]."""
    token = ATTACKS[name](forge)
    took_s = []
    for _ in range(TRIES):
        began = time.perf_counter()
        answer = ask(client, token)
        took_s.append(time.perf_counter() - began)
        if name in OF_NO_SESSION:
            assert (answer.status_code, answer.json()["code"]) == (401, "session_ended")
        else:
            assert said(answer) == refusal
    assert min(took_s) < QUICK_S


def test_the_token_that_was_attacked_is_still_good(
    client: httpx2.Client, forge: Forge, holder: Pass
) -> None:
    """And what the forge makes without a fault is taken: the attacks fail by their fault [SE10]."""
    for good in (holder.access, forge.make()):
        assert ask(client, good).status_code == 200


def test_a_token_of_a_megabyte_is_not_read(crowd: Crowd) -> None:
    """431 [SE10]."""
    head = b"GET /api/v1/auth/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
    status, body = crowd.serving.raw().send(head + b"a" * MEGABYTE + b"\r\n\r\n").answer()
    assert (status, body["code"]) == (431, "headers_too_large")


def test_two_credentials_are_none(
    client: httpx2.Client, crowd: Crowd, holder: Pass, refusal: tuple[int, str]
) -> None:
    """Twice the same, a good one and a bad one, or both in one header [SE10]."""
    good, key = f"Bearer {holder.access}", f"Bearer {crowd.key(crowd.owner, ('workflow:read',))}"
    pairs = [(good, good), (good, "Bearer x"), ("Bearer x", good), (key, good), ("", good)]
    for pair in pairs:
        headers = [("Authorization", each) for each in pair]
        assert said(client.get(ME, headers=headers)) == refusal
    for value in (f"{good}, {good}", f"{good} x", f"Basic x, {good}", holder.access, f"JWT {good}"):
        assert said(client.get(ME, headers={"Authorization": value})) == refusal


def test_a_credential_counts_only_where_one_belongs(
    client: httpx2.Client, crowd: Crowd, holder: Pass, refusal: tuple[int, str]
) -> None:
    """Not in the query, a cookie or another header [SE10]."""
    cookie = f"legato_refresh_{crowd.serving.port}={holder.refresh}"
    cookies = (cookie, f"access_token={holder.access}", f"Authorization=Bearer {holder.access}")
    for value in cookies:
        assert said(client.get(ME, headers={"Cookie": value})) == refusal
    for name in ("X-Authorization", "Proxy-Authorization", "X-Api-Key", "X-Forwarded-User"):
        assert said(client.get(ME, headers={name: f"Bearer {holder.access}"})) == refusal
    for name in ("token", "access_token", "session_token"):
        assert said(client.get(ME, params={name: holder.access})) == refusal


def test_no_text_of_the_repository_is_the_key(
    client: httpx2.Client, forge: Forge, refusal: tuple[int, str]
) -> None:
    """Every text that looks like a secret signs a token under the right kid [SE11]."""
    found = sorted(_secrets())
    assert {"secret", "changeme", "CHANGE_ME_IN_PRODUCTION"} <= set(found)
    for text in found:
        answer = ask(client, forge.make(secret=text.encode()))
        assert said(answer) == refusal, text


def _secrets() -> set[str]:
    """Return texts in quotes, or after `=`, in lines of the repository that speak of secrets."""
    found = {"secret", "changeme", "CHANGE_ME_IN_PRODUCTION"}
    for folder in ("src", "tests", "docs", "examples", "script", "benchmarks"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix not in TEXTS or not path.is_file() or "__pycache__" in path.parts:
                continue
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if SECRET_LIKE.search(line):
                    found.update(one or other for one, other in QUOTED.findall(line))
    return found
