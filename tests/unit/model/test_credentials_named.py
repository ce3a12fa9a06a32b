# SPDX-License-Identifier: Apache-2.0
"""Which credentials a document names."""

from typing import Any

from legato.model.credentials_named import credentials_named
from legato.model.document.validate import check_workflow
from legato.model.policy import Limits
from legato.nodes.registry import builtin_node_types, catalogue

FLOW = b"""
legato: 1
name: flow
nodes:
  ask:
    uses: http.request
    with:
      url: https://api.example.org
      credential: github
      headers: {X-A/B: {secret: also}, X-C: "credential"}
      json: {credential: "no, a text"}
  again:
    uses: loop.until
    with:
      do:
        inner:
          uses: sql.query
          with: {credential: shop, query: SELECT 1}
      until: ${{ true }}
  plain:
    uses: data.transform
    with: {value: {credential: none}}
"""
TYPES = catalogue(builtin_node_types())


def check(text: bytes) -> Any:
    """Return the workflow and the problems of a document."""
    return check_workflow(text, file="flow.yaml", catalogue=TYPES, limits=Limits())


def test_every_place_that_names_a_credential_is_found() -> None:
    """Credentials and secrets, also inside of loops, with their paths; a value that only looks like
    one is none [CR23].
    """
    workflow, problems = check(FLOW)
    assert workflow is not None, problems
    named = credentials_named(workflow, TYPES)
    found = {(each.path, each.name, each.is_credential) for each in named}
    assert found == {
        ("/nodes/ask/with/credential", "github", True),
        ("/nodes/ask/with/headers/X-A~1B", "also", False),
        ("/nodes/again/with/do/inner/with/credential", "shop", True),
    }
    assert credentials_named(workflow, {}) == []


def test_a_name_stands_in_the_document() -> None:
    """An expression or no name in the place of a credential is refused [CR23]."""
    for wrong in (b"${{ inputs.x }}", b"no name", b"1"):
        text = FLOW.replace(b"credential: github", b"credential: " + wrong)
        workflow, problems = check(text)
        assert workflow is None
        assert "credential" in str(problems[0].path)
