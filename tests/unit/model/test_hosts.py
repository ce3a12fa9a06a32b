# SPDX-License-Identifier: Apache-2.0
"""Hosts that a credential is bound to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.errors import InvalidInput
from legato.model.hosts import host_rule, is_within


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("API.Example.ORG", "api.example.org"),
        (" api.example.org. ", "api.example.org"),
        ("api.example.org:8443", "api.example.org:8443"),
        ("*.example.org", "*.example.org"),
        ("*.example.co.uk:444", "*.example.co.uk:444"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.straße.example", "*.xn--strae-oqa.example"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::1]:8080"),
        ("::1", "[::1]"),
        ("0:0:0:0:0:0:0:1", "[::1]"),
        ("localhost", "localhost"),
        ("ollama:11434", "ollama:11434"),
    ],
)
def test_a_rule_has_one_form(written: str, rule: str) -> None:
    """Case, a dot at the end, IDNA and notations of an address make no other rule [CR8]."""
    assert host_rule(written) == rule == host_rule(rule)


@pytest.mark.parametrize(
    "written",
    [
        "", " ", None, 7, "*", "*.", "*.*.example.org", "a.*.example.org", "https://example.org",
        "example.org/path", "user@example.org", "example.org:", "example.org:0",
        "example.org:65536", "example.org:http", "example..org", "-a.example.org", "exa mple.org",
        "a\0.org", "%65.org",
        "*.com", "*.org", "*.co.uk", "*.com.au", "*.github.io", "*.herokuapp.com", "*.localhost",
        "*.127.0.0.1", "*.[::1]", "*.vercel.app", "2130706433", "0x7f.1", "127.1", "intranet",
        "a" * 64 + ".org", "x." * 130 + "org", "[::1", "::1]:80", "xn--.example", "\ud800.org",
    ],
)  # fmt: skip
def test_what_is_no_host_or_everybodys_is_refused(written: object) -> None:
    """Nothing but a host with perhaps a port, and no wildcard over names of different owners; the
    refusal does not repeat it [CR8].
    """
    with pytest.raises(InvalidInput) as error:
        host_rule(written)
    assert len(str(written)) < 5 or str(written) not in str(error.value)


@pytest.mark.parametrize(
    ("rule", "url", "fits"),
    [
        ("api.example.org", ("https", "api.example.org", 443), True),
        ("api.example.org", ("https", "API.example.org.", 8443), True),
        ("api.example.org", ("http", "api.example.org", 80), False),
        ("api.example.org:80", ("http", "api.example.org", 80), True),
        ("api.example.org:8443", ("https", "api.example.org", 443), False),
        ("api.example.org", ("https", "example.org", 443), False),
        ("api.example.org", ("https", "api.example.org.evil.example", 443), False),
        ("api.example.org", ("https", "xapi.example.org", 443), False),
        ("*.example.org", ("https", "a.b.example.org", 443), True),
        ("*.example.org", ("https", "example.org", 443), False),
        ("*.example.org", ("https", "evilexample.org", 443), False),
        ("*.example.org", ("https", ".example.org", 443), False),
        ("127.0.0.1", ("http", "127.0.0.1", 9), True),
        ("localhost", ("http", "localhost", 9), True),
        ("[::1]:8080", ("http", "[::1]", 8080), True),
        ("10.0.0.5", ("http", "10.0.0.5", 80), False),
        ("xn--bcher-kva.example", ("https", "bücher.example", 443), True),
    ],
)
def test_a_request_keeps_to_a_rule_or_not(rule: str, url: tuple[str, str, int], fits: bool) -> None:
    """Exact names, names below a wildcard, ports; readable HTTP only with its port or on this
    computer [CR9].
    """
    assert is_within([host_rule(rule)], *url) is fits
    assert not is_within([], *url)


@given(st.text(max_size=40), st.integers(-5, 70_000))
def test_no_text_is_within_by_accident(text: str, port: int) -> None:
    """A host that is no text of a rule never fits, and nothing raises [CR9]."""
    rules = ["api.example.org", "*.example.net:443"]
    if is_within(rules, "https", text, port):
        name = text.lower().rstrip(".")
        assert name == "api.example.org" or name.endswith(".example.net")
