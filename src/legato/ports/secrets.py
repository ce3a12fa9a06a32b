# SPDX-License-Identifier: Apache-2.0
"""Secrets by name, resolved inside an attempt only.

Rules: ND.
"""

from typing import Protocol

from legato.model.ids import WorkspaceId


class Secrets(Protocol):
    """Look a secret up."""

    async def get(self, workspace: WorkspaceId, name: str) -> str:
        """Return the secret's value; it must never be logged or stored.

        Raises:
            NotFound: No such secret; the message says where to put it.
        """
        ...
