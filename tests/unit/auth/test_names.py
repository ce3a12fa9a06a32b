# SPDX-License-Identifier: Apache-2.0
"""Addresses, display names and slugs."""

# ruff: noqa: RUF001 - look-alikes are what this is about

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from legato.auth import names
from legato.errors import InvalidInput


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("anna@example.org", "anna@example.org"),
        ("  Anna.Smith+x@Example.ORG \n", "anna.smith+x@example.org"),
        ("ＡＤＭＩＮ＠ｅｘａｍｐｌｅ．ｏｒｇ", "admin@example.org"),
        ("Straße@example.org", "strasse@example.org"),
        ("owner@localhost", "owner@localhost"),
        ("ﬁona@example.org", "fiona@example.org"),
        ("JOSE\u0301@example.org", "jos\u00e9@example.org"),
        ("иван@пример.рф", "иван@пример.рф"),
        ("山田たろう@example.jp", "山田たろう@example.jp"),
        ("Kimchi김치@example.kr", "kimchi김치@example.kr"),
        ("anq\u0301a@example.org", "anq\u0301a@example.org"),
        ("o'neil_1!#$%&*/=?^`{|}~-@a-b.c", "o'neil_1!#$%&*/=?^`{|}~-@a-b.c"),
    ],
)
def test_an_address_is_folded(typed: str, folded: str) -> None:
    """NFKC and casefold: what is written differently and read alike is one address [AU40]."""
    assert names.fold_email(typed) == folded
    assert names.fold_email(folded) == folded


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "3 to 254"),
        ("a" * 251 + "@b.c", "3 to 254"),
        ("a" * 65 + "@b.c", "too long"),
        ("ﷺ" * 14 + "@b.c", "not seen"),
        ("ﬃ" * 30 + "@b.c", "too long"),
        ("anna", "name@domain"),
        ("@example.org", "name@domain"),
        ("anna@", "name@domain"),
        ("a@b@c", "name@domain"),
        ("anna smith@example.org", "not seen"),
        ("anna\u202e@example.org", "U+202E"),
        ("anna\u200b@example.org", "U+200B"),
        ("anna\u2066@example.org", "U+2066"),
        ("anna\0@example.org", "U+0000"),
        ("anna\r\nBcc:x@example.org", "U+000D"),
        ("anna\u3000b@example.org", "U+3000"),
        ("anna\ud800@example.org", "U+D800"),
        ("anna\ue000@example.org", "U+E000"),
        ("anna\u034f@example.org", "U+034F"),
        ("anna\ufe0f@example.org", "U+FE0F"),
        ("anna\u3164@example.org", "U+3164"),
        ("anna\U000e0101@example.org", "U+E0101"),
        ("anna@ex\u180bample.org", "U+180B"),
        ("anna\u0378@example.org", "U+0378"),
        ("anna<b>@example.org", "U+003C"),
        ('"anna"@example.org', "U+0022"),
        ("anna℀b,@example.org", "U+002C"),
        ("anna٣@example.org", "U+0663"),
        ("anna😀@example.org", "U+1F600"),
        (".anna@example.org", "dot too much"),
        ("anna.@example.org", "dot too much"),
        ("an..na@example.org", "dot too much"),
        ("anna@example..org", "no valid domain"),
        ("anna@.org", "no valid domain"),
        ("anna@-a.org", "no valid domain"),
        ("anna@a-.org", "no valid domain"),
        ("anna@a_b.org", "no valid domain"),
        ("anna@" + "a" * 64 + ".org", "no valid domain"),
        ("anna@[127.0.0.1]", "no valid domain"),
    ],
)
def test_what_is_no_address_is_refused_with_its_reason(typed: str, why: str) -> None:
    """Controls, bidi and unseen characters, bad parts and lengths are refused and named [AU41]."""
    with pytest.raises(InvalidInput) as caught:
        names.fold_email(typed)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "typed",
    [
        "\u0430dmin@example.org",  # Cyrillic a
        "adm\u0456n@example.org",  # Ukrainian i
        "\u03bfwner@example.org",  # Greek omicron
        "p\u0430y@example.org",
        "anna@\u0430pple.com",
        "\u13aanna@example.org",  # Cherokee
        "ab\u05d0@example.org",
        "иванΩ@example.org",
    ],
)
def test_a_part_that_mixes_scripts_is_refused(typed: str) -> None:
    """Letters that look alike and are of different scripts do not stand in one word [AU42]."""
    with pytest.raises(InvalidInput, match="different scripts"):
        names.fold_email(typed)


def test_scripts_that_are_written_together_may_stand_together() -> None:
    """Japanese, Korean and Chinese mix scripts; a script alone is no mixture [AU42]."""
    for text in ("東京タワーの夜", "한국漢字abc", "ㄅㄆ漢字", "émile", "ив", "123", "", "ёж"):
        assert not names.mixes_scripts(text)
    for text in ("かな한글", "ㄅかな", "漢字Ω", "aб"):
        assert names.mixes_scripts(text)


@pytest.mark.parametrize("value", [None, 1, [], {}, b"anna@example.org", True])
def test_an_address_is_a_text(value: object) -> None:
    """Anything but a text is refused [AU41]."""
    with pytest.raises(InvalidInput):
        names.fold_email(value)


@given(st.one_of(st.text(), st.emails(), st.text(alphabet="aA@.ﬃßſK\u0345\u0301İ-")))
@example("\u0345@a")
@example("ΐ@a")
def test_folding_is_final_and_fails_in_one_way(typed: str) -> None:
    """Any text is refused by type, or folds to what folds to itself, all seen [AU40]."""
    try:
        folded = names.fold_email(typed)
    except InvalidInput:
        return
    assert names.fold_email(folded) == folded
    assert not any(unicodedata.category(each)[0] in "CZ" for each in folded)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("  Anna   Smith ", "Anna Smith"),
        ("Anna\u202egnp.exe", "Annagnp.exe"),
        ("\u2066Anna\u2069\u200b", "Anna"),
        ("Jose\u0301", "Jos\u00e9"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("Anna \u200d\u200c", "Anna"),
        ("An\u034fna\u2800\u3164", "Anna"),
        ("Anna \u2764\ufe0f\u200d\U0001f525", "Anna \u2764\ufe0f\u200d\U0001f525"),
        ("Анна O'Neil 😀", "Анна O'Neil 😀"),
        ("a" * 100, "a" * 100),
    ],
)
def test_a_display_name_loses_what_is_not_seen(typed: str, shown: str) -> None:
    """Bidi controls and invisible characters are taken out, spaces are one [AU43]."""
    assert names.clean_display_name(typed) == shown


@pytest.mark.parametrize(
    "value",
    ["", "   ", "\u200b", "\u200d\u200c", "\u2800", "\ufe0f \u3164", "a" * 101, "a" * 5_000,
     "a\0b", "a\nb", "a\x1b[31m", "\ud800", "\u0378", None, 1, [], b"Anna"],
)  # fmt: skip
def test_a_display_name_is_seen_and_bounded(value: object) -> None:
    """Control characters, nothing that is seen, or over 100 characters are refused [AU43]."""
    with pytest.raises(InvalidInput):
        names.clean_display_name(value)


def test_a_slug_is_ascii_and_no_id() -> None:
    """A slug matches `[a-z][a-z0-9-]{0,62}` and has not the shape of a UUID [AU44]."""
    for slug in ("a", "team-1", "a" * 63, "a--"):
        assert names.check_slug(slug) == slug
    uuid = "a1930000-0000-7000-8000-000000000001"
    wrong: tuple[object, ...] = (
        "",
        "1a",
        "-a",
        "A",
        "a_b",
        "a" * 64,
        "ä",
        "a\n",
        uuid,
        None,
        1,
        [],
        "a b",
    )
    for each in wrong:
        with pytest.raises(InvalidInput):
            names.check_slug(each)


def test_a_slug_is_made_of_a_name() -> None:
    """The server makes a slug of any name, or takes another one [AU44]."""
    made = {
        "Anna's Team": "anna-s-team",
        "  Équipe № 7 ": "equipe-no-7",
        "42 things": "things",
        "東京": "workspace",
        "": "workspace",
        "a1930000-0000-7000-8000-000000000001": "workspace",
        "x" * 5_000: "x" * 63,
    }
    for name, slug in made.items():
        assert names.make_slug(name, otherwise="workspace") == slug


@given(st.text())
def test_every_slug_that_is_made_is_one(name: str) -> None:
    """Whatever the name, what is made of it is a slug [AU44]."""
    assert names.check_slug(names.make_slug(name, otherwise="workspace"))
