# SPDX-License-Identifier: Apache-2.0
"""The archive of a backup: a plain tar of regular files, written and read member by member.

Any `tar` can list it. What is read here is believed in nothing: a name has one of the known forms,
a member is a regular file, no size goes beyond what is left of the file, and nothing is unpacked
by name. Members in this order: `header.json`, `database/…`, `blobs/…`, `keys.json`,
`manifest.json`, `manifest.sha256`. Nothing is compressed, so nothing can grow on reading.

Rules: BK3, BK4, BK5.
"""

import hashlib
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import msgspec

from legato.errors import InvalidInput, StoreDamaged, Unavailable

BLOCK: Final = 512
CHUNK_BYTES: Final = 1024 * 1024
PIECE_BYTES: Final = 8 * 1024 * 1024
"""The database is cut into members of this size: one is in memory at a time."""
SMALL_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of a member that is read as a whole: header, manifest, keys, a piece of the database."""
MEMBER_BYTES_MAX: Final = 8 * 1024**3 - 1
"""What a tar header of the oldest form can say."""

HEADER: Final = "header.json"
KEYS: Final = "keys.json"
MANIFEST: Final = "manifest.json"
SEAL: Final = "manifest.sha256"
FORMAT: Final = 1
_NAMES: Final = re.compile(
    r"header\.json|keys\.json|manifest\.json|manifest\.sha256"
    r"|database/[a-z0-9_]{1,63}/[0-9]{8}"
    r"|blobs/[A-Za-z0-9_.~%-]{1,100}/[0-9a-f]{64}"
)
_ORDER: Final = ("header", "database", "blobs", "keys", "manifest", "seal")


class Member(msgspec.Struct, frozen=True):
    """What stands in an archive: its name, where its bytes begin, how many they are."""

    name: str
    offset: int
    size: int

    @property
    def group(self) -> str:
        """Which part of the archive it belongs to."""
        if self.name == SEAL:
            return "seal"
        return self.name.partition("/")[0].removesuffix(".json")


class Digest:
    """SHA-256 over the names, sizes and hashes of many members, in their order."""

    def __init__(self) -> None:
        """Nothing so far."""
        self._hash = hashlib.sha256()
        self.count = 0
        self.size_bytes = 0

    def add(self, name: str, size: int, digest: str) -> None:
        """Take one more member in."""
        self._hash.update(f"{name} {size} {digest}\n".encode())
        self.count += 1
        self.size_bytes += size

    def hex(self) -> str:
        """Return it."""
        return self._hash.hexdigest()


class ArchiveWriter:
    """Writes members one after the other into a new file. Blocks: call it from a thread."""

    def __init__(self, path: Path) -> None:
        """Make the file, for its owner alone.

        Raises:
            Unavailable: It cannot be made.
        """
        self._path = path
        self._left = 0
        self._name = ""
        self._hash = hashlib.sha256()
        self._size = 0
        self.written = 0
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file: BinaryIO = os.fdopen(os.open(path, flags, 0o600), "wb", CHUNK_BYTES)
        except OSError as error:
            raise _cannot_write(path, error) from error

    def add(self, name: str, data: bytes) -> str:
        """Write a whole member and return its SHA-256."""
        self.begin(name, len(data))
        self.write(data)
        return self.end()

    def begin(self, name: str, size: int) -> None:
        """Begin a member of a known size."""
        assert self._left == 0 and _NAMES.fullmatch(name), name
        if size > MEMBER_BYTES_MAX:
            raise InvalidInput(
                f"{name} has {size} bytes; a backup holds at most {MEMBER_BYTES_MAX}"
            )
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self._put(info.tobuf(tarfile.USTAR_FORMAT))
        self._name, self._left, self._size, self._hash = name, size, size, hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Write more of the member.

        Raises:
            StoreDamaged: It has more bytes than was said.
        """
        if len(data) > self._left:
            raise StoreDamaged(f"{self._name} has more than {self._size} bytes")
        self._left -= len(data)
        self._hash.update(data)
        self._put(data)

    def end(self) -> str:
        """End the member and return its SHA-256.

        Raises:
            StoreDamaged: It has fewer bytes than was said.
        """
        if self._left:
            raise StoreDamaged(f"{self._name} has {self._left} bytes fewer than {self._size}")
        self._put(bytes(-self._size % BLOCK))
        return self._hash.hexdigest()

    def finish(self) -> None:
        """Write the end of the archive and flush it to the disk."""
        self._put(bytes(2 * BLOCK))
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    def close(self) -> None:
        """Close the file; without `finish` it is of no use."""
        try:
            self._file.close()
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    def _put(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise _cannot_write(self._path, error) from error
        self.written += len(data)


class ArchiveReader:
    """Reads members in order. Blocks: call it from a thread."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            InvalidInput: There is no such file, or it is none.
        """
        self._path = path
        try:
            self._file = path.open("rb")
            self.size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise InvalidInput(f"cannot read {path}: {error.strerror}") from None
        self._end = 0

    def __enter__(self) -> Self:
        """Give the reader."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def members(self) -> Iterator[Member]:
        """Yield every member once; its bytes are read between two steps, or passed over.

        Raises:
            StoreDamaged: The archive is torn or changed, or holds what no backup does.
        """
        place, names, last = 0, set[str](), 0
        while (block := self._block(place, "the end of the archive")) != bytes(BLOCK):
            member = self._member(place, block)
            step = _ORDER.index(member.group)
            if place == 0 and step:
                raise StoreDamaged(f"{self._path} is no backup: it begins with {member.name}")
            if step < last or (member.group != "blobs" and member.name in names):
                raise StoreDamaged(f"{member.name} stands where it should not")
            if member.group != "blobs":
                names.add(member.name)
            last = step
            yield member
            place = member.offset + member.size + (-member.size % BLOCK)
            self._check_padding(member, place)
        self._end = place
        self._check_end(place, is_whole=last == len(_ORDER) - 1)

    def chunks(self, member: Member) -> Iterator[bytes]:
        """Yield the bytes of a member.

        Raises:
            StoreDamaged: The file ends before them.
        """
        place, left = member.offset, member.size
        while left:
            data = self._read(place, min(left, CHUNK_BYTES), member.name)
            place, left = place + len(data), left - len(data)
            yield data

    def small(self, member: Member) -> bytes:
        """Return the bytes of a member that has to be in memory as a whole.

        Raises:
            StoreDamaged: It is too long, or the file ends before its end.
        """
        if member.size > SMALL_BYTES_MAX:
            raise StoreDamaged(f"{member.name} has {member.size} bytes, far too many")
        return b"".join(self.chunks(member))

    def _member(self, place: int, block: bytes) -> Member:
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, ValueError):
            raise StoreDamaged(f"{self._path} is damaged: no tar header at byte {place}") from None
        if info.type != tarfile.REGTYPE or info.linkname:
            raise StoreDamaged(f"{self._path} holds what is no regular file, at byte {place}")
        if not _NAMES.fullmatch(info.name):
            raise StoreDamaged(f"{self._path} holds a name that no backup has, at byte {place}")
        offset = place + BLOCK
        if not 0 <= info.size <= MEMBER_BYTES_MAX:
            raise StoreDamaged(f"{info.name} claims a size that cannot be")
        if offset + info.size > self.size:
            raise StoreDamaged(f"{self._path} is torn: it ends in the middle of {info.name}")
        return Member(info.name, offset, info.size)

    def _block(self, place: int, what: str) -> bytes:
        return self._read(place, BLOCK, what)

    def _read(self, place: int, size: int, what: str) -> bytes:
        try:
            self._file.seek(place)
            data = self._file.read(size)
        except OSError as error:
            raise Unavailable(f"cannot read {self._path}: {error.strerror}") from error
        if len(data) != size:
            raise StoreDamaged(f"{self._path} is torn: it ends before {what}")
        return data

    def _check_padding(self, member: Member, place: int) -> None:
        at = member.offset + member.size
        if place != at and any(self._read(at, place - at, member.name)):
            raise StoreDamaged(f"{self._path} is damaged after {member.name}")

    def _check_end(self, place: int, *, is_whole: bool) -> None:
        if not is_whole:
            raise StoreDamaged(f"{self._path} is torn: it has no manifest")
        rest = self.size - place
        if rest != 2 * BLOCK or any(self._read(place, rest, "its end")):
            raise StoreDamaged(f"{self._path} is damaged after its last member")


def sealed_manifest(manifest: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the manifest as it is written, and its SHA-256."""
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    return data, hashlib.sha256(data).hexdigest().encode()


def _cannot_write(path: Path, error: OSError) -> Unavailable:
    hint = "Free some space." if error.errno in {28, 122} else "Check the folder and its rights."
    return Unavailable(f"cannot write {path}: {error.strerror}.", hint=hint)
