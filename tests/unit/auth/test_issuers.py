# SPDX-License-Identifier: Apache-2.0
"""Tokens of other issuers: what is read, what is checked, and which keys may verify."""

import hmac
import json
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import example, given
from hypothesis import strategies as st

from legato.auth import issuers, refresh
from legato.auth.compact import TOKEN_BYTES_MAX
from legato.auth.issuers import Issuer, Subject, check_signature, keys_of, read, subject_of
from legato.auth.tokens import AccessTokens, KeyRing, SigningKey
from legato.errors import InvalidInput, Unauthenticated
from legato.model.ids import UserId
from legato.testing.clock import FakeClock
from tests.support.issuer import (
    AUDIENCE,
    SUBJECT,
    URL,
    Signer,
    good_claims,
    issuer,
    key_set,
    rsa_pair,
    segment,
)

KEY: Final = Signer()
NOW: Final = FakeClock().now_ms()
ALL: Final = tuple(issuers.ALGORITHMS)


def verified(token: str, by: Issuer | None = None, *keys: Signer) -> Subject:
    """Verify a token as a server does, with keys that were fetched before."""
    by = by or issuer()
    found = read(token)
    subject = subject_of(found, by, NOW)
    key = keys_of(key_set(*(keys or (KEY,))), by.algorithms).get(found.kid)
    if key is None:
        raise Unauthenticated
    check_signature(found, by, key)
    return subject


def refused(token: str, by: Issuer | None = None, *keys: Signer) -> None:
    """Check that a token is refused, with the one answer that tells nothing."""
    with pytest.raises(Unauthenticated) as caught:
        verified(token, by, *keys)
    assert str(caught.value) == "Log in first."


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "EdDSA"])
def test_a_token_of_each_type_of_key_is_good(algorithm: str) -> None:
    """And says whom it is about [AU101, AU103]."""
    signer, by = Signer(algorithm=algorithm), issuer(algorithms=(algorithm,))
    found = verified(signer.token(), by, signer)
    assert (found.issuer, found.id, found.name) == (by, SUBJECT, "Ada")
    assert verified(signer.token(claims=good_claims(name=None)), by, signer).name == ""
    assert verified(signer.token(claims=good_claims(name=["x"])), by, signer).name == ""


def test_an_algorithm_tells_our_tokens_from_those_of_others() -> None:
    """HMAC is ours, key pairs are theirs; neither verifier takes the other's [AU101]."""
    ours = AccessTokens(KeyRing([SigningKey(kid="k1", secret=b"s" * 40)]), FakeClock(), issuer=URL)
    own = ours.issue(UserId("u"), refresh.new_sid())
    assert not issuers.is_foreign(own)
    refused(own)
    for algorithm in ("RS256", "ES256", "EdDSA"):
        theirs = Signer(algorithm=algorithm).token()
        assert issuers.is_foreign(theirs)
        with pytest.raises(Unauthenticated):
            ours.verify(theirs)
    for each in ("", "a.b.c", "lgt_x", f"{segment({'alg': 'none'})}.e30.e30", f"{segment([])}.a.b"):
        assert not issuers.is_foreign(each)


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"}, {"alg": "None"}, {"alg": ""}, {"alg": None}, {"alg": "HS256"},
        {"alg": "HS512"}, {"alg": "RS256"}, {"alg": "ES384"}, {"alg": "es256"}, {"alg": ["ES256"]},
        {"alg": {"ES256": 1}}, {"alg": "ES256K"}, {"alg": "dir"}, {"alg": "RSA-OAEP"},
        {"typ": "at+jwe"}, {"typ": "logout+jwt"}, {"typ": "dpop+jwt"}, {"typ": ""}, {"typ": 1},
        {"typ": ["JWT"]}, {"kid": None}, {"kid": "k2"}, {"kid": ""}, {"kid": 1}, {"kid": ["k1"]},
        {"kid": "../../../../dev/null"}, {"kid": "/dev/null"}, {"kid": "k1' OR '1'='1"},
        {"kid": "https://evil.example/jwks"}, {"kid": "k1\0"}, {"kid": " k1"}, {"kid": "k" * 129},
        {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example/c"},
        {"jwk": KEY.jwk()}, {"x5c": ["AAAA"]}, {"crit": ["exp"]}, {"crit": []},
        {"b64": True},
        {"crit": ["b64"], "b64": False}, {"b64": False}, {"cty": "JWT"}, {"zip": "DEF"},
        {"enc": "A256GCM"}, {"epk": {}}, {"iss": URL}, {"x": 1},
    ],
)  # fmt: skip
def test_a_header_that_wants_to_choose_is_refused(changes: dict[str, Any]) -> None:
    """Though its signature is true: no alg, typ, kid or member of its own choice [AU102]."""
    refused(KEY.token(KEY.header(**changes)))


def test_a_header_may_hold_what_nobody_follows() -> None:
    """A type of access token in any case, and fingerprints [AU102]."""
    for changes in (
        {"typ": None}, {"typ": "jwt"}, {"typ": "at+JWT"}, {"typ": "application/at+jwt"},
        {"x5t": "abc"}, {"x5t#S256": "abc"},
    ):  # fmt: skip
        assert verified(KEY.token(KEY.header(**changes))).id == SUBJECT
    for kid in ("aB/+c=", "public:hydra.jwt-1_2", "7" * 128):
        named = Signer(kid)
        assert verified(named.token(), None, named).id == SUBJECT


def test_a_name_that_stands_twice_is_refused() -> None:
    """In header and claims [AU102]."""
    refused(KEY.token(b'{"alg":"none","alg":"ES256","kid":"k1"}'))
    text = json.dumps(good_claims())
    refused(KEY.token(claims=f'{text[:-1]},"sub":"other"}}'.encode()))
    refused(KEY.token(claims=f'{text[:-1]},"x":NaN}}'.encode()))
    refused(KEY.token(claims=text.encode("utf-16")))
    refused(KEY.token(claims=[good_claims()]))
    refused(KEY.token(claims=b"[" * 2_000))


def test_other_forms_than_three_parts_are_refused() -> None:
    """Encrypted, nested, detached, padded, cut or long ones [AU102]."""
    good = KEY.token()
    first, middle, last = good.split(".")
    for each in (
        "", "a.b", f"{good}.{middle}.{last}", f"{first}..{last}", f"{first}.{middle}.", f"{good}=",
        f" {good}", f"{good}\n", good[:-1], f"{first}.{middle}.{last[:-1]}", "é" + good,
        KEY.token(claims=good.encode()), KEY.token(KEY.header(cty="JWT"), good.encode()),
        f"{first}.{middle}.{'A' * TOKEN_BYTES_MAX}", KEY.token(claims=good_claims(p="x" * 8_000)),
    ):  # fmt: skip
        refused(each)


def test_no_signature_but_that_of_the_key_is_good() -> None:
    """None, another's, another algorithm's, or HMAC with what everybody knows [AU101, AU102]."""
    head = f"{segment(KEY.header())}.{segment(good_claims())}"
    refused(f"{head}.{segment(b'x' * 64)}")
    refused(f"{head}.{segment(bytes(64))}")
    refused(Signer(pair=ec.generate_private_key(ec.SECP256R1())).token())
    signer, by = Signer(algorithm="RS256"), issuer(algorithms=("RS256",))
    public = rsa_pair().public_key()
    for form in (
        public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        json.dumps(signer.jwk()).encode(),
        b"",
    ):
        for algorithm in ("HS256", "RS256"):
            text = f"{segment(signer.header(alg=algorithm))}.{segment(good_claims())}"
            forged = f"{text}.{segment(hmac.digest(form, text.encode(), 'sha256'))}"
            refused(forged, by, signer)
    # PS256 with the right pair, where the key is for RS256.
    other = Signer(algorithm="PS256")
    both = issuer(algorithms=("RS256", "PS256"))
    refused(other.token(), both, signer)
    refused(other.token(signer.header()), both, signer)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": None}, {"iss": f"{URL}/"}, {"iss": URL.upper()}, {"iss": "https://evil.example"},
        {"iss": [URL]}, {"iss": f" {URL}"}, {"aud": None}, {"aud": ""}, {"aud": []},
        {"aud": "legato2"}, {"aud": "LEGATO"}, {"aud": ["other"]}, {"aud": [AUDIENCE, 1]},
        {"aud": {AUDIENCE: 1}}, {"aud": ["x"] * 64 + [AUDIENCE]}, {"sub": None}, {"sub": ""},
        {"sub": 1}, {"sub": ["x"]}, {"sub": "x" * 256}, {"sub": "a\n"}, {"sub": "a\0"},
        {"sub": "é"}, {"exp": None}, {"iat": None}, {"exp": "never"}, {"iat": True},
        {"exp": 1e12}, {"exp": 10**30}, {"iat": -1}, {"nbf": "x"}, {"nbf": NOW // 1000 + 61},
        {"iat": NOW // 1000 + 61}, {"exp": NOW // 1000 - 60, "iat": NOW // 1000 - 300},
        {"exp": NOW // 1000, "iat": NOW // 1000}, {"exp": NOW // 1000 + 3_601},
        {"cnf": {"jkt": "x"}}, {"cnf": {}}, {"events": {}}, {"at_hash": "x"}, {"c_hash": "x"},
        {"typ": "ID"}, {"typ": "Refresh"}, {"typ": "bearer"}, {"typ": 1}, {"jti": 7},
    ],
)  # fmt: skip
def test_claims_that_are_not_as_they_must_be_are_refused(changes: dict[str, Any]) -> None:
    """Missing, of another form, for others, out of time, or of another kind [AU103]."""
    refused(KEY.token(claims=good_claims(**changes)))


def test_claims_at_their_bounds_are_good() -> None:
    """An hour, a minute of difference between clocks, one audience of several [AU103]."""
    now = NOW // 1000
    for changes in (
        {"exp": now + 3_600}, {"exp": now - 59, "iat": now - 300}, {"iat": now + 60},
        {"nbf": now + 60}, {"nbf": 0}, {"aud": ["account", AUDIENCE]},
        {"aud": ["x"] * 63 + [AUDIENCE]},
        {"sub": "x" * 255}, {"sub": "auth0|5f7c a"}, {"typ": "Bearer"}, {"jti": "j"},
    ):  # fmt: skip
        assert verified(KEY.token(claims=good_claims(**changes))).issuer.url == URL
    short = issuer(max_age_s=60)
    refused(KEY.token(claims=good_claims(exp=now + 61)), short)
    assert verified(KEY.token(claims=good_claims(exp=now + 60)), short).id == SUBJECT


def test_a_key_has_one_algorithm() -> None:
    """The one it names, or the only one that fits it [AU104]."""
    both = ("RS256", "PS256")
    signer = Signer(algorithm="RS256")
    assert keys_of(key_set(signer), both)["k1"].algorithm_name == "RS256"
    bare = signer.jwk(alg=None, use=None)
    assert keys_of(key_set(bare), both) == {}
    assert keys_of(key_set(bare), ("PS256",))["k1"].algorithm_name == "PS256"
    assert keys_of(key_set(signer), ("PS256",)) == {}
    curves = keys_of(key_set(KEY.jwk(alg=None)), ("ES256", "ES384"))
    assert curves["k1"].algorithm_name == "ES256"
    assert keys_of(key_set(KEY.jwk(alg="ES384")), ("ES256", "ES384")) == {}


def test_keys_that_may_not_verify_are_left_out() -> None:
    """Another type or use, private, secret, weak, nameless or ambiguous [AU104]."""
    good = KEY.jwk(kid="good")
    weak, other = rsa_pair(1, 1024), Signer("other", "RS256")
    private = jwt.get_algorithm_by_name("ES256").to_jwk(KEY.pair, as_dict=True)
    secret = {"kty": "oct", "k": segment(b"k" * 64), "kid": "secret", "alg": "HS256"}
    point = segment(b"\1" * 32)
    others: tuple[object, ...] = (
        other.jwk(), other.jwk(alg="ES256"), secret, {**secret, "alg": "ES256"},
        {**private, "kid": "p"}, KEY.jwk(use="enc"), KEY.jwk(key_ops=["sign"]),
        KEY.jwk(key_ops="verify"),
        KEY.jwk(kid=None), KEY.jwk(kid=7), KEY.jwk(kid="a b"), KEY.jwk(alg="none"),
        KEY.jwk(alg=None, crv="P-384"),
        KEY.jwk(x=point, y=point), KEY.jwk(x=None), KEY.jwk(x=5), KEY.jwk(x="!"),
        KEY.jwk(kty=["EC"]),
        [], None, "key", 5, {},
    )  # fmt: skip
    for each in others:
        listed = json.dumps({"keys": [good, each]}).encode()
        assert set(keys_of(listed, ("ES256",))) == {"good"}, each
    assert keys_of(key_set(Signer("weak", "RS256", weak)), ("RS256",)) == {}
    assert keys_of(key_set(Signer("k1", "RS256").jwk(e="AQ")), ("RS256",)) == {}
    twice = key_set(KEY, Signer("k1"), Signer("k2"))
    assert set(keys_of(twice, ("ES256",))) == {"k2"}
    also_foreign = key_set(KEY, other.jwk(kid="k1"))
    assert keys_of(also_foreign, ("ES256",)) == {}
    assert keys_of(b'{"keys":[]}', ("ES256",)) == {}


def test_what_is_no_set_of_keys_is_refused() -> None:
    """Or one of more than 100 [AU104]."""
    for document in (
        b"", b"{", b"[]", b"null", b"{}", b'{"keys":{}}', b'{"keys":null}', b"\xff\xfe",
        b"[" * 9_999,
        json.dumps({"keys": [{}] * 101}).encode(),
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            keys_of(document, ("ES256",))
    assert keys_of(json.dumps({"keys": [{}] * 100}).encode(), ("ES256",)) == {}


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
_value = _json | st.sampled_from(["P-256", "Ed25519", *ALL, "AQAB", "sig", "A" * 43, "A" * 342])
_key = st.fixed_dictionaries(
    {"kid": st.just("k") | _json, "kty": st.sampled_from(["RSA", "EC", "OKP"]) | _json},
    optional=dict.fromkeys(("use", "alg", "crv", "n", "e", "x", "y", "key_ops"), _value),
)


@given(_key)
@example({"kty": "RSA", "kid": "k", "alg": "RS256", "n": "AA", "e": "AA"})
@example({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": "AA"})
def test_no_key_makes_the_reader_stumble(key: dict[str, Any]) -> None:
    """Whatever an issuer publishes is a key or left out [AU104]."""
    found = keys_of(json.dumps({"keys": [key]}).encode(), ("RS256", "ES256", "EdDSA"))
    assert all(each == key["kid"] for each in found)


@given(_json, _json, st.binary(max_size=80))
def test_whatever_is_sent_is_refused_in_the_one_way(header: Any, claims: Any, tail: bytes) -> None:
    """Without another error [AU102, AU103]."""
    for first in (header, {"alg": "ES256", "kid": "k1"}):
        for second in (claims, good_claims()):
            refused(f"{segment(first)}.{segment(second)}.{segment(tail)}")
