# SPDX-License-Identifier: Apache-2.0
"""Logs: structured records on stderr, for programs as JSON lines or for a person on a console.

Every text of every record passes two gates, in this order: `redact` replaces registered secret
values, `escape_control` makes control characters visible, so that no record can forge another or
steer a terminal. Records of libraries (standard `logging`) take the same way. Must not know what
an execution is. Rules: CL9, CL16, LG24.
"""

import base64
import json
import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from typing import Any, Final, TextIO, cast
from urllib.parse import quote, quote_plus

import orjson
import structlog

REDACTED: Final = "[redacted]"
SECRET_LENGTH_MIN: Final = 4
"""A shorter value would be found in every other word; it is not replaced."""
_DEPTH_MAX: Final = 8

# C0, DEL and C1 controls; line and paragraph separators; the marks that reorder text on screen.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def escape_control(text: str) -> str:
    r"""Return the text with control characters written out, for example ESC as `\x1b`."""
    return _CONTROL.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    character = match.group()
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    code = ord(character)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


class Redactor:
    """Replaces secret values in text, also where they stand encoded.

    Values are added as they are resolved and stay for the life of the process.
    """

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, value: str) -> None:
        """Have this value and its base64, URL and JSON forms replaced from now on."""
        if len(value) < SECRET_LENGTH_MIN:
            return
        self._values.update(_forms(value))
        # Longest first, so that a form is not cut by a shorter one inside it.
        ordered = sorted(self._values, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)))

    def __call__(self, text: str) -> str:
        """Return the text with every known value replaced."""
        return self._pattern.sub(REDACTED, text) if self._pattern else text


def _forms(value: str) -> set[str]:
    raw = value.encode("utf-8", "surrogatepass")
    found = {value, quote_plus(value, errors="replace")}
    found.update(quote(value, safe=kept, errors="replace") for kept in ("", "/"))
    # Inside a longer base64 text a value stands at one of three alignments; the characters that
    # also depend on its neighbours are left out.
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * shift + raw).decode("ascii").rstrip("=")
            core = text[(0, 2, 3)[shift] : len(text) if (shift + len(raw)) % 3 == 0 else -1]
            if len(core) >= 2 * SECRET_LENGTH_MIN:
                found.add(core)
    found.update(json.dumps(value, ensure_ascii=ascii)[1:-1] for ascii in (False, True))
    return {form for form in found if len(form) >= SECRET_LENGTH_MIN}


def configure_logging(
    level: str = "info",
    *,
    as_json: bool,
    stream: TextIO | None = None,
    redact: Callable[[str], str] | None = None,
) -> None:
    """Set up logging for this process; a later call replaces an earlier one.

    Args:
        level: debug, info, warning or error.
        as_json: One JSON object per line; otherwise lines for a person.
        stream: Where to write; stderr if not given. Never stdout, which belongs to results.
        redact: Applied to every text of every record, for example a `Redactor`.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _Gates(redact),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _as_json if as_json else _for_a_person,
            ],
        )
    )
    root = logging.getLogger()
    for old in [each for each in root.handlers if getattr(each, "_legato", False)]:
        root.removeHandler(old)
    handler._legato = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(number)


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger; call as `log.info("what happened", key=value)`, values apart from text."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(name))


class _Gates:
    """Processor: every key and value becomes plain, redacted and free of control characters."""

    def __init__(self, redact: Callable[[str], str] | None) -> None:
        self._redact = redact or (lambda text: text)

    def __call__(
        self, _: object, __: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        # Keys with an underscore are structlog's own and are taken out before rendering.
        return {
            key if key.startswith("_") else self._text(key): (
                value if key.startswith("_") else self._plain(value, _DEPTH_MAX)
            )
            for key, value in event.items()
        }

    def _text(self, text: str) -> str:
        return escape_control(self._redact(text))

    def _plain(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict) and depth:
            return {
                self._text(str(key)): self._plain(each, depth - 1) for key, each in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset) and depth:
            return [self._plain(each, depth - 1) for each in value]
        return self._text(str(value))


def _as_json(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(dict(event), default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _for_a_person(_: object, __: str, event: MutableMapping[str, Any]) -> str:
    """Render `time level event key=value…`; a traceback follows on lines of its own."""
    rest = dict(event)
    time = str(rest.pop("timestamp", ""))[11:23]
    level = str(rest.pop("level", "")).ljust(7)
    what = rest.pop("event", "")
    traceback = rest.pop("exception", None)
    rest.pop("logger", None)
    line = " ".join([time, level, str(what), *(f"{key}={value}" for key, value in rest.items())])
    if traceback is None:
        return line
    # Escaped by the gates: only our own line breaks are real, each under a bar.
    return "\n  | ".join([line, *str(traceback).split("\\n")])
