# SPDX-License-Identifier: Apache-2.0
"""What happened in a run, kept cheaply and written out only when somebody has to read it.

Rules: SM5.
"""

from collections import deque
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

LINES_KEPT: Final = 4_000


class Violation(AssertionError):
    """A promise was broken. `rule` names it as SPEC.md or requirements.md do."""

    def __init__(self, rule: str, text: str) -> None:
        """Args: rule is its id; text says what happened to whom."""
        super().__init__(f"[{rule}] {text}")
        self.rule = rule
        self.text = text


class Trace:
    """The last things that happened, in order."""

    def __init__(self, time: Callable[[], float], *, echo: bool = False) -> None:
        """Args: time gives virtual seconds; with echo every line is printed at once."""
        self._time = time
        self._echo = echo
        self._lines: deque[tuple[float, str, str, tuple[Any, ...]]] = deque(maxlen=LINES_KEPT)
        self._digest = blake2b(digest_size=12)
        self.faults: dict[str, int] = {}

    def commit(self, who: str, what: str, *args: Any) -> None:
        """Note something durable; its bytes count in the digest."""
        self._lines.append((self._time(), who, what, args))
        for each in args:
            self._digest.update(each if isinstance(each, bytes) else repr(each).encode())
        if self._echo:
            print(_text(self._lines[-1]))

    def fault(self, who: str, what: str, *args: Any) -> None:
        """Note something that was broken on purpose."""
        self.faults[what] = self.faults.get(what, 0) + 1
        self.note(who, f"FAULT {what}", *args)

    def note(self, who: str, what: str, *args: Any) -> None:
        """Note anything else."""
        self._lines.append((self._time(), who, what, args))
        if self._echo:
            print(_text(self._lines[-1]))

    def digest(self) -> str:
        """Return a hash of all that was committed: equal for equal runs."""
        return self._digest.hexdigest()

    def tail(self, count: int) -> str:
        """Return the last lines as text."""
        return "\n".join(_text(line) for line in list(self._lines)[-count:])


def _text(line: tuple[float, str, str, tuple[Any, ...]]) -> str:
    at, who, what, args = line
    parts = [each.decode() if isinstance(each, bytes) else str(each) for each in args]
    return f"{at:10.4f} {who:<12} {what:<9} {' '.join(parts)[:2_000]}"
