# SPDX-License-Identifier: Apache-2.0
"""Secrets are references, in the fields that take them; a document never holds one.

No problem repeats the text it is about.

Rules: EX14, DO19.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from legato.model.document.problems import Path
from legato.model.document.scope import Scope
from legato.model.expressions.template import has_hole

REFERENCE_PATTERN: Final = r"^[A-Za-z][A-Za-z0-9_.-]{0,62}$"
"""What the name of a secret looks like."""
_SECRET_NAME: Final = re.compile(REFERENCE_PATTERN[:-1] + r"\Z")
_REFERENCE: Final = "{secret: name}"
_SECRET_KEYS: Final = frozenset({
    "password", "passwd", "passphrase", "secret", "client_secret", "secret_key", "token",
    "access_token", "refresh_token", "auth_token", "bearer", "bearer_token", "id_token", "api_key",
    "apikey", "x_api_key", "access_key", "secret_access_key", "private_key", "authorization",
    "proxy_authorization",
})  # fmt: skip
_SECRET_TEXT: Final = re.compile(
    r"""
      AKIA[0-9A-Z]{16}
    | \bsk-[A-Za-z0-9_-]{20,}
    | \b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36}
    | \bgithub_pat_[A-Za-z0-9_]{22,}
    | \bglpat-[A-Za-z0-9_-]{20,}
    | \bxox[abprs]-[A-Za-z0-9-]{10,}
    | \bAIza[0-9A-Za-z_-]{35}
    | \b[sr]k_live_[0-9A-Za-z]{20,}
    | \bnpm_[A-Za-z0-9]{36}
    | -----BEGIN[ ](?:[A-Z]+[ ])*PRIVATE[ ]KEY-----
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}
    """,
    re.VERBOSE,
)


def is_reference(value: object) -> bool:
    """Tell whether a value is `{secret: name}`."""
    return isinstance(value, dict) and value.keys() == {"secret"}


def matches_field(path: Path, fields: Iterable[str]) -> bool:
    """Tell whether a path inside `with` is one of the fields (`headers.*`, `password`)."""
    for pattern in fields:
        steps = pattern.split(".")
        if len(steps) == len(path) and all(
            want in ("*", str(step)) for want, step in zip(steps, path, strict=True)
        ):
            return True
    return False


def places_of(value: Any, pattern: Sequence[str], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield what stands at every place that a field covers, with its path.

    Args:
        value: A `with` block.
        pattern: The steps of the field; `*` is each of a map or list.
        path: Where the value is.
    """
    if not pattern:
        yield path, value
        return
    steps: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        steps = [(key, value[key]) for key in value if pattern[0] in {"*", key}]
    elif isinstance(value, list) and pattern[0] == "*":
        steps = list(enumerate(value))
    for step, element in steps:
        yield from places_of(element, pattern[1:], (*path, step))


def is_credential(field: str) -> bool:
    """Tell whether a field of a node type takes the name of a credential."""
    return field.rpartition(".")[2] == "credential"


def check_secrets(
    scope: Scope, config: dict[str, object], path: Path, fields: tuple[str, ...]
) -> None:
    """Report literal secrets and references in fields that do not take them.

    Args:
        scope: Where problems go.
        config: A `with` block.
        path: Its place.
        fields: The fields of the node type that take a secret.
    """
    named = tuple(field for field in fields if is_credential(field))
    for below, value in _values(config, ()):
        whole = (*path, *below)
        is_name = matches_field(below, named)
        if is_reference(value):
            _check_reference(scope, value, whole, is_allowed=matches_field(below, fields))
        elif is_name:
            _check_name(scope, value, whole)
        elif isinstance(value, str):
            _check_literal(scope, value, whole)


def check_texts(scope: Scope, value: object, path: Path) -> None:
    """Report texts that look like a secret, whatever they stand in."""
    for below, element in _values(value, ()):
        if isinstance(element, str) and _SECRET_TEXT.search(element):
            _refuse(scope, (*path, *below))


def _values(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Yield texts and references with their paths; the depth is bounded by the reader."""
    if isinstance(value, str) or (path and path[-1] == "credential") or is_reference(value):
        yield path, value
    elif isinstance(value, dict):
        for key, element in value.items():
            yield from _values(element, (*path, key))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _values(element, (*path, index))


def _check_reference(scope: Scope, value: object, path: Path, *, is_allowed: bool) -> None:
    assert isinstance(value, dict), "a reference is a map"
    if not is_allowed:
        scope.report.add(
            path, "this field takes no secret", expected="a value, or a field that takes a secret",
            got=_REFERENCE,
        )  # fmt: skip
        return
    _check_name(scope, value["secret"], (*path, "secret"))


def _check_name(scope: Scope, name: object, path: Path) -> None:
    # An expression would let data choose which secret is sent out.
    if not isinstance(name, str) or not _SECRET_NAME.match(name):
        scope.report.add(
            path, "this is no name of a secret", expected="a written name such as github_token"
        )


def _check_literal(scope: Scope, text: str, path: Path) -> None:
    key = path[-1] if path else ""
    is_named = isinstance(key, str) and key.lower().replace("-", "_") in _SECRET_KEYS
    if (is_named and text.strip() and not has_hole(text)) or _SECRET_TEXT.search(text):
        _refuse(scope, path)


def _refuse(scope: Scope, path: Path) -> None:
    scope.report.add(
        path, "a secret must not stand in a document", expected=_REFERENCE, got="its text"
    )
