"""One draw of a figure: every artist in its turn, drawn or taken from what is kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import FigureBase

from kcomm.animation.drawing.layers import Layers, Overlay, Step
from kcomm.animation.drawing.parts import Group, Part


class MismatchError(Exception):
    """What lies below is not drawn as it was."""


class Steps:
    """The steps of a figure's artists, which take the place of their draw methods during a pass."""

    def __init__(self, register: Any) -> None:
        self._register = register
        self.current: Pass | None = None

    def of(self, part: Part, method: str = "draw") -> Step:
        """Return the step that draws a part."""
        step: Step | None = part.steps.get(method)
        if step is None:
            step = part.steps[method] = Step(part, method, self._visit)
        return step

    def _visit(self, step: Step, renderer: Any) -> None:
        one = self.current
        # What others draw meanwhile is none of ours.
        if one is None or one.is_plain or renderer is not one.renderer or one.thread != threading.get_ident():
            step.draw(renderer)
        else:
            one.visit(step)

    @contextmanager
    def in_place(self, group: Group) -> Iterator[None]:
        """Put steps in the place of the draw methods of a group's artists."""
        with ExitStack() as undo:
            for artist in group.artist.get_children():
                part, _ = self._register.part_of(artist, group)
                step = self.of(part)
                step.own = vars(artist).get("draw")
                replace(undo, artist, "draw", step)
                if hasattr(artist, "draw_pane"):  # an axis in 3-D is drawn in several goes
                    for method in ("draw_pane", "draw_grid"):
                        if hasattr(artist, method):
                            replace(undo, artist, method, self.of(part, method))
                # Figures leave out what the user draws by blitting, even where they draw for good.
                if artist.get_animated() and isinstance(group.artist, FigureBase):
                    replace(undo, artist, "_animated", False)
            yield


class Pass:
    """A draw with a renderer; the subclasses say what a step does in its turn.

    Parameters
    ----------
    steps : Steps
        Those of the figure.
    renderer : RendererAgg
        What is painted on.
    layers : Layers
        What is kept for the renderer's size.
    """

    def __init__(self, steps: Steps, renderer: Any, layers: Layers) -> None:
        self.steps = steps
        self.renderer = renderer
        self.layers = layers
        self.thread = threading.get_ident()
        #: Whether everything is just drawn.
        self.is_plain = False
        self.order: list[Step] = []
        self.picture: Any = np.asarray(renderer.buffer_rgba())
        self.changed = layers.pending.parts
        self.touched: set[Part] = set()
        for part in self.changed:
            above: Part | None = part
            while above is not None and above not in self.touched:
                self.touched.add(above)
                above = above.group
        layers.draws += 1

    def visit(self, step: Step) -> None:
        """Take the turn of a step."""
        raise NotImplementedError

    def finish(self) -> None:
        """Keep what the next draw can use."""

    def descend(self, step: Step) -> None:
        """Let a group draw its artists one by one."""
        self.layers.note_changed(step)
        begin = len(self.order)
        with self.steps.in_place(_group(step)):
            step.draw(self.renderer)
        self.layers.inner[step] = self.order[begin:]

    def note_moving(self, step: Step) -> None:
        """Note that a step changed, for what to keep."""
        self.layers.note_changed(step)
        if not self.layers.pending.everything:
            self.layers.moving[step.part] = self.layers.draws


class FullPass(Pass):
    """Draws everything; keeps the picture as it is before the first step that moves."""

    def __init__(self, steps: Steps, renderer: Any, layers: Layers) -> None:
        super().__init__(steps, renderer, layers)
        self._moving = layers.recent() | self.changed
        self._returned = layers.pending.returned
        self._is_kept = False

    def visit(self, step: Step) -> None:
        """Draw."""
        if isinstance(step.part, Group):
            self.descend(step)
            return
        is_moving = step.part in self._moving or step.part.artist in self._returned
        if is_moving and not self._is_kept:
            self._keep()
        if step.part in self.changed:
            self.note_moving(step)
        self.order.append(step)
        step.draw(self.renderer)

    def finish(self) -> None:
        """Keep the whole picture if nothing moves."""
        if not self._is_kept:
            self._keep()

    def _keep(self) -> None:
        self.layers.keep(list(self.order), self.picture)
        self._is_kept = True


class FastPass(Pass):
    """Begins with the picture of what lies below, and draws above it what changed."""

    def __init__(self, steps: Steps, renderer: Any, layers: Layers) -> None:
        super().__init__(steps, renderer, layers)
        self._below = layers.below
        self._is_restored = False
        self._lowest: int | None = None
        self._rise = layers.rise()
        self._changed_axes = {part.artist for part in self.changed if isinstance(part.artist, Axis)}
        self._packed: Any = self.picture.view(np.uint32)[..., 0]
        self._restore_if_due()

    def visit(self, step: Step) -> None:
        """Pass over what lies below; above, draw what changed."""
        if isinstance(step.part, Group):
            self._visit_group(step)
        elif not self._is_restored:
            if step.part in self.changed or self._below[len(self.order)] is not step:
                raise MismatchError
            self._pass_over([step])
        else:
            self._keep_if_due()
            if step.part in self.changed:
                self._note_lowest()
                self.note_moving(step)
                step.draw(self.renderer)
            else:
                self._paint(step, lambda: step.draw(self.renderer))
            self.order.append(step)

    def finish(self) -> None:
        """See whether all was drawn that lies below."""
        if not self._is_restored:
            raise MismatchError
        self._keep_if_due()
        self.layers.note_lowest(len(self.order) if self._lowest is None else self._lowest)

    def descend(self, step: Step) -> None:
        """Let a group draw its artists, with what is known of the size of tick labels."""
        with ExitStack() as undo:
            for artist in _group(step).children:
                if isinstance(artist, Axis):
                    self._remember_extent(undo, artist)
            super().descend(step)

    def _visit_group(self, step: Step) -> None:
        inner = self.layers.inner.get(step)
        if step.part in self.touched or inner is None:
            self.descend(step)
        elif not self._is_restored:
            begin = len(self.order)
            if self._below[begin : begin + len(inner)] == inner:
                self._pass_over(inner)
            else:
                self.descend(step)
        else:
            begin = len(self.order)
            self._paint(step, lambda: self._descend_unchanged(step))
            del self.order[begin:]
            self.order.extend(inner)
            self._keep_if_due()

    def _descend_unchanged(self, step: Step) -> None:
        overlay, quiet = self.layers.overlays.get(step), self.layers.quiet.get(step)
        self.descend(step)
        if overlay is not None:
            self.layers.overlays[step] = overlay
        if quiet is not None:
            self.layers.quiet[step] = quiet

    def _paint(self, step: Step, draw: Any) -> None:
        overlay = self.layers.overlays.get(step)
        if overlay is None and self.layers.is_quiet(step):
            overlay = self.layers.overlays[step] = self._learn(step)
        if overlay is None:
            draw()
        else:
            overlay.apply(self._packed, draw)

    def _learn(self, step: Step) -> Overlay:
        """Find out which pixels a step paints, by drawing it on nothing."""
        kept = self.picture.copy()
        self.is_plain = True
        try:
            self.renderer.clear()
            step.draw(self.renderer)
            return Overlay(self.picture[..., 3] != 0)
        finally:
            self.is_plain = False
            np.copyto(self.picture, kept)

    def _pass_over(self, steps: list[Step]) -> None:
        self.order.extend(steps)
        self._restore_if_due()

    def _restore_if_due(self) -> None:
        if len(self.order) == len(self._below):
            np.copyto(self.picture, self.layers.snapshot)
            self._is_restored = True

    def _keep_if_due(self) -> None:
        if self._rise is not None and self._lowest is None and len(self.order) >= self._rise:
            self.layers.keep(list(self.order), self.picture)
            self._rise = None

    def _note_lowest(self) -> None:
        if self._lowest is None:
            self._lowest = len(self.order)

    def _remember_extent(self, undo: ExitStack, axis: Any) -> None:
        """Titles ask for the extent of tick labels, which takes long and is always the same."""
        if axis in self._changed_axes:
            self.layers.extents.pop(axis, None)
            return
        measure = axis.get_tightbbox
        extents = self.layers.extents

        def get_tightbbox(renderer: Any = None, **options: Any) -> Any:
            if renderer is not self.renderer or options:
                return measure(renderer, **options)
            if axis not in extents:
                extents[axis] = measure(renderer)
            return extents[axis]

        replace(undo, axis, "get_tightbbox", get_tightbbox)


def _group(step: Step) -> Group:
    assert isinstance(step.part, Group)
    return step.part


def replace(undo: ExitStack, owner: Any, name: str, value: Any) -> None:
    """Set an attribute of an object until `undo` closes."""
    attributes = vars(owner)
    if name in attributes:
        undo.callback(attributes.__setitem__, name, attributes[name])
    else:
        undo.callback(attributes.pop, name, None)
    attributes[name] = value
