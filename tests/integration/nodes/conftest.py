# SPDX-License-Identifier: Apache-2.0
"""The same world as for unit tests, and databases."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from legato.nodes.registry import close_node_types
from tests.integration.nodes.databases import KINDS, Database, Desk, sqlite_database
from tests.unit.nodes.conftest import world
from tests.unit.nodes.world import World

__all__ = ["world"]


@pytest.fixture
async def closed() -> AsyncIterator[None]:
    """No connection outlives a test."""
    yield
    await close_node_types()


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        return sqlite_database(tmp_path)
    name = {"postgres": "fresh_postgres_url", "mysql": "mysql_url"}[request.param]
    return Database(request.param, request.getfixturevalue(name))


@pytest.fixture
def desk(world: World, database: Database) -> Desk:
    """A world in which that database is granted for reading."""
    return Desk(world, database)


@pytest.fixture
def lite(world: World, tmp_path: Path) -> Desk:
    """A world with a SQLite database."""
    return Desk(world, sqlite_database(tmp_path))


@pytest.fixture
def pg(world: World, fresh_postgres_url: str) -> Desk:
    """A world with a PostgreSQL database."""
    return Desk(world, Database("postgres", fresh_postgres_url))


@pytest.fixture
def my(world: World, mysql_url: str) -> Desk:
    """A world with a MySQL or MariaDB database."""
    return Desk(world, Database("mysql", mysql_url))
