# SPDX-License-Identifier: Apache-2.0
"""Which addresses outbound connections may reach, checked at the moment of connecting.

A name is resolved once, every address it has must be public, and the connection goes to the very
address that was checked: a name that changes between check and connection gains nothing. For
everything that connects to where a workflow says: HTTP nodes, and later LLM and MCP endpoints.

Rules: ND16, ND17, ND56.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import httpcore2

from legato.nodes.fields import refused
from legato.nodes.http_stream import LoopStream
from legato.ports.node import NodeFailure

CONNECT_S: Final = 10.0
"""For resolving and connecting together."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_REFUSED_V4: Final = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
"""Source: IANA IPv4 Special-Purpose Address Registry, and multicast. Written out, because what
`ipaddress` calls global differs between Python versions (it says so of 192.88.99.1)."""

_GLOBAL_V6: Final = ipaddress.IPv6Network("2000::/3")
"""All global unicast there is (RFC 4291, IANA); everything outside is refused."""

_REFUSED_V6: Final = tuple(
    ipaddress.IPv6Network(each)
    for each in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
"""Special purposes inside it; among them Teredo and 6to4, which carry an IPv4 address."""

_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Tell whether an address is reachable by everybody on the internet.

    Addresses that carry an IPv4 address (mapped, NAT64) are judged by it; 6to4, Teredo and the
    local NAT64 prefix are refused.
    """
    try:
        parsed: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return False
        if parsed not in _MAPPED and parsed not in _NAT64:
            return parsed in _GLOBAL_V6 and not any(parsed in each for each in _REFUSED_V6)
        parsed = ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)
    return parsed.is_global and not any(parsed in each for each in _REFUSED_V4)


def endpoint(host: str, port: int) -> str:
    """Write `host:port` the way grants are written."""
    host = host.lower().rstrip(".")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_granted(address: str, port: int, granted: frozenset[str]) -> bool:
    """Tell whether an operator allows an address that is not public.

    Args:
        address: As it was resolved.
        port: The port.
        granted: `host:port`, or `network/length:port`: `10.0.0.0/8:443`, `[fd00::/8]:443`.
    """
    plain = _plain(address)
    if endpoint(plain, port) in granted:
        return True
    networks = [network for network, on in _networks(granted) if on == port]
    if not networks:
        return False
    parsed = ipaddress.ip_address(plain)
    return any(parsed in network for network in networks)


@lru_cache(maxsize=16)
def _networks(granted: frozenset[str]) -> tuple[tuple[Network, int], ...]:
    found: list[tuple[Network, int]] = []
    for each in granted:
        network, _, port = each.rpartition(":")
        if "/" in network:
            found.append((ipaddress.ip_network(network.strip("[]")), int(port)))
    return tuple(found)


async def resolve(host: str, port: int, granted: frozenset[str]) -> list[str]:
    """Return the addresses of a host that may be connected to.

    Args:
        host: A name or an address in any notation the system understands.
        port: The port, for grants.
        granted: What need not be public: `host:port` by name or address, or `network:port`.

    Raises:
        NodeFailure: `network`: no address; `address_refused`: one of them is not public.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no host name"
        raise NodeFailure(
            "network", f"{host!r:.100} cannot be resolved: {reason}", may_have_happened=False
        ) from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if endpoint(host, port) in granted:
        return addresses
    for address in addresses:
        if not is_public(address) and not is_granted(address, port, granted):
            line = f'[grants.http] allow_private = ["{endpoint(host, port)}"]'
            raise refused(
                "address_refused",
                f"{host!r:.100} is {address}, which is not a public address; "
                f"the operator can add to legato.toml: {line}",
            )
    return addresses


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections to checked addresses only."""

    def __init__(self, granted: frozenset[str]) -> None:
        """Args: granted is what need not be public, as for `resolve`."""
        self._granted = granted

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve, check, and connect to the first address that answers."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (CONNECT_S if timeout is None else timeout)
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await resolve(host, port, self._granted)
        except TimeoutError:
            raise httpcore2.ConnectTimeout(f"{host}: resolving took too long") from None
        failure: Exception | None = None
        for address in addresses:
            try:
                async with asyncio.timeout_at(deadline):
                    # An address, not a name: nothing is resolved again.
                    _, stream = await loop.create_connection(LoopStream, address, port)
            except TimeoutError:
                failure = httpcore2.ConnectTimeout(f"{host} did not answer in time")
            except OSError as error:
                failure = httpcore2.ConnectError(error.strerror or str(error))
            else:
                return stream
        raise failure or httpcore2.ConnectError(f"{host} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Refuse: no URL leads to a socket file."""
        raise httpcore2.ConnectError("socket files are not reachable")

    async def sleep(self, seconds: float) -> None:
        """Wait, for the library."""
        await asyncio.sleep(seconds)


def _plain(address: str) -> str:
    """Return the IPv4 address that a mapped one carries, so that one grant covers both."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return address
