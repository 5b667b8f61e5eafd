"""What is kept of a figure's picture between draws: what lies below, and what need not be drawn again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kcomm.animation.drawing.parts import Changes, Part

#: Draws that something must stay as it is before its pixels are kept.
QUIET = 2
#: After so many draws with something else below it each time, pixels are kept no more.
MISSES = 4
#: Draws that the lowest layers must stay as they are before they are kept as one picture.
PATIENCE = 16

#: More pixels than this are compared and copied as a rectangle.
MANY = 40_000

#: A picture as one number a pixel: (H, W) uint32.
Packed = NDArray[np.uint32]


class Step:
    """One call that draws something: an artist, or a part of it where it is drawn in several goes."""

    __slots__ = ("method", "own", "part", "visit")

    def __init__(self, part: Part, method: str, visit: Callable[[Step, Any], None]) -> None:
        self.part = part
        self.method = method
        self.visit = visit
        #: The method that the user gave this very artist, if any.
        self.own: Callable[[Any], None] | None = None

    def __call__(self, renderer: Any) -> None:
        """Stand in for the artist's method."""
        self.visit(self, renderer)

    def draw(self, renderer: Any) -> None:
        """Call the artist's own method."""
        if self.own is not None and self.method == "draw":
            self.own(renderer)
            return
        artist = self.part.artist
        getattr(type(artist), self.method)(artist, renderer)


class Overlay:
    """The pixels that a step paints, with what lay below them when it did.

    Agg blends pixel by pixel: where the same lies below again, the same comes out. So pixels are taken from
    here if everything below those it paints is as it was, and else it draws.

    Parameters
    ----------
    touched : ndarray of bool
        (H, W): the pixels that the step paints.
    """

    def __init__(self, touched: NDArray[np.bool_]) -> None:
        self._misses = 0
        self._before: Any = None
        self._after: Any = None
        self._where: Any = touched.ravel().nonzero()[0]
        self.is_empty = len(self._where) == 0
        self._is_box = len(self._where) > MANY
        if self._is_box:
            rows, columns = touched.any(axis=1).nonzero()[0], touched.any(axis=0).nonzero()[0]
            self._where = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)

    def apply(self, packed: Packed, draw: Callable[[], None]) -> None:
        """Paint over a picture, from what is kept or by drawing."""
        if self.is_empty:
            return
        if self._misses > MISSES:
            draw()
            return
        picture = packed if self._is_box else packed.reshape(-1)
        below = picture[self._where]
        if self._before is not None and np.array_equal(below, self._before):
            picture[self._where] = self._after
            self._misses = 0
            return
        self._misses += 1
        self._before = np.array(below)
        draw()
        self._after = np.array(picture[self._where])


class Layers:
    """What is kept for one size and density.

    ``below`` are the steps whose picture is ``snapshot``, in order; ``pending`` is what changed since the
    last draw with these layers.
    """

    def __init__(self) -> None:
        #: The draw at which something changed last, by what changed.
        self.moving: dict[Part, int] = {}
        self.forget()

    def forget(self) -> None:
        """Keep no pixels, and count everything as changed; what moves is known all the same."""
        self.pending = Changes(everything=True)
        self.is_settled = False
        self.below: list[Step] = []
        self.snapshot: Any = None
        self.inner: dict[Step, list[Step]] = {}
        self.overlays: dict[Step, Overlay] = {}
        self.quiet: dict[Step, int] = {}
        self.extents: dict[Any, Any] = {}
        self.draws = 0
        self._lowest: list[int] = []

    def let_go(self, gone: set[Part]) -> None:
        """Keep nothing of artists that were removed."""
        by_step: list[dict[Step, Any]] = [self.inner, self.overlays, self.quiet]
        for kept in by_step:
            for step in [step for step in kept if step.part in gone]:
                del kept[step]
        for part in gone:
            self.moving.pop(part, None)
            self.extents.pop(part.artist, None)
        self.pending.parts -= gone

    def drop_pixels(self) -> None:
        """Keep no pixels of single steps."""
        self.overlays.clear()
        self.quiet.clear()
        self.extents.clear()

    def note_changed(self, step: Step) -> None:
        """Drop what is kept of a step."""
        self.overlays.pop(step, None)
        self.quiet.pop(step, None)

    def is_quiet(self, step: Step) -> bool:
        """Count a draw at which a step was as before, and tell whether its pixels are worth keeping."""
        count = self.quiet[step] = self.quiet.get(step, 0) + 1
        return count > QUIET

    def keep(self, below: list[Step], picture: NDArray[np.uint8]) -> None:
        """Keep the picture of the lowest steps."""
        self.below = below
        self._lowest = []
        if self.snapshot is None or self.snapshot.shape != picture.shape:
            self.snapshot = picture.copy()
        else:
            np.copyto(self.snapshot, picture)

    def note_lowest(self, index: int) -> None:
        """Note which step was the lowest that changed in a draw."""
        self._lowest.append(index)

    def rise(self) -> int | None:
        """Return how many steps may be kept as one picture from now on, if there are more."""
        if len(self._lowest) < PATIENCE:
            return None
        lowest = min(self._lowest)
        self._lowest = []
        return lowest if lowest > len(self.below) else None

    def recent(self) -> set[Part]:
        """Return what changed in one of the last draws."""
        self.moving = {part: at for part, at in self.moving.items() if self.draws - at <= PATIENCE}
        return set(self.moving)
