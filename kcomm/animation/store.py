"""Frames that were drawn before: encoded, within a limit of bytes, those unused for longest let go first."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from kcomm.frames import CODECS, Frame, delta

#: What an entry takes beside its data, in bytes: the objects that hold it.
OVERHEAD: Final = 1000


@dataclass(frozen=True)
class Made:
    """An encoded frame, and the key frame that it builds on, if it does."""

    frame: Frame
    key: Frame | None = None

    @property
    def is_exact(self) -> bool:
        """Whether the very pixels come back that were drawn."""
        codec = self.frame.codec or "raw"
        return codec == delta.NAME or CODECS[codec].LOSSLESS


class FrameStore:
    """Keeps frames by number, scale, and whether they had to be exact.

    A frame holds on to the key that it builds on, whose bytes count once however many do: so none is ever
    kept that nobody could show.

    Parameters
    ----------
    limit : int
        Bytes that the frames may take together; with 0 none is kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: OrderedDict[tuple[int, float, bool], Made] = OrderedDict()
        self._keys: dict[int, Frame] = {}
        self._users: dict[int, int] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def nbytes(self) -> int:
        """Bytes that the frames and their keys take."""
        return self._bytes

    def get(self, index: int, scale: float, exact: bool) -> Made | None:
        """Return a frame, if it is kept; where exactness is not asked for, an exact one does too."""
        for tier in (exact, not exact):
            place = (index, scale, tier)
            made = self._entries.get(place)
            if made is not None and (made.is_exact or not exact):
                self._entries.move_to_end(place)
                return made
        return None

    def find(self, index: int) -> Made | None:
        """Return a frame at whatever scale it is kept."""
        return next((made for place, made in self._entries.items() if place[0] == index), None)

    def key(self, id: int) -> Frame | None:  # noqa: A002  # what a frame calls it
        """Return the key frame that a kept frame builds on."""
        return self._keys.get(id)

    def add(self, index: int, scale: float, exact: bool, made: Made) -> None:
        """Keep a frame, and let go of those that have no room any more."""
        place = (index, scale, exact)
        self._remove(place)
        self._entries[place] = made
        self._bytes += _size(made.frame)
        if made.key is not None and made.key.id is not None:
            if made.key.id not in self._keys:
                self._keys[made.key.id] = made.key
                self._bytes += _size(made.key)
            self._users[made.key.id] = self._users.get(made.key.id, 0) + 1
        while self._bytes > self.limit and self._entries:
            self._remove(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
        self._keys.clear()
        self._users.clear()
        self._bytes = 0

    def _remove(self, place: tuple[int, float, bool]) -> None:
        made = self._entries.pop(place, None)
        if made is None:
            return
        self._bytes -= _size(made.frame)
        if made.key is None or made.key.id is None:
            return
        self._users[made.key.id] -= 1
        if not self._users[made.key.id]:
            del self._users[made.key.id]
            self._bytes -= _size(self._keys.pop(made.key.id))


def _size(frame: Frame) -> int:
    return len(frame.data) + OVERHEAD


class RecentPixels:
    """The pixels of the last frames that were encoded with a loss, for a page that comes to rest on one.

    Such a frame need not be drawn again to be exact, and must not be: a function that computes the next
    state of something each time it is called would give another picture.

    Parameters
    ----------
    limit : int
        Bytes that the pixels may take together.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._frames: OrderedDict[tuple[int, float], Frame] = OrderedDict()
        self._bytes = 0

    def get(self, index: int, scale: float) -> Frame | None:
        """Return the frame of pixels, if it is kept."""
        return self._frames.get((index, scale))

    def add(self, index: int, scale: float, frame: Frame) -> None:
        """Keep a frame of pixels, and let go of the oldest."""
        self._remove((index, scale))
        self._frames[index, scale] = frame
        self._bytes += frame.pixels.nbytes
        while self._bytes > self.limit:
            self._remove(next(iter(self._frames)))

    def clear(self) -> None:
        """Forget all."""
        self._frames.clear()
        self._bytes = 0

    def _remove(self, place: tuple[int, float]) -> None:
        frame = self._frames.pop(place, None)
        if frame is not None:
            self._bytes -= frame.pixels.nbytes
