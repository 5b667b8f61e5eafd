"""Events that came and wait for their handler: as many as memory allows, then the oldest gives way."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

#: Events that wait for one handler. More than a sender lets wait: what came so far should not be lost.
MAX_WAITING = 10_000
#: Their bytes, and those of the events that are at work.
MAX_BYTES = 16 << 20
#: Runs of one ``async`` handler that are under way at once.
MAX_AT_WORK = 1000
#: Items of a value that are looked at: it may be a list that holds itself.
_MAX_ITEMS = 10_000
#: What an event takes beside its value, about.
_OVERHEAD = 200


class Backlog:
    """The events that wait for one handler.

    A handler is started through a `Slot`, which runs the event that has waited longest by then. So nothing
    is left in the queue of a thread for an event that was dropped.

    Parameters
    ----------
    is_queued : bool
        Whether a slot waits for its turn among calls, one after the other, as plain functions do. Then each
        event has one, which keeps its place among them.
    """

    def __init__(self, *, is_queued: bool) -> None:
        self._is_queued = is_queued
        self._waiting: deque[tuple[Callable[[], Any], int]] = deque()
        self._waiting_bytes = 0
        self._slots = 0
        self._at_work = 0
        self._bytes_at_work = 0
        self._lock = threading.Lock()
        #: Events that were dropped since something was last reported.
        self.dropped = 0

    def put(self, call: Callable[[], Any], nbytes: int) -> None:
        """Take an event, ready to run, with the size of its value; drop the oldest if there are too many."""
        nbytes += _OVERHEAD
        with self._lock:
            self._waiting.append((call, nbytes))
            self._waiting_bytes += nbytes
            while len(self._waiting) > MAX_WAITING or (
                self._waiting_bytes > MAX_BYTES and len(self._waiting) > 1
            ):
                self._waiting_bytes -= self._waiting.popleft()[1]
                self.dropped += 1

    def open_slot(self) -> Slot | None:
        """Return a slot to run an event in; None if there are enough."""
        with self._lock:
            begun = self._at_work if self._is_queued else self._at_work + self._slots
            is_busy = begun >= MAX_AT_WORK or self._bytes_at_work >= MAX_BYTES
            if is_busy or self._slots >= len(self._waiting):
                return None
            self._slots += 1
            return Slot(self)

    def __len__(self) -> int:
        return len(self._waiting)

    def _take(self) -> tuple[Callable[[], Any], int] | None:
        with self._lock:
            self._slots -= 1
            if not self._waiting:
                return None
            call, nbytes = self._waiting.popleft()
            self._waiting_bytes -= nbytes
            self._at_work += 1
            self._bytes_at_work += nbytes
            return call, nbytes

    def _finish(self, nbytes: int) -> None:
        with self._lock:
            self._at_work -= 1
            self._bytes_at_work -= nbytes


class Slot:
    """One run of a handler, for the event that has waited longest when it begins."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._nbytes: int | None = None

    def run(self) -> Any:
        """Run the handler; on its thread."""
        taken = self._backlog._take()
        if taken is None:  # dropped, and no other came
            return _nothing()
        call, self._nbytes = taken
        return call()

    def close(self) -> None:
        """Take note that the handler is done."""
        if self._nbytes is not None:
            self._backlog._finish(self._nbytes)


async def _nothing() -> None:
    """Stand for the run of an ``async`` handler."""


def size_of(value: Any) -> int:
    """Return about how many bytes a value takes; of one with very many items, a part of it.

    Examples
    --------
    >>> size_of({"frame": b"12345678", "n": 1})
    22
    """
    total, stack = 0, [value]
    for _ in range(_MAX_ITEMS):
        if not stack:
            break
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, (list, tuple)):
            stack.extend(item)
        elif isinstance(item, (str, bytes)):
            total += len(item)
        else:
            total += getattr(item, "nbytes", 8)
    return total
