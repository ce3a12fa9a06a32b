# SPDX-License-Identifier: Apache-2.0
"""The short way to routes that need nothing of the framework.

They have a fixed path, or one whose last part alone is a parameter, take nothing but the request,
and return an answer that is ready. FastAPI looks at every route in turn, solves dependencies and
passes six layers; for these it comes to the same, in as much time as all the rest takes. Gate and
frame are as for any other route, and answers are the same to the byte. Rules: HT62, XR21.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from legato.api.access import Endpoint, Guarded, Handler

Way = tuple[Guarded, Handler]

_PLAIN: Final[tuple[list[object], ...]] = ([], [Request])


class Straight:
    """Stands before an application."""

    def __init__(self, application: FastAPI) -> None:
        """Args: application has all its routes."""
        self._application = application
        routes = application.router.routes
        self.ways: dict[tuple[str, str], Way] = {}
        """Method and path to the route and what answers it."""
        self.tails: dict[tuple[str, str], tuple[Way, str, frozenset[str]]] = {}
        """Method and path up to its last part, a parameter: the same, that parameter's name, and
        which words in its place lead elsewhere."""
        for each in routes:
            if isinstance(each, Guarded) and _is_plain(each.endpoint):
                for method in each.methods or ():
                    self._add(routes, method, each)

    def _add(self, routes: Sequence[BaseRoute], method: str, route: Guarded) -> None:
        way = (route, route.guard(_handler(route.endpoint)))
        head, _, tail = route.path.rpartition("/")
        is_whole = tail.startswith("{") and tail.endswith("}") and ":" not in tail
        if is_whole and "{" not in head:
            others = {each.path for each in routes if isinstance(each, Route)}
            taken = {path.removeprefix(head + "/") for path in others if path.startswith(head)}
            words = frozenset(word for word in taken if "/" not in word and "{" not in word)
            self.tails.setdefault((method, head + "/"), (way, tail[1:-1], words))
        elif _first(routes, method, route.path) is route:
            self.ways[method, route.path] = way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; errors are the frame's matter."""
        way = self._way(scope) if "method" in scope else None
        if way is None:
            await self._application(scope, receive, send)
            return
        scope["app"] = self._application
        scope["route"], handle = way
        response = await handle(Request(scope, receive, send))
        await response(scope, receive, send)

    def _way(self, scope: Scope) -> Way | None:
        method, path = scope["method"], scope["path"]
        way = self.ways.get((method, path))
        if way is not None:
            return way
        cut = path.rfind("/") + 1
        found = self.tails.get((method, path[:cut]))
        if found is None or cut == len(path) or path[cut:] in found[2]:
            return None
        scope["path_params"] = {found[1]: path[cut:]}
        return found[0]


def _is_plain(endpoint: Endpoint) -> bool:
    signature = inspect.signature(endpoint, eval_str=True)
    taken = [each.annotation for each in signature.parameters.values()]
    is_ready = signature.return_annotation is Response
    return is_ready and taken in _PLAIN and inspect.iscoroutinefunction(endpoint)


def _handler(endpoint: Endpoint) -> Handler:
    if inspect.signature(endpoint).parameters:
        return endpoint

    async def handle(_request: Request) -> Response:
        response: Response = await endpoint()
        return response

    return handle


def _first(routes: Sequence[BaseRoute], method: str, path: str) -> BaseRoute | None:
    """Return the route that the framework would take."""
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    return next((each for each in routes if each.matches(scope)[0] is Match.FULL), None)
