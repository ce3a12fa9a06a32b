# SPDX-License-Identifier: Apache-2.0
"""SPEC.md and the tests name each other: every rule is proven, every proof has a rule."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.tidy import places

RULE: Final = re.compile(r"^- \*\*([A-Z]{2})(\d+)\*\* (.+)$", re.M)
NAMED: Final = re.compile(r"\[([A-Z]{2}\d+(?:, [A-Z]{2}\d+)*)\]")
SPEC: Final = Path("SPEC.md")


def _rules() -> list[tuple[str, int, str]]:
    return [(prefix, int(number), text) for prefix, number, text in RULE.findall(places.text(SPEC))]


def _tests() -> Iterator[tuple[str, set[str]]]:
    """Yield each test with the rule ids in the first paragraph of its docstring."""
    for path in places.python_files("tests"):
        for node in ast.walk(places.tree(path)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("test_"):
                summary = (ast.get_docstring(node) or "").partition("\n\n")[0]
                named = {each for group in NAMED.findall(summary) for each in group.split(", ")}
                yield f"{path}::{node.name}", named


def test_every_rule_has_a_test() -> None:
    """Every rule of SPEC.md is named by at least one test."""
    proven = {rule for _, named in _tests() for rule in named}
    missing = [f"{prefix}{number}" for prefix, number, _ in _rules()]
    assert [rule for rule in missing if rule not in proven] == []


def test_every_rule_that_a_test_names_exists() -> None:
    """A test names only rules that SPEC.md has."""
    rules = {f"{prefix}{number}" for prefix, number, _ in _rules()}
    unknown = [f"{test}: {rule}" for test, named in _tests() for rule in sorted(named - rules)]
    assert unknown == []


def test_rules_are_sentences_in_order_and_named_once() -> None:
    """Ids are unique and rise within their prefix; every rule is a sentence."""
    rules = _rules()
    assert rules
    ids = Counter(f"{prefix}{number}" for prefix, number, _ in rules)
    assert [rule for rule, count in ids.items() if count > 1] == []
    for prefix in {prefix for prefix, _, _ in rules}:
        numbers = [number for each, number, _ in rules if each == prefix]
        assert numbers == sorted(numbers), prefix
    assert [text for _, _, text in rules if not text.endswith(".")] == []
    bullets = re.findall(r"^- \*\*", places.text(SPEC), re.M)
    assert len(bullets) == len(rules), "a bullet in SPEC.md is no rule"
