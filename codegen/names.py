# SPDX-License-Identifier: Apache-2.0
"""Names of Python for names of the API."""

import keyword
import re
import textwrap

_BUILTIN = frozenset({"id", "type", "input", "filter", "hash", "format", "range"})


def variable(name: str) -> str:
    """Return a parameter's or field's name; one that Python keeps for itself gets a `_`."""
    found = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    found = re.sub(r"[^a-z0-9_]", "_", found).strip("_") or "value"
    found = f"n{found}" if found[0].isdigit() else found
    return f"{found}_" if keyword.iskeyword(found) else found


def argument(name: str) -> str:
    """Return a parameter's name, which hides no function of Python."""
    found = variable(name)
    return f"{found}_" if found in _BUILTIN else found


def module(tag: str) -> str:
    """Return the module of a tag."""
    return re.sub(r"[^a-z0-9]+", "_", tag.lower()).strip("_")


def class_name(tag: str) -> str:
    """Return the class of a tag."""
    return "".join(part.capitalize() for part in module(tag).split("_")) + "Operations"


def model(name: str) -> str:
    """Return the class of a schema."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def docstring(text: str, indent: int, *, width: int = 100) -> list[str]:
    """Return a docstring in lines, wrapped."""
    text = text.replace("\\", "\\\\").replace('"""', "'''")
    pad = " " * indent
    first, *rest = [part.strip() for part in text.strip().split("\n\n") if part.strip()]
    first = " ".join(first.split())
    first += "" if first.endswith((".", "?", "!", ":")) else "."
    lines = textwrap.wrap(first, width - indent - 3)
    found = [f'{pad}"""{lines[0]}', *(pad + line for line in lines[1:])]
    for part in rest:
        found += [
            "",
            *(pad + line for line in textwrap.wrap(" ".join(part.split()), width - indent)),
        ]
    if len(found) == 1 and len(found[0]) + 3 <= width:
        return [found[0] + '"""']
    return [*found, f'{pad}"""']
