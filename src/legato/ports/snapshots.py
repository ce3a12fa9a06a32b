# SPDX-License-Identifier: Apache-2.0
"""The database as it was at one instant, taken out piece by piece and put in again.

Every table is in it, whether this program's other parts know it or not. A snapshot goes back into
the same kind of database only.

Rules: BK.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef

Tell = Callable[[str, int], None]
"""Told what is being done, and how many bytes of it are done."""


def quiet(_what: str, _done: int) -> None:
    """Keep `Tell` for nobody."""


class Piece(msgspec.Struct, frozen=True):
    """Some bytes of a snapshot; `group` names what they belong to, in order."""

    group: str
    data: bytes


class Snapshot(Protocol):
    """One instant of a database."""

    kind: str
    revision: str
    columns: Mapping[str, tuple[str, ...]]
    """Of each table, where the pieces do not say it themselves."""

    def pieces(self) -> AsyncIterator[Piece]:
        """Yield everything, in pieces of a bounded size.

        Raises:
            StoreUnavailable: The database does not answer.
            StoreDamaged: It is damaged.
        """
        ...

    async def counts(self) -> dict[str, int]:
        """Return the number of rows of each table; called after the last piece."""
        ...

    def blobs(self) -> AsyncIterator[tuple[WorkspaceId, BlobRef]]:
        """Yield every payload that an execution refers to."""
        ...


class Load(Protocol):
    """Takes the pieces of a snapshot in and makes a database of them."""

    async def piece(self, piece: Piece) -> None:
        """Take one more piece, in the order of the archive."""
        ...

    async def finish(self, counts: Mapping[str, int], marker: str) -> None:
        """Check that everything is there, and leave a database that nobody but a restore opens.

        Args:
            counts: Rows of each table, as the manifest says.
            marker: Kept in it: what is being restored.

        Raises:
            StoreDamaged: It is not what was written.
            InvalidInput: It holds what no database of ours does.
        """
        ...


class Snapshots(Protocol):
    """Takes snapshots and loads them. The store need not be open."""

    kind: str

    def take(self, tell: Tell) -> AbstractAsyncContextManager[Snapshot]:
        """Take a snapshot beside whatever else goes on.

        Raises:
            StoreUnavailable: It cannot be taken.
        """
        ...

    async def state(self) -> str | None:
        """Return what is in the database: None (nothing), `ours`, or `restoring`.

        Raises:
            StoreUnavailable: It cannot be read, or holds something else.
        """
        ...

    async def clear(self) -> None:
        """Remove what a restore has left that was cut off; only after `state` said `restoring`."""
        ...

    def load(
        self, revision: str, columns: Mapping[str, tuple[str, ...]]
    ) -> AbstractAsyncContextManager[Load]:
        """Give somebody who fills an empty database; whatever is cut off leaves it empty.

        Raises:
            InvalidInput: It names tables or columns that no database of this revision has.
        """
        ...
