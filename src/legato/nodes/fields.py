# SPDX-License-Identifier: Apache-2.0
"""What the config and output models of the built-in nodes share.

Rules: ND1, DO17.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from legato.model.document.secrecy import REFERENCE_PATTERN
from legato.model.node_type import LITERAL
from legato.ports.credentials import CredentialType
from legato.ports.node import NodeFailure


class Config(BaseModel):
    """A `with` block: unknown keys are refused and texts are not taken for numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Output(BaseModel):
    """What a node returns."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)


def written_here(*, max_length: int, description: str) -> Any:
    """Make a text field that stands in the document as it is: an expression in it is refused."""
    return Field(
        min_length=1,
        max_length=max_length,
        description=description,
        json_schema_extra={LITERAL: True},
    )


def credential_field(*types: CredentialType) -> Any:
    """Make a field that names a credential of one of these types; an expression is refused."""
    return Field(
        default=None,
        pattern=REFERENCE_PATTERN,
        description=f"The name of a credential: {', '.join(types)}.",
        json_schema_extra={LITERAL: True, "x-legato-credential": list(types)},
    )


def without_nul(text: str) -> str:
    """Replace NUL, which no JSON text of Legato may hold, as invalid UTF-8 is replaced."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def refused(kind: str, message: str) -> NodeFailure:
    """Make the failure of a node that has done nothing, and would fail the same way again."""
    return NodeFailure(kind, message, may_have_happened=False, retryable=False)


def not_granted(what: str, line: str) -> NodeFailure:
    """Make the failure of a node that the operator has not allowed; it names the line to add."""
    return refused("not_granted", f"{what}; the operator can add to legato.toml: {line}")
