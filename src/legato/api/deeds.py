# SPDX-License-Identifier: Apache-2.0
"""Audit entries for what somebody who is known does, with ids only.

Rules: ID60.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from starlette.requests import Request

from legato.api.authenticator import principal_of
from legato.api.log_ins import entry
from legato.errors import NotFound
from legato.model.ids import WorkspaceId
from legato.ports.accounts import Role, Workspace
from legato.ports.audit import AuditEntry


def deed(
    request: Request,
    action: str,
    target: tuple[str, str],
    *,
    of: Literal["workspace", "instance"] = "workspace",
    data: Mapping[str, Any] | None = None,
) -> list[AuditEntry]:
    """Return the entry for a deed of who asks, by a log-in or a key.

    Args:
        request: By whom, and from where.
        action: What.
        target: Kind and id of what it was done to.
        of: `instance` for what concerns no workspace alone.
        data: Ids and names of roles and fields only.
    """
    principal = principal_of(request)
    made = entry(request, action, user=principal.user.id, target=target, data=data)
    if principal.key is not None:
        made = msgspec.structs.replace(made, actor_kind="api_key", actor=principal.key)
    if of == "workspace" and principal.workspace is not None:
        made = msgspec.structs.replace(made, workspace=principal.workspace.id)
    return [made]


def place_of(request: Request) -> tuple[Workspace, Role]:
    """Return the workspace that was asked for, and the role there.

    Raises:
        NotFound: There is none, or who asks is no member of it.
    """
    principal = principal_of(request)
    if principal.workspace is None or principal.role is None:
        raise NotFound
    return principal.workspace, principal.role


def in_workspace(made: AuditEntry, workspace: WorkspaceId | None) -> list[AuditEntry]:
    """Return an entry as one of a workspace."""
    return [msgspec.structs.replace(made, workspace=workspace)]
