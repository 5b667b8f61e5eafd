"""When the frames of a source are due."""

from __future__ import annotations

import time
from collections.abc import Callable

from kcomm.cameras.source import Item, Source
from kcomm.frames import Frame

#: Seconds after which lateness is not made up for: there was a pause, or this machine can't keep up.
LATEST = 0.25


class Pace:
    """Tells how long to wait with each frame of a source.

    Frames with a presentation time are due by that, others by the source's rate; those of a live source, or
    of one without a rate, at once. A frame that comes late does not delay the next ones, unless it comes very
    late: then they follow at their distances from this one, and not in a burst.

    Parameters
    ----------
    source : Source
        Opened.
    clock : callable, optional
        Tells the time in seconds.

    Examples
    --------
    >>> pace = Pace(source)  # doctest: +SKIP
    >>> for item in source.frames():  # doctest: +SKIP
    ...     if stopped.wait(pace.until(item)):
    ...         break
    ...     show(item)
    """

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._due: float | None = None
        self._pts: float | None = None

    def until(self, item: Item) -> float:
        """Return the seconds from now until the next frame of the source, which is this one, is due."""
        now = self._clock()
        due = self._due_of(item, now)
        if due is None:
            return 0.0
        self._due = due if due > now - LATEST else now
        return max(0.0, due - now)

    def _due_of(self, item: Item, now: float) -> float | None:
        last_pts, self._pts = self._pts, item.pts if isinstance(item, Frame) else None
        fps = self._source.fps
        if self._source.is_live or (fps is None and self._pts is None):
            return None
        if self._due is None:
            return now
        if self._pts is not None and last_pts is not None:
            # Times that run backwards, in damaged files, must not stop the clock.
            return self._due + max(0.0, self._pts - last_pts)
        return self._due + (1 / fps if fps else 0.0)
