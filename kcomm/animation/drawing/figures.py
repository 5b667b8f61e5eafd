"""Figures that kcomm draws: taken from pyplot, one thread at a time, pixels straight from the Agg buffer."""

from __future__ import annotations

import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import DrawEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure

from kcomm.animation.drawing.painter import KEPT_SIZES, Painter
from kcomm.errors import KcommError
from kcomm.frames import Pixels
from kcomm.frames.pixels import check_size

# Matplotlib's caches of fonts and of parsed mathematics are shared by all figures, and no thread-safe ones.
_drawing = threading.RLock()
#: How many figures a thread changes or draws, one within the other.
_under_way = threading.local()
#: Seconds that a thread waits for a figure while it holds another one. Handlers of two figures that draw each
#: other would wait for ever.
_PATIENCE: Final = 10.0
_locks: weakref.WeakKeyDictionary[Figure, threading.RLock] = weakref.WeakKeyDictionary()
_locks_lock = threading.Lock()


class Canvas(FigureCanvasAgg):
    """An Agg canvas for final pictures: animated artists are drawn too, as when a figure is saved.

    Attributes
    ----------
    painter : Painter
        Draws, and counts its draws.
    """

    def __init__(self, figure: Any = None) -> None:
        super().__init__(figure)
        self._renderers: OrderedDict[tuple[float, float, float], Any] = OrderedDict()
        self._was_drawn_by_others = False
        self._is_updating = False
        self._is_noted = False
        #: The thread that is changing or drawing the figure, and whether another one did meanwhile.
        self._thread: int | None = None
        self._is_disturbed = False
        self.painter = Painter(self.figure)
        self._version = 0
        self.mpl_connect("draw_event", self._note_drawn)

    @property
    def version(self) -> int:
        """Goes up when the figure was changed by others than who asks for pictures."""
        lock = lock_of(self.figure)
        if lock.acquire(blocking=False):  # while it is drawn, nobody else is to change it
            try:
                self._note_changes()
            finally:
                lock.release()
        return self._version

    def is_saving(self) -> bool:
        """Whether the picture is final; figures leave out animated artists if not."""
        return True

    def get_renderer(self) -> Any:
        """Return the renderer for the figure's size and dpi; those of the last few are kept."""
        width, height = self.get_width_height(physical=True)
        key = width, height, self.figure.dpi
        renderer = self._renderers.pop(key, None)
        if renderer is None:
            make: Any = RendererAgg
            renderer = make(width, height, self.figure.dpi)
        self._renderers[key] = renderer
        while len(self._renderers) > KEPT_SIZES:
            self._renderers.popitem(last=False)
        self.renderer = renderer
        return renderer

    @contextmanager
    def updating(self) -> Iterator[None]:
        """Change the figure to that of a picture; what differed before was changed by others."""
        self._note_changes()
        self._is_updating = True
        try:
            with self._owned():
                yield
        except BaseException:
            self.painter.forget()  # half of it may be changed
            raise
        finally:
            self._is_updating = False

    def redraw(self) -> None:
        """Keep nothing: everything is drawn next time."""
        with lock_of(self.figure):
            self._was_drawn_by_others = self._is_disturbed = False
            self.painter.forget()
            self._version += 1

    def print_figure(self, *args: Any, **options: Any) -> Any:
        """Save the figure, while it is not drawn: it has another dpi and canvas meanwhile."""
        with _held(self.figure):
            return super().print_figure(*args, **options)

    def note_stale(self, figure: Any, is_stale: bool) -> None:
        """Take note of a change, which matplotlib passes up to the figure.

        One from another thread while the figure is drawn may be in the picture or not, and none is left to
        find once everything that is drawn counts as up to date.
        """
        if self._thread is not None and self._thread != threading.get_ident():
            self._is_disturbed = True

    def draw(self) -> None:
        """Draw for somebody else, who calls ``figure.canvas.draw()``."""
        with _held(self.figure):
            self._note_changes()
            self._paint(())

    def grab(self, scale: float = 1.0, returned: Iterable[Artist] = ()) -> Pixels:
        """Draw the figure, and return a copy of its pixels.

        Parameters
        ----------
        scale : float
            What the figure's dpi is multiplied with.
        returned : iterable of Artist
            What changed for certain, besides what is found.

        Returns
        -------
        ndarray of uint8
            (H, W, 4), straight alpha: byte for byte those of a full draw.

        Raises
        ------
        TooLargeError
            If the picture had more than 50 megapixels.
        """
        self._check(scale)
        return self._paint(returned, scale)

    def _paint(self, returned: Iterable[Artist], scale: float = 1.0) -> Pixels:
        if self._is_disturbed:
            self.redraw()
        elif self._was_drawn_by_others:
            self.painter.forget()
            self._was_drawn_by_others = False
        self._is_noted = False
        with self._owned():
            return self._paint_changes(returned, scale)

    def _paint_changes(self, returned: Iterable[Artist], scale: float) -> Pixels:
        try:
            with _drawing:
                changes = self.painter.find(returned)
                with self._scaled(scale), self.callbacks.blocked(signal="draw_event"):
                    renderer = self.get_renderer()
                    self.painter.paint(renderer, changes)
                self.painter.settle(changes)
            # Their code may wait for another figure, which is drawn meanwhile.
            if len(self.callbacks.callbacks.get("draw_event", ())) > 1:  # others than us
                self._tell_drawn(renderer, scale)
            return np.array(renderer.buffer_rgba(), np.uint8)
        except BaseException:
            self.painter.forget()
            raise

    def _tell_drawn(self, renderer: Any, scale: float) -> None:
        """Call those who wait for draws: they may paint on the picture, or change the figure."""
        self._is_updating, was_updating = True, self._is_updating
        try:
            with self._scaled(scale):
                self.callbacks.process("draw_event", DrawEvent("draw_event", self, renderer))
        finally:
            self._is_updating = was_updating
        self._was_drawn_by_others = False
        if self.painter.is_touched():
            self.painter.forget()

    def _note_changes(self) -> None:
        if self._is_updating:
            return
        if self._was_drawn_by_others or self._is_disturbed:
            self.redraw()
        elif not self._is_noted and self.painter.is_touched():
            self._is_noted = True
            self._version += 1

    @contextmanager
    def _owned(self) -> Iterator[None]:
        """Hold changes by other threads to be such as were made without the lock."""
        before, self._thread = self._thread, threading.get_ident()
        _under_way.count = _count_under_way() + 1
        try:
            yield
        finally:
            _under_way.count -= 1
            self._thread = before

    @contextmanager
    def _scaled(self, scale: float) -> Iterator[None]:
        figure = self.figure
        dpi = figure.dpi
        if scale == 1:
            yield
            return
        figure.dpi = dpi * scale
        try:
            yield
        finally:
            figure.dpi = dpi
            figure.stale = False

    def _note_drawn(self, event: Any) -> None:
        """Take note of somebody else's draw, which leaves nothing to find."""
        self._was_drawn_by_others = True

    def _check(self, scale: float) -> None:
        width, height = self.figure.get_size_inches() * self.figure.dpi * scale
        check_size(int(width), int(height), what="the figure")


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
        root.stale_callback = canvas.note_stale
        return canvas


def lock_of(figure: Any) -> threading.RLock:
    """Return the lock of a figure: whoever changes or draws it from another thread holds it."""
    root: Figure = figure.canvas.figure
    with _locks_lock:
        return _locks.setdefault(root, threading.RLock())


@contextmanager
def _held(figure: Any) -> Iterator[None]:
    """Hold the lock of a figure; who holds another one does not wait for ever."""
    lock = lock_of(figure)
    if not lock.acquire(timeout=_PATIENCE if _count_under_way() else -1):
        raise KcommError(
            f"a figure that another thread draws was not free within {_PATIENCE:g} s, and this thread draws "
            "one, too: functions or draw_event handlers of two figures must not draw each other's",
            code="kcomm.handler_error",
        )
    try:
        yield
    finally:
        lock.release()


def _count_under_way() -> int:
    return getattr(_under_way, "count", 0)


def _remove_from_pyplot(figure: Figure) -> None:
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is None:
        return
    for manager in helpers.Gcf.get_all_fig_managers():
        if manager.canvas.figure is figure:
            helpers.Gcf.destroy(manager)
