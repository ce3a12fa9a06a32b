# SPDX-License-Identifier: Apache-2.0
"""Which addresses are public."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.nodes.http_guard import endpoint, is_granted, is_public, resolve
from legato.ports.node import NodeFailure


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255",
        "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8",
        "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
        "2001:10::1", "2001:20::1", "2002:7f00:1::", "2002:0808:0808::1", "3fff::1", "5f00::1",
        "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
        "not an address", "",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    """Private, loopback, link-local, shared, reserved, multicast, and whatever carries them
    [ND16].
    """
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "192.0.1.1",
     "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)  # fmt: skip
def test_public_addresses_are_reachable(address: str) -> None:
    """Public servers are reachable, also through NAT64 [ND16]."""
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_the_same_inside_ipv6(address: ipaddress.IPv4Address) -> None:
    """Mapped and NAT64 forms of an address are as public as the address [ND16]."""
    mapped = f"::ffff:{address}"
    nat64 = str(ipaddress.IPv6Address((0x64FF9B << 96) | int(address)))
    assert is_public(mapped) == is_public(str(address)) == is_public(nat64)
    assert not (is_public(str(address)) and (address.is_private or address.is_multicast))


@given(st.ip_addresses(v=6))
def test_no_special_ipv6_address_is_public(address: ipaddress.IPv6Address) -> None:
    """Nothing outside global unicast is public [ND16]."""
    if is_public(str(address)):
        allowed = ("2000::/3", "::ffff:0:0/96", "64:ff9b::/96")
        assert any(address in ipaddress.IPv6Network(each) for each in allowed)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost", "::1",
     "::ffff:127.0.0.1", "0", "100.64.0.1", "169.254.169.254", "64:ff9b::7f00:1"],
)  # fmt: skip
async def test_every_notation_of_a_local_address_is_refused(host: str) -> None:
    """What the system understands is what is checked [ND16]."""
    with pytest.raises(NodeFailure) as caught:
        await resolve(host, 80, frozenset())
    error = caught.value.error
    if error.kind == "network":
        assert "cannot be resolved" in error.message
        return
    assert (error.kind, error.may_have_happened, error.retryable) == (
        "address_refused",
        False,
        False,
    )
    assert f'[grants.http] allow_private = ["{endpoint(host, 80)}"]' in error.message


@pytest.mark.parametrize(
    ("host", "granted"),
    [("127.0.0.1", "127.0.0.1:80"), ("localhost", "localhost:80"), ("0x7f000001", "127.0.0.1:80"),
     ("LocalHost", "localhost:80"), ("::ffff:127.0.0.1", "127.0.0.1:80")],
)  # fmt: skip
async def test_an_operator_grants_an_address_by_host_and_port(host: str, granted: str) -> None:
    """A grant covers the name or the address, with its port [ND16]."""
    try:
        assert await resolve(host, 80, frozenset({granted}))
    except NodeFailure as failure:
        assert failure.error.kind == "network"  # a machine without IPv6
    with pytest.raises(NodeFailure):
        await resolve(host, 81, frozenset({granted}))


@pytest.mark.parametrize(
    ("address", "port", "granted", "is_in"),
    [
        ("10.1.2.3", 443, "10.0.0.0/8:443", True),
        ("10.1.2.3", 80, "10.0.0.0/8:443", False),
        ("11.0.0.1", 443, "10.0.0.0/8:443", False),
        ("::ffff:10.1.2.3", 443, "10.0.0.0/8:443", True),
        ("64:ff9b::a01:203", 443, "10.0.0.0/8:443", False),
        ("2002:a01:203::", 443, "10.0.0.0/8:443", False),
        ("fd00::1", 443, "[fd00::/8]:443", True),
        ("fe80::1", 443, "[fd00::/8]:443", False),
        ("10.1.2.3", 443, "[fd00::/8]:443", False),
        ("127.0.0.1", 443, "10.0.0.0/8:443", False),
        ("192.168.1.7", 8080, "192.168.1.7/32:8080", True),
        ("192.168.1.8", 8080, "192.168.1.7/32:8080", False),
    ],
)
def test_a_network_is_granted_with_its_port(
    address: str, port: int, granted: str, is_in: bool
) -> None:
    """Addresses of the network on that port, mapped ones too, and nothing else [ND56]."""
    assert is_granted(address, port, frozenset({granted, "db.example:5432"})) is is_in


async def test_a_network_grant_lets_a_name_through() -> None:
    """What the name resolves to counts, not the name [ND56]."""
    granted = frozenset({"127.0.0.0/8:80", "[::1/128]:80"})
    assert await resolve("localhost", 80, granted)
    with pytest.raises(NodeFailure):
        await resolve("localhost", 81, granted)


async def test_a_name_that_does_not_resolve_is_a_network_failure() -> None:
    """Nothing was sent [ND20]."""
    for host in ("no-such-host.invalid", "x" * 300, "a..b", ""):
        with pytest.raises(NodeFailure) as caught:
            await resolve(host, 80, frozenset())
        assert caught.value.error.kind in {"network", "address_refused"}
        assert caught.value.error.may_have_happened is False


def test_endpoints_are_written_like_grants() -> None:
    """Lower case, without the final dot, IPv6 in brackets [ND16]."""
    assert endpoint("Example.ORG.", 80) == "example.org:80"
    assert endpoint("::1", 8080) == "[::1]:8080"
