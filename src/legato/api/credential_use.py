# SPDX-License-Identifier: Apache-2.0
"""Whether somebody may publish or run a document that names credentials.

    naming = await check_credentials(request, api, workflow)    # before the effect
    yield from put_uses(workspace, use, naming)                 # in the script that publishes

Rules: CR22, CR23.
"""

from __future__ import annotations

from starlette.requests import Request

from legato.api.authenticator import principal_of
from legato.api.deeds import place_of
from legato.api.parts import Api
from legato.api.problems import Fault, InvalidBody
from legato.auth.roles import may
from legato.errors import Refused
from legato.model.credentials_named import credentials_named
from legato.model.workflow import Workflow
from legato.ports.credentials import NAMES_NONE, Naming, naming_of


async def check_credentials(
    request: Request, api: Api, workflow: Workflow, *, above: str = ""
) -> Naming:
    """Check what a document names, and return it.

    A credential of another workspace is as unknown as one that does not exist.

    Args:
        request: By whom, and in which workspace.
        api: The server.
        workflow: Compiled.
        above: JSON Pointer to the document in the body; the document itself is the empty text.

    Raises:
        Refused: `forbidden`: it names one, and who asks may use none.
        InvalidBody: It names credentials that the workspace does not have, each with its path.
    """
    named = credentials_named(workflow, api.node_types())
    if not named:
        return NAMES_NONE
    place, _ = place_of(request)
    known = await api.stores.credentials.names(place.id)
    uses_any = any(each.is_credential or each.name in known for each in named)
    if uses_any and not may(principal_of(request), "credential", "use"):
        raise Refused("forbidden", "You may not use the credentials that this workflow names.")
    faults = [
        Fault(f"{above}{each.path}", "names no credential of this workspace", "one of its names")
        for each in named
        if each.is_credential and each.name not in known
    ]
    if faults:
        raise InvalidBody(faults)
    return naming_of(named)
