# SPDX-License-Identifier: Apache-2.0
"""Inputs from the command line: `--input name=value` and a JSON file, checked by the schema.

Rules: CL14, DO18.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from legato.errors import InvalidDocument, InvalidInput
from legato.model.document.inputs import check_inputs, parse_cli_value, path_inputs
from legato.model.values import decode

FILE_BYTES_MAX: Final = 16 * 1024 * 1024


def read_inputs(
    schema: bytes, given: Sequence[str], file: Path | None, *, takes_paths: bool = True
) -> dict[str, Any]:
    """Return the inputs with defaults filled in; `--input` wins over the file.

    An input of `format: path` is taken from where the person stands.

    Args:
        schema: JSON Schema of the inputs.
        given: `NAME=VALUE` each.
        file: A JSON object of inputs.
        takes_paths: Make paths absolute; not where another computer reads them.

    Raises:
        InvalidInput: Not `name=value`, given twice, or not what the schema says; one line each.
    """
    values = {} if file is None else _read_file(file)
    return change_inputs(schema, values, given, takes_paths=takes_paths)


def change_inputs(
    schema: bytes, values: Mapping[str, Any], given: Sequence[str], *, takes_paths: bool = True
) -> dict[str, Any]:
    """Return inputs with what `--input` gives in place of some, checked, and with defaults.

    Raises:
        InvalidInput: Not `name=value`, given twice, or not what the schema says.
    """
    values = dict(values)
    faults: list[str] = []
    unread: set[str] = set()
    for name, value in _pairs(given, faults):
        try:
            values[name] = parse_cli_value(schema, name, value)
        except InvalidInput as error:
            faults.append(str(error))
            unread.add(name)
    checked: dict[str, Any] = {}
    try:
        checked = check_inputs(schema, values)
        if takes_paths:
            checked = _with_absolute_paths(schema, checked)
    except InvalidDocument as error:
        # Inputs have no line: what stands before the path of a problem says nothing here.
        problems = [problem for problem in error.problems if _name_of(problem) not in unread]
        faults += [_line(problem) for problem in problems]
    if faults:
        raise InvalidInput("\n".join(faults))
    return checked


def _pairs(given: Sequence[str], faults: list[str]) -> Iterator[tuple[str, str]]:
    """Yield name and text of each `--input`; what is none goes to the faults."""
    seen: set[str] = set()
    for text in given:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not name:
            faults.append(f"--input {text}: expected NAME=VALUE")
        elif name in seen:
            faults.append(f"--input {name}: given twice")
        else:
            seen.add(name)
            yield name, value


def _name_of(problem: object) -> str:
    """Return the input that a problem is about."""
    return str(getattr(problem, "path", "")).partition(".")[0].partition("[")[0]


def _with_absolute_paths(schema: bytes, values: dict[str, Any]) -> dict[str, Any]:
    """Make each input of `format: path` absolute: a node runs in a folder of its own."""
    for name in path_inputs(schema):
        value = values.get(name)
        if isinstance(value, str) and value:
            values[name] = str(Path(value).expanduser().absolute())
    return values


def _line(problem: object) -> str:
    text = str(problem)
    return text.replace("inputs:1:1:", "input", 1) if text.startswith("inputs:1:1:") else text


def _read_file(file: Path) -> dict[str, Any]:
    data = read_bytes(file, FILE_BYTES_MAX)
    values = decode(data, what=str(file))
    if not isinstance(values, dict):
        raise InvalidInput(f"{file}: expected a JSON object of inputs by name")
    return values


def read_bytes(file: Path, bytes_max: int) -> bytes:
    """Read a file that a person named.

    Args:
        file: The file.
        bytes_max: One byte more is read at most, so that a limit can be seen to be exceeded.

    Raises:
        InvalidInput: It is not there or cannot be read.
    """
    try:
        with open(file, "rb") as stream:
            return stream.read(bytes_max + 1)
    except FileNotFoundError:
        raise InvalidInput(f"there is no file {file}") from None
    except OSError as error:
        raise InvalidInput(f"{file}: cannot be read: {error.strerror}") from None
