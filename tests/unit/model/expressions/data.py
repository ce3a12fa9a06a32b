# SPDX-License-Identifier: Apache-2.0
"""Values that the tests of expressions read, and short ways to evaluate."""

from typing import Any, Final

from legato.model.expressions.compile import compile_expression
from legato.model.expressions.template import compile_template
from legato.model.policy import Limits

LIMITS: Final = Limits()
VARIABLES: Final[dict[str, Any]] = {
    "inputs": {
        "n": 3,
        "f": 1.5,
        "list": [1, 2, 3],
        "text": "abc",
        "nothing": None,
        "yes": True,
        "map": {"z": 1, "a": 2},
        "path": ".",
        "my-key": 7,
        "big": 2**63 - 1,
    },
    "nodes": {
        "log": {"output": {"stdout": "a\tb\nc\td", "rows": [{"n": 1}]}, "status": "completed"},
        "skipped": {"output": None, "status": "skipped", "error": None},
    },
    "item": {"to": "ann"},
    "index": 4,
    "run": {"id": "r1"},
    "trigger": {},
    "previous": None,
}


def ev(source: str, **variables: object) -> Any:
    """Evaluate an expression."""
    return compile_expression(source, limits=LIMITS).evaluate({**VARIABLES, **variables})


def fill(value: object, **variables: object) -> Any:
    """Evaluate a template of plain data."""
    return compile_template(value, limits=LIMITS).evaluate({**VARIABLES, **variables})
