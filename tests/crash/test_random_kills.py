# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random instants; `script/crash` does the same many times more."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.crash.ledger import Ledger
from tests.crash.random_kills import NewDatabase, kill_at_random

KILLS = 20
SEED = 20


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def new_database(request: pytest.FixtureRequest) -> Iterator[NewDatabase]:
    """Makes an empty database per trial; all are dropped at the end."""
    server = "" if request.param == "sqlite" else request.getfixturevalue("postgres_server")
    with ExitStack() as stack:
        yield NewDatabase(server, stack)


@pytest.mark.linux
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_at_random_instants_lose_and_repeat_nothing(
    new_database: NewDatabase, ledger: Ledger
) -> None:
    """Whenever it dies, work goes on with nothing lost or repeated [EN1, EN13, EN17, ST6]."""
    tally = kill_at_random(ledger, new_database, kills=KILLS, seed=SEED, tell=print)
    assert tally.problems == []
    assert tally.kills >= KILLS
