# SPDX-License-Identifier: Apache-2.0
"""Source text -> something that can be evaluated again and again, cached within a bound.

Two kinds: a plain reference (`nodes.log.output.rows[0].name`) is followed in Python, keeps the
order of keys and any size, and costs under a microsecond; everything else is a CEL program. Only
the paths that the program reads are handed to the runtime, which copies everything it is given.

Rules: EX1, EX3, EX5, EX7, EX10, EX12, EX16, EX17, EX19.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from legato.errors import ExpressionError
from legato.model.expressions.analysis import Analysis, analyse, analyse_path
from legato.model.expressions.environment import WORKFLOW, Names, environment
from legato.model.expressions.faults import broken_path, compile_fault, evaluation_fault
from legato.model.expressions.lexer import names as names_in
from legato.model.expressions.plain import to_json
from legato.model.expressions.rewrite import Rewriter
from legato.model.expressions.syntax import read_checked, write_checked
from legato.model.ids import NodeId
from legato.model.policy import Limits

if TYPE_CHECKING:
    from cel_expr_python import cel  # type: ignore[import-untyped]

CACHE_SIZE: Final = 1_024
"""Compiled programs that are kept. One takes about 15 KB [measured], so 15 MB at most."""
_OPTIONAL_MACROS_MAX: Final = 4
"""Uses of `optMap` and `optFlatMap`: each doubles the tree below it, in the parser already."""

_PLAIN: Final = re.compile(
    r"([a-z]+)(?:\s*\.\s*[A-Za-z_]\w*|\[(?:[0-9]{1,9}|'[^'\\\n]*'|\"[^\"\\\n]*\")\])*",
    re.ASCII,
)
_STEP: Final = re.compile(r"([A-Za-z_]\w*)|\[([0-9]+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]", re.ASCII)
_NOT_FIELDS: Final = frozenset({"in", "true", "false", "null"})
_FAILURES: Final = (RuntimeError, TypeError, ValueError, OverflowError, SystemError, MemoryError)

_Trie = dict[str, Any]


class Compiled:
    """An expression that has been checked. Immutable and safe to use from several threads."""

    __slots__ = ("analysis", "source")

    def __init__(self, source: str, analysis: Analysis) -> None:
        """Args: analysis says what the source reads."""
        self.source = source
        self.analysis = analysis

    @property
    def roots(self) -> tuple[str, ...]:
        """Which of the variables are read."""
        return self.analysis.roots

    @property
    def node_refs(self) -> tuple[NodeId, ...]:
        """Which nodes are read."""
        return self.analysis.node_refs

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """The constant paths that are read, none the beginning of another."""
        return self.analysis.paths

    @property
    def is_bounded(self) -> bool:
        """Tell whether it may be evaluated inside the engine's turn.

        False for anything that iterates, and for anything that can build a value much larger than
        its inputs or goes over them many times; that runs in a helper process.
        """
        return self.analysis.is_bounded

    @property
    def is_reference(self) -> bool:
        """Tell whether it is a plain reference, followed without the CEL runtime."""
        return False

    def evaluate(self, variables: Mapping[str, object]) -> Any:
        """Return the value as plain JSON data (dict, list, str, int, float, bool, None).

        Args:
            variables: Values of the variables by name; those not in `roots` are not looked at.

        Returns:
            Data that must not be changed: a plain reference returns the very object it names.

        Raises:
            ExpressionError: It cannot be evaluated, or its value is no JSON value.
        """
        raise NotImplementedError


class Reference(Compiled):
    """A plain reference. Cost: one look-up per step."""

    __slots__ = ("steps",)

    def __init__(self, source: str, steps: tuple[str | int, ...], names: Names = WORKFLOW) -> None:
        """Args: steps are keys and indices, the variable first; names are those it may read."""
        constant = next((at for at, step in enumerate(steps) if isinstance(step, int)), len(steps))
        path = tuple(str(step) for step in steps[:constant])
        super().__init__(source, analyse_path(source, path, names))
        self.steps = steps

    @property
    def is_reference(self) -> bool:
        """True."""
        return True

    def evaluate(self, variables: Mapping[str, object]) -> Any:
        """See `Compiled.evaluate`."""
        value: Any = variables
        for step in self.steps:
            # Text has indices in Python but not in CEL.
            if type(value) is str:
                raise self._fault(variables)
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                raise self._fault(variables) from None
        return value

    def _fault(self, variables: Mapping[str, object]) -> ExpressionError:
        return ExpressionError(broken_path(self.steps, variables) or "it cannot be followed")


class Program(Compiled):
    """A CEL program. Cost: about 5 µs plus a copy of what it reads."""

    __slots__ = ("_program", "_trie", "_unwrapped")

    def __init__(
        self,
        source: str,
        analysis: Analysis,
        program: "cel.Expression",
        unwrapped: "cel.Expression | None",
    ) -> None:
        """Args: unwrapped is the same with `.orValue(null)`, for a result that is an optional."""
        super().__init__(source, analysis)
        self._program = program
        self._unwrapped = unwrapped
        self._trie = _trie(analysis.paths)

    def evaluate(self, variables: Mapping[str, object]) -> Any:
        """See `Compiled.evaluate`."""
        data: dict[str, object] = {}
        for root, branch in self._trie.items():
            if root not in variables:
                raise ExpressionError(f"{root} cannot be read here (in {self.source:.120})")
            data[root] = _pruned(variables[root], branch)
        try:
            if self._unwrapped is not None:
                return self._evaluate_optional(data, variables)
            value = self._program.eval(data=data)
            plain = value.plain_value()
            # Only an error has both: the type ERROR and a text in its place.
            if type(plain) is str and value.type().name() == "ERROR":
                raise evaluation_fault(self.source, plain, self.analysis.paths, variables)
        except _FAILURES as error:
            raise evaluation_fault(
                self.source, str(error), self.analysis.paths, variables
            ) from None
        return to_json(plain)

    def _evaluate_optional(
        self, data: dict[str, object], variables: Mapping[str, object]
    ) -> object:
        value = self._program.eval(data=data)
        if value.type().name() == "ERROR" and _error_text(value) is None:
            assert self._unwrapped is not None, "only called with it"
            value = self._unwrapped.eval(data=data)
        text = _error_text(value)
        if text is not None:
            raise evaluation_fault(self.source, text, self.analysis.paths, variables)
        return to_json(_without_optionals(value))


def _error_text(value: "cel.Value") -> str | None:
    """Return what an error value says; None for an optional, which has the same type name."""
    if value.type().name() != "ERROR":
        return None
    try:
        return str(value.plain_value())
    except TypeError:
        return None


def _without_optionals(value: "cel.Value") -> object:
    """Return the plain value step by step: the runtime crashes on optionals inside lists."""
    if value.type().name() == "ERROR":
        raise ExpressionError(
            "the result holds an optional value.", hint="Write .orValue(…) behind the optional."
        )
    inner = value.value()
    if isinstance(inner, list):
        return [_without_optionals(element) for element in inner]
    if isinstance(inner, dict):
        return {key: _without_optionals(element) for key, element in inner.items()}
    return value.plain_value()


def compile_expression(source: str, *, limits: Limits, names: Names = WORKFLOW) -> Compiled:
    """Check an expression and make it ready to be evaluated; nothing is evaluated.

    Args:
        source: CEL, without the `${{ }}` around it.
        limits: `max_expression_bytes` bounds the source.
        names: What it may read.

    Raises:
        ExpressionError: It is too long or not valid; `place`, `expected` and `nearest` are set
            where they are known.

    Cost: about 100 µs, or nothing for a source that was compiled lately.
    """
    return _compile(source, limits.max_expression_bytes, names)


@lru_cache(maxsize=CACHE_SIZE)
def _compile(source: str, size_bytes_max: int, names: Names) -> Compiled:
    _check_text(source, size_bytes_max)
    stripped = source.strip()
    plain = _PLAIN.fullmatch(stripped)
    if plain is not None and plain[1] in names.roots:
        steps = _steps(stripped)
        if not _NOT_FIELDS.intersection(steps):
            return Reference(source, steps, names)
    if (
        sum(token.text in {"optMap", "optFlatMap"} for token in names_in(source))
        > _OPTIONAL_MACROS_MAX
    ):
        raise ExpressionError(
            f"more than {_OPTIONAL_MACROS_MAX} uses of optMap and optFlatMap in one expression"
        )
    env = environment(names.roots)
    try:
        program = env.compile(source)
        checked = read_checked(program.serialize())
    except _FAILURES as error:
        raise compile_fault(source, str(error), names.roots) from None
    analysis = analyse(source, checked.tree, names)
    rewriter = Rewriter(checked, names)
    checked.tree = rewriter.rewrite(checked.tree)
    if rewriter.changed:
        program = env.deserialize(write_checked(checked))
    unwrapped = None
    if analysis.has_optional:
        checked.tree = rewriter.or_null(checked.tree)
        unwrapped = env.deserialize(write_checked(checked))
    return Program(source, analysis, program, unwrapped)


def _check_text(source: str, size_bytes_max: int) -> None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        raise ExpressionError("the expression holds a lone surrogate") from None
    if size > size_bytes_max:
        raise ExpressionError(
            f"the expression has {size} bytes; the limit is {size_bytes_max}.",
            hint="Split it over several nodes.",
        )
    if "\x00" in source:
        raise ExpressionError("the expression holds a NUL character")
    if not source.strip():
        raise ExpressionError("the expression is empty", expected="a value", place=(1, 1))


def _steps(source: str) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    for name, index, one, two in _STEP.findall(source):
        steps.append(int(index) if index else name or one or two)
    return tuple(steps)


def _trie(paths: tuple[tuple[str, ...], ...]) -> _Trie:
    """Return the paths as nested maps; an empty map means the whole value."""
    trie: _Trie = {}
    for path in paths:
        branch = trie
        for step in path:
            branch = branch.setdefault(step, {})
    return trie


def _pruned(value: object, branch: _Trie) -> object:
    """Return a copy of a value that holds only what is read; other kinds than maps are whole."""
    if not branch or type(value) is not dict:
        return value
    return {key: _pruned(value[key], below) for key, below in branch.items() if key in value}
