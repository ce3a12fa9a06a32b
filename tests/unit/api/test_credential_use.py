# SPDX-License-Identifier: Apache-2.0
"""Whether somebody may publish or run a document that names credentials."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request

from legato.api.credential_use import check_credentials
from legato.api.parts import Api
from legato.api.problems import InvalidBody
from legato.errors import Refused
from legato.model.document.validate import load_workflow
from legato.model.ids import WorkspaceId
from legato.model.policy import Limits
from legato.model.workflow import Workflow
from legato.nodes.registry import builtin_node_types, catalogue
from legato.ports.accounts import Principal
from legato.ports.credentials import NAMES_NONE, Naming
from tests.unit.api.calls import scope_of
from tests.unit.auth.test_roles import person, program

TYPES = catalogue(builtin_node_types())
FLOW = """
legato: 1
name: flow
nodes:
  ask:
    uses: http.request
    with: {url: "https://api.example.org", credential: github, headers: {X-A: {secret: also}}}
"""


class Names:
    """A store with names by workspace."""

    def __init__(self, **names: set[str]) -> None:
        """Args: names of each workspace."""
        self._names = names

    async def names(self, workspace: WorkspaceId) -> frozenset[str]:
        """Keep `Credentials.names`."""
        return frozenset(self._names.get(workspace, ()))


def flow(text: str = FLOW) -> Workflow:
    """Return a document, compiled."""
    return load_workflow(text.encode(), file="f", catalogue=TYPES, limits=Limits())


async def check(principal: Principal, workflow: Workflow, **names: set[str]) -> Naming:
    """Check for somebody in the workspace `w`."""
    request = Request(scope_of())
    request.state.principal = principal
    stores = SimpleNamespace(credentials=Names(**names))
    api: Any = SimpleNamespace(stores=stores, node_types=lambda: TYPES)
    return await check_credentials(request, cast(Api, api), workflow, above="/document")


async def test_an_editor_uses_the_credentials_of_the_workspace() -> None:
    """All names come back, each once; a document without any needs nothing [CR22]."""
    found = await check(person("editor"), flow(), w={"github"})
    assert found == Naming(("also", "github"), frozenset({"github"}))
    plain = FLOW.replace("credential: github, headers: {X-A: {secret: also}}", "method: GET")
    assert await check(person("operator"), flow(plain)) == NAMES_NONE


@pytest.mark.parametrize("there", [{}, {"elsewhere": {"github", "also"}}])
async def test_a_credential_of_another_workspace_is_unknown(there: dict[str, set[str]]) -> None:
    """It is named by its path, whoever else has it; a secret may be the operator's [CR22]."""
    with pytest.raises(InvalidBody) as error:
        await check(person("editor"), flow(), **there)
    assert [each.path for each in error.value.faults] == ["/document/nodes/ask/with/credential"]


async def test_who_may_use_none_publishes_none() -> None:
    """An operator, or a key without the scope, is refused as soon as a credential is named, by
    either way; a key with the scope is not [CR22].
    """
    secret = FLOW.replace("credential: github, ", "")
    for who in (person("operator"), program("editor", "workflow:write")):
        for text, names in ((FLOW, {"github"}), (secret, {"also"}), (FLOW, set[str]())):
            with pytest.raises(Refused) as error:
                await check(who, flow(text), w=names)
            assert error.value.code == "forbidden"
        assert (await check(who, flow(secret), w=set())).names == ("also",)
    robot = program("editor", "workflow:write", "credential:run")
    assert (await check(robot, flow(), w={"github"})).needed == {"github"}
