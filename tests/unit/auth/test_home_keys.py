# SPDX-License-Identifier: Apache-2.0
"""A server that runs while its keys are rotated."""

from pathlib import Path

import pytest

from legato.auth.home_keys import HomeKeys
from legato.auth.keys import drop_old_masters, load, load_or_create, rotate_jwt, rotate_master
from legato.auth.refresh import new_sid
from legato.auth.tokens import AccessTokens
from legato.errors import InvalidInput, Unauthenticated
from legato.model.ids import UserId
from legato.testing.clock import FakeClock

NOW_MS = 1_800_000_000_000
ANN = UserId("u-ann")


class Server:
    """What a server makes of the keys of a home."""

    def __init__(self, home: Path, clock: FakeClock) -> None:
        """Start."""
        self.clock = clock
        found = load_or_create(home, now_ms=clock.now_ms())
        self.keys = HomeKeys(home, found, clock.monotonic)
        self.tokens = AccessTokens(self.keys.ring, clock, issuer="http://127.0.0.1:8420")

    def issue(self) -> str:
        """Make a token."""
        return self.tokens.issue(ANN, new_sid())


def test_a_rotated_key_signs_within_a_second(tmp_path: Path) -> None:
    """Tokens of before stay good, and nothing is read that has not changed [CL74, AU83]."""
    clock = FakeClock()
    server = Server(tmp_path, clock)
    old, before = server.issue(), server.keys.ring.signing.kid
    made = rotate_jwt(tmp_path, now_ms=clock.now_ms())
    assert server.keys.ring.signing.kid == before
    clock.advance(1)
    assert server.keys.ring.signing.kid == made.jwt[0].kid != before
    assert server.keys.changes == 1
    assert server.tokens.verify(old).user == ANN
    assert server.tokens.verify(server.issue()).user == ANN
    clock.advance(1)
    assert (server.keys.ring.signing.kid, server.keys.changes) == (made.jwt[0].kid, 1)


def test_what_another_process_signed_with_a_new_key_is_good_at_once(tmp_path: Path) -> None:
    """A key that is not known is looked for without waiting [CL74]."""
    clock = FakeClock()
    one, other = Server(tmp_path, clock), Server(tmp_path, clock)
    rotate_jwt(tmp_path, now_ms=clock.now_ms())
    clock.advance(1)
    token = one.issue()
    other.keys.look()
    rotate_jwt(tmp_path, now_ms=clock.now_ms())
    one.keys.look(is_urgent=True)
    assert other.tokens.verify(token).user == ANN
    assert other.tokens.verify(one.issue()).user == ANN


def test_a_rotation_without_overlap_ends_tokens_within_a_second(tmp_path: Path) -> None:
    """Whoever remembers a token sees that something has changed [CL74]."""
    clock = FakeClock()
    server = Server(tmp_path, clock)
    old = server.issue()
    rotate_jwt(tmp_path, now_ms=clock.now_ms(), overlap_ms=0)
    assert server.keys.ring.changes == 0
    clock.advance(1)
    assert server.keys.ring.changes == 1
    with pytest.raises(Unauthenticated):
        server.tokens.verify(old)


def test_a_new_master_key_opens_and_seals_without_a_restart(tmp_path: Path) -> None:
    """What the command line has sealed anew opens at once, and what is sealed is new [CL74]."""
    clock = FakeClock()
    one, other = Server(tmp_path, clock), Server(tmp_path, clock)
    old = one.keys.sealer.seal(b"secret", b"ann")
    rotate_master(tmp_path, now_ms=clock.now_ms())
    other.keys.look(is_urgent=True)
    new = other.keys.sealer.seal(b"secret", b"ann")
    assert other.keys.sealer.needs_resealing(old)
    assert one.keys.sealer.open(new, b"ann") == b"secret"
    clock.advance(1)
    assert not other.keys.sealer.needs_resealing(one.keys.sealer.seal(b"secret", b"ann"))
    assert one.keys.sealer.open(old, b"ann") == b"secret"
    for _ in range(2):
        with pytest.raises(InvalidInput):
            one.keys.sealer.open(new, b"bob")


@pytest.mark.parametrize("spoilt", ["damaged", "gone", "others"])
def test_a_file_that_is_spoilt_changes_nothing(tmp_path: Path, spoilt: str) -> None:
    """The server goes on with the keys that it has [CL74]."""
    clock = FakeClock()
    server = Server(tmp_path, clock)
    token, file = server.issue(), tmp_path / "keys.json"
    good = file.read_bytes()
    if spoilt == "damaged":
        file.write_bytes(good[:-20])
    elif spoilt == "gone":
        file.unlink()
    else:
        file.chmod(0o644)
        file.write_bytes(good + b" ")
    clock.advance(1)
    assert server.tokens.verify(token).user == ANN
    assert server.tokens.verify(server.issue()).user == ANN
    assert server.keys.changes == 0


def test_keys_know_when_they_were_made(tmp_path: Path) -> None:
    """And a look makes none [CL70]."""
    assert load(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    load_or_create(tmp_path, now_ms=NOW_MS)
    rotate_jwt(tmp_path, now_ms=NOW_MS + 1)
    rotate_master(tmp_path, now_ms=NOW_MS + 2)
    found = load(tmp_path)
    assert found is not None
    assert [each.made_at for each in found.jwt] == [NOW_MS + 1, NOW_MS]
    assert [each.made_at for each in found.master] == [NOW_MS + 2, NOW_MS]
    assert len(found.secrets) == 6


def test_old_master_keys_are_dropped_for_the_key_that_was_looked_at(tmp_path: Path) -> None:
    """Not if somebody has made another one meanwhile; and there are never too many [CL76]."""
    first = load_or_create(tmp_path)
    second = rotate_master(tmp_path, now_ms=NOW_MS)
    assert [each.id for each in second.master][1:] == [first.master[0].id]
    with pytest.raises(InvalidInput, match="changed meanwhile"):
        drop_old_masters(tmp_path, current=first.master[0].id)
    dropped = drop_old_masters(tmp_path, current=second.master[0].id)
    assert dropped == load(tmp_path)
    assert dropped.master == second.master[:1]
    assert dropped.jwt == first.jwt
    for _ in range(15):
        rotate_master(tmp_path, now_ms=NOW_MS)
    with pytest.raises(InvalidInput, match="16 master keys"):
        rotate_master(tmp_path, now_ms=NOW_MS)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InvalidInput, match="first start"):
        rotate_master(empty, now_ms=NOW_MS)
