"""What a player keeps of the frames that were drawn, for as long as they look as they did."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from kcomm.animation.drawing.sources import Source
from kcomm.animation.store import FrameStore, Made, RecentPixels
from kcomm.frames import Frame

#: Bytes of pixels that are kept of frames which were encoded with a loss: those that a page was granted, and
#: may come to rest on.
_RECENT: Final = 32 * 2**20
#: Seconds between two looks for changes of the figure while frames of before are played: a look takes the
#: longer the more artists there are.
_LOOK: Final = 0.1


class Version(NamedTuple):
    """How often the pictures changed: by what the source found, and by what it was told."""

    found: int
    told: int


class Kept:
    """Encoded frames within a limit of bytes, and the pixels of a few; from any thread.

    Parameters
    ----------
    source : Source
        What draws the frames.
    limit : int
        Bytes that they may take together.
    """

    def __init__(self, source: Source, limit: int) -> None:
        self._source = source
        # Of a source whose frames depend on more than their numbers.
        self._redraw_source: Callable[[], object] = getattr(source, "redraw", _nothing)
        self._lock = threading.Lock()
        self._frames = FrameStore(limit)
        self._pixels = RecentPixels(min(limit, _RECENT))
        self._told = self._drawn_as_told = 0
        self._looked = -math.inf
        self._version = Version(source.version, 0)

    @property
    def nbytes(self) -> int:
        """Bytes of the encoded frames."""
        return self._frames.nbytes

    # --- versions --------------------------------------------------------------------------------

    @property
    def version(self) -> Version:
        """How often the pictures changed, as far as is known."""
        return self._version

    def look(self) -> Version:
        """Find out how often the pictures changed, and forget what was drawn before they did."""
        version = Version(self._source.version, self._told)
        with self._lock:
            if version != self._version:
                self._version = version
                self._clear()
        return version

    def redraw(self) -> None:
        """Take note that the pictures may look different now."""
        self._told += 1
        self.look()

    def tell_source(self) -> None:
        """Pass on to the source that it was said to draw anew; before a draw, on the thread that draws."""
        told = self._told
        if told != self._drawn_as_told:
            self._drawn_as_told = told
            self._redraw_source()

    # --- frames ----------------------------------------------------------------------------------

    def get(self, index: int, scale: float, exact: bool, *, is_at_rest: bool) -> Made | None:
        """Return a frame, unless the figure was changed since it was drawn."""
        with self._lock:
            made, before = self._frames.get(index, scale, exact), self._version
        now = time.monotonic()
        if made is None or not (is_at_rest or now - self._looked >= _LOOK):
            return made
        self._looked = now
        return made if self.look() == before else None

    def find(self, index: int) -> Made | None:
        """Return a frame at whatever scale it is kept."""
        with self._lock:
            return self._frames.find(index)

    def find_key(self, id: int) -> Frame | None:  # noqa: A002  # what a frame calls it
        """Return the key frame that a kept frame builds on."""
        with self._lock:
            return self._frames.key(id)

    def find_pixels(self, index: int, scale: float, version: Version) -> Frame | None:
        """Return the pixels of a frame that was sent with a loss."""
        with self._lock:
            return self._pixels.get(index, scale) if version == self._version else None

    def add(
        self, index: int, scale: float, exact: bool, made: Made, drawn: Frame | None, version: Version
    ) -> None:
        """Keep a frame, and its pixels if it lost something, unless they changed since it was begun.

        A change that nobody knows of yet is found before the frame is given to anybody.
        """
        with self._lock:
            if version != self._version:
                return
            self._frames.add(index, scale, exact, made)
            if drawn is not None and not made.is_exact:
                self._pixels.add(index, scale, drawn)

    def close(self) -> None:
        """Forget all, and keep nothing any more."""
        with self._lock:
            self._clear()
            self._frames.limit = self._pixels.limit = 0

    def _clear(self) -> None:
        self._frames.clear()
        self._pixels.clear()


def _nothing() -> None:
    """Do nothing."""
