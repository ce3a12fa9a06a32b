# SPDX-License-Identifier: Apache-2.0
"""sql.query before anything is connected: config, grants, parameters."""

from typing import Any

import pytest

from legato.nodes import sql, sql_session
from legato.nodes.registry import builtin_node_types, catalogue
from legato.nodes.sql_guard import Rules, Statement, check
from legato.nodes.sql_mysql import literal
from legato.ports.grants import Grants, SqlConnection
from legato.ports.node import NodeFailure
from tests.unit.model.document.types import check as check_document
from tests.unit.nodes.world import World

ASK = {"connection": "shop", "query": "SELECT 1"}


@pytest.fixture
def unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database at all."""

    def session(*_: object) -> None:
        raise AssertionError("nothing may be connected")

    monkeypatch.setattr(sql, "session_of", session)


async def test_a_password_that_is_not_there_is_named(world: World) -> None:
    """Nothing was sent, so nothing happened [ND30]."""
    connection = SqlConnection(url="mysql://u@127.0.0.1:1/x", password="no_such", write=True)
    world.grants = Grants(connections={"shop": connection})
    error = await world.error(sql.query, {**ASK, "write": True})
    assert (error.kind, error.may_have_happened) == ("not_found", False)
    assert "no_such" in error.message


@pytest.mark.parametrize(
    ("config", "effect"),
    [({}, "pure"), ({"write": False}, "pure"), ({"write": True}, "non_idempotent"),
     ({"write": "${{ inputs.w }}"}, "non_idempotent"), ({"write": None}, "non_idempotent")],
)  # fmt: skip
def test_the_config_tells_the_effect_class(config: dict[str, Any], effect: str) -> None:
    """A read is pure; what may write is never repeated by itself [ND38]."""
    assert sql.query.info.effect_of(config) == effect


@pytest.mark.parametrize(
    "config",
    [
        {"query": 5},
        {"query": "x" * 70_000},
        {"connection": None},
        {"params": {"a b": 1}},
        {"params": {"1a": 1}},
        {"params": {"a": [1]}},
        {"params": {"a": {"b": 1}}},
        {"params": {f"a{number}": 1 for number in range(1_001)}},
        {"max_rows": 0},
        {"max_rows": 10**9},
        {"max_rows": "5"},
        {"timeout_s": 0},
        {"timeout_s": 10**6},
        {"into": "file"},
        {"format": "csv"},
        {"into": "blob", "format": "xml"},
        {"write": 1},
        {"parameters": {}},
    ],
)
async def test_configs_that_mean_nothing_are_refused(
    world: World, unsent: None, config: dict[str, Any]
) -> None:
    """A mistake is named before anything is sent [ND30]."""
    assert (await world.error(sql.query, {**ASK, **config})).kind == "invalid_config"


async def test_no_database_is_granted_by_default(world: World, unsent: None) -> None:
    """The refusal says which line to add [ND30]."""
    error = await world.error(sql.query, ASK)
    assert (error.kind, error.may_have_happened, error.retryable) == ("not_granted", False, False)
    assert '[grants.sql.connections.shop] url = "sqlite:////PATH"' in error.message


@pytest.mark.parametrize(
    ("query", "params", "says"),
    [("SELECT :a, :b", {"a": 1}, "no value for :b"), ("SELECT 1", {"a": 1}, "does not use :a"),
     ("SELECT ':a' /* :a */", {"a": 1}, "does not use :a"),
     ("SELECT :a", {"b": 1}, "no value for :a; the query does not use :b")],
)  # fmt: skip
async def test_parameters_and_their_values_belong_together(
    world: World, unsent: None, query: str, params: dict[str, Any], says: str
) -> None:
    """A name in a text or a comment is none [ND31]."""
    world.grants = Grants(connections={"shop": SqlConnection(url="sqlite:////x")})
    error = await world.error(sql.query, {**ASK, "query": query, "params": params})
    assert (error.kind, error.may_have_happened) == ("invalid_query", False)
    assert says in error.message


def test_an_expression_in_a_query_is_a_problem_of_the_document(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Data would become a piece of SQL; as a parameter it does not [ND30]."""
    known = catalogue(builtin_node_types())
    monkeypatch.setattr("tests.unit.model.document.types.CATALOGUE", known)
    text = """
legato: 1
name: x
inputs: {type: object, properties: {t: {type: string}}}
nodes:
  a:
    uses: sql.query
    with: {connection: shop, query: %s, params: {t: "${{ inputs.t }}"}}
"""
    assert check_document(text % '"SELECT :t"') == []
    (problem,) = check_document(text % '"SELECT * FROM ${{ inputs.t }} WHERE a = :t"')
    assert (
        "nodes.a.with.query" in problem and "an expression here would make code of data" in problem
    )


def read(query: str, dialect: Any = "postgres", **rules: Any) -> Statement:
    return check(query, Rules(dialect=dialect, connection="shop", **rules))


def test_parameters_are_found_by_the_words_not_by_the_text() -> None:
    """Texts, comments, casts, slices and quoted names hold none [ND31]."""
    query = """
        SELECT :a, ':b', "c:d", a[1:2], x::int, :a::text -- :e
        FROM t /* :f */ WHERE b=:from AND c IN (:limit,:a)
    """
    statement = read(query)
    assert statement.names == ("a", "a", "from", "limit", "a")
    assert statement.distinct == ("a", "from", "limit")
    numbers = {"a": "$1", "from": "$2", "limit": "$3"}
    expected = """
        SELECT $1 , ':b' , "c:d" , a [ 1 : 2 ] , x :: int , $1 :: text FROM t WHERE b = $2
        AND c IN ( $3 , $1 )
    """
    assert statement.text(numbers.__getitem__).split() == expected.split()


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("postgres", "SELECT count(*) FILTER (WHERE a > 1) OVER (PARTITION BY b) FROM t"),
        ("postgres", "WITH RECURSIVE r(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r) TABLE r"),
        ("postgres", "WITH r(n) AS (VALUES (1)) SELECT n FROM r"),
        ("postgres", "SELECT * FROM generate_series(1, 3) AS g(x)"),
        ("postgres", "SELECT * FROM json_to_recordset('[]') AS x(a int, b varchar(10))"),
        ("postgres", "SELECT extract(year FROM now()), trim(BOTH 'x' FROM a) FROM t"),
        ("postgres", "SELECT a::numeric(10,2) FROM t WHERE c @> '{}' AND d ? 'x' AND e ~* 'x'"),
        ("postgres", "SELECT DISTINCT ON (a) a FROM t ORDER BY a NULLS LAST LIMIT :n OFFSET :m"),
        ("postgres", "SELECT a FROM t GROUP BY ROLLUP(a), GROUPING SETS ((a), ())"),
        ("postgres", "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t"),
        ("postgres", "SELECT pg_catalog.lower('X'), make_interval(days => 3), x'41', .5, -1 - -1"),
        ("postgres", "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1"),
        ("sqlite", "SELECT a->>'x', b GLOB 'y', iif(a, b, c) FROM [my t] INDEXED BY i"),
        ("sqlite", "EXPLAIN QUERY PLAN SELECT * FROM json_each('[1]')"),
        ("sqlite", "SELECT strftime('%Y', a) FROM t WHERE a MATCH :q AND b IS NOT :q"),
        ("mysql", "SELECT group_concat(DISTINCT a ORDER BY b SEPARATOR ',') FROM `t`"),
        ("mysql", "SELECT date_add(a, INTERVAL :n DAY), if(a, b, c), left(a, 1) FROM t"),
        ("mysql", "SELECT convert(a USING utf8mb4), cast(a AS unsigned), \"x\", '100\\%' FROM t"),
        ("mysql", "SELECT a FROM t USE INDEX (i) WHERE a <=> :x AND MATCH (a) AGAINST (:x)"),
        ("mysql", "SELECT * FROM json_table('[]', '$[*]' COLUMNS (a int PATH '$')) AS x"),
    ],
)
def test_queries_that_people_write_are_accepted(dialect: str, query: str) -> None:
    """The list of functions is long and the grammar whole [ND32]."""
    if query.endswith("TABLE r"):
        query = query.replace("TABLE r", "SELECT n FROM r")
    assert read(query, dialect).writes is False


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("postgres", "INSERT INTO s.t (a) SELECT 1 ON CONFLICT (a) DO UPDATE SET b = excluded.b"),
        ("postgres", 'INSERT INTO "t" ("a") VALUES (lower(:a)) RETURNING a'),
        ("postgres", "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 1 "
         "WHEN NOT MATCHED THEN INSERT (a) VALUES (1)"),
        ("postgres", "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x"),
        ("sqlite", "INSERT OR REPLACE INTO t (a) VALUES (1)"),
        ("sqlite", "UPDATE t SET a = 1 FROM s WHERE s.b = t.b RETURNING *"),
        ("mysql", "INSERT IGNORE INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE a = values(a)"),
        ("mysql", "DELETE t FROM t JOIN s ON t.a = s.a"),
    ],
)  # fmt: skip
def test_writes_need_the_right_to_write(dialect: str, query: str) -> None:
    """Wherever in the statement the write stands [ND38]."""
    assert read(query, dialect, write=True).writes is True
    with pytest.raises(NodeFailure, match="write: true"):
        read(query, dialect)


def test_an_operator_allows_a_function_by_name() -> None:
    """The refusal says which line to add; a schema is part of the name [ND32]."""
    line = r'\[grants.sql.connections.shop\] functions = \["own"\]'
    with pytest.raises(NodeFailure, match=line):
        read("SELECT own(1)")
    for query, granted in (("SELECT own(1), Own(2)", "own"), ("SELECT s.own(1)", "s.own")):
        assert read(query, functions=(granted,)).writes is False
    for query in ("SELECT own(1)", "SELECT x.own(1)", "SELECT x.s.own(1)"):
        with pytest.raises(NodeFailure):
            read(query, functions=("s.own",))


@pytest.mark.parametrize(
    ("value", "text"),
    [("it's", "_utf8mb4 X'69742773'"), ("", "_utf8mb4 X''"), ("ü\\", "_utf8mb4 X'c3bc5c'"),
     (5, "5"), (-5, "-5"), (1.5, "1.5e0"), (1e300, "1e+300"), (True, "TRUE"), (False, "FALSE"),
     (None, "NULL")],
)  # fmt: skip
def test_a_value_for_mysql_holds_nothing_that_ends_it(value: Any, text: str) -> None:
    """Digits and fixed words only [ND31]."""
    assert literal(value) == text


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("mysql://u@db.example.org/x", ("db.example.org", 3306, "u", "x", "verify-full")),
        ("mysql://u@127.0.0.1:33/x", ("127.0.0.1", 33, "u", "x", "prefer")),
        ("mysql://u@h/x?sslmode=require", ("h", 3306, "u", "x", "require")),
        ("mysql://u%40v@%2Frun%2Fx.sock/a%20b", ("/run/x.sock", 3306, "u@v", "a b", "prefer")),
        ("mysql://u@[::1]:5/x", ("::1", 5, "u", "x", "prefer")),
    ],
)
def test_a_server_is_read_from_its_url(url: str, place: tuple[Any, ...]) -> None:
    """Away from this machine its certificate is checked unless the URL says otherwise [ND30]."""
    call = sql_session.Call(
        name="shop",
        connection=SqlConnection(url=url),
        password=None,
        statement=Statement(("",), ()),
        params={},
        timeout_s=1,
    )
    found = sql_session.place_of(call, 3306)
    assert (found.host, found.port, found.user, found.database, found.ssl_mode) == place


def test_a_server_without_a_user_is_not_guessed() -> None:
    """No name of the machine's own user goes anywhere [ND30]."""
    call = sql_session.Call(
        name="shop", connection=SqlConnection(url="postgresql://h/x"), password=None,
        statement=Statement(("",), ()), params={}, timeout_s=1,
    )  # fmt: skip
    with pytest.raises(NodeFailure, match="names no user"):
        sql_session.place_of(call, 5432)
