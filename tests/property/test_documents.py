# SPDX-License-Identifier: Apache-2.0
"""Properties of documents."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from legato.errors import InvalidDocument, InvalidInput, LegatoError
from legato.model.document.inputs import check_inputs, parse_cli_value
from legato.model.document.layout import read_layout, set_layout
from legato.model.document.problems import Problem
from legato.model.document.read import read_document
from legato.model.document.validate import check_workflow
from legato.model.policy import Limits
from legato.model.values import encode
from tests.property.strategies import JSON, NAMES
from tests.unit.model.document.types import CATALOGUE

LIMITS = Limits()
_LINES = st.sampled_from(
    [
        "a: 1",
        "b:",
        "  c: [1, 2]",
        "- x",
        "  - {y: 'z'}",
        "d: |",
        "  text ${{ inputs.x }}",
        "# comment",
        "",
        "e: &f 1",
        "g: *f",
        "h: !t 1",
        "---",
        "...",
        "%YAML 1.2",
        "'i': \"\\u00e9\"",
        "layout: {a: [1, 2]}",
        "layout:",
        "  a: [0, 0]",
        "legato: 1",
        "name: x",
        "nodes:",
        "  n: {uses: delay}",
        "\tj: 1",
        "? k",
        ": l",
        "{m: n}",
        "[o]",
        "a: 2",
        "p: >-",
        "q: 1e999",
        "<<: {r: 1}",
    ]
)
DOCUMENTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(_LINES, max_size=12).map(lambda lines: "\n".join(lines).encode()),
    JSON.map(lambda value: json.dumps(value).encode()),
)
FILES = st.sampled_from(["w.yaml", "w.json"])


@given(DOCUMENTS, FILES)
@example(b'"\\U99999999"', "w.yaml")
@example(b'"\\', "w.json")
@example(b"\xff\xfe", "w.yaml")
def test_any_bytes_are_read_or_refused(text: bytes, file: str) -> None:
    """Any bytes give data or problems with places inside the text [DO2, DO3]."""
    try:
        document = read_document(text, file=file, limits=LIMITS)
    except InvalidDocument as error:
        lines = len(text.decode("utf-8", "replace").splitlines()) + 2
        for problem in error.problems:
            assert isinstance(problem, Problem)
            assert 1 <= problem.line <= lines
            assert problem.column >= 1
        return
    encode(document.data)


@given(DOCUMENTS, FILES)
def test_any_bytes_are_checked_or_refused(text: bytes, file: str) -> None:
    """Any bytes give a workflow or problems, never both and never neither [DO2]."""
    workflow, problems = check_workflow(text, file=file, catalogue=CATALOGUE, limits=LIMITS)
    assert (workflow is None) == bool(problems)


@st.composite
def _workflows(draw: st.DrawFn) -> dict[str, Any]:
    """Draw data that is nearly a workflow."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    keys = st.sampled_from(
        [
            "uses",
            "needs",
            "with",
            "when",
            "foreach",
            "retry",
            "timeout",
            "on_error",
            "effect",
            "join",
            "x",
        ]
    )
    values = st.one_of(
        JSON,
        st.sampled_from(["delay", "loop.until", "flow.switch", "30s", "${{ item }}", *names]),
        st.just({"do": {"b": {"uses": "delay"}}, "until": "${{ previous.x }}"}),
        st.lists(st.sampled_from(names), max_size=3),
    )
    node = st.dictionaries(keys, values, max_size=5)
    nodes = {
        name: {"uses": draw(st.sampled_from(sorted(CATALOGUE))), **draw(node)} for name in names
    }
    extra = draw(
        st.dictionaries(
            st.sampled_from(["inputs", "outputs", "budget", "layout", "triggers", "title"]),
            JSON,
            max_size=2,
        )
    )
    return {"legato": 1, "name": "x", "nodes": nodes, **extra}


@given(_workflows())
def test_nearly_workflows_are_checked_without_a_crash(data: dict[str, Any]) -> None:
    """Whatever stands under a known key is accepted or is a problem [DO2, DO17]."""
    text = json.dumps(data).encode()
    workflow, problems = check_workflow(text, file="w.json", catalogue=CATALOGUE, limits=LIMITS)
    assert (workflow is None) == bool(problems)
    again = check_workflow(text, file="w.yaml", catalogue=CATALOGUE, limits=LIMITS)
    assert len(again[1]) == len(problems)


@given(JSON)
def test_json_reads_as_json_does(value: object) -> None:
    """Our reader gives what the standard reader gives [DO1]."""
    text = json.dumps(value)
    document = read_document(text.encode(), file="w.json", limits=LIMITS)
    assert document.data == value
    assert json.dumps(document.data) == text


PLACES = st.dictionaries(
    NAMES,
    st.tuples(st.integers(-9999, 9999), st.floats(-9999, 9999)),
    max_size=4,
)


@given(st.lists(_LINES, max_size=12).map("\n".join), PLACES, st.sampled_from(["", "\n", "\r\n"]))
def test_a_layout_changes_nothing_else(
    text: str, places: dict[str, tuple[float, float]], end: str
) -> None:
    """Setting the layout leaves all other data as it is, and reads back [DO21, DO22]."""
    source = (text + end).encode()
    try:
        before = read_document(source, file="w.yaml", limits=LIMITS).data
    except InvalidDocument:
        return
    if not isinstance(before, dict):
        return
    made = set_layout(source, places, file="w.yaml", limits=LIMITS)
    document = read_document(made, file="w.yaml", limits=LIMITS)
    assert read_layout(document) == places
    before.pop("layout", None)
    document.data.pop("layout", None)
    assert document.data == before
    assert set_layout(made, places, file="w.yaml", limits=LIMITS) == made


@given(st.dictionaries(NAMES, JSON, max_size=3), JSON)
def test_any_inputs_are_filled_or_refused(given_: dict[str, object], schema: object) -> None:
    """Any values for any schema give inputs or a typed error [DO18]."""
    inner = {"type": "object", "properties": {name: {} for name in given_}}
    assert check_inputs(inner, given_) == given_
    head = json.dumps(
        {"legato": 1, "name": "x", "nodes": {"a": {"uses": "delay"}}, "inputs": schema}
    )
    workflow, _ = check_workflow(head.encode(), file="w.json", catalogue=CATALOGUE, limits=LIMITS)
    if workflow is None:
        return
    try:
        check_inputs(bytes(workflow.inputs_schema), given_)
    except LegatoError:
        return


@given(
    st.text(max_size=20),
    st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"]),
)
def test_text_of_the_command_line_never_crashes(text: str, kind: str) -> None:
    """Any text becomes a value of the wanted type or a typed error [DO18]."""
    try:
        parse_cli_value({"properties": {"k": {"type": kind}}}, "k", text)
    except InvalidInput:
        return
