# SPDX-License-Identifier: Apache-2.0
"""Which passwords may be set."""

from typing import Any, Final

import pytest
import zxcvbn  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from legato.auth import password_policy
from legato.auth.password_policy import About, problems

ANNA: Final = About(email="anna.winterfeld@example.org", display_name="Anna Winterfeld-Okoro")
GOOD: Final = "correct horse battery staple"


def said(password: str, about: About = ANNA, **options: Any) -> str:
    """Return what is wrong with a password."""
    return " ".join(problems(password, about, **options))


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "a sentence that only I would ever think of",
        "mjölk på spisen kokar alltid över",
        "водопад над тихим озером",
        "kQ7#vT2!mZ9@xW4$",
        "🦊 jumps under 🌉 at 04:13",
        "plum " * 3 + "tractor violin sleet " * 10,
    ],
)
def test_a_long_password_of_any_characters_may_be_set(password: str) -> None:
    """Spaces, any script, 64 characters and more are fine; no kind is asked for [AU60]."""
    assert problems(password, ANNA) == []


def test_fifteen_characters_are_the_least_without_a_second_factor() -> None:
    """15 characters; 8 while TOTP is active; counted as characters after NFC [AU60]."""
    totp = About(has_totp=True)
    assert "at least 15 characters, or 8 while" in said("kQ7#vT2!mZ9@xW")
    assert "this has 14" in said("kQ7#vT2!mZ9@xW")
    assert problems("kQ7#vT2!mZ9@xW4", ANNA) == []
    assert problems("kQ7#vT2!", totp) == []
    assert "at least 8 characters; this has 7" in said("kQ7#vT2", totp)
    assert "this has 14" in said("kQ7#vT2!mZ9@" + "e\u0301" * 2)
    assert "this has 0" in said("")


def test_1024_characters_are_the_most() -> None:
    """1024 characters may be set, one more may not [AU60]."""
    text = (GOOD + " ") * 36
    assert problems(text[:1024], ANNA) == []
    assert said(text[:1025]) == "The password should have at most 1024 characters."


@pytest.mark.parametrize(
    "password", [GOOD + "\0", GOOD + "\n", GOOD + "\ud800", "\x1b[31m" + GOOD, GOOD + "\x85"]
)
def test_characters_that_cannot_be_typed_are_refused(password: str) -> None:
    """Control characters and lone surrogates are refused [AU60]."""
    assert "control characters" in said(password)


@pytest.mark.parametrize(
    "password",
    [
        "Password1!aaaaaa", "P@ssw0rd", "passwordpassword", "PASSWORDPASSWORD1!",
        "dragon!!!!!!!!!!",
        "!!!!iloveyou1234", "1q2w3e4r5t6y", "qwertyuiop!!!!!!!", "aaaaaaaaaaaaaaaaaletmein",
        "Pa$$w0rdPa$$w0rd",
    ],
)  # fmt: skip
def test_a_common_password_is_refused_however_it_is_dressed(password: str) -> None:
    """A listed password is refused, also repeated, in l33t, or with little around it [AU61]."""
    assert "a common one" in said(password)


@pytest.mark.parametrize(
    "password",
    [
        "anna.winterfeld@example.org", "annawinterfeld!!", "Winterfeld!!!!!!!!!",
        "legatolegatolegato",
        "winterfeld-okoro1", "W1nterfeldW1nterfeld", "example.example", "workflows!!!!!!!!!!",
        "winterfeldlegatoanna", "4nna-0koro-L3gato-2027", "WINTERFELD winterfeld",
        "annaANNAannaANNA",
    ],
)  # fmt: skip
def test_the_own_name_and_the_product_count_nothing(password: str) -> None:
    """Without parts of e-mail and name and the product's words too little is left [AU61]."""
    assert "made of your name, your e-mail address or words of this product" in said(password)


def test_a_good_password_may_hold_an_own_word() -> None:
    """With enough beside it, an own word does no harm; another's name is none [AU61]."""
    assert problems("winterfeld tractor violin sleet plum", ANNA) == []
    assert problems("Susanna planted 40 quiet oaks", ANNA) == []
    assert problems("okoro-winterfeld plum", About()) == []
    assert said("okoro-winterfeld plum") != ""


@pytest.mark.parametrize(
    "password",
    ["abcdefghijklmnopqrst", "aaaaaaaaaaaaaaaa", "12345678901234567890", "asdfghjkl;'asdfg",
     "password19900101"],
)  # fmt: skip
def test_what_is_easy_to_guess_is_refused_with_advice(password: str) -> None:
    """Sequences, repeats, keyboard rows and dates are refused, and it is said what to do [AU62]."""
    (only,) = problems(password, ANNA)
    assert "too easy to guess" in only or "a common one" in only
    assert len(only) > 40


def test_composition_is_asked_for_by_the_setting_only() -> None:
    """With `composition` upper, lower, digit and sign are needed too; by default none is [AU63]."""
    assert problems(GOOD, ANNA) == []
    assert said(GOOD, policy="composition") == (
        "The password needs an upper-case letter, a digit: this installation asks for it."
    )
    assert problems("Correct horse battery staple 7", ANNA, "composition") == []
    needs = said("CORRECTHORSEBATTERYSTAPLE", policy="composition")
    assert "a lower-case letter, a digit, a sign" in needs
    assert "at least 15" in said("Kq7#vT2!", policy="composition"), "the length is asked for too"
    assert "a common one" in said("Password1!aaaaaa", policy="composition")


def test_a_refusal_says_all_that_is_wrong() -> None:
    """Length, composition and list are told at once, each as a sentence [AU64]."""
    found = problems("letmein", ANNA, "composition")
    assert len(found) == 3
    assert all(each[0] == "T" and each[-1] == "." for each in found)
    assert not any("letmein" in each for each in found), "the password is not repeated"


def test_the_guesser_sees_no_more_than_64_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a password, zxcvbn is given 64 characters [AU65]."""
    seen: list[int] = []
    real = zxcvbn.zxcvbn

    def spy(password: str, *rest: Any) -> Any:
        seen.append(len(password))
        return real(password, *rest)

    monkeypatch.setattr(zxcvbn, "zxcvbn", spy)
    assert problems((GOOD + " ") * 30, ANNA) == []
    assert seen == [64]


@settings(max_examples=50)
@given(st.text(max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_any_text_is_judged(password: str, email: str, name: str) -> None:
    """Whatever the texts, the answer is a list of reasons [AU64]."""
    found = problems(password, About(email=email, display_name=name), "composition")
    assert all(each[-1:] == "." for each in found)
    assert found or len(password_policy.normalised(password)) >= 15
