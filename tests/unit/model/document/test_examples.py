# SPDX-License-Identifier: Apache-2.0
"""The documents that come with the project are good ones."""

from pathlib import Path

import jsonschema_rs
import pytest

from legato.model.document.read import read_document
from legato.model.document.schema import workflow_schema
from legato.model.document.validate import check_workflow
from legato.model.policy import Limits
from legato.nodes.registry import builtin_node_types

LIMITS = Limits()
EXAMPLES = sorted(
    each
    for each in (Path(__file__).parents[4] / "examples").glob("*.yaml")
    if not each.name.endswith(".test.yaml")
)
CATALOGUE = {name: each.info for name, each in builtin_node_types().items()}


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_an_example_is_valid(file: Path) -> None:
    """Every example is valid for the parser, the published schema and the built-in nodes [DO20]."""
    text = file.read_bytes()
    _, problems = check_workflow(text, file=file.name, catalogue=CATALOGUE, limits=LIMITS)
    assert [str(problem) for problem in problems] == []
    data = read_document(text, file=file.name, limits=LIMITS).data
    validator = jsonschema_rs.Draft202012Validator(workflow_schema(), offline=True)
    assert [error.message for error in validator.iter_errors(data)] == []


def test_every_sample_has_its_page_and_its_test() -> None:
    """Or is called by one that has; the README lists them all [CL50]."""
    assert "repo-report.yaml" in [file.name for file in EXAMPLES]
    readme = (EXAMPLES[0].parent / "README.md").read_text(encoding="utf-8")
    texts = "".join(file.read_text(encoding="utf-8") for file in EXAMPLES)
    lacking = [
        file.name
        for file in EXAMPLES
        if f"workflow: {file.stem}\n" not in texts
        and not (
            file.with_suffix(".md").exists()
            and file.with_suffix(".test.yaml").exists()
            and f"({file.stem}.md)" in readme
        )
    ]
    assert lacking == []


@pytest.mark.parametrize("each", CATALOGUE.values(), ids=lambda each: each.uses)
def test_the_example_of_a_node_type_is_valid(each: object) -> None:
    """The example that a built-in node type shows is a valid node [DO17]."""
    from legato.model.node_type import NodeTypeInfo

    assert isinstance(each, NodeTypeInfo)
    if not each.example:
        return
    lines = [f"    {line}" for line in each.example.splitlines()]
    body = "\n".join(lines)
    text = f"legato: 1\nname: x\nnodes:\n  example:\n{body}\n"
    _, problems = check_workflow(text.encode(), file="x", catalogue=CATALOGUE, limits=LIMITS)
    # An example may read nodes and inputs that it does not show.
    unknown = ("there is no node ", "there is no input ")
    known = [problem for problem in problems if not problem.message.startswith(unknown)]
    assert [str(problem) for problem in known] == []
