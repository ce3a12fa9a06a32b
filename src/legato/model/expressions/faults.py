# SPDX-License-Identifier: Apache-2.0
"""What the CEL runtime says, in words that tell a person what to change.

Rules: EX10, EX17, DO3.
"""

import re
from collections.abc import Mapping
from typing import Final

from legato.errors import ExpressionError
from legato.model.expressions.environment import ROOTS
from legato.model.expressions.functions.catalogue import catalogue
from legato.model.expressions.lexer import line_and_column, names, offset_of
from legato.model.expressions.nearest import nearest_name
from legato.model.expressions.plain import kind_name

_COMPILE: Final = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_STATUS: Final = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD: Final = re.compile(r"found no matching overload for '([^']*)' applied to '(.*)'")
_NO_OVERLOAD: Final = re.compile(r"No matching overloads found : (\S+?)(?:\((.*)\))?$")
_KEY: Final = re.compile(r"Key not found in map : (.*)$", re.DOTALL)
_INDEX: Final = re.compile(r"Index error: index=(-?\d+) size=(\d+)")
_MISMATCH: Final = re.compile(r"(?:mismatched|extraneous) input (.*?) expecting (.*)", re.DOTALL)
_KEYS_SHOWN: Final = 8
_SOURCE_SHOWN: Final = 120

# Functions of the standard extensions, for the nearest name only.
_STANDARD: Final = (
    "size", "matches", "contains", "startsWith", "endsWith", "map", "filter", "all", "exists",
    "exists_one", "has", "string", "int", "double", "bool", "bytes", "uint", "type", "dyn",
    "timestamp", "duration", "charAt", "indexOf", "lastIndexOf", "lowerAscii", "upperAscii",
    "replace", "split", "join", "substring", "trim", "format", "orValue", "optMap", "optFlatMap",
    "hasValue", "value", "getFullYear", "getMonth", "getDate", "getDayOfWeek", "getHours",
    "getMinutes", "getSeconds", "getMilliseconds", "getDayOfYear", "getDayOfMonth",
)  # fmt: skip
_TYPE_WORDS: Final = {
    "int64": "int", "uint64": "uint", "null_type": "null", "string": "text", "dyn": "any",
    "timestamp": "a timestamp", "duration": "a duration",
}  # fmt: skip
_OPERATORS: Final = {
    "@in": "in",
    "_[_]": "[ ]",
    "_?_:_": "? :",
    "-_": "-",
    "!_": "!",
    "_[?_]": "[? ]",
}


def compile_fault(source: str, text: str, roots: tuple[str, ...] = ROOTS) -> ExpressionError:
    """Return the error for what the compiler said: its first message, at its place.

    Args:
        source: The expression.
        text: What the compiler said.
        roots: The variables that the expression may read.
    """
    found = [
        (int(match[1]), int(match[2]), match[3].removesuffix(" [INVALID_ARGUMENT]"))
        for match in _COMPILE.finditer(text)
    ]
    if not found:
        first = _STATUS.sub("", text.split("\n", maxsplit=1)[0])
        return ExpressionError(_plain_message(first), place=(1, 1))
    placed = [item for item in found if item[0] > 0]
    line, column, message = (placed or found)[0]
    place = (max(line, 1), max(column, 1))
    if "max recursion depth" in message:
        return ExpressionError(_plain_message(message), place=place)
    undeclared = _UNDECLARED.search(message)
    if undeclared is not None:
        return _undeclared(source, undeclared[1], place, roots)
    overload = _OVERLOAD.search(message)
    if overload is not None:
        return _no_overload(overload[1], overload[2], place)
    return _syntax(source, message, place)


def _plain_message(message: str) -> str:
    if "recursion" in message:
        return "the expression has more than 32 levels of operators and brackets; split it up"
    if "node count exceeded" in message or "bad_alloc" in message:
        return "the expression is too complex; split it over several nodes"
    return message


def _undeclared(
    source: str, name: str, place: tuple[int, int], roots: tuple[str, ...]
) -> ExpressionError:
    ours = catalogue().get(name)
    place = _start_of(source, name.split(".", maxsplit=1)[0], place)
    if ours is not None:
        return ExpressionError(
            f"{name} does not take these arguments", expected=ours.signature, place=place
        )
    head = name.split(".", maxsplit=1)[0]
    known = (*roots, *catalogue(), *_STANDARD)
    if head == "secrets":
        return ExpressionError(
            "an expression cannot read secrets.",
            hint="Write {secret: name} in a field that takes one.",
            place=place,
        )
    return ExpressionError(
        f"there is no variable or function {head!r}",
        expected=f"one of {', '.join(roots)} or a function",
        nearest=nearest_name(head, known),
        place=place,
        hint=(
            "A dash is a subtraction; names of nodes have underscores."
            if re.search(r"nodes\.\w+-", source)
            else None
        ),
    )


def _start_of(source: str, name: str, place: tuple[int, int]) -> tuple[int, int]:
    """Return where a name begins; the compiler names the bracket or dot behind it."""
    offset = offset_of(source, *place)
    starts = [token.offset for token in names(source) if token.text == name]
    return line_and_column(source, max((at for at in starts if at <= offset), default=offset))


def _no_overload(name: str, types: str, place: tuple[int, int]) -> ExpressionError:
    given = _type_words(types)
    ours = catalogue().get(name)
    if ours is not None:
        return ExpressionError(
            f"{name} does not take {given}", expected=ours.signature, place=place
        )
    return ExpressionError(f"{_operator(name)!r} cannot be used with {given}", place=place)


def _syntax(source: str, message: str, place: tuple[int, int]) -> ExpressionError:
    hint = None
    if re.search(r"\w\?\.\w", source):
        hint = "Optional reading is written .? (a.?b), not ?. as elsewhere."
    elif re.search(r"\$\{\{", source):
        hint = "Do not write ${{ inside ${{ }}."
    if "invalid int literal" in message or "invalid uint literal" in message:
        return ExpressionError("an integer beyond 64 bits.", hint="Write it as text.", place=place)
    reserved = re.search(r"reserved identifier: (\w+)", message)
    if reserved is not None:
        return ExpressionError(f"{reserved[1]!r} is a reserved word", place=place)
    if "token recognition error" in message:
        bad = message.split("at: ", 1)[-1][1:-1][:20]
        what = "a text that is not closed" if bad[:1] in {"'", '"'} else f"unexpected {bad!r}"
        return ExpressionError(what, place=place, hint=hint)
    viable = re.search(r"no viable alternative at input '(.*)'", message)
    if viable is not None:
        return ExpressionError(
            f"unexpected {viable[1][:20]!r}", expected="a value", place=place, hint=hint
        )
    mismatch = _MISMATCH.search(message)
    if mismatch is None:
        return ExpressionError(message.removeprefix("Syntax error: "), place=place, hint=hint)
    got, wanted = mismatch[1].strip("'"), mismatch[2]
    expected = "a value" if "IDENTIFIER" in wanted else wanted.strip("{}")
    if wanted == "<EOF>":
        expected = "an operator or the end of the expression"
    what = "the expression ends too early" if got == "<EOF>" else f"unexpected {got!r}"
    return ExpressionError(what, expected=expected, place=place, hint=hint)


def _operator(name: str) -> str:
    return _OPERATORS.get(name, name.strip("_"))


def _type_words(types: str) -> str:
    """Return `(int64, null_type)` as `int and null`."""
    words = re.sub(r"\b(int64|uint64|null_type|string)\b", lambda m: _TYPE_WORDS[m[1]], types)
    parts = [part.strip() for part in words.strip("()").split(", ") if part.strip()]
    return " and ".join(_TYPE_WORDS.get(part, part) for part in parts) or "no arguments"


def evaluation_fault(
    source: str,
    text: str,
    paths: tuple[tuple[str, ...], ...],
    variables: Mapping[str, object],
) -> ExpressionError:
    """Return the error for an error value: what was read, and what is there instead.

    Args:
        source: The expression.
        text: What the runtime said.
        paths: The constant paths that the expression reads.
        variables: The values it was evaluated with.
    """
    message = _STATUS.sub("", _STATUS.sub("", text.strip()))
    words = _words(message, paths, variables)
    shown = source if len(source) <= _SOURCE_SHOWN else source[: _SOURCE_SHOWN - 1] + "…"
    return ExpressionError(f"{words} (in {shown})")


def _words(
    message: str, paths: tuple[tuple[str, ...], ...], variables: Mapping[str, object]
) -> str:
    key = _KEY.search(message)
    if key is not None or "Applying SELECT" in message:
        broken = [fault for path in paths if (fault := broken_path(path, variables)) is not None]
        if broken:
            return broken[0]
        return f"there is no key {key[1]} here" if key is not None else "only a map has fields"
    index = _INDEX.search(message)
    if index is not None:
        return f"the index {index[1]} is beyond the list, which has {index[2]} elements"
    overload = _NO_OVERLOAD.search(message)
    if overload is not None:
        return _no_overload_words(overload[1], overload[2] or "", paths, variables)
    if "integer overflow" in message or "out of range for" in message:
        return "the result is an integer beyond 64 bits"
    if "teration budget" in message:
        return (
            "more than 10 000 steps of map, filter, all or exists; for long lists use functions "
            "such as pluck, where, count_by and sort_by"
        )
    if "Non-CEL value type" in message:
        return "a list or map given to a function holds a time or bytes; write string(…) around it"
    if "bad_alloc" in message:
        return "the expression needs more memory than it may have"
    return message


def _no_overload_words(
    name: str, types: str, paths: tuple[tuple[str, ...], ...], variables: Mapping[str, object]
) -> str:
    ours = catalogue().get(name)
    if name == "<jump_condition>":
        words = "the condition before ? is not true or false"
    elif name in {"_&&_", "_||_", "!_"}:
        words = f"{_operator(name)!r} needs true or false"
    elif name == "<iter_range>":
        words = "only a list or a map can be gone through"
    elif ours is not None:
        words = f"{name} does not take {_type_words(types)}; it is {ours.signature}"
    else:
        words = f"{_operator(name)!r} cannot be used with {_type_words(types)}"
    nulls = [path for path in paths if _value_at(path, variables) is None]
    if nulls and ("null" in types or not types):
        return f"{words}; {null_reason(nulls[0], variables)}"
    return words


def _value_at(path: tuple[str, ...], variables: Mapping[str, object]) -> object:
    value: object = variables
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return ...
        value = value[step]
    return value


def broken_path(path: tuple[str | int, ...], variables: Mapping[str, object]) -> str | None:
    """Return why a path cannot be followed, or None if it can."""
    value: object = variables
    for at, step in enumerate(path):
        place = path_text(path[:at])
        if isinstance(step, int):
            if not isinstance(value, list):
                return f"{place} is {kind_name(value)}, not a list"
            if not 0 <= step < len(value):
                return f"{place} has {len(value)} elements, so none at index {step}"
            value = value[step]
            continue
        if value is None:
            reason = null_reason(path[:at], variables)
            return f"{reason}, so it has no field {step!r}; {place}.?{step} would read it anyway"
        if not isinstance(value, Mapping):
            return f"{place} is {kind_name(value)}, so it has no field {step!r}"
        if step not in value:
            return _missing_key(place, step, [str(key) for key in value])
        value = value[step]
    return None


def _missing_key(place: str, key: str, known: list[str]) -> str:
    if not place:
        return f"{key} cannot be read here"
    near = nearest_name(key, known)
    if near is not None:
        return f"{place} has no key {key!r}; did you mean {near!r}?"
    shown = ", ".join(sorted(known)[:_KEYS_SHOWN]) or "nothing"
    more = ", …" if len(known) > _KEYS_SHOWN else ""
    return f"{place} has no key {key!r}; it has {shown}{more}"


def null_reason(path: tuple[str | int, ...], variables: Mapping[str, object]) -> str:
    """Say that a path is null, and why if a node did not complete."""
    text = path_text(path)
    if len(path) == 3 and path[0] == "nodes" and path[2] == "output":
        status = _value_at(("nodes", str(path[1]), "status"), variables)
        if isinstance(status, str) and status != "completed":
            return f"{text} is null because {path[1]} did not complete (it is {status})"
    return f"{text} is null"


def path_text(path: tuple[str | int, ...]) -> str:
    """Return a path as an expression writes it."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", step):
            text += f".{step}" if text else step
        else:
            text += f"[{step!r}]"
    return text
