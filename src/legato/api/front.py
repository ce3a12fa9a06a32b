# SPDX-License-Identifier: Apache-2.0
"""`/` and links (`/setup`, `/login`, `/reset`, `/invite`): one small page, until there is a studio.

It is the same for everybody and holds nothing; what it shows it asks the API for. What stands after
the `#` of a link is never sent with a request for it. Rules: UP15, UP16.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

from legato.api.access import Public, Routes
from legato.api.frame import exchange_of

routes: Final = Routes("", tag="pages")
_PAGE: Final = Public("it is the same for everybody, and in the source")


@routes.get("/", _PAGE, include_in_schema=False)
@routes.get("/invite", _PAGE, include_in_schema=False)
@routes.get("/login", _PAGE, include_in_schema=False)
@routes.get("/reset", _PAGE, include_in_schema=False)
@routes.get("/setup", _PAGE, include_in_schema=False)
async def page(request: Request) -> HTMLResponse:
    """Return the page."""
    nonce = exchange_of(request.scope).nonce
    return HTMLResponse(_text().replace("{nonce}", nonce))


@functools.cache
def _text() -> str:
    return resources.files("legato.api").joinpath("page.html").read_text(encoding="utf-8")
