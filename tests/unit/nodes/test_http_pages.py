# SPDX-License-Identifier: Apache-2.0
"""Pages of a list: where the next one is, and when to stop."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from legato.model.events import NodeError
from legato.nodes import http, http_pages
from legato.nodes.http_pages import field_of, next_link
from legato.ports.http import DEFAULT_BOUNDS, NO_HEADERS, HttpBody, HttpBounds, HttpResponse
from tests.unit.nodes.test_http_config import Sent
from tests.unit.nodes.world import World

URL = "https://api.example/list"


class Site(Sent):
    """Answers by URL; what is not there is a 404."""

    def __init__(self, pages: Mapping[str, Any], links: Mapping[str, str] = NO_HEADERS) -> None:
        super().__init__()
        self.pages = pages
        self.links = links

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: bytes | HttpBody = b"",
        bounds: HttpBounds = DEFAULT_BOUNDS,
    ) -> HttpResponse:
        await super().request(method, url, headers=headers, body=body, bounds=bounds)
        given = {"content-type": "application/json"}
        if url in self.links:
            given["link"] = self.links[url]
        page = self.pages.get(url)
        content = page if isinstance(page, bytes) else json.dumps(page).encode()
        status = 404 if page is None else 200
        return HttpResponse(url=url, status=status, headers=given, body=content)

    @property
    def urls(self) -> list[str]:
        return [str(each.url) for each in self.outgoing]


async def read(world: World, site: Site, pages: Any, **config: Any) -> Any:
    world.http = site
    return await world.output(http.request, {"url": URL, "pages": pages, **config})


async def fail(world: World, site: Site, pages: Any, **config: Any) -> NodeError:
    world.http = site
    return await world.error(http.request, {"url": URL, "pages": pages, **config})


async def test_a_link_header_leads_from_page_to_page(world: World) -> None:
    """Items are joined in order, pages counted, relative links resolved [ND53]."""
    site = Site(
        {URL: [1, 2], URL + "?p=2": [3], URL + "?p=3": []},
        {URL: f'<{URL}?p=2>; rel="next"', URL + "?p=2": "<?p=3>; rel=next"},
    )
    output = await read(world, site, {"next": "link_header"})
    assert (output["items"], output["pages"], output["truncated"]) == ([1, 2, 3], 3, False)
    assert (output["status"], output["body"], output["json"]) == (200, "", None)


async def test_a_url_in_the_page_leads_on(world: World) -> None:
    """A field named by a plain path holds the next URL; null ends the list [ND53]."""
    site = Site(
        {
            URL: {"data": {"rows": [{"a": 1}]}, "links": {"next": "/list?after=1"}},
            URL + "?after=1": {"data": {"rows": [{"a": 2}]}, "links": {"next": None}},
        }
    )
    output = await read(world, site, {"next": {"json": "links.next"}, "items": "data.rows"})
    assert output["items"] == [{"a": 1}, {"a": 2}]


async def test_a_cursor_goes_into_the_query(world: World) -> None:
    """What the config asked for stays in the query beside it [ND53]."""
    first = URL + "?size=2"
    site = Site(
        {
            first: {"items": [1], "meta": {"next": "a/b="}},
            first + "&cursor=a%2Fb%3D": {"items": [2], "meta": {"next": 7}},
            first + "&cursor=7": {"items": [3], "meta": {}},
        }
    )
    rule = {"cursor": {"json": "meta.next", "query": "cursor"}}
    output = await read(world, site, {"next": rule, "items": "items"}, query={"size": 2})
    assert output["items"] == [1, 2, 3]


async def test_numbers_grow_until_a_page_is_empty(world: World) -> None:
    """Offsets are numbers with a larger step [ND53]."""
    site = Site({URL + "?o=0": [1, 2], URL + "?o=2": [3], URL + "?o=4": []})
    output = await read(world, site, {"next": {"page": {"query": "o", "start": 0, "step": 2}}})
    assert (output["items"], output["pages"]) == ([1, 2, 3], 3)


async def test_reading_stops_after_so_many_pages_and_says_so(world: World) -> None:
    """A list that goes on is marked as truncated [ND53]."""
    site = Site({f"{URL}?p={number}": [number] for number in range(1, 9)})
    output = await read(world, site, {"next": {"page": {"query": "p"}}, "max_pages": 3})
    assert (output["items"], output["pages"], output["truncated"]) == ([1, 2, 3], 3, True)


@pytest.mark.parametrize(
    ("pages", "links", "rule"),
    [
        ({URL: [1]}, {URL: f"<{URL}>; rel=next"}, "link_header"),
        (
            {URL: [1], URL + "?p=2": [2]},
            {URL: "<?p=2>; rel=next", URL + "?p=2": f"<{URL}>; rel=next"},
            "link_header",
        ),
        ({URL: {"i": [1], "c": "x"}, URL + "?c=x": {"i": [2], "c": "x"}}, {},
         {"cursor": {"json": "c", "query": "c"}}),
        ({URL + "?p=1": [1], URL + "?p=2": [1]}, {}, {"page": {"query": "p"}}),
    ],
)  # fmt: skip
async def test_a_list_that_leads_back_is_noticed(
    world: World, pages: Any, links: Any, rule: Any
) -> None:
    """The same URL, cursor or page twice ends the node instead of going round for ever [ND53]."""
    site = Site(pages, links)
    items = {"items": "i"} if isinstance(rule, dict) and "cursor" in rule else {}
    error = await fail(world, site, {"next": rule, **items})
    assert (error.kind, error.retryable) == ("page_loop", False)
    assert len(site.urls) <= 2


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/list", "http://api.example/list", "https://api.example:444/list",
     "//evil.example/x", "https://api.example.evil.example/", "http://169.254.169.254/"],
)  # fmt: skip
async def test_pages_of_another_origin_are_refused_unless_named(world: World, target: str) -> None:
    """The server cannot send the reader elsewhere [ND53]."""
    site = Site({URL: [1], target: [2]}, {URL: f"<{target}>; rel=next"})
    error = await fail(world, site, {"next": "link_header"})
    assert error.kind == "redirect_refused"
    assert site.urls == [URL]


async def test_auth_stays_at_home_when_pages_lead_elsewhere(world: World) -> None:
    """A named origin is asked without headers and keys of the config [ND53, ND51]."""
    other = "https://cdn.example/2"
    site = Site({URL: [1], other: [2], URL + "?p=3": [3]},
                {URL: f"<{other}>; rel=next", other: f"<{URL}?p=3>; rel=next"})  # fmt: skip
    pages = {"next": "link_header", "origins": ["https://cdn.example"]}
    auth = {"bearer": {"secret": "token"}}
    output = await read(world, site, pages, auth=auth, headers={"X-Own": "mine"})
    assert output["items"] == [1, 2, 3]
    sent = [("authorization" in each.headers, "x-own" in each.headers) for each in site.outgoing]
    assert sent == [(True, True), (False, False), (True, True)]


async def test_a_key_in_the_query_goes_to_every_page_at_home(world: World) -> None:
    """A link without the key gets it, one of another origin does not [ND53, ND51]."""
    other = "https://cdn.example/3"
    auth = {"api_key": {"in": "query", "name": "key", "value": "abc"}}
    site = Site({URL + "?key=abc": [1], URL + "?p=2&key=abc": [2], other: [3]},
                {URL + "?key=abc": "<?p=2>; rel=next",
                 URL + "?p=2&key=abc": f"<{other}>; rel=next"})  # fmt: skip
    pages = {"next": "link_header", "origins": ["https://cdn.example"]}
    output = await read(world, site, pages, auth=auth)
    assert output["items"] == [1, 2, 3]


@pytest.mark.parametrize(
    ("page", "pages", "says"),
    [
        (b"not json", {"next": "link_header"}, "not valid JSON"),
        (b'{"a": 1, "a": 2}', {"next": "link_header"}, "twice"),
        ({"a": 1}, {"next": "link_header"}, "it should be a list, and is an object"),
        ({"a": {"b": 5}}, {"next": "link_header", "items": "a.b"}, "a.b should be a list"),
        ({"a": []}, {"next": "link_header", "items": "a.b"}, "is missing"),
        ({"i": [], "n": {"x": 1}}, {"next": {"json": "n"}, "items": "i"}, "should be text"),
        ({"i": [], "n": True}, {"next": {"json": "n"}, "items": "i"}, "should be text"),
    ],
)
async def test_pages_that_are_not_what_was_promised_are_named(
    world: World, page: Any, pages: Any, says: str
) -> None:
    """No page is taken for empty because its list is elsewhere [ND53]."""
    error = await fail(world, Site({URL: page}), pages)
    assert (error.kind, error.retryable) == ("invalid_response", False)
    assert says in error.message


async def test_bytes_and_items_are_bounded_over_all_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page gets what the ones before have left; too many items fail [ND53]."""
    site = Site({f"{URL}?p={number}": ["x" * 100, number] for number in range(1, 99)})
    rule = {"next": {"page": {"query": "p"}}, "max_pages": 5}
    await read(world, site, rule, max_response_bytes=10_000)
    left = [each.bounds.response_bytes_max for each in site.outgoing]
    assert left == [10_000 - 107 * number for number in range(5)]
    monkeypatch.setattr(http_pages, "ITEMS_MAX", 6)
    error = await fail(world, site, rule)
    assert (error.kind, error.retryable) == ("response_too_large", False)


async def test_a_page_that_fails_fails_the_node(world: World) -> None:
    """Half a list is no list; the status decides what may be tried again [ND53, ND20]."""
    site = Site({URL: [1]}, {URL: "<?p=2>; rel=next"})
    assert (await fail(world, site, {"next": "link_header"})).kind == "http.404"


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<https://a/2>; rel="next"', "https://a/2"),
        ('<https://a/0>; rel="prev", <https://a/2>; rel="next"', "https://a/2"),
        ("</2>;rel=next", "/2"),
        ('</2>; title="a, b; c"; rel="last next"', "/2"),
        ('</a,b;c>; rel="next"', "/a,b;c"),
        ('</2>; REL="NEXT"', "/2"),
        ('</2>; rel="nexting"', None),
        ("</2>", None),
        ("/2; rel=next", None),
        ("<<<<", None),
        ('"', None),
        ("", None),
        ("," * 1000, None),
    ],
)
def test_link_headers_are_read_as_they_are_written(header: str, target: str | None) -> None:
    """Commas and semicolons inside quotes and brackets do not count [ND53]."""
    assert next_link({"link": header}) == target


def test_paths_are_plain_names() -> None:
    """A path walks objects only; nothing is evaluated [ND53]."""
    value = {"a": {"b": [1], "__class__": 5}, "a.b": 1}
    assert field_of(value, "a.b") == [1]
    assert field_of(value, "a.c") is None
    assert field_of(value, "a.b.0") is None
    assert field_of("text", "__class__") is None
    assert field_of(value, "a.__class__") == 5
