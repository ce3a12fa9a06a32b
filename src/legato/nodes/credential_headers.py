# SPDX-License-Identifier: Apache-2.0
"""What a credential adds to an HTTP request.

Rules: CR15.
"""

import base64
from typing import Final

from legato.ports.credentials import CredentialType, OpenCredential

HTTP_TYPES: Final[tuple[CredentialType, ...]] = ("http_bearer", "http_basic", "http_header")


def http_header_of(found: OpenCredential) -> tuple[str, str]:
    """Return the header, its name in small letters, that a credential of `HTTP_TYPES` adds."""
    data = found.data
    if found.type == "http_bearer":
        return "authorization", f"Bearer {data['token']}"
    if found.type == "http_basic":
        return "authorization", basic(data["username"], data["password"])
    return data["name"].lower(), data["value"]


def basic(user: str, password: str) -> str:
    """Return the value of an Authorization header. Source: RFC 7617, in UTF-8."""
    pair = f"{user}:{password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
