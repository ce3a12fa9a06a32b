# SPDX-License-Identifier: Apache-2.0
"""Access tokens: what is issued, and all that is refused."""

import base64
import hashlib
import hmac
import json
from typing import Any, Final

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import example, given
from hypothesis import strategies as st

from legato.auth import refresh
from legato.auth.compact import TOKEN_BYTES_MAX
from legato.auth.tokens import VERIFIED_MAX, AccessTokens, KeyRing, SigningKey
from legato.errors import Internal, InvalidInput, Unauthenticated
from legato.model.ids import UserId
from legato.testing.clock import FakeClock

ISSUER: Final = "https://legato.example"
SECRET: Final = bytes(range(100, 140))
KEY: Final = SigningKey(kid="k1", secret=SECRET)
USER: Final = UserId("01930000-0000-7000-8000-000000000001")
SID: Final = refresh.new_sid()


def tokens(clock: FakeClock | None = None, *keys: SigningKey, **changes: Any) -> AccessTokens:
    """Return what is tested."""
    ring = KeyRing(keys or (KEY,))
    return AccessTokens(ring, clock or FakeClock(), **{"issuer": ISSUER, **changes})


def segment(value: object) -> str:
    """Return a value as a part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(header: object, claims: object, secret: bytes = SECRET, digest: str = "sha256") -> str:
    """Return a token of any header and claims, with a true signature."""
    text = f"{segment(header)}.{segment(claims)}"
    return f"{text}.{segment(hmac.digest(secret, text.encode(), digest))}"


def header(**changes: Any) -> dict[str, Any]:
    """Return a good header with changes; None takes a member out."""
    return without_none({"alg": "HS256", "typ": "at+jwt", "kid": "k1", **changes})


def claims(**changes: Any) -> dict[str, Any]:
    """Return good claims with changes; None takes one out."""
    now = FakeClock().now_ms() // 1000
    good = {
        "iss": ISSUER, "aud": "legato:api", "sub": USER, "sid": SID, "jti": "j", "iat": now,
        "exp": now + 900,
    }  # fmt: skip
    return without_none({**good, **changes})


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is None."""
    return {name: value for name, value in values.items() if value is not None}


def refused(token: object, by: AccessTokens | None = None) -> None:
    """Check that a token is refused, with the one answer that tells nothing."""
    with pytest.raises(Unauthenticated) as caught:
        (by or tokens()).verify(token)
    assert str(caught.value) == "Log in first."


def test_a_token_names_user_and_session_and_nothing_of_rights() -> None:
    """A token has typ at+jwt, a kid, exactly the seven claims, and no role or workspace [AU10]."""
    clock = FakeClock()
    token = tokens(clock).issue(USER, SID)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "at+jwt", "kid": "k1"}
    said = jwt.decode(token, options={"verify_signature": False})
    now = clock.now_ms() // 1000
    assert said.pop("jti")
    assert said == {
        "iss": ISSUER, "aud": "legato:api", "sub": USER, "sid": SID, "iat": now, "exp": now + 900,
    }  # fmt: skip


def test_what_is_issued_is_verified() -> None:
    """A token that was issued says what it was issued for, as text and as bytes [AU10]."""
    ours = tokens()
    token = ours.issue(USER, SID)
    for each in (token, token.encode()):
        found = ours.verify(each)
        assert (found.user, found.sid) == (USER, SID)
        assert found.expires_at - found.issued_at == 900
    assert ours.verify(token).jti != ours.verify(ours.issue(USER, SID)).jti
    assert ours.verify(signed(header(), claims())).jti == "j", "the tests' own tokens are good"


def test_a_token_is_for_a_user_and_a_session() -> None:
    """Nothing is issued without a user and a session id of the right form [AU10]."""
    for user, sid in (("", SID), (USER, ""), (USER, "1234")):
        with pytest.raises(Internal):
            tokens().issue(UserId(user), sid)


@pytest.mark.parametrize("size", [0, 5, 16, 31])
def test_a_short_key_is_refused_when_the_ring_is_made(size: int) -> None:
    """A key under 32 bytes makes no ring [AU11]."""
    with pytest.raises(InvalidInput, match=f"has {size} bytes"):
        KeyRing([SigningKey(kid="k1", secret=b"x" * size)])


def test_a_ring_holds_secrets_with_names_of_their_own() -> None:
    """No key, an odd or double kid, a key pair, a signing key with an end make no ring [AU11]."""
    pair = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    pem = pair.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    rings: tuple[tuple[SigningKey, ...], ...] = (
        (),
        (KEY, KEY),
        (SigningKey(kid="../k1", secret=SECRET),),
        (SigningKey(kid="", secret=SECRET),),
        (SigningKey(kid="k" * 65, secret=SECRET),),
        (SigningKey(kid="k1", secret=pem),),
        (SigningKey(kid="k1", secret=SECRET, ends_at=5),),
    )
    for keys in rings:
        with pytest.raises(InvalidInput):
            KeyRing(keys)


@pytest.mark.parametrize(
    "changes", [{"issuer": ""}, {"audience": ""}, {"ttl_s": 0}, {"ttl_s": 901}, {"ttl_s": -1}]
)
def test_issuer_audience_and_life_are_checked_when_it_is_made(changes: dict[str, Any]) -> None:
    """An empty issuer or audience, or a life over 15 minutes, is refused [AU11]."""
    with pytest.raises(InvalidInput):
        tokens(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"}, {"alg": "None"}, {"alg": ""}, {"alg": None}, {"alg": "HS384"},
        {"alg": "HS512"}, {"alg": "RS256"}, {"alg": "ES256"}, {"alg": "hs256"}, {"alg": ["HS256"]},
        {"typ": "JWT"}, {"typ": None}, {"typ": "refresh+jwt"}, {"typ": "AT+JWT"},
        {"kid": None}, {"kid": "k2"}, {"kid": ""}, {"kid": 1}, {"kid": ["k1"]}, {"kid": "k1\0"},
        {"kid": "../../../../dev/null"}, {"kid": "k1' OR '1'='1"}, {"kid": "https://evil.example/k"},
        {"kid": "k" * 5000}, {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example/c"},
        {"jwk": {"kty": "oct", "k": "AAAA"}}, {"x5c": ["AAAA"]}, {"crit": ["exp"]}, {"crit": []},
        {"crit": ["b64"], "b64": True}, {"crit": ["b64"], "b64": False}, {"b64": False},
        {"cty": "JWT"}, {"zip": "DEF"}, {"enc": "A256GCM"}, {"x": 1},
    ],
)  # fmt: skip
def test_a_header_that_wants_to_choose_is_refused(changes: dict[str, Any]) -> None:
    """Another alg, typ or kid, or any further member of the header, is refused [AU12]."""
    refused(signed(header(**changes), claims()))


def test_other_algorithms_with_our_key_are_refused() -> None:
    """Neither no signature nor a longer hash with the right key is accepted [AU12]."""
    refused(f"{segment(header(alg='none'))}.{segment(claims())}.")
    refused(f"{segment(header())}.{segment(claims())}.")
    for name, digest in (("HS384", "sha384"), ("HS512", "sha512")):
        refused(signed(header(alg=name), claims(), digest=digest))
        refused(signed(header(), claims(), digest=digest))
    refused(signed(header(), claims(), secret=SECRET[::-1]))
    refused(signed(header(), claims(), secret=b""))


def test_a_true_signature_of_a_key_pair_is_refused() -> None:
    """A token signed with RSA is refused, and so is one signed with its public key [AU12]."""
    pair = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    refused(jwt.encode(claims(), pair, algorithm="RS256", headers={"typ": "at+jwt", "kid": "k1"}))
    pem = pair.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    refused(signed(header(), claims(), secret=pem))


def test_a_header_with_a_name_twice_is_refused() -> None:
    """A member that stands twice is refused: two readers could each take another one [AU12]."""
    twice = b'{"alg":"none","alg":"HS256","typ":"at+jwt","kid":"k1"}'
    refused(signed(twice, claims()))
    once = b'{"alg":"HS256","typ":"at+jwt","kid":"k1"}'
    assert tokens().verify(signed(once, claims())).user == USER


def test_other_forms_than_three_parts_are_refused() -> None:
    """JWE, nested, padded, spaced, cut or very long tokens are refused [AU12]."""
    good = tokens().issue(USER, SID)
    first, middle, last = good.split(".")
    wrong: tuple[object, ...] = (
        "a", "a.b", "a.b.c", "", ".", "..", "...", good + ".", "." + good, f"{good}.a.b",
        f"{first}.{middle}.{last}.{middle}.{last}", f"{first}..{last}", f" {good}", f"{good}\n",
        f"{good}=", f"{first}=.{middle}.{last}", good[:-1], good[:-2], f"{first}.{last}",
        f"Bearer {good}", good.encode("utf-16"), None, 1, [good], {"token": good}, "é" + good,
        "\ud800", "a" * 1_000_000, f"{first}.{middle}.{'A' * TOKEN_BYTES_MAX}",
        signed({**header(), "cty": "JWT"}, good.encode()), signed(header(), good.encode()),
    )  # fmt: skip
    for each in wrong:
        refused(each)


def test_a_token_over_8_kib_is_refused_though_its_signature_is_true() -> None:
    """8 KiB are the most that is looked at [AU12]."""
    assert tokens().verify(signed(header(), claims(pad="x" * 5_000))).user == USER
    refused(signed(header(), claims(pad="x" * 8_000)))


def test_another_spelling_of_the_signature_is_refused() -> None:
    """A signature is accepted in one spelling only [AU12]."""
    good = tokens().issue(USER, SID)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = good[:-1] + alphabet[alphabet.index(good[-1]) + 1]
    same = [base64.urlsafe_b64decode(each.rpartition(".")[2] + "=") for each in (good, other)]
    assert same[0] == same[1]
    refused(other)


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "jti", "iat", "exp"])
@pytest.mark.parametrize(
    "value", [None, "", 0, -1, True, 1.5, "1 e9", [], {}, 10**30, "\0", "x" * 500]
)
def test_every_claim_is_required_in_its_form(name: str, value: object) -> None:
    """A claim that is missing, or no text or time as it should be, is refused [AU13]."""
    refused(signed(header(), claims(**{name: value})))
    refused(signed(header(), {**claims(), name: None}))


@pytest.mark.parametrize("body", [[], "text", 1, None, b"", b"{", b"\xff", b"[" * 5_000, b"NaN"])
def test_claims_that_are_no_object_are_refused(body: object) -> None:
    """A signed body that is no JSON object is refused [AU13]."""
    refused(signed(header(), body))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ISSUER + "/"}, {"iss": "https://legato.example.evil.com"}, {"iss": [ISSUER]},
        {"aud": "legato:mcp"}, {"aud": ["legato:api"]}, {"aud": ["legato:api", "other"]},
        {"aud": "legato:api2"}, {"aud": "legato"},
    ],
)  # fmt: skip
def test_a_token_for_or_of_somebody_else_is_refused(changes: dict[str, Any]) -> None:
    """Issuer and audience are compared whole [AU14]."""
    refused(signed(header(), claims(**changes)))


def test_tokens_of_two_audiences_are_no_good_for_each_other() -> None:
    """A token for one audience is refused by another, with the same key [AU14]."""
    api, mcp = tokens(), tokens(audience="https://legato.example/mcp")
    refused(api.issue(USER, SID), mcp)
    refused(mcp.issue(USER, SID), api)


def test_a_token_ends_after_its_life_and_a_minute() -> None:
    """A token of 15 minutes is good for 60 s more, and refused at 16 minutes [AU15]."""
    clock = FakeClock()
    ours = tokens(clock)
    token = ours.issue(USER, SID)
    clock.advance(959)
    assert ours.verify(token).user == USER
    clock.advance(1)
    refused(token, ours)


def test_a_token_from_the_future_is_good_for_a_minute_only() -> None:
    """A clock that is 60 s behind accepts a token, one that is further behind does not [AU15]."""
    now = FakeClock().now_ms() // 1000
    assert tokens().verify(signed(header(), claims(iat=now + 60, exp=now + 960))).user == USER
    refused(signed(header(), claims(iat=now + 61, exp=now + 961)))


@pytest.mark.parametrize("life_s", [901, 3_600, 10**9, 0, -1])
def test_a_life_over_15_minutes_is_refused(life_s: int) -> None:
    """However true the signature, a token lives 1 to 900 s [AU15]."""
    now = FakeClock().now_ms() // 1000
    refused(signed(header(), claims(iat=now, exp=now + life_s)))


def test_a_new_key_signs_while_the_old_one_verifies_until_it_ends() -> None:
    """Of several keys the first signs; another verifies until its end, and not after [AU16]."""
    clock = FakeClock()
    before = tokens(clock).issue(USER, SID)
    old = msgspec.structs.replace(KEY, ends_at=clock.now_ms() + 600_000)
    new = SigningKey(kid="k2", secret=SECRET[::-1])
    after = tokens(clock, new, old)
    assert jwt.get_unverified_header(after.issue(USER, SID))["kid"] == "k2"
    assert after.verify(before).user == USER
    clock.advance(599)
    assert after.verify(before).user == USER
    clock.advance(1)
    refused(before, after)
    refused(tokens(clock).issue(USER, SID), after)
    assert after.verify(after.issue(USER, SID)).user == USER


class Changing(KeyRing):
    """A ring whose keys change."""

    def __init__(self, *keys: SigningKey) -> None:
        super().__init__(keys)
        self.count = 0

    @property
    def changes(self) -> int:
        return self.count

    def change(self, *keys: SigningKey) -> None:
        self._take(keys)
        self.count += 1


def test_a_signature_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that was verified is known by its whole text, until its key is taken away [HT64]."""
    decoded: list[str] = []
    decode = jwt.decode

    def counted(token: str, *rest: Any, **options: Any) -> Any:
        decoded.append(token)
        return decode(token, *rest, **options)

    monkeypatch.setattr(jwt, "decode", counted)
    ring = Changing(KEY)
    ours = AccessTokens(ring, FakeClock(), issuer=ISSUER)
    token = ours.issue(USER, SID)
    first = ours.verify(token)
    assert (ours.verify(token), ours.verify(token.encode())) == (first, first)
    assert decoded == [token, token], "bytes are taken as they always were"
    head, _, signature = token.rpartition(".")
    for forged in (f"{token}x", f"{head}.", f"{head}.{signature[::-1]}", token.upper()):
        refused(forged, ours)
        refused(forged, ours)
    ring.change(SigningKey(kid="k2", secret=SECRET[::-1]))
    refused(token, ours)
    ring.change(KEY)
    assert ours.verify(token) == first


def test_few_tokens_are_remembered() -> None:
    """The oldest makes room; what was refused takes none [HT64]."""
    ours = tokens()
    made = [ours.issue(USER, SID) for _ in range(VERIFIED_MAX + 2)]
    for each in made:
        assert ours.verify(each).sid == SID
        refused(each + "x", ours)
    assert ours.remembered == VERIFIED_MAX
    assert ours.verify(made[0]) == ours.verify(made[0])
    assert ours.remembered == VERIFIED_MAX


def test_a_key_verifies_only_under_its_own_name() -> None:
    """A true signature under another key's kid is refused [AU16]."""
    other = SigningKey(kid="k2", secret=SECRET[::-1])
    both = tokens(None, KEY, other)
    assert both.verify(signed(header(kid="k2"), claims(), secret=SECRET[::-1])).user == USER
    refused(signed(header(kid="k1"), claims(), secret=SECRET[::-1]), both)
    refused(signed(header(kid="k2"), claims(), secret=SECRET), both)


def test_a_key_does_not_print_its_secret() -> None:
    """What shows a key shows its name only [AU87]."""
    shown = f"{KEY!r} {KEY} {KEY.__rich_repr__()}"
    assert "k1" in shown
    assert repr(SECRET)[2:-1] not in shown
    assert hashlib.sha256(SECRET).hexdigest() not in shown


@given(st.one_of(st.binary(), st.text(), st.none(), st.integers(), st.lists(st.binary())))
@example(b"\xff.\xff.\xff")
@example("\ud800.\ud800.\ud800")
def test_whatever_is_sent_gives_the_typed_refusal(value: object) -> None:
    """Any bytes, text or value as a token gives `Unauthenticated`, never another error [AU17]."""
    refused(value)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["alg", "typ", "kid", "exp", "crit"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(JSON, JSON)
def test_whatever_is_signed_gives_the_typed_refusal(head: object, body: object) -> None:
    """Any header and claims, truly signed, give `Unauthenticated` [AU17]."""
    refused(signed(head, body))
    refused(signed(header(), body))


@given(st.dictionaries(st.sampled_from(["iss", "aud", "sub", "sid", "jti", "iat", "exp"]), JSON))
def test_whatever_a_claim_holds_gives_an_answer_of_two_kinds(changes: dict[str, Any]) -> None:
    """Claims of any value are refused, or were good all along [AU17]."""
    good = claims()
    if all(type(good[name]) is type(value) for name, value in changes.items()):
        return
    refused(signed(header(), {**good, **changes}))


@given(st.integers(min_value=0), st.binary(min_size=1, max_size=1))
def test_no_changed_byte_is_accepted(place: int, byte: bytes) -> None:
    """A token with one byte changed anywhere is refused [AU17]."""
    good = signed(header(), claims()).encode()
    at = place % len(good)
    changed = good[:at] + byte + good[at + 1 :]
    if changed != good:
        refused(changed)
