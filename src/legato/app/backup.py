# SPDX-License-Identifier: Apache-2.0
"""Takes a backup of a store that is in use, and looks whether one is whole.

The database first, of one instant; then every payload that it refers to, while none is deleted;
then the keys, sealed or left out; then the manifest. All of it goes into a file beside the place
that was asked for, which is read again from its first to its last byte before it gets its name.

Rules: BK1-BK4.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from legato import __version__
from legato.adapters.archive import (
    FORMAT,
    HEADER,
    KEYS,
    MANIFEST,
    SEAL,
    ArchiveReader,
    ArchiveWriter,
    Digest,
    Member,
    sealed_manifest,
)
from legato.adapters.sql.sqlite.snapshot import SqliteSnapshots
from legato.app import sqlite_path
from legato.auth import escrow, keys
from legato.errors import Conflict, InvalidInput, NotFound, StoreDamaged, Unavailable
from legato.ports.audit import AuditEntry
from legato.ports.keeping import LastBackup
from legato.ports.snapshots import quiet

if TYPE_CHECKING:
    from legato.app import App
    from legato.ports.snapshots import Snapshot, Snapshots, Tell
    from legato.settings import Settings

HOLD_MS: Final = 120_000
HOLD_EACH_S: Final = 30.0


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first member: what kind of archive this is."""

    format: int
    id: str
    kind: str
    legato: str
    revision: str
    created_at: int
    columns: dict[str, tuple[str, ...]] = {}


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last member but its hash: what the archive holds.

    `members` maps names to SHA-256; payloads, whose names are their hashes, are in one `blobs_hash`
    over all of them in order.
    """

    id: str
    members: dict[str, str]
    rows: dict[str, int]
    blobs: int
    blobs_bytes: int
    blobs_hash: str
    has_keys: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """What a whole archive says of itself."""

    header: Header
    manifest: Manifest
    keys: bytes | None
    size_bytes: int


def snapshots_of(settings: Settings, scratch: Path) -> Snapshots:
    """Return who takes snapshots of the database of these settings.

    Args:
        settings: Name it.
        scratch: A file that may be made for it, and goes again.
    """
    if settings.database_url.startswith("sqlite:"):
        return SqliteSnapshots(sqlite_path(settings.database_url), scratch)
    from legato.adapters.sql.postgres.snapshot import PostgresSnapshots  # noqa: PLC0415 - loads a driver

    return PostgresSnapshots(settings.database_url)


async def back_up(
    app: App, place: Path, passphrase: str | None, *, audit: AuditEntry, tell: Tell = quiet
) -> Looked:
    """Write a backup; nothing is at `place` unless all of it is there and was read again.

    Args:
        app: Open; others may use its store meanwhile.
        place: Where it goes; there is nothing so far.
        passphrase: Seals the keys; None leaves them out.
        audit: Written with the note of the backup.
        tell: Told how far it is.

    Raises:
        Conflict: Something is at `place`.
        InvalidInput: The passphrase is too short.
        StoreDamaged: A payload is missing or damaged, or what was written is not what is read.
        Unavailable: The store does not answer, or the file cannot be written.
    """
    place = await asyncio.to_thread(_free, place)
    part = place.with_name(f"{place.name}.part")
    snapshots = snapshots_of(app.settings, place.with_name(f"{place.name}.part-database"))
    with contextlib.suppress(OSError):
        part.unlink()  # of one that was killed
    try:
        async with _held(app):
            await _write(app, part, snapshots, passphrase, tell)
        looked = await asyncio.to_thread(look_through, part, tell)
        await asyncio.to_thread(_put, part, place)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    noted = LastBackup(
        at=0, size_bytes=looked.size_bytes, has_keys=looked.keys is not None, name=place.name
    )
    await app.stores.keeping.note_backup(noted, [audit])
    return looked


def _free(place: Path) -> Path:
    """Return a place as an absolute path.

    Raises:
        Conflict: Something is there.
    """
    place = place.absolute()
    if os.path.lexists(place):
        raise Conflict(f"{place} is there already; a backup is written over nothing")
    return place


@contextlib.asynccontextmanager
async def _held(app: App) -> AsyncIterator[None]:
    """Keep payloads from being deleted for as long as this lasts."""
    files, holder = app.stores.files, f"backup {app.clock.new_id()}"
    await files.hold(holder, HOLD_MS)

    async def hold_on() -> None:
        while True:
            await asyncio.sleep(HOLD_EACH_S)
            await files.hold(holder, HOLD_MS)

    holding = asyncio.ensure_future(hold_on())
    try:
        yield
        if holding.done():
            holding.result()
    finally:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
        with contextlib.suppress(Unavailable):
            await files.let_go(holder)


async def _write(
    app: App, part: Path, snapshots: Snapshots, passphrase: str | None, tell: Tell
) -> None:
    sealing = await asyncio.to_thread(_keys_of, app.settings) if passphrase is not None else None
    backup_id = secrets.token_hex(16)
    if sealing is not None and passphrase is not None:
        sealing = await asyncio.to_thread(escrow.seal, sealing, passphrase, backup_id)
    archive = await asyncio.to_thread(ArchiveWriter, part)
    try:
        async with snapshots.take(tell) as snapshot:
            header = Header(
                format=FORMAT, id=backup_id, kind=snapshot.kind, legato=__version__,
                revision=snapshot.revision, created_at=app.clock.now_ms(),
                columns=dict(snapshot.columns),
            )  # fmt: skip
            members = {HEADER: archive.add(HEADER, msgspec.json.encode(header))}
            rows = await _write_database(archive, snapshot, members)
            blobs = await _write_blobs(app, archive, snapshot, tell)
        if sealing is not None:
            members[KEYS] = archive.add(KEYS, sealing)
        manifest = Manifest(
            id=backup_id, members=members, rows=rows, blobs=blobs.count,
            blobs_bytes=blobs.size_bytes, blobs_hash=blobs.hex(), has_keys=sealing is not None,
        )  # fmt: skip
        data, seal = sealed_manifest(msgspec.to_builtins(manifest))
        archive.add(MANIFEST, data)
        archive.add(SEAL, seal)
        await asyncio.to_thread(archive.finish)
    finally:
        await asyncio.to_thread(archive.close)


async def _write_database(
    archive: ArchiveWriter, snapshot: Snapshot, members: dict[str, str]
) -> dict[str, int]:
    numbers: dict[str, int] = {}
    async for piece in snapshot.pieces():
        number = numbers[piece.group] = numbers.get(piece.group, 0) + 1
        name = f"database/{piece.group}/{number:08d}"
        members[name] = await asyncio.to_thread(archive.add, name, piece.data)
    return await snapshot.counts()


async def _write_blobs(app: App, archive: ArchiveWriter, snapshot: Snapshot, tell: Tell) -> Digest:
    digest = Digest()
    async for workspace, ref in snapshot.blobs():
        name = f"blobs/{_spelt(workspace)}/{ref.hash}"
        await asyncio.to_thread(archive.begin, name, ref.size)
        try:
            async for data in app.stores.blobs.stream(workspace, ref):
                await asyncio.to_thread(archive.write, data)
        except NotFound as error:
            raise StoreDamaged(
                f"payload {ref.hash} of workspace {workspace} is missing.",
                hint="Something outside Legato has deleted it; purge what refers to it.",
            ) from error
        digest.add(name, ref.size, await asyncio.to_thread(archive.end))
        tell("payloads", digest.size_bytes)
    return digest


def _spelt(workspace: str) -> str:
    return quote(workspace, safe="")


def _keys_of(settings: Settings) -> bytes | None:
    """Return every key of this installation as JSON; None if there is none."""
    found: dict[str, Any] = {}
    home = keys.carried(settings.home)
    if home is not None:
        found["home"] = home.decode()
    if settings.server_keys:
        found["environment"] = settings.server_keys
    return msgspec.json.encode(found) if found else None


def _put(part: Path, place: Path) -> None:
    """Give the file its name, unless somebody has taken it meanwhile."""
    try:
        try:
            os.link(part, place, follow_symlinks=False)
        except FileExistsError:
            raise Conflict(f"{place} is there already; a backup is written over nothing") from None
        except OSError:  # a file system without links
            part.replace(place)
        folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(f"cannot write {place}: {error.strerror}") from error


def look_through(
    path: Path,
    tell: Tell = quiet,
    take: Callable[[ArchiveReader, Member], None] | None = None,
) -> Looked:
    """Read an archive from its first to its last byte. Blocks; one piece is in memory at a time.

    Args:
        path: The archive.
        tell: Told how many bytes were read.
        take: Called with each member of database and payloads before it is checked.

    Raises:
        InvalidInput: There is no such file, or its format is not known.
        StoreDamaged: It is torn or changed; the message names the member.
    """
    found: dict[str, str] = {}
    small: dict[str, bytes] = {}
    blobs, sizes = Digest(), 0
    with ArchiveReader(path) as archive:
        for member in archive.members():
            digest = hashlib.sha256()
            for data in archive.chunks(member):
                digest.update(data)
            said = digest.hexdigest()
            if member.group == "blobs":
                if not member.name.endswith(said):
                    raise StoreDamaged(f"{member.name} is damaged: its bytes have another hash")
                blobs.add(member.name, member.size, said)
            else:
                found[member.name] = said
            if member.group in {"header", "keys", "manifest", "seal"}:
                small[member.name] = archive.small(member)
            if member.name == HEADER:
                _header(path, small[HEADER])
            if take is not None:
                take(archive, member)
            sizes += member.size
            tell("checking", sizes)
        size_bytes = archive.size
    header = _header(path, small[HEADER])
    manifest = _manifest(path, small, found, blobs)
    if manifest.id != header.id:
        raise StoreDamaged(f"{MANIFEST} in {path} belongs to another backup")
    return Looked(header, manifest, small.get(KEYS), size_bytes)


def _header(path: Path, data: bytes) -> Header:
    try:
        header = msgspec.json.decode(data, type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise StoreDamaged(f"{HEADER} in {path} is damaged") from None
    if header.format != FORMAT:
        raise InvalidInput(f"{path} has format {header.format}; this Legato knows {FORMAT}")
    return header


def _manifest(
    path: Path, small: Mapping[str, bytes], found: Mapping[str, str], blobs: Digest
) -> Manifest:
    if found[MANIFEST].encode() != small[SEAL]:
        raise StoreDamaged(f"{MANIFEST} in {path} is damaged: its hash is another one")
    try:
        manifest = msgspec.json.decode(small[MANIFEST], type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise StoreDamaged(f"{MANIFEST} in {path} is damaged") from None
    there = {name: said for name, said in found.items() if name not in {MANIFEST, SEAL}}
    for name in sorted(set(there) | set(manifest.members)):
        if name not in there:
            raise StoreDamaged(f"{name} is missing in {path}")
        if there[name] != manifest.members.get(name):
            raise StoreDamaged(f"{name} in {path} is damaged: its hash is another one")
    if (blobs.count, blobs.size_bytes, blobs.hex()) != (
        manifest.blobs, manifest.blobs_bytes, manifest.blobs_hash,
    ):  # fmt: skip
        raise StoreDamaged(f"payloads are missing in {path}, or too many")
    if manifest.has_keys != (KEYS in small):
        raise StoreDamaged(f"{KEYS} is missing in {path}, or too much")
    return manifest
