# SPDX-License-Identifier: Apache-2.0

import jsonschema_rs
import pytest

from legato.model.document.read import read_document
from legato.model.document.schema import workflow_schema
from legato.model.document.validate import check_workflow
from legato.model.policy import Limits
from legato.nodes.registry import builtin_node_types
from legato.practice.letters import KEYWORDS, OTHER, TOPICS
from legato.practice.sample import DEFAULT_PORT, FILE, NAME, document, endpoint

LIMITS = Limits()
CATALOGUE = {name: each.info for name, each in builtin_node_types().items()}


@pytest.mark.parametrize("port", [DEFAULT_PORT, 1, 65_535])
def test_the_sample_is_a_valid_document(port: int) -> None:
    """For the parser, the published schema and the built-in nodes, at any port [PR12]."""
    text = document(port)
    workflow, problems = check_workflow(text, file=FILE, catalogue=CATALOGUE, limits=LIMITS)
    assert [str(problem) for problem in problems] == []
    assert workflow is not None
    assert workflow.name == NAME
    data = read_document(text, file=FILE, limits=LIMITS).data
    validator = jsonschema_rs.Draft202012Validator(workflow_schema(), offline=True)
    assert [error.message for error in validator.iter_errors(data)] == []
    inputs = data["inputs"]["properties"]
    assert inputs["practice"]["default"] == f"http://{endpoint(port)}"
    assert len(inputs["messages"]["default"]) == 6
    checked = jsonschema_rs.Draft202012Validator(data["inputs"], offline=True)
    assert checked.is_valid({name: each["default"] for name, each in inputs.items()})


def test_only_the_address_differs_between_two_ports() -> None:
    """All else of the document is as it was written [PR12]."""
    lines = zip(document().splitlines(), document(9_000).splitlines(), strict=True)
    changed = [pair for pair in lines if pair[0] != pair[1]]
    assert changed == [
        (b'      default: "http://127.0.0.1:8421"', b'      default: "http://127.0.0.1:9000"')
    ]


def test_the_sample_prints_the_list_by_which_topics_are_picked() -> None:
    """Its notes name every topic with its words, and its templates every topic [PR1]."""
    nodes = read_document(document(), file=FILE, limits=LIMITS).data["nodes"]
    printed = nodes["sort"]["notes"].splitlines()
    assert printed[0].startswith("No AI")
    assert printed[1:] == [
        *(f"{topic}: {', '.join(words)}" for topic, words in KEYWORDS.items()),
        f"{OTHER}: none of these",
    ]
    assert tuple(nodes["draft"]["with"]["json"]["templates"]) == TOPICS


def test_the_sample_is_what_its_script_says() -> None:
    """Six phases; two items at a time; what is asked may be asked again [PR12]."""
    nodes = read_document(document(), file=FILE, limits=LIMITS).data["nodes"]
    assert {name: (each["uses"], each.get("needs")) for name, each in nodes.items()} == {
        "messages": ("data.transform", None),
        "sort": ("http.request", "messages"),
        "draft": ("http.request", "sort"),
        "count": ("data.transform", "sort"),
        "chart": ("chart.render", "count"),
        "report": ("report.markdown", ["draft", "chart"]),
    }
    for name in ("sort", "draft"):
        assert (nodes[name]["concurrency"], nodes[name]["effect"]) == (2, "idempotent")
