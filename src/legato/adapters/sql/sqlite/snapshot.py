# SPDX-License-Identifier: Apache-2.0
"""Snapshots of an SQLite file: a copy by SQLite itself while others write, and the way back.

The copy is made inside one read transaction, so it shows one instant and is never begun anew; what
is committed meanwhile stays in the write-ahead log until it is done. A file from an archive is
looked at before anybody works with it: its structure, its revision, and that it holds no table,
view or trigger but those that our migrations make.

Rules: BK1, BK5, BK9.
"""

import asyncio
import os
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any, Final

from legato.adapters.archive import PIECE_BYTES
from legato.adapters.sql.migrate import known_revisions
from legato.adapters.sql.sqlite.connection import connect_reader, unavailable
from legato.errors import Conflict, InvalidInput, StoreDamaged, StoreUnavailable
from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef
from legato.ports.keeping import RESTORING
from legato.ports.snapshots import Load, Piece, Snapshot, Tell

GROUP: Final = "file"
PAGES: Final = 2_048
"""Pages (8 MiB) between two looks whether somebody has had enough."""
BLOBS: Final = (
    "SELECT workspace, hash, size FROM blobs UNION SELECT workspace, hash, size FROM files"
)
_TABLES: Final = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name"
)
_OBJECTS: Final = "SELECT type, name, sql FROM sqlite_master WHERE name NOT GLOB 'sqlite_*'"
_NOTE: Final = "SELECT count(*) FROM meta WHERE key = ?"
_MARK: Final = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)"
_FETCH: Final = 1_000


class SqliteSnapshots:
    """Keeps `ports.snapshots.Snapshots`."""

    kind = "sqlite"

    def __init__(self, path: Path, scratch: Path) -> None:
        """Make it.

        Args:
            path: The database.
            scratch: Where the copy is while it is taken; it goes at the end.
        """
        self._path = path
        self._scratch = scratch

    @asynccontextmanager
    async def take(self, tell: Tell) -> AsyncIterator[Snapshot]:
        """Keep `Snapshots.take`."""
        enough = threading.Event()
        copying = asyncio.ensure_future(asyncio.to_thread(self._copy, tell, enough))
        try:
            try:
                revision = await asyncio.shield(copying)
            except asyncio.CancelledError:
                enough.set()
                await asyncio.wait({copying})
                copying.exception()
                raise
            yield _Copy(self._scratch, revision)
        finally:
            _remove(self._scratch)

    def _copy(self, tell: Tell, enough: threading.Event) -> str:
        _remove(self._scratch)
        try:
            os.close(os.open(self._scratch, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreUnavailable(f"cannot write {self._scratch}: {error.strerror}") from error

        def progress(_status: int, left: int, total: int) -> None:
            if enough.is_set():
                raise InterruptedError
            tell("database", (total - left) * size)

        try:
            with closing(connect_reader(self._path)) as source:
                (size,) = source.execute("PRAGMA page_size").fetchone()
                source.execute("BEGIN")
                source.execute(_TABLES).fetchone()  # from here on it reads one instant
                with closing(sqlite3.connect(self._scratch, isolation_level=None)) as target:
                    source.backup(target, pages=PAGES, progress=progress)
                    # The copy is one file and stays one, whoever opens it.
                    target.execute("PRAGMA journal_mode = DELETE")
                    _check_whole(target)
                    (revision,) = target.execute(
                        "SELECT version_num FROM alembic_version"
                    ).fetchone()
        except sqlite3.Error as error:
            is_ours = (getattr(error, "sqlite_errorname", "") or "").startswith("SQLITE_FULL")
            raise unavailable(error, self._scratch if is_ours else self._path) from error
        return str(revision)

    async def state(self) -> str | None:
        """Keep `Snapshots.state`."""
        return await asyncio.to_thread(self._state)

    def _state(self) -> str | None:
        if not self._path.exists() or self._path.stat().st_size == 0:
            return None
        try:
            with closing(connect_reader(self._path)) as connection:
                tables = {name for (name,) in connection.execute(_TABLES)}
                if "meta" in tables and connection.execute(_NOTE, (RESTORING,)).fetchone()[0]:
                    return RESTORING
        except sqlite3.Error as error:
            raise unavailable(error, self._path) from error
        return "ours" if tables else None

    async def clear(self) -> None:
        """Keep `Snapshots.clear`."""
        _remove(self._path)

    @asynccontextmanager
    async def load(
        self, revision: str, columns: Mapping[str, tuple[str, ...]]
    ) -> AsyncIterator[Load]:
        """Keep `Snapshots.load`."""
        check_revision(revision)
        beside = self._path.with_name(f"{self._path.name}.restoring")
        _remove(beside)
        loading = _Loading(beside, self._path, revision)
        try:
            yield loading
        finally:
            loading.close()
            _remove(beside)


class _Copy:
    """Keeps `ports.snapshots.Snapshot`."""

    kind = "sqlite"
    columns: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, path: Path, revision: str) -> None:
        self._path = path
        self.revision = revision

    async def pieces(self) -> AsyncIterator[Piece]:
        """Keep `Snapshot.pieces`."""
        with self._path.open("rb") as file:
            while data := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield Piece(GROUP, data)

    async def counts(self) -> dict[str, int]:
        """Keep `Snapshot.counts`."""
        return await asyncio.to_thread(_counts_of, self._path)

    async def blobs(self) -> AsyncIterator[tuple[WorkspaceId, BlobRef]]:
        """Keep `Snapshot.blobs`."""
        with closing(sqlite3.connect(self._path, check_same_thread=False)) as connection:
            cursor = connection.execute(BLOBS)
            while rows := await asyncio.to_thread(cursor.fetchmany, _FETCH):
                for workspace, digest, size in rows:
                    yield WorkspaceId(workspace), BlobRef(digest, size)


class _Loading:
    """Keeps `ports.snapshots.Load`."""

    def __init__(self, beside: Path, path: Path, revision: str) -> None:
        self._beside = beside
        self._path = path
        self._revision = revision
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(beside, flags, 0o600), "wb")
        except OSError as error:
            raise StoreUnavailable(f"cannot write {beside}: {error.strerror}") from error

    async def piece(self, piece: Piece) -> None:
        """Keep `Load.piece`."""
        if piece.group != GROUP:
            raise StoreDamaged(f"an archive of SQLite holds no database/{piece.group}")
        await asyncio.to_thread(self._write, piece.data)

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise StoreUnavailable(f"cannot write {self._beside}: {error.strerror}") from error

    async def finish(self, counts: Mapping[str, int], marker: str) -> None:
        """Keep `Load.finish`."""
        await asyncio.to_thread(self._finish, counts, marker)

    def _finish(self, counts: Mapping[str, int], marker: str) -> None:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            with closing(sqlite3.connect(self._beside, isolation_level=None)) as connection:
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA synchronous = FULL")
                _check_whole(connection)
                _check_ours(connection, self._revision)
                if (found := _counts(connection)) != dict(counts):
                    raise StoreDamaged(
                        f"the rows of {_difference(found, counts)} are not all there"
                    )
                connection.execute(_MARK, (RESTORING, marker))
            self._beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except sqlite3.Error as error:
            raise unavailable(error, self._beside) from error
        except OSError as error:
            raise StoreUnavailable(f"cannot write {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Close the file, whatever was written."""
        with suppress(OSError):
            self._file.close()


def check_revision(revision: str) -> None:
    """Refuse an archive of a newer program.

    Raises:
        Conflict: It is.
    """
    if revision not in known_revisions():
        raise Conflict(
            f"the backup has schema {revision}, which this program does not know.",
            hint="Restore it with the Legato that made it, or a newer one.",
        )


def _check_whole(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise StoreDamaged(f"the database is damaged: {found}")


def _check_ours(connection: sqlite3.Connection, revision: str) -> None:
    """Refuse a file with anything in it that the migrations do not make.

    A trigger or a view of a stranger would act with our hands.
    """
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None or row[0] != revision:
        raise InvalidInput("the database in the archive has another schema than its header says")
    found, wanted = _objects(connection), _expected(revision)
    strange = sorted(
        name
        for (kind, name), text in found.items()
        if (kind, name) not in wanted
        or (kind in {"trigger", "view"} and wanted[kind, name] != text)
    )
    if strange:
        raise InvalidInput(
            f"the database in the archive holds what no Legato makes: {strange[0][:80]}"
        )


def _objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    return {
        (kind, name): re.sub(r"\s+", " ", text or "").strip()
        for kind, name, text in connection.execute(_OBJECTS)
    }


def _expected(revision: str) -> dict[tuple[str, str], str]:
    from sqlalchemy import create_engine, pool  # noqa: PLC0415 - only a restore needs it

    from legato.adapters.sql.migrate import upgrade  # noqa: PLC0415

    raw: Any = sqlite3.connect(":memory:", isolation_level=None)
    engine = create_engine("sqlite://", creator=lambda: raw, poolclass=pool.StaticPool)
    try:
        with engine.connect() as connection:
            upgrade(connection, revision)
            connection.commit()
        return _objects(raw)
    finally:
        engine.dispose()
        raw.close()


def _counts_of(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        return _counts(connection)


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    names = [name for (name,) in connection.execute(_TABLES)]
    counted = 'SELECT count(*) FROM "{}"'
    return {
        name: connection.execute(counted.format(name.replace('"', '""'))).fetchone()[0]
        for name in names
    }


def _difference(found: Mapping[str, int], wanted: Mapping[str, int]) -> str:
    names = sorted(set(found) ^ set(wanted) | {n for n in found if found[n] != wanted.get(n)})
    return ", ".join(names[:3])


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            path.with_name(f"{path.name}{suffix}").unlink()
