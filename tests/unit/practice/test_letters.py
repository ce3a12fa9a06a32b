# SPDX-License-Identifier: Apache-2.0

from typing import Any

import pytest

from legato.errors import InvalidInput
from legato.practice.letters import DRAFT_CHARACTERS_MAX, KEYWORDS, TEMPLATES, draft, sort


def test_the_topic_with_most_words_is_picked() -> None:
    """Whole words count, in any case; the answer says which [PR1]."""
    found = sort({"subject": "My PARCEL", "text": "No delivery; the invoice is wrong."})
    assert found == {"topic": "delivery", "because": ["delivery", "parcel"]}
    assert sort({"subject": "", "text": "parcels and passwords"}) == {
        "topic": "other",
        "because": [],
    }


def test_of_equal_topics_the_first_of_the_list_is_picked() -> None:
    """The same letter always has the same topic [PR1]."""
    words = [listed[0] for listed in KEYWORDS.values()]
    assert sort({"subject": " ".join(reversed(words)), "text": ""})["topic"] == next(iter(KEYWORDS))


def test_a_draft_is_the_filled_template_of_its_topic() -> None:
    """That of the request goes before the service's own [PR2]."""
    asked = {"topic": "invoice", "name": "Ada", "subject": "Twice"}
    assert draft(asked)["reply"] == TEMPLATES["invoice"].replace("{name}", "Ada")
    own = {"invoice": "{name}: {subject}, {topic}, {other}, {name.__class__}", "other": "no"}
    assert draft({**asked, "templates": own}) == {
        "topic": "invoice",
        "subject": "Re: Twice",
        "reply": "Ada: Twice, invoice, {other}, {name.__class__}",
    }


def test_what_a_value_holds_is_not_filled_again() -> None:
    """A name such as {subject} stays what it is [PR2]."""
    asked = {
        "topic": "other",
        "name": "{subject}",
        "subject": "x",
        "templates": {"other": "{name}"},
    }
    assert draft(asked)["reply"] == "{subject}"


@pytest.mark.parametrize(
    ("work", "asked", "said"),
    [
        (sort, {"subject": "x"}, "text: expected a text"),
        (sort, {"subject": 1, "text": ""}, "subject: expected a text"),
        (sort, {"subject": "x" * 201, "text": ""}, "at most 200"),
        (sort, {"subject": "", "text": "x" * 8001}, "at most 8000"),
        (sort, {"subject": "", "text": "", "more": 1}, "'more' is unknown"),
        (draft, {"topic": "tea", "name": "", "subject": ""}, "expected one of invoice"),
        (draft, {"topic": "other", "name": "", "subject": "", "templates": []}, "by topic"),
        (draft, {"topic": "other", "name": "", "subject": "", "templates": {"x": ""}}, "unknown"),
        (draft, {"topic": "other", "name": "", "subject": "", "templates": {"other": 1}}, "a text"),
    ],
)
def test_what_is_no_letter_is_refused(work: Any, asked: dict[str, Any], said: str) -> None:
    """The field and what was expected are named [PR7]."""
    with pytest.raises(InvalidInput, match=said):
        work(asked)


def test_a_template_cannot_make_a_draft_of_any_length() -> None:
    """Holes that grow beyond the bound are refused [PR7]."""
    templates = {"other": "{name}" * (DRAFT_CHARACTERS_MAX // 200 + 1)}
    with pytest.raises(InvalidInput, match="the draft would have more"):
        draft({"topic": "other", "name": "x" * 200, "subject": "", "templates": templates})
