# SPDX-License-Identifier: Apache-2.0
"""Nodes that use credentials, against real servers on loopback."""

import asyncio
import base64
from typing import Any
from urllib.parse import urlsplit

import pytest

from legato.model.events import NodeError
from legato.nodes import http, mail, shell, sql, webhook
from legato.nodes.credential_trial import CredentialTrials
from legato.nodes.http_access import GuardedHttp
from legato.ports.credentials import CredentialType, OpenCredential, Trial
from legato.ports.grants import Grants
from legato.ports.node import NodeContext, node
from legato.testing.memory import NamedCredentials
from tests.integration.nodes.mail_servers import Post, serve_mail
from tests.integration.nodes.servers import Server, Visit, serve
from tests.unit.nodes.samples import Plain
from tests.unit.nodes.world import World

pytestmark = pytest.mark.usefixtures("closed")
TOKEN = "canary-token-4711"
PASSWORD = "canary:p/ss+word"


def credential(
    kind: CredentialType = "http_bearer", *hosts: str, name: str = "github", **data: Any
) -> OpenCredential:
    """Return an open credential."""
    data = data or {"token": TOKEN}
    return OpenCredential(id="c-1", name=name, type=kind, hosts=hosts, version=1, data=data)


def give(world: World, *credentials: OpenCredential) -> None:
    """Have the workspace hold these."""
    world.vault = NamedCredentials(*credentials)


def grant(world: World, *servers: Server) -> None:
    """Let nodes reach servers on loopback."""
    world.grants = Grants(hosts=tuple(server.grant for server in servers))


async def echo(visit: Visit) -> None:
    """Answer with the headers that came."""
    await visit.answer(200, repr(visit.headers).encode())


HEADERS = [
    (credential("http_bearer", "127.0.0.1"), "authorization", f"Bearer {TOKEN}"),
    (
        credential("http_basic", "127.0.0.1", username="ann", password=PASSWORD),
        "authorization",
        "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode(),
    ),
    (
        OpenCredential(
            id="c-1", name="github", type="http_header", hosts=("127.0.0.1",), version=1,
            data={"name": "X-Api-Key", "value": TOKEN},
        ),
        "x-api-key",
        TOKEN,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("held", "header", "value"), HEADERS)
@pytest.mark.parametrize("isolated", [False, True])
async def test_a_credential_adds_its_header_and_is_redacted(
    world: World, held: OpenCredential, header: str, value: str, isolated: bool
) -> None:
    """Bearer, user and password, and a header of one's own go out; an echo of them comes back
    without, here and in a process of its own [CR15, CR25].
    """
    give(world, held)
    async with serve(echo) as server:
        grant(world, server)
        config = {"url": server.url, "credential": "github"}
        report = await world.run(http.request, config, isolated=isolated)
    assert server.visits[0].headers[header] == value
    said = await world.everything_said(report)
    assert "[redacted]" in said
    assert not [each for each in (TOKEN, PASSWORD, value) if each in said]


async def test_a_credential_goes_to_its_hosts_only(world: World) -> None:
    """Another host gets nothing, not even a request without the header, and the failure is certain
    [CR12].
    """
    give(world, credential("http_bearer", "api.example.org"))
    async with serve(echo) as server:
        grant(world, server)
        error = await world.error(http.request, {"url": server.url, "credential": "github"})
    assert (error.kind, error.may_have_happened, error.retryable) == (
        "credential_host", False, False,
    )  # fmt: skip
    assert server.visits == []
    assert TOKEN not in error.message


@pytest.mark.parametrize("port_matters", [False, True])
async def test_a_redirect_leads_to_no_other_host(world: World, port_matters: bool) -> None:
    """A redirect to a host or port that the credential is not for ends the node; nobody there is
    asked [CR12].
    """
    async with serve(echo) as other:

        async def away(visit: Visit) -> None:
            host = "127.0.0.1" if port_matters else "localhost"
            await visit.answer(302, Location=f"http://{host}:{other.port}/taken")

        async with serve(away) as server:
            world.grants = Grants(hosts=(server.grant, other.grant, f"localhost:{other.port}"))
            give(world, credential("http_bearer", server.grant))
            error = await world.error(http.request, {"url": server.url, "credential": "github"})
    assert error.kind == "credential_host"
    assert "after a redirect" in error.message
    assert (len(server.visits), other.visits) == (1, [])


async def test_a_redirect_within_the_hosts_is_followed_without_the_secret(world: World) -> None:
    """Another origin among the hosts is asked, but gets the credential only if it is named as the
    address [CR12].
    """
    async with serve(echo) as other:

        async def away(visit: Visit) -> None:
            await visit.answer(307, Location=f"{other.url}/there")

        async with serve(away) as server:
            grant(world, server, other)
            give(world, credential("http_bearer", server.grant, other.grant))
            await world.output(http.request, {"url": server.url, "credential": "github"})
    assert "authorization" in server.visits[0].headers
    assert "authorization" not in other.visits[0].headers


async def fail(world: World, **config: Any) -> NodeError:
    """Return the failure of a request that nobody gets."""
    async with serve(echo) as server:
        grant(world, server)
        error = await world.error(http.request, {"url": server.url, **config})
    assert server.visits == []
    return error


async def test_a_credential_that_does_not_fit_is_named(world: World) -> None:
    """An unknown one, one of another type, and two answers to who asks are refused before anything
    is sent [CR11, CR15].
    """
    database = credential("sql", name="shop", dsn="postgresql://u:canary-pass@db/x")
    give(world, database, credential("http_bearer", "127.0.0.1"))
    assert (await fail(world, credential="gitlab")).kind == "not_found"
    error = await fail(world, credential="shop")
    assert (error.kind, "canary" in error.message) == ("credential_type", False)
    both = await fail(world, credential="github", auth={"bearer": "x"})
    assert both.kind == "invalid_config"
    twice = await fail(world, credential="github", headers={"Authorization": "x"})
    assert twice.kind == "invalid_request"
    world.vault = None
    assert (await fail(world, credential="github")).kind == "not_found"


async def test_a_secret_is_looked_for_in_the_store_first(world: World) -> None:
    """`{secret: name}` is the credential of the workspace, then what the operator has set; the
    hosts of a credential hold there too [CR11, CR12].
    """
    give(world, credential("http_bearer", "127.0.0.1", name="token"))
    world.secrets.values["other"] = "canary-of-the-operator"
    written = {"headers": {"X-A": {"secret": "token"}, "X-B": {"secret": "other"}}}
    async with serve(echo) as server:
        grant(world, server)
        await world.output(http.request, {"url": server.url, **written})
        give(world, credential("http_bearer", "api.example.org", name="token"))
        error = await world.error(http.request, {"url": server.url, **written})
        hook = {"url": server.url, "payload": 1, "key": {"secret": "token"}}
        also = await world.error(webhook.webhook, hook)
    assert server.visits[0].headers["x-a"] == TOKEN
    assert server.visits[0].headers["x-b"] == "canary-of-the-operator"
    assert (error.kind, also.kind, len(server.visits)) == ("credential_host",) * 2 + (1,)


@pytest.mark.parametrize("isolated", [False, True])
async def test_a_node_that_cannot_keep_to_hosts_gets_no_such_secret(
    world: World, isolated: bool
) -> None:
    """A secret that is bound to hosts is no input of a program, and no text for a node that did not
    say it keeps to hosts; one that is bound to none is [CR13].
    """
    give(world, credential("http_bearer", "127.0.0.1", name="token"))
    world.grants = Grants(programs=("cat",))
    config = {"program": "cat", "stdin": {"secret": "token"}}
    error = await world.error(shell.run, config, isolated=isolated)
    assert error.kind == "credential_host"
    give(world, credential("smtp", name="token", host="h", port=25, tls="none", password=PASSWORD))
    output = await world.output(shell.run, config, isolated=isolated)
    assert output["stdout"] == "[redacted]"


async def test_a_client_that_was_taken_before_keeps_to_the_hosts(world: World) -> None:
    """Whoever holds `ctx.http` before a credential is opened keeps to its hosts after it [CR12]."""

    @node("test.early", title="Early", keeps_hosts=True)
    async def early(ctx: NodeContext, config: Plain) -> Any:
        """Ask twice."""
        client = ctx.http
        before = await client.request("GET", server.url)
        await ctx.credential("github")
        await client.request("GET", server.url)
        return before.status

    give(world, credential("http_bearer", "api.example.org"))
    async with serve(echo) as server:
        grant(world, server)
        error = await world.error(early, {})
    assert (error.kind, len(server.visits)) == ("credential_host", 1)


async def test_two_credentials_meet_where_both_may_go(world: World) -> None:
    """With two credentials a request keeps to the hosts of both [CR12]."""
    give(
        world,
        credential("http_bearer", "127.0.0.1"),
        OpenCredential(
            id="c-2", name="token", type="http_header", hosts=("localhost",), version=1,
            data={"name": "x", "value": TOKEN},
        ),
    )  # fmt: skip
    error = await fail(world, credential="github", headers={"X-A": {"secret": "token"}})
    assert error.kind == "credential_host"


# --- databases and mail ---


def parts_of(url: str) -> tuple[str, int]:
    """Return host and port of a database."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 5432


@pytest.mark.postgres
async def test_a_database_is_reached_by_its_dsn(world: World, fresh_postgres_url: str) -> None:
    """A query over a credential reads; it does not reach an address that nobody granted, writes
    only where the operator lets credentials write, and no error tells the DSN [CR16].
    """
    host, port = parts_of(fresh_postgres_url)
    give(world, credential("sql", name="shop", dsn=fresh_postgres_url))
    config = {"credential": "shop", "query": "SELECT 1 + :n AS two", "params": {"n": 1}}
    error = await world.error(sql.query, config)
    assert error.kind == "address_refused"
    world.grants = Grants(hosts=(f"{host}:{port}",))
    assert (await world.output(sql.query, config))["rows"] == [{"two": 2}]
    write = {"credential": "shop", "query": "INSERT INTO t VALUES (1)", "write": True}
    assert (await world.error(sql.query, write)).kind == "not_granted"
    world.grants = Grants(hosts=(f"{host}:{port}",), credential_writes=True)
    assert (await world.error(sql.query, write)).kind == "sql.error"
    wrong = "postgresql://nobody:canary-secret-9@" + fresh_postgres_url.rpartition("@")[2]
    give(world, credential("sql", name="shop", dsn=f"{wrong.partition('/x')[0]}x"))
    error = await world.error(sql.query, config)
    assert (error.kind, "canary" in error.message) == ("connection", False)


async def test_a_mail_goes_through_the_workspaces_own_server(world: World) -> None:
    """With a credential the workflow says who it is from, anybody may get it, and the server's
    address has to be public or granted [CR17].
    """
    post = Post()
    letter = {"credential": "post", "to": ["x@elsewhere.example"], "subject": "s", "text": "t"}
    async with serve_mail(post) as port:
        give(world, credential("smtp", name="post", host="127.0.0.1", port=port, tls="none"))
        assert (await world.error(mail.email, letter)).kind == "invalid_config"
        letter["sender"] = "Legato <legato@example.org>"
        assert (await world.error(mail.email, letter)).kind == "address_refused"
        world.grants = Grants(hosts=(f"127.0.0.1:{port}",))
        output = await world.output(mail.email, letter)
        both = await world.error(mail.email, {**letter, "server": "office"})
    assert (output["recipients"], both.kind) == (1, "invalid_config")
    assert post.letters[0].mail_from == "legato@example.org"


# --- trials ---


async def tried(world: World, held: OpenCredential, url: str | None = None) -> Trial:
    """Try a credential within the grants of the world."""
    return await CredentialTrials(GuardedHttp(world.grants), world.grants)(held, url)


@pytest.mark.parametrize(
    ("status", "is_good"), [(200, True), (404, True), (302, True), (401, False), (503, False)]
)
async def test_an_http_credential_is_tried_with_one_request(
    world: World, status: int, is_good: bool
) -> None:
    """A GET at the root of the first host, or at a URL within the hosts; a redirect is not
    followed, and nothing that the server says is passed on [CR18, CR19].
    """

    async def answer(visit: Visit) -> None:
        echoed = visit.headers["authorization"].encode()
        await visit.answer(status, echoed, Location="http://127.0.0.1:1/", X_A=TOKEN)

    async with serve(answer) as server:
        grant(world, server)
        held = credential("http_bearer", "*.example.org", server.grant)
        done = await tried(world, held)
        assert (done.is_good, done.status, done.asked) == (is_good, status, f"{server.url}/")
        assert (await tried(world, held, f"{server.url}/me")).asked == f"{server.url}/me"
        elsewhere = await tried(world, credential("http_bearer", "api.example.org"), server.url)
        nowhere = await tried(world, credential("http_bearer", "*.example.org"))
    assert [each.line.split()[1] for each in server.visits] == ["/", "/me"]
    assert (elsewhere.is_good, nowhere.is_good) == (False, False)
    assert "credential_host" in elsewhere.message
    assert TOKEN not in repr((done, elsewhere, nowhere))


async def test_a_provider_is_asked_for_its_models(world: World) -> None:
    """A language model's key is tried at the list of models [CR18]."""
    async with serve(echo) as server:
        grant(world, server)
        data = {"base_url": f"{server.url}/v1", "api_key": TOKEN, "provider": "own"}
        assert (await tried(world, credential("llm", server.grant, name="llm", **data))).is_good
    (visit,) = server.visits
    assert visit.line == "GET /v1/models HTTP/1.1"
    assert (visit.headers["authorization"], visit.headers["x-api-key"]) == (
        f"Bearer {TOKEN}", TOKEN,
    )  # fmt: skip


async def test_a_server_that_does_not_answer_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial ends after some seconds, and says so [CR19]."""
    monkeypatch.setattr("legato.nodes.credential_trial.TRIAL_S", 0.05)

    async def never(visit: Visit) -> None:
        await asyncio.Event().wait()

    async with serve(never) as server:
        grant(world, server)
        done = await tried(world, credential("http_bearer", server.grant))
    assert (done.is_good, "no answer" in done.message) == (False, True)


async def test_a_mail_server_is_tried_without_a_mail(world: World) -> None:
    """Connected, and nothing is sent; one at an address that nobody granted is not reached
    [CR18, CR19].
    """
    post = Post()
    async with serve_mail(post) as port:
        held = credential("smtp", name="post", host="127.0.0.1", port=port, tls="none")
        refused = await tried(world, held)
        world.grants = Grants(hosts=(f"127.0.0.1:{port}",))
        done = await tried(world, held)
    assert (refused.is_good, done.is_good, post.letters) == (False, True, [])
    assert done.asked == f"127.0.0.1:{port}"


@pytest.mark.postgres
async def test_a_database_is_tried_with_a_select(world: World, fresh_postgres_url: str) -> None:
    """A good DSN answers, a wrong one says why without its password [CR18, CR19]."""
    host, port = parts_of(fresh_postgres_url)
    world.grants = Grants(hosts=(f"{host}:{port}",))
    assert (await tried(world, credential("sql", name="shop", dsn=fresh_postgres_url))).is_good
    wrong = f"postgresql://nobody:canary-secret-9@{host}:{port}/nothing-canary-secret-9"
    done = await tried(world, credential("sql", name="shop", dsn=wrong))
    assert (done.is_good, "canary-secret-9" in done.message) == (False, False)
