# SPDX-License-Identifier: Apache-2.0
"""What `legato up` has found out when it becomes the supervisor: plain values that travel as JSON.

Imports nothing but the standard library: the supervisor is small. Rules: UP1.
"""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Practice:
    """The practice service that runs beside the server."""

    descriptor: int
    """Of the socket that listens for it."""
    port: int
    delay_factor: float
    """How slow it is; smaller in tests."""


@dataclass(frozen=True)
class Plan:
    """What is to be started, and how its readiness is told. No part of it is secret."""

    home: str
    host: str
    listening: int
    """The descriptor of the socket that listens for the server, over all of its processes."""
    lock: int
    """The descriptor of the lock of the home; it is held for as long as the supervisor lives."""
    practice: Practice | None
    has_sample: bool
    """The sample shall be published where nothing is."""
    as_json: bool
    opens: bool
    """Open the browser once the server answers."""

    def encode(self) -> str:
        """Return it as an argument of a program."""
        return json.dumps(asdict(self))


def decode_plan(text: str) -> Plan:
    """Return the plan of an argument."""
    found = json.loads(text)
    practice = found.pop("practice")
    return Plan(practice=None if practice is None else Practice(**practice), **found)
