# SPDX-License-Identifier: Apache-2.0
"""Ways to make a node reach what it must not: one table for every node that takes a URL."""

import asyncio
import socket
from typing import Any

import pytest

from legato.model.events import NodeError
from legato.nodes import http, webhook
from legato.ports.grants import Grants
from tests.integration.nodes.servers import Visit, answer_ok, serve
from tests.unit.nodes import samples
from tests.unit.nodes.world import World

pytestmark = pytest.mark.usefixtures("closed")

METADATA = "169.254.169.254"
ANY = ".".join("0000")
REFUSED = {"address_refused", "network", "invalid_url"}


def unreachable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let no connection come about; return the addresses that are tried."""
    connected: list[str] = []

    async def create_connection(_: Any, address: str, port: int) -> Any:
        connected.append(address)
        raise OSError("unreachable in this test")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", create_connection)
    return connected


def resolving(
    monkeypatch: pytest.MonkeyPatch, *answers: str | list[str]
) -> tuple[list[str], list[str]]:
    """Have names resolve to these, look-up by look-up; return what is asked and connected."""
    asked: list[str] = []
    connected = unreachable(monkeypatch)

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        found = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        addresses = [found] if isinstance(found, str) else found
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port))
            for each in addresses
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked, connected


NOTATIONS = [
    "127.0.0.1", "127.1", "127.0.1", "0177.0.0.1", "0177.0.0.01", "0x7f.0.0.1", "0x7f000001",
    "2130706433", "017700000001", "127.255.255.254", "0", ANY, "localhost", "LocalHost",
    "localhost.", "①②⑦.⓪.⓪.①", "127。0。0。1", "\uff11\uff12\uff17.0.0.1", "[::]", "[::1]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]",
    "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]",
    "[fc00::1]", METADATA, "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "0xa9fea9fe",
    "2852039166", "0251.0376.0251.0376", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]",
    "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "100.100.100.200", "192.0.0.192",
    "198.18.0.1", "224.0.0.1", "255.255.255.255", "%31%32%37.0.0.1", "127.0.0.1%00.example.org",
    "127.0.0.1%2f.example.org", "127.0.0.1\t",
]  # fmt: skip


@pytest.mark.parametrize("host", NOTATIONS)
@pytest.mark.parametrize("node_type", [http.request, webhook.webhook, samples.fetch])
async def test_no_notation_reaches_an_internal_address(
    world: World, monkeypatch: pytest.MonkeyPatch, node_type: Any, host: str
) -> None:
    """Loopback, link-local, private and carried addresses, however written [ND16, ND50]."""
    connected = unreachable(monkeypatch)
    config = {"url": f"http://{host}:8080/latest/meta-data/"}
    if node_type is webhook.webhook:
        config |= {"payload": 1, "key": "k"}  # type: ignore[dict-item]
    error: NodeError = await world.error(node_type, config)
    assert error.kind in REFUSED
    assert error.may_have_happened is False
    assert connected == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", METADATA, ANY, "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
     "2002:a00:1::", "fe80::1", "fd00::1", "100.64.0.1"],
)  # fmt: skip
async def test_a_name_that_resolves_to_the_inside_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """What a public name points to counts [ND16, ND17]."""
    _, connected = resolving(monkeypatch, address)
    error = await world.error(http.request, {"url": "http://public.example/"})
    assert error.kind == "address_refused"
    assert connected == []
    _, connected = resolving(monkeypatch, ["93.184.216.34", address])
    error = await world.error(http.request, {"url": "http://public.example/"})
    assert error.kind == "address_refused"
    assert connected == []


async def test_a_name_that_changes_its_mind_gains_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look-up per connection, and the connection goes to what was looked up [ND17]."""
    asked, connected = resolving(monkeypatch, "93.184.216.34", "127.0.0.1")
    await world.error(http.request, {"url": "http://rebind.example/"})
    assert (asked, connected) == (["rebind.example"], ["93.184.216.34"])
    error = await world.error(http.request, {"url": "http://rebind.example/"})
    assert (error.kind, connected) == ("address_refused", ["93.184.216.34"])


async def test_a_grant_by_network_does_not_cover_what_a_name_may_become(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is compared, at every look-up, with its port [ND56]."""
    world.grants = Grants(hosts=("10.1.0.0/16:80",))
    _, connected = resolving(monkeypatch, "10.1.2.3", "10.2.2.3")
    assert (await world.error(http.request, {"url": "http://inside.example/"})).kind == "network"
    error = await world.error(http.request, {"url": "http://inside.example/"})
    assert (error.kind, connected) == ("address_refused", ["10.1.2.3"])
    _, connected = resolving(monkeypatch, "10.1.2.3")
    error = await world.error(http.request, {"url": "http://inside.example:81/"})
    assert (error.kind, connected) == ("address_refused", [])


@pytest.mark.parametrize(
    "url",
    ["http://example.org@127.0.0.1/", "http://127.0.0.1@example.org/",
     "http://example.org:80@127.0.0.1/", "http://127.0.0.1:80\\@example.org/",
     "http://example.org\\@127.0.0.1/", "http://127.0.0.1#@example.org/",
     "http://127.0.0.1?@example.org/", "http://example.org%40127.0.0.1/", "http:127.0.0.1/",
     "http:///127.0.0.1/", "http://127.0.0.1:80:80/", "http://[::1/", "http://127.0.0.1:+80/"],
)  # fmt: skip
async def test_user_names_and_odd_characters_do_not_hide_a_host(
    world: World, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """A URL with a user is refused, and the host that is checked is the one connected [ND16]."""
    connected = unreachable(monkeypatch)
    error = await world.error(http.request, {"url": url})
    assert error.kind in REFUSED
    assert connected == []


TARGETS = [
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://2130706433:{port}/", "//127.1:{port}/",
    f"http://{METADATA}/latest/", "http://0:{{port}}/".replace("{{port}}", "{port}"),
    "http://a@127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/x",
    "http://[64:ff9b::7f00:1]:{port}/", "http://[2002:7f00:1::]:{port}/",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("how", ["request", "save", "pages"])
async def test_a_granted_server_cannot_lead_inside(world: World, target: str, how: str) -> None:
    """Redirects and next pages are checked like the first address [ND17, ND53, ND54]."""
    async with serve(answer_ok) as inside:
        place = target.format(port=inside.port)

        async def lead(visit: Visit) -> None:
            if how == "pages":
                await visit.answer(200, b"[1]", Link=f'<{place}>; rel="next"')
            else:
                await visit.answer(302, b"", Location=place)

        async with serve(lead) as server:
            world.grants = Grants(hosts=(server.grant,))
            config: dict[str, Any] = {"url": server.url}
            if how == "save":
                config["save"] = "blob"
            elif how == "pages":
                origins = [f"http://127.0.0.1:{inside.port}"]
                config["pages"] = {"next": "link_header", "origins": origins}
            error = await world.error(http.request, config)
        assert error.kind in {*REFUSED, "redirect_refused"}
        assert inside.visits == []
