# SPDX-License-Identifier: Apache-2.0
"""Places on the canvas, apart from the logic: moving a node changes nothing but `layout`.

Edits the text itself, so that every other byte stays: comments, order, quotes, line ends.

Rules: DO21, DO22.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Final

from legato.errors import InvalidInput
from legato.model.document.read import read_document
from legato.model.document.tree import Document, Node
from legato.model.policy import Limits

Place = tuple[float, float]
_KEY: Final = "layout"
_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def read_layout(document: Document) -> dict[str, Place]:
    """Return the places that a document gives; entries that are none are left out."""
    data = document.data
    layout = data.get(_KEY) if isinstance(data, dict) else None
    if not isinstance(layout, dict):
        return {}
    return {
        name: (place[0], place[1])
        for name, place in layout.items()
        if isinstance(place, list) and len(place) == 2 and all(_is_number(at) for at in place)
    }


def set_layout(text: bytes, places: Mapping[str, Place], *, file: str, limits: Limits) -> bytes:
    """Return the document with these places as its whole layout.

    Args:
        text: A document that can be read; it need not be valid otherwise.
        places: Node -> (x, y). A layout that gives them already is left as it is.
        file: Its name, to tell JSON from YAML.
        limits: Bounds for reading.

    Raises:
        InvalidDocument: The text cannot be read.
        InvalidInput: A place is no pair of finite numbers.
    """
    for name, place in places.items():
        if not all(math.isfinite(at) for at in place):
            raise InvalidInput(f"the place of {name[:80]} is no pair of finite numbers")
    document = read_document(text, file=file, limits=limits)
    if read_layout(document) == dict(places):
        return text
    root = document.root
    children = root.children if isinstance(root.children, dict) else {}
    node = children.get(_KEY)
    source = document.text
    if node is None:
        source = _added(document, places)
    elif isinstance(node.children, dict) and node.children and _same_names(node, places):
        source = _moved(source, node, places, is_json=document.is_json)
    else:
        source = _replaced(document, node, places)
    prefix = b"\xef\xbb\xbf" if text.startswith(b"\xef\xbb\xbf") else b""
    return prefix + source.encode()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same_names(node: Node, places: Mapping[str, Place]) -> bool:
    """Tell whether places differ only in values that are written as `[x, y]`."""
    children = node.children
    return (
        isinstance(children, dict)
        and children.keys() == places.keys()
        and all(child.is_flow for child in children.values())
    )


def _moved(source: str, node: Node, places: Mapping[str, Place], *, is_json: bool) -> str:
    """Replace only the pairs that changed, last first, so that offsets stay true."""
    assert isinstance(node.children, dict), "the caller looked"
    changed = [
        (child.start, child.end, places[name])
        for name, child in node.children.items()
        if child.value != list(places[name])
    ]
    for start, end, place in sorted(changed, reverse=True):
        source = source[:start] + _pair(place, is_json=is_json) + source[end:]
    return source


def _replaced(document: Document, node: Node, places: Mapping[str, Place]) -> str:
    """Replace the whole value in the style that it has."""
    source = document.text
    if isinstance(node.children, dict) and not node.is_flow and places:
        line_start = source.rfind("\n", 0, node.start) + 1
        indent = source[line_start : node.start]
        lines = f"{_newline(source)}{indent}".join(_entries(places))
        return source[: node.start] + lines + source[_content_end(source, node) :]
    if node.is_flow:
        start, end = node.start, node.end
    else:
        # No map to keep: replace whatever stands behind the colon.
        start = source.index(":", document.root.keys[_KEY]) + 1
        end = max(_content_end(source, node), start) if node.end > node.start else start
    space = "" if source[start - 1 : start].isspace() else " "
    return source[:start] + space + _flow(places, is_json=document.is_json) + source[end:]


def _content_end(source: str, node: Node) -> int:
    """Return where a value ends: not behind the blank lines and comments that follow a block."""
    end = node.end
    while True:
        line_start = source.rfind("\n", 0, max(end - 1, 0)) + 1
        line = source[line_start:end].strip()
        if line_start <= node.start or (line and not line.startswith("#")):
            return len(source[:end].rstrip())
        end = line_start


def _added(document: Document, places: Mapping[str, Place]) -> str:
    source, root = document.text, document.root
    if root.is_flow:
        return _added_to_flow(document, places)
    newline = _newline(source)
    # All keys of a block stand below each other; usually at the very left.
    indent = source[source.rfind("\n", 0, root.start) + 1 : root.start]
    entries = "".join(f"{indent}  {entry}{newline}" for entry in _entries(places))
    block = f"{_KEY}:{newline}{entries}" if places else f"{_KEY}: {{}}{newline}"
    children = root.children if isinstance(root.children, dict) else {}
    last = next(reversed(children.items()), None)
    if last is not None and last[1].style in {"|", ">"} and not source.endswith("\n"):
        # A line end behind a block text would become part of it.
        at = root.keys[last[0]]
        return source[:at] + block + indent + source[at:]
    end = len(source)
    # A document may end with `...`; the layout belongs before it.
    closing = re.search(r"^\.\.\.[ \t]*\r?$", source, re.MULTILINE)
    if closing is not None and closing.start() >= len(source[: root.end].rstrip()):
        end = closing.start()
    head = source[:end]
    glue = "" if head.endswith("\n") or not head else newline
    return head + glue + indent + block + source[end:]


def _added_to_flow(document: Document, places: Mapping[str, Place]) -> str:
    source, root = document.text, document.root
    key = json.dumps(_KEY) if document.is_json else _KEY
    entry = f"{key}: {_flow(places, is_json=document.is_json)}"
    if not root.keys or (not document.is_json and "#" in source):
        # In front, because a comment may end the last line.
        at = root.start + 1
        return source[:at] + entry + (", " if root.keys else "") + source[at:]
    close = root.end - 1
    body = source[:close].rstrip()
    space = source[len(body) : close]
    before = _indent_of_first(document) if "\n" in space else " "
    return body + ("" if body.endswith(",") else ",") + before + entry + space + source[close:]


def _indent_of_first(document: Document) -> str:
    """Return the white space before the first key of a flow map, so that a new key looks alike."""
    first = min(document.root.keys.values())
    before = document.text[:first]
    return before[len(before.rstrip()) :] or " "


def _newline(source: str) -> str:
    return "\r\n" if "\r\n" in source else "\n"


def _entries(places: Mapping[str, Place]) -> list[str]:
    return [f"{_name(name)}: {_pair(place, is_json=False)}" for name, place in places.items()]


def _flow(places: Mapping[str, Place], *, is_json: bool) -> str:
    names = json.dumps if is_json else _name
    pairs = (f"{names(name)}: {_pair(place, is_json=is_json)}" for name, place in places.items())
    return "{" + ", ".join(pairs) + "}"


def _name(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _pair(place: Place, *, is_json: bool) -> str:
    numbers = [int(at) if float(at).is_integer() else at for at in place]
    return json.dumps(numbers) if is_json else f"[{', '.join(json.dumps(at) for at in numbers)}]"
