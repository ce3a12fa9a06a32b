# SPDX-License-Identifier: Apache-2.0
"""Fixtures and settings that every test folder shares."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, TypeVar

import hypothesis
import pytest

from tests import redis_service, services

if TYPE_CHECKING:
    from playwright.sync_api import Browser

T = TypeVar("T")

# A developer's own LEGATO_* settings must not reach the tests; LEGATO_TEST_* are ours.
for _name in [name for name in os.environ if name.startswith("LEGATO_")]:
    if not _name.startswith("LEGATO_TEST_"):
        del os.environ[_name]

# No deadline: time on a loaded machine is no property. In CI one run is like the next.
hypothesis.settings.register_profile("legato", deadline=None, print_blob=True)
hypothesis.settings.register_profile("legato-ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("legato-ci" if services.is_ci() else "legato")

_missing: list[tuple[str, str]] = []


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server: found, or started for this session.

    Without one: a loud skip, and a failure with CI=true.
    """
    with ExitStack() as stack:
        yield _entered(stack, "PostgreSQL", services.postgres())


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of a database made for this session (per xdist worker) and dropped at its end."""
    with services.database(postgres_server) as url:
        yield url


@pytest.fixture
def fresh_postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty database made for this one test."""
    with services.database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[str]:
    """URL of a MySQL or MariaDB server, as `postgres_server` is one of PostgreSQL."""
    with ExitStack() as stack:
        yield _entered(stack, "MySQL", services.mysql())


@pytest.fixture
def mysql_url(mysql_server: str) -> Iterator[str]:
    """URL of an empty database made for this one test."""
    with services.mysql_database(mysql_server) as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis_service.OwnRedis]:
    """A Redis of this session alone, which nobody stops or freezes; missing: as PostgreSQL."""
    with ExitStack() as stack:
        yield _entered(stack, "Redis", redis_service.own_redis())


@pytest.fixture
def own_redis() -> Iterator[redis_service.OwnRedis]:
    """A Redis of this one test, to be stopped and frozen."""
    with ExitStack() as stack:
        yield _entered(stack, "Redis", redis_service.own_redis())


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A real Chromium, as `postgres_server` is a PostgreSQL."""
    from tests.support.chromium import chromium  # most tests need no browser

    with ExitStack() as stack:
        yield _entered(stack, "Chromium", chromium())


def _entered(stack: ExitStack, name: str, service: AbstractContextManager[T]) -> T:
    """Start a service for as long as the stack is open, or skip loudly."""
    try:
        return stack.enter_context(service)
    except services.ServiceMissing as missing:
        if services.is_ci():
            pytest.fail(f"CI needs {name}: {missing}", pytrace=False)
        _missing.append((name, str(missing)))
        pytest.skip(f"SKIP {name}: {missing}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, so that nobody misses it, which service was not there."""
    for name, message in sorted(set(_missing)):
        terminalreporter.write_line(f"SKIP {name} tests did not run: {message}", yellow=True)
