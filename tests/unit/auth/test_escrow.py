# SPDX-License-Identifier: Apache-2.0
"""Keys under a passphrase."""

import msgspec
import pytest

from legato.auth import escrow
from legato.errors import InvalidInput, NotAllowed

PHRASE = "correct horse battery"


def test_only_its_passphrase_opens_it_and_only_for_its_backup() -> None:
    """Another phrase, another backup or a changed byte opens nothing [BK6]."""
    sealed = escrow.seal(b"secret", PHRASE, "one")
    assert b"secret" not in sealed
    assert escrow.unseal(sealed, PHRASE, "one") == b"secret"
    for phrase, bound in ((PHRASE + "!", "one"), (PHRASE, "two")):
        with pytest.raises(NotAllowed):
            escrow.unseal(sealed, phrase, bound)
    found = msgspec.json.decode(sealed, type=escrow.Escrow)
    changed = bytes([found.sealed[0] ^ 1]) + found.sealed[1:]
    with pytest.raises(NotAllowed):
        escrow.unseal(
            msgspec.json.encode(msgspec.structs.replace(found, sealed=changed)), PHRASE, "one"
        )


def test_a_strangers_cost_is_bounded() -> None:
    """No file makes us compute for hours; a short phrase seals nothing [BK6]."""
    found = msgspec.json.decode(escrow.seal(b"x", PHRASE, "one"), type=escrow.Escrow)
    for n in (2**30, 3, 0, -2):
        data = msgspec.json.encode(msgspec.structs.replace(found, n=n))
        with pytest.raises(InvalidInput):
            escrow.unseal(data, PHRASE, "one")
    with pytest.raises(InvalidInput):
        escrow.unseal(b"{", PHRASE, "one")
    with pytest.raises(InvalidInput):
        escrow.seal(b"x", "short", "one")
