# SPDX-License-Identifier: Apache-2.0
"""Reads a statement before a database does: one statement, of an allowed kind, harmless calls.

What is sent is not the author's text but its tokens, written anew: comments are gone, and every
token must be exactly one token by the database's own rules too, so the database cannot read
another statement than the one that was checked. Parameters are tokens, never text.

This is one wall of two: the statement also runs in a read-only transaction.

Must not connect anywhere. Imported when the first statement is checked: the parser takes 40 MB.

Rules: ND30-ND33, ND38.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as Grammar
from sqlglot.tokenizer_core import TokenType

from legato.nodes.fields import refused
from legato.nodes.sql_functions import BEFORE_PARENTHESIS, FUNCTIONS
from legato.ports.node import NodeFailure

Dialect = Literal["sqlite", "postgres", "mysql"]

WORDS_MAX: Final = 20_000
"""The parser takes about 2 s for them."""
STATEMENTS_KEPT: Final = 256
"""Checked statements that are kept: a foreach runs the same one thousands of times."""
_SAID_CHARACTERS: Final = 200
_HOLE: Final = "legato_"
"""How parameters are called while the parser reads them; their own names may be keywords."""

# What the parser falls back to is refused here; its warnings would only be noise.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

_FIRST: Final = frozenset({"select", "with", "values", "(", "insert", "update", "delete", "merge"})
_READ_ROOTS: Final = (exp.Select, exp.SetOperation, exp.Values, exp.Subquery)
_WRITE_ROOTS: Final = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
_BEFORE_INTO: Final = frozenset(
    {"insert", "merge", "ignore", "replace", "abort", "fail", "rollback", "low_priority",
     "high_priority", "delayed"}
)  # fmt: skip
_REFUSED: Final[tuple[tuple[type[exp.Expr], str], ...]] = (
    (exp.Into, "SELECT … INTO writes; it is not accepted"),
    (exp.Lock, "FOR UPDATE and FOR SHARE take locks; they are not accepted"),
    (exp.Parameter, "variables (@x, $1) are not accepted; write parameters as :name"),
    (exp.SessionParameter, "the server's variables (@@x) are not accepted"),
    (exp.Operator, "OPERATOR(…) is not accepted"),
    (exp.Introducer, "texts with a character set before them are not accepted"),
    (exp.Hint, "hints for the optimizer are not accepted"),
    (exp.Command, "this statement is not accepted"),
    (exp.Create, "CREATE is not accepted"),
    (exp.Copy, "COPY is not accepted"),
)
_NAMES: Final = (
    exp.Table, exp.TableAlias, exp.Column, exp.Schema, exp.Dot, exp.CTE, exp.ColumnDef,
    exp.Ordered, exp.Group,
)  # fmt: skip
"""A parameter directly below one of them stands where a name belongs."""
_NAME_PLACES: Final = frozenset(
    {(exp.Alias, "alias"), (exp.Collate, "expression"), (exp.Join, "using"),
     (exp.Window, "partition_by")}
)  # fmt: skip

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PHRASE: Final = re.compile(r"[^\W\d][\w$]*(?:\s+[^\W\d][\w$]*)*")
"""A word, or several that the parser reads as one (GROUP BY)."""
_NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_BITS: Final = re.compile(r"[xX]'[0-9a-fA-F]*'|0[xX][0-9a-fA-F]+|[bB]'[01]*'")
_STANDARD_TEXT: Final = re.compile(r"'(?:[^']|'')*'")
_TEXTS: Final = {
    "sqlite": _STANDARD_TEXT,
    "postgres": _STANDARD_TEXT,
    "mysql": re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"", re.S),
}
_QUOTED: Final = {
    "sqlite": re.compile(r'"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\]'),
    "postgres": re.compile(r'"(?:[^"]|"")+"'),
    "mysql": re.compile(r"`(?:[^`]|``)+`"),
}
_SIGNS_OF_ALL: Final = "( ) , . + - * / % = < > <= >= <> != || | & ~ << >> -> ->>"
_SIGNS_OF_POSTGRES: Final = """
:: : [ ] ^ # #> #>> #- @> <@ ? ?| ?& && @@ @? ~* !~ !~* ~~ => ^@ -|- &< &> |/ ||/
"""
_SIGNS: Final = frozenset(_SIGNS_OF_ALL.split())
_MORE_SIGNS: Final = {
    "sqlite": frozenset({"=="}),
    "postgres": frozenset(_SIGNS_OF_POSTGRES.split()),
    "mysql": frozenset({"<=>", "&&", "^", "!"}),
}
_EXPLAIN: Final = {
    "sqlite": re.compile(r"explain(?:\s+query\s+plan\b)?", re.I),
    "postgres": re.compile(r"explain(?:\s+verbose\b|\s*\(\s*format\s+(?:text|json)\s*\))?", re.I),
    "mysql": re.compile(r"explain(?:\s+format\s*=\s*(?:json|traditional|tree)\b)?", re.I),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A checked statement: `pieces` of text with one parameter between each two of them.

    `names` are those parameters in order, a name as often as it is used.
    """

    pieces: tuple[str, ...]
    names: tuple[str, ...]
    writes: bool = False

    def text(self, placeholder: Callable[[str], str]) -> str:
        """Return the text to send, each parameter as the driver writes it."""
        holes = [f" {placeholder(name)} " for name in self.names]
        return "".join(
            part for pair in zip(self.pieces, [*holes, ""], strict=True) for part in pair
        )

    @property
    def distinct(self) -> tuple[str, ...]:
        """The names of the parameters, each once, in order of their first use."""
        return tuple(dict.fromkeys(self.names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a statement may be: `functions` beside the built-in list, and whether it may write.

    `connection` is the name for which refusals suggest a grant.
    """

    dialect: Dialect
    connection: str
    functions: tuple[str, ...] = ()
    write: bool = False


@lru_cache(maxsize=STATEMENTS_KEPT)
def check(query: str, rules: Rules) -> Statement:
    """Read one statement and refuse what the rules do not allow. Blocks for some milliseconds.

    Raises:
        NodeFailure: `invalid_query`, saying what is wrong and what to write instead.
    """
    prefix, text = "", query
    words = _words(query, rules.dialect)
    if words and words[0].lower == "explain":
        found = _EXPLAIN[rules.dialect].match(query, words[0].start)
        assert found is not None, "the first word was read as EXPLAIN"
        prefix, text = " ".join(found[0].split()) + " ", query[found.end() :]
        words = _words(text, rules.dialect)
        rules = replace(rules, write=False)
    words = _one_statement(words)
    _check_first(words[0])
    pieces, names = _written(words, rules.dialect)
    holes = [*(f" :{_HOLE}{index} " for index in range(len(names))), ""]
    root = _parsed("".join(map("".join, zip(pieces, holes, strict=True))), rules.dialect)
    writes = _check_tree(root, names, rules)
    _check_into(words)
    _check_calls(words, root, rules)
    return Statement((prefix + pieces[0], *pieces[1:]), tuple(names), writes)


def invalid(message: str) -> NodeFailure:
    """Make the failure of a statement that is not sent."""
    return refused("invalid_query", message)


@dataclass(frozen=True, slots=True)
class _Word:
    """A word or sign: `source` as it is written, `name` without quotes.

    `touches`: nothing stands between it and the one before.
    """

    source: str
    name: str
    kind: TokenType
    start: int
    touches: bool

    @property
    def lower(self) -> str:
        return self.source.lower()

    @property
    def is_quoted(self) -> bool:
        return self.kind is TokenType.IDENTIFIER


def _words(text: str, dialect: Dialect) -> list[_Word]:
    try:
        tokens = Grammar.get_or_raise(dialect).tokenize(text)
    except Exception as error:  # noqa: BLE001 - whatever stops it, it is not read
        raise _unreadable(error) from None
    if len(tokens) > WORDS_MAX:
        raise invalid(f"the statement has more than {WORDS_MAX} words and signs")
    words, end = [], -2
    for each in tokens:
        for comment in each.comments:
            if dialect == "mysql" and comment.startswith(("!", "M!")):
                raise invalid("comments that the server runs (/*! … */) are not accepted")
        source = text[each.start : each.end + 1]
        words.append(_Word(source, each.text, each.token_type, each.start, each.start == end + 1))
        end = each.end
    return words


def _unreadable(error: Exception) -> NodeFailure:
    # The parser marks the place with terminal codes, over several lines.
    said = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    said = " ".join(said.split())[:_SAID_CHARACTERS] or type(error).__name__
    return invalid(f"the statement cannot be read, so it is not sent: {said}")


def _one_statement(words: list[_Word]) -> list[_Word]:
    while words and words[-1].kind is TokenType.SEMICOLON:
        words = words[:-1]
    if not words:
        raise invalid("there is no statement in `query`")
    if any(each.kind is TokenType.SEMICOLON for each in words):
        raise invalid("`query` holds more than one statement; use one node for each")
    return words


def _check_first(word: _Word) -> None:
    """Refuse what the parser would only guess at, with a message that names it."""
    if word.lower not in _FIRST:
        raise invalid(
            f"a statement that begins with {word.source.upper()!r:.40} is not accepted; SELECT, "
            "WITH, VALUES and EXPLAIN are, and with `write: true` INSERT, UPDATE, DELETE and MERGE"
        )


def _written(words: Sequence[_Word], dialect: Dialect) -> tuple[list[str], list[str]]:
    """Write words and signs anew; return the pieces between parameters, and the parameters.

    Signs stay apart by a blank, so that no two together become a comment or another sign. Only
    around dots, and before a parenthesis, is it as it was: MySQL calls `count(` but not `count (`.
    """
    pieces: list[list[str]] = [[]]
    names: list[str] = []
    last = ""
    for index, word in enumerate(words):
        if _is_colon(words, index):
            names.append(words[index + 1].source)
            pieces.append([])
        elif index == 0 or not _is_colon(words, index - 1):
            _check_word(word, dialect)
            is_glued = word.touches and (word.source in {"(", "."} or last == ".")
            source = word.source
            if _PHRASE.fullmatch(source):
                source = " ".join(source.split())
            pieces[-1] += [source] if is_glued else [" ", source]
        last = word.source
    return ["".join(piece) for piece in pieces], names


def _is_colon(words: Sequence[_Word], index: int) -> bool:
    """Tell whether a parameter begins here: a colon that touches a name, and no value before."""
    if words[index].source != ":" or index + 1 == len(words):
        return False
    name = words[index + 1]
    if not name.touches or _NAME.fullmatch(name.source) is None:
        return False
    before = words[index - 1] if index and words[index].touches else None
    return before is None or before.source in _SIGNS | _MORE_SIGNS["postgres"] - {")", "]"}


def _check_word(word: _Word, dialect: Dialect) -> None:
    """Refuse what is not one word or sign by the database's own rules."""
    source = word.source
    if word.kind is TokenType.STRING:
        fits = _TEXTS[dialect].fullmatch(source)
    elif word.kind is TokenType.IDENTIFIER:
        fits = _QUOTED[dialect].fullmatch(source)
    elif source in _SIGNS or source in _MORE_SIGNS[dialect]:
        return
    else:
        fits = _NUMBER.fullmatch(source) or _BITS.fullmatch(source) or _PHRASE.fullmatch(source)
    if fits is None:
        raise invalid(
            f"{source!r:.60} cannot be used here; write texts as '…' or, better, as parameters "
            ":name with a blank before them"
        )


def _parsed(text: str, dialect: Dialect) -> exp.Expr:
    try:
        found = sqlglot.parse(text, read=dialect)
    except RecursionError:
        raise invalid("the statement is nested too deeply") from None
    except Exception as error:  # noqa: BLE001 - whatever stops it, it is not read
        raise _unreadable(error) from None
    root = found[0] if len(found) == 1 else None
    if root is None:
        raise invalid("`query` must hold one statement")
    return root


def _check_tree(root: exp.Expr, names: Sequence[str], rules: Rules) -> bool:
    """Refuse what is not allowed anywhere in the statement; tell whether it writes."""
    if not isinstance(root, (*_READ_ROOTS, *_WRITE_ROOTS)):
        raise invalid("only SELECT, VALUES, INSERT, UPDATE, DELETE and MERGE are accepted")
    writes = False
    for node in root.walk():
        for kind, why in _REFUSED:
            if isinstance(node, kind):
                raise invalid(why)
        if isinstance(node, _WRITE_ROOTS):
            writes = True
        elif isinstance(node, exp.Placeholder):
            _check_place(node, names)
        elif isinstance(node, exp.Dot):
            _check_dot(node)
    if writes and not rules.write:
        raise invalid(
            "the statement writes; that needs `write: true` in the node's config, and a grant "
            "(EXPLAIN explains only what reads)"
        )
    return writes


def _check_place(node: exp.Placeholder, names: Sequence[str]) -> None:
    """Refuse a parameter where a name belongs, and one that is not written `:name`."""
    found = re.fullmatch(rf"{_HOLE}([0-9]+)", str(node.this or ""))
    if found is None:
        raise invalid("write parameters as :name, and their values under `params`")
    parent, place = node.parent, node.arg_key
    is_name = isinstance(parent, _NAMES) or (type(parent), place) in _NAME_PLACES
    if isinstance(parent, exp.EQ) and place == "this":
        is_name = isinstance(parent.parent, exp.Update | exp.OnConflict)
    if is_name:
        raise invalid(
            f"the parameter :{names[int(found[1])]} stands where a name belongs (of a table, a "
            "column, an alias, or in ORDER BY or GROUP BY); a parameter is a value, so write the "
            "name into the query"
        )


def _check_dot(node: exp.Dot) -> None:
    """Refuse `(value).name`, by which PostgreSQL calls functions too."""
    plain = (exp.Dot, exp.Identifier, exp.Column, exp.Table, exp.Placeholder)
    if not isinstance(node.this, plain):
        raise invalid("(value).name is not accepted; it may call a function")


def _check_into(words: Sequence[_Word]) -> None:
    """Refuse INTO anywhere but at the beginning of an INSERT or MERGE."""
    for index, word in enumerate(words):
        if word.lower == "into" and (index == 0 or words[index - 1].lower not in _BEFORE_INTO):
            raise invalid("SELECT … INTO writes; it is not accepted")


def _check_calls(words: Sequence[_Word], root: exp.Expr, rules: Rules) -> None:
    """Refuse every call of a function that is neither on the list nor granted.

    A call is a name before a parenthesis. So is the list of columns of a CTE, an alias or an
    INSERT; the tree says how many of those there are, by name.
    """
    lists = Counter(_column_lists(root))
    for index in range(1, len(words)):
        word = words[index - 1]
        is_name = word.is_quoted or _PHRASE.fullmatch(word.source) is not None
        if words[index].source != "(" or not is_name:
            continue
        if index > 1 and _is_colon(words, index - 2):
            raise invalid(f"the parameter :{word.source} stands where a function's name belongs")
        if _is_allowed(words, index - 1, rules):
            continue
        if lists[word.name.lower()] == 0:
            raise _unknown_function(word.name, rules)
        lists[word.name.lower()] -= 1
    # Once more in the tree, where the schema of a granted function is apart from its name.
    bare = {each.rpartition(".")[2] for each in rules.functions}
    rules = replace(rules, functions=(*rules.functions, *bare, *BEFORE_PARENTHESIS))
    for node in root.find_all(exp.Anonymous, exp.AnonymousAggFunc):
        if not _is_known(node.name.lower(), rules):
            raise _unknown_function(node.name, rules)


def _is_allowed(words: Sequence[_Word], index: int, rules: Rules) -> bool:
    word = words[index]
    name = word.name.lower()
    if index < 2 or words[index - 1].source != ".":
        # Of words that the parser reads as one (GROUP BY) the last stands at the parenthesis.
        return _is_known(name, rules) or (
            not word.is_quoted and name.split()[-1] in BEFORE_PARENTHESIS
        )
    if index >= 3 and words[index - 3].source == ".":
        return False
    schema = words[index - 2].name.lower()
    if rules.dialect == "postgres" and schema == "pg_catalog":
        return name in FUNCTIONS["postgres"]
    return f"{schema}.{name}" in {each.lower() for each in rules.functions}


def _is_known(name: str, rules: Rules) -> bool:
    """Tell whether a function may be called by its bare name.

    ASCII alone: the Kelvin sign is a k in lower case.
    """
    granted = {each.lower() for each in rules.functions}
    return name.isascii() and (name in FUNCTIONS[rules.dialect] or name in granted)


def _column_lists(root: exp.Expr) -> Iterator[str]:
    for node in root.find_all(exp.TableAlias, exp.Schema):
        if isinstance(node, exp.Schema):
            yield node.this.name.lower()
        elif node.args.get("columns"):
            yield node.name.lower()


def _unknown_function(name: str, rules: Rules) -> NodeFailure:
    line = f'[grants.sql.connections.{rules.connection}] functions = ["{name:.63}"]'
    return invalid(
        f"the function {name!r:.80} is not on the list of those that only compute; if it does no "
        f"harm, the operator can add to legato.toml: {line}"
    )
