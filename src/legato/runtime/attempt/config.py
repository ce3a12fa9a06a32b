# SPDX-License-Identifier: Apache-2.0
"""Reads the evaluated `with` block into the node's config model, secrets resolved.

A secret is resolved only where the document itself holds `{secret: name}`, in a field that the
node type marks. Data that an expression brought in is never taken for a reference: otherwise
whoever may start a run could name any secret of the workspace.

Rules: EX14, DO17, ND1.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson
from pydantic import BaseModel, ValidationError

from legato.model.document.secrecy import is_reference, places_of
from legato.model.events import NodeError
from legato.ports.node import NodeType
from legato.runtime.attempt.failures import Redact, refused, shown

PROBLEMS_MAX: Final = 5
_GOT_LENGTH_MAX: Final = 60
_JSON_WORDS: Final[Mapping[type, str]] = {
    str: "text", int: "a number", float: "a number", bool: "a boolean", dict: "an object",
    list: "a list", tuple: "a list", type(None): "null",
}  # fmt: skip

Reference = tuple[tuple[str | int, ...], str]
"""The path of a secret in the `with` block, and its name."""


class ConfigReader:
    """Validates configs of one node type. Cheap enough (0.5 µs) that nothing is cached."""

    __slots__ = ("_extra", "_patterns", "_validator")

    def __init__(self, node_type: NodeType) -> None:
        """Args: node_type says which model, and where secrets may stand."""
        model: type[BaseModel] = node_type.config_model
        self._validator = model.__pydantic_validator__
        # An unknown key is a typing error of the author, unless the model says it takes any.
        self._extra: Any = None if model.model_config.get("extra") == "allow" else "forbid"
        self._patterns = tuple(tuple(path.split(".")) for path in node_type.secret_fields)

    def read(self, data: bytes) -> BaseModel:
        """Return the config.

        Raises:
            ValidationError: It does not fit the model.
        """
        config: BaseModel = self._validator.validate_json(data, extra=self._extra)
        return config

    def references(self, written: bytes) -> list[Reference]:
        """Return the secrets that the document names in marked fields.

        Args:
            written: The `with` block as it stands in the document, templates unevaluated.
        """
        if not self._patterns or b'"secret"' not in written:
            return []
        block = orjson.loads(written)
        places = (place for pattern in self._patterns for place in places_of(block, pattern))
        named = ((path, _named(value)) for path, value in places)
        return [(path, name) for path, name in named if name is not None]


def with_secrets(data: bytes, values: Mapping[Reference, str]) -> bytes:
    """Return the config with each reference replaced by its value."""
    block = orjson.loads(data)
    for (path, name), value in values.items():
        holder = block
        for step in path[:-1]:
            holder = holder[step]
        if holder[path[-1]] == {"secret": name}:
            holder[path[-1]] = value
    return orjson.dumps(block)


def invalid_config(error: ValidationError, redact: Redact) -> NodeError:
    """Say which fields are wrong, what was expected and what was got."""
    problems = [_problem(dict(each)) for each in error.errors(include_url=False)[:PROBLEMS_MAX]]
    rest = error.error_count() - len(problems)
    text = "; ".join(problems) + (f"; and {rest} more" if rest > 0 else "")
    return refused("invalid_config", shown(text, redact))


def _problem(error: dict[str, Any]) -> str:
    path = ".".join(["with", *(str(part) for part in error["loc"])])
    if error["type"] == "missing":
        return f"{path} is missing"
    if error["type"] == "extra_forbidden":
        return f"{path} is not a field of this node"
    got = error["input"]
    word = _JSON_WORDS.get(type(got), type(got).__name__)
    sample = "" if got is None else f" {_sample(got)}"
    expected = str(error["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{path}: expected {expected}, got {word}{sample}"


def _sample(got: object) -> str:
    try:
        text = msgspec.json.encode(got).decode()
    except (TypeError, ValueError, RecursionError):
        return ""
    return text if len(text) <= _GOT_LENGTH_MAX else text[:_GOT_LENGTH_MAX] + "…"


def _named(value: Any) -> str | None:
    """Return the name in `{secret: name}`; what an expression brings in is none."""
    name = value["secret"] if is_reference(value) else None
    return name if isinstance(name, str) and "${{" not in name else None
