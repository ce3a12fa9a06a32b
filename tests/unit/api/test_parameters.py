# SPDX-License-Identifier: Apache-2.0
"""Parameters of lists, however many somebody sends."""

import time

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request

from legato.api.pages import refuse_repeated
from tests.unit.api.calls import scope_of

CPU_S = 0.25
"""To read them takes a twentieth of it; to compare each with each took twice as long."""


def test_many_parameters_cost_no_more_than_to_read_them() -> None:
    """As many as fit into the headers; the one that stands twice is found [ID51]."""
    query = "&".join(f"{each:x}=" for each in range(6_000))
    began = time.thread_time()
    refuse_repeated(Request(scope_of(query=query.encode())))
    with pytest.raises(RequestValidationError) as caught:
        refuse_repeated(Request(scope_of(query=f"{query}&0=".encode())))
    assert time.thread_time() - began < CPU_S
    assert [each["loc"] for each in caught.value.errors()] == [("query", "0")]
