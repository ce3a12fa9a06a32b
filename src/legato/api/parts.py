# SPDX-License-Identifier: Apache-2.0
"""What routes stand on: one frozen value per server, given to a route by `api: ApiPart`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from legato.api.crash_button import CrashButton
from legato.api.figures import StoreFigures
from legato.api.limits import RequestLimits
from legato.api.metrics import Metrics
from legato.api.readiness import Readiness
from legato.api.streams import Streams
from legato.api.workflow_cache import WorkflowCache
from legato.api.workflow_checks import Texts
from legato.auth.passwords import Passwords
from legato.auth.sealing import Sealer
from legato.auth.throttle import LoginThrottle
from legato.auth.tokens import AccessTokens
from legato.errors import Internal
from legato.model.node_type import NodeTypeInfo
from legato.ports.clock import Clock
from legato.ports.credentials import Trials
from legato.ports.stores import Stores
from legato.runtime.engine import Engine
from legato.runtime.evaluation_process import EvaluationProcesses
from legato.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What log-ins stand on.

    Args:
        tokens: Makes and verifies access tokens.
        passwords: Hashes and judges passwords.
        throttle: Counts log-ins that fail.
        sealer: Seals the secrets of second factors.
        refresh_key: Makes refresh tokens and session ids.
        is_embedded: This server belongs to the person at this machine, who needs no password here.
    """

    tokens: AccessTokens
    passwords: Passwords
    throttle: LoginThrottle
    sealer: Sealer
    refresh_key: bytes = field(repr=False)
    is_embedded: bool = False


PracticeCounts = Callable[[str | None], Awaitable[Mapping[str, int]]]
"""Asks the practice service for its counts: of one execution, or of all."""


def _no_engine() -> Engine:
    raise Internal("this server has no engine")


def _no_node_types() -> Mapping[str, NodeTypeInfo]:
    raise Internal("this server has no node types")


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The parts of one server."""

    settings: Settings
    stores: Stores
    clock: Clock
    readiness: Readiness
    identity: Identity | None = None
    """None: a server that knows nobody, with public routes only."""
    limits: RequestLimits | None = None
    """The same as the gate's; None: there are none."""
    practice: PracticeCounts | None = None
    """None: no practice service is beside this server."""
    crash_button: CrashButton | None = None
    """None: nobody may have this process killed."""
    engine: Callable[[], Engine] = _no_engine
    """Gives the running engine of this process."""
    node_types: Callable[[], Mapping[str, NodeTypeInfo]] = _no_node_types
    """Gives what validation needs to know of the node types of this installation."""
    is_supervised: bool = False
    """Somebody starts this process again when it ends."""
    evaluations: EvaluationProcesses = field(default_factory=EvaluationProcesses)
    """Helpers that evaluate what somebody is writing, apart from those of the engine."""
    trials: Trials | None = None
    """Tries credentials; None: nothing here does."""
    metrics: Metrics | None = None
    figures: StoreFigures | None = None
    workflow_cache: WorkflowCache = field(default_factory=WorkflowCache)
    texts: Texts = field(default_factory=Texts)
    streams: Streams = field(default_factory=Streams)
    """Which answers go on and on."""


def api_of(request: Request) -> Api:
    """Return the parts of the server that serves this request."""
    api: Api = request.app.state.api
    return api


async def _api(request: Request) -> Api:
    return api_of(request)  # a plain function as a dependency would be run in a thread


ApiPart = Annotated[Api, Depends(_api)]


def identity_of(request: Request) -> Identity:
    """Return what log-ins of the server stand on."""
    identity = api_of(request).identity
    if identity is None:
        raise Internal("a route about accounts is served by a server without them")
    return identity


async def _identity(request: Request) -> Identity:
    return identity_of(request)


IdentityPart = Annotated[Identity, Depends(_identity)]
