# SPDX-License-Identifier: Apache-2.0
"""`ctx.http`: the guarded client of every node, here and in a process of its own."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvloop

from legato.nodes.http_access import GuardedHttp
from legato.nodes.registry import close_node_types
from legato.ports.grants import Grants
from legato.ports.http import HttpBody, HttpBounds
from legato.ports.node import NodeFailure
from tests.integration.nodes.mail_servers import make_certificate
from tests.integration.nodes.servers import Visit, serve
from tests.unit.nodes import samples
from tests.unit.nodes.world import World

pytestmark = pytest.mark.usefixtures("closed")


async def answer_ok(visit: Visit) -> None:
    await visit.answer(200, b"for " + visit.line.encode(), X_A="1")


@pytest.mark.linux
@pytest.mark.parametrize("isolated", [False, True])
async def test_a_node_reaches_what_is_granted_and_nothing_else(
    world: World, isolated: bool
) -> None:
    """The client keeps to the same grants in this process and in one of its own [ND50, ND3]."""
    async with serve(answer_ok) as server:
        config = {"url": f"{server.url}/a"}
        error = await world.error(samples.fetch, config, isolated=isolated)
        assert (error.kind, error.may_have_happened) == ("address_refused", False)
        assert server.visits == []
        world.grants = Grants(hosts=(server.grant,))
        output = await world.output(samples.fetch, config, isolated=isolated)
        world.grants = Grants(hosts=(f"127.0.0.0/8:{server.port}",))
        by_network = await world.output(samples.fetch, config, isolated=isolated)
    assert output == by_network
    assert output["status"] == 200
    assert output["body"] == "for GET /a HTTP/1.1"
    assert output["year"] == 2027
    assert output["streamed"] == "for POST /a HTTP/1.1"
    assert server.visits[0].headers["x-own"] == "mine"
    assert server.visits[1].body == b"piece by piece"


async def test_responses_have_bounds_that_a_node_may_lower(world: World) -> None:
    """Bytes and redirects; a redirect that is not followed is an answer [ND50]."""

    async def answer(visit: Visit) -> None:
        if "/there" in visit.line:
            await visit.answer(200, b"x" * 1000)
        else:
            await visit.answer(302, b"", Location="/there")

    async with serve(answer) as server:
        http = GuardedHttp(Grants(hosts=(server.grant,)))
        found = await http.request("GET", server.url, bounds=HttpBounds(redirects_max=1))
        assert (found.status, found.url) == (200, f"{server.url}/there")
        stays = await http.request("GET", server.url, bounds=HttpBounds(redirects_max=0))
        assert (stays.status, stays.headers["location"]) == (302, "/there")
        with pytest.raises(NodeFailure, match="larger than 999"):
            await http.request("GET", server.url, bounds=HttpBounds(response_bytes_max=999))


async def test_headers_of_a_node_do_not_cross_to_another_origin(world: World) -> None:
    """Only what says nothing about who asks goes along, whatever its name [ND50]."""
    async with serve(answer_ok) as other:

        async def redirect(visit: Visit) -> None:
            await visit.answer(302, b"", Location=other.url)

        async with serve(redirect) as server:
            http = GuardedHttp(Grants(hosts=(server.grant, other.grant)))
            headers = {"X-Anything": "secret", "Cookie": "a=b", "Accept": "text/plain"}
            await http.request("GET", server.url, headers=headers)
    got = other.visits[0].headers
    assert got["accept"] == "text/plain"
    assert not {"x-anything", "cookie"} & set(got)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
async def test_a_node_cannot_say_where_a_message_ends(name: str) -> None:
    """Headers that frame a message or name its receiver are refused [ND50]."""
    http = GuardedHttp(Grants())
    with pytest.raises(NodeFailure) as caught:
        await http.request("GET", "https://example.org", headers={name: "1"})
    assert caught.value.error.kind == "invalid_request"


async def test_a_slow_reader_does_not_fill_the_memory() -> None:
    """What is not read stays with the sender [ND50, ND20]."""
    sent = 0

    async def answer(visit: Visit) -> None:
        nonlocal sent
        await visit.send(b"HTTP/1.1 200 X\r\nContent-Length: 1000000000\r\n\r\n")
        while sent < 1_000_000_000:
            await visit.send(b"x" * 100_000)
            sent += 100_000

    async with serve(answer) as server, serve(answer_ok) as other:
        http = GuardedHttp(Grants(hosts=(server.grant, other.grant)))
        bounds = HttpBounds(response_bytes_max=2_000_000_000)
        async with http.stream("GET", server.url, bounds=bounds) as got:
            assert await anext(got.pieces)
            for _ in range(200):  # the loop goes round and round, and nobody reads
                await http.request("GET", other.url)
        await server.gone.wait()
    assert sent < 30_000_000


async def test_a_slow_receiver_does_not_fill_the_memory() -> None:
    """A body is read from its source only as fast as it is taken [ND50, ND52]."""
    made = 0

    async def pieces() -> Any:
        nonlocal made
        while made < 1_000_000_000:
            made += 100_000
            yield b"x" * 100_000

    stuck = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await stuck.wait()
        writer.transport.abort()

    server = await asyncio.start_server(hold, "127.0.0.1", 0, limit=1_000)
    port = server.sockets[0].getsockname()[1]
    http = GuardedHttp(Grants(hosts=(f"127.0.0.1:{port}",)))
    body = HttpBody(size=1_000_000_000, pieces=pieces)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await http.request("PUT", f"http://127.0.0.1:{port}/", body=body)
    stuck.set()
    server.close()
    await server.wait_closed()
    assert made < 50_000_000


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_both_event_loops_speak_tls_and_keep_connections(
    loop_factory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's loop and Python's own give the same answers, encrypted and not [ND50]."""
    server_side, client_side = make_certificate(tmp_path)

    def trusting(*, trust_env: bool) -> ssl.SSLContext:
        assert trust_env is False
        return client_side

    monkeypatch.setattr(httpx2, "create_ssl_context", trusting)

    async def ask() -> list[tuple[int, bytes, int]]:
        found: list[tuple[int, bytes, int]] = []
        for context in (None, server_side):
            async with serve(answer_ok, tls=context) as server:
                http = GuardedHttp(Grants(hosts=(server.grant,)))
                url = server.url.replace("http:", "https:") if context else server.url
                for _ in range(3):
                    got = await http.request("POST", url + "/x", body=b"y" * 1_000_000)
                    kept = len({id(visit.writer) for visit in server.visits})
                    found.append((got.status, got.body, kept))
            await close_node_types()
        return found

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        assert runner.run(ask()) == [(200, b"for POST /x HTTP/1.1", 1)] * 6


async def test_a_certificate_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    """Nothing is sent over a connection whose other end is unknown [ND50, ND16]."""
    server_side, _ = make_certificate(tmp_path)
    async with serve(answer_ok, tls=server_side) as server:
        http = GuardedHttp(Grants(hosts=(server.grant,)))
        with pytest.raises(NodeFailure) as caught:
            await http.request("POST", f"https://127.0.0.1:{server.port}/", body=b"secret")
    assert (caught.value.error.kind, caught.value.error.may_have_happened) == ("network", False)
    assert server.visits == []
