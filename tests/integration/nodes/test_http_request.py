# SPDX-License-Identifier: Apache-2.0
"""http.request against real servers on loopback, which the tests grant by host and port."""

import asyncio
import gzip
import os
import socket
import zlib
from typing import Any

import pytest

from legato.model.events import NodeError
from legato.model.signals import ReportCancelled
from legato.nodes import http
from legato.ports.grants import Grants
from tests.integration.nodes.servers import Server, Visit, serve
from tests.unit.nodes.world import World, request

pytestmark = pytest.mark.usefixtures("closed")


def grant(world: World, *servers: Server) -> None:
    world.grants = Grants(hosts=tuple(server.grant for server in servers))


async def fail(world: World, server: Server, **config: Any) -> NodeError:
    grant(world, server)
    return await world.error(http.request, {"url": server.url, **config})


async def test_a_request_arrives_whole_and_the_answer_comes_back(world: World) -> None:
    """Method, path, query, headers and body go out; status, headers and JSON come back [ND20]."""

    async def answer(visit: Visit) -> None:
        await visit.answer(201, b'{"ok": true}', Content_Type="application/json", X_A="1")

    async with serve(answer) as server:
        grant(world, server)
        config = {
            "method": "POST", "url": server.url + "/a%20b?x=1", "query": {"y": "ü"},
            "headers": {"X-Token": {"secret": "token"}}, "json": {"n": 1},
        }  # fmt: skip
        output = await world.output(http.request, config)
    visit = server.visits[0]
    assert visit.line == "POST /a%20b?x=1&y=%C3%BC HTTP/1.1"
    assert visit.body == b'{"n": 1}'
    assert visit.headers["host"] == server.grant
    assert visit.headers["x-token"].encode("latin-1").decode() == world.secrets.values["token"]
    assert visit.headers["user-agent"] == "legato"
    assert (output["status"], output["json"], output["headers"]["x-a"]) == (201, {"ok": True}, "1")


async def test_connections_are_kept_and_cookies_are_not(world: World) -> None:
    """One workflow's session never reaches another [ND18]."""

    async def answer(visit: Visit) -> None:
        await visit.answer(200, b"", Set_Cookie="session=1; Path=/")

    async with serve(answer) as server:
        grant(world, server)
        for _ in range(3):
            await world.output(http.request, {"url": server.url})
    assert len({id(visit.writer) for visit in server.visits}) == 1
    assert all("cookie" not in visit.headers for visit in server.visits)


async def test_proxies_of_the_environment_are_not_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable cannot send the request elsewhere [ND18]."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:1")

    async def answer(visit: Visit) -> None:
        await visit.answer(200, b"direct")

    async with serve(answer) as server:
        grant(world, server)
        assert (await world.output(http.request, {"url": server.url}))["body"] == "direct"


async def test_redirects_are_followed_and_counted(world: World) -> None:
    """Up to five; the sixth fails; none if the config says so [ND17]."""

    async def answer(visit: Visit) -> None:
        step = int(visit.line.split()[1].strip("/") or 0)
        if step == 0:
            await visit.answer(200, b"there")
        else:
            await visit.answer(302, b"body", Location=f"/{step - 1}")

    async with serve(answer) as server:
        grant(world, server)
        found = await world.output(http.request, {"url": server.url + "/5"})
        assert found["body"] == "there"
        error = await world.error(http.request, {"url": server.url + "/6"})
        assert (error.kind, error.retryable) == ("too_many_redirects", False)
        config = {"url": server.url + "/3", "follow_redirects": False}
        stayed = await world.output(http.request, config)
        assert (stayed["status"], stayed["headers"]["location"]) == (302, "/2")


async def test_a_server_that_refuses_did_not_get_the_request(world: World) -> None:
    """Connection refused is `network`, and a POST may be sent again [ND20, AT10]."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = Server(taken.getsockname()[1])
        error = await fail(world, server, method="POST")
    assert (error.kind, error.may_have_happened, error.retryable) == ("network", False, True)


async def test_a_server_that_hangs_runs_into_the_timeout(world: World) -> None:
    """No answer within the attempt's time: what happened is not known [ND20, AT18]."""

    async def answer(visit: Visit) -> None:
        await asyncio.Event().wait()

    async with serve(answer) as server:
        grant(world, server)
        error = await world.error(http.request, {"url": server.url}, timeout_ms=200)
    assert (error.kind, error.may_have_happened) == ("timeout", True)


async def test_a_server_that_drips_runs_into_the_timeout(world: World) -> None:
    """A byte now and then does not prolong an attempt [ND20]."""

    async def answer(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 X\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            await visit.send(b".")
            await asyncio.sleep(0)

    async with serve(answer) as server:
        grant(world, server)
        error = await world.error(http.request, {"url": server.url}, timeout_ms=200)
    assert error.kind == "timeout"


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 X\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 X\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"HTTP/1.1 200 X\r\n" + b"X-A: " + b"y" * 300_000,
    ],
)  # fmt: skip
async def test_an_answer_that_lies_or_ends_too_early_is_a_network_failure(
    world: World, sent: bytes
) -> None:
    """Half a body is never taken for a whole one; the request may have arrived [ND20]."""

    async def answer(visit: Visit) -> None:
        await visit.send(sent)
        visit.writer.close()

    async with serve(answer) as server:
        error = await fail(world, server, method="PUT")
    assert (error.kind, error.may_have_happened) == ("network", True)


async def test_a_connection_that_is_reset_may_have_delivered_the_request(world: World) -> None:
    """Reset after sending leaves the outcome open [AT11, ND20]."""

    async def answer(visit: Visit) -> None:
        visit.abort()

    async with serve(answer) as server:
        error = await fail(world, server, method="POST", body="pay 5")
    assert (error.kind, error.may_have_happened) == ("network", True)


async def test_a_body_of_a_gigabyte_is_cut_off_early(world: World) -> None:
    """Reading stops at the limit, announced or not, and the connection is closed [ND20]."""
    sent = 0

    async def announced(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 X\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 10)

    async def endless(visit: Visit) -> None:
        nonlocal sent
        await visit.send(b"HTTP/1.1 200 X\r\nConnection: close\r\n\r\n")
        while sent < 1_000_000_000:
            await visit.send(b"x" * 65_536)
            sent += 65_536

    for answer in (announced, endless):
        async with serve(answer) as server:
            error = await fail(world, server, max_response_bytes=1_000_000)
            assert (error.kind, error.retryable) == ("response_too_large", False)
            await server.gone.wait()
    assert sent < 100_000_000


async def test_a_packed_body_is_unpacked_within_the_limit(world: World) -> None:
    """Gzip and deflate are read; a bomb stops at the limit [ND20]."""
    bomb = gzip.compress(b"\0" * 200_000_000, 1)

    async def answer(visit: Visit) -> None:
        how = visit.line.split()[1].strip("/")
        body, encoding = {
            "gzip": (gzip.compress(b"packed" * 100_000), "gzip"),
            "deflate": (zlib.compress(b"packed" * 100_000), "deflate"),
            "bomb": (bomb, "gzip"),
            "half": (gzip.compress(os.urandom(5_000))[:-20], "gzip"),
            "wrong": (b"not packed at all", "gzip"),
            "brotli": (b"x", "br"),
            "empty": (b"", "gzip"),
        }[how]
        await visit.answer(200, body, Content_Encoding=encoding)

    async with serve(answer) as server:
        grant(world, server)
        for how in ("gzip", "deflate"):
            output = await world.output(http.request, {"url": f"{server.url}/{how}"})
            assert output["body"] == "packed" * 100_000
        empty = await world.output(http.request, {"url": f"{server.url}/empty"})
        assert empty["body"] == ""
        error = await world.error(http.request, {"url": f"{server.url}/bomb"})
        assert error.kind == "response_too_large"
        for how in ("half", "wrong", "brotli"):
            error = await world.error(http.request, {"url": f"{server.url}/{how}"})
            assert (error.kind, error.may_have_happened) == ("invalid_response", True)


async def test_head_has_no_body_whatever_it_announces(world: World) -> None:
    """The length of a HEAD answer is that of the GET [ND20]."""

    async def answer(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n")

    async with serve(answer) as server:
        grant(world, server)
        output = await world.output(http.request, {"url": server.url, "method": "HEAD"})
    assert (output["status"], output["body"], output["json"]) == (200, "", None)


async def test_stopping_closes_the_connection_at_once(world: World) -> None:
    """A cancelled request does not stay open [EN12]."""
    world.types["http.request"] = http.request

    async def answer(visit: Visit) -> None:
        while True:
            await visit.send(b"x" * 65_536)

    async with serve(answer) as server:
        grant(world, server)
        runner = world.runner()
        asked = request(http.request, {"url": server.url})
        attempt = asyncio.ensure_future(runner.run(asked))
        await server.visited.wait()
        loop = asyncio.get_running_loop()
        begin = loop.time()
        runner.stop(asked.key)
        assert isinstance(await attempt, ReportCancelled)
        await server.gone.wait()
        assert loop.time() - begin < 2.0


async def test_many_requests_at_once_share_the_pool(world: World) -> None:
    """Fifty requests at once all get their own answer [ND20]."""

    async def answer(visit: Visit) -> None:
        await visit.answer(200, visit.line.split()[1].encode())

    async with serve(answer) as server:
        grant(world, server)
        bodies = await asyncio.gather(
            *(
                world.output(http.request, {"url": f"{server.url}/{number}"}, item=number)
                for number in range(50)
            )
        )
    assert [each["body"] for each in bodies] == [f"/{number}" for number in range(50)]
