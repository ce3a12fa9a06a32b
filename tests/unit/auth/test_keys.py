# SPDX-License-Identifier: Apache-2.0
"""Where keys come from: the file of the embedded mode, the environment of a server."""

import functools
import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legato.auth import keys
from legato.auth.keys import Keys, keys_from_environment, load_or_create, rotate_jwt
from legato.auth.refresh import new_sid
from legato.auth.sealing import Sealer
from legato.auth.tokens import AccessTokens, KeyRing
from legato.errors import InvalidInput, LegatoError, NotAllowed, Unauthenticated, Unavailable
from legato.model.ids import UserId
from legato.testing.clock import FakeClock

JWT: Final = "q7Xv0LwZk2Bn9RtYp4Hs8DfGm3Jc6Ae1"
MASTER: Final = "Zt5Nq8Wc1Vb4Lk7Hx0Jm3Rf6Pd9Sg2Ya"
OLD: Final = "Ge9Kb2Tf5Mx8Qr1Wn4Lz7Hv0Dc3Js6Py"
ENV: Final = {"LEGATO_JWT_SECRET_KEY": JWT, "LEGATO_MASTER_KEY": MASTER}
NOW_MS: Final = 1_800_000_000_000


USES: Final[tuple[Callable[[Path], Keys], ...]] = (
    load_or_create,
    functools.partial(rotate_jwt, now_ms=NOW_MS),
)


def path(home: Path) -> Path:
    """Return the file."""
    return home / "keys.json"


def secrets_of(made: Keys) -> Iterator[bytes]:
    """Yield every secret."""
    yield from (each.secret for each in made.jwt)
    yield from (each.secret for each in made.master)
    yield made.refresh_key
    yield made.names_key


def test_the_first_start_makes_keys_and_the_next_reads_them(tmp_path: Path) -> None:
    """Keys are made once: 32 random bytes each, none the same [AU80]."""
    made = load_or_create(tmp_path)
    assert load_or_create(tmp_path) == made
    drawn = list(secrets_of(made))
    assert len(set(drawn)) == len(drawn) == 4
    assert all(len(each) == 32 for each in drawn)
    KeyRing(made.jwt)
    Sealer(made.master)
    assert not set(secrets_of(load_or_create(_folder(tmp_path, "other")))) & set(drawn)


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """The file has mode 0600 whatever the umask, and nothing is left beside it [AU81]."""
    before = os.umask(0)
    try:
        load_or_create(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path(tmp_path).stat().st_mode) == 0o600
    assert {each.name for each in tmp_path.iterdir()} == {"keys.json", "keys.lock"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o666, 0o601])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    """Any right of others on the file is refused, and the message says what to run [AU81]."""
    load_or_create(tmp_path)
    path(tmp_path).chmod(mode)
    for use in USES:
        with pytest.raises(NotAllowed, match="chmod 600"):
            use(tmp_path)


def test_a_link_or_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    """Neither a link nor a folder nor a pipe is taken for the file, and none is replaced [AU81]."""
    other = _folder(tmp_path, "other")
    load_or_create(other)
    makers: dict[str, Any] = {
        "link": lambda place: place.symlink_to(path(other)),
        "dangling": lambda place: place.symlink_to(tmp_path / "nothing"),
        "folder": lambda place: place.mkdir(mode=0o700),
        "pipe": lambda place: os.mkfifo(place, 0o600),
    }
    for name, make in makers.items():
        home = _folder(tmp_path, name)
        make(path(home))
        with pytest.raises((NotAllowed, Unavailable)):
            load_or_create(home)
        assert path(home).is_symlink() or not path(home).is_file()


def test_a_crash_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails before the rename changes nothing, and the next write is not in its way [AU80]."""
    made = load_or_create(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="No space left"):
            rotate_jwt(tmp_path, now_ms=NOW_MS)
    assert load_or_create(tmp_path) == made
    assert (tmp_path / ".keys.json.new").exists(), "as a crash leaves it"
    assert rotate_jwt(tmp_path, now_ms=NOW_MS).jwt[1].kid == made.jwt[0].kid
    assert not (tmp_path / ".keys.json.new").exists()


def test_the_file_and_its_folder_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File and folder are flushed to the disk before keys are used [AU80]."""
    flushed: list[bool] = []
    real = os.fsync

    def spy(descriptor: int) -> None:
        flushed.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    load_or_create(tmp_path)
    assert flushed == [False, True]


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Without the folder it says so [AU80]."""
    with pytest.raises(Unavailable, match="No such file"):
        load_or_create(tmp_path / "nothing")


def test_a_disk_that_does_not_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there and cannot be read is not taken for none [AU80]."""
    load_or_create(tmp_path)
    before = path(tmp_path).read_bytes()

    def broken(_descriptor: int) -> os.stat_result:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", broken)
        with pytest.raises(Unavailable, match="Input/output error"):
            load_or_create(tmp_path)
    assert path(tmp_path).read_bytes() == before


def _changed(home: Path, **changes: Any) -> bytes:
    return json.dumps({**json.loads(path(home).read_bytes()), **changes}).encode()


def test_a_damaged_file_is_refused_and_never_replaced(tmp_path: Path) -> None:
    """A file that is not whole is refused without a word of it, and stays as it is [AU82]."""
    load_or_create(tmp_path)
    good = path(tmp_path).read_bytes()
    master = json.loads(good)["master"][0]
    secret = master["secret"]
    damaged = [
        b"", b"{}", b"null", good[:-20], good[:100], good + b"x", b"\xff" + good,
        good.replace(b'"version"', b'"Version"'), _changed(tmp_path, master=[]),
        _changed(tmp_path, jwt=[]), _changed(tmp_path, refresh_key="AAAA"),
        _changed(tmp_path, names_key=None), _changed(tmp_path, extra=1),
        _changed(tmp_path, master=[{**master, "secret": "AAAA"}]),
        _changed(tmp_path, jwt=[{"kid": "k", "secret": "AAAA"}]),
        _changed(tmp_path, jwt=[{"kid": "../k", "secret": secret}]),
    ]  # fmt: skip
    for data in damaged:
        path(tmp_path).write_bytes(data)
        for use in USES:
            with pytest.raises(InvalidInput, match="is damaged") as caught:
                use(tmp_path)
            assert secret not in str(caught.value)
        assert path(tmp_path).read_bytes() == data
    path(tmp_path).write_bytes(_changed_version(good))
    with pytest.raises(InvalidInput, match="has version 2"):
        load_or_create(tmp_path)


def _changed_version(good: bytes) -> bytes:
    return json.dumps({**json.loads(good), "version": 2}).encode()


def _tokens(made: Keys, clock: FakeClock) -> AccessTokens:
    return AccessTokens(KeyRing(made.jwt), clock, issuer="http://127.0.0.1:8420")


def test_a_rotated_key_verifies_until_no_token_needs_it(tmp_path: Path) -> None:
    """A new key signs at once; the old one verifies 20 min more, then is dropped [AU83]."""
    clock = FakeClock()
    first = load_or_create(tmp_path)
    token = _tokens(first, clock).issue(UserId("u"), new_sid())
    second = rotate_jwt(tmp_path, now_ms=clock.now_ms())
    assert load_or_create(tmp_path) == second
    assert [each.kid for each in second.jwt][1:] == [first.jwt[0].kid]
    assert second.jwt[1].ends_at == clock.now_ms() + 20 * 60_000
    clock.advance(959)
    assert _tokens(second, clock).verify(token).user == "u"
    clock.advance(241)
    with pytest.raises(Unauthenticated):
        _tokens(second, clock).verify(token)
    third = rotate_jwt(tmp_path, now_ms=clock.now_ms())
    assert [each.kid for each in third.jwt][1:] == [second.jwt[0].kid]
    same = (first.master, first.refresh_key, first.names_key)
    assert (third.master, third.refresh_key, third.names_key) == same


def test_a_rotation_without_overlap_ends_every_token(tmp_path: Path) -> None:
    """With overlap 0 only the new key is left, also of rotations before [AU83]."""
    first = load_or_create(tmp_path)
    rotate_jwt(tmp_path, now_ms=NOW_MS)
    last = rotate_jwt(tmp_path, now_ms=NOW_MS + 1, overlap_ms=0)
    assert len(last.jwt) == 1
    assert last.jwt[0].kid != first.jwt[0].kid
    with pytest.raises(InvalidInput, match="made at the first start"):
        rotate_jwt(_folder(tmp_path, "empty"), now_ms=NOW_MS)


@pytest.mark.parametrize("name", ["LEGATO_JWT_SECRET_KEY", "LEGATO_MASTER_KEY"])
@pytest.mark.parametrize(
    "value",
    [
        None, "", "   ", "secret", "changeme", "CHANGE_ME_IN_PRODUCTION", "password",
        "0123456789abcdef", "a" * 31, JWT[:31], "a" * 64, "changeme" * 8, "0" * 40, "ab" * 20,
        "CHANGE_ME_IN_PRODUCTION_CHANGE_ME_IN_PRODUCTION", "your-256-bit-secret-goes-here-please!",
        "your-256-bit-secret-your-256-bit-secret", "super-secret-jwt-key-change-in-production-2026",
        "this_is_my_very_long_secret_key_1234567890", "legato-secret-key-legato-secret-key-2",
        "x" * 16 + "y" * 16, "0123456789abcdef0123456789abcdef", JWT + "\0", "ä" * 16,
        "my-super-secret-token-with-at-least-32-characters",
    ],
)  # fmt: skip
def test_a_server_gets_no_weak_key(name: str, value: str | None) -> None:
    """Missing, short, repeated or well-known secrets are refused in one clear line [AU84]."""
    env = {**ENV, name: value} if value is not None else {k: v for k, v in ENV.items() if k != name}
    with pytest.raises(InvalidInput) as caught:
        keys_from_environment(env)
    (line,) = str(caught.value).splitlines()
    assert line[: len(name) + 1] == f"{name} "
    assert "openssl rand" in line
    assert not value or not value.strip() or value not in line.partition(". Make")[0]


def test_each_variable_that_is_wrong_has_its_line() -> None:
    """All that is wrong is told at once [AU84]."""
    with pytest.raises(InvalidInput) as caught:
        keys_from_environment({"LEGATO_MASTER_KEY": "short"})
    assert [line.split()[0] for line in str(caught.value).splitlines()] == [
        "LEGATO_JWT_SECRET_KEY",
        "LEGATO_MASTER_KEY",
    ]


def test_one_secret_is_no_two_keys() -> None:
    """The same value for two variables is refused, and so is a key pair [AU84]."""
    for env in (
        {**ENV, "LEGATO_MASTER_KEY": JWT},
        {**ENV, "LEGATO_MASTER_KEY_OLD": MASTER},
        {**ENV, "LEGATO_JWT_SECRET_KEY_OLD": f" {JWT} "},
    ):
        with pytest.raises(InvalidInput, match="same as another"):
            keys_from_environment(env)
    pair = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ7q9Xv0LwZk2Bn9RtYp4Hs8DfGm3Jc6Ae1Zt5Nq8Wc1"
    with pytest.raises(InvalidInput, match="key pair"):
        keys_from_environment({**ENV, "LEGATO_JWT_SECRET_KEY": pair})


def test_the_advice_makes_a_secret_that_is_taken() -> None:
    """Random text of 32 bytes and more, in base64 or hex, is taken; spaces around it not [AU85]."""
    made = keys_from_environment(ENV)
    assert keys_from_environment({name: f" {value}\n" for name, value in ENV.items()}) == made
    assert made.jwt[0].secret == JWT.encode()
    for _ in range(200):
        env = {
            "LEGATO_JWT_SECRET_KEY": os.urandom(32).hex(),
            "LEGATO_MASTER_KEY": new_sid(),
        }
        Sealer(keys_from_environment(env).master)


def test_instances_with_the_same_variables_have_the_same_keys() -> None:
    """Names and derived keys come from the secrets alone, and are apart from each other [AU85]."""
    one, same = keys_from_environment(ENV), keys_from_environment({**ENV, "OTHER": "x"})
    assert one == same
    drawn = list(secrets_of(one))
    assert len(set(drawn)) == len(drawn)
    assert MASTER.encode() not in drawn, "the master key is derived from its text"
    assert all(len(each) == 32 for each in drawn)
    other = keys_from_environment({**ENV, "LEGATO_MASTER_KEY": OLD})
    assert not set(secrets_of(other)) & set(drawn[1:])
    assert other.jwt == one.jwt
    assert not any(text in one.jwt[0].kid + one.master[0].id for text in (JWT[:4], MASTER[:4]))


def test_the_old_secret_verifies_and_opens() -> None:
    """After a change the secret before it, given as `…_OLD`, verifies and opens [AU86]."""
    clock = FakeClock()
    before = keys_from_environment(ENV)
    token = _tokens(before, clock).issue(UserId("u"), new_sid())
    sealed = Sealer(before.master).seal(b"x", b"u")
    changed = {
        "LEGATO_JWT_SECRET_KEY": OLD,
        "LEGATO_MASTER_KEY": OLD[::-1],
        "LEGATO_JWT_SECRET_KEY_OLD": JWT,
        "LEGATO_MASTER_KEY_OLD": MASTER,
    }
    after = keys_from_environment(changed)
    assert _tokens(after, clock).verify(token).user == "u"
    assert Sealer(after.master).open(sealed, b"u") == b"x"
    assert after.jwt[0].kid != before.jwt[0].kid
    with pytest.raises(InvalidInput, match="LEGATO_MASTER_KEY_OLD has 5 bytes"):
        keys_from_environment({**ENV, "LEGATO_MASTER_KEY_OLD": "short"})


@given(st.text(), st.text())
def test_any_text_of_the_environment_gives_the_typed_refusal(one: str, other: str) -> None:
    """Whatever the variables hold, the answer is keys or `InvalidInput` [AU84]."""
    try:
        made = keys_from_environment({"LEGATO_JWT_SECRET_KEY": one, "LEGATO_MASTER_KEY": other})
    except InvalidInput:
        return
    assert len(made.jwt[0].secret) >= 32


@given(st.binary(max_size=200))
def test_any_bytes_in_the_file_give_a_typed_refusal(data: bytes) -> None:
    """Whatever stands in the file, the answer is `InvalidInput` [AU82]."""
    with pytest.raises(LegatoError) as caught:
        keys._parsed(Path("keys.json"), data)
    assert isinstance(caught.value, InvalidInput)


def test_keys_do_not_print_their_secrets(tmp_path: Path) -> None:
    """What shows keys shows names only [AU87]."""
    for made in (load_or_create(tmp_path), keys_from_environment(ENV)):
        shown = f"{made!r} {made} {made.__rich_repr__()}"
        assert made.jwt[0].kid in shown
        assert JWT not in shown
        assert not any(repr(each)[2:-1] in shown for each in secrets_of(made))
