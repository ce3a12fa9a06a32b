# SPDX-License-Identifier: Apache-2.0
"""Server-side request forgery and hostile servers, over real sockets."""

import asyncio
import socket
from typing import Any

import pytest

from legato.nodes import http
from legato.ports.grants import Grants
from tests.integration.nodes.servers import Server, Visit, answer_ok, serve
from tests.unit.nodes.world import CANARY, World

pytestmark = pytest.mark.usefixtures("closed")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost", "[::1]",
     "[::ffff:127.0.0.1]", "0", "①②⑦.⓪.⓪.①", "127。0。0。1", "LOCALHOST."],
)  # fmt: skip
async def test_a_local_server_is_not_reached_in_any_notation(world: World, host: str) -> None:
    """No way of writing loopback gets through without a grant [ND16]."""
    async with serve(answer_ok) as server:
        error = await world.error(http.request, {"url": f"http://{host}:{server.port}/"})
        assert error.kind in {"address_refused", "network", "invalid_url"}
        assert error.may_have_happened is False
        assert server.visits == []


TARGETS = [
    "http://127.0.0.1:{other}/", "http://169.254.169.254/latest/meta-data/",
    "http://[::ffff:127.0.0.1]:{other}/", "http://[64:ff9b::7f00:1]:{other}/",
    "http://0x7f000001:{other}/", "http://100.64.0.1/", "//127.0.0.1:{other}/",
    "http://localhost:{other}/", "http://[::1]:{other}/", "http://2130706433:{other}/",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("status", [301, 307])
async def test_a_redirect_to_an_internal_address_is_refused(
    world: World, target: str, status: int
) -> None:
    """Every hop is checked like the first address [ND17]."""
    async with serve(answer_ok) as other:
        location = target.format(other=other.port)

        async def redirect(visit: Visit) -> None:
            await visit.answer(status, b"", Location=location)

        async with serve(redirect) as server:
            world.grants = Grants(hosts=(server.grant,))
            error = await world.error(http.request, {"url": server.url})
        assert error.kind in {"address_refused", "network"}
        assert error.message.startswith("after a redirect: ")
        assert error.may_have_happened is True
        assert other.visits == []


async def test_a_name_that_changes_between_check_and_connection_gains_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to the address that was checked; the name is resolved once
    [ND17].
    """
    asked: list[str] = []
    connected: list[str] = []
    loop = asyncio.get_running_loop()

    async def rebinding(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def connect(_: Any, host: str, port: int) -> Any:
        connected.append(host)
        raise OSError("unreachable in this test")

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    monkeypatch.setattr(loop, "create_connection", connect)
    error = await world.error(http.request, {"url": "http://rebind.example/"})
    assert error.kind == "network"
    assert (asked, connected) == (["rebind.example"], ["93.184.216.34"])


async def test_one_private_address_among_public_ones_refuses_the_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every address of a name has to be public [ND16]."""

    async def mixed(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("93.184.216.34", "10.0.0.1")
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", mixed)
    error = await world.error(http.request, {"url": "http://mixed.example/"})
    assert error.kind == "address_refused"
    assert "10.0.0.1" in error.message


async def test_a_kept_connection_is_no_way_around_a_grant(world: World) -> None:
    """A connection that one grant opened is not used without it [ND16]."""
    async with serve(answer_ok) as server:
        world.grants = Grants(hosts=(server.grant,))
        await world.output(http.request, {"url": server.url})
        world.grants = Grants()
        error = await world.error(http.request, {"url": server.url})
        assert error.kind == "address_refused"
        assert len(server.visits) == 1


async def test_secrets_do_not_follow_a_redirect_to_another_origin(world: World) -> None:
    """Another port is another origin: headers of the config stay behind [ND17]."""
    async with serve(answer_ok) as other:

        async def redirect(visit: Visit) -> None:
            await visit.answer(302, b"", Location=f"{other.url}/stolen")

        async with serve(redirect) as server:
            world.grants = Grants(hosts=(server.grant, other.grant))
            headers = {"Authorization": {"secret": "token"}, "X-Api-Key": {"secret": "token"}}
            await world.output(http.request, {"url": server.url, "headers": headers})
    assert other.visits[0].line == "GET /stolen HTTP/1.1"
    assert "authorization" not in other.visits[0].headers
    assert "x-api-key" not in other.visits[0].headers
    assert server.visits[0].headers["authorization"]


async def test_a_server_that_echoes_a_secret_does_not_leak_it(world: World) -> None:
    """Headers, bodies, JSON and error texts that hold the secret are redacted [ND10]."""

    async def echo(visit: Visit) -> None:
        raw = visit.headers["x-api-key"].encode("latin-1")
        status = int(visit.line.split()[1].strip("/"))
        body = b'{"you sent": "' + raw + b'"}'
        await visit.answer(status, body, Content_Type="application/json", X_Back=raw.decode())

    async with serve(echo) as server:
        world.grants = Grants(hosts=(server.grant,))
        for status in (200, 401, 500):
            config = {
                "url": f"{server.url}/{status}",
                "headers": {"X-Api-Key": {"secret": "token"}},
            }
            report = await world.run(http.request, config)
            said = await world.everything_said(report)
            assert CANARY not in said
            assert CANARY[:12] not in said
            assert "[redacted]" in said


async def test_a_header_of_megabytes_is_refused(world: World) -> None:
    """Headers are bounded before they are whole [ND20]."""

    async def endless(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 X\r\n")
        while True:
            await visit.send(b"X-A: " + b"y" * 60_000 + b"\r\n")

    async with serve(endless) as server:
        world.grants = Grants(hosts=(server.grant,))
        error = await world.error(http.request, {"url": server.url})
    assert error.kind == "network"


async def test_a_slow_resolver_does_not_hold_an_attempt_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resolving and connecting are bounded together; nothing was sent [ND20]."""
    monkeypatch.setattr("legato.nodes.http_client.CONNECT_S", 0.05)

    async def never(*_: Any, **__: Any) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    error = await world.error(http.request, {"url": "http://slow.example/", "method": "POST"})
    assert (error.kind, error.may_have_happened) == ("network", False)


async def test_tls_is_verified(world: World) -> None:
    """A server without a certificate gets nothing [ND16]."""

    async def plain(visit: Visit) -> None:
        await visit.answer(200)

    async with serve(plain) as server:
        world.grants = Grants(hosts=(server.grant,))
        url = f"https://127.0.0.1:{server.port}/"
        error = await world.error(http.request, {"url": url, "method": "POST"}, timeout_ms=500)
    assert error.kind in {"network", "timeout"}
    assert server.visits == []
    assert isinstance(server, Server)
