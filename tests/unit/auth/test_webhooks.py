# SPDX-License-Identifier: Apache-2.0
"""Signatures of messages, and what is sealed of webhooks."""

import base64

import pytest

from legato.auth.sealing import MasterKey, Sealer
from legato.auth.webhooks import (
    SIGNATURES_MAX,
    HookSeals,
    hash_token,
    is_fresh,
    is_signed,
    new_secret,
    new_token,
    read_message,
    secret_text,
    sign,
)
from legato.errors import InvalidInput
from legato.model.ids import WorkspaceId

KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
"""The key, message and signature of the specification's own example."""
BODY = b'{"test": 2432232314}'
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HERE = WorkspaceId("01930000-0000-7000-8000-00000000eeee")


def test_a_signature_is_the_one_of_the_specification() -> None:
    """The published example verifies, and what we sign is equal to it [TR20]."""
    assert sign(KEY, ID, AT, BODY) == SIGNATURE
    message = read_message(ID, str(AT), SIGNATURE)
    assert message is not None
    assert is_signed(message, BODY, [KEY])


@pytest.mark.parametrize(
    ("id_", "time", "body", "key"),
    [
        ("msg_other", AT, BODY, KEY),
        (ID, AT + 1, BODY, KEY),
        (ID, AT, BODY + b" ", KEY),
        (ID, AT, BODY, KEY[:-1] + b"x"),
    ],
)
def test_every_part_of_a_message_is_signed(id_: str, time: int, body: bytes, key: bytes) -> None:
    """Another id, time, body or key is no valid signature [TR20]."""
    message = read_message(id_, str(time), SIGNATURE)
    assert message is not None
    assert not is_signed(message, body, [key])
    assert not is_signed(message, body, [])


def test_one_good_signature_of_several_is_enough() -> None:
    """Senders and receivers may each know two keys while one is changed [TR21]."""
    other = new_secret()
    several = f"v1a,abc {sign(other, ID, AT, BODY)} {SIGNATURE}"
    message = read_message(ID, str(AT), several)
    assert message is not None
    assert is_signed(message, BODY, [new_secret(), KEY])
    many = " ".join([sign(other, ID, AT, BODY)] * SIGNATURES_MAX + [SIGNATURE])
    cut = read_message(ID, str(AT), many)
    assert cut is not None
    assert not is_signed(cut, BODY, [KEY])


@pytest.mark.parametrize(
    ("id_", "time", "signatures"),
    [
        (None, str(AT), SIGNATURE),
        (ID, None, SIGNATURE),
        (ID, str(AT), None),
        ("", str(AT), SIGNATURE),
        ("a.b", str(AT), SIGNATURE),
        ("a b", str(AT), SIGNATURE),
        ("x" * 256, str(AT), SIGNATURE),
        (ID, "-1", SIGNATURE),
        (ID, "1e9", SIGNATURE),
        (ID, "\u0661", SIGNATURE),
        (ID, str(AT), ""),
        (ID, str(AT), "v1"),
        (ID, str(AT), "v1,"),
        (ID, str(AT), "v1,####"),
        (ID, str(AT), "v2," + SIGNATURE[3:]),
        (ID, str(AT), "v1," + "A" * 5_000),
    ],
)
def test_what_has_not_the_form_is_no_message(
    id_: str | None, time: str | None, signatures: str | None
) -> None:
    """Missing, empty, odd or endless headers are refused before anything is computed [TR21]."""
    assert read_message(id_, time, signatures) is None


@pytest.mark.parametrize(("off_s", "fresh"), [(0, True), (300, True), (-300, True), (301, False)])
def test_a_message_is_good_for_five_minutes(*, off_s: int, fresh: bool) -> None:
    """Before and after the receiver's time [TR21]."""
    message = read_message(ID, str(AT), SIGNATURE)
    assert message is not None
    assert is_fresh(message, (AT + off_s) * 1000) == fresh
    assert is_fresh(message, (AT - off_s) * 1000) == fresh


def test_tokens_and_secrets_are_not_guessed() -> None:
    """256 bits each; a token is found by its hash [TR22]."""
    token = new_token()
    assert len(token) == 43
    assert new_token() != token
    assert len(hash_token(token)) == 32
    assert secret_text(KEY) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert len(new_secret()) == 32


def test_what_is_sealed_opens_for_its_own_row_only() -> None:
    """Moved to another webhook or workspace it is nothing [TR22]."""
    seals = HookSeals(Sealer([MasterKey(id="k", secret=b"k" * 32)]))
    sealed, token = seals.seal_secret(HERE, "one", KEY), seals.seal_token(HERE, "one", "t")
    assert seals.open_secret(HERE, "one", sealed) == KEY
    assert seals.open_token(HERE, "one", token) == "t"
    elsewhere = WorkspaceId("x")
    for place, of, what in (
        (HERE, "two", sealed),
        (elsewhere, "one", sealed),
        (HERE, "one", token),
    ):
        with pytest.raises(InvalidInput):
            seals.open_secret(place, of, what)
