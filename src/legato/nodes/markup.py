# SPDX-License-Identifier: Apache-2.0
"""Markdown of others to HTML that can do no harm, and to plain text.

HTML in the Markdown stays text. What is rendered is sanitised once more, so that a fault in one of
the two lets nothing through. Also run as a module: see `legato.nodes.apart`.

Rules: ND66, ND69.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from legato.nodes import apart
from legato.nodes.fields import refused

if TYPE_CHECKING:
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

MODULE: Final = "legato.nodes.markup"
CHART: Final = "chart:"
_RULES: Final = ("table", "strikethrough")
_TAGS: Final = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img",
    "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES: Final[dict[str, set[str]]] = {
    "a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}, "td": {"style"},
    "th": {"style"},
}  # fmt: skip
_SCHEMES: Final = {"http", "https", "mailto", "data"}
_CLOSERS: Final = {
    "paragraph_close": "\n\n", "heading_close": "\n\n", "tr_close": "\n", "table_close": "\n",
    "th_close": "\t", "td_close": "\t", "softbreak": "\n", "hardbreak": "\n", "hr": "\n",
}  # fmt: skip


def render(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return `html`, `text` (plain) and `used` (names of charts) of Markdown.

    Args:
        asked: `text`; `images`: `none` or `remote`; `charts`: name to `{uri, alt}`.

    Raises:
        NodeFailure: `unknown_chart`.
    """
    import nh3  # noqa: PLC0415 - a shared library, needed only where Markdown is
    from markdown_it import MarkdownIt  # noqa: PLC0415
    from markdown_it.renderer import RendererHTML  # noqa: PLC0415

    images = _Images(asked["images"], asked["charts"])
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(list(_RULES))
    renderer = RendererHTML(parser)
    renderer.rules["image"] = images.write  # type: ignore[assignment]  # called like a method
    tokens = parser.parse(asked["text"])
    html = nh3.clean(
        renderer.render(tokens, parser.options, {}),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=images.keep,
        url_schemes=_SCHEMES,
        filter_style_properties={"text-align"},
        strip_comments=True,
    )
    return {"html": html, "text": plain_of(tokens), "used": sorted(images.used)}


class _Images:
    """Says which images are shown; the others become their description."""

    def __init__(self, images: str, charts: Mapping[str, Mapping[str, str]]) -> None:
        self._is_remote = images == "remote"
        self._charts = charts
        self._own = {chart["uri"] for chart in charts.values()}
        self.used: set[str] = set()

    def write(self, tokens: "Sequence[Token]", index: int, options: "OptionsDict", env: Any) -> str:
        """Write one image."""
        from markdown_it.common.utils import escapeHtml  # noqa: PLC0415 - see `render`

        token = tokens[index]
        source = str(token.attrs.get("src", ""))
        text = token.content
        if source.startswith(CHART):
            chart = self._chart(source.removeprefix(CHART))
            source, text = chart["uri"], text or chart["alt"]
        elif not (self._is_remote and source.lower().startswith(("https://", "http://"))):
            return escapeHtml(f"[{text or 'image'}]")
        return f'<img src="{escapeHtml(source)}" alt="{escapeHtml(text)}" />'

    def keep(self, tag: str, attribute: str, value: str) -> str | None:
        """Let data: through only where it is a chart of ours."""
        if attribute not in {"href", "src"} or not value.strip().lower().startswith("data:"):
            return value
        return value if tag == "img" and value in self._own else None

    def _chart(self, name: str) -> Mapping[str, str]:
        if name not in self._charts:
            known = ", ".join(self._charts) or "none"
            message = f"the text names the chart {name!r:.100}; there are: {known:.300}"
            raise refused("unknown_chart", message)
        self.used.add(name)
        return self._charts[name]


def plain_of(tokens: "Sequence[Token]") -> str:
    """Return the words of Markdown without its marks; links keep their address."""
    parts: list[str] = []
    lists: list[int | None] = []
    for token in tokens:
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            is_counted = token.type == "ordered_list_open"
            lists.append(int(token.attrs.get("start", 1)) if is_counted else None)
        elif token.type in {"bullet_list_close", "ordered_list_close"}:
            lists.pop()
        elif token.type == "list_item_open":
            parts.append("  " * (len(lists) - 1) + _bullet(lists))
        elif token.type == "inline":
            parts.append(_words(token.children or ()))
        elif token.type in {"fence", "code_block"}:
            parts.append(token.content + "\n")
        elif token.type == "paragraph_close" and token.hidden:
            parts.append("\n")  # in a list without empty lines
        else:
            parts.append(_CLOSERS.get(token.type, ""))
    return "".join(parts).strip()


def _bullet(lists: list[int | None]) -> str:
    number = lists[-1]
    if number is None:
        return "- "
    lists[-1] = number + 1
    return f"{number}. "


def _words(tokens: "Sequence[Token]") -> str:
    parts: list[str] = []
    links: list[str] = []
    for token in tokens:
        if token.type == "link_open":
            links.append(str(token.attrs.get("href", "")))
        elif token.type == "link_close":
            target = links.pop()
            text = "".join(parts)
            parts.append("" if text.endswith(target) else f" ({target})")
        elif token.type in {"text", "code_inline"}:
            parts.append(token.content)
        elif token.type == "image":
            parts.append(f"[{token.content or 'image'}]")
        else:
            parts.append(_CLOSERS.get(token.type, ""))
    return "".join(parts)


if __name__ == "__main__":
    apart.serve(render)
