# SPDX-License-Identifier: Apache-2.0
"""A watcher as a browser is one: it keeps absolute values and follows the client rule."""

from legato.model.frames import AnySet, Frame, NodeFrame


class Watcher:
    """What somebody sees who takes frames."""

    def __init__(self) -> None:
        """Begin having seen nothing."""
        self.seq = 0
        self.sets: dict[str, AnySet] = {}

    @classmethod
    def of(cls, snapshot: Frame) -> "Watcher":
        """Begin with a snapshot, as every watcher does."""
        watcher = cls()
        watcher._apply(snapshot)
        return watcher

    def take(self, frame: Frame) -> None:
        """Apply a frame.

        Raises:
            LookupError: It begins after what was seen: one has to subscribe again.
        """
        if frame.from_seq > self.seq:
            raise LookupError(f"{self.seq} was seen, and the frame begins after {frame.from_seq}")
        if frame.to_seq <= self.seq:
            return
        self._apply(frame)

    def _apply(self, frame: Frame) -> None:
        for each in frame.sets:
            self.sets[each.node_id if isinstance(each, NodeFrame) else ""] = each
        self.seq = frame.to_seq
