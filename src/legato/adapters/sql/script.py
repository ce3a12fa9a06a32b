# SPDX-License-Identifier: Apache-2.0
"""Transactions that are written once and run on both databases.

A script is a generator: it yields compiled statements by name, receives their rows and returns its
result. It knows neither driver nor event loop. A driver runs it inside one transaction: on SQLite
as one job of the writer, on PostgreSQL on one connection of the pool, where it is begun anew when
another transaction came in between. A script must therefore do nothing but yield.

Rules: AC2, AC3.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from legato.adapters.sql.clean import clean

T = TypeVar("T")
Row = Mapping[str, Any]
"""A row by the names of its columns. What is true or false may be 1 or 0."""


class Step(msgspec.Struct, frozen=True):
    """A statement to run: once and for its rows, or `many` times for nothing."""

    name: str
    values: Sequence[dict[str, Any]]
    many: bool = False


Script = Generator[Step, list[Row], T]


class Undo(BaseException):
    """Ends a script: nothing of it stands, and the result is the one given here.

    No `Exception`: what lies between script and driver must not take it for an error.
    """

    def __init__(self, result: object) -> None:
        self.result = result
        super().__init__()


class Driver(Protocol):
    """Runs statements and scripts on one database."""

    async def fetch(self, name: str, /, **values: object) -> list[Row]:
        """Run one query and return its rows; it sees everything that was committed before.

        Raises:
            StoreUnavailable: The database does not answer.
        """
        ...

    async def look_up(self, name: str, /, **values: object) -> list[Row]:
        """Do the same with a query that finds a row or two by their keys, at each request.

        It may run in the event loop, where that is quicker than to have another thread do it.
        """
        ...

    async def run(self, make: Callable[[], Script[T]]) -> T:
        """Run a script to its end in one transaction and return its result.

        Args:
            make: Returns the script; called again for each try.

        Raises:
            StoreUnavailable: The outcome may be unknown.
            Exception: What the script raised; nothing of it stands.
        """
        ...


def storable(values: dict[str, Any]) -> dict[str, Any]:
    """Return values whose texts a database can hold; one that was changed is equal to nothing."""
    return {
        name: clean(value) if isinstance(value, str) else value for name, value in values.items()
    }


def step(name: str, /, **values: Any) -> Script[list[Row]]:
    """Run one statement and return its rows."""
    return (yield Step(name, (values,)))


def steps(name: str, values: Sequence[dict[str, Any]]) -> Script[None]:
    """Run one statement for each of the values."""
    if values:
        yield Step(name, values, many=True)
