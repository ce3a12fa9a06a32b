# SPDX-License-Identifier: Apache-2.0
"""Checks what a node returned and writes it as strict JSON, without secrets and within limits.

Rules: ND7, ND8, ND10.
"""

from collections.abc import Callable
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from legato.errors import InvalidInput, LimitExceeded
from legato.model.events import NodeError
from legato.model.values import encode, load
from legato.ports.node import NodeType
from legato.runtime.attempt.failures import Redact, shown
from legato.runtime.attempt.redaction import SecretRedactor

PROBLEMS_MAX: Final = 3

ToPlain = Callable[[Any], Any]


class InvalidOutput(Exception):
    """What a node returned cannot be its output."""

    def __init__(self, kind: str, message: str) -> None:
        """Args: kind is `invalid_output` or `output_too_large`."""
        super().__init__(message)
        self.kind = kind

    def to_error(self, redact: Redact) -> NodeError:
        """Describe it: the node has run, so its effect has happened, and would again."""
        return NodeError(self.kind, shown(str(self), redact), retryable=False)


class OutputWriter:
    """Writes outputs of one node type."""

    __slots__ = ("_limit", "_to_plain")

    def __init__(self, node_type: NodeType, size_bytes_max: int) -> None:
        """Args: size_bytes_max bounds the JSON text."""
        self._limit = size_bytes_max
        self._to_plain = _converter(node_type)

    def write(self, value: Any, redactor: SecretRedactor | None = None) -> bytes:
        """Return the output as JSON text.

        Raises:
            InvalidOutput: It does not fit its type, is no strict JSON, or is too large.
        """
        try:
            if self._to_plain is not None:
                value = self._to_plain(value)
            data = encode(value, what="output", size_bytes_max=self._limit)
        except LimitExceeded as error:
            raise InvalidOutput("output_too_large", str(error)) from None
        except (InvalidInput, PydanticSerializationError) as error:
            raise InvalidOutput("invalid_output", str(error)) from None
        except ValidationError as error:
            raise InvalidOutput("invalid_output", _problems(error)) from None
        except Exception as error:  # noqa: BLE001 - a returned object's own code may do anything
            name = type(error).__name__
            raise InvalidOutput("invalid_output", f"output: {name} while it was read") from None
        if redactor is None or not redactor.may_be_in(data):
            return data
        return encode(redactor.clean(load(data)), what="output")


def _converter(node_type: NodeType) -> ToPlain | None:
    """Return how an output becomes plain values; None if it is taken as it is.

    Serialising to Python and then with the strict encoder, not straight to JSON: pydantic writes
    NaN as null without a word.
    """
    adapter = node_type.output_adapter
    shape = adapter.core_schema
    if shape["type"] == "any":
        return None
    if shape["type"] == "dict" and _is_any(shape, "values_schema") and _is_key(shape):
        return _only(dict, "an object")
    if shape["type"] == "list" and _is_any(shape, "items_schema"):
        return _only(list, "a list")
    validate = adapter.validator.validate_python
    serialize = adapter.serializer.to_python

    def convert(value: Any) -> Any:
        return serialize(validate(value), mode="json", by_alias=True, warnings="error")

    return convert


def _only(expected: type, word: str) -> ToPlain:
    """Check the outside only: the strict encoder walks the inside anyway."""

    def check(value: Any) -> Any:
        if not isinstance(value, expected):
            raise InvalidInput(f"output: expected {word}, got a {type(value).__name__}")
        return value

    return check


def _is_any(shape: Any, part: str) -> bool:
    return str(shape.get(part, {"type": "any"})["type"]) == "any"


def _is_key(shape: Any) -> bool:
    return shape.get("keys_schema", {"type": "any"}) in ({"type": "any"}, {"type": "str"})


def _problems(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(['output', *(str(part) for part in each['loc'])])}: {each['msg']}"
        for each in error.errors(include_url=False, include_input=False)[:PROBLEMS_MAX]
    ]
    return "; ".join(problems)
