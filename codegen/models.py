# SPDX-License-Identifier: Apache-2.0
"""The module of models: a struct for each object of the API.

A field that may be absent is UNSET, which is not the same as null. Fields that this client does not
know are passed over.
"""

from codegen.names import docstring, model, variable
from codegen.types import Types

HEAD = """# SPDX-License-Identifier: Apache-2.0
\"\"\"Values of the API. Made from docs/openapi.json by script/openapi; never edited.\"\"\"

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

"""


def models_text(types: Types, names: set[str]) -> str:
    """Return the module."""
    wanted = sorted(name for name in names if types.is_model(name))
    parts = [_struct(name, types) for name in wanted]
    return HEAD + "\n" + "\n\n".join(parts)


def _struct(name: str, types: Types) -> str:
    schema = types.schemas[name]
    fields = schema["properties"]
    options = ["kw_only=True", "frozen=True"]
    renamed = {variable(each): each for each in fields if variable(each) != each}
    if renamed:
        options.append(f"rename={renamed!r}")
    lines = [f"class {model(name)}(msgspec.Struct, {', '.join(options)}):"]
    lines += docstring(schema.get("description") or f"{name}.", 4)
    required = schema.get("required", ())
    for each, value in fields.items():
        kind = types.of(value, is_sent=name in types.sent, prefix="")
        lines.append(f"    {variable(each)}: {kind if each in required else _maybe(kind)}")
    return "\n".join([*lines, ""])


def _maybe(kind: str) -> str:
    """Return the type of a field that may be absent, with its default."""
    if kind == "Any":
        return "Any = UNSET"
    bare = kind.removesuffix(" | None")
    return f"{bare} | UnsetType{'' if bare == kind else ' | None'} = UNSET"
