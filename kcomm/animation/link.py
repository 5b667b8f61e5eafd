"""What the path to a page carries, from what the page took while frames waited for it."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

#: Seconds and frames that a judgement takes.
_SPAN: Final = 0.5
_FRAMES: Final = 4
#: A wait of more seconds is a view that nobody sees, or a page that is paused: it tells nothing of the path.
_PAUSE: Final = 3.0
#: A page that gets this share of the frames it wants is well served.
_ENOUGH: Final = 0.9
#: No budget is below: a frame of so few bytes shows nothing.
_LEAST: Final = 2000
#: Frames that have more than this share of their size before are no smaller; a rate is better above this one.
_SMALLER: Final = 0.8
_FASTER: Final = 1.15
#: A page that takes less than this share of what it took is looked at anew.
_MARGIN: Final = 0.7


class Link:
    """Judges how many bytes a frame may have on the way to one page.

    While there was room for more frames, the kernel was what held up; while there was none, the path or the
    page was. If the page then takes fewer frames than it wants, smaller ones are tried; if it takes no more
    of those, it was not the path, and they are sent as they were.

    Parameters
    ----------
    clock : callable, optional
        Tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        #: Bytes a frame; None while the path carries all there is.
        self.budget: int | None = None
        self._clock = clock
        self._sizes: deque[int] = deque()
        #: Frames a second, and their mean size, when smaller ones were last tried.
        self._tried: tuple[float, float] | None = None
        #: Frames a second that the page was found to take at best, less a margin.
        self._page_rate = math.inf
        self._is_settling = False
        self._begin(0)

    def sent(self, size: int) -> None:
        """Take note of a frame that is sent; what follows until `resumed` is a wait for room."""
        self._sizes.append(size)
        self._paused_at = self._clock()

    def resumed(self, done: int, wanted: float) -> None:
        """Take note that there is room again.

        Parameters
        ----------
        done : int
            Frames that the page is done with so far.
        wanted : float
            Frames a second that it wants.
        """
        now = self._clock()
        wait = now - self._paused_at
        while self._done < done and self._sizes:
            self._bytes += self._sizes.popleft()
            self._done += 1
        if wait > _PAUSE:
            self._begin(done)
            return
        self._waited += wait
        span, frames = now - self._since, done - self._first
        if span < _SPAN or frames < _FRAMES:
            return
        is_starved = self._waited > span / 2 and frames / span < _ENOUGH * wanted
        # Frames of the size before are still on their way after a change.
        if self._is_settling:
            self._is_settling = False
        elif is_starved:
            self._tighten(frames / span, self._bytes / frames, wanted)
        elif frames / span >= _ENOUGH * wanted:
            self._relax(self._bytes / frames)
        self._begin(done)

    def _tighten(self, rate: float, mean: float, wanted: float) -> None:
        if rate > self._page_rate:
            return
        if self._tried is not None:
            rate_before, mean_before = self._tried
            if mean > _SMALLER * mean_before:  # they don't get any smaller
                return
            if rate < _FASTER * rate_before:
                self.budget = self._tried = None
                self._page_rate = _MARGIN * rate
                return
        self.budget = max(_LEAST, int(_ENOUGH * mean * rate / wanted))
        self._tried = rate, mean
        self._page_rate = math.inf
        self._is_settling = True

    def _relax(self, mean: float) -> None:
        self._tried = None
        self._page_rate = math.inf
        if self.budget is not None:
            self.budget = int(self.budget * 1.25)
            if self.budget > 4 * mean:
                self.budget = None

    def _begin(self, done: int) -> None:
        self._since = self._paused_at = self._clock()
        self._first = self._done = done
        self._bytes = 0
        self._waited = 0.0
