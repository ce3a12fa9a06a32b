# SPDX-License-Identifier: Apache-2.0
"""What the rows of the ledger add up to: works by their key, and counts.

Read back from the ledger at the start, kept up with each row after it: both go through `take`.
Must do no I/O. Rules: PR3, PR4, PR6, PR10.
"""

import asyncio
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from legato.practice.ledger import Row

RECEIVED: Final = "received"
DONE: Final = "done"
HANDED_OVER: Final = "handed_over"
CUT_OFF: Final = "cut_off"

FIRST: Final = "first"
SENT_AGAIN: Final = "sent_again"
FINISHED_AGAIN: Final = "finished_again"


@dataclass
class Work:
    """What is done under one key."""

    path: str
    fingerprint: str
    done_row: int | None = None
    is_handed_over: bool = False
    task: "asyncio.Task[None] | None" = None

    @property
    def is_in_progress(self) -> bool:
        """Whether it is being done."""
        return self.task is not None and not self.task.done()

    @property
    def asked(self) -> str:
        """What it means that this is asked for again."""
        return FINISHED_AGAIN if self.is_handed_over else SENT_AGAIN


@dataclass
class Group:
    """The rows of keys that begin alike; Legato's keys begin with the execution."""

    counts: Counter[str] = field(default_factory=Counter)
    rows: "array[int]" = field(default_factory=lambda: array("Q"))


def group_of(key: str) -> str:
    """Return what stands before the first colon of a key, or nothing."""
    head, colon, _ = key.partition(":")
    return head if colon else ""


class Tally:
    """Works and counts of one ledger."""

    def __init__(self) -> None:
        self.works: dict[str, Work] = {}
        self.open_requests: dict[int, str] = {}
        """Keys of the requests that have not ended, by the number of their row."""
        self._all = Counter[str]()
        self._groups: dict[str, Group] = {}

    def take(self, row: Row) -> None:
        """Add a row."""
        event, key = row["event"], row["key"]
        group = self._groups.setdefault(group_of(key), Group())
        group.rows.append(row["row"])
        for counts in (self._all, group.counts):
            counts[event] += 1
            counts[row.get("asked", "")] += 1
        if event == RECEIVED:
            work = Work(row["path"], row["fingerprint"])
            self.works.setdefault(key, work)
            self.open_requests[row["row"]] = key
        elif event == DONE:
            self.works[key].done_row = row["row"]
        else:
            del self.open_requests[row["request"]]
            self.works[key].is_handed_over |= event == HANDED_OVER

    def rows_of(self, group: str) -> "array[int]":
        """Return the numbers of a group's rows."""
        found = self._groups.get(group)
        return array("Q") if found is None else found.rows

    def counts(self, group: str | None = None) -> dict[str, Any]:
        """Return the numbers of all keys or of a group."""
        counts = self._all
        if group is not None:
            counts = self._groups.get(group, Group()).counts
        return {
            "requests_received": counts[RECEIVED],
            "work_done": counts[DONE],
            "finished_work_asked_again": counts[FINISHED_AGAIN],
            "requests_cut_off": counts[CUT_OFF],
            "requests_sent_again": counts[SENT_AGAIN],
            "answers_handed_over": counts[HANDED_OVER],
        }
