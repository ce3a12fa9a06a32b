# SPDX-License-Identifier: Apache-2.0
"""Which host a request may name, and which page may have sent it. Pure functions over headers.

A stranger's page reaches a server on this machine under a name of its own whose address it changes
(DNS rebinding): only names that are ours are answered, on loopback too. Rules: HT9, HT12.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit

Headers = Iterable[tuple[bytes, bytes]]

_HOST: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def values_of(headers: Headers, name: bytes) -> list[str]:
    """Return every value of a header, in order; names are in lower case already."""
    return [value.decode("latin-1") for each, value in headers if each == name]


@functools.lru_cache(256)
def is_loopback(host: str) -> bool:
    """Tell whether a name or address, in brackets or not, always means this machine."""
    name = host.removeprefix("[").removesuffix("]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Hosts:
    """The names under which this server is known."""

    def __init__(self, public_url: str) -> None:
        """Args: public_url is `scheme://host[:port]` as the settings write it, or empty."""
        self.public_origin = public_url
        parts = urlsplit(public_url)
        port = str(parts.port or _DEFAULT_PORTS.get(parts.scheme, ""))
        self._public = (parts.netloc.removesuffix(f":{parts.port}"), port) if public_url else None

    def own_origin(self, headers: Headers, scheme: str) -> str | None:
        """Return the origin of pages that this server serves under the host that is asked for.

        Args:
            headers: Of the request; exactly one `Host` is expected.
            scheme: As the connection, or a trusted proxy, says: http or https.

        Returns:
            None if the host is not ours.
        """
        named = values_of(headers, b"host")
        match = _HOST.fullmatch(named[0].lower()) if len(named) == 1 else None
        if match is None:
            return None
        host, port = match.groups()
        if self._public is not None and host == self._public[0]:
            default = _DEFAULT_PORTS[urlsplit(self.public_origin).scheme]
            if (port or default) == self._public[1]:
                return self.public_origin
        if not is_loopback(host):
            return None
        is_default = port in {None, _DEFAULT_PORTS.get(scheme)}
        return f"{scheme}://{host}" if is_default else f"{scheme}://{host}:{port}"


def is_from_own_page(headers: Headers, own_origin: str, allowed: Collection[str]) -> bool:
    """Tell whether a request that changes something was sent by a page of ours, or by no page.

    A browser says where a page is from in `Origin`, and failing that in `Sec-Fetch-Site`; a program
    says neither.
    """
    headers = list(headers)
    origins = values_of(headers, b"origin")
    if origins:
        return len(origins) == 1 and (origins[0] == own_origin or origins[0] in allowed)
    sites = values_of(headers, b"sec-fetch-site")
    return all(site == "same-origin" for site in sites)
