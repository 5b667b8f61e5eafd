"""Draws a figure by matplotlib's own code, and spares it what is painted already."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import ExitStack
from typing import Any

from matplotlib.figure import Figure

from kcomm.animation.drawing.changes import Register
from kcomm.animation.drawing.layers import Layers
from kcomm.animation.drawing.parts import Changes
from kcomm.animation.drawing.passes import FastPass, FullPass, MismatchError, Pass, Steps, replace

#: Sizes and densities whose layers are kept: views on screens of different density take turns.
KEPT_SIZES = 3


class Painter:
    """Draws a figure so that its pixels are those of a full draw.

    For each draw, the artists get a method of ours in place of their ``draw``; then the figure draws itself
    in full, and each of these decides whether its artist paints or is painted already: below the lowest one
    that changed stands a picture from before, and above it are the pixels of those that did not change.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The whole figure, no subfigure.

    Attributes
    ----------
    full, fast : int
        How many draws were full ones, and how many were spared something.
    """

    def __init__(self, figure: Any) -> None:
        self._figure = figure
        self._register = Register(figure)
        self._steps = Steps(self._register)
        self._kept: OrderedDict[Any, Layers] = OrderedDict()
        self.full = 0
        self.fast = 0

    def is_touched(self) -> bool:
        """Whether something was changed since the last draw, as far as a quick look tells."""
        return self._register.is_touched()

    def forget(self) -> None:
        """Draw everything next time."""
        self._register.forget()
        for layers in self._kept.values():
            layers.forget()

    def find(self, returned: Any = ()) -> Changes:
        """Return what changed since the last draw."""
        return self._register.find(returned)

    def paint(self, renderer: Any, changes: Changes) -> None:
        """Bring the picture of a renderer up to date with the figure.

        Parameters
        ----------
        renderer : RendererAgg
            Whatever it holds is painted over.
        changes : Changes
            What `find` returned.
        """
        layers = self._layers_of(renderer)
        for kept in self._kept.values():
            kept.pending.add(changes)
        layers.pending.parts |= self._register.always
        try:
            if not self._can_spare():
                self._paint_plain(renderer, layers)
            elif not self._paint_fast(renderer, layers):
                self._paint_full(renderer, layers)
        except BaseException:
            self.forget()
            raise
        layers.pending = Changes()

    def settle(self, changes: Changes) -> None:
        """Take down how everything is now that it is painted."""
        gone = self._register.settle(changes)
        if gone:
            for layers in self._kept.values():
                layers.let_go(gone)

    def _layers_of(self, renderer: Any) -> Layers:
        key = renderer.width, renderer.height, renderer.dpi
        layers = self._kept.pop(key, None) or Layers()
        self._kept[key] = layers
        while len(self._kept) > KEPT_SIZES:
            self._kept.popitem(last=False)
        return layers

    def _can_spare(self) -> bool:
        """Whether the figure draws artist by artist, by code that is known."""
        figure = self._figure
        return type(figure).draw is Figure.draw and figure.suppressComposite is not False

    def _paint_plain(self, renderer: Any, layers: Layers) -> None:
        self.full += 1
        layers.forget()
        renderer.clear()
        self._figure.draw(renderer)

    def _paint_fast(self, renderer: Any, layers: Layers) -> bool:
        pending = layers.pending
        if layers.snapshot is None or pending.everything:
            return False
        has_layout = self._figure.get_layout_engine() is not None
        if has_layout and (pending.layout or not layers.is_settled):
            return False
        if any(step.part in pending.parts for step in layers.below):
            return False
        places = self._register.places(except_for=pending.moved)
        try:
            with ExitStack() as undo:
                replace(undo, self._figure, "get_layout_engine", lambda: None)
                self._run(FastPass(self._steps, renderer, layers))
        except MismatchError:
            return False
        except Exception:  # what is wrong with a full draw too shows there
            layers.forget()
            return False
        if self._register.places(except_for=pending.moved) != places:
            layers.forget()  # something moved that seemed to have nothing to do with what changed
            return False
        self.fast += 1
        return True

    def _paint_full(self, renderer: Any, layers: Layers) -> None:
        self.full += 1
        places = self._register.places()
        layers.drop_pixels()
        renderer.clear()
        self._run(FullPass(self._steps, renderer, layers))
        # Of a first draw nothing tells whether its layout would place things elsewhere in the next one.
        layers.is_settled = not self._register.is_empty and self._register.places() == places

    def _run(self, one: Pass) -> None:
        root, _ = self._register.part_of(self._figure, None)
        self._steps.current = one
        try:
            one.descend(self._steps.of(root))
            one.finish()
        finally:
            self._steps.current = None
