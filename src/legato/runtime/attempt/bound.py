# SPDX-License-Identifier: Apache-2.0
"""An attempt's credentials: which secret a name stands for, and HTTP that keeps to their hosts.

Rules: CR11-CR13.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from legato.ports.credentials import SECRET_FIELDS, OpenCredential
from legato.ports.http import (
    DEFAULT_BOUNDS,
    NO_HEADERS,
    HttpAccess,
    HttpBody,
    HttpBounds,
    HttpResponse,
    HttpStream,
)
from legato.ports.node import NodeFailure


class Holder(Protocol):
    """An attempt, as far as its credentials are concerned."""

    @property
    def bound(self) -> tuple[tuple[str, ...], ...]:
        """The hosts of each credential that it holds now."""
        ...


class BoundHttp:
    """Keeps `legato.ports.http.HttpAccess`: the attempt's credentials reach their hosts only."""

    __slots__ = ("_holder", "_http")

    def __init__(self, http: HttpAccess, holder: Holder) -> None:
        """Args: holder is asked at each request, for it may get a credential in between."""
        self._http = http
        self._holder = holder

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes | HttpBody = b"",
        bounds: HttpBounds = DEFAULT_BOUNDS,
    ) -> HttpResponse:
        """Keep `HttpAccess.request`."""
        within = self._within(bounds)
        return await self._http.request(method, url, headers=headers, body=body, bounds=within)

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes | HttpBody = b"",
        bounds: HttpBounds = DEFAULT_BOUNDS,
    ) -> AbstractAsyncContextManager[HttpStream]:
        """Keep `HttpAccess.stream`."""
        within = self._within(bounds)
        return self._http.stream(method, url, headers=headers, body=body, bounds=within)

    def _within(self, bounds: HttpBounds) -> HttpBounds:
        held = self._holder.bound
        return replace(bounds, bound=(*bounds.bound, *held)) if held else bounds


def secret_of(found: OpenCredential, *, keeps_hosts: bool) -> str:
    """Return the secret that `{secret: name}` stands for.

    Args:
        found: The credential.
        keeps_hosts: Whether the node lets it out through the guarded HTTP client alone.

    Raises:
        NodeFailure: `credential_host`: another node could send it anywhere; `credential_type`: it
            has no secret.
    """
    if found.is_host_bound and not keeps_hosts:
        raise failed(
            "credential_host",
            f"the credential {found.name} is for its hosts only, and this node cannot keep to them",
        )
    value = found.data.get(SECRET_FIELDS[found.type][0])
    if not isinstance(value, str):
        raise failed("credential_type", f"the credential {found.name} holds no secret")
    return value


def failed(kind: str, message: str) -> NodeFailure:
    """Make the failure of a node that has sent nothing, and would fail the same way again."""
    return NodeFailure(kind, message, may_have_happened=False, retryable=False)
