"""Figures that kcomm draws: taken from pyplot, one thread at a time, pixels straight from the Agg buffer."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kcomm.frames import Pixels
from kcomm.frames.pixels import check_size

# Matplotlib's caches of fonts and of parsed mathematics are shared by all figures, and no thread-safe ones.
_drawing = threading.RLock()
_locks: weakref.WeakKeyDictionary[Figure, threading.RLock] = weakref.WeakKeyDictionary()
_locks_lock = threading.Lock()


class Canvas(FigureCanvasAgg):
    """An Agg canvas for final pictures: animated artists are drawn too, as when a figure is saved."""

    _without_animated = False
    _background: Any = None

    def is_saving(self) -> bool:
        """Whether the picture is final; figures leave out animated artists if not."""
        return not self._without_animated

    def grab(self) -> Pixels:
        """Draw the whole figure and return a copy of its pixels: (H, W, 4) uint8, straight alpha."""
        self._check()
        with _drawing:
            self._agg.draw()
            self._background = None
            return self._copy()

    def grab_blit(self, artists: Sequence[Artist]) -> Pixels:
        """Draw these artists over a background without them; return a copy of the pixels.

        The background is drawn again when something in it changed: animated artists don't make
        their figure stale, all others do.
        """
        self._check()
        ordered = sorted(artists, key=lambda artist: artist.get_zorder())
        for artist in ordered:
            if not artist.get_animated():
                artist.set_animated(True)
                self._background = None
        with _drawing:
            if self._background is None or self.figure.stale or self._has_new_size():
                self._draw_background()
            self._agg.restore_region(self._background)
            for artist in ordered:
                artist.draw(self._agg.get_renderer())
            return self._copy()

    @property
    def _agg(self) -> Any:
        return self  # matplotlib's Agg canvas has no types

    def _draw_background(self) -> None:
        self._without_animated = True
        try:
            self._agg.draw()
        finally:
            self._without_animated = False
        self._background = self._agg.copy_from_bbox(self.figure.bbox)
        self._background_size = self.get_width_height()

    def _has_new_size(self) -> bool:
        return self._background_size != self.get_width_height()

    def _copy(self) -> Pixels:
        return np.array(self._agg.buffer_rgba(), np.uint8)

    def _check(self) -> None:
        check_size(*self.get_width_height(), what="the figure")


def adopt(figure: Any) -> Canvas:
    """Take a figure over, and return the canvas it is drawn with from now on.

    It is removed from pyplot, so that no backend shows it a second time, and gets an Agg canvas of ours,
    whatever backend it was made for. A figure taken over before is left as it is.

    Parameters
    ----------
    figure : matplotlib.figure.Figure or SubFigure
        Open, closed, or made without pyplot.

    Returns
    -------
    Canvas
    """
    root: Figure = figure.canvas.figure
    if isinstance(root.canvas, Canvas):
        return root.canvas
    with lock_of(root):
        _remove_from_pyplot(root)
        ratio = getattr(root.canvas, "device_pixel_ratio", 1)
        canvas = Canvas(root)
        if ratio != 1:  # a canvas on a screen of high density had multiplied the figure's dpi
            root.dpi = root.dpi / ratio
        # pyplot would draw the figure after changes; now it is drawn when a frame is asked for.
        root.stale_callback = None
        return canvas


def lock_of(figure: Any) -> threading.RLock:
    """Return the lock of a figure: whoever changes or draws it from another thread holds it."""
    root: Figure = figure.canvas.figure
    with _locks_lock:
        return _locks.setdefault(root, threading.RLock())


def _remove_from_pyplot(figure: Figure) -> None:
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is None:
        return
    for manager in helpers.Gcf.get_all_fig_managers():
        if manager.canvas.figure is figure:
            helpers.Gcf.destroy(manager)
