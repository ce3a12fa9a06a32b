# SPDX-License-Identifier: Apache-2.0
"""Documents that are checked for answers: codes, ranges, bounds."""

import asyncio
from collections.abc import Mapping

import pytest

from legato.api import workflow_checks
from legato.api.problems import InvalidBody
from legato.api.workflow_checks import CHECKED_MAX, WAITING_MAX, Texts
from legato.api.workflow_texts import ProblemView, kept, valid, views
from legato.errors import InvalidDocument, Refused
from legato.model.node_type import NodeTypeInfo
from tests.unit.model.document.types import CATALOGUE, LIMITS

GOOD = "legato: 1\nname: good\nnodes:\n  a: {uses: delay, with: {for: 1s}}\n"


def catalogue() -> Mapping[str, NodeTypeInfo]:
    """Return the node types."""
    return CATALOGUE


async def problems(text: str, slug: str | None = None) -> list[ProblemView]:
    """Return what is wrong with a text."""
    return views(await Texts().check(text.encode(), LIMITS, catalogue), slug)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "unreadable"),
        ("", "unreadable"),
        ("{", "unreadable"),
        (GOOD + "more: 1\n", "unknown_key"),
        (GOOD.replace("name: good\n", ""), "missing"),
        (GOOD.replace("delay", "no.such"), "unknown_node_type"),
        (GOOD + "  b: {needs: [c], uses: delay, with: {for: 1s}}\n", "unknown_node"),
        (GOOD + "outputs: {x: '${{ inputs.nosuch }}'}\n", "unknown_input"),
        (GOOD + "outputs: {x: '${{ 1 + }}'}\n", "expression"),
        (GOOD.replace("a: {", "a: {needs: [a], "), "cycle"),
        (GOOD + "name: again\n", "duplicate"),
        (GOOD.replace("name: good", "name: Not Good"), "invalid"),
        (GOOD + "concurrency: 0\n", "limit"),
        (GOOD.replace("a: {", "a: {join: some, "), "unknown_value"),
        (GOOD.replace("for: 1s", "for: {secret: x}"), "secret"),
    ],
)
async def test_each_kind_of_problem_has_its_code(text: str, code: str) -> None:
    """A word that the studio can rely on [WF23]."""
    assert code in {each.code for each in await problems(text)}, text


async def test_a_problem_says_where_it_begins_and_ends() -> None:
    """Pointer, first place and the one after its last character [WF23]."""
    (found,) = await problems(GOOD.replace("delay", "'no.such'"))
    assert (found.path, found.line, found.column) == ("/nodes/a/uses", 4, 13)
    assert (found.end_line, found.end_column) == (4, 22)
    (key,) = await problems(GOOD + "zzz: 1\n")
    assert (key.path, key.line, key.column, key.end_line, key.end_column) == ("/zzz", 5, 1, 5, 4)
    (name,) = await problems(GOOD, slug="other")
    assert (name.code, name.path) == ("slug_mismatch", "/name")
    assert await problems(GOOD, slug="good") == []


async def test_only_a_whole_document_of_that_name_is_valid() -> None:
    """Else every problem, or the name [WF24]."""
    good = await Texts().check(GOOD.encode(), LIMITS, catalogue)
    assert valid(good, "good").name == "good"
    with pytest.raises(Refused) as refused:
        valid(good, "other")
    assert refused.value.code == "slug_mismatch"
    bad = await Texts().check(b"legato: 1", LIMITS, catalogue)
    with pytest.raises(InvalidDocument):
        valid(bad, "good")


async def test_what_was_checked_is_remembered_within_bounds() -> None:
    """The same text is not checked again; the oldest go first [WF16]."""
    texts = Texts()
    first = await texts.check(GOOD.encode(), LIMITS, catalogue)
    assert await texts.check(GOOD.encode(), LIMITS, catalogue) is first
    for each in range(CHECKED_MAX):
        await texts.check(b"%d" % each, LIMITS, catalogue)
    assert await texts.check(GOOD.encode(), LIMITS, catalogue) is not first


async def test_large_texts_push_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is bounded by size, too [WF16]."""
    monkeypatch.setattr(workflow_checks, "CHECKED_BYTES_MAX", 1_000)
    texts = Texts()
    first = await texts.check(GOOD.encode(), LIMITS, catalogue)
    await texts.check(GOOD.encode() + b"#" * 900, LIMITS, catalogue)
    assert await texts.check(GOOD.encode(), LIMITS, catalogue) is not first


async def test_too_many_that_wait_are_refused() -> None:
    """None of those that were taken is lost [WF16]."""
    texts = Texts()
    wanted = [texts.check(b"%d" % each, LIMITS, catalogue) for each in range(WAITING_MAX + 5)]
    done = await asyncio.gather(*wanted, return_exceptions=True)
    refused = [each for each in done if isinstance(each, BaseException)]
    assert len(refused) == 5
    assert all(isinstance(each, Refused) and each.code == "unavailable" for each in refused)


def test_a_text_is_kept_unless_no_store_could_hold_it() -> None:
    """Size, encoding and NUL are told with the line [WF17]."""
    assert kept(b"a: [", 4, "") == b"a: ["
    with pytest.raises(Refused):
        kept(b"a: [1", 4, "")
    for data in (b"a\n\xff", b"a\nb\x00"):
        with pytest.raises(InvalidBody) as refused:
            kept(data, 10, "/source")
        (fault,) = refused.value.faults
        assert (fault.path, fault.line) == ("/source", 2)
