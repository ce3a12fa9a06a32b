# SPDX-License-Identifier: Apache-2.0
"""Routes that say who may use them, and the checks that each request of a route passes, in order.

    routes = Routes("/api/v1/workflows", tag="workflows")

    @routes.get("", access=Needs("workflow", "read"))
    async def list_workflows(api: ApiPart, ...) -> ...:

There is no default: a route object without a declaration does not start (`check_routes`),
whatever its path is. Before the route's own function runs: origin (403), limit per address (429),
authentication (401), limit per principal (429), Content-Type (415), right by role (403). The body
comes after all of them, and only through `body`. Rules: HT12-HT15, HT40.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from legato.api.frame import exchange_of
from legato.api.origin import SAFE_METHODS, is_from_own_page
from legato.auth.roles import TABLE, is_listed
from legato.errors import Internal, Refused

JSON: Final = ("application/json",)
Endpoint = Callable[..., Any]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
RateClass = Literal["none", "credential", "refresh", "start", "write", "read"]
"""Which limit a request counts for: `credential` hashes a password or uses up a token, `start` has
executions begin or go on, `none` has no limit."""
_HASHING: Final = frozenset({("account", "password"), ("account", "mfa")})


@dataclass(frozen=True, slots=True)
class Public:
    """Anybody may: declared with the reason why."""

    why: str


@dataclass(frozen=True, slots=True)
class Needs:
    """Somebody who is known, with the right to `verb` on `resource` in the workspace.

    The resource `account` is what everybody may do with their own account, in no workspace.

    Args:
        resource: As `auth.roles` names it.
        verb: The same.
        of: `instance` for what only an administrator of the installation may do, in no workspace.
        is_recent: Only for who gave a password or link not long ago.
    """

    resource: str
    verb: str
    of: Literal["workspace", "instance"] = "workspace"
    is_recent: bool = False


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a route says of itself.

    Args:
        access: Who may use it.
        accepts: Media types of its body; none: it has no body.
        body_bytes_max: Of its body; None: the server's own bound.
        rate: Which limit it counts for; None: what follows from its method and right.
        takes: Headers that it looks at, beside those that the checks do; for the description.
        gives: Headers of its answer when it has done what was asked; for the description.
    """

    access: Public | Needs
    accepts: tuple[str, ...] = ()
    body_bytes_max: int | None = None
    rate: RateClass | None = None
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()


def rate_of(methods: Collection[str], access: Public | Needs) -> RateClass:
    """Return the limit that a route counts for unless it says another.

    What anybody may do without being known, and is no reading, gives or takes a credential.
    """
    if SAFE_METHODS.issuperset(methods):
        return "read"
    if isinstance(access, Public) or (access.resource, access.verb) in _HASHING:
        return "credential"
    right = TABLE.get(access.resource, {}).get(access.verb)
    is_run = access.of == "workspace" and right is not None and right.kind == "run"
    return "start" if is_run else "write"


Check = Callable[[Request, Declaration], Awaitable[None]]
"""Looks at a request and raises `legato.errors.Refused` (or returns)."""


class Authenticator(Protocol):
    """Knows who asks. A server without one has public routes only."""

    async def authenticate(self, request: Request, needs: Needs, *, is_fresh: bool = False) -> None:
        """Put the principal on `request.state.principal`.

        Args:
            request: Who asks.
            needs: For what.
            is_fresh: They are looked up now, whoever did a moment ago.

        Raises:
            Refused: `unauthenticated` and the like, or `unavailable` where nobody can say.
        """
        ...

    async def authorise(self, request: Request, needs: Needs) -> None:
        """Let the principal's role in the workspace pass, or not.

        Raises:
            Refused: `forbidden`, or `not_found` for somebody who is no member.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The checks of one server, each in its place; what is None is not there.

    `limit_address` sees every request before anybody is authenticated, `limit_principal` only those
    of somebody known. `on_change` is called when a request that may have changed something is over.
    """

    allowed_origins: frozenset[str] = frozenset()
    limit_address: Check | None = None
    authenticator: Authenticator | None = None
    limit_principal: Check | None = None
    on_change: Callable[[], None] | None = None

    async def enter(self, request: Request, declaration: Declaration) -> None:
        """Pass a request, or raise the first refusal."""
        scope, access = request.scope, declaration.access
        exchange = exchange_of(scope)
        if request.method not in SAFE_METHODS and not is_from_own_page(
            scope["headers"], exchange.own_origin, self.allowed_origins
        ):
            raise Refused("origin_refused", "Pages of that origin may not use this server.")
        if self.limit_address is not None:
            await self.limit_address(request, declaration)
        needs = access if isinstance(access, Needs) else None
        if needs is not None:
            if self.authenticator is None:
                raise Internal("a route that needs somebody has nobody who knows them")
            await self.authenticator.authenticate(request, needs)
            exchange.is_known = True
            if self.limit_principal is not None:
                await self.limit_principal(request, declaration)
        _check_media_type(request, declaration)
        if needs is not None and self.authenticator is not None:
            await self.authenticator.authorise(request, needs)
        exchange.meter.limit_bytes = declaration.body_bytes_max or exchange.meter.limit_bytes

    def leave(self, request: Request) -> None:
        """Let a request out that its route has answered or refused."""
        if self.on_change is not None and request.method not in SAFE_METHODS:
            self.on_change()


def _check_media_type(request: Request, declaration: Declaration) -> None:
    if not declaration.accepts:
        return
    named = request.headers.getlist("content-type")
    kind = named[0].partition(";")[0].strip().lower() if len(named) == 1 else ""
    if kind not in declaration.accepts:
        wanted = " or ".join(declaration.accepts)
        raise Refused(
            "unsupported_media_type",
            f"The header Content-Type should be {wanted}.",
            headers=(("accept", ", ".join(declaration.accepts)),),
        )


class Guarded(APIRoute):
    """A route with its declaration; its gate is the server's."""

    declaration: Declaration
    gate: Gate

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        """Take `declaration` and `gate` beside what FastAPI's route takes."""
        declared: Declaration = options.pop("declaration")
        rate = declared.rate or rate_of(options.get("methods") or (), declared.access)
        self.declaration = replace(declared, rate=rate)
        self.gate = options.pop("gate")
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        """Have every request pass the gate before FastAPI looks at it."""
        return self.guard(super().get_route_handler())

    def guard(self, handle: Handler) -> Handler:
        """Have every request pass the gate before it is handled."""

        async def guarded(request: Request) -> Response:
            await self.gate.enter(request, self.declaration)
            try:
                return await handle(request)
            finally:  # before anybody hears of it
                self.gate.leave(request)

        return guarded


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """A route that a resource offers; it becomes a `Guarded` when a server is made."""

    path: str
    method: str
    endpoint: Endpoint
    declaration: Declaration
    options: dict[str, Any]

    def build(self, gate: Gate) -> Guarded:
        """Make the route."""
        return Guarded(
            self.path,
            self.endpoint,
            methods=[self.method],
            declaration=self.declaration,
            gate=gate,
            **self.options,
        )


@dataclass(slots=True)
class Routes:
    """The routes of one resource, in the order in which they are tried."""

    prefix: str
    tag: str
    specs: list[RouteSpec] = field(default_factory=list)

    def route(
        self, method: str, path: str, declaration: Declaration, **options: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """Offer a function at a path.

        Args:
            method: In capitals.
            path: Below the prefix; parameters as `{name}`.
            declaration: Who may use it, and what body it has.
            options: As FastAPI's route takes them: `status_code`, `responses`, `operation_id`…
        """

        def offer(endpoint: Endpoint) -> Endpoint:
            tagged = {"tags": [self.tag], **options}
            full = self.prefix + path
            self.specs.append(RouteSpec(full, method, endpoint, declaration, tagged))
            return endpoint

        return offer

    def get(
        self, path: str, access: Public | Needs, **options: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """Offer a GET, which has no body."""
        return self.route("GET", path, _declared(access, (), options), **options)

    def delete(
        self, path: str, access: Public | Needs, **options: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """Offer a DELETE without a body."""
        return self.route("DELETE", path, _declared(access, (), options), **options)

    def post(
        self, path: str, access: Public | Needs, *, accepts: tuple[str, ...] = JSON, **options: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """Offer a POST; `accepts=()` for one without a body."""
        return self.route("POST", path, _declared(access, accepts, options), **options)

    def put(
        self, path: str, access: Public | Needs, *, accepts: tuple[str, ...] = JSON, **options: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """Offer a PUT."""
        return self.route("PUT", path, _declared(access, accepts, options), **options)

    def patch(
        self, path: str, access: Public | Needs, *, accepts: tuple[str, ...] = JSON, **options: Any
    ) -> Callable[[Endpoint], Endpoint]:
        """Offer a PATCH."""
        return self.route("PATCH", path, _declared(access, accepts, options), **options)


def _declared(
    access: Public | Needs, accepts: tuple[str, ...], options: dict[str, Any]
) -> Declaration:
    return Declaration(
        access,
        accepts,
        options.pop("body_bytes_max", None),
        options.pop("rate", None),
        tuple(options.pop("takes", ())),
        tuple(options.pop("gives", ())),
    )


def check_routes(routes: Iterable[BaseRoute], *, has_authenticator: bool) -> None:
    """Refuse to start with a route that anybody could reach by an oversight.

    Raises:
        Internal: A route is no `Guarded`, has FastAPI read its body before the checks, or needs
            somebody where nobody can be known.
    """
    for each in routes:
        name = f"the route {getattr(each, 'path', each)!s} ({type(each).__name__})"
        if not isinstance(each, Guarded):
            raise Internal(f"{name} does not declare who may use it")
        if each.body_field is not None:
            raise Internal(f"{name} has a body that is read before its checks; use legato.api.body")
        access = each.declaration.access
        if not isinstance(access, Needs):
            continue
        if not has_authenticator:
            raise Internal(f"{name} needs somebody, and nothing here can tell who asks")
        if not is_listed(access.resource, access.verb, of=access.of):
            raise Internal(f"{name} needs a right that no table of rights names")


def methods_at(routes: Iterable[BaseRoute], scope: Scope) -> set[str]:
    """Return the methods that the path of a request has."""
    found: set[str] = set()
    for each in routes:
        if isinstance(each, Route) and each.matches(scope)[0] is not Match.NONE:
            found |= each.methods or set()
    return found
