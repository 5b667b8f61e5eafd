"""Whether it pays to deflate: a matter of the content, and measured as it goes."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from typing import Final

#: Milliseconds that a byte takes on its way through a kernel, a server and a browser on one machine: 40 MB/s.
BYTE_MS: Final = 25e-6
#: Data that were found not to pay are tried again once in so many frames.
RETRY: Final = 50
#: Less than this is not worth a look.
_TINY: Final = 256
_LEVEL: Final = 1
# Weight of the newest figure in the means.
_NEW: Final = 0.2


class Thrift:
    """Deflates where that saves more time on the way than it takes.

    Text deflates to a third in no time, a shaded surface hardly at all: which it is shows when it is tried.

    Parameters
    ----------
    clock : callable, optional
        Tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        #: Milliseconds a byte that were won, and lost, by deflating; means.
        self._gain = 0.0
        self._known = False
        self._since = 0

    def deflate(self, data: bytes, budget: int | None = None) -> bytes | None:
        """Return the deflated data, or None: they should go as they are.

        Parameters
        ----------
        data : bytes
            What is to be sent.
        budget : int, optional
            Bytes that the link carries: above it, whatever gets smaller pays.
        """
        tight = budget is not None and len(data) > budget
        if len(data) < _TINY or not (tight or self._is_due()):
            return None
        begun = self._clock()
        deflated = zlib.compress(data, _LEVEL)
        took = (self._clock() - begun) * 1e3
        self._learn(((len(data) - len(deflated)) * BYTE_MS - took) / len(data))
        return deflated if len(deflated) < len(data) and (tight or self._gain > 0) else None

    def _is_due(self) -> bool:
        self._since += 1
        return not self._known or self._gain > 0 or self._since >= RETRY

    def _learn(self, gain: float) -> None:
        # After a while without a try the old figure means nothing.
        stale = not self._known or self._since >= RETRY
        self._gain = gain if stale else self._gain + _NEW * (gain - self._gain)
        self._known = True
        self._since = 0
