# SPDX-License-Identifier: Apache-2.0
"""Operations: documents. Made from docs/openapi.json by script/openapi; never edited."""

from __future__ import annotations

from typing import Any

from legato.client.caller import Caller
from legato.client.calls import Call


class DocumentsOperations(Caller):
    """Operations: documents."""

    async def read_openapi(self) -> dict[str, Any]:
        """Return the description of this API, OpenAPI 3.1.

        Anybody may: it is the same for everybody, and in the source.
        """
        call = Call(method="GET", path="/api/v1/openapi.json")
        return await self._answer(call, dict[str, Any])

    async def read_workflow_schema(self) -> bytes:
        """Return the JSON Schema of workflow documents, for editors.

        Anybody may: it is the same for everybody, and in the source.
        """
        call = Call(method="GET", path="/schemas/workflow.json", accept="application/schema+json")
        return await self._bytes(call)
