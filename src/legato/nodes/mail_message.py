# SPDX-License-Identifier: Apache-2.0
"""Composes an email: addresses that are what they look like, headers without line ends.

Rules: ND58.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from legato.ports.node import Blob, NodeFailure

if TYPE_CHECKING:
    from email.headerregistry import Address

ADDRESS_CHARACTERS_MAX: Final = 400
_LOCAL: Final = re.compile(
    r"(?=.{1,64}\Z)[A-Za-z0-9_][A-Za-z0-9#$&'*+/=?^_`{|}~-]*(\.[A-Za-z0-9#$&'*+/=?^_`{|}~-]+)*"
)
"""No quotes, and none of the `%` and `!` by which old servers were told to pass mail on."""
_DOMAIN: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")
_NAME: Final = re.compile(r'[^<>"\\]{0,200}')
_LINE_BREAKERS: Final = frozenset({"Cc", "Zl", "Zp"})
_ENCODED: Final = "=?"
"""Begins an encoded word (RFC 2047)."""
_OCTETS: Final = ("application", "octet-stream")
_HEADERS: Final = frozenset(
    {b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id", b"auto-submitted",
     b"mime-version", b"content-type", b"content-transfer-encoding"}
)  # fmt: skip
_TYPE: Final = re.compile(r"([a-z]{1,40})/([a-z0-9.+-]{1,100})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be sent, with checked addresses."""

    message_id: str
    date: datetime
    sender: "Address"
    to: "tuple[Address, ...]"
    cc: "tuple[Address, ...]"
    bcc: "tuple[Address, ...]"
    reply_to: "Address | None"
    subject: str
    text: str
    html: str | None

    @property
    def recipients(self) -> list[str]:
        """Every address once, in order."""
        every = (*self.to, *self.cc, *self.bcc)
        return list(dict.fromkeys(each.addr_spec for each in every))


def refuse(kind: str, message: str, *, retryable: bool = False) -> NodeFailure:
    """Make a failure before or without sending."""
    return NodeFailure(kind, message, may_have_happened=False, retryable=retryable)


def address_of(text: str) -> "Address":
    """Read `ann@example.org` or `Ann <ann@example.org>`.

    Raises:
        NodeFailure: `invalid_argument`.
    """
    from email.headerregistry import Address  # noqa: PLC0415 - 10 ms, only for a mail

    if len(text) > ADDRESS_CHARACTERS_MAX:
        raise refuse("invalid_argument", f"{text!r:.200} is too long for an address")
    _check_line("an address", text)
    name, begin, address = text.strip().rpartition("<")
    if begin:
        name, address = name.strip().strip('"'), address.removesuffix(">")
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        domain = _ascii_domain(domain)
    domain = domain.lower()
    is_whole = bool(begin) == text.rstrip().endswith(">") and _NAME.fullmatch(name)
    if not is_whole or _LOCAL.fullmatch(local) is None or _DOMAIN.fullmatch(domain) is None:
        raise refuse(
            "invalid_argument",
            f"{text!r:.200} is no address; expected ann@example.org or Ann <ann@example.org>",
        )
    return Address(display_name=name, username=local, domain=domain)


def _ascii_domain(domain: str) -> str:
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return ""


def message_id(key: str, domain: str) -> str:
    """Return the Message-ID of a node: the same for every attempt."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{domain}>"


def compose(letter: Letter, files: list[tuple[Blob, bytes]]) -> bytes:
    """Return the message as it goes over the wire. Bcc is in no header.

    Raises:
        NodeFailure: `invalid_argument`.
    """
    from email.message import EmailMessage  # noqa: PLC0415 - see above
    from email.policy import SMTP  # noqa: PLC0415 - see above
    from email.utils import format_datetime  # noqa: PLC0415 - see above

    _check_line("the subject", letter.subject)
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # every server takes 7 bits
    message["From"] = letter.sender
    message["To"] = letter.to
    if letter.cc:
        message["Cc"] = letter.cc
    if letter.reply_to is not None:
        message["Reply-To"] = letter.reply_to
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.date)
    message["Message-ID"] = letter.message_id
    message["Auto-Submitted"] = "auto-generated"  # no out-of-office replies (RFC 3834)
    message.set_content(letter.text)
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html")
    for number, (blob, payload) in enumerate(files, 1):
        main, sub = _type_of(blob)
        message.add_attachment(payload, maintype=main, subtype=sub, filename=_name_of(blob, number))
    return _checked(message.as_bytes())


def _checked(message: bytes) -> bytes:
    """See that no header came in by way of another: each that is set here, once."""
    head = message.partition(b"\r\n\r\n")[0].split(b"\r\n")
    names = [line.partition(b":")[0].lower() for line in head if line[:1] not in {b" ", b"\t"}]
    if len(names) != len(set(names)) or not set(names) <= _HEADERS:
        raise refuse("invalid_argument", "a header of the message would hold another one")
    return message


def _check_line(what: str, text: str) -> None:
    for character in text:
        if unicodedata.category(character) in _LINE_BREAKERS:
            raise refuse(
                "invalid_argument",
                f"{what} holds the control character U+{ord(character):04X}, and must be one line",
            )
    if _ENCODED in text:
        # Python's email package decodes it, line ends too, and writes what it finds as headers.
        raise refuse(
            "invalid_argument", f"{what} holds {_ENCODED!r}; write the characters as they are"
        )


def _type_of(blob: Blob) -> tuple[str, str]:
    """Return a type that a plain attachment can have."""
    match = _TYPE.fullmatch(blob.type.partition(";")[0].strip().lower())
    if match is None or match[1] in {"multipart", "message"}:
        return _OCTETS
    return match[1], match[2]


def _name_of(blob: Blob, number: int) -> str:
    name = (blob.name or "").replace("\\", "/").rpartition("/")[2]
    name = "".join(each for each in name if each.isprintable()).replace(_ENCODED, "=").strip()
    return name or f"attachment-{number}"
