# SPDX-License-Identifier: Apache-2.0
"""The files of the client, formatted as ruff formats."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codegen.models import models_text
from codegen.names import class_name, module
from codegen.operations import JSON, Method, Operation, operations_of
from codegen.types import Types, closure, names_in

MARK = "Made from docs/openapi.json by script/openapi; never edited."
HEAD = """# SPDX-License-Identifier: Apache-2.0
\"\"\"Operations: {tag}. {mark}\"\"\"

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

from legato.client.calls import Call, Upload, segment
from legato.client.caller import Caller, pages
from legato.client.events import StreamEvent
from legato.client.generated import models


class {name}(Caller):
    \"\"\"Operations: {tag}.\"\"\"

"""
PACKAGE = f"""# SPDX-License-Identifier: Apache-2.0
\"\"\"{MARK}\"\"\"
"""


def client_files(description: Mapping[str, Any], folder: Path) -> dict[Path, str]:
    """Return every file of the package `generated`."""
    operations = operations_of(description)
    schemas = description["components"]["schemas"]
    sent, read = _used(operations, schemas)
    types = Types(schemas, frozenset(sent - read))
    by_tag: dict[str, list[Operation]] = {}
    for each in operations:
        by_tag.setdefault(each.tag, []).append(each)
    texts = {
        "__init__.py": PACKAGE,
        "models.py": models_text(types, sent | read),
        "operations.py": _whole(sorted(by_tag)),
    }
    for tag, own in by_tag.items():
        methods = [text for each in own for text in Method(each, types).texts()]
        head = HEAD.format(tag=tag, name=class_name(tag), mark=MARK)
        texts[f"of_{module(tag)}.py"] = head + "\n".join(methods)
    return {folder / name: formatted(text, name) for name, text in sorted(texts.items())}


def _used(operations: list[Operation], schemas: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Return the schemas of what is sent, and of what is read."""
    sent: set[str] = set()
    read: set[str] = set()
    for each in operations:
        sent.update(names_in(each.body), names_in(each.parameters))
        read.update(*(names_in(content.get(JSON, {})) for content in each.good.values()))
    return closure(sent, schemas), closure(read, schemas)


def _whole(tags: list[str]) -> str:
    lines = ["# SPDX-License-Identifier: Apache-2.0", f'"""Every operation. {MARK}"""', ""]
    lines += [
        f"from legato.client.generated.of_{module(tag)} import {class_name(tag)}" for tag in tags
    ]
    lines += ["", "", f"class Operations({', '.join(map(class_name, tags))}):"]
    return "\n".join([*lines, '    """Every operation of the API."""', ""])


def formatted(text: str, name: str) -> str:
    """Return a module without the imports that it does not use, in the form of the house."""
    config = Path(__file__).parent.parent / "pyproject.toml"
    ruff = [sys.executable, "-m", "ruff"]
    place = [
        "--config",
        str(config),
        "--stdin-filename",
        f"src/legato/client/generated/{name}",
        "-",
    ]
    fixed = _run([*ruff, "check", "--select", "F401,I", "--fix", "--quiet", *place], text)
    return _run([*ruff, "format", "--quiet", *place], fixed)


def _run(command: list[str], text: str) -> str:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode not in {0, 1} or not done.stdout:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return done.stdout
