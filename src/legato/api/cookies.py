# SPDX-License-Identifier: Apache-2.0
"""The cookie of the refresh token: its name, how it is set and cleared, and how it is read.

Over https it is `__Host-legato_refresh`, which no other host or path can set. Plain http is for
this machine, where cookies of one host are shared by all its ports: there the port is in the name.
Rules: ID5.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from legato.api.frame import exchange_of
from legato.api.origin import values_of

NAME: Final = "legato_refresh"
_HTTP_PORT: Final = 80


def refresh_cookie(request: Request, token: str, *, max_age_s: int) -> str:
    """Return the value of `Set-Cookie` that keeps a refresh token."""
    name, is_secure = _name(request)
    secure = "; Secure" if is_secure else ""
    return f"{name}={token}; Max-Age={max_age_s}; Path=/; HttpOnly; SameSite=Strict{secure}"


def cleared_cookie(request: Request) -> str:
    """Return the value of `Set-Cookie` that takes it away."""
    return refresh_cookie(request, "", max_age_s=0)


def refresh_token(request: Request) -> str | None:
    """Return what the cookie holds; None if it is absent, or there twice with two values."""
    name, _ = _name(request)
    found: set[str] = set()
    for header in values_of(request.scope["headers"], b"cookie"):
        for pair in header.split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                found.add(value)
    return found.pop() if len(found) == 1 else None


def _name(request: Request) -> tuple[str, bool]:
    """Return the cookie's name, and whether it travels over https only."""
    origin = urlsplit(exchange_of(request.scope).own_origin)
    if origin.scheme == "https":
        return f"__Host-{NAME}", True
    return f"{NAME}_{origin.port or _HTTP_PORT}", False
