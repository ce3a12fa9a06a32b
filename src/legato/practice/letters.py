# SPDX-License-Identifier: Apache-2.0
"""What the practice service does with a letter: pick a topic, fill a template.

No artificial intelligence: words of a list are looked for, and a template is filled. Must hold no
state and do no I/O. Rules: PR1, PR2.
"""

import re
from typing import Any, Final

from legato.errors import InvalidInput

KEYWORDS: Final[dict[str, tuple[str, ...]]] = {
    "invoice": ("charged", "invoice", "payment", "refund"),
    "delivery": ("arrived", "delivery", "parcel", "tracking"),
    "account": ("account", "login", "password", "sign"),
}
"""By topic, the words that speak for it; the notes of the sample's node print the same list."""
OTHER: Final = "other"
TOPICS: Final = (*KEYWORDS, OTHER)
TEMPLATES: Final[dict[str, str]] = {
    "invoice": "Dear {name},\n\nthank you for writing about your invoice. We look into it today.",
    "delivery": "Dear {name},\n\nwe asked the carrier where your parcel is.",
    "account": "Dear {name},\n\nhere is how to get back into your account.",
    OTHER: "Dear {name},\n\nthank you for your message. A person will answer it.",
}
"""What a draft is made of when the request brings no template for its topic."""
TEXT_CHARACTERS_MAX: Final = 8_000
NAME_CHARACTERS_MAX: Final = 200
DRAFT_CHARACTERS_MAX: Final = 16_000
_WORD: Final = re.compile(r"\w+")
_HOLE: Final = re.compile(r"\{(name|subject|topic)\}")


def sort(asked: dict[str, Any]) -> dict[str, Any]:
    """Pick the topic with most words of its list in `subject` and `text`; of equals the first.

    Raises:
        InvalidInput: A field is missing, unknown, no text or too long.
    """
    _check_names(asked, {"subject", "text"})
    subject = _text(asked, "subject", NAME_CHARACTERS_MAX)
    words = set(_WORD.findall(f"{subject} {_text(asked, 'text', TEXT_CHARACTERS_MAX)}".lower()))
    found = {
        topic: [each for each in listed if each in words] for topic, listed in KEYWORDS.items()
    }
    topic = max(found, key=lambda each: len(found[each]))
    return {"topic": topic if found[topic] else OTHER, "because": found[topic]}


def draft(asked: dict[str, Any]) -> dict[str, Any]:
    """Fill the template of `topic` with `name` and `subject`.

    `templates` may bring templates by topic. What a value holds is not filled again.

    Raises:
        InvalidInput: A field is missing, unknown, no text or too long, or there is no such topic.
    """
    _check_names(asked, {"topic", "name", "subject", "templates"})
    topic = _text(asked, "topic", NAME_CHARACTERS_MAX)
    if topic not in TOPICS:
        raise InvalidInput(f"topic: expected one of {', '.join(TOPICS)}, got {topic!r:.80}")
    values = {
        "topic": topic,
        "name": _text(asked, "name", NAME_CHARACTERS_MAX),
        "subject": _text(asked, "subject", NAME_CHARACTERS_MAX),
    }
    reply = _HOLE.sub(lambda hole: values[hole[1]], _template(asked, topic))
    if len(reply) > DRAFT_CHARACTERS_MAX:
        raise InvalidInput(f"the draft would have more than {DRAFT_CHARACTERS_MAX} characters")
    return {"topic": topic, "subject": f"Re: {values['subject']}", "reply": reply}


def _template(asked: dict[str, Any], topic: str) -> str:
    templates = asked.get("templates", {})
    if not isinstance(templates, dict):
        raise InvalidInput("templates: expected texts by topic")
    _check_names(templates, set(TOPICS), "templates.")
    for each in templates:
        _text(templates, each, TEXT_CHARACTERS_MAX, "templates.")
    return str(templates.get(topic, TEMPLATES[topic]))


def _check_names(asked: dict[str, Any], known: set[str], above: str = "") -> None:
    unknown = sorted(set(asked) - known)
    if unknown:
        message = f"{above}{unknown[0]!r:.80} is unknown; expected {', '.join(sorted(known))}"
        raise InvalidInput(message)


def _text(asked: dict[str, Any], name: str, length_max: int, above: str = "") -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"{above}{name}: expected a text")
    if len(value) > length_max:
        raise InvalidInput(f"{above}{name}: expected at most {length_max} characters")
    return value
