# SPDX-License-Identifier: Apache-2.0
"""What http.request takes and gives. Must not send anything.

Rules: ND19, ND51-ND54.
"""

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from legato.nodes.fields import Config, Output, credential_field
from legato.ports.http import HTTP_RESPONSE_BYTES_MAX
from legato.ports.node import BLOB_BYTES_MAX, Blob, Secret

RESPONSE_BYTES_LIMIT: Final = 48 * 1024 * 1024
"""Of a body that becomes text in an output, which may have 64 MiB."""
PAGES_DEFAULT: Final = 100
PAGES_MAX: Final = 10_000
FILES_MAX: Final = 100
NO_EFFECT: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PATH: Final = re.compile(r"[^.\s]{1,100}(\.[^.\s]{1,100}){0,20}")
_PLAIN_TYPE: Final = r"^[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(; ?[ -~]{1,100})?$"


def _checked_path(value: str) -> str:
    if _PATH.fullmatch(value) is None:
        raise ValueError("should be names joined by dots, for example data.items")
    return value


FieldPath = Annotated[str, AfterValidator(_checked_path)]
QueryValue = Secret | int | float | bool


class BasicAuth(Config):
    """A user with a password."""

    username: Secret = Field(description="The user.")
    password: Secret = Field(description="The password.")


class ApiKey(Config):
    """A key under a name of the server's choice."""

    in_: Literal["header", "query"] = Field(
        alias="in", description="Where the server looks for it."
    )
    name: str = Field(min_length=1, max_length=200, description="The header or query parameter.")
    value: Secret = Field(description="The key.")


class Auth(Config):
    """Who asks: exactly one of `basic`, `bearer` and `api_key`."""

    basic: BasicAuth | None = Field(default=None, description="User and password.")
    bearer: Secret | None = Field(default=None, description="A token.")
    api_key: ApiKey | None = Field(default=None, description="A key in a header or the query.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in (self.basic, self.bearer, self.api_key)) != 1:
            raise ValueError("exactly one of basic, bearer and api_key is needed")
        return self

    @property
    def header(self) -> str | None:
        """The header that it sets, in lower case, or None."""
        if self.api_key is None:
            return "authorization"
        return self.api_key.name.lower() if self.api_key.in_ == "header" else None


class FilePart(Config):
    """A file of a multipart body: exactly one of `text`, `base64` and `blob`."""

    name: str = Field(min_length=1, max_length=200, description="The form field.")
    filename: str | None = Field(
        default=None, min_length=1, max_length=255, description="Else that of the blob, or `name`."
    )
    type: str | None = Field(
        default=None, pattern=_PLAIN_TYPE, description="Media type; else that of the blob."
    )
    text: str | None = Field(default=None, description="Content, sent as UTF-8.")
    base64: str | None = Field(default=None, description="Content in base64.")
    blob: Blob | None = Field(default=None, description="Content from the blob store, streamed.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in (self.text, self.base64, self.blob)) != 1:
            raise ValueError("exactly one of text, base64 and blob is needed")
        return self


class Multipart(Config):
    """A form with files."""

    fields: dict[str, Secret] = Field(default_factory=dict, description="Plain form fields.")
    files: tuple[FilePart, ...] = Field(
        default=(), max_length=FILES_MAX, description="Files, in this order."
    )


class CursorRule(Config):
    """A cursor in the answer that goes into the query of the next request."""

    json_: FieldPath = Field(alias="json", description="Where it stands: meta.next_cursor.")
    query: str = Field(min_length=1, max_length=200, description="The query parameter.")


class NumberRule(Config):
    """A number in the query that grows until a page has no items."""

    query: str = Field(min_length=1, max_length=200, description="The query parameter.")
    start: int = Field(default=1, ge=0, le=2**31, description="Of the first page.")
    step: int = Field(default=1, ge=1, le=1_000_000, description="From one page to the next.")


class NextRule(Config):
    """How the next page is found: exactly one of `json`, `cursor` and `page`."""

    json_: FieldPath | None = Field(
        default=None, alias="json", description="Where its URL stands: links.next."
    )
    cursor: CursorRule | None = Field(default=None, description="By a cursor.")
    page: NumberRule | None = Field(default=None, description="By a page number or offset.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in (self.json_, self.cursor, self.page)) != 1:
            raise ValueError("exactly one of json, cursor and page is needed")
        return self


class Pages(Config):
    """How a list that comes in pages is read."""

    next: Literal["link_header"] | NextRule = Field(
        description="link_header, {json: links.next}, {cursor: {json: meta.next, query: cursor}} "
        "or {page: {query: page}}."
    )
    items: FieldPath | None = Field(
        default=None, description="Where a page's list stands: data.items; else it is the page."
    )
    max_pages: int = Field(
        default=PAGES_DEFAULT, ge=1, le=PAGES_MAX, description="Then it stops: `truncated`."
    )
    origins: tuple[str, ...] = Field(
        default=(),
        max_length=10,
        description="Where else pages may come from: https://cdn.example.org. Headers of the "
        "config and `auth` do not go there.",
    )


class RequestConfig(Config):
    """`with` of http.request; at most one of `json`, `body`, `form`, `multipart` and `blob`."""

    method: Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="GET", description="The HTTP method."
    )
    url: str = Field(description="Where to: http:// or https://.")
    headers: dict[str, Secret] = Field(default_factory=dict, description="Request headers.")
    query: dict[str, QueryValue | tuple[QueryValue, ...] | None] = Field(
        default_factory=dict, description="Added to the query of the URL; null is left out."
    )
    auth: Auth | None = Field(default=None, description="basic, bearer or api_key.")
    credential: str | None = credential_field("http_bearer", "http_basic", "http_header")
    json_: Any = Field(default=None, alias="json", description="Sent as JSON.")
    body: Secret | None = Field(default=None, description="Sent as it is.")
    form: dict[str, Secret] | None = Field(default=None, description="Sent as an HTML form.")
    multipart: Multipart | None = Field(default=None, description="Sent as a form with files.")
    blob: Blob | None = Field(default=None, description="Sent from the blob store, streamed.")
    expect_status: tuple[int | str, ...] | None = Field(
        default=None, description="Statuses that count as success (200, 2xx); else all below 400."
    )
    max_response_bytes: int | None = Field(
        default=None,
        ge=0,
        le=BLOB_BYTES_MAX,
        description="A larger response, unpacked, fails the node: 10 MiB unless set, 48 MiB at "
        "most, over all pages; with `save: blob` 2 GiB.",
    )
    follow_redirects: bool = Field(default=True, description="Follow up to 5 redirects.")
    save: Literal["blob"] | None = Field(
        default=None, description="blob: the body goes to the blob store and not into the output."
    )
    pages: Pages | None = Field(default=None, description="Read a list page by page.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        given = [name.rstrip("_") for name in _BODIES if self._has(name)]
        if len(given) > 1:
            raise ValueError(f"only one of {' and '.join(given)} can be sent")
        if given and self.method in NO_EFFECT:
            raise ValueError(f"{self.method} sends no {given[0]}")
        for each in self.expect_status or ():
            if not re.fullmatch(r"[1-5][0-9x]{2}", str(each)):
                raise ValueError(f"expect_status: {each} is no status such as 200 or 2xx")
        if self.pages is not None and (self.method != "GET" or self.save is not None):
            raise ValueError("pages are read with GET, and not saved")
        if self.save is not None and self.method == "HEAD":
            raise ValueError("HEAD has no body to save")
        if self.save is None and (self.max_response_bytes or 0) > RESPONSE_BYTES_LIMIT:
            raise ValueError(f"max_response_bytes: {RESPONSE_BYTES_LIMIT} at most without save")
        if self.auth is not None and self.credential is not None:
            raise ValueError("only one of auth and credential says who asks")
        if self.auth is not None and self.auth.header in {each.lower() for each in self.headers}:
            raise ValueError(f"auth and headers both set {self.auth.header}")
        return self

    def _has(self, name: str) -> bool:
        return name in self.model_fields_set and (
            name == "json_" or getattr(self, name) is not None
        )

    @property
    def has_json(self) -> bool:
        """Tell whether `json` is given; null is a JSON text too."""
        return self._has("json_")

    @property
    def response_bytes_max(self) -> int:
        """Bytes that the answer may have."""
        if self.max_response_bytes is not None:
            return self.max_response_bytes
        return HTTP_RESPONSE_BYTES_MAX if self.save is None else BLOB_BYTES_MAX


_BODIES: Final = ("json_", "body", "form", "multipart", "blob")


class RequestOutput(Output):
    """Output of http.request."""

    status: int = Field(description="The HTTP status.")
    headers: dict[str, str] = Field(description="Response headers by lower-case name.")
    body: str = Field(default="", description="The body as text.")
    json_: Any = Field(default=None, alias="json", description="The body, if it is JSON.")
    blob: Blob | None = Field(default=None, description="The body, with `save: blob`.")
    items: list[Any] | None = Field(default=None, description="The items of all pages.")
    pages: int | None = Field(default=None, description="How many pages were read.")
    truncated: bool = Field(default=False, description="Whether there are more pages.")
