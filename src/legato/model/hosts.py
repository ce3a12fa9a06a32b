# SPDX-License-Identifier: Apache-2.0
"""Hosts that something is bound to: `api.example.org`, `*.example.org`, either with a port.

A name is compared as it goes over the wire: in small letters and as IDNA 2008 writes it. Without a
port every port is meant, but over TLS only: what is readable on the way needs its port written, on
this computer aside. Must not resolve anything.

Rules: CR8, CR9.
"""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from legato.errors import InvalidInput

HOST_CHARACTERS_MAX: Final = 253
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_EXPECTED: Final = "a host such as api.example.org or *.example.org, perhaps with :port"
_SHARED_SECOND: Final = frozenset(
    {
        *("ac", "co", "com", "ed", "edu", "gen", "go", "gob", "gouv", "gov", "gv", "id", "info"),
        *("lg", "ltd", "me", "mil", "ne", "net", "nhs", "nom", "or", "org", "plc", "sch", "web"),
    }
)
"""Second labels below which a country gives names to everybody: `co.uk`, `com.au`."""
_SHARED: Final = frozenset(
    {
        *("amazonaws.com", "appspot.com", "azurewebsites.net", "blogspot.com", "cloudfront.net"),
        *("azurestaticapps.net", "cloudapp.net", "cloudfunctions.net", "deno.dev", "fly.dev"),
        *("firebaseapp.com", "github.io", "githubusercontent.com", "gitlab.io", "glitch.me"),
        *("herokuapp.com", "hf.space", "ngrok.app", "ngrok.io", "ngrok-free.app", "netlify.app"),
        *("onrender.com", "pages.dev", "railway.app", "readthedocs.io", "repl.co", "run.app"),
        *("s3.amazonaws.com", "surge.sh", "translate.goog", "trycloudflare.com", "vercel.app"),
        *("web.app", "windows.net", "workers.dev", "wordpress.com", "myshopify.com"),
        *("duckdns.org", "dyndns.org", "eu.org", "nip.io", "sslip.io", "localhost.run", "lhr.life"),
    }
)
"""Where anybody can have a name of their own. Not the whole list of public suffixes, which nobody
keeps up to date here: a wildcard is refused for what it names, and for every top level."""


def host_rule(value: object) -> str:
    """Return a rule in its one form.

    Raises:
        InvalidInput: It is no host; nothing of it is in the text.
    """
    if not isinstance(value, str) or not value.strip() or len(value) > 2 * HOST_CHARACTERS_MAX:
        raise InvalidInput(f"should be {_EXPECTED}")
    name, port = _split(value.strip())
    is_wild = name.startswith("*.")
    host = wire_host(name.removeprefix("*.") if is_wild else name)
    if is_wild and _is_shared(host):
        raise InvalidInput("should name a domain of one owner after *., not one that many share")
    if port is None and not {".", ":"} & set(host) and host != "localhost":
        raise InvalidInput("should have its port after a colon: the name has no dot")
    text = f"[{host}]" if ":" in host else host
    return ("*." if is_wild else "") + text + ("" if port is None else f":{port}")


def wire_host(name: str) -> str:
    """Return a name or address as it is compared.

    Raises:
        InvalidInput: It is neither.
    """
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    name = name.rstrip(".") if not name.endswith("..") else name
    if not name.isascii():
        name = _ascii(name)
    name = name.lower()
    labels = name.split(".")
    if len(name) > HOST_CHARACTERS_MAX or not all(_LABEL.fullmatch(each) for each in labels):
        raise InvalidInput(f"should be {_EXPECTED}")
    if labels[-1].isdigit():  # an address in a notation that hides which
        raise InvalidInput("should be an address in its usual form, or a name")
    return name


def is_within(rules: Iterable[str], scheme: str, host: str, port: int) -> bool:
    """Tell whether a request keeps to one of the rules.

    Args:
        rules: In the form of `host_rule`.
        scheme: `https` or `http`.
        host: As the URL names it; brackets or not.
        port: Where it connects to.
    """
    try:
        name = wire_host(host)
    except InvalidInput:
        return False
    return any(_fits(rule, scheme, name, port) for rule in rules)


def _fits(rule: str, scheme: str, name: str, port: int) -> bool:
    wanted, on = _split(rule)
    if on is None:
        if scheme != "https" and not _is_here(name):
            return False
    elif on != port:
        return False
    if wanted.startswith("*."):
        return name.endswith(wanted[1:]) and len(name) > len(wanted) - 1
    return name == wanted.removeprefix("[").removesuffix("]")


def _split(text: str) -> tuple[str, int | None]:
    """Split off the port.

    Raises:
        InvalidInput: It is none.
    """
    if text.startswith("["):
        name, bracket, rest = text.partition("]")
        name += bracket
    elif text.count(":") > 1:  # an IPv6 address without brackets
        name, rest = text, ""
    else:
        name, colon, rest = text.partition(":")
        rest = colon + rest
    if not rest:
        return name, None
    digits = rest.removeprefix(":")
    if not rest.startswith(":") or not re.fullmatch(r"[1-9][0-9]{0,4}", digits):
        raise InvalidInput("should have a port from 1 to 65535 after the colon")
    port = int(digits)
    if port > 65_535:
        raise InvalidInput("should have a port from 1 to 65535 after the colon")
    return name, port


def _ascii(name: str) -> str:
    import idna  # noqa: PLC0415 - tables of 200 KB, for the few names that need them

    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise InvalidInput(f"should be {_EXPECTED}") from None


def _is_shared(host: str) -> bool:
    """Tell whether names below this one belong to different owners."""
    if ":" in host or host.replace(".", "").isdigit():
        return True  # an address has no names below it
    labels = host.split(".")
    if len(labels) < 2 or host in _SHARED:
        return True
    return len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _SHARED_SECOND


def _is_here(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
