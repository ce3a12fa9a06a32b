# SPDX-License-Identifier: Apache-2.0
"""The workflow `customer-mail`, which comes with Legato and asks the practice service.

Rules: PR12.
"""

from importlib import resources
from typing import Final

NAME: Final = "customer-mail"
FILE: Final = "customer_mail.yaml"
DEFAULT_PORT: Final = 8421
"""The port that the document names as it stands, beside Legato's own 8420."""


def endpoint(port: int = DEFAULT_PORT) -> str:
    """Return host and port of the practice service, as a grant names them."""
    return f"127.0.0.1:{port}"


def document(port: int = DEFAULT_PORT) -> bytes:
    """Return the document with the practice service at a port of this computer by default."""
    assert 0 < port < 65_536, port
    text = resources.files("legato.practice").joinpath(FILE).read_bytes()
    place = f'default: "http://{endpoint()}"'.encode()
    assert text.count(place) == 1, f"{FILE} names the practice service once"
    return text.replace(place, f'default: "http://{endpoint(port)}"'.encode())
