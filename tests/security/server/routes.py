# SPDX-License-Identifier: Apache-2.0
"""Every route that the package offers, as the package itself says it: nothing is listed by hand.

What a route needs to be called at all (an id for its path, a body that is good) is in `samples`.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, Final, get_args
from urllib.parse import quote

from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, RootModel
from starlette.requests import Request

import legato.api
from legato.api.access import Declaration, Gate, Guarded, Needs, Public, Routes, RouteSpec
from legato.api.body import model_of
from legato.api.server import IDENTITY, RESOURCES
from legato.model.ids import LOCAL_WORKSPACE
from tests.security.server.samples import BOUNDARY, SAMPLES, Sample

WORKSPACE: Final = "workspace_id"
"""The parameter of a path that is the workspace itself."""


class _Nobody:
    """Stands where a server has its authenticator: routes that need somebody can be made."""

    async def authenticate(self, request: Request, needs: Needs, *, is_fresh: bool = False) -> None:
        """Is never asked."""

    async def authorise(self, request: Request, needs: Needs) -> None:
        """Is never asked."""


class Offered:
    """One route and what is known of it."""

    def __init__(self, spec: RouteSpec) -> None:
        """Take it as the package offers it."""
        self.spec = spec
        self.route: Guarded = spec.build(Gate(authenticator=_Nobody()))

    def __str__(self) -> str:
        """Name it as people do; the names of tests are made of this."""
        return f"{self.spec.method} {self.spec.path}"

    __repr__ = __str__

    @property
    def key(self) -> tuple[str, str]:
        """What `samples` finds it by."""
        return self.spec.method, self.spec.path

    @property
    def declaration(self) -> Declaration:
        """What the route says of itself."""
        return self.spec.declaration

    @property
    def needs(self) -> Needs:
        """The right that it asks for."""
        assert isinstance(self.declaration.access, Needs)
        return self.declaration.access

    @property
    def is_public(self) -> bool:
        """Tell whether anybody may."""
        return isinstance(self.declaration.access, Public)

    @property
    def has_body(self) -> bool:
        """Tell whether it takes a body."""
        return bool(self.declaration.accepts)

    @property
    def parameters(self) -> set[str]:
        """The parameters of its path, but the workspace that it is about."""
        return set(self.route.param_convertors) - {WORKSPACE}

    @property
    def names_workspace(self) -> bool:
        """Tell whether the workspace stands in its path, and not in a header."""
        return f"{{{WORKSPACE}}}" in self.spec.path

    @property
    def models(self) -> list[type[BaseModel]]:
        """What its body should be: one of these."""
        return list(_models(self.route.dependant))

    @property
    def sample(self) -> Sample:
        """How it is called."""
        assert self.key in SAMPLES, (
            f"{self} is new: add ({self.spec.method!r}, {self.spec.path!r}) to SAMPLES in "
            "tests/security/server/samples.py, with a value for each parameter of its path and a "
            "body that is good, so that every attack here tries it"
        )
        return SAMPLES[self.key]

    def path(self, **values: str) -> str:
        """Return its path; parameters that are not given have ids that nobody has."""
        own = {WORKSPACE: LOCAL_WORKSPACE, **self.sample.path}
        return self.spec.path.format_map({**own, **values})

    @property
    def good_body(self) -> dict[str, Any]:
        """A body that is good, as a client takes it; nothing if it has none."""
        if not self.has_body:
            return {}
        form = self.sample.form
        return {"json": self.sample.body} if form is None else {"content": form}

    @property
    def good_type(self) -> dict[str, str]:
        """The header that a good body needs, if a client does not know it."""
        if self.sample.form is None:
            return {}
        return {"Content-Type": f"{self.declaration.accepts[0]}; boundary={BOUNDARY}"}

    def elsewhere(self, workspace: str) -> tuple[str, dict[str, str]]:
        """Return its path and the headers that ask for another workspace."""
        if self.names_workspace:
            return self.path(**{WORKSPACE: quote(workspace, safe="")}), {}
        return self.path(), {"Legato-Workspace": workspace}


def _models(dependant: Dependant) -> Iterator[type[BaseModel]]:
    for each in dependant.dependencies:
        model = model_of(each.call)
        if model is not None:
            yield from _forms(model)
        yield from _models(each)


def _forms(kind: Any) -> Iterator[type[BaseModel]]:
    """Yield a model, or each that a model of several forms can be."""
    if isinstance(kind, type) and issubclass(kind, RootModel):
        yield from _forms(kind.model_fields["root"].annotation)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    else:
        for each in get_args(kind):
            yield from _forms(each)


def offered() -> list[Routes]:
    """Return every `Routes` of the package, mounted or not."""
    found: dict[int, Routes] = {}
    for info in pkgutil.iter_modules(legato.api.__path__):
        module = importlib.import_module(f"legato.api.{info.name}")
        for value in vars(module).values():
            if isinstance(value, Routes):
                found[id(value)] = value
    return list(found.values())


def _served() -> list[Offered]:
    specs = [spec for routes in (*RESOURCES, *IDENTITY) for spec in routes.specs]
    return [Offered(spec) for spec in specs if spec.method != "HEAD"]


SERVED: Final = _served()
"""The routes of every server that knows people."""
GUARDED: Final = [each for each in SERVED if not each.is_public]
PUBLIC: Final = [each for each in SERVED if each.is_public]


def names(value: Any) -> str | None:
    """Return the id of a test's parameter."""
    return str(value) if isinstance(value, Offered) else None
