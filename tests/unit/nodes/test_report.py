# SPDX-License-Identifier: Apache-2.0
"""report.markdown: one page."""

import base64
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from legato.model.ids import LOCAL_WORKSPACE
from legato.nodes import report
from tests.unit.nodes.world import World

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><title>t</title></svg>'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class Elements(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one."""
        self.found.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


async def page_of(world: World, **config: Any) -> str:
    config = {"title": "Weekly", "text": "", "to": "text", **config}
    text = (await world.output(report.run, config))["text"]
    assert isinstance(text, str)
    return text


async def test_a_report_is_one_page_that_needs_nothing(world: World) -> None:
    """No script, nothing from elsewhere, and a policy that forbids both [ND69]."""
    page = await page_of(world, text="# Hello\n\n[x](https://example.org)", language="de")
    elements = Elements(page)
    assert elements.all("html") == [{"lang": "de"}]
    policy = next(each for each in elements.all("meta") if "http-equiv" in each)
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in elements.found}
    assert re.search(r"url\(|@import", page) is None
    assert "<title>Weekly</title>" in page and "<h1>Hello</h1>" in page
    for condition in ("prefers-color-scheme: dark", "@media print", "max-width: 30rem"):
        assert condition in page


async def test_charts_stand_where_the_text_says(world: World) -> None:
    """SVG text, payloads and outputs of chart.render are embedded whole [ND69]."""
    ref = await world.blobs.put(LOCAL_WORKSPACE, PNG)
    blob = {"hash": ref.hash, "size": ref.size, "type": "image/png"}
    charts = {
        "one": SVG,
        "two": blob,
        "three": {"svg": SVG, "blob": None, "alt": "Bars", "width": 9, "height": 9},
        "four": {"svg": None, "blob": blob, "alt": "Lines", "width": 9, "height": 9},
    }
    text = "![](chart:one)\n\n![Two & more](chart:two)\n\n![](chart:three)\n\n![](chart:four)"
    images = Elements(await page_of(world, text=text, charts=charts)).all("img")
    assert [each["alt"] for each in images] == ["one", "Two & more", "Bars", "Lines"]
    head, _, data = (images[0]["src"] or "").partition(",")
    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == SVG
    assert (images[1]["src"] or "").startswith("data:image/png;base64,")


async def test_a_report_is_a_payload_by_default(world: World) -> None:
    """The page goes to a blob of text/html [ND69]."""
    output = await world.output(report.run, {"title": "T", "text": "x"})
    payload = world.blobs.payloads[output["blob"]["hash"]]
    assert output["text"] is None
    assert output["blob"]["type"] == "text/html; charset=utf-8"
    assert output["bytes"] == len(payload)
    assert payload.startswith(b"<!doctype html>")


async def test_a_chart_that_is_not_placed_is_told(world: World) -> None:
    """A forgotten chart is a line in the log [ND69]."""
    await page_of(world, charts={"lost": SVG})
    assert world.logs.texts == ["the chart lost is not placed: write ![](chart:lost)"]


@pytest.mark.parametrize(
    ("config", "kind", "says"),
    [
        ({"text": "![](chart:sale)", "charts": {"sales": SVG}}, "unknown_chart",
         "'sale'; there are: sales"),
        ({"charts": {"x": "no picture"}}, "invalid_chart", "charts.x: it is no image/svg+xml"),
        ({"charts": {"x": {"hash": "0" * 64, "size": 9, "type": "text/html"}}}, "invalid_chart",
         "charts.x: 9 bytes of text/html"),
        ({"charts": {"x": {"hash": "0" * 64, "size": 10**9, "type": "image/png"}}},
         "invalid_chart", "4 MiB at most"),
        ({"charts": {"x": 5}}, "invalid_config", "with.charts.x"),
        ({"title": ""}, "invalid_config", "with.title"),
        ({"language": '"><script>'}, "invalid_config", "with.language"),
    ],
)  # fmt: skip
async def test_what_cannot_be_put_into_a_report_is_named(
    world: World, config: dict[str, Any], kind: str, says: str
) -> None:
    """Charts that are missing, too large or none fail the node [ND69]."""
    error = await world.error(report.run, {"title": "T", "text": "", **config})
    assert error.kind == kind
    assert says in error.message
