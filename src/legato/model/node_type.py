# SPDX-License-Identifier: Apache-2.0
"""What validation and catalogues know of a node type, without its code.

`legato.ports.node` holds the contract for running one; this is its description as plain values.

Rules: ND, DO.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from legato.model.policy import EffectClass, RetryPolicy
from legato.model.workflow import NodeKind

LITERAL: Final = "x-legato-literal"
"""Keyword of a config schema: the text is code, and an expression in it is refused."""


class NodeTypeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Description of one node type.

    `config_schema` and `output_schema` are JSON Schema (2020-12) as made by pydantic.
    `secret_fields` are the JSON paths (`headers.*`, `password`) where `{secret: name}` and
    `credential: name` are allowed. `effect_of` maps the raw `with` block (templates unevaluated)
    to the effect class that applies unless the file names one.
    """

    uses: str
    title: str
    kind: NodeKind = "task"
    group: str = "other"
    icon: str = "box"
    docs: str = ""
    example: str = ""
    config_schema: dict[str, Any]
    output_schema: dict[str, Any]
    effect_of: Callable[[Mapping[str, Any]], EffectClass]
    timeout_ms: int | None = None
    retry: RetryPolicy = RetryPolicy()
    secret_fields: tuple[str, ...] = ()
