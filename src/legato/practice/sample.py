# SPDX-License-Identifier: Apache-2.0
"""The workflow `customer-mail`, which comes with Legato and asks the practice service.

Beside the document stands what Legato makes of it: to compile it when it is published would take
the first start half a second, and 20 MB for as long as the server lives.

Rules: PR12, UP20.
"""

from importlib import resources
from typing import Final

NAME: Final = "customer-mail"
FILE: Final = "customer_mail.yaml"
COMPILED: Final = "customer_mail.json"
"""Made by `python -m legato.cli.sample`; a test compares it with the document."""
DEFAULT_PORT: Final = 8421
"""The port that the document names as it stands, beside Legato's own 8420."""


def endpoint(port: int = DEFAULT_PORT) -> str:
    """Return host and port of the practice service, as a grant names them."""
    return f"127.0.0.1:{port}"


def document(port: int = DEFAULT_PORT) -> bytes:
    """Return the document with the practice service at a port of this computer by default."""
    return _at(port, FILE, 'default: "http://{}"')


def compiled(port: int = DEFAULT_PORT) -> bytes:
    """Return the same as Legato stores it."""
    return _at(port, COMPILED, '"default":"http://{}"')


def _at(port: int, file: str, words: str) -> bytes:
    assert 0 < port < 65_536, port
    text = resources.files("legato.practice").joinpath(file).read_bytes()
    place = words.format(endpoint()).encode()
    assert text.count(place) == 1, f"{file} names the practice service once"
    return text.replace(place, words.format(endpoint(port)).encode())
