# SPDX-License-Identifier: Apache-2.0
"""Seals credentials, opens them for attempts, and seals them anew under a new key.

What is sealed holds type and hosts, too: a row whose hosts somebody has changed does not open. It
opens for its workspace, id and version alone, so a row can neither be moved nor put back.

Rules: CR1, CR2, CR20, CR30, CR31.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from legato.auth.sealing import Sealer
from legato.errors import InvalidInput
from legato.model.ids import ExecutionId, WorkspaceId
from legato.ports.audit import AuditEntry
from legato.ports.credentials import Credential, Credentials, CredentialType, OpenCredential

BATCH: Final = 200
TRIES: Final = 5


class _Sealed(msgspec.Struct, frozen=True):
    type: CredentialType
    hosts: tuple[str, ...]
    data: dict[str, Any]


_reader: Final = msgspec.json.Decoder(_Sealed)


def bound_to(workspace: WorkspaceId, credential_id: str, version: int) -> bytes:
    """Return what a credential is sealed for."""
    return f"legato/1/credential/{workspace}/{credential_id}/{version}".encode()


def sealed(sealer: Sealer, row: Credential, data: Mapping[str, Any]) -> Credential:
    """Return a row with what it holds, sealed by the current key."""
    content = msgspec.json.encode(_Sealed(row.type, row.hosts, dict(data)))
    made = sealer.seal(content, bound_to(row.workspace, row.id, row.version))
    return msgspec.structs.replace(row, sealed=made, key_id=sealer.key_of(made))


def opened(sealer: Sealer, row: Credential) -> OpenCredential:
    """Return a credential with what it holds.

    Raises:
        InvalidInput: No key here opens it, or somebody has changed or moved the row.
    """
    data = sealer.open(row.sealed, bound_to(row.workspace, row.id, row.version))
    try:
        found = _reader.decode(data)
    except msgspec.MsgspecError:  # its text could quote what is inside
        raise InvalidInput("what is sealed is of another program") from None
    if (found.type, found.hosts) != (row.type, row.hosts):
        raise InvalidInput("its type or hosts were changed beside what is sealed")
    return OpenCredential(
        id=row.id,
        name=row.name,
        type=row.type,
        hosts=row.hosts,
        version=row.version,
        data=found.data,
    )


class StoredVault:
    """Keeps `ports.credentials.Vault` on a store."""

    def __init__(self, store: Credentials, sealer: Callable[[], Sealer | None]) -> None:
        """Make it.

        Args:
            store: Where credentials are kept.
            sealer: Gives what opens them; None where there are no keys.
        """
        self._store = store
        self._sealer = sealer

    async def use(
        self, workspace: WorkspaceId, name: str, execution_id: ExecutionId
    ) -> OpenCredential | None:
        """Keep `Vault.use`. One read, and the first time in an execution one write."""
        row = await self._store.named(workspace, name)
        return None if row is None else await self.use_row(row, execution_id)

    async def use_row(self, row: Credential, execution_id: ExecutionId) -> OpenCredential:
        """Do the same with a credential that is at hand.

        Raises:
            InvalidInput: It cannot be opened here.
        """
        found = self.open(row)
        if not await self._store.has_used(execution_id, row.id):
            entry = AuditEntry(
                action="credential.use",
                actor_kind="execution",
                actor=execution_id,
                target_kind="credential",
                target=row.id,
                workspace=row.workspace,
                data={"version": row.version},
            )
            await self._store.note_use(execution_id, row.id, [entry])
        return found

    def open(self, row: Credential) -> OpenCredential:
        """Open a credential that is at hand.

        Raises:
            InvalidInput: It cannot be opened here.
        """
        sealer = self._sealer()
        if sealer is None:
            raise InvalidInput(
                f"the credential {row.name} cannot be opened: there are no keys here.",
                hint="Give this program the master key of the server; see legato keys list.",
            )
        try:
            return opened(sealer, row)
        except InvalidInput as error:
            raise InvalidInput(
                f"the credential {row.name} cannot be opened: {error.message}.",
                hint="Run: legato doctor",
            ) from None


async def missing_keys(store: Credentials, sealer: Sealer | None) -> dict[str, int]:
    """Return the keys that have sealed credentials and are not here, each with how many."""
    known = frozenset() if sealer is None else sealer.ids
    return {key: count for key, count in (await store.keys()).items() if key not in known}


class ResealedCredentials(msgspec.Struct, frozen=True):
    """How many credentials were sealed anew, and those that no key here opens."""

    count: int
    lost: tuple[Credential, ...]


async def reseal_credentials(
    store: Credentials, sealer: Sealer, on_step: Callable[[int], None] = lambda _: None
) -> ResealedCredentials:
    """Seal anew every credential that needs it, each in a transaction of its own.

    Args:
        store: Whose.
        sealer: The new key first, and the old ones.
        on_step: Told the number of credentials that were looked at, batch by batch.
    """
    count = looked_at = 0
    lost: list[Credential] = []
    after: str | None = None
    while batch := await store.every(after=after, limit=BATCH):
        for row in batch:
            try:
                count += await _reseal(store, sealer, row)
            except InvalidInput:
                lost.append(row)
        after = batch[-1].id
        looked_at += len(batch)
        on_step(looked_at)
    return ResealedCredentials(count, tuple(lost))


async def needs_resealing(store: Credentials, sealer: Sealer) -> bool:
    """Tell whether any was sealed with another key than the current one."""
    return bool((await store.keys()).keys() - {sealer.current})


async def damaged(store: Credentials, sealer: Sealer | None) -> list[tuple[Credential, str]]:
    """Open every credential of every workspace; return those that do not, and why."""
    vault = StoredVault(store, lambda: sealer)
    found: list[tuple[Credential, str]] = []
    after: str | None = None
    while batch := await store.every(after=after, limit=BATCH):
        for row in batch:
            try:
                vault.open(row)
            except InvalidInput as error:
                found.append((row, error.message))
        after = batch[-1].id
    return found


async def _reseal(store: Credentials, sealer: Sealer, row: Credential | None) -> int:
    """Return 1 if the credential was sealed anew.

    Raises:
        InvalidInput: No key opens it, or it changes again and again.
    """
    for _ in range(TRIES):
        if row is None or not sealer.needs_resealing(row.sealed):
            return 0
        made = sealed(sealer, row, opened(sealer, row).data)
        if await store.reseal(row, made.sealed, made.key_id):
            return 1
        row = await store.find(row.workspace, row.id)
    raise InvalidInput("a credential changes all the time")
