# SPDX-License-Identifier: Apache-2.0
"""Judging an outcome: expectations, golden outputs, and what is said of those that do not hold."""

from pathlib import Path
from typing import Any

import pytest

from legato.errors import InvalidInput, Unavailable
from legato.model.events import NodeError
from legato.testing.workflow.judge import compare_golden, failures_of, golden_text, write_golden
from legato.testing.workflow.outcome import Outcome
from tests.unit.testing.workflow.files import case, suite


def node_is(status: str, output: Any, attempts: int) -> dict[str, Any]:
    """Return a node as an expectation reads it."""
    return {"output": output, "status": status, "error": None, "errors": [], "attempts": attempts}


def outcome(**changes: Any) -> Outcome:
    """Return how a run of the shop ended."""
    fetched = node_is("completed", {"status": 200}, 2)
    given: dict[str, Any] = {
        "status": "completed", "inputs": {"city": "Paris"}, "outputs": {"sent": [1, 2]},
        "nodes": {"fetch": fetched}, "elapsed_ms": 5,
    }  # fmt: skip
    return Outcome(**{**given, **changes})


def judged(*expectations: str, **changes: Any) -> list[str]:
    """Return what is wrong with an outcome."""
    (one,) = suite(case(f"expect: {list(expectations)!r}")).cases
    return failures_of(one, outcome(**changes), "shop")


def test_expectations_read_everything_that_is_promised() -> None:
    """Status, inputs, outputs, nodes with their attempts, execution [TK14]."""
    assert (
        judged(
            "status == \"completed\"", "inputs.city == \"Paris\"", "size(outputs.sent) == 2",
            "nodes.fetch.output.status == 200 && nodes.fetch.attempts == 2",
            "nodes.fetch.errors == [] && nodes.fetch.error == null",
            "execution.workflow == \"shop\" && execution.elapsed_ms == 5",
            "outputs.sent.all(n, n > 0)", "outputs.?none.orValue(7) == 7",
        )
        == []
    )  # fmt: skip


def test_an_expectation_that_is_false_shows_what_it_read() -> None:
    """Its line, its text, and every value, long ones cut [TK14]."""
    (said,) = judged('outputs.sent == [1] || inputs.city == "Rome"')
    assert said.splitlines() == [
        'line 5: outputs.sent == [1] || inputs.city == "Rome"  is false',
        '  inputs.city = "Paris"',
        "  outputs.sent = [1, 2]",
    ]
    (said,) = judged('outputs.sent == ""', outputs={"sent": "x" * 5_000})
    assert "5002 characters" in said
    assert len(said) < 500


def test_an_expectation_that_is_no_condition_or_cannot_be_evaluated_fails() -> None:
    """Only true is true; a missing field is said to be missing [TK14]."""
    assert "is 2; expected true" in judged("size(outputs.sent)")[0]
    (said,) = judged("outputs.sold == 1")
    assert "outputs.sold = nothing" in said
    (said,) = judged("nodes.fetch.output.status / 0 == 1")
    assert "divide by zero" in said


def test_a_run_that_did_not_complete_fails_unless_that_is_expected() -> None:
    """Without a word about the status it must complete; why it failed is said [TK14]."""
    error = NodeError("http.503", "later")
    changes = {"status": "failed", "error": error, "error_node": "fetch"}
    said = judged('inputs.city == "Paris"', **changes)
    assert said == [
        "the execution is failed; expected completed",
        "it failed: fetch: http.503: later",
    ]
    assert judged('status == "failed" && execution.error.kind == "http.503"', **changes) == []
    parked = node_is("needs_attention", None, 1)
    said = judged(status="needs_attention", nodes={"fetch": parked})
    assert said[1] == "fetch needs attention: its outcome is unknown"


def test_trouble_fails_a_case_whatever_is_expected() -> None:
    """A request that nobody recorded cannot be expected away [TK10, TK13]."""
    assert judged('status == "completed"', trouble=("no recorded exchange",)) != []


def test_golden_outputs_are_compared_as_values(tmp_path: Path) -> None:
    """The order of keys and white space do not matter; true is not 1 [TK15]."""
    file = tmp_path / "g.json"
    file.write_text('{"b": [1, 2], "a": {"x": true}}', encoding="utf-8")
    assert compare_golden(file, {"a": {"x": True}, "b": [1, 2]}) is None
    said = compare_golden(file, {"a": {"x": 1}, "b": [1]})
    assert said is not None
    assert said.splitlines()[1:] == [
        "  outputs.b[1]: expected 2, got nothing",
        "  outputs.a.x: expected true, got 1",
    ]
    file.write_text(golden_text({"a": {"x": 1}, "b": [1]}), encoding="utf-8")
    assert compare_golden(file, {"a": {"x": 1}, "b": [1]}) is None


def test_texts_differ_line_by_line(tmp_path: Path) -> None:
    """A long report shows the lines that changed and those around them [TK15]."""
    file = tmp_path / "g.json"
    lines = [f"line {number}" for number in range(40)]
    file.write_text(golden_text({"report": "\n".join(lines)}), encoding="utf-8")
    lines[20] = "another"
    said = compare_golden(file, {"report": "\n".join(lines)})
    assert said is not None
    assert "    -line 20" in said.splitlines()
    assert "    +another" in said.splitlines()
    assert "line 30" not in said


def test_many_differences_are_bounded(tmp_path: Path) -> None:
    """A wholly different output does not flood the terminal [TK15]."""
    file = tmp_path / "g.json"
    file.write_text(golden_text(list(range(1_000))), encoding="utf-8")
    said = compare_golden(file, list(range(1_000, 2_000)))
    assert said is not None
    assert len(said.splitlines()) < 60
    assert said.endswith("and 950 more")


def test_a_golden_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """One that is missing says how to make it; one that is no JSON is a mistake [TK15]."""
    assert "--update" in str(compare_golden(tmp_path / "none.json", {}))
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"bad\.json"):
        compare_golden(tmp_path / "bad.json", {})
    with pytest.raises(InvalidInput, match="cannot be read"):
        compare_golden(tmp_path, {})
    with pytest.raises(Unavailable, match="cannot write"):
        write_golden(tmp_path / "bad.json" / "x.json", {})
