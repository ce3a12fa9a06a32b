# SPDX-License-Identifier: Apache-2.0
"""How long a request prefers to wait."""

import pytest
from starlette.requests import Request

from legato.api.execution_begin import preferred_wait


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], 0),
        (["wait=10"], 10),
        (["respond-async, wait=5"], 5),
        (["return=minimal", "WAIT=7; x=1"], 7),
        (["wait=600"], 60),
        (["wait=0"], 0),
        (["wait=-1"], 0),
        (["await=9"], 0),
        (["wait=soon"], 0),
        (["wait=99999999999999999999"], 0),
    ],
)
def test_a_preference_is_taken_as_it_is_written_or_not_at_all(
    values: list[str], seconds: int
) -> None:
    """At most a minute; what cannot be read is none [XW10]."""
    headers = [(b"prefer", each.encode()) for each in values]
    assert preferred_wait(Request({"type": "http", "headers": headers})) == seconds
