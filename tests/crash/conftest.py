# SPDX-License-Identifier: Apache-2.0
"""What the crash tests share: a ledger, and a folder with a short path for its socket."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.ledger import Ledger, running_ledger


@pytest.fixture(scope="session")
def ledger() -> Iterator[Ledger]:
    """A ledger for all tests of this process: its keys tell executions apart."""
    folder = Path(tempfile.mkdtemp(prefix="legato-ledger-"))
    try:
        with running_ledger(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; empty for SQLite in the home."""
    if request.param == "sqlite":
        return ""
    url: str = request.getfixturevalue("fresh_postgres_url")
    return url
