# SPDX-License-Identifier: Apache-2.0
"""sql.query: one checked statement on a database that the operator named.

Rules: ND30-ND39, CR16.
"""

import asyncio
import weakref
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, StringConstraints, model_validator

from legato.errors import LegatoError, LimitExceeded
from legato.model.policy import EffectClass
from legato.nodes.fields import Config, Output, credential_field, not_granted, written_here
from legato.ports.credentials import OpenCredential
from legato.ports.grants import Grants, SqlConnection
from legato.ports.node import BLOB_BYTES_MAX, Blob, NodeContext, NodeFailure, node

if TYPE_CHECKING:
    from legato.nodes.sql_guard import Statement
    from legato.nodes.sql_session import Session

QUERY_CHARACTERS_MAX: Final = 64 * 1024
PARAMS_MAX: Final = 1_000
PARAM_CHARACTERS_MAX: Final = 1024 * 1024
ROWS_DEFAULT: Final = 1_000
BLOB_ROWS_DEFAULT: Final = 1_000_000
ROWS_MAX: Final = 10_000_000
INLINE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Rows in the output go through the log's store and every expression that reads them."""
TIMEOUT_S: Final = 60.0
TIMEOUT_S_MAX: Final = 3_600.0
STATEMENTS_AT_ONCE: Final = 8
"""Per connection and process: a foreach must not use up what the database has for others."""
_DIALECTS: Final = {"sqlite": "sqlite", "postgresql": "postgres", "mysql": "mysql"}
_PORTS: Final = {"postgresql": 5432, "mysql": 3306}
_TYPES: Final = {"jsonl": "application/jsonl", "csv": "text/csv"}

ParamName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]
ParamText = Annotated[str, StringConstraints(max_length=PARAM_CHARACTERS_MAX)]
Param = bool | int | float | ParamText | None


class QueryConfig(Config):
    """`with` of sql.query."""

    connection: str | None = Field(
        default=None, description="Which database: a name that the operator granted."
    )
    credential: str | None = credential_field("sql")
    query: str = written_here(
        max_length=QUERY_CHARACTERS_MAX,
        description="One statement, as it stands here; values come in as :name.",
    )
    params: dict[ParamName, Param] = Field(
        default_factory=dict, max_length=PARAMS_MAX, description="The value of each :name."
    )
    into: Literal["rows", "blob"] = Field(
        default="rows", description="rows: into the output; blob: as a file into the blob store."
    )
    format: Literal["jsonl", "csv"] | None = Field(
        default=None, description="Of the blob: a JSON object per line, the default, or CSV."
    )
    max_rows: int | None = Field(
        default=None,
        ge=1,
        le=ROWS_MAX,
        description="How many rows are read; 1 000 without it, 1 000 000 into a blob.",
    )
    timeout_s: float = Field(
        default=TIMEOUT_S, gt=0, le=TIMEOUT_S_MAX, description="Seconds until it is stopped."
    )
    write: bool = Field(
        default=False, description="Also take INSERT, UPDATE, DELETE and MERGE; needs a grant."
    )

    @model_validator(mode="after")
    def _one_database(self) -> Self:
        if (self.connection is None) == (self.credential is None):
            raise ValueError("exactly one of connection and credential is needed")
        return self

    @property
    def database(self) -> str:
        """What the workflow calls the database."""
        return self.connection or self.credential or ""

    @model_validator(mode="after")
    def _format_of_a_blob(self) -> Self:
        if self.format is not None and self.into != "blob":
            raise ValueError("format is for into: blob")
        return self


class QueryOutput(Output):
    """Output of sql.query."""

    columns: tuple[str, ...] = Field(description="The names of the columns.")
    rows: list[dict[str, Any]] = Field(description="The rows by column; empty with a blob.")
    row_count: int = Field(description="How many rows were read.")
    truncated: bool = Field(description="Whether there were more rows than max_rows.")
    changed: int | None = Field(description="How many rows a write changed; null for a read.")
    blob: Blob | None = Field(description="The rows as a file, with into: blob.")


def _effect(config: Mapping[str, Any]) -> EffectClass:
    return "pure" if config.get("write", False) is False else "non_idempotent"


@node(
    "sql.query",
    title="Query a database",
    group="data",
    icon="database",
    effect=_effect,
    timeout_ms=int(TIMEOUT_S_MAX * 1000),
    secret_fields=("credential",),
    example="""\
uses: sql.query
with:
  connection: shop
  query: SELECT city, count(*) AS orders FROM orders WHERE placed >= :since GROUP BY city
  params: {since: "${{ inputs.since }}"}
""",
)
async def query(ctx: NodeContext, config: QueryConfig) -> QueryOutput:
    """Run one statement on a database and return its rows.

    SQLite, PostgreSQL, MySQL and MariaDB. By default no database can be reached; the operator
    names them in `legato.toml`: `[grants.sql.connections.shop] url = "sqlite:////srv/shop.db"`. Or
    `credential` names one of the workspace, for PostgreSQL and MySQL at a public address, or at one
    that `[grants.http] allow_private` names.

    Values come in as bound parameters, `:name` on every database; an expression inside the query
    is not accepted, and a parameter is never a table, a column or a piece of SQL. The statement
    is one SELECT, WITH, VALUES or EXPLAIN that calls only functions known to do no harm, and runs
    in a read-only transaction. With `write: true` here and in the grant INSERT, UPDATE, DELETE
    and MERGE are taken too, in one transaction, and the node is `non_idempotent` unless the
    workflow says otherwise. Over a credential that needs `[grants.sql] credential_writes = true`.

    Fails with `not_granted`, `invalid_query` (not sent), `sql.error` (with the database's words),
    `connection`, `timeout`, `result_too_large`, `invalid_value`.
    """
    connection, password = await _database_of(ctx, config)
    # Reading a statement takes milliseconds, and the first one loads the parser.
    statement = await asyncio.to_thread(checked, config, connection)
    if config.credential is None:
        password = await _password(ctx, connection)
    else:
        connection = await guarded(connection, ctx.grants)
    session = await asyncio.to_thread(session_of, config, connection, password, statement)
    async with _turns(connection):
        return await _run(ctx, config, session)


async def _database_of(ctx: NodeContext, config: QueryConfig) -> tuple[SqlConnection, str | None]:
    """Return the connection, and the password of a credential."""
    if config.credential is None:
        return granted_connection(ctx.grants, config), None
    if config.write and not ctx.grants.credential_writes:
        raise not_granted(
            "a credential may only be used to read", "[grants.sql] credential_writes = true"
        )
    found = await ctx.credential(config.credential, "sql")
    return connection_of(found, write=config.write)


def connection_of(found: OpenCredential, *, write: bool) -> tuple[SqlConnection, str | None]:
    """Return the connection that a credential describes, and its password."""
    parts = urlsplit(found.data["dsn"])
    user, at, place = parts.netloc.rpartition("@")
    name, colon, password = user.partition(":")
    url = urlunsplit(parts._replace(netloc=name + at + place))
    return SqlConnection(url=url, write=write), unquote(password) if colon else None


async def guarded(connection: SqlConnection, grants: Grants) -> SqlConnection:
    """Return the connection to an address that may be reached.

    It goes to the very address that was checked, unless the server has to prove its name.

    Raises:
        NodeFailure: `address_refused` or `network`.
    """
    from legato.nodes.http_guard import endpoint, resolve  # noqa: PLC0415 - 150 ms, for these only
    from legato.nodes.sql_session import CONNECT_S, is_local  # noqa: PLC0415 - see `checked`

    parts = urlsplit(connection.url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        async with asyncio.timeout(CONNECT_S):
            addresses = await resolve(host, port, frozenset(grants.hosts))
    except TimeoutError:
        raise NodeFailure(
            "network", f"{host!r:.100}: resolving took too long", may_have_happened=False
        ) from None
    if parts.query == "sslmode=verify-full" or not (parts.query or is_local(host)):
        return connection
    user = parts.netloc.rpartition("@")[0]
    return replace(
        connection, url=urlunsplit(parts._replace(netloc=f"{user}@{endpoint(addresses[0], port)}"))
    )


def granted_connection(grants: Grants, config: QueryConfig) -> SqlConnection:
    """Return the connection that the operator granted under a name.

    Raises:
        NodeFailure: `not_granted`, with the line to add.
    """
    name = config.database
    connection = grants.connections.get(name)
    line = f'[grants.sql.connections.{name:.63}] url = "sqlite:////PATH"'
    why = f"there is no connection {name!r:.80} here"
    if connection is not None:
        if connection.write or not config.write:
            return connection
        line = f"[grants.sql.connections.{name}] write = true"
        why = f"connection {name!r} may only be read"
    raise not_granted(why, line)


async def _password(ctx: NodeContext, connection: SqlConnection) -> str | None:
    if connection.password is None:
        return None
    try:
        return await ctx.secret(connection.password)
    except LegatoError as error:
        raise NodeFailure(
            error.code, str(error), may_have_happened=False, retryable=error.retryable
        ) from None


def checked(config: QueryConfig, connection: SqlConnection) -> "Statement":
    """Read a statement; it takes milliseconds, and loads the parser.

    Raises:
        NodeFailure: `invalid_query`.
    """
    from legato.nodes import sql_guard  # noqa: PLC0415 - 0.3 s and 40 MB, when it is needed

    rules = sql_guard.Rules(
        dialect=_DIALECTS[connection.url.partition(":")[0]],  # type: ignore[arg-type]
        connection=config.database,
        functions=connection.functions,
        write=config.write,
    )
    statement = sql_guard.check(config.query, rules)
    used, given = set(statement.names), set(config.params)
    if used != given:
        missing = ", ".join(f":{name}" for name in sorted(used - given))
        spare = ", ".join(f":{name}" for name in sorted(given - used))
        raise sql_guard.invalid(
            "; ".join(
                part
                for part, names in (
                    (f"`params` has no value for {missing}", missing),
                    (f"the query does not use {spare}", spare),
                )
                if names
            )
        )
    return statement


def session_of(
    config: QueryConfig, connection: SqlConnection, password: str | None, statement: "Statement"
) -> "Session":
    """Make the session of a call; each driver is loaded when it is needed."""
    from legato.nodes.sql_session import Call  # noqa: PLC0415 - see `checked`

    call = Call(
        name=config.database,
        connection=connection,
        password=password,
        statement=statement,
        params=config.params,
        timeout_s=config.timeout_s,
    )
    scheme = connection.url.partition(":")[0]
    if scheme == "sqlite":
        from legato.nodes.sql_sqlite import SqliteSession  # noqa: PLC0415

        return SqliteSession(call)
    if scheme == "postgresql":
        from legato.nodes.sql_postgres import PostgresSession  # noqa: PLC0415

        return PostgresSession(call)
    from legato.nodes.sql_mysql import MysqlSession  # noqa: PLC0415

    return MysqlSession(call)


_Turns = dict[SqlConnection, asyncio.Semaphore]
_turns_by_loop: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns]"
_turns_by_loop = weakref.WeakKeyDictionary()


def _turns(connection: SqlConnection) -> asyncio.Semaphore:
    turns = _turns_by_loop.setdefault(asyncio.get_running_loop(), {})
    return turns.setdefault(connection, asyncio.Semaphore(STATEMENTS_AT_ONCE))


async def _run(ctx: NodeContext, config: QueryConfig, session: "Session") -> QueryOutput:
    """Run the statement in its time; every failure says whether something may be written."""
    limit = asyncio.timeout(config.timeout_s)
    try:
        async with limit, session:
            return await _read(ctx, config, session)
    except TimeoutError:
        if not limit.expired():
            raise
        message = f"the statement was stopped after {config.timeout_s:g} s"
        raise NodeFailure("timeout", message, may_have_happened=session.in_doubt) from None
    except LimitExceeded as error:
        raise NodeFailure(
            "result_too_large", str(error), may_have_happened=session.in_doubt, retryable=False
        ) from None
    except NodeFailure as failure:
        said = failure.error
        raise NodeFailure(
            said.kind, said.message, may_have_happened=session.in_doubt, retryable=said.retryable
        ) from None


async def _read(ctx: NodeContext, config: QueryConfig, session: "Session") -> QueryOutput:
    result = _Result(config, session)
    rows: list[dict[str, Any]] = []
    blob = None
    if config.into == "rows":
        rows = await result.rows()
    else:
        form = config.format or "jsonl"
        ref = await ctx.blobs.put_stream(result.pieces(form), size_max=BLOB_BYTES_MAX)
        blob = Blob.of(ref, _TYPES[form], f"{ctx.node_id}.{form}")
    changed = await session.finish()
    return QueryOutput(
        columns=session.names,
        rows=rows,
        row_count=result.count,
        truncated=result.is_truncated,
        changed=changed,
        blob=blob,
    )


class _Result:
    """Reads the rows of a session and counts them."""

    def __init__(self, config: QueryConfig, session: "Session") -> None:
        self._session = session
        default = ROWS_DEFAULT if config.into == "rows" else BLOB_ROWS_DEFAULT
        self._rows_max = config.max_rows or default
        self.count = 0
        self.is_truncated = False

    async def pieces(self, form: Literal["jsonl", "csv"]) -> AsyncIterator[bytes]:
        """Yield the rows as text, at most `max_rows` of them."""
        from legato.nodes import sql_rows  # noqa: PLC0415 - loaded with the session

        names = self._session.names
        write = sql_rows.writer(names, form, is_simple=self._session.has_simple_values)
        if names and (first := sql_rows.header(names, form)):
            yield first
        has_more = True
        while has_more and self.count < self._rows_max:
            chunk = await self._session.read(write, self._rows_max - self.count)
            self.count += chunk.count
            has_more = chunk.has_more
            if chunk.data:
                yield chunk.data
        self.is_truncated = has_more

    async def rows(self) -> list[dict[str, Any]]:
        """Return the rows as objects.

        Raises:
            NodeFailure: `result_too_large`.
        """
        from legato.nodes import sql_rows  # noqa: PLC0415 - loaded with the session

        lines = bytearray()
        async for piece in self.pieces("jsonl"):
            lines += piece
            if len(lines) > INLINE_BYTES_MAX:
                raise NodeFailure(
                    "result_too_large",
                    f"the rows are larger than {INLINE_BYTES_MAX} bytes; read fewer, or use "
                    "`into: blob`",
                    retryable=False,
                )
        return await asyncio.to_thread(sql_rows.rows_of, bytes(lines))
