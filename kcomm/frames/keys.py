"""Key frames: the pixels that deltas build on, and the encoded forms that are still asked for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kcomm.frames.delta import Words
    from kcomm.frames.frame import Frame

#: Encoded keys that are kept, and the bytes they may take together: deltas in caches build on them.
MAX_KEYS: Final = 64
MAX_BYTES: Final = 32 * 2**20


@dataclass
class Key:
    """A key frame that deltas build on.

    Parameters
    ----------
    id : int
        What deltas call it.
    width, height : int
        In pixels.
    words : ndarray of uint32
        Its pixels, one number each.
    size : int
        Bytes of its encoded form.
    """

    id: int
    width: int
    height: int
    words: Words
    size: int
    frames: int = 1
    total: int = 0
    excess: float = 0.0

    def __post_init__(self) -> None:
        self.total = self.size

    def take(self, size: int) -> None:
        """Take note of the bytes of a delta."""
        self.excess = max(0.0, self.excess + size - self.total / self.frames)
        self.frames += 1
        self.total += size

    @property
    def is_worn(self) -> bool:
        """Whether a new key would pay.

        A key costs its bytes once, and each delta its own: the best time for another is when deltas begin to
        cost more than a frame did on average since the key, the key's own bytes among them. It is taken when
        they have cost as much more as a key. So what moves (deltas are all alike) keeps its first key for
        good, also if it returns to where it was, and what grows gets another now and then.
        """
        return self.excess > self.size


class KeyStore:
    """The encoded forms of the last keys, bounded in number and bytes; the newest is always kept."""

    def __init__(self, most: int = MAX_KEYS, most_bytes: int = MAX_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def nbytes(self) -> int:
        """Bytes that they take together."""
        return self._bytes

    def get(self, id: int) -> Frame | None:  # noqa: A002  # what a frame calls it
        """Return the frame with that id, if it is kept; it counts as used."""
        frame = self._frames.get(id)
        if frame is not None:
            self._frames.move_to_end(id)
        return frame

    def add(self, frame: Frame) -> None:
        """Keep a frame that has an id, and let go of those unused for longest."""
        assert frame.id is not None
        self._frames[frame.id] = frame
        self._bytes += len(frame.data)
        while len(self._frames) > 1 and (len(self._frames) > self._most or self._bytes > self._most_bytes):
            _, old = self._frames.popitem(last=False)
            self._bytes -= len(old.data)

    def clear(self) -> None:
        """Forget all."""
        self._frames.clear()
        self._bytes = 0
