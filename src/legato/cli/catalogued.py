# SPDX-License-Identifier: Apache-2.0
"""What `legato workflows` says of files and publications, whichever catalogue they are in.

Rules: CL30.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from legato.model.workflow import Workflow

Outcome = Literal["published", "unchanged", "text"]
"""`text`: the logic is the same, another text is published."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that may be published, and the names that it calls.

    `workflow` is what it was compiled to, where that was done here.
    """

    file: Path
    name: str
    text: bytes
    calls: tuple[str, ...] = ()
    workflow: Workflow | None = None
