# SPDX-License-Identifier: Apache-2.0
"""Credentials on both databases.

Rules: CR1-CR5, CR20.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from legato.adapters.sql.audit import record
from legato.adapters.sql.script import Driver, Row, Script, Undo, step, steps
from legato.errors import Conflict, LimitExceeded
from legato.model.ids import ExecutionId, WorkspaceId
from legato.ports.audit import AuditEntry
from legato.ports.credentials import CREDENTIALS_MAX, Credential, Naming, WorkflowUse

_TEXTS: Final = msgspec.json.Decoder(tuple[str, ...])
_NAMES: Final = ("id", "workspace", "name", "type", "version", "key_id", "sealed")


class SqlCredentials:
    """Keeps `ports.credentials.Credentials`."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def add(self, made: Credential, audit: Sequence[AuditEntry]) -> Credential | None:
        """Keep `Credentials.add`."""

        def script() -> Script[Credential | None]:
            (found,) = yield from step("credentials.count", workspace=made.workspace)
            if found["count"] >= CREDENTIALS_MAX:
                raise LimitExceeded(f"a workspace may have {CREDENTIALS_MAX} credentials")
            added = yield from step("credentials.add", **_values(made), by=made.created_by)
            if not added:
                return None
            yield from record(audit)
            return _credential(added[0])

        return await self._driver.run(script)

    async def replace(
        self, after: Credential, audit: Sequence[AuditEntry]
    ) -> Literal["done", "changed", "taken", "in_use", "gone"]:
        """Keep `Credentials.replace`."""
        values = _values(after)
        place = {"workspace": after.workspace, "id": after.id}

        def script() -> Script[Literal["done", "changed", "taken", "in_use", "gone"]]:
            found = yield from step("credentials.lock", **place)
            if not found:
                return "gone"
            if found[0]["version"] != after.version - 1:
                return "changed"
            if found[0]["name"] != after.name:
                if (yield from _is_named(after.workspace, found[0]["name"])):
                    return "in_use"
                if (yield from step("credentials.taken", **place, name=after.name)):
                    return "taken"
            yield from step("credentials.replace", **values, by=after.updated_by)
            yield from record(audit)
            return "done"

        return await self._driver.run(script)

    async def remove(
        self,
        workspace: WorkspaceId,
        credential_id: str,
        audit: Sequence[AuditEntry],
        *,
        version: int | None = None,
    ) -> Literal["done", "changed", "in_use", "gone"]:
        """Keep `Credentials.remove`."""
        place = {"workspace": workspace, "id": credential_id}

        def script() -> Script[Literal["done", "changed", "in_use", "gone"]]:
            found = yield from step("credentials.lock", **place)
            if not found:
                return "gone"
            if version not in {None, found[0]["version"]}:
                return "changed"
            # After the lock: who published meanwhile has come to an end, and is seen.
            if (yield from _is_named(workspace, found[0]["name"])):
                return "in_use"
            yield from step("credentials.remove", **place)
            yield from record(audit)
            return "done"

        return await self._driver.run(script)

    async def find(self, workspace: WorkspaceId, credential_id: str) -> Credential | None:
        """Keep `Credentials.find`."""
        rows = await self._driver.fetch("credentials.find", workspace=workspace, id=credential_id)
        return _credential(rows[0]) if rows else None

    async def named(self, workspace: WorkspaceId, name: str) -> Credential | None:
        """Keep `Credentials.named`."""
        rows = await self._driver.fetch("credentials.named", workspace=workspace, name=name)
        return _credential(rows[0]) if rows else None

    async def page(
        self, workspace: WorkspaceId, *, after: str | None = None, limit: int = 50
    ) -> list[Credential]:
        """Keep `Credentials.page`."""
        rows = await self._driver.fetch(
            "credentials.page", workspace=workspace, after=after, limit=limit
        )
        return [_credential(row) for row in rows]

    async def names(self, workspace: WorkspaceId) -> frozenset[str]:
        """Keep `Credentials.names`."""
        rows = await self._driver.fetch("credentials.names", workspace=workspace)
        return frozenset(row["name"] for row in rows)

    async def used_by(
        self, workspace: WorkspaceId, name: str, *, after: str | None = None, limit: int = 50
    ) -> list[WorkflowUse]:
        """Keep `Credentials.used_by`."""
        rows = await self._driver.fetch(
            "credentials.used_by", workspace=workspace, name=name, after=after, limit=limit
        )
        return [WorkflowUse(**dict(row)) for row in rows]

    async def note_workflow(self, workspace: WorkspaceId, use: WorkflowUse, naming: Naming) -> None:
        """Keep `Credentials.note_workflow`."""
        await self._driver.run(lambda: put_uses(workspace, use, naming))

    async def has_used(self, execution_id: ExecutionId, credential_id: str) -> bool:
        """Keep `Credentials.has_used`."""
        rows = await self._driver.fetch(
            "credentials.has_used", execution_id=execution_id, credential_id=credential_id
        )
        return bool(rows)

    async def note_use(
        self, execution_id: ExecutionId, credential_id: str, audit: Sequence[AuditEntry]
    ) -> bool:
        """Keep `Credentials.note_use`."""

        def script() -> Script[bool]:
            noted = yield from step(
                "credentials.use", execution_id=execution_id, credential_id=credential_id
            )
            if not noted:
                raise Undo(result=False)
            yield from record(audit)
            return True

        return await self._driver.run(script)

    async def every(self, *, after: str | None = None, limit: int = 200) -> list[Credential]:
        """Keep `Credentials.every`."""
        rows = await self._driver.fetch("credentials.every", after=after, limit=limit)
        return [_credential(row) for row in rows]

    async def reseal(self, before: Credential, sealed: bytes, key_id: str) -> bool:
        """Keep `Credentials.reseal`."""
        done = await self._driver.run(
            lambda: step(
                "credentials.reseal",
                id=before.id,
                version=before.version,
                before=before.sealed,
                sealed=sealed,
                key_id=key_id,
            )
        )
        return bool(done)

    async def keys(self) -> dict[str, int]:
        """Keep `Credentials.keys`."""
        rows = await self._driver.fetch("credentials.keys")
        return {row["key_id"]: row["count"] for row in rows}


def put_uses(workspace: WorkspaceId, use: WorkflowUse, naming: Naming) -> Script[None]:
    """Note, in the transaction that publishes or archives a workflow, what it names from now on.

    Args:
        workspace: Where.
        use: The workflow, and the number of the version that is published.
        naming: What `api.credential_use` found; `NAMES_NONE` for a workflow that is archived.

    Raises:
        Conflict: A credential that it needs has gone meanwhile.
    """
    yield from step("credentials.workflow_drop", workspace=workspace, workflow_id=use.workflow_id)
    rows = [
        {"workspace": workspace, "name": name, **msgspec.structs.asdict(use)}
        for name in sorted(naming.names)  # in one order, or two who publish could wait in a ring
    ]
    for row in rows:
        # Whoever deletes it waits for this transaction, or this one for theirs.
        held = yield from step("credentials.hold", workspace=workspace, name=row["name"])
        if not held and row["name"] in naming.needed:
            raise Conflict(f"the credential {row['name']} has gone")
    yield from steps("credentials.workflow_add", rows)


def _is_named(workspace: WorkspaceId, name: str) -> Script[bool]:
    found = yield from step(
        "credentials.used_by", workspace=workspace, name=name, after=None, limit=1
    )
    return bool(found)


def _values(credential: Credential) -> dict[str, Any]:
    hosts = msgspec.json.encode(credential.hosts).decode()
    return {**{name: getattr(credential, name) for name in _NAMES}, "hosts": hosts}


def _credential(row: Row) -> Credential:
    values = {name: row[name] for name in Credential.__struct_fields__}
    return Credential(**{**values, "hosts": _TEXTS.decode(row["hosts"])})
