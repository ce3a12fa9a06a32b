# SPDX-License-Identifier: Apache-2.0
"""Uploaded files in inputs: `{"$file": id}` becomes a payload that nodes can take.

What stands in the inputs of an execution is then `{"$file": id, hash, size, type, name}`, which a
config field for a blob takes as it is. All but the id is what the server knows of the file,
whatever was sent beside it. The id is looked up in the workspace of the execution only.

Rules: FI40-FI44.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from legato.errors import InvalidDocument, LimitExceeded
from legato.model.document.problems import Path, Problem, path_text
from legato.model.ids import WorkspaceId
from legato.model.values import BlobRef
from legato.ports.files import Files, StoredFile

FILE: Final = "$file"
FILE_MARK: Final = b'"$file":'
"""Stands in the JSON text of whatever names a file: most inputs do not, and are not walked."""
FILES_MAX: Final = 1_000
"""Files in the inputs of one execution."""
_KNOWN: Final = frozenset({FILE, "hash", "size", "type", "name"})
_EXPECTED: Final = '{"$file": id} with the id of a file of this workspace'
_ID_MAX: Final = 64

Found = list[tuple[Path, dict[str, Any]]]


def without_payloads(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs of an earlier execution as they were sent: each file by its id alone."""
    bare: dict[str, Any] = _replaced(inputs, lambda value: {FILE: value[FILE]})
    return bare


async def with_files(
    files: Files,
    workspace: WorkspaceId,
    inputs: dict[str, Any],
    inherited: Mapping[str, dict[str, Any]] | None = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the inputs with what is known of each file, and the ids of files to keep.

    Args:
        files: Where they are looked up.
        workspace: Of the execution.
        inputs: Inputs that were checked; not changed.
        inherited: What its source held of its files, by id, of payloads that it keeps anyway: such
            a file may be deleted since.

    Raises:
        InvalidDocument: Every place with something that is no file of the workspace.
        LimitExceeded: There are too many.
    """
    found: Found = []
    for place in _references(inputs):
        if len(found) == FILES_MAX:
            raise LimitExceeded(f"the inputs name more than {FILES_MAX} files")
        found.append(place)
    if not found:
        return inputs, ()
    ids = {value[FILE] for _, value in found if _is_reference(value)}
    known = await files.named(workspace, sorted(ids))
    values = dict(inherited or {})
    values.update({name: _blob(file) for name, file in known.items()})
    problems = [
        Problem(
            file="inputs", line=1, column=1, path=path_text(path),
            message="there is no such file", expected=_EXPECTED,
        )
        for path, value in found
        if not _is_reference(value) or value[FILE] not in values
    ]  # fmt: skip
    if problems:
        raise InvalidDocument(tuple(problems))
    filled: dict[str, Any] = _replaced(inputs, lambda value: values[value[FILE]])
    return filled, tuple(sorted(known))


def inherited_files(
    inputs: Mapping[str, Any], kept: Collection[BlobRef]
) -> dict[str, dict[str, Any]]:
    """Return what inputs of an earlier execution hold of files whose payloads are kept, by id."""
    found: dict[str, dict[str, Any]] = {}
    for _, value in _references(inputs):
        content, size = value.get("hash"), value.get("size")
        is_blob = isinstance(content, str) and isinstance(size, int) and _is_reference(value)
        if is_blob and BlobRef(str(content), int(size or 0)) in kept:
            found[value[FILE]] = value
    return found


def _references(value: object, path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every map that names a file; depth is bounded by what JSON may have."""
    if isinstance(value, Mapping):
        if FILE in value:
            yield path, dict(value)
            return
        for key, inner in value.items():
            yield from _references(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _references(inner, (*path, index))


def _is_reference(value: Mapping[str, Any]) -> bool:
    named = value[FILE]
    return isinstance(named, str) and 0 < len(named) <= _ID_MAX and _KNOWN.issuperset(value)


def _replaced(value: Any, replace: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
    if isinstance(value, Mapping):
        if FILE in value:
            return replace(value)
        return {key: _replaced(inner, replace) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, replace) for inner in value]
    return value


def _blob(file: StoredFile) -> dict[str, Any]:
    return {
        FILE: file.id,
        "hash": file.hash,
        "size": file.size,
        "type": file.content_type,
        "name": file.name,
    }
