"""Who reads a source: one webcam at a time, whatever webcams it was given to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from kcomm.cameras.source import Source, SourceError

#: Seconds without a frame after which a source counts as stuck, and how many of its own intervals at least.
STUCK: Final = 10.0
_INTERVALS: Final = 3
#: Calls of one source that may be left behind at a time: each keeps a thread.
_MOST_LEFT: Final = 8

_lock = threading.Lock()
#: By the source's id: as long as somebody holds it, nothing else has that.
_held: dict[int, Hold] = {}


class Hold:
    """A hold of a source, from before its `open` until after its `close`.

    Parameters
    ----------
    source : Source
        What is to be held.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        #: Whether who has it needs it no more, and gives it back when the call under way returns.
        self.is_leaving = False
        #: Whether somebody waits for it.
        self.is_contested = False
        self._called: float | None = None
        self._left: list[Hold] = []
        self._waiters: set[Callable[[], object]] = set()

    def take(self, wake: Callable[[], object]) -> Hold | None:
        """Take the source, or return who holds it, and have `wake` called when that one gives it back.

        A call that hangs, and whose result nobody wants any more, is left behind: the source is opened anew
        beside it.

        Raises
        ------
        SourceError
            If too many calls were left behind.
        """
        with _lock:
            other = _held.get(id(self.source))
            if other is not None and not (other.is_leaving and other.is_stuck):
                other.is_contested = True
                other._waiters.add(wake)
                return other
            if other is not None:
                self._left = [hold for hold in (other, *other._left) if hold._called is not None]
            if len(self._left) >= _MOST_LEFT:
                raise SourceError(
                    f"{self.source.name} hangs: {len(self._left)} calls of it have never returned; make "
                    "another source, or restart the kernel to end them"
                )
            _held[id(self.source)] = self
            return None

    def release(self) -> None:
        """Give the source back."""
        with _lock:
            if _held.get(id(self.source)) is self:
                del _held[id(self.source)]
            waiters, self._waiters = self._waiters, set()
        for wake in waiters:
            wake()

    @property
    def is_held(self) -> bool:
        """Whether nobody else has taken it."""
        return _held.get(id(self.source)) is self

    @property
    def took_over(self) -> bool:
        """Whether a call was left behind for this one."""
        return bool(self._left)

    @property
    def is_stuck(self) -> bool:
        """Whether the source takes too long for what it was called for."""
        called = self._called
        return called is not None and time.monotonic() - called > patience_with(self.source)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """Take note that the source is at work."""
        self._called = time.monotonic()
        try:
            yield
        finally:
            self._called = None


def patience_with(source: Source) -> float:
    """Return the seconds that a source may take for a frame: one may say that it gives few."""
    fps = source.fps
    return max(STUCK, _INTERVALS / fps) if fps else STUCK
