"""What a player draws its frames with, and which of them fits what it was given."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from kcomm.animation.drawing.sequence import check_index
from kcomm.errors import BadArgumentsError, BadValueError
from kcomm.frames import Pixels, to_pixels
from kcomm.frames.checks import is_whole


class Source(Protocol):
    """Draws frames by number.

    ``interval`` is the animation's own, in milliseconds (None: it has none), ``repeat`` whether it goes on
    from the first frame at its end, ``lock`` what is held while a frame is drawn.

    One whose frames depend on more than their numbers may have a method more: ``redraw()`` is told that what
    they depend on has changed.
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
        """Width and height of a frame in pixels, at scale 1; None while they are not known."""
        ...

    @property
    def title(self) -> str:
        """What the pictures are called; empty if they have no name."""
        ...

    @property
    def scales(self) -> bool:
        """Whether a scale has an effect: figures are drawn larger, arrays come as they are."""
        ...

    @property
    def dpi(self) -> float | None:
        """The figures' resolution at scale 1; None where frames are arrays, or none was drawn yet."""
        ...

    @property
    def version(self) -> int:
        """Goes up when frames drawn before may look different now; to ask never waits for a draw."""
        ...

    def draw(self, index: int, scale: float = 1.0) -> Pixels:
        """Draw one frame, and no other, and return pixels that nobody else holds."""
        ...


class Picture(NamedTuple):
    """What a function's result looks like: its size is that at scale 1."""

    pixels: Pixels
    size: tuple[int, int]
    #: That of the figure, at scale 1; None if it is none.
    dpi: float | None


class PictureSource:
    """Frames that a function returns.

    Parameters
    ----------
    function : callable
        ``function(index)`` returns an ndarray, a figure or a PIL image.
    count : int or None
        The number of frames; None if there is no end.
    """

    version = 0

    def __init__(self, function: Callable[[int], Any], count: int | None) -> None:
        self._function = function
        self.interval: float | None = None
        self.count = count
        self.repeat = count is not None
        self.size: tuple[int, int] | None = None
        self.lock = threading.RLock()
        self.title = ""
        #: It does from the first figure on that was returned.
        self.scales = False
        self.dpi: float | None = None
        self._figures: weakref.WeakSet[Any] = weakref.WeakSet()

    def draw(self, index: int, scale: float = 1.0) -> Pixels:
        """Call the function, and return the pixels of what it returned."""
        check_index(index, self.count)
        with self.lock:
            result = self._function(index)
            pixels, self.size, self.dpi = picture_of(result, scale)
            if self.dpi is not None:
                self.scales = True
                self._figures.add(result.canvas.figure)
            return pixels

    def redraw(self) -> None:
        """Forget how the figures looked that the function returned: it may return them again."""
        with self.lock:
            for figure in tuple(self._figures):
                figure.canvas.redraw()


def picture_of(result: Any, scale: float) -> Picture:
    """Return the pixels of what a function returned; those of a figure with its dpi times `scale`."""
    if _is_instance(result, "matplotlib.figure", "FigureBase"):
        from kcomm.animation.drawing.figures import adopt, lock_of

        with lock_of(result):
            canvas = adopt(result)
            size = canvas.get_width_height()
            return Picture(canvas.grab(scale), (size[0], size[1]), float(canvas.figure.dpi))
    if not isinstance(result, np.ndarray) and not _is_instance(result, "PIL.Image", "Image"):
        raise BadValueError(
            f"the function returned {type(result).__name__}; "
            "it must return an ndarray, a matplotlib figure or a PIL image"
        )
    pixels = to_pixels(result)
    # The function may go on to paint into its own array.
    pixels = pixels.copy() if np.may_share_memory(pixels, np.asarray(result)) else pixels
    return Picture(pixels, (pixels.shape[1], pixels.shape[0]), None)


def source_of(animation: Any, count: Any, prefetch: Any = None) -> Source:
    """Return the source that draws an animation.

    Parameters
    ----------
    animation : matplotlib.animation.Animation or callable
        What `kcomm.animate` was given.
    count : int, optional
        The number of frames, where it is not that of the animation.
    prefetch : concurrent.futures.Executor, optional
        What calls a function.
    """
    if count is not None:
        if not is_whole(count) or not count > 0:
            raise BadArgumentsError(f"frames is a whole number above 0, or None, not {count!r}")
        count = int(count)
    if _is_instance(animation, "matplotlib.animation", "Animation"):
        if prefetch is not None:
            raise BadArgumentsError(
                f"prefetch draws the frames of a function, not of a {type(animation).__name__}, whose one "
                "figure can be drawn by one thread at a time: pass a function that is given the frame's "
                "number, makes a figure of its own and returns it"
            )
        from kcomm.animation.drawing.drawn import drawn_source

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
    if prefetch is not None:
        from kcomm.animation.drawing.prefetch import PooledSource

        return PooledSource(animation, count, prefetch)
    return PictureSource(animation, count)


def _is_instance(value: Any, module: str, name: str) -> bool:
    """Whether a value is of a class whose module may never have been imported."""
    # None too while another thread is in the middle of importing it.
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(value, kind)
