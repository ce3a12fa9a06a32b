# SPDX-License-Identifier: Apache-2.0
"""Reads a list that a server gives page by page.

Where the next page is comes from the server, so it is bounded: the same origin unless the author
names others, no page twice, so many pages, items and bytes. Paths are names joined by dots;
nothing that the server sends is evaluated.

Rules: ND53.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from legato.errors import InvalidInput
from legato.nodes.http_answer import json_of, split_header
from legato.nodes.http_config import CursorRule, NumberRule, Pages
from legato.ports.http import HttpResponse
from legato.ports.node import NodeFailure

if TYPE_CHECKING:
    import httpx2

ITEMS_MAX: Final = 100_000
"""As many as a `foreach` takes."""


class Fetch(Protocol):
    """Gets one page."""

    async def __call__(self, url: "httpx2.URL", *, is_home: bool, bytes_max: int) -> HttpResponse:
        """Return an answer whose status was expected.

        Args:
            url: The page.
            is_home: Whether it may see the headers of the config.
            bytes_max: What is left of all pages' bytes.
        """
        ...


class PageReader:
    """Reads pages until there is none, or a bound is reached."""

    def __init__(self, pages: Pages, fetch: Fetch, first: "httpx2.URL", bytes_max: int) -> None:
        """Args: first is the URL of the config, with its query; bytes_max is for all pages."""
        from legato.nodes import http_client  # noqa: PLC0415 - 150 ms, only when a request is made

        self._client = http_client
        self._pages = pages
        self._fetch = fetch
        self._first = first
        self._bytes_left = bytes_max
        self._origins = [http_client.parse_url(each) for each in pages.origins]
        self._seen: set[str] = set()
        self.items: list[Any] = []
        self.count = 0
        self.truncated = False

    async def read(self) -> HttpResponse:
        """Read them all; return the last answer.

        Raises:
            NodeFailure: `invalid_response`, `page_loop`, `redirect_refused`, `response_too_large`,
                and what a request may raise.
        """
        url: httpx2.URL | None = self._first
        if isinstance(self._rule, NumberRule):
            url = self._numbered(self._rule)
        while True:
            assert url is not None, "a page that is read has a URL"
            answer = await self._fetch(url, is_home=self._is_home(url), bytes_max=self._bytes_left)
            self._bytes_left -= len(answer.body)
            self.count += 1
            page = await self._parsed(answer)
            found = self._take(page)
            url = self._next(answer, page, found)
            if url is None:
                return answer
            if self.count == self._pages.max_pages:
                self.truncated = True
                return answer

    @property
    def _rule(self) -> str | CursorRule | NumberRule | None:
        """How to go on: `link_header`, a path in the page, a cursor, or a number."""
        rule = self._pages.next
        if isinstance(rule, str):
            return None
        return rule.json_ or rule.cursor or rule.page

    async def _parsed(self, answer: HttpResponse) -> Any:
        try:
            return await json_of(answer)
        except InvalidInput as error:
            raise self._invalid(str(error)) from None

    def _take(self, page: Any) -> int:
        """Add the items of a page; return how many they are."""
        path = self._pages.items
        found = page if path is None else field_of(page, path)
        if not isinstance(found, list):
            place = "it" if path is None else path
            raise self._invalid(f"{place} should be a list, and is {_word(found)}")
        if len(self.items) + len(found) > ITEMS_MAX:
            raise NodeFailure(
                "response_too_large", f"the pages have more than {ITEMS_MAX} items", retryable=False
            )
        self.items += found
        return len(found)

    def _next(self, answer: HttpResponse, page: Any, found: int) -> "httpx2.URL | None":
        rule = self._rule
        if isinstance(rule, NumberRule):
            if found == 0:
                return None
            # A server that does not know the parameter gives the same page again and again.
            self._note(hashlib.sha256(answer.body).hexdigest())
            return self._numbered(rule)
        if isinstance(rule, CursorRule):
            cursor = self._text_at(page, rule.json_)
            if cursor is None:
                return None
            self._note(cursor)
            return self._first.copy_set_param(rule.query, cursor)
        link = next_link(answer.headers) if rule is None else self._text_at(page, rule)
        if link is None:
            return None
        url = self._client.joined_url(self._client.parse_url(answer.url), link)
        if self.count == 1:
            self._seen.add(str(self._first))
        self._note(str(url))
        if not self._is_home(url) and not self._is_allowed(url):
            raise NodeFailure(
                "redirect_refused",
                f"page {self.count + 1} is at another origin, {url.host!r:.100}; if that is "
                "right, name it in `pages.origins`",
                retryable=False,
            )
        return url

    def _numbered(self, rule: NumberRule) -> "httpx2.URL":
        return self._first.copy_set_param(rule.query, str(rule.start + rule.step * self.count))

    def _text_at(self, page: Any, path: str) -> str | None:
        """Return a URL or cursor; null, nothing and an empty text mean that this was the last."""
        found = field_of(page, path)
        if found is None or found == "" or found is False:
            return None
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise self._invalid(f"{path} should be text, and is {_word(found)}")
        return str(found)

    def _note(self, place: str) -> None:
        if place in self._seen:
            raise NodeFailure(
                "page_loop",
                f"page {self.count + 1} would be one that was read already; check `pages.next`",
                retryable=False,
            )
        self._seen.add(place)

    def _is_home(self, url: "httpx2.URL") -> bool:
        return self._client.is_same_origin(self._first, url)

    def _is_allowed(self, url: "httpx2.URL") -> bool:
        return any(self._client.is_same_origin(each, url) for each in self._origins)

    def _invalid(self, why: str) -> NodeFailure:
        return NodeFailure(
            "invalid_response", f"page {self.count} cannot be read: {why}", retryable=False
        )


def field_of(value: Any, path: str) -> Any:
    """Return what stands at names joined by dots; None if one of them is missing."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def next_link(headers: Mapping[str, str]) -> str | None:
    """Return the target of rel=next in a Link header. Source: RFC 8288."""
    for target, parameters in _links(headers.get("link", "")):
        for each in parameters:
            name, _, value = each.partition("=")
            if name.strip().lower() == "rel" and "next" in value.strip(' "').lower().split():
                return target
    return None


def _links(text: str) -> Iterator[tuple[str, list[str]]]:
    """Cut a Link header into targets with their parameters; what is no link is left out."""
    for entry in split_header(text, ","):
        target, *parameters = split_header(entry, ";")
        target = target.strip()
        if target.startswith("<") and target.endswith(">"):
            yield target[1:-1].strip(), parameters


def _word(value: object) -> str:
    words = {dict: "an object", list: "a list", str: "text", bool: "a boolean"}
    return "missing" if value is None else words.get(type(value), "a number")
