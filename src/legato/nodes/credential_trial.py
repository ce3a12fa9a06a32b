# SPDX-License-Identifier: Apache-2.0
"""Tries a credential without changing anything: a GET, a SELECT, a log-in without a mail.

Whatever a server says is redacted before it is passed on. Rules: CR18, CR19.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from legato.nodes.credential_headers import HTTP_TYPES, http_header_of
from legato.ports.credentials import PROVIDER_URLS, OpenCredential, Trial
from legato.ports.grants import Grants
from legato.ports.http import HttpAccess, HttpBounds
from legato.ports.node import NodeFailure
from legato.telemetry import Redactor, escape_control

TRIAL_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 1024 * 1024
_SAID_MAX: Final = 500
_REFUSED: Final = frozenset({401, 403, 407})
_QUERY: Final = "SELECT 1 AS one"


class CredentialTrials:
    """Keeps `legato.ports.credentials.Trials`."""

    def __init__(self, http: HttpAccess, grants: Grants) -> None:
        """Args: http is the guarded client; grants are what may be reached beside."""
        self._http = http
        self._grants = grants

    async def __call__(self, found: OpenCredential, url: str | None) -> Trial:
        """Keep `Trials.__call__`."""
        redact = Redactor()
        for value in found.secrets:
            redact.add(value)
        try:
            async with asyncio.timeout(TRIAL_S):
                return await self._tried(found, url)
        except TimeoutError:
            return Trial(is_good=False, message=f"There was no answer within {TRIAL_S:g} s.")
        except NodeFailure as failure:
            said = failure.error
            text = escape_control(redact(f"{said.kind}: {said.message}"))[:_SAID_MAX]
            return Trial(is_good=False, message=text)

    async def _tried(self, found: OpenCredential, url: str | None) -> Trial:
        if found.type in HTTP_TYPES:
            return await self._get(found, url or _root_of(found), dict([http_header_of(found)]))
        if found.type == "llm":
            base = found.data.get("base_url") or PROVIDER_URLS[found.data["provider"]]
            return await self._get(found, f"{base}/models", _headers_of_provider(found))
        if found.type == "sql":
            return await self._select(found)
        return await self._log_in(found)

    async def _get(self, found: OpenCredential, url: str, headers: Mapping[str, str]) -> Trial:
        """Ask once; a redirect is an answer, and is not followed."""
        if not url:
            said = "All its hosts are wildcards: say at which url it shall be tried."
            return Trial(is_good=False, message=said)
        bounds = HttpBounds(
            response_bytes_max=ANSWER_BYTES_MAX, redirects_max=0, bound=(found.hosts,)
        )
        async with self._http.stream("GET", url, headers=headers, bounds=bounds) as answer:
            status = answer.status  # its body is not wanted
        if status in _REFUSED:
            said = "The server does not accept it."
        elif status >= 500:
            said = "The server has a problem of its own, so nobody can say."
        else:
            said = "The server was reached and did not refuse it."
        is_good = status not in _REFUSED and status < 500
        return Trial(is_good=is_good, message=said, asked=url, status=status)

    async def _select(self, found: OpenCredential) -> Trial:
        from legato.nodes import sql  # noqa: PLC0415 - drivers and parser, for this only

        config = sql.QueryConfig(credential=found.name, query=_QUERY, timeout_s=TRIAL_S)
        connection, password = sql.connection_of(found, write=False)
        statement = await asyncio.to_thread(sql.checked, config, connection)
        reached = await sql.guarded(connection, self._grants)
        session = await asyncio.to_thread(sql.session_of, config, reached, password, statement)
        async with session:
            pass  # connected, and the statement has begun
        asked = connection.url.rpartition("@")[2].partition("?")[0]
        return Trial(is_good=True, message="The database answered a query.", asked=asked)

    async def _log_in(self, found: OpenCredential) -> Trial:
        from legato.nodes import mail  # noqa: PLC0415 - as above

        server, password = mail.server_of(found, "")
        reached = await mail.guarded(server, self._grants)
        await mail.try_log_in(reached, password)
        said = "The server took the log-in." if server.username else "The server answered."
        return Trial(is_good=True, message=said, asked=f"{server.host}:{server.port}")


def _root_of(found: OpenCredential) -> str:
    """Return where the first host that is no wildcard is asked; empty if there is none."""
    rule = next((each for each in found.hosts if not each.startswith("*.")), "")
    if not rule:
        return ""
    host, colon, port = rule.rpartition(":")
    has_port = bool(colon) and port.isdigit() and not host.endswith(":")
    is_plain = has_port and port != "443" and _is_loopback(host)
    return f"{'http' if is_plain else 'https'}://{rule}/"


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "[::1]"} or host.startswith("127.")


def _headers_of_provider(found: OpenCredential) -> dict[str, str]:
    """Return the key in both places where providers look for it."""
    key = found.data["api_key"]
    return {"authorization": f"Bearer {key}", "x-api-key": key}
