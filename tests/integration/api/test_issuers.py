# SPDX-License-Identifier: Apache-2.0
"""A real server and real issuers: who is let in, who is not, and for how long."""

import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from legato.cli.invocation import Invocation
from legato.cli.user_identity import identity
from legato.errors import Conflict, InvalidInput, NotFound
from tests.integration.api.issuers import Issuers, LocalIssuer
from tests.integration.api.serving import PATIENCE_S, Serving
from tests.integration.api.visitor import EMAIL, Visitor
from tests.integration.cli.site import Site
from tests.support.issuer import AUDIENCE, Signer, good_claims, segment

NOBODY = (401, "unauthenticated")
DOWN = (503, "unavailable")
KEYS = {
    "LEGATO_JWT_SECRET_KEY": secrets.token_urlsafe(48),
    "LEGATO_MASTER_KEY": secrets.token_urlsafe(48),
}
CLIENT_SECRET = "canary-client-secret-77"


class World:
    """A server, its owner, and issuers that it knows."""

    def __init__(self, folder: Path) -> None:
        """Start them; the owner is linked to `s1` of each issuer."""
        self.issuers = Issuers()
        self.plain = self.issuers.add("plain")
        self.open = self.issuers.add("open", "RS256")
        self.asked = self.issuers.add("asked")
        self.introspected = self.issuers.add("introspected", "EdDSA")
        self.away = self.issuers.add("away")
        asks = {"introspection_url": f"{self.introspected.url}/introspect", "client_id": "legato"}
        given = [
            self.plain.settings(),
            self.open.settings(auto_provision=True),
            self.asked.settings(userinfo_url=f"{self.asked.url}/me"),
            self.introspected.settings(**asks, client_secret="introspector"),
            self.away.settings(jwks_url="http://127.0.0.1:9/keys"),
        ]
        self.site = Site(folder)
        self.site.more = {
            **KEYS,
            "LEGATO_AUTH__ISSUERS": json.dumps(given),
            "LEGATO_SERVER_SECRET_INTROSPECTOR": CLIENT_SECRET,
        }
        self.serving = Serving(self.site.start("serve", "--port", 0, "--json"))
        self.client = httpx2.Client(base_url=f"{self.serving.url}/api/v1", timeout=PATIENCE_S)
        self.owner = Visitor(self.serving)
        self.owner.set_up()
        for each in (self.plain, self.asked, self.introspected, self.away):
            self.link("add", EMAIL, issuer=each.url)

    def link(self, *arguments: str, issuer: str, subject: str = "s1") -> None:
        """Run `legato user identity` as its group is mounted."""
        env = self.site.env()
        invocation = Invocation(env=env, home=self.site.home, as_json=True)
        line = [*arguments, "--issuer", issuer, "--subject", subject, "--json"]
        identity.main(line, "identity", standalone_mode=False, obj=invocation)

    def with_token(self, token: str) -> Visitor:
        """Return somebody who shows a token."""
        made = Visitor(self.serving)
        made.access = token
        return made

    def ask(self, token: str) -> httpx2.Response:
        """Ask who has a token."""
        return self.client.get("/auth/me", headers={"Authorization": f"Bearer {token}"})

    def me(self, token: str) -> tuple[int, str]:
        """Return status and code of what `me` answers to a token."""
        answer = self.ask(token)
        return answer.status_code, answer.json()["code"] if answer.status_code >= 400 else ""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the database behind the server's back."""
        with sqlite3.connect(self.site.home / "legato.db") as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One server for all tests here: none takes from another."""
    made = World(tmp_path_factory.mktemp("issuers"))
    yield made
    made.client.close()
    result = made.serving.stop()
    made.site.close()
    made.issuers.close()
    assert result.code == 0, result
    assert CLIENT_SECRET not in result.err + result.out
    assert "Traceback" not in result.err


def test_a_linked_person_is_let_in_with_their_role(world: World) -> None:
    """As in a session, in the workspace that is asked for [ID75]."""
    visitor = world.with_token(world.plain.token())
    answer = visitor.call("GET", "/auth/me")
    assert answer.status_code == 200, answer.text
    me = answer.json()
    assert (me["email"], me["workspace"]["slug"], me["workspace"]["role"]) == (
        EMAIL, "main", "owner",
    )  # fmt: skip
    foreign = visitor.call("GET", "/auth/me", Legato_Workspace="another").json()
    assert foreign["workspace"] is None
    assert visitor.call("GET", "/auth/me").json() == me


def _attacks(world: World) -> dict[str, str]:
    """Return tokens of an attacker who has accounts at other issuers and all public keys."""
    plain, other = world.plain, world.open
    key, now = plain.keys[0], int(time.time())
    good = good_claims(now, iss=plain.url, sub="s1")
    own = key.header()
    text = f"{segment(own)}.{segment(good)}"
    public = json.dumps(key.jwk()).encode()
    hs = f"{segment({**own, 'alg': 'HS256'})}.{segment(good)}"
    at_jwt = f"{segment({**own, 'alg': 'HS256', 'typ': 'at+jwt'})}.{segment(good)}"
    evil = Signer(key.kid)
    url = f"{other.url}/keys"
    found = {
        "none": f"{segment({**own, 'alg': 'none'})}.{segment(good)}.",
        "no signature": f"{text}.",
        "HMAC": f"{hs}.{segment(hmac.digest(public, hs.encode(), 'sha256'))}",
        "HMAC as ours": f"{at_jwt}.{segment(hmac.digest(public, at_jwt.encode(), 'sha256'))}",
        "own key": evil.token(own, good),
        "own key within": evil.token({**own, "jwk": evil.jwk()}, good),
        "kid as a path": key.token({**own, "kid": "../../dev/null"}, good),
        "kid as SQL": key.token({**own, "kid": "x' OR '1'='1"}, good),
        "kid as a URL": key.token({**own, "kid": url}, good),
        "b64": key.token({**own, "b64": False, "crit": ["b64"]}, good),
        "JWE": ".".join([segment({"alg": "dir", "enc": "A256GCM"}), "", *["YWJj"] * 3]),
        "nested": key.token({**own, "cty": "JWT"}, key.token(own, good).encode()),
        "another issuer's key": other.keys[0].token(claims=good),
        "another issuer's kid": other.keys[0].token(other.keys[0].header(kid=key.kid), good),
        "8 KiB": key.token(own, {**good, "x": "x" * 8_000}),
    }  # fmt: skip
    found |= {
        name: key.token({**own, name: value}, good)
        for name, value in {"jku": url, "x5u": url, "x5c": ["AAAA"], "crit": ["exp"]}.items()
    }
    found |= {
        f"{name} {value}": key.token(own, {**good, name: value})
        for name, value in (
            ("iss", other.url), ("iss", f"{plain.url}/"), ("iss", world.serving.url),
            ("aud", "other"), ("aud", "legato:api"), ("exp", now - 61), ("exp", now + 7_200),
            ("iat", now + 3_000), ("sub", "S1"), ("sub", EMAIL), ("sub", ""), ("cnf", {}),
        )
    }  # fmt: skip
    return found | {
        f"without {name}": key.token(own, {k: v for k, v in good.items() if k != name})
        for name in ("iss", "aud", "exp", "iat", "sub")
    }


def test_every_attack_gets_the_same_answer(world: World) -> None:
    """401 `unauthenticated`, whatever was wrong [ID75]."""
    attacks = _attacks(world)
    assert world.me(world.plain.token()) == (200, "")
    seen = set()
    for name, token in attacks.items():
        answer = world.ask(token)
        body = {key: value for key, value in answer.json().items() if key != "request_id"}
        assert answer.status_code == 401, (name, answer.text)
        seen.add((json.dumps(body), answer.headers["www-authenticate"]))
    assert len(seen) == 1
    assert len(attacks) > 35


def test_kids_that_are_made_up_cause_few_questions(world: World) -> None:
    """And a change of keys is seen at once where nobody does so [ID75]."""
    issuer = world.asked
    assert world.me(issuer.token()) == (200, "")
    issuer.keys.append(Signer("asked-2"))
    assert world.me(issuer.token()) == (200, "")
    before = issuer.count("keys")
    signer = Signer("made-up")
    for number in range(100):
        signer.kid = f"made-up-{number}"
        assert world.me(issuer.token(key=signer)) == NOBODY
    assert issuer.count("keys") - before <= 2


def test_an_unknown_person_is_nobody(world: World) -> None:
    """Though the token is good and tells the owner's e-mail address [ID76]."""
    users = world.rows("SELECT count(*) FROM users")
    for email in (None, EMAIL):
        assert world.me(world.plain.token("stranger", email=email)) == NOBODY
    assert world.rows("SELECT count(*) FROM users") == users


def test_with_auto_provision_somebody_new_is_let_in_once(world: World) -> None:
    """Eight requests at once make one account, a member of nothing, and one row [ID76]."""
    token = world.open.token("new", email=EMAIL)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(world.ask, [token] * 8))
    assert [each.status_code for each in answers] == [200] * 8, answers[0].text
    (user,) = {each.json()["id"] for each in answers}
    me = answers[0].json()
    assert (me["email"], me["display_name"]) == (f"{user}@identity.invalid", "Ada")
    assert (me["workspace"], me["is_instance_admin"]) == (None, False)
    listed = world.rows("SELECT actor, data FROM audit WHERE action = 'auth.identity_provision'")
    assert [(actor, json.loads(data)) for actor, data in listed] == [
        (user, {"issuer": world.open.url, "subject": "new"})
    ]
    assert world.rows(f"SELECT count(*) FROM members WHERE user_id = '{user}'") == [(0,)]


def test_an_identity_does_not_reach_the_account(world: World) -> None:
    """What would let it in without its issuer needs a log-in here; a workspace does not [ID78]."""
    visitor = world.with_token(world.plain.token())
    assert visitor.code("GET", "/members") == (200, "")
    owner = {"email": "eve@example.org", "role": "owner"}
    assert visitor.code("POST", "/members/invitations", owner) == (403, "reauth_required")
    assert visitor.code("GET", "/users") == (403, "forbidden")
    passwords = {"current_password": "x", "new_password": "y"}
    for method, path, value in (
        ("GET", "/auth/sessions", None),
        ("DELETE", "/auth/sessions/x", None),
        ("PATCH", "/auth/me", {"display_name": "Eve"}),
        ("POST", "/auth/password", passwords),
        ("POST", "/auth/logout-all", None),
    ):
        assert visitor.code(method, path, value) == (403, "forbidden"), path
    assert visitor.call("POST", "/auth/logout").status_code == 204
    assert world.me(visitor.access) == (200, "")
    assert world.owner.call("GET", "/auth/me").status_code == 200


def test_an_issuer_that_is_away_lets_nobody_in(world: World) -> None:
    """503 with the time to wait; the others go on [ID77]."""
    token = world.away.token()
    for _ in range(2):
        answer = world.ask(token)
        assert (answer.status_code, answer.json()["code"]) == DOWN
        assert int(answer.headers["retry-after"]) >= 1
        assert "127.0.0.1" not in answer.text
    assert world.me(world.plain.token()) == (200, "")


@pytest.mark.parametrize("name", ["asked", "introspected"])
def test_what_an_issuer_takes_back_is_nothing_a_second_later(world: World, name: str) -> None:
    """And while it does not answer nobody is let in [ID77]."""
    issuer: LocalIssuer = getattr(world, name)
    kept, taken, late = (issuer.token(jti=each) for each in ("kept", "taken", "late"))
    assert world.me(taken) == (200, "")
    issuer.ended.add(taken)
    began = time.monotonic()
    while (answer := world.me(taken)) == (200, ""):
        assert time.monotonic() - began < 2
    assert answer == NOBODY
    assert world.me(kept) == (200, "")
    issuer.is_broken = True
    assert world.me(late) == DOWN
    issuer.is_broken = False
    if name == "introspected":
        authorization = next(each for what, each in issuer.asked if what == "introspect")
        assert authorization.startswith("Basic ")


def test_only_the_operator_links_an_account(world: World) -> None:
    """To an issuer of the settings, once, and may take it back; each is audited [AU111]."""
    url = world.plain.url
    with pytest.raises(InvalidInput, match="--issuer"):
        world.link("add", EMAIL, issuer=f"{url}/", subject="s2")
    with pytest.raises(InvalidInput, match="--subject"):
        world.link("add", EMAIL, issuer=url, subject="\n")
    with pytest.raises(NotFound):
        world.link("add", "nobody@example.org", issuer=url, subject="s2")
    with pytest.raises(Conflict):
        world.link("add", EMAIL, issuer=url)
    token = world.plain.token("s2")
    world.link("add", EMAIL.upper(), issuer=url, subject="s2")
    assert world.me(token) == (200, "")
    world.link("remove", issuer=url, subject="s2")
    assert world.me(token) == NOBODY
    with pytest.raises(NotFound):
        world.link("remove", issuer=url, subject="s2")
    (owner,) = world.rows(f"SELECT id FROM users WHERE email = '{EMAIL}'")
    rows = world.rows(
        "SELECT action, actor_kind, target FROM audit WHERE data LIKE '%\"s2\"%' ORDER BY id"
    )
    assert rows == [
        ("auth.identity_add", "system", *owner),
        ("auth.identity_remove", "system", *owner),
    ]


def test_a_server_does_not_start_with_an_issuer_that_cannot_be_used(site: Site) -> None:
    """One line, exit 2, and no port [AU100]."""
    given = {
        "issuer": "https://id.example.org",
        "audience": AUDIENCE,
        "jwks_url": "https://id.example.org/keys",
        "algorithms": ["RS256"],
        "introspection_url": "https://id.example.org/introspect",
        "client_id": "legato",
        "client_secret": "nowhere",
    }
    result = site.run("serve", "--port", 0, LEGATO_AUTH__ISSUERS=json.dumps([given]))
    assert (result.code, result.out) == (2, ""), result
    (line,) = result.err.splitlines()
    assert "auth.issuers[0].client_secret: names a secret that is not there" in line
