# SPDX-License-Identifier: Apache-2.0
"""What the engine and the process of an isolated attempt say to each other.

Each message is four bytes of length (big-endian) and JSON. The child is less trusted than the
engine: a message that is too long or not understood ends it.

Rules: AT15, ND9.
"""

import struct
from typing import Final, Literal

import msgspec

from legato.errors import LegatoError, LimitExceeded
from legato.model.policy import Limits
from legato.ports.grants import MailServer, SqlConnection
from legato.runtime.attempt.request import AttemptRequest

_LENGTH: Final = struct.Struct(">I")

AskWhat = Literal[
    "secret", "credential", "blob_put", "blob_get", "blob_put_file", "blob_get_file", "step_get",
    "step_begin", "step_finish",
]  # fmt: skip


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """The grants and sandbox of the engine, as plain text."""

    programs: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    program_network: bool = False
    connections: dict[str, SqlConnection] = {}
    mail_servers: dict[str, MailServer] = {}
    python: bool = False
    credential_writes: bool = False
    sandbox_mode: Literal["auto", "off", "required"] = "auto"
    hidden: tuple[str, ...] = ()


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """The attempt to run.

    `locator` is `module:attribute` of its node type or of a registry, `http` that of what makes
    the HTTP client of grants.
    """

    locator: str
    http: str
    request: AttemptRequest
    allowed: Allowed
    limits: Limits
    now_ms: int
    cancel_grace_s: float
    scratch: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, tag="answer"):
    """The answer to `Ask` number `id`: `body` is JSON; a `code` means an error."""

    id: int
    body: msgspec.Raw = msgspec.Raw(b"null")
    code: str = ""
    message: str = ""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Stop the attempt."""


class Ask(msgspec.Struct, frozen=True, kw_only=True, tag="ask"):
    """A call of a port, made by the engine on the child's behalf."""

    id: int
    what: AskWhat
    body: msgspec.Raw


class Said(msgspec.Struct, frozen=True, kw_only=True, tag="said"):
    """A log line, progress or delta."""

    level: str
    text: str
    progress: float | None = None


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The report, as an encoded signal."""

    report: msgspec.Raw


class StepAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the journal; the engine adds execution, node, item and attempt itself."""

    name: str
    ordinal: int
    input_hash: str = ""
    output: bytes | None = None


class StepFound(msgspec.Struct, frozen=True, kw_only=True):
    """A journalled step as the child needs it."""

    attempt: int
    input_hash: str
    output: bytes | None = None


class BlobAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A payload to store, or the hash and size of one to fetch.

    A long one goes through `file`, a name in the attempt's scratch folder; `size` is then its
    bound when it is stored.
    """

    payload: bytes = b""
    hash: str = ""
    size: int = 0
    file: str = ""


ToChild = Begin | Answer | Stop
ToEngine = Ask | Said | Done

_encoder: Final = msgspec.json.Encoder()
to_child_decoder: Final = msgspec.json.Decoder(ToChild)
to_engine_decoder: Final = msgspec.json.Decoder(ToEngine)


def encode_message(message: ToChild | ToEngine) -> bytes:
    """Return a message with its length in front."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class Messages:
    """Cuts a stream of bytes into message bodies."""

    def __init__(self, size_bytes_max: int) -> None:
        """Args: size_bytes_max bounds one message."""
        self._size_bytes_max = size_bytes_max
        self._parts: list[bytes] = []
        self._held = 0
        self._wanted = _LENGTH.size

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete now.

        Raises:
            LimitExceeded: A message announces more than the bound.
        """
        self._parts.append(data)
        self._held += len(data)
        if self._held < self._wanted:
            return []
        text = b"".join(self._parts)
        found: list[bytes] = []
        start = 0
        while len(text) - start >= _LENGTH.size:
            end = start + _LENGTH.size + self._announced(text, start)
            if end > len(text):
                break
            found.append(text[start + _LENGTH.size : end])
            start = end
        rest = text[start:]
        # Joined again only when the next message is whole: 64 MiB come in pieces of 64 KiB.
        self._wanted = _LENGTH.size
        if len(rest) >= _LENGTH.size:
            self._wanted += self._announced(rest, 0)
        self._parts = [rest]
        self._held = len(rest)
        return found

    def _announced(self, text: bytes, start: int) -> int:
        (size,) = _LENGTH.unpack_from(text, start)
        if size > self._size_bytes_max:
            raise LimitExceeded(f"a message of {size} bytes; the limit is {self._size_bytes_max}")
        return int(size)


def error_classes() -> dict[str, type[LegatoError]]:
    """Return every error class by its code, so that an error crosses the pipe as itself."""
    found: dict[str, type[LegatoError]] = {}
    waiting: list[type[LegatoError]] = [LegatoError]
    while waiting:
        each = waiting.pop()
        if "code" in vars(each):  # a class that has its parent's is made in its own way
            found[each.code] = each
        waiting.extend(each.__subclasses__())
    return found
