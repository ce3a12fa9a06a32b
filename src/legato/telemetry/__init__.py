# SPDX-License-Identifier: Apache-2.0
"""Logs: structured records on stderr, for programs as JSON lines or for a person on a console.

Every text of every record passes two gates, in this order: secrets are replaced, registered ones
by their value (`redact`) and tokens by their form; `escape_control` makes control characters
visible, so that no record can forge another or steer a terminal. Records of libraries (standard
`logging`) take the same way. A file beside stderr is written by `log_file`. Must not know what an
execution is. Rules: CL9, CL16, HT57, LG24.
"""

import logging
import re
import sys
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any, Final, TextIO, cast

import orjson
import structlog

from legato.telemetry.redaction import MARKED_MIN, REDACTED, Redactor, hide_tokens

__all__ = ["REDACTED", "Redactor", "configure_logging", "escape_control", "lines_dropped", "logger"]

_DEPTH_MAX: Final = 8
_TALKATIVE: Final = ("httpx2", "httpcore2")
"""Libraries that log URLs with their query, and headers, of every request: only their warnings."""

# C0, DEL and C1 controls; line and paragraph separators; the marks that reorder text on screen.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def escape_control(text: str) -> str:
    r"""Return the text with control characters written out, for example ESC as `\x1b`."""
    return text if text.isprintable() else _CONTROL.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    character = match.group()
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    code = ord(character)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def configure_logging(
    level: str = "info",
    *,
    as_json: bool,
    stream: TextIO | None = None,
    redact: Callable[[str], str] | None = None,
    file: logging.Handler | None = None,
) -> None:
    """Set up logging for this process; a later call replaces an earlier one.

    Args:
        level: debug, info, warning or error.
        as_json: One JSON object per line; otherwise lines for a person.
        stream: Where to write; stderr if not given. Never stdout, which belongs to results.
        redact: Applied to every text of every record, for example a `Redactor`.
        file: Gets the same records as JSON lines, from its own level on; a `log_file.LogFile`.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    lowest = number if file is None else min(number, file.level)
    # No record tells its line of code, thread or process: not to look for them saves a fifth of its
    # time. Source: "Optimization" in the logging HOWTO.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
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
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    lines = _Once(_Formatter(shared, _as_json))
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setLevel(number)
    handler.setFormatter(lines if as_json else _Formatter(shared, _for_a_person))
    root = logging.getLogger()
    for old in [each for each in root.handlers if getattr(each, "_legato", False)]:
        root.removeHandler(old)
        if old is not file:
            old.close()
    if file is not None:
        file.setFormatter(lines)
    for each in (handler, file):
        if each is not None:
            each._legato = True  # type: ignore[attr-defined]
            root.addHandler(each)
    root.setLevel(lowest)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Renders records; those of libraries pass the processors first, ours have done so."""

    def __init__(
        self,
        shared: Sequence[structlog.typing.Processor],
        render: Callable[[object, str, MutableMapping[str, Any]], str],
    ) -> None:
        super().__init__(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        event: Any = record.msg
        if hasattr(record, "_logger") and isinstance(event, dict):
            # The base class would copy the record first, which takes longer than to render it.
            return self._render(None, "", event)
        return super().format(record)


class _Once(logging.Formatter):
    """Makes the line of a record once, however many handlers want it."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        line: str | None = getattr(record, "_legato_line", None)
        if line is None:
            line = record._legato_line = self._inner.format(record)
        return line


def logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger; call as `log.info("what happened", key=value)`, values apart from text."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(name))


def lines_dropped() -> int:
    """Return how many lines of this process a log file had no room for."""
    return sum(getattr(each, "dropped", 0) for each in logging.getLogger().handlers)


class _Gates:
    """Processor: every key and value becomes plain, redacted and free of control characters."""

    def __init__(self, redact: Callable[[str], str] | None) -> None:
        self._redact = redact or (lambda text: text)

    def __call__(
        self, _: object, __: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if self._is_clean(event):
            return event
        # Keys with an underscore are structlog's own and are taken out before rendering. The names
        # that a program gives its values are what they seem.
        return {
            key if key.isidentifier() else self._text(key): (
                value if key.startswith("_") else self._plain(value, _DEPTH_MAX)
            )
            for key, value in event.items()
        }

    def _is_clean(self, event: MutableMapping[str, Any]) -> bool:
        """Tell whether a record passes as it is, as most do: flat, with short and plain texts."""
        least = min(MARKED_MIN, getattr(self._redact, "shortest", 0))
        for key, value in event.items():
            if isinstance(value, str):
                # What is shorter holds nothing that is replaced.
                if len(value) >= least and self._text(value) != value:
                    return False
                if not value.isprintable():
                    return False
            elif not (value is None or isinstance(value, int | float)):
                return False
            if not key.isidentifier():
                return False
        return True

    def _text(self, text: str) -> str:
        return escape_control(hide_tokens(self._redact(text)))

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
