# SPDX-License-Identifier: Apache-2.0
"""The second factor, recovery codes, and how they are kept."""

import re
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.auth import totp
from legato.auth.sealing import MasterKey, Sealer
from legato.errors import InvalidInput
from legato.model.ids import UserId
from legato.ports.accounts import User

SECRET: Final = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""The key of the test vectors of RFC 6238, appendix B."""
NOW_MS: Final = 1_800_000_015_000
STEP: Final = NOW_MS // 30_000
USER: Final = UserId("u1")
OLD: Final = MasterKey(id="m1", secret=bytes(32))
NEW: Final = MasterKey(id="m2", secret=bytes(range(32)))


def code(step: int) -> str:
    """Return the code of a step."""
    return str(pyotp.TOTP(SECRET).generate_otp(step))


def accepted(typed: object, *, last_step: int = 0, now_ms: int = NOW_MS) -> int | None:
    """Return the step that is accepted."""
    return totp.accepted_step(SECRET, typed, now_ms=now_ms, last_step=last_step)


@pytest.mark.parametrize(
    ("at_s", "typed"), [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")]
)
def test_codes_are_those_of_the_standard(at_s: int, typed: str) -> None:
    """The last six digits of RFC 6238's vectors are accepted at their times [AU30]."""
    assert accepted(typed, now_ms=at_s * 1000) == at_s // 30


def test_a_code_is_good_one_step_early_and_late() -> None:
    """The codes of the step, the one before and the one after are good; no others [AU30]."""
    for beside in (-1, 0, 1):
        assert accepted(code(STEP + beside)) == STEP + beside
    for beside in (-3, -2, 2, 3):
        assert accepted(code(STEP + beside)) is None


def test_a_step_is_accepted_once() -> None:
    """A code of the stored step or of an earlier one is refused, a later one is good [AU31]."""
    assert accepted(code(STEP), last_step=STEP) is None
    assert accepted(code(STEP - 1), last_step=STEP) is None
    assert accepted(code(STEP), last_step=STEP + 1) is None
    assert accepted(code(STEP + 1), last_step=STEP) == STEP + 1


@pytest.mark.parametrize(
    "typed", [None, "", 123456, b"123456", [], "12345", "1234567", "12345a", "\uff11" * 6,
     "-" * 9_999],
)  # fmt: skip
def test_what_is_no_code_is_refused(typed: object) -> None:
    """Only six ASCII digits are a code [AU30]."""
    assert accepted(typed) is None
    assert totp.without_used(USER, typed, ["0" * 64]) is None


def test_a_code_may_be_typed_in_groups() -> None:
    """Spaces and dashes between groups do not count [AU30]."""
    typed = code(STEP)
    assert accepted(f" {typed[:3]} {typed[3:]}") == STEP


@given(st.one_of(st.text(), st.integers(), st.none(), st.binary()))
def test_nothing_typed_makes_it_fail(typed: object) -> None:
    """Whatever is typed, the answer is a step or none [AU30]."""
    steps = {None, STEP - 1, STEP, STEP + 1}
    assert accepted(typed) in steps


def test_a_secret_has_160_bits_and_a_uri_for_apps() -> None:
    """The URI names issuer, account and secret as authenticator apps read them [AU32]."""
    secret = totp.new_secret()
    assert re.fullmatch(r"[A-Z2-7]{32}", secret)
    assert secret != totp.new_secret()
    uri = urlsplit(totp.otpauth_uri(secret, "anna+x@example.org"))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == "/Legato:anna+x@example.org"
    said = parse_qs(uri.query)
    assert (said["secret"], said["issuer"]) == ([secret], ["Legato"])


def test_a_recovery_code_is_good_once() -> None:
    """Ten codes are shown once; each is good once, however it is typed; hashes are kept [AU33]."""
    made = totp.new_recovery(USER)
    assert len(set(made.codes)) == len(set(made.hashes)) == 10
    left: tuple[str, ...] | None = made.hashes
    for number, each in enumerate(made.codes, 1):
        assert re.fullmatch(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}", each)
        assert left is not None
        after = totp.without_used(USER, each.upper().replace("-", " "), left)
        assert after is not None and len(after) == 10 - number
        assert totp.without_used(USER, each, after) is None
        left = after
    assert left == ()
    assert not any(part in repr(made) + "".join(made.hashes) for part in made.codes)


def test_a_recovery_code_is_good_for_its_user_only() -> None:
    """Hashes that are moved to another user open nothing [AU33]."""
    made = totp.new_recovery(USER)
    assert totp.without_used(UserId("u2"), made.codes[0], made.hashes) is None
    assert totp.without_used(USER, totp.new_recovery(USER).codes[0], made.hashes) is None


def test_a_sealed_secret_opens_for_its_user_only() -> None:
    """A secret is stored sealed; it opens with its key, for its user, unchanged [AU34]."""
    sealer = Sealer([OLD])
    sealed = totp.seal_secret(sealer, USER, SECRET)
    assert totp.open_secret(sealer, USER, sealed) == SECRET
    assert SECRET.encode() not in sealed
    assert totp.seal_secret(sealer, USER, SECRET) != sealed, "each sealing has its own nonce"
    with pytest.raises(InvalidInput):
        totp.open_secret(sealer, UserId("u2"), sealed)
    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(InvalidInput):
            totp.open_secret(sealer, USER, changed)
    with pytest.raises(InvalidInput):
        totp.open_secret(Sealer([MasterKey(id="m1", secret=bytes(31) + b"x")]), USER, sealed)
    with pytest.raises(InvalidInput):
        totp.open_secret(sealer, USER, sealer.seal(b"\xff", USER.encode()))


def test_a_new_master_key_seals_while_the_old_one_opens() -> None:
    """What is sealed names its key; the first key seals, the others open [AU35]."""
    old, both = Sealer([OLD]), Sealer([NEW, OLD])
    sealed = totp.seal_secret(old, USER, SECRET)
    assert totp.open_secret(both, USER, sealed) == SECRET
    assert both.needs_resealing(sealed) and not old.needs_resealing(sealed)
    again = totp.seal_secret(both, USER, SECRET)
    assert not both.needs_resealing(again)
    with pytest.raises(InvalidInput, match="no master key here"):
        totp.open_secret(old, USER, again)


def test_master_keys_are_checked_when_a_sealer_is_made() -> None:
    """No key, one of another size, or an odd or double name make no sealer [AU35]."""
    short, odd = MasterKey(id="m", secret=bytes(31)), MasterKey(id="ä", secret=bytes(32))
    for keys in ([], [short], [odd], [OLD, OLD]):
        with pytest.raises(InvalidInput):
            Sealer(keys)


@given(st.binary())
def test_whatever_is_stored_gives_the_typed_refusal(sealed: bytes) -> None:
    """Any bytes in place of a sealed secret give `InvalidInput`, never another error [AU34]."""
    with pytest.raises(InvalidInput):
        totp.open_secret(Sealer([OLD]), USER, sealed)


def test_a_master_key_does_not_print_its_secret() -> None:
    """What shows a master key shows its name only [AU87]."""
    shown = f"{NEW!r} {NEW} {NEW.__rich_repr__()}"
    assert "m2" in shown
    assert "\\x" not in shown


def _with_factor(sealer: Sealer) -> tuple[User, totp.Recovery]:
    recovery = totp.new_recovery(USER)
    sealed = totp.seal_secret(sealer, USER, SECRET)
    user = User(id=USER, email="a@x.org", display_name="A", totp=sealed, recovery=recovery.hashes)
    return user, recovery


def test_a_used_code_changes_its_user() -> None:
    """By the step of a code, or by one recovery code less; who stores it, stores that [ID31]."""
    sealer = Sealer([OLD])
    user, recovery = _with_factor(sealer)
    stepped = totp.use_code(sealer, user, code(STEP), now_ms=NOW_MS)
    assert stepped == msgspec.structs.replace(user, totp_step=STEP)
    assert totp.use_code(sealer, stepped, code(STEP), now_ms=NOW_MS) is None
    less = totp.use_code(sealer, stepped, recovery.codes[4], now_ms=NOW_MS)
    assert less is not None
    assert len(less.recovery) == 9
    assert totp.use_code(sealer, less, recovery.codes[4], now_ms=NOW_MS) is None
    bare = msgspec.structs.replace(user, totp=None)
    for typed in (code(STEP), recovery.codes[0]):
        assert totp.use_code(sealer, bare, typed, now_ms=NOW_MS) is None


def test_a_code_seals_its_secret_anew_after_a_change_of_keys() -> None:
    """Where no key opens it any more recovery codes are still good [AU35, ID45]."""
    user, recovery = _with_factor(Sealer([OLD]))
    both, new = Sealer([NEW, OLD]), Sealer([NEW])
    used = totp.use_code(both, user, code(STEP), now_ms=NOW_MS)
    assert used is not None
    assert used.totp is not None
    assert totp.open_secret(new, USER, used.totp) == SECRET
    assert totp.use_code(new, user, code(STEP), now_ms=NOW_MS) is None
    assert totp.use_code(new, user, recovery.codes[0], now_ms=NOW_MS) is not None
