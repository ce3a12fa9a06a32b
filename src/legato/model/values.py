# SPDX-License-Identifier: Apache-2.0
"""JSON values as the log holds them: strict to encode, strict to decode, inline or by reference.

A `Value` is one JSON document: small ones as raw bytes, large ones as a reference to a blob.
NaN, infinities, NUL, lone surrogates, integers beyond 64 bits, non-string keys and depth over
the limit are refused by name, on the way in and on the way out.

Rules: DO strict values, EX integers.
"""

import json
import math
from collections import Counter
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from legato.errors import InvalidInput, InvalidJson, LimitExceeded

JSON_DEPTH_MAX: Final = 64
_COPIED_MAX: Final = 65_536
"""Shorter texts are copied: orjson 3.13 leaves each in a buffer of at least 4 KiB, and the state of
a running execution keeps many."""
INT64_MAX: Final = 2**63 - 1
INT64_MIN: Final = -(2**63)
_LONG_NUMBER: Final = b"0" * 19
_DIGITS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_ROUND: Final = bytes.maketrans(b"[]{}", b"()()")
_NO_MARKS: Final = bytes(set(range(256)) - set(b'[]{}"'))


class _Fault(NamedTuple):
    """What is not strict: `reason` follows the path, `key` is told in the message only."""

    path: tuple[str | int, ...]
    reason: str
    key: str = ""

    def __str__(self) -> str:
        """Return one line that names the path as `$.nodes[2]`."""
        steps = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in self.path)
        place = "$" + "".join(steps)
        return f"{place[:200]}{self.key} {self.reason}"


class BlobRef(msgspec.Struct, frozen=True):
    """A payload kept in the blob store. `hash` is hex SHA-256, `size` is bytes."""

    hash: str
    size: int


class Value(msgspec.Struct, frozen=True, omit_defaults=True):
    """One JSON document: `json` holds its UTF-8 text, or `ref` says where it is."""

    json: msgspec.Raw = msgspec.Raw(b"")
    ref: BlobRef | None = None

    @property
    def size(self) -> int:
        """Bytes of the JSON text."""
        return self.ref.size if self.ref is not None else len(bytes(self.json))

    @property
    def is_inline(self) -> bool:
        """Tell whether the text is here and not in the blob store."""
        return self.ref is None


NULL: Final = Value(json=msgspec.Raw(b"null"))


def inline(data: bytes) -> Value:
    """Wrap JSON text that has been checked already."""
    return Value(json=msgspec.Raw(data))


def encode(value: object, *, what: str = "value", size_bytes_max: int | None = None) -> bytes:
    """Encode a Python value as strict JSON.

    Args:
        value: Built of dict, list, tuple, str, int, float, bool and None.
        what: Named in the error.
        size_bytes_max: Refuse a longer text.

    Returns:
        UTF-8 JSON without white space, keys in their order.

    Raises:
        InvalidInput: The value is no strict JSON; the message names the path.
        LimitExceeded: The text is longer than `size_bytes_max`.
    """
    try:
        data = orjson.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        # orjson names no path: walk once, only on failure, to say where.
        raise InvalidInput(f"{what}: {_find_fault(value, ()) or error}") from None
    if size_bytes_max is not None and len(data) > size_bytes_max:
        raise LimitExceeded(f"{what} has {len(data)} bytes; the limit is {size_bytes_max}")
    # orjson writes NaN and infinities as null.
    if _is_suspect(data) or (b"null" in data and _may_hold_nan(value)):
        fault = _find_fault(value, ())
        if fault:
            raise InvalidInput(f"{what}: {fault}")
    return b"".join((data, b"")) if len(data) < _COPIED_MAX else data


def decode(data: bytes | str, *, what: str = "value") -> Any:
    """Decode strict JSON, refusing what `encode` would refuse and duplicate keys.

    Raises:
        InvalidJson: Not JSON, or not strict; the message names the path.
    """
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        place = (error.lineno, error.colno)
        message = f"{what} is not valid JSON: {error}"
        raise InvalidJson(message, reason=error.msg, place=place) from None
    exact = _refuse_duplicate_keys(raw, what)
    if _is_suspect(raw):
        # The exact value: orjson reads an integer beyond 64 bits as a float.
        fault = _find_fault(exact, ())
        if fault:
            raise InvalidJson(f"{what}: {fault}", reason=fault.reason, path=fault.path)
    return value


def load(data: bytes | memoryview | msgspec.Raw) -> Any:
    """Decode JSON that this module encoded; no checks."""
    return orjson.loads(bytes(data) if isinstance(data, msgspec.Raw) else data)


def _is_suspect(data: bytes) -> bool:
    """Tell whether JSON text may hold something that a walk must look for.

    The walk takes 0.1 ms per KB, in the engine's loop; what ordinary rows hold must not cause it.

    Cost: some 5 µs per KB, all of it in C; a regular expression takes ten times as long.
    """
    if b"\\u0000" in data:
        return True
    if data.count(b"[") + data.count(b"{") > JSON_DEPTH_MAX and _is_deep(data):
        return True
    if _LONG_NUMBER not in data.translate(_DIGITS):
        return False
    return _LONG_NUMBER in _outside_texts(_without_escapes(data)).translate(_DIGITS)


def _without_escapes(data: bytes) -> bytes:
    """Return JSON text in which every quote begins or ends a string."""
    if b"\\" not in data:
        return data
    # A run of backslashes begins with one that escapes: pairs are found as they are read.
    return data.replace(b"\\\\", b"").replace(b'\\"', b"")


def _outside_texts(data: bytes) -> bytes:
    """Return what stands outside of strings in text without escapes."""
    return b"".join(data.split(b'"')[::2])


def _is_deep(data: bytes) -> bool:
    """Tell whether JSON text is nested too deep: take level by level away."""
    marks = _without_escapes(data).translate(_ROUND, _NO_MARKS)
    # Strings without brackets are pairs of quotes now; what is left between quotes stays there.
    brackets = _outside_texts(marks.replace(b'""', b""))
    for _ in range(JSON_DEPTH_MAX):
        if not brackets:
            return False
        brackets = brackets.replace(b"()", b"")
    return bool(brackets)


def _may_hold_nan(value: object) -> bool:
    """Tell whether a value may hold a number that JSON does not have."""
    try:
        json.dumps(value, allow_nan=False, check_circular=False)
    except (TypeError, ValueError, RecursionError):
        return True
    return False


def _find_fault(value: object, path: tuple[str | int, ...]) -> _Fault | None:
    """Return what is wrong and where, or None. Stops at the depth limit."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_fault(value, path)
    if isinstance(value, int):
        if INT64_MIN <= value <= INT64_MAX:
            return None
        return _Fault(path, "is an integer beyond 64 bits; send it as text")
    if isinstance(value, float):
        return (
            None if math.isfinite(value) else _Fault(path, f"is {value}, which JSON does not have")
        )
    if len(path) >= JSON_DEPTH_MAX:
        return _Fault(path, f"is nested deeper than {JSON_DEPTH_MAX} levels")
    if isinstance(value, dict):
        for key, element in value.items():
            if not isinstance(key, str):
                return _Fault(path, "keys must be text", f" has the key {key!r:.60};")
            fault = _text_fault(key, path, " (key)") or _find_fault(element, (*path, key))
            if fault:
                return fault
        return None
    if isinstance(value, list | tuple):
        for index, element in enumerate(value):
            fault = _find_fault(element, (*path, index))
            if fault:
                return fault
        return None
    return _Fault(path, f"is a {type(value).__name__}, which is not a JSON value")


def _text_fault(text: str, path: tuple[str | int, ...], key: str = "") -> _Fault | None:
    if "\x00" in text:
        return _Fault(path, "holds a NUL character", key)
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return _Fault(path, "holds a lone surrogate", key)
    return None


def _refuse_duplicate_keys(raw: bytes, what: str) -> Any:
    """Return the value as the standard library reads it: every integer exact."""

    def check(pairs: list[tuple[str, object]]) -> dict[str, object]:
        seen = dict(pairs)
        if len(seen) != len(pairs):
            # Counted in one pass: somebody sends 100 000 keys of which the last stands twice.
            count = Counter(key for key, _ in pairs)
            double = next(key for key in count if count[key] > 1)
            message = f"{what} has the key {double!r:.80} twice in one object"
            raise InvalidJson(message, reason="has one key twice in one object")
        return seen

    try:
        return json.loads(raw, object_pairs_hook=check)
    except RecursionError:
        reason = f"is nested deeper than {JSON_DEPTH_MAX} levels"
        raise InvalidJson(f"{what} {reason}", reason=reason) from None
