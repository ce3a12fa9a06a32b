# SPDX-License-Identifier: Apache-2.0
"""Recorded HTTP exchanges: what a workflow test answers requests with, instead of the network.

Rules: TK10.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Trouble = Literal["refused", "lost", "timeout", "invalid"]
"""No connection; a lost one; no answer in time; an answer that is no HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What stands for a server's answer: a response, or the trouble on the way."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    trouble: Trouble | None = None


class Exchanges(Protocol):
    """Chooses the answer to each request."""

    def answer(self, method: str, url: str, body: bytes) -> Answer | None:
        """Return the recorded answer, or None if there is none for this request.

        Args:
            method: Upper case.
            url: Absolute, with its query.
            body: The whole body; empty if there is none.
        """
        ...
