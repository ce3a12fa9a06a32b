# SPDX-License-Identifier: Apache-2.0
"""Data of others on its way into tables, pages, charts and schemas."""

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from legato.nodes import chart, data_csv, data_markdown, data_validate, report
from tests.unit.nodes.test_report import Elements
from tests.unit.nodes.world import World

EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "</title></style></text></svg><script>alert(1)</script>",
    "]]><script>alert(1)</script><![CDATA[",
    "--><script>alert(1)</script><!--",
    "&lt;script&gt;",
    "<foreignObject><body onload=alert(1)></foreignObject>",
    "$\\frac{a}{b}$ $x^2$",
    "${page} $title $body",
    "%s {0} {{7*7}} ${{ inputs.x }}",
    "\u202egnp.exe",
]
MARKDOWN = [
    *EVIL,
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](vbscript:x)",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x](data:image/png;base64,AAAA)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://a.example "onmouseover=alert(1)")',
    '[x](https://a.example/"onmouseover="alert(1))',
    "[x](file:///etc/passwd)",
    "![](//a.example/pixel.png)",
    "![](https://a.example/pixel.png)",
    '```"onclick=alert(1)\nx\n```',
    '<a href="https://a.example" style="position:fixed">x</a>',
    "| a |\n|:-:|\n| <script>alert(1)</script> |",
    "<form action=https://a.example><input></form>",
    "<meta http-equiv=refresh content=0>",
    "<base href=https://a.example>",
]
SVG_TAGS = {
    "clipPath", "defs", "g", "path", "rect", "style", "svg", "text", "title", "tspan", "use",
}  # fmt: skip
SAFE_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img",
    "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


def assert_harmless(html: str) -> None:
    for tag, attributes in Elements(html).found:
        assert tag in SAFE_TAGS, tag
        for name, value in attributes.items():
            assert name in {"href", "src", "alt", "title", "rel", "start", "style"}, name
            if name in {"href", "src"}:
                assert re.match(r"(https?:|mailto:|[^:]*$)", value or ""), value
            if name == "style":
                assert re.fullmatch(r"text-align: ?(left|right|center);?", value or ""), value


@pytest.mark.parametrize("text", MARKDOWN)
@pytest.mark.parametrize("images", ["none", "remote"])
async def test_markdown_brings_no_code_into_a_page(world: World, text: str, images: str) -> None:
    """No script, handler, form, foreign scheme or style comes through [ND66]."""
    output = await world.output(data_markdown.run, {"text": text, "images": images})
    assert_harmless(output["html"])
    if images == "none":
        assert "<img" not in output["html"]


@pytest.mark.parametrize("text", MARKDOWN)
async def test_a_report_holds_no_code_whatever_it_is_made_of(world: World, text: str) -> None:
    """Title, text and names of charts are text in the page [ND69]."""
    svg = "<svg><script>alert(1)</script></svg>"
    config = {
        "title": text[:200], "text": f"{text}\n\n![{text[:50]}](chart:a)\n", "charts": {"a": svg},
        "to": "text",
    }  # fmt: skip
    page = (await world.output(report.run, config))["text"]
    body = page.partition("<body>")[2].partition("</body>")[0]
    tags = {tag for tag, _ in Elements(body).found} - {"main", "header"}
    assert tags <= SAFE_TAGS
    for _, attributes in Elements(body).found:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            value = attributes.get(name) or "data:image/svg+xml;base64,"
            assert re.match(r"(https?:|data:image/svg\+xml;base64,|[^:]*$)", value), value
    assert page.count("<meta http-equiv") == 1
    assert page.count("<title>") == 1
    head = page.partition("</head>")[0]
    assert head.count("<style>") == 1 and "<script" not in head


async def test_an_address_of_a_chart_is_not_for_links_or_others(world: World) -> None:
    """data: is let through where a chart stands and nowhere else [ND69]."""
    text = "![](chart:a) [x](chart:a) [y](data:image/svg+xml;base64,PHN2Zz48L3N2Zz4=)"
    config = {"title": "t", "text": text, "charts": {"a": "<svg></svg>"}, "to": "text"}
    page = (await world.output(report.run, config))["text"]
    assert len(Elements(page).all("img")) == 1
    assert not [each for each in Elements(page).all("a") if "data:" in (each.get("href") or "")]


@pytest.mark.parametrize("kind", ["bar", "line", "pie"])
async def test_a_chart_holds_no_code_whatever_its_words_are(world: World, kind: str) -> None:
    """Titles, labels and names are escaped, and no notation of the library is read [ND67]."""
    rows = [{"n": text, "v": place + 1} for place, text in enumerate(EVIL)]
    for text in EVIL[:5]:
        config = {
            "kind": kind, "rows": [{**row, text: 1} for row in rows], "x": "n",
            "y": "v" if kind == "pie" else ["v", text], "title": text, "x_label": text[:60],
            "y_label": text[:60], "alt": text, "width": 1_600,
        }  # fmt: skip
        output = await world.output(chart.render, config)
        svg = ET.fromstring(output["svg"])  # noqa: S314 - made here, a moment ago
        tags = {each.tag.rpartition("}")[2] for each in svg.iter()}
        assert tags <= SVG_TAGS, tags
        for each in svg.iter():
            assert not [name for name in each.keys() if name.lower().startswith("on")]  # noqa: SIM118
            links = [value for name, value in each.items() if name.endswith("href")]
            assert all(link.startswith("#") for link in links)
        words = "".join(svg.itertext())
        assert text in words


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=cmd|' /C calc'!A0",
     '=HYPERLINK("http://a.example","x")', "\uff1d1", "\uff20x", "-", "+49 30 1234"],
)  # fmt: skip
async def test_no_cell_becomes_a_formula(world: World, cell: str) -> None:
    """Text that a spreadsheet would run gets a mark, in rows and in headers [ND64]."""
    rows: Any = [{cell: cell}]
    text = (await world.output(data_csv.run, {"rows": rows}))["text"]
    read = await world.output(data_csv.run, {"text": text, "header": False})
    assert [row["column_1"] for row in read["rows"]] == ["'" + cell, "'" + cell]
    plain = await world.output(data_csv.run, {"rows": rows, "escape_formulas": False})
    read = await world.output(data_csv.run, {"text": plain["text"], "header": False})
    assert [row["column_1"] for row in read["rows"]] == [cell, cell]


@pytest.mark.parametrize("cell", ["a;=1+1", "a\t=1+1", 'a"\n=1+1', "a|=1", "a,=1"])
async def test_a_cell_stays_one_cell_for_a_reader_that_guesses(world: World, cell: str) -> None:
    """With another delimiter, too, a cell does not fall into two [ND64]."""
    text = (await world.output(data_csv.run, {"rows": [[cell]], "header": False}))["text"]
    for delimiter in (",", ";", "\t", "|"):
        config = {"text": text, "delimiter": delimiter, "header": False}
        read = await world.output(data_csv.run, config)
        assert read["rows"] == [{"column_1": cell}]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("," * 1_000_000, "too_large"),
        (("," * 1_000_000 + "\n") * 3, "too_large"),
        ('a\n"' + "x" * 3_000_000, "invalid_data"),
        ('a\n"' + "x\n" * 3_000_000, "invalid_data"),
        ("a\n" + '"\n",' * 1_000_000, "too_large"),
        ("a\n" + "1\n" * 200_000, "too_large"),
        ('"' * 999_999, "invalid_data"),
    ],
)
async def test_tables_made_to_break_readers_are_refused(world: World, text: str, kind: str) -> None:
    """A million columns, quotes that never close, rows over the limit [ND64]."""
    error = await world.error(data_csv.run, {"text": text})
    assert (error.kind, error.retryable) == (kind, False)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "file:///etc/passwd"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "https://example.org/schema.json"},
        {"$id": "file:///etc/", "$ref": "passwd"},
        {"properties": {"a": {"$ref": "file:///etc/passwd#/x"}}},
        {"$ref": "../secrets.toml"},
        {"$dynamicRef": "file:///etc/passwd#a"},
        {"$schema": "file:///etc/passwd", "$ref": "file:///etc/passwd"},
    ],
)
async def test_a_schema_reaches_no_file_and_no_address(world: World, schema: Any) -> None:
    """References out of the schema are refused, not followed [ND63]."""
    error = await world.error(data_validate.validate, {"value": {"a": 1}, "schema": schema})
    assert (error.kind, error.retryable) == ("invalid_schema", False)
    assert "root:" not in error.message


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"pattern": "^(a+)+$"},
        {"pattern": "^(a|a)*$", "format": "regex"},
        {"patternProperties": {"^(a+)+$": {}}},
    ],
)
async def test_schemas_that_never_end_elsewhere_end_here(world: World, schema: Any) -> None:
    """Circles and patterns that back-track are done in linear time [ND63]."""
    config = {"value": "a" * 50_000 + "!", "schema": schema, "on_invalid": "report"}
    output = await world.output(data_validate.validate, config, timeout_ms=20_000)
    assert isinstance(output["valid"], bool)


@pytest.mark.parametrize(
    "pattern", ["(a{1000}){1000}", "(?=a)b", "(a)\\1", "((((a{99}){99}){99}){99})"]
)
async def test_patterns_that_need_more_are_no_schema(world: World, pattern: str) -> None:
    """Patterns that are too large or not linear are refused [ND63]."""
    config = {"value": "a", "schema": {"pattern": pattern}}
    assert (await world.error(data_validate.validate, config)).kind == "invalid_schema"
