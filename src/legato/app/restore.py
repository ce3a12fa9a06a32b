# SPDX-License-Identifier: Apache-2.0
"""Puts a backup into an empty home and database. Nothing in it goes on by itself afterwards.

The archive is read through before anything is written. From then on a mark in the home, and one in
the database, keep everybody else out until the last step is done; whatever was cut off is begun
anew. In the end the store has a new epoch, every execution that had not ended waits for a person,
and nobody is logged in.

Rules: BK20-BK32.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec

from legato.adapters.archive import ArchiveReader, Member
from legato.adapters.blobs.obstore_blobs import make_blobs
from legato.app import RESTORE_MARK, build
from legato.app.backup import Looked, look_through, snapshots_of
from legato.auth import escrow, keys
from legato.crashpoints import crash_point
from legato.errors import Conflict, InvalidInput, StoreDamaged, Unavailable
from legato.model.ids import WorkspaceId
from legato.ports.audit import AuditEntry
from legato.ports.keeping import RESTORING, Restored
from legato.ports.snapshots import Piece, quiet
from legato.runtime.parking import Parked, park_all

if TYPE_CHECKING:
    from legato.ports.blobs import BlobStore
    from legato.ports.snapshots import Load, Tell
    from legato.settings import Settings

ENVIRONMENT: Final = "keys.restored.env"
"""In the home: the keys of a server, which are given to it in its environment."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore did. `environment` is the file with keys of a server, if there were any."""

    ended: Restored
    parked: Parked
    blobs: int
    rows: int
    has_keys: bool
    environment: str | None


async def restore(
    settings: Settings,
    source: Path,
    passphrase: str | None,
    *,
    audit: AuditEntry,
    tell: Tell = quiet,
) -> Done:
    """Restore a backup.

    Args:
        settings: Name home, database and blobs, which are empty.
        source: The archive.
        passphrase: Opens the keys; None leaves them out.
        audit: Written when it is done.
        tell: Told how far it is.

    Raises:
        Conflict: Home or database are not empty, or the backup is of a newer Legato.
        InvalidInput: The archive is none, or of another kind of database.
        NotAllowed: The passphrase is another one.
        StoreDamaged: The archive is torn or changed.
        Unavailable: Something cannot be written.
    """
    looked = await asyncio.to_thread(look_through, source, tell)
    carried = await asyncio.to_thread(open_keys, looked, passphrase)
    snapshots = snapshots_of(settings, settings.home / f"{RESTORE_MARK}-database")
    if looked.header.kind != snapshots.kind:
        raise InvalidInput(
            f"the backup is of {looked.header.kind}, the database of these settings is of "
            f"{snapshots.kind}.",
            hint="Restore it into the same kind of database.",
        )
    was_begun = await asyncio.to_thread(_is_begun, settings.home)
    state = await snapshots.state()
    await _refuse_used(settings, state, was_begun=was_begun)
    await asyncio.to_thread(_mark, settings.home, looked.header.id)
    if state == RESTORING:
        await snapshots.clear()
    with contextlib.suppress(FileNotFoundError):
        if was_begun:
            (settings.home / keys.FILE_NAME).unlink()
    crash_point("restore.begun")
    async with snapshots.load(looked.header.revision, looked.header.columns) as load:
        await _fill(settings, source, load, tell)
        again = await asyncio.to_thread(look_through, source)
        if again.manifest != looked.manifest:
            raise StoreDamaged(f"{source} was changed while it was read")
        await load.finish(looked.manifest.rows, looked.header.id)
    crash_point("restore.filled")
    return await _begin_anew(settings, looked, carried, audit, tell)


def open_keys(looked: Looked, passphrase: str | None) -> dict[str, Any]:
    """Return the keys in an archive; none without a passphrase.

    Raises:
        InvalidInput: There are none, or they are damaged.
        NotAllowed: The passphrase is another one.
    """
    if passphrase is None:
        return {}
    if looked.keys is None:
        raise InvalidInput("this backup holds no keys.", hint="Say --without-key.")
    found: dict[str, Any] = msgspec.json.decode(
        escrow.unseal(looked.keys, passphrase, looked.header.id)
    )
    return found


async def _refuse_used(settings: Settings, state: str | None, *, was_begun: bool) -> None:
    """Refuse a home or database that anybody has used.

    Raises:
        Conflict: It is not empty.
    """
    hint = "Restore into an empty home and database, and then switch over."
    if state == "ours":
        raise Conflict("the database is not empty.", hint=hint)
    if was_begun or state == RESTORING:
        return  # what is there is what an earlier restore has left
    if await asyncio.to_thread(os.path.lexists, settings.home / keys.FILE_NAME):
        raise Conflict(f"{settings.home} has keys already.", hint=hint)
    if await make_blobs(settings.blobs_url).workspaces():
        raise Conflict(f"there are payloads in {settings.blobs_url} already.", hint=hint)


def _is_begun(home: Path) -> bool:
    """Tell whether a home is marked; it is made, for its owner alone, if it is not there."""
    with contextlib.suppress(OSError):  # said with a reason when the mark is made
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.path.lexists(home / RESTORE_MARK)


def _mark(home: Path, backup: str) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(home / RESTORE_MARK, flags, 0o600)
        try:
            os.write(descriptor, f"{backup}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        _sync_folder(home)
    except OSError as error:
        raise Unavailable(f"cannot write {home / RESTORE_MARK}: {error.strerror}") from error


async def _fill(settings: Settings, source: Path, load: Load, tell: Tell) -> None:
    """Put database and payloads in."""
    blobs = make_blobs(settings.blobs_url)
    done = 0
    with ArchiveReader(source) as archive:
        for member in archive.members():
            if member.group == "database":
                data = await asyncio.to_thread(archive.small, member)
                await load.piece(Piece(member.name.split("/")[1], data))
            elif member.group == "blobs":
                await _put_blob(blobs, archive, member)
            done += member.size
            tell("restoring", done)


async def _put_blob(blobs: BlobStore, archive: ArchiveReader, member: Member) -> None:
    _, workspace, digest = member.name.split("/")

    async def pieces() -> AsyncIterator[bytes]:
        chunks = archive.chunks(member)
        while (data := await asyncio.to_thread(next, chunks, None)) is not None:
            yield data

    name = WorkspaceId(unquote(workspace))
    ref = await blobs.put_stream(name, pieces(), size_max=member.size)
    if ref.hash != digest:
        raise StoreDamaged(f"{member.name} is damaged: its bytes have another hash")


async def _begin_anew(
    settings: Settings,
    looked: Looked,
    carried: dict[str, Any],
    audit: AuditEntry,
    tell: Tell,
) -> Done:
    """End the old life of what was restored, and let everybody in."""
    async with build(settings, role="restore") as app:
        stores = app.stores
        ended = await stores.keeping.end_old_life()
        crash_point("restore.old_life_ended")
        triggers = await stores.triggers.pause_all("restore")
        limits = settings.limits.to_policy()
        parked = await park_all(stores, app.clock, limits, lambda count: tell("parking", count))
        if "home" in carried:
            data = str(carried["home"]).encode()
            now = app.clock.now_ms()
            await asyncio.to_thread(keys.settle, settings.home, data, now_ms=now)
        place = await asyncio.to_thread(_write_environment, settings.home, carried)
        ended = msgspec.structs.replace(ended, triggers=triggers)
        data_of = {"backup": looked.header.id, "parked": parked.parked, "epoch": ended.epoch}
        crash_point("restore.before_end")
        await stores.keeping.finish_restore([msgspec.structs.replace(audit, data=data_of)])
        await stores.audit.seal()
    await asyncio.to_thread(_unmark, settings.home)
    return Done(
        ended=ended, parked=parked, blobs=looked.manifest.blobs,
        rows=sum(looked.manifest.rows.values()), has_keys=bool(carried), environment=place,
    )  # fmt: skip


def _write_environment(home: Path, carried: dict[str, Any]) -> str | None:
    """Write the keys that a server gets in its environment, for the operator; never the JWT key."""
    given = {
        name: value
        for name, value in carried.get("environment", {}).items()
        if name in {keys.MASTER_VARIABLE, keys.MASTER_OLD_VARIABLE}
    }
    if not given:
        return None
    path = home / ENVIRONMENT
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in sorted(given.items()))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from error
    return str(path)


def _unmark(home: Path) -> None:
    try:
        (home / RESTORE_MARK).unlink(missing_ok=True)
        _sync_folder(home)
    except OSError as error:
        raise Unavailable(f"cannot remove {home / RESTORE_MARK}: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
