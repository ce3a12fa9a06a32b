# SPDX-License-Identifier: Apache-2.0
"""A test file -> a checked `Suite`, or all its problems at once, each at its place.

Rules: TK7, TK17.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from legato.errors import ExpressionError, InvalidDocument, InvalidInput
from legato.model.document.config import ConfigCheck
from legato.model.document.fields import Fields, shown
from legato.model.document.inputs import check_inputs
from legato.model.document.problems import Path as Place
from legato.model.document.read import read_with_report
from legato.model.document.tree import Report
from legato.model.expressions.compile import compile_expression
from legato.model.expressions.lexer import offset_of, offset_of_path
from legato.model.expressions.nearest import nearest_name
from legato.model.node_type import NodeTypeInfo
from legato.model.policy import Limits
from legato.model.workflow import NodeSpec, Workflow
from legato.testing.workflow.outside import OutsideReader
from legato.testing.workflow.suite import (
    CASE_S,
    FORMAT,
    NAMES,
    Case,
    Expectation,
    Suite,
    nodes_by_name,
)

FILE_KEYS: Final = ("legato_test", "workflow", "grants", "cases")
GRANT_KEYS: Final = ("programs", "roots")
CASE_KEYS: Final = (
    "name", "inputs", "pin", "fail", "http", "approve", "answer", "signals", "expect", "golden",
    "timeout",
)  # fmt: skip
NAME_LENGTH_MAX: Final = 200
CASES_MAX: Final = 10_000
TIMEOUT_MS_MAX: Final = 3_600_000


class LoadedWorkflow(Protocol):
    """A workflow and those it calls; `missing` are names of called ones that were not found."""

    workflow: Workflow
    called: dict[str, Workflow]
    missing: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a test file is read with.

    `load` reads a workflow file and those beside it. `programs` and `roots` are what the person
    who runs the tests allows; `is_dry`: nothing will be run, so nothing has to be allowed.
    """

    load: Callable[[Path], LoadedWorkflow]
    catalogue: Mapping[str, NodeTypeInfo]
    limits: Limits
    programs: tuple[str, ...] = ()
    roots: tuple[Path, ...] = ()
    is_dry: bool = False


def read_suite(text: bytes, file: Path, given: Surroundings) -> Suite:
    """Read and check a test file; its workflow is read too, nothing is run.

    Raises:
        InvalidDocument: With every problem of the test file, or of the workflow.
        InvalidInput: The workflow cannot be read.
    """
    document, report = read_with_report(text, file=str(file), limits=given.limits)
    if document is None:
        raise InvalidDocument(report.finish())
    if not isinstance(document.data, dict):
        report.add(
            (), "a test file is a map", expected="legato_test, workflow and cases",
            got=shown(document.data),
        )  # fmt: skip
        raise InvalidDocument(report.finish())
    fields = Fields(report, document.data, ())
    fields.refuse_unknown(FILE_KEYS)
    if fields.require("legato_test", f"legato_test: {FORMAT}") and (
        isinstance(fields.data["legato_test"], bool) or fields.data["legato_test"] != FORMAT
    ):
        fields.wrong("legato_test", "this format is not known", str(FORMAT))
    programs, roots = _read_grants(fields, file.parent, given)
    loaded = _load(fields, file, given)
    reader = _Cases(report, file, given, loaded)
    cases = reader.read(fields)
    report.raise_if_any()
    assert loaded is not None, "without a workflow there is a problem"
    return Suite(
        file=file, workflow=loaded.workflow, called=loaded.called, cases=cases, programs=programs,
        roots=roots,
    )  # fmt: skip


def _load(fields: Fields, file: Path, given: Surroundings) -> LoadedWorkflow | None:
    if not fields.require("workflow", "the workflow's file, from the folder of this one"):
        return None
    name = fields.text("workflow")
    if name is None:
        return None
    try:
        return given.load(file.parent / name)
    except InvalidDocument:
        raise
    except InvalidInput as error:
        fields.report.add(("workflow",), error.message, expected="a workflow file")
        return None


def _read_grants(
    fields: Fields, folder: Path, given: Surroundings
) -> tuple[tuple[str, ...], tuple[Path, ...]]:
    """Return what the file wants and the person allows; everything else is a problem."""
    inner = fields.mapping("grants")
    if inner is None:
        return (), ()
    inner.refuse_unknown(GRANT_KEYS)
    programs, roots = _texts(inner, "programs"), _texts(inner, "roots")
    if given.is_dry:
        return (), ()
    for index, program in enumerate(programs):
        if program not in given.programs:
            fields.report.add(
                inner.below("programs", index), f"{program} may not be started by tests here",
                expected=f"--allow-program {program} on the command line",
            )  # fmt: skip
    paths = tuple((folder / root).resolve() for root in roots)  # `..` must not lead out again
    allowed = [root.resolve() for root in given.roots]
    for index, path in enumerate(paths):
        if not any(path.is_relative_to(root) for root in allowed):
            fields.report.add(
                inner.below("roots", index), f"{path} may not be used by tests here",
                expected=f"--allow-root {path} on the command line",
            )  # fmt: skip
    return programs, paths


def _texts(fields: Fields, key: str) -> tuple[str, ...]:
    value = fields.data.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        fields.wrong(key, f"{key} is not a list of texts", "a list of texts")
        return ()
    return tuple(value)


class _Cases:
    """Reads the cases of one file."""

    def __init__(
        self, report: Report, file: Path, given: Surroundings, loaded: LoadedWorkflow | None
    ) -> None:
        """Args: loaded is None if there is no workflow to check against."""
        self._report = report
        self._file = file
        self._given = given
        self._loaded = loaded
        self._nodes: dict[str, NodeSpec] = (
            {} if loaded is None else nodes_by_name(loaded.workflow, loaded.called)
        )

    def read(self, fields: Fields) -> tuple[Case, ...]:
        if not fields.require("cases", "a list of cases"):
            return ()
        value = fields.data["cases"]
        if not isinstance(value, list) or not 0 < len(value) <= CASES_MAX:
            fields.wrong("cases", "cases is not a list", f"a list of 1 to {CASES_MAX} cases")
            return ()
        cases: list[Case] = []
        names: set[str] = set()
        for index, each in enumerate(value):
            place = fields.below("cases", index)
            if not isinstance(each, dict):
                self._report.add(
                    place, "a case is a map", expected="a map with name", got=shown(each)
                )
                continue
            case = self._case(Fields(self._report, each, place))
            if case.name in names:
                self._report.add((*place, "name"), f"a second case is called {case.name!r:.80}")
            names.add(case.name)
            cases.append(case)
        return tuple(cases)

    def _case(self, fields: Fields) -> Case:
        fields.refuse_unknown(CASE_KEYS)
        fields.require("name", "a short text")
        outside = OutsideReader(fields, self._nodes, known=self._loaded is not None)
        golden = self._golden(fields)
        timeout_ms = fields.duration_ms("timeout")
        if timeout_ms is not None and timeout_ms > TIMEOUT_MS_MAX:
            fields.wrong("timeout", "timeout is too long", "an hour at most")
        failing = fields.data.get("fail")
        failing = failing if isinstance(failing, dict) else {}
        pins = outside.pins(
            lambda node, value, place: self._check_pin(
                node, value, place, may_fail=place[-1] in failing
            )
        )
        failures = outside.failures()
        self._check_calls(fields, {*pins, *failures})
        return Case(
            name=fields.text("name", length_max=NAME_LENGTH_MAX) or "",
            line=self._line(fields.path),
            inputs=self._inputs(fields),
            pins=pins,
            failures=failures,
            exchanges=outside.exchanges(),
            replies=outside.replies(),
            signals=outside.signals(),
            expectations=self._expectations(fields),
            golden=golden,
            timeout_s=CASE_S if timeout_ms is None else timeout_ms / 1000,
        )

    def _golden(self, fields: Fields) -> Path | None:
        """Return the golden file. It is written by --update, so it stays beside the test."""
        name = fields.text("golden")
        if name is None:
            return None
        folder = self._file.parent
        file = folder / name
        if not name.endswith(".json") or not file.resolve().is_relative_to(folder.resolve()):
            expected = "a file NAME.json in the folder of the test or below"
            fields.wrong("golden", "golden cannot be there", expected)
        return file

    def _line(self, place: Place) -> int:
        return self._report.document.place(self._report.document.offset(place))[0]

    def _inputs(self, fields: Fields) -> dict[str, Any]:
        inner = fields.mapping("inputs")
        given = {} if inner is None else dict(inner.data)
        if self._loaded is None:
            return given
        try:
            return check_inputs(bytes(self._loaded.workflow.inputs_schema), given)
        except InvalidDocument as error:
            for problem in error.problems:
                path = getattr(problem, "path", "")
                step = path.partition(".")[0].partition("[")[0]
                self._report.add(
                    fields.below("inputs", step) if step in given else fields.path,
                    f"inputs.{path}: {getattr(problem, 'message', problem)}",
                    expected=getattr(problem, "expected", None),
                    nearest=getattr(problem, "nearest", None),
                )
        except InvalidInput as error:
            self._report.add(fields.below("inputs"), error.message)
        return given

    def _check_pin(self, node: NodeSpec, value: Any, place: Place, *, may_fail: bool) -> None:
        """Check a pinned output against what the node type promises."""
        info = self._given.catalogue.get(node.uses)
        if info is None or not info.output_schema:  # it may return anything
            return
        check = ConfigCheck(self._report, info.output_schema, ())
        if not node.has_foreach:
            check.check(value, place)
        elif not isinstance(value, list):
            self._report.add(
                place, "this node runs once per item", got=shown(value),
                expected="a list with the output of every item",
            )  # fmt: skip
        else:
            for index, each in enumerate(value):
                if each is not None or not may_fail:  # an item that fails gives nothing
                    check.check(each, (*place, index))

    def _check_calls(self, fields: Fields, replaced: set[str]) -> None:
        """A called workflow that is not there can only be pinned."""
        missing = set() if self._loaded is None else set(self._loaded.missing)
        for name, node in self._nodes.items():
            called = node.call.workflow if node.call is not None else None
            if called in missing and name not in replaced:
                self._report.add(
                    fields.path, f"{name} calls {called}, which is not beside the workflow",
                    expected=f"pin: {{{name}: …}}",
                )  # fmt: skip

    def _expectations(self, fields: Fields) -> tuple[Expectation, ...]:
        value = fields.data.get("expect", [])
        if not isinstance(value, list):
            fields.wrong("expect", "expect is not a list", "a list of expressions")
            return ()
        found: list[Expectation] = []
        for index, source in enumerate(value):
            place = fields.below("expect", index)
            if not isinstance(source, str):
                self._report.add(
                    place, "an expectation is text", expected="an expression such as "
                    "status == 'completed'", got=shown(source),
                )  # fmt: skip
                continue
            expectation = self._expectation(source, place)
            if expectation is not None:
                found.append(expectation)
        return tuple(found)

    def _expectation(self, source: str, place: Place) -> Expectation | None:
        try:
            compiled = compile_expression(source, limits=self._given.limits, names=NAMES)
        except ExpressionError as error:
            at = offset_of(source, *error.place) if error.place is not None else 0
            hint = "" if error.hint is None else f". {error.hint}"
            self._report.add(
                place, f"expression: {error.message.rstrip('.')}{hint}", at=at,
                expected=error.expected, nearest=error.nearest,
            )  # fmt: skip
            return None
        known = [name for name in self._nodes if "/" not in name]
        for node in compiled.node_refs:
            if self._loaded is not None and node not in known:
                self._report.add(
                    place, f"there is no node {node}", nearest=nearest_name(node, known),
                    at=offset_of_path(source, ("nodes", node)),
                )  # fmt: skip
        return Expectation(source, compiled, self._line(place))
