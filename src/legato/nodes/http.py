# SPDX-License-Identifier: Apache-2.0
"""http.request: one HTTP exchange with a public server, or a list read page by page.

Rules: ND16-ND20, ND51-ND54.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from legato.errors import LimitExceeded
from legato.model.policy import EffectClass
from legato.nodes.credential_headers import HTTP_TYPES, basic, http_header_of
from legato.nodes.fields import refused, without_nul
from legato.nodes.http_answer import (
    json_or_null,
    media_type_of,
    said_by,
    split_header,
    status_failure,
    text_of,
)
from legato.nodes.http_body import OCTETS, body_of
from legato.nodes.http_config import NO_EFFECT, Auth, RequestConfig, RequestOutput
from legato.nodes.http_pages import PageReader
from legato.ports.http import HTTP_REDIRECTS_MAX, HttpBounds, HttpResponse, HttpStream
from legato.ports.node import Blob, NodeContext, NodeFailure, node

if TYPE_CHECKING:
    import httpx2

_REPEATABLE: Final = frozenset({"PUT", "DELETE"})


def _effect(config: Mapping[str, Any]) -> EffectClass:
    method = str(config.get("method", "GET")).upper()
    if method in NO_EFFECT:
        return "pure"
    return "idempotent" if method in _REPEATABLE else "non_idempotent"


@node(
    "http.request",
    title="HTTP request",
    group="web",
    icon="globe",
    effect=_effect,
    timeout_ms=60_000,
    secret_fields=(
        "headers.*", "query.*", "json.*", "form.*", "body", "multipart.fields.*",
        "auth.basic.username", "auth.basic.password", "auth.bearer", "auth.api_key.value",
        "credential",
    ),
    keeps_hosts=True,
    example="""\
uses: http.request
with:
  method: POST
  url: https://api.example.org/v1/reports
  auth:
    bearer: {secret: example_token}
  json: {title: "Week ${{ inputs.week }}"}
effect: idempotent
retry: {max_attempts: 4, on: [network, http.5xx, http.429]}
""",
)  # fmt: skip
async def request(ctx: NodeContext, config: RequestConfig) -> RequestOutput:
    """Send an HTTP request and return status, headers and body.

    Only public addresses can be reached; an operator allows others by host or network, with the
    port: `[grants.http] allow_private = ["10.0.0.5:8080"]`. Redirects are followed up to five
    times and checked like the first address; headers of the config, `auth` and a body do not go
    to another origin. Cookies are not kept and proxies of the environment are not used.

    GET, HEAD and OPTIONS are `pure`, PUT and DELETE `idempotent`, POST and PATCH
    `non_idempotent` unless the workflow declares `effect: idempotent`; methods that change
    something send the node's key as `Idempotency-Key`.

    `credential` names a credential of the workspace: its token, user and password or header goes
    along, to the hosts that it is for and to no other, also after a redirect and for the next page.

    `save: blob` puts a body of up to 2 GiB into the blob store. `pages` reads a list page by page
    and returns its `items`.

    Fails with `http.STATUS` from 400 on (Retry-After is kept to), `network`, `timeout`,
    `address_refused`, `response_too_large`, `page_loop`, `credential_host`, `credential_type`.
    """
    if config.save is not None:
        return await _saved(ctx, config)
    if config.pages is not None:
        return await _paged(ctx, config)
    headers, body = await _content_of(ctx, config)
    answer = await ctx.http.request(
        config.method,
        _url_of(config),
        headers=headers,
        body=body,
        bounds=_bounds(config, config.response_bytes_max),
    )
    text = await _checked_text(config, answer)
    return RequestOutput(
        status=answer.status,
        headers=_shown(answer.headers),
        body=text,
        json=await json_or_null(ctx, answer),
    )


async def _saved(ctx: NodeContext, config: RequestConfig) -> RequestOutput:
    """Put the body into the blob store as it comes."""
    headers, body = await _content_of(ctx, config)
    headers.setdefault("accept-encoding", "identity")  # a file is kept as it is
    async with ctx.http.stream(
        config.method,
        _url_of(config),
        headers=headers,
        body=body,
        bounds=_bounds(config, config.response_bytes_max),
    ) as answer:
        if not _is_expected(answer.status, config.expect_status):
            raise status_failure(answer.status, answer.headers, await said_by(answer))
        try:
            ref = await ctx.blobs.put_stream(answer.pieces, size_max=config.response_bytes_max)
        except LimitExceeded as error:
            raise NodeFailure("response_too_large", str(error), retryable=False) from None
    kind = media_type_of(answer.headers)[:200] or OCTETS
    return RequestOutput(
        status=answer.status,
        headers=_shown(answer.headers),
        blob=Blob.of(ref, kind, _file_name(answer)),
    )


async def _paged(ctx: NodeContext, config: RequestConfig) -> RequestOutput:
    """Read a list page by page."""
    from legato.nodes.http_client import parse_url  # noqa: PLC0415 - 150 ms, see http_access

    headers, _ = await _content_of(ctx, config)

    async def fetch(url: "httpx2.URL", *, is_home: bool, bytes_max: int) -> HttpResponse:
        if is_home and config.auth is not None:
            url = _with_key(url, config.auth)
        answer = await ctx.http.request(
            config.method, str(url), headers=headers if is_home else {},
            bounds=_bounds(config, bytes_max),
        )  # fmt: skip
        if not _is_expected(answer.status, config.expect_status):
            raise status_failure(answer.status, answer.headers, await text_of(answer))
        return answer

    assert config.pages is not None, "the caller looked"
    first = parse_url(_url_of(config))
    reader = PageReader(config.pages, fetch, first, config.response_bytes_max)
    last = await reader.read()
    return RequestOutput(
        status=last.status,
        headers=_shown(last.headers),
        items=reader.items,
        pages=reader.count,
        truncated=reader.truncated,
    )


async def _content_of(ctx: NodeContext, config: RequestConfig) -> tuple[dict[str, str], Any]:
    """Return headers and body."""
    body, kind = body_of(config, ctx.blobs)
    headers = {} if kind is None else {"content-type": kind}
    if config.method not in NO_EFFECT:
        headers["idempotency-key"] = ctx.idempotency_key
    for name, value in config.headers.items():
        headers[name.lower()] = value.get_secret_value()
    if config.auth is not None:
        headers.update(_auth_headers(config.auth))
    if config.credential is not None:
        found = await ctx.credential(config.credential, *HTTP_TYPES)
        header, secret = http_header_of(found)
        if header in headers:
            raise refused("invalid_request", f"credential and headers both set {header}")
        headers[header] = secret
    return headers, body


def _auth_headers(auth: Auth) -> dict[str, str]:
    if auth.bearer is not None:
        return {"authorization": f"Bearer {auth.bearer.get_secret_value()}"}
    if auth.basic is not None:
        user = auth.basic.username.get_secret_value()
        if ":" in user:
            raise refused("invalid_request", "auth.basic.username: a user name cannot hold a colon")
        return {"authorization": basic(user, auth.basic.password.get_secret_value())}
    key = auth.api_key
    assert key is not None, "the config has one of three"
    return {key.name.lower(): key.value.get_secret_value()} if key.in_ == "header" else {}


def _url_of(config: RequestConfig) -> str:
    """Return the URL with the query and key of the config; as it is if there is none."""
    key = None if config.auth is None else config.auth.api_key
    if not config.query and (key is None or key.in_ != "query"):
        return config.url
    from legato.nodes.http_client import parse_url  # noqa: PLC0415 - 150 ms, see http_access

    url = parse_url(config.url)
    if config.query:
        url = url.copy_merge_params(_query(config))
    return str(url if config.auth is None else _with_key(url, config.auth))


def _with_key(url: "httpx2.URL", auth: Auth) -> "httpx2.URL":
    key = auth.api_key
    if key is None or key.in_ != "query":
        return url
    return url.copy_set_param(key.name, key.value.get_secret_value())


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


def _bounds(config: RequestConfig, bytes_max: int) -> HttpBounds:
    return HttpBounds(
        response_bytes_max=bytes_max,
        redirects_max=HTTP_REDIRECTS_MAX if config.follow_redirects else 0,
    )


async def _checked_text(config: RequestConfig, answer: HttpResponse) -> str:
    text = await text_of(answer)
    if not _is_expected(answer.status, config.expect_status):
        raise status_failure(answer.status, answer.headers, text)
    return text


def _is_expected(status: int, expected: tuple[int | str, ...] | None) -> bool:
    if expected is None:
        return status < 400
    return any(
        all(want in {"x", got} for want, got in zip(str(each), str(status), strict=True))
        for each in expected
    )


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: without_nul(value) for name, value in headers.items()}


def _file_name(answer: HttpStream) -> str | None:
    """Return the name that the server gives the file, else the last of its path; never a path."""
    named: dict[str, str] = {}
    for each in split_header(answer.headers.get("content-disposition", ""), ";")[1:]:
        key, _, value = each.partition("=")
        named[key.strip().lower()] = value.strip().strip('"')
    extended = unquote(named.get("filename*", "").rpartition("'")[2])  # RFC 8187, as UTF-8
    name = extended or named.get("filename") or unquote(urlsplit(answer.url).path)
    name = PurePosixPath(name.replace("\\", "/")).name.lstrip(".")
    return "".join(each for each in name if each.isprintable())[:255] or None
