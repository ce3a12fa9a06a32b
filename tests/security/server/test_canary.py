# SPDX-License-Identifier: Apache-2.0
"""Secrets that are sent in every place where one can stand, and looked for afterwards."""

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import pyotp
import pytest

from legato.auth.refresh import new_token
from tests.integration.api.serving import PATIENCE_S, PLAIN
from tests.integration.api.visitor import EMAIL, PASSWORD, Visitor
from tests.security.server.crowd import Crowd
from tests.security.server.routes import GUARDED, SERVED, Offered, names
from tests.security.server.samples import KEPT

ENV: Final = {"LEGATO_LOG_LEVEL": "debug", "LEGATO_AUTH__REGISTRATION": "open"}
BODIES: Final = [each for each in SERVED if each.has_body and each.key not in KEPT]


class Canaries:
    """Every secret that was sent, and every answer that came."""

    def __init__(self, crowd: Crowd) -> None:
        """Begin with those of the set-up."""
        self.crowd = crowd
        link = str(crowd.serving.ready["setup_url"]).partition("#token=")[2]
        self.secrets = [PASSWORD, link, crowd.ada.access, crowd.ada.cookie]
        self.stored = new_token()
        """Is in the database, and nowhere else."""

    def new(self) -> str:
        """Return a fresh one, in the form of a token, so that no form saves it."""
        self.secrets.append(new_token())
        return self.secrets[-1]

    def also(self, *secrets: str) -> None:
        """Look for these too: they were made by the server, or for somebody."""
        self.secrets += secrets

    def check(self, answer: httpx2.Response) -> httpx2.Response:
        """Look into an answer that has no right to hold any."""
        self.absent(answer.text, str(answer.headers))
        return answer

    def absent(self, *texts: str | bytes) -> None:
        """Look for each secret, as it is and in base64."""
        for text in texts:
            data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
            for secret in self.secrets:
                assert secret.encode() not in data, secret
                assert base64.b64encode(secret.encode()).rstrip(b"=") not in data, secret

    def send(self, route: Offered, bearer: str = "", **how: Any) -> httpx2.Response:
        """Call a route and look into its answer."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        headers |= how.pop("headers", {})
        url = self.crowd.serving.url + how.pop("path", route.path())
        method = route.spec.method
        return self.check(
            httpx2.request(method, url, headers=headers, timeout=PATIENCE_S, verify=PLAIN, **how)
        )


@pytest.fixture(scope="module")
def canaries(crowd: Crowd) -> Canaries:
    """All of this file."""
    return Canaries(crowd)


def wrong_bodies(good: dict[str, Any], canary: str) -> Iterator[bytes]:
    """Yield bodies that are wrong, each with a canary in another place."""
    for name in good:
        for value in ({"in": canary}, [canary], {canary: {"deep": [canary]}}):
            yield json.dumps({**good, name: value}).encode()
    yield json.dumps({**good, "unknown": canary}).encode()
    yield json.dumps([canary]).encode()
    yield json.dumps(canary).encode()
    yield canary.encode()
    for broken in (
        f'{{"a": "{canary}"',
        f'{{"a": "{canary}", "a": 1}}',
        f'{{"a": NaN, "b": "{canary}"}}',
    ):
        yield broken.encode()
    yield f'{{"a": "{canary}\\u0000"}}'.encode()
    yield f'"{canary}'.encode() + b"\xff" + b'"'


@pytest.mark.parametrize("route", BODIES, ids=names)
def test_no_answer_repeats_a_body(crowd: Crowd, canaries: Canaries, route: Offered) -> None:
    """Wrong in any way, of any kind, from somebody known or not [SE18]."""
    bearer = "" if route.is_public else crowd.log_in(crowd.owner).access
    kind = {"Content-Type": route.declaration.accepts[0]}
    for content in wrong_bodies(route.sample.body, canaries.new()):
        answer = canaries.send(route, bearer, content=content, headers=kind)
        assert 400 <= answer.status_code < 500
    for other in (canaries.new(), f"text/{canaries.new()}"):
        answer = canaries.send(route, bearer, content=b"{}", headers={"Content-Type": other})
        assert answer.status_code == 415


@pytest.mark.parametrize("route", SERVED, ids=names)
def test_no_answer_repeats_what_stands_around_a_body(
    crowd: Crowd, canaries: Canaries, route: Offered
) -> None:
    """Headers, query, cookie and path [SE18]."""
    holder = crowd.log_in(crowd.owner)
    canaries.also(holder.access, holder.refresh, holder.sid)
    bearer, canary = "" if route.is_public else holder.access, canaries.new()
    names_of_headers = (
        *("Authorization", "Origin", "Host", "Legato-Workspace", "If-Match", "Referer", "Range"),
        *("Idempotency-Key", "Prefer", "Last-Event-ID", "Accept", "Sec-Fetch-Site", "Cookie"),
        *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Proxy-Authorization"),
    )
    for name in names_of_headers:
        canaries.send(route, bearer, headers={name: f"Bearer {canary}"})
    canaries.send(route, bearer, headers={"X-Request-ID": f"{canary} {'x' * 30}"})
    own = f"legato_refresh_{crowd.serving.port}"
    canaries.send(route, headers={"Cookie": f"{own}={canary}; token={canary}"})
    canaries.send(route, bearer, params={"token": canary, canary: "1"})
    path = route.path(**dict.fromkeys(route.parameters, canary))
    canaries.send(route, bearer, path=path)
    canaries.send(route, bearer, path=f"{route.path()}/{canary}")


def test_the_whole_life_of_a_log_in(crowd: Crowd, canaries: Canaries) -> None:
    """In, wrong, refreshed, changed, reused, out, with a key [SE18]."""
    visitor = Visitor(crowd.serving)
    visitor.log_in()
    canaries.also(visitor.access, visitor.cookie)
    old = visitor.cookie
    for _ in range(2):
        visitor.take(visitor.call("POST", "/auth/refresh"))
        canaries.also(visitor.access, visitor.cookie)
    for email in (EMAIL, "nobody@example.org", canaries.new(), f"{canaries.new()}@example.org"):
        body = {"email": email, "password": canaries.new()}
        canaries.check(visitor.call("POST", "/auth/login", body))
    weak = {"current_password": PASSWORD, "new_password": canaries.new()[:9]}
    canaries.also(weak["new_password"])
    canaries.check(visitor.call("POST", "/auth/password", weak))
    wrong = {"current_password": canaries.new(), "new_password": canaries.new()}
    canaries.check(visitor.call("POST", "/auth/password", wrong))
    key = crowd.key(crowd.owner, ("workflow:read",))
    canaries.also(key, key.split("_", 2)[2])
    canaries.check(visitor.call("GET", "/auth/me", Authorization=f"Bearer {key}"))
    canaries.check(visitor.call("GET", "/auth/sessions", Authorization=f"Bearer {key}"))
    visitor.cookie = old
    canaries.check(visitor.call("POST", "/auth/refresh"))
    canaries.check(visitor.call("POST", "/auth/logout"))


def test_the_whole_life_of_a_second_factor(crowd: Crowd, canaries: Canaries) -> None:
    """Its secret, its URI, the codes for a lost phone, the token that a code is owed for [SE18]."""
    visitor = Visitor(crowd.serving)
    visitor.log_in()
    body = {"current_password": PASSWORD}
    begun = visitor.call("POST", "/auth/mfa/totp", body).json()
    canaries.also(begun["secret"], begun["otpauth_uri"])
    app = {"code": pyotp.TOTP(begun["secret"]).now()}
    confirmed = visitor.call("POST", "/auth/mfa/totp/confirm", app).json()
    recovery = confirmed["recovery_codes"]
    canaries.also(*recovery, *(each.replace("-", "") for each in recovery))
    who = {"email": EMAIL, "password": PASSWORD}
    owed = visitor.call("POST", "/auth/login", who).json()["mfa_token"]
    canaries.also(owed)
    wrong = {"mfa_token": owed, "code": canaries.new()}
    assert canaries.check(visitor.call("POST", "/auth/login/mfa", wrong)).status_code == 401
    right = {"mfa_token": owed, "code": recovery[0]}
    visitor.take(visitor.call("POST", "/auth/login/mfa", right))
    canaries.also(visitor.access, visitor.cookie)
    for code in (canaries.new(), recovery[1]):
        canaries.check(visitor.call("DELETE", "/auth/mfa/totp", {**body, "code": code}))
    link = crowd.token("link", crowd.person("link", "viewer"))
    canaries.also(link)
    visitor.take(visitor.call("POST", "/auth/login", {"token": link}))
    canaries.also(visitor.access, visitor.cookie)
    canaries.check(visitor.call("POST", "/auth/login", {"token": link}))
    reset = {"token": crowd.token("reset", crowd.person("reset", "viewer"))}
    canaries.also(reset["token"])
    for password in ("short", canaries.new(), canaries.new()):
        new = {**reset, "password": password}
        canaries.check(visitor.call("POST", "/auth/password/reset", new))


def test_a_defect_tells_nothing(crowd: Crowd, canaries: Canaries) -> None:
    """500 over what is stored, and over what was sent with it [SE18]."""
    user = crowd.person("damaged", "owner")
    holder = crowd.log_in(user)
    canaries.also(holder.access)
    crowd.sql("UPDATE users SET recovery = ? WHERE id = ?", canaries.stored, user)
    (email,) = crowd.sql("SELECT email FROM users WHERE id = ?", user)[0]
    visitor = crowd.visitor(holder)
    for answer in (
        visitor.call("GET", "/auth/me"),
        visitor.call("POST", "/auth/login", {"email": email, "password": canaries.new()}),
    ):
        assert canaries.check(answer).status_code == 500
        assert canaries.stored not in answer.text
        assert answer.json()["code"] == "internal"
    crowd.sql("UPDATE users SET recovery = '[]' WHERE id = ?", user)


def test_what_can_be_read_holds_none(crowd: Crowd, canaries: Canaries) -> None:
    """Every answer to an owner who administers the installation [SE18]."""
    for route in SERVED:
        if route.spec.method == "GET" and not route.parameters:
            bearer = crowd.log_in(crowd.owner).access if route in GUARDED else ""
            assert canaries.send(route, bearer).status_code == 200, route


def test_logs_and_files_hold_none(crowd: Crowd, canaries: Canaries) -> None:
    """Neither stdout after its first line, nor stderr at debug level, nor a file [SE18]."""
    result = crowd.serving.stop()
    assert result.code == 0
    ready, *rest = result.out.splitlines()
    assert canaries.secrets[1] in ready
    canaries.absent(result.err, *rest)
    assert canaries.stored not in result.err
    assert '"level":"debug"' in result.err
    files = [each for each in crowd.site.home.rglob("*") if each.is_file()]
    assert "legato.db" in {each.name for each in files}
    canaries.absent(*(each.read_bytes() for each in files))
    keys = [key for key in crowd.site.more.values() if len(key) > 40]
    assert not [key for key in keys if key in result.err + result.out]
