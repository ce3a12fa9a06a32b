# SPDX-License-Identifier: Apache-2.0
"""The client of a server of Legato: typed, made from the description of its API.

`generated` is made by `script/openapi` and never edited; the rest is the transport under it. It
imports nothing of Legato but `errors`, so a program that only talks to a server loads no engine.
Rules: CC10.
"""

from legato.client.caller import pages
from legato.client.calls import Upload
from legato.client.client import Client
from legato.client.events import StreamEvent
from legato.client.problems import (
    Away,
    Fault,
    Forbidden,
    Missing,
    NotKnown,
    OtherAnswer,
    OtherState,
    Problem,
    ServerFailed,
    TooOften,
    Unacceptable,
    Unreachable,
)
from legato.client.retries import NEVER, RetryPolicy
from legato.client.transport import Bearer, Credential, Options

__all__ = [
    "NEVER",
    "Away",
    "Bearer",
    "Client",
    "Credential",
    "Fault",
    "Forbidden",
    "Missing",
    "NotKnown",
    "Options",
    "OtherAnswer",
    "OtherState",
    "Problem",
    "RetryPolicy",
    "ServerFailed",
    "StreamEvent",
    "TooOften",
    "Unacceptable",
    "Unreachable",
    "Upload",
    "pages",
]
