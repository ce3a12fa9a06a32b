# SPDX-License-Identifier: Apache-2.0
"""The name in a document, changed in its text: every other byte stays.

Rules: WF20.
"""

import json
from typing import Final

from legato.errors import InvalidInput
from legato.model.document.read import read_document
from legato.model.policy import Limits

_WORDS: Final = frozenset({"null", "true", "false"})
"""Plain scalars that are no texts in YAML 1.2."""


def set_name(text: bytes, name: str, *, file: str, limits: Limits) -> bytes:
    """Return the document with another name.

    Args:
        text: A document that can be read; it need not be valid otherwise.
        name: A slug.
        file: Its name, to tell JSON from YAML.
        limits: Bounds for reading.

    Raises:
        InvalidInput: The text cannot be read, or has no name in one line.
    """
    document = read_document(text, file=file, limits=limits)
    children = document.root.children
    node = children.get("name") if isinstance(children, dict) else None
    if node is None or not isinstance(node.value, str) or node.style in {"|", ">"}:
        raise InvalidInput("the document has no name that could be changed")
    if node.value == name:
        return text
    is_quoted = document.is_json or node.style == '"' or name in _WORDS
    written = json.dumps(name) if is_quoted else f"'{name}'" if node.style == "'" else name
    source = document.text[: node.start] + written + document.text[node.end :]
    prefix = b"\xef\xbb\xbf" if text.startswith(b"\xef\xbb\xbf") else b""
    made = prefix + source.encode()
    again = read_document(made, file=file, limits=limits)
    if again.data != {**document.data, "name": name}:
        raise InvalidInput("the name of the document cannot be changed in its text")
    return made
