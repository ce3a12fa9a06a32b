# SPDX-License-Identifier: Apache-2.0
"""data.validate: a value against a JSON Schema.

Also run as a module, for a schema that could take for ever: see `legato.nodes.apart`.

Rules: ND63.
"""

import asyncio
from typing import Any, Final, Literal

from pydantic import Field

from legato.model.values import encode
from legato.nodes import apart
from legato.nodes.fields import Config, Output, refused
from legato.ports.node import NodeContext, node

ERRORS_MAX: Final = 100
_MODULE: Final = "legato.nodes.data_validate"
_SHOWN_MAX: Final = 120
_PATTERN_BYTES_MAX: Final = 1024 * 1024
"""Of one compiled pattern; `(a{1000}){1000}` would have gigabytes."""
_SCHEMA_BYTES_NEAR: Final = 64 * 1024
_PATTERNS_NEAR: Final = 20
_WORK_NEAR: Final = 10_000_000
"""Bytes of schema times bytes of value that are checked in the engine's process: at most some
tenths of a second. A schema with references can double its work at each of them."""


class ValidateConfig(Config):
    """`with` of data.validate."""

    value: Any = Field(description="What is checked.")
    schema_: dict[str, Any] | bool = Field(
        alias="schema", description="JSON Schema (2020-12); it cannot refer to other documents."
    )
    on_invalid: Literal["fail", "report"] = Field(
        default="fail",
        description="fail: the node fails with `invalid_data`; report: the output tells.",
    )


class Invalid(Output):
    """One place where a value does not fit."""

    path: str = Field(description="Where in the value: $.orders[2].price.")
    message: str = Field(description="What is wrong.")
    expected: str = Field(description="The rule of the schema that it breaks.")
    got: str = Field(description="What stands there, shortened.")


class ValidateOutput(Output):
    """Output of data.validate."""

    valid: bool = Field(description="Whether the value fits.")
    errors: list[Invalid] = Field(description="The first 100 places where it does not.")


@node(
    "data.validate",
    title="Check data",
    group="data",
    icon="check",
    effect="pure",
    timeout_ms=60_000,
    example="""\
uses: data.validate
with:
  value: {orders: [{id: 1, price: 9.5}]}
  schema:
    type: object
    required: [orders]
    properties:
      orders: {type: array, items: {type: object, required: [id, price]}}
""",
)
async def validate(ctx: NodeContext, config: ValidateConfig) -> ValidateOutput:
    """Check a value against a JSON Schema (2020-12).

    A value that fits is passed. One that does not fails the node with kind `invalid_data`, which
    names the first places; with `on_invalid: report` the node completes and its output lists up
    to 100.

    A schema may refer to its own parts (`#/$defs/order`), never to files or addresses. Patterns
    are matched in linear time, so they have no look-ahead and no back references. A schema that
    could take long is worked on in a process of its own, which ends with the node's time-out.

    Fails with `invalid_data`, or `invalid_schema` if the schema is none.
    """
    near = await asyncio.to_thread(_is_quick, config.schema_, config.value)
    asked = {"schema": config.schema_, "value": config.value}
    if near:
        found = await asyncio.to_thread(check, asked)
    else:
        found = await apart.run(ctx, _MODULE, asked)
    if found and config.on_invalid == "fail":
        first = "; ".join(f"{each['path']}: {each['message']}" for each in found[:5])
        rest = f"; and {len(found) - 5} more" if len(found) > 5 else ""
        raise refused("invalid_data", f"the value does not fit: {first}{rest}")
    return ValidateOutput(valid=not found, errors=[Invalid(**each) for each in found])


def check(asked: dict[str, Any]) -> list[dict[str, str]]:
    """Return what in `value` does not fit `schema`.

    Raises:
        NodeFailure: `invalid_schema`.
    """
    import jsonschema_rs  # noqa: PLC0415 - 5 MB of shared library

    schema = asked["schema"]
    options = jsonschema_rs.RegexOptions(
        size_limit=_PATTERN_BYTES_MAX, dfa_size_limit=_PATTERN_BYTES_MAX
    )
    try:
        # Offline: a reference to a file or an address is an error and is not followed.
        validator = jsonschema_rs.Draft202012Validator(
            schema, offline=True, validate_formats=True, pattern_options=options
        )
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        message = getattr(error, "message", None) or str(error)
        place = _path_of(getattr(error, "instance_path", ()))
        raise refused("invalid_schema", f"schema, {place}: {message[:300]}") from None
    errors = zip(range(ERRORS_MAX), validator.iter_errors(asked["value"]), strict=False)
    return [
        {
            "path": _path_of(error.instance_path),
            "message": _short(error.message, 2 * _SHOWN_MAX),
            "expected": _rule_of(schema, error.schema_path),
            "got": _shown(error.instance),
        }
        for _, error in errors
    ]


def _is_quick(schema: object, value: object) -> bool:
    text = encode(schema)
    if b'"$ref"' in text or b'"$dynamicRef"' in text or len(text) > _SCHEMA_BYTES_NEAR:
        return False
    if text.count(b'"pattern') > _PATTERNS_NEAR:
        return False
    return len(text) * len(encode(value)) <= _WORK_NEAR


def _path_of(steps: Any) -> str:
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps]
    return _short("$" + "".join(parts), 2 * _SHOWN_MAX)


def _rule_of(schema: Any, path: list[str | int]) -> str:
    """Return the broken keyword with its value, as it stands in the schema."""
    for step in path:
        try:
            schema = schema[step]
        except (KeyError, IndexError, TypeError):
            return _short(str(path[-1]), _SHOWN_MAX)
    return f"{path[-1]}: {_shown(schema)}" if path else _shown(schema)


def _shown(value: object) -> str:
    return _short(encode(value).decode(), _SHOWN_MAX)


def _short(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else text[: length_max - 1] + "…"


if __name__ == "__main__":
    apart.serve(check)
