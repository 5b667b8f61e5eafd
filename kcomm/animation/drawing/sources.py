"""What a player draws its frames with, and which of them fits what it was given."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from kcomm.animation.sequence import check_index
from kcomm.errors import BadArgumentsError, BadValueError
from kcomm.frames import Pixels, to_pixels
from kcomm.frames.checks import is_whole


class Source(Protocol):
    """Draws frames by number.

    ``interval`` is the animation's own, in milliseconds (None: it has none), ``repeat`` whether it goes on
    from the first frame at its end, ``lock`` what is held while a frame is drawn.
    """

    interval: float | None
    repeat: bool
    lock: threading.RLock

    @property
    def count(self) -> int | None:
        """The number of frames; None while it is not known, or if there is no end."""
        ...

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of a frame in pixels; None while they are not known."""
        ...

    @property
    def title(self) -> str:
        """What the pictures are called; empty if they have no name."""
        ...

    def draw(self, index: int) -> Pixels:
        """Draw one frame, and no other, and return pixels that nobody else holds."""
        ...


class PictureSource:
    """Frames that a function returns.

    Parameters
    ----------
    function : callable
        ``function(index)`` returns an ndarray, a figure or a PIL image.
    count : int or None
        The number of frames; None if there is no end.
    """

    def __init__(self, function: Callable[[int], Any], count: int | None) -> None:
        self._function = function
        self.interval: float | None = None
        self.count = count
        self.repeat = count is not None
        self.size: tuple[int, int] | None = None
        self.lock = threading.RLock()
        self.title = ""

    def draw(self, index: int) -> Pixels:
        """Call the function, and return the pixels of what it returned."""
        check_index(index, self.count)
        with self.lock:
            pixels = self._pixels_of(self._function(index))
            self.size = pixels.shape[1], pixels.shape[0]
            return pixels

    def _pixels_of(self, result: Any) -> Pixels:
        if _is_instance(result, "matplotlib.figure", "FigureBase"):
            from kcomm.animation.figures import adopt, lock_of

            with lock_of(result):
                return adopt(result).grab()
        if not isinstance(result, np.ndarray) and not _is_instance(result, "PIL.Image", "Image"):
            raise BadValueError(
                f"the function returned {type(result).__name__}; "
                "it must return an ndarray, a matplotlib figure or a PIL image"
            )
        pixels = to_pixels(result)
        # The function may go on to paint into its own array.
        return pixels.copy() if np.may_share_memory(pixels, np.asarray(result)) else pixels


def source_of(animation: Any, count: Any) -> Source:
    """Return the source that draws an animation.

    Parameters
    ----------
    animation : matplotlib.animation.Animation or callable
        What `kcomm.animate` was given.
    count : int, optional
        The number of frames, where it is not that of the animation.
    """
    if count is not None and not (is_whole(count) and count > 0):
        raise BadArgumentsError(f"frames is a whole number above 0, or None, not {count!r}")
    if _is_instance(animation, "matplotlib.animation", "Animation"):
        from kcomm.animation.drawn import drawn_source

        return drawn_source(animation, count)
    if _is_instance(animation, "matplotlib.figure", "FigureBase"):
        raise BadArgumentsError(
            "kcomm.animate takes a FuncAnimation, an ArtistAnimation or a function, not a Figure: "
            "pass the animation, or a function that is given the frame's number and returns the figure"
        )
    if not callable(animation):
        raise BadArgumentsError(
            "kcomm.animate takes a FuncAnimation, an ArtistAnimation, or a function that is given the "
            "frame's number and returns an ndarray, a figure or a PIL image, "
            f"not {type(animation).__name__}"
        )
    return PictureSource(animation, count)


def _is_instance(value: Any, module: str, name: str) -> bool:
    """Whether a value is of a class whose module may never have been imported."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))
