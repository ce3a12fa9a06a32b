# SPDX-License-Identifier: Apache-2.0
"""A test file and its workflow, read without a folder of their own to speak of."""

from pathlib import Path
from typing import Any

from legato.app import node_catalogue
from legato.errors import InvalidDocument
from legato.model.document.validate import load_workflow
from legato.model.policy import Limits
from legato.model.workflow import Workflow
from legato.testing.workflow.read import Surroundings, read_suite
from legato.testing.workflow.suite import Suite

CATALOGUE = node_catalogue(with_packages=False)

SHOP = """\
legato: 1
name: shop
inputs:
  city: {type: string, default: Berlin}
  count: {type: integer, default: 1}
nodes:
  fetch: {uses: http.request, with: {url: "https://shop.example/${{ inputs.city }}"}}
  wait: {uses: delay, needs: fetch, with: {for: 2d}}
  ask: {uses: human.approval, needs: wait, with: {message: "go?"}}
  send:
    uses: shell.run
    needs: ask
    when: ${{ nodes.ask.output.approved }}
    foreach: ${{ [1, 2] }}
    with: {program: mail, args: ["${{ item }}"]}
  again:
    uses: loop.until
    needs: send
    with:
      do: {inner: {uses: data.transform, with: {value: 1}}}
      until: ${{ true }}
outputs: {sent: "${{ nodes.send.output }}"}
"""


class Loaded:
    """Keeps `read.LoadedWorkflow`."""

    def __init__(self, workflow: Workflow, *missing: str) -> None:
        self.workflow = workflow
        self.called: dict[str, Workflow] = {}
        self.missing = list(missing)


def loaded(text: str = SHOP, *missing: str) -> Loaded:
    """Return a workflow as a loader gives it."""
    workflow = load_workflow(text.encode(), file="shop.yaml", catalogue=CATALOGUE, limits=Limits())
    return Loaded(workflow, *missing)


def suite(text: str, workflow: str = SHOP, *missing: str, **allowed: Any) -> Suite:
    """Read a test file of a workflow."""
    given = Surroundings(
        load=lambda _: loaded(workflow, *missing), catalogue=CATALOGUE, limits=Limits(), **allowed
    )
    return read_suite(text.encode(), Path("shop.test.yaml"), given)


def problems(text: str, workflow: str = SHOP, *missing: str, **allowed: Any) -> list[str]:
    """Return the problems of a test file, one line each."""
    try:
        suite(text, workflow, *missing, **allowed)
    except InvalidDocument as error:
        return [str(problem) for problem in error.problems]
    return []


def case(body: str) -> str:
    """Return a test file with one case."""
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    return f"legato_test: 1\nworkflow: shop.yaml\ncases:\n  - name: one\n{indented}"
