# SPDX-License-Identifier: Apache-2.0
"""Hosts and origins."""

import pytest

from legato.api.origin import Hosts, is_from_own_page, is_loopback

OWN = "http://127.0.0.1:8420"


def _own(host: bytes, public: str = "", scheme: str = "http") -> str | None:
    return Hosts(public).own_origin([(b"host", host)], scheme)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (b"127.0.0.1:8420", OWN),
        (b"localhost:8420", "http://localhost:8420"),
        (b"LOCALHOST:9", "http://localhost:9"),
        (b"localhost", "http://localhost"),
        (b"localhost:80", "http://localhost"),
        (b"[::1]:8420", "http://[::1]:8420"),
        (b"127.9.9.9", "http://127.9.9.9"),
    ],
)
def test_names_of_this_machine_are_ours(host: bytes, origin: str) -> None:
    """Any port: a tunnel or container changes it [HT9]."""
    assert _own(host) == origin


@pytest.mark.parametrize(
    "host",
    [
        *(b"evil.example", b"evil.example:8420", b"localhost.evil.example", b"127.0.0.1.nip.io"),
        *(b"0.0.0.0:8420", b"10.0.0.5", b"localhost.", b"", b"localhost:", b"localhost:8420:1"),
        *(b"[::1", b"::1", b"user@localhost", b"localhost/x", b"localhost, evil", b"\xe2\x80\x8b"),
        *(b"127.1", b"2130706433", b"localhost:999999"),
    ],
)
def test_every_other_host_is_refused(host: bytes) -> None:
    """Also the ways in which a name may look like ours [HT9]."""
    assert _own(host) is None
    assert _own(host, "https://legato.example.org") is None


def test_exactly_one_host_is_expected() -> None:
    """None, or two of which a proxy may have believed the other, are refused [HT9]."""
    assert Hosts("").own_origin([], "http") is None
    two = [(b"host", b"localhost"), (b"host", b"localhost")]
    assert Hosts("").own_origin(two, "http") is None


@pytest.mark.parametrize(
    ("public", "host", "is_ours"),
    [
        ("https://legato.example.org", b"legato.example.org", True),
        ("https://legato.example.org", b"Legato.Example.ORG:443", True),
        ("https://legato.example.org", b"legato.example.org:80", False),
        ("https://legato.example.org", b"other.example.org", False),
        ("https://legato.example.org:8443", b"legato.example.org:8443", True),
        ("https://legato.example.org:8443", b"legato.example.org", False),
        ("https://[fd00::1]:8443", b"[fd00::1]:8443", True),
    ],
)
def test_the_public_host_is_ours_with_its_port(public: str, host: bytes, is_ours: bool) -> None:
    """A proxy speaks plain HTTP to us: the page's origin is that of public_url [HT9]."""
    assert _own(host, public) == (public if is_ours else None)


def test_loopback_is_what_always_means_this_machine() -> None:
    """Names that somebody else's resolver decides about do not count [HT9, HT26]."""
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "::1", "[::1]", "127.0.0.2")))
    others = ("0.0.0.0", "::", "example.org", "", "localhost.localdomain")  # noqa: S104 - no bind
    assert not any(map(is_loopback, others))


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ([], True),
        ([(b"origin", OWN.encode())], True),
        ([(b"origin", b"https://app.example.org")], True),
        ([(b"origin", b"https://evil.example")], False),
        ([(b"origin", b"null")], False),
        ([(b"origin", b"")], False),
        ([(b"origin", b"http://127.0.0.1:9000")], False),
        ([(b"origin", b"http://127.0.0.1:8420.evil.example")], False),
        ([(b"origin", b"https://app.example.org.evil.example")], False),
        ([(b"origin", b"HTTPS://app.example.org")], False),
        ([(b"origin", OWN.encode()), (b"origin", b"https://evil.example")], False),
        ([(b"sec-fetch-site", b"same-origin")], True),
        ([(b"sec-fetch-site", b"same-site")], False),
        ([(b"sec-fetch-site", b"cross-site")], False),
        ([(b"sec-fetch-site", b"none")], False),
        ([(b"origin", OWN.encode()), (b"sec-fetch-site", b"cross-site")], True),
    ],
)
def test_where_a_page_is_from_decides(headers: list[tuple[bytes, bytes]], passes: bool) -> None:
    """Origin if it is there, else Sec-Fetch-Site, else it is no browser [HT12]."""
    assert is_from_own_page(headers, OWN, {"https://app.example.org"}) is passes
