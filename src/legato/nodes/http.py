# SPDX-License-Identifier: Apache-2.0
"""http.request: one HTTP exchange with a public server.

Rules: ND16-ND20.
"""

import asyncio
import json as json_text
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from urllib.parse import urlencode

from pydantic import Field, SecretStr, model_validator

from legato.errors import InvalidInput
from legato.model.policy import EffectClass
from legato.model.values import decode
from legato.nodes.fields import Config, Output, without_nul
from legato.ports.node import NodeContext, NodeFailure, Secret, node

if TYPE_CHECKING:
    from legato.nodes.http_client import Incoming, Outgoing

RESPONSE_BYTES_MAX: Final = 10 * 1024 * 1024
RESPONSE_BYTES_LIMIT: Final = 48 * 1024 * 1024
PARSE_HERE_BYTES_MAX: Final = 64 * 1024
"""A larger JSON text is parsed in a thread: 10 MB would hold the loop for 100 ms."""
RETRY_AFTER_MS_MAX: Final = 24 * 3_600 * 1_000
USER_AGENT: Final = "legato"
_NO_EFFECT: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_REPEATABLE: Final = frozenset({"PUT", "DELETE"})
_SAID_CHARACTERS: Final = 300
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_HEADERS_REFUSED: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer",
     "proxy-authorization", "proxy-connection", "keep-alive", "expect"}
)  # fmt: skip
"""They say where one message ends and the next begins, or to whom it goes."""

QueryValue = Secret | int | float | bool


class RequestConfig(Config):
    """`with` of http.request; at most one of `json`, `body` and `form`."""

    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="GET", description="The HTTP method."
    )
    url: str = Field(description="Where to: http:// or https://.")
    headers: dict[str, Secret] = Field(default_factory=dict, description="Request headers.")
    query: dict[str, QueryValue | tuple[QueryValue, ...] | None] = Field(
        default_factory=dict, description="Added to the query of the URL; null is left out."
    )
    json_: Any = Field(default=None, alias="json", description="Sent as JSON.")
    body: Secret | None = Field(default=None, description="Sent as it is.")
    form: dict[str, Secret] | None = Field(default=None, description="Sent as an HTML form.")
    expect_status: tuple[int | str, ...] | None = Field(
        default=None, description="Statuses that count as success (200, 2xx); else all below 400."
    )
    max_response_bytes: int = Field(
        default=RESPONSE_BYTES_MAX,
        ge=0,
        le=RESPONSE_BYTES_LIMIT,
        description="A larger response, unpacked, fails the node.",
    )
    follow_redirects: bool = Field(default=True, description="Follow up to 5 redirects.")

    @model_validator(mode="after")
    def _one_body(self) -> Self:
        given = [name for name in ("json", "body", "form") if self._has(name)]
        if len(given) > 1:
            raise ValueError(f"only one of {' and '.join(given)} can be sent")
        if given and self.method in {"GET", "HEAD", "OPTIONS"}:
            raise ValueError(f"{self.method} sends no {given[0]}")
        for each in self.expect_status or ():
            if not re.fullmatch(r"[1-5][0-9x]{2}", str(each)):
                raise ValueError(f"expect_status: {each} is no status such as 200 or 2xx")
        return self

    def _has(self, name: str) -> bool:
        return ("json_" if name == "json" else name) in self.model_fields_set and (
            name == "json" or getattr(self, name) is not None
        )

    @property
    def has_json(self) -> bool:
        """Tell whether `json` is given; null is a JSON text too."""
        return self._has("json")


class RequestOutput(Output):
    """Output of http.request."""

    status: int = Field(description="The HTTP status.")
    headers: dict[str, str] = Field(description="Response headers by lower-case name.")
    body: str = Field(description="The body as text.")
    json_: Any = Field(default=None, alias="json", description="The body, if it is JSON.")


def _effect(config: Mapping[str, Any]) -> EffectClass:
    method = str(config.get("method", "GET")).upper()
    if method in _NO_EFFECT:
        return "pure"
    return "idempotent" if method in _REPEATABLE else "non_idempotent"


@node(
    "http.request",
    title="HTTP request",
    group="web",
    icon="globe",
    effect=_effect,
    timeout_ms=60_000,
    secret_fields=("headers.*", "query.*", "json.*", "form.*", "body"),
    example="""\
uses: http.request
with:
  method: POST
  url: https://api.example.org/v1/reports
  headers:
    Authorization: {secret: example_token}
  json: {title: "Week ${{ inputs.week }}"}
effect: idempotent
retry: {max_attempts: 4, on: [network, http.5xx, http.429]}
""",
)
async def request(ctx: NodeContext, config: RequestConfig) -> RequestOutput:
    """Send an HTTP request and return status, headers and body.

    Only public addresses can be reached; an operator allows others by host and port:
    `[grants.http] allow_private = ["10.0.0.5:8080"]`. Redirects are followed up to five times and
    checked like the first address; headers of the config, and a body, do not go to another origin.
    Cookies are not kept and proxies of the environment are not used.

    GET, HEAD and OPTIONS are `pure`, PUT and DELETE `idempotent`, POST and PATCH
    `non_idempotent` unless the workflow declares `effect: idempotent`; methods that change
    something send the node's key as `Idempotency-Key`.

    Fails with `http.STATUS` from 400 on (Retry-After is kept to), `network`, `timeout`,
    `address_refused`, `response_too_large`.
    """
    from legato.nodes import http_client  # noqa: PLC0415 - 150 ms, only when a request is made

    outgoing = _outgoing(ctx, config)
    bounds = http_client.Bounds(
        granted=frozenset(ctx.grants.hosts),
        response_bytes_max=config.max_response_bytes,
        redirects_max=http_client.REDIRECTS_MAX if config.follow_redirects else 0,
    )
    answer = await http_client.exchange(outgoing, bounds)
    text = without_nul(_decoded(answer))
    if not _is_expected(answer.status, config.expect_status):
        raise _status_failure(answer, text)
    return RequestOutput(
        status=answer.status,
        headers={name: without_nul(value) for name, value in answer.headers.items()},
        body=text,
        json_=await _parsed(ctx, answer),
    )


def _outgoing(ctx: NodeContext, config: RequestConfig) -> "Outgoing":
    from legato.nodes import http_client  # noqa: PLC0415 - see above

    headers = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": USER_AGENT}
    body = b""
    if config.has_json:
        body = json_text.dumps(config.json_, ensure_ascii=False, allow_nan=False).encode()
        headers["content-type"] = "application/json"
    elif config.form is not None:
        pairs = {name: value.get_secret_value() for name, value in config.form.items()}
        body = urlencode(pairs).encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
    elif config.body is not None:
        body = config.body.get_secret_value().encode()
    if config.method not in _NO_EFFECT:
        headers["idempotency-key"] = ctx.idempotency_key
    own = {name.lower(): value.get_secret_value() for name, value in config.headers.items()}
    _check_headers(own)
    url = http_client.parse_url(config.url)
    if config.query:
        url = url.copy_merge_params(_query(config))
    return http_client.Outgoing(
        method=config.method,
        url=url,
        headers={**headers, **own},
        body=body,
        # Which of them hold secrets is not known here, so none that the author set crosses over.
        private=frozenset(own) - {"accept", "accept-language", "content-type", "user-agent"},
    )


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if _HEADER_NAME.fullmatch(name) is None or name in _HEADERS_REFUSED:
            raise _invalid(f"the header {name!r:.100} cannot be set")
        if any(character in value for character in "\r\n\0"):
            raise _invalid(f"the value of header {name!r:.100} holds a line end or NUL")


def _query(config: RequestConfig) -> dict[str, str | list[str]]:
    query: dict[str, str | list[str]] = {}
    for name, value in config.query.items():
        if isinstance(value, tuple):
            query[name] = [_text_of(each) for each in value]
        elif value is not None:
            query[name] = _text_of(value)
    return query


def _text_of(value: SecretStr | float | bool) -> str:  # noqa: FBT001 - a value, not a switch
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _decoded(answer: "Incoming") -> str:
    """Decode by the named charset; an unknown one is read as UTF-8, what does not fit replaced."""
    match = re.search(r"charset=\"?([\w.:-]{1,40})", answer.headers.get("content-type", ""), re.I)
    charset = match[1] if match else "utf-8"
    try:
        return answer.body.decode(charset, "replace")
    except (LookupError, UnicodeError, ValueError):
        return answer.body.decode("utf-8", "replace")


async def _parsed(ctx: NodeContext, answer: "Incoming") -> Any:
    """Return the body as JSON if it says so; text that is no strict JSON gives null and a line."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not answer.body or not (kind.endswith("+json") or kind.endswith("/json")):
        return None
    try:
        if len(answer.body) <= PARSE_HERE_BYTES_MAX:
            return decode(answer.body, what="the response")
        return await asyncio.to_thread(decode, answer.body, what="the response")
    except InvalidInput as error:
        ctx.log(f"`json` is null: {error}", level="warning")
        return None


def _is_expected(status: int, expected: tuple[int | str, ...] | None) -> bool:
    if expected is None:
        return status < 400
    return any(
        all(want in {"x", got} for want, got in zip(str(each), str(status), strict=True))
        for each in expected
    )


def _status_failure(answer: "Incoming", text: str) -> NodeFailure:
    said = " ".join(text[: 2 * _SAID_CHARACTERS].split())[:_SAID_CHARACTERS]
    return NodeFailure(
        f"http.{answer.status}",
        f"the server answered {answer.status}" + (f": {said}" if said else ""),
        # 429: the server says that it did not take the request.
        may_have_happened=answer.status != 429,
        at_least_ms=_pause_ms(answer) if answer.status in {408, 425, 429, 503} else 0,
    )


def _pause_ms(answer: "Incoming") -> int:
    """Read Retry-After: seconds, or a date, which is compared with the server's own clock."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdigit():
        return min(int(text[:9]) * 1_000, RETRY_AFTER_MS_MAX)
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(answer.headers.get("date", ""))
        pause_ms = round((until - now).total_seconds() * 1_000)
    except (ValueError, TypeError):
        return 0
    return min(max(pause_ms, 0), RETRY_AFTER_MS_MAX)


def _invalid(message: str) -> NodeFailure:
    return NodeFailure("invalid_request", message, may_have_happened=False, retryable=False)
