# SPDX-License-Identifier: Apache-2.0
"""Bytes -> a document with plain data and places, or every problem of its text.

YAML 1.2 core schema (`on`, `yes` are texts) or strict JSON, UTF-8, exactly one document, no
aliases, anchors, tags or merge keys, no duplicate keys. A file named `*.json` is JSON; other text
is tried as JSON if it begins with a brace and is YAML otherwise.

Rules: DO1, DO5-DO9.
"""

from legato.model.document.json_reader import JsonReader
from legato.model.document.problems import Problem
from legato.model.document.tree import Document, Node, Report
from legato.model.document.yaml_reader import YamlReader
from legato.model.policy import Limits


def read_document(text: bytes, *, file: str, limits: Limits) -> Document:
    """Read a document.

    Args:
        text: The whole file.
        file: Its name, for problems and to tell JSON by its ending; it is not opened.
        limits: `max_document_bytes`, `max_json_depth` and `max_document_values`.

    Raises:
        InvalidDocument: With every problem that could be found.

    Cost: about 3 µs per byte of YAML, 0.3 µs per byte of JSON.
    """
    document, report = read_with_report(text, file=file, limits=limits)
    report.raise_if_any()
    assert document is not None, "no document without a problem"
    return document


def read_with_report(text: bytes, *, file: str, limits: Limits) -> tuple[Document | None, Report]:
    """Read a document; give back what can be checked further, and the problems so far.

    The document is None if its text is not readable at all. Problems that leave its shape intact
    (duplicate keys, tags, anchors) come with the document.
    """
    if len(text) > limits.max_document_bytes:
        return None, _only(
            file, 1, 1, f"the document has {len(text)} bytes",
            expected=f"{limits.max_document_bytes} at most",
        )  # fmt: skip
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8")
        column = error.start and len(before) - before.rfind("\n") - 1
        return None, _only(
            file, before.count("\n") + 1, column + 1, "the document is not UTF-8",
            got=f"the byte 0x{text[error.start]:02x}",
        )  # fmt: skip
    decoded = decoded.removeprefix("\ufeff")
    if "\x00" in decoded:
        offset = decoded.index("\x00")
        line = decoded.count("\n", 0, offset) + 1
        column = offset - decoded.rfind("\n", 0, offset)
        return None, _only(file, line, column, "the document holds a NUL character")
    if not decoded.strip():
        return None, _only(file, 1, 1, "the document is empty", expected="a workflow")
    return _parse(decoded, file, limits)


def _parse(text: str, file: str, limits: Limits) -> tuple[Document | None, Report]:
    is_named_json = file.lower().endswith(".json")
    if is_named_json or text.lstrip()[:1] == "{":
        reader = JsonReader(text, file, limits)
        root = reader.read()
        if root is not None:
            return _document(text, root, reader.report, is_json=True)
        if is_named_json:
            return None, reader.report
    yaml = YamlReader(text, file, limits)
    root = yaml.read()
    if root is None and not yaml.report.problems:
        yaml.report.add_at(0, "the document is empty", expected="a workflow")
    if root is None:
        return None, yaml.report
    return _document(text, root, yaml.report, is_json=False)


def _document(text: str, root: Node, report: Report, *, is_json: bool) -> tuple[Document, Report]:
    document = Document(text, report.document.file, root, is_json=is_json)
    report.document = document
    return document, report


def _only(
    file: str,
    line: int,
    column: int,
    message: str,
    *,
    expected: str | None = None,
    got: str | None = None,
) -> Report:
    report = Report(Document("", file, Node({}, 0, 0), is_json=False))
    report.problems.append(
        Problem(
            file=file,
            line=line,
            column=column,
            path="",
            message=message,
            expected=expected,
            got=got,
        )
    )
    report.count = 1
    return report
