# SPDX-License-Identifier: Apache-2.0
"""A strict reader of zip archives: what is doubtful is refused, never repaired.

Everything is bounded before it is read, and checked before anything is written. Sizes in the
archive are only believed when the inflated bytes agree. Archives with a second meaning (entries
that overlap, local headers that name another file, data around the archive) are refused, as
programs differ in which one they see.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4.

Rules: ND48.
"""

import os
import stat
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from legato.nodes.fields import refused
from legato.nodes.files.disk import PIECE_BYTES
from legato.nodes.files.walk import DEPTH_MAX
from legato.nodes.safe_paths import GIT_MARKS, PATH_BYTES_MAX, name_fault
from legato.ports.node import NodeFailure

RATIO_FREE_BYTES: Final = 1024 * 1024
"""Up to this size an entry may be packed as tightly as it likes: it does no harm."""
DIRECTORY_BYTES_MAX: Final = 16 * 1024 * 1024
"""10 000 names of 1.5 KB each."""
_END: Final = struct.Struct("<4s4H2LH")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_COMMENT_BYTES_MAX: Final = 0xFFFF
_STORED: Final = 0
_DEFLATED: Final = 8
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_UTF8: Final = 0x800


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What an archive may hold. `ratio`: unpacked to packed, per entry and in all."""

    entries: int
    size_bytes: int
    ratio: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `names` lead from the folder that is made to it, its bytes end by `limit`."""

    names: tuple[str, ...]
    is_folder: bool
    size: int
    packed: int
    crc: int
    offset: int
    stored_name: bytes
    method: int
    limit: int

    @property
    def path(self) -> str:
        """The way to it."""
        return "/".join(self.names)


def bad(why: str) -> NodeFailure:
    """Make the failure for an archive that is damaged or not accepted."""
    return refused("bad_archive", why)


def too_large(why: str) -> NodeFailure:
    """Make the failure for an archive that holds more than it may."""
    return refused("too_large", why)


def entries_of(file: int, bounds: Bounds) -> list[Entry]:
    """Read and check the list of an archive's entries; nothing is unpacked.

    Raises:
        NodeFailure: `bad_archive` or `too_large`.
    """
    count, size, start = _directory(file, bounds)
    data = os.pread(file, size, start)
    entries, place = [], 0
    for _ in range(count):
        entry, place = _entry(data, place)
        entries.append(entry)
    if place != size:
        raise bad("its list of entries has another length than it says")
    _check_names(entries)
    _check_sizes(entries, bounds)
    return _limited(entries, start)


def inflate(file: int, entry: Entry, *, stop: Callable[[], None]) -> Iterator[bytes]:
    """Yield the bytes of an entry; they are counted, and more than it says are never made.

    Raises:
        NodeFailure: `bad_archive`: length or checksum disagree, or it is damaged.
    """
    place = entry.offset + _check_local(file, entry)
    end, count, crc = place + entry.packed, 0, 0
    if end > entry.limit:
        raise bad(f"{entry.path!r:.200} shares its bytes with another entry")
    inflater = None if entry.method == _STORED else zlib.decompressobj(-zlib.MAX_WBITS)
    packed = b""
    while inflater is None or not inflater.eof:
        stop()
        if not packed:
            packed = os.pread(file, min(PIECE_BYTES, end - place), place)
            place += len(packed)
        had_input = bool(packed)
        piece, packed = _next_piece(inflater, packed, entry)
        if not piece and not had_input:
            break
        count += len(piece)
        if count > entry.size:
            raise bad(f"{entry.path!r:.200} holds more than the {entry.size} bytes that it says")
        crc = zlib.crc32(piece, crc)
        yield piece
    whole = inflater is None or (inflater.eof and not inflater.unused_data)
    if count != entry.size or crc != entry.crc or place != end or packed or not whole:
        raise bad(f"{entry.path!r:.200} does not hold what it says")


def _next_piece(inflater: Any, packed: bytes, entry: Entry) -> tuple[bytes, bytes]:
    """Inflate at most one piece; return it, and the input that is left."""
    if inflater is None:
        return packed, b""
    try:
        return inflater.decompress(packed, PIECE_BYTES), inflater.unconsumed_tail
    except zlib.error:
        raise bad(f"{entry.path!r:.200} is damaged") from None


def _directory(file: int, bounds: Bounds) -> tuple[int, int, int]:
    """Find the list of entries; return its count, length and place."""
    size = os.fstat(file).st_size
    tail_at = max(0, size - _END.size - _COMMENT_BYTES_MAX)
    tail = os.pread(file, size - tail_at, tail_at)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        raise bad("it is no zip archive, or it is cut off")
    _, disk, first_disk, here, count, length, start, comment = _END.unpack_from(tail, at)
    if 0xFFFF in {here, count} or 0xFFFFFFFF in {length, start}:
        raise too_large("it is in the form for very large archives (zip64)")
    if at + _END.size + comment != len(tail) or disk or first_disk or here != count:
        raise bad("its end is damaged, or it is one part of several")
    if start + length != tail_at + at:
        raise bad("there is other data around it")
    if count > bounds.entries:
        raise too_large(f"it holds {count} entries, at most {bounds.entries} are unpacked")
    if length > DIRECTORY_BYTES_MAX:
        raise too_large(f"its list of entries has more than {DIRECTORY_BYTES_MAX} bytes")
    return count, length, start


def _entry(data: bytes, place: int) -> tuple[Entry, int]:
    """Read one line of the list; return the entry and the place of the next one."""
    if len(data) - place < _CENTRAL.size or data[place : place + 4] != b"PK\1\2":
        raise bad("its list of entries is damaged")
    (_, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length,
     disk, _, attributes, offset) = _CENTRAL.unpack_from(data, place)  # fmt: skip
    name_at = place + _CENTRAL.size
    raw = data[name_at : name_at + name_length]
    following = name_at + name_length + extra_length + comment_length
    if following > len(data):
        raise bad("its list of entries is damaged")
    shown = repr(raw[:100])[1:]
    if flags & _ENCRYPTED:
        raise bad(f"{shown} is encrypted")
    if method not in {_STORED, _DEFLATED}:
        raise bad(f"{shown} is packed in a way (method {method}) that is not known here")
    if 0xFFFFFFFF in {packed, size, offset} or disk:
        raise bad(f"{shown} has sizes of another kind of archive")
    if method == _STORED and packed != size:
        raise bad(f"{shown} does not hold what it says")
    is_folder = raw.endswith(b"/")
    kind = stat.S_IFMT(attributes >> 16)
    if kind not in {0, stat.S_IFDIR if is_folder else stat.S_IFREG}:
        raise bad(f"{shown} is a link, a device or no plain file")
    if is_folder and size:
        raise bad(f"{shown} is a folder with content")
    names = _names(raw, utf8=bool(flags & _UTF8), shown=shown)
    return Entry(names, is_folder, size, packed, crc, offset, raw, method, 0), following


def _names(raw: bytes, *, utf8: bool, shown: str) -> tuple[str, ...]:
    """Check a stored path name by name. It is taken as it is or refused, never made to fit."""
    try:
        path = raw.decode("utf-8" if utf8 else "cp437")
    except UnicodeDecodeError:
        raise bad(f"the name {shown} is no UTF-8") from None
    if len(path.encode()) > PATH_BYTES_MAX:
        raise bad(f"the name {shown} is longer than {PATH_BYTES_MAX} bytes")
    names = path.removesuffix("/").split("/")
    if len(names) > DEPTH_MAX:
        raise bad(f"{shown} lies more than {DEPTH_MAX} folders deep")
    if "\\" in path or path[1:2] == ":":
        raise bad(f"the name {shown} holds a backslash or a drive letter")
    for name in names:
        fault = name_fault(name)
        if fault:
            raise bad(f"the name {shown} is refused: {fault}")
    return tuple(names)


def _limited(entries: list[Entry], end: int) -> list[Entry]:
    """Refuse entries that share bytes: that is how a small archive becomes petabytes."""
    limited = []
    for entry in sorted(entries, key=lambda each: each.offset, reverse=True):
        if entry.offset + _LOCAL.size + len(entry.stored_name) + entry.packed > end:
            raise bad(f"{entry.path!r:.200} shares its bytes with another entry")
        limited.append(replace(entry, limit=end))
        end = entry.offset
    return limited[::-1]


def _check_names(entries: list[Entry]) -> None:
    """Refuse names that meet: twice the same, in another case, or a file that is a folder too."""
    seen: set[str] = set()
    within: dict[str, set[str]] = {}
    folders: set[str] = set()
    for entry in entries:
        keys = [_key(name) for name in entry.names]
        key = "/".join(keys)
        if key in seen:
            raise bad(f"{entry.path!r:.200} is in it twice")
        seen.add(key)
        last = len(keys) if entry.is_folder else len(keys) - 1
        for depth in range(len(keys)):
            above = "/".join(keys[:depth])
            within.setdefault(above, set()).add(entry.names[depth])
            if 0 < depth <= last:
                folders.add(above)
        if entry.is_folder:
            folders.add(key)
    for entry in entries:
        key = "/".join(_key(name) for name in entry.names)
        if not entry.is_folder and key in folders:
            raise bad(f"{entry.path!r:.200} is a file and a folder")
    if any(names.issuperset(GIT_MARKS) for names in within.values()):
        raise bad("it holds a git repository")


def _key(name: str) -> str:
    """Return what names that some file systems do not tell apart have in common."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _check_sizes(entries: list[Entry], bounds: Bounds) -> None:
    size = sum(entry.size for entry in entries)
    packed = sum(entry.packed for entry in entries)
    if size > bounds.size_bytes:
        raise too_large(f"it unpacks to {size} bytes, at most {bounds.size_bytes} are unpacked")
    for name, unpacked, taken in (
        *((repr(each.path)[:200], each.size, each.packed) for each in entries),
        ("all of it", size, packed),
    ):
        if unpacked > max(RATIO_FREE_BYTES, taken * bounds.ratio):
            raise too_large(
                f"{name} unpacks to more than {bounds.ratio} times its size; raise max_ratio if "
                "you trust it"
            )


def _check_local(file: int, entry: Entry) -> int:
    """Compare the header before the data with the list; return its length."""
    header = os.pread(file, _LOCAL.size + len(entry.stored_name), entry.offset)
    if len(header) < _LOCAL.size + len(entry.stored_name) or header[:4] != b"PK\3\4":
        raise bad(f"{entry.path!r:.200} is damaged")
    _, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack_from(header)
    name = header[_LOCAL.size :]
    if name_length != len(entry.stored_name) or name != entry.stored_name:
        raise bad(f"{entry.path!r:.200} has another name before its data")
    if method != entry.method or flags & _ENCRYPTED:
        raise bad(f"{entry.path!r:.200} is packed in another way than the list says")
    return _LOCAL.size + int(name_length) + int(extra_length)
