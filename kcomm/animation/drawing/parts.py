"""The artists of a figure as they are drawn: what each consists of, and what it is set to."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import FigureBase
from matplotlib.projections.polar import PolarAxes
from matplotlib.transforms import Affine2D, Bbox

from kcomm.animation.drawing.dependence import Dependence, dependence_of, is_foreign, watch_of

#: What differs from draw to draw, or is told apart by other means.
_IGNORED = {"_stale", "_children", "_mouseover_set", "stale_callback", "_current_image"}
_IGNORED |= {"dataLim", "xy_dataLim", "zz_dataLim"}  # limits follow them, or don't
_IGNORED |= {"titleOffsetTrans"}  # made anew with each title, which is noted
_IGNORED |= {"_dpi", "_original_dpi", "dpi_scale_trans"}  # layers are kept for each density


class Part:
    """An artist that is drawn in one go, with all that it consists of.

    ``inner`` are the artists that it consists of, ``watch`` tells its state where matplotlib itself does
    not note that it changed, ``steps`` are the calls that draw it.
    """

    __slots__ = ("artist", "attributes", "dependence", "group", "inner", "seen", "steps", "watch")

    def __init__(self, artist: Any, group: Group | None) -> None:
        self.artist = artist
        self.group = group
        self.steps: dict[str, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """Look again at what it consists of."""
        self.inner: list[Any] = inner_of(self.artist)
        self.dependence = dependence_of(self.artist)
        self.watch = watch_of(self.artist)
        self.seen = self.watch() if self.watch else None
        self.attributes: dict[str, Any] | None = None

    def look(self, closely: bool) -> None:
        """Take its state down, where it may change without a note."""
        self.seen = self.watch() if self.watch else None
        self.attributes = dict(vars(self.artist)) if closely else None

    def has_changed(self) -> bool:
        """Whether its state is another, though nothing was noted."""
        if self.watch is not None and self.watch() != self.seen:
            return True
        if self.attributes is None:
            return False
        try:
            now = vars(self.artist)
            # What is noted of an axis is left out: its limits may have been set to what they are.
            return self.attributes != ({**now, "_stale": False} if isinstance(self.artist, Axis) else now)
        except Exception:  # arrays don't compare; the same ones are not compared at all
            return True


class Group(Part):
    """A figure, subfigure or axes: what draws others in its own order."""

    __slots__ = ("children", "geometry", "parts", "state")

    def refresh(self) -> None:
        """Look again at what it is set to."""
        self.inner = []
        self.dependence = Dependence.ITSELF
        self.watch = self.seen = self.attributes = None
        self.children: list[Any] = self.artist.get_children()
        self.state = state_of(self.artist)


@dataclass
class Changes:
    """What must be drawn anew: some parts, or everything."""

    parts: set[Part] = field(default_factory=set)
    everything: bool = False
    #: Whether a layout engine may place things elsewhere now.
    layout: bool = False
    #: The axes whose limits or places changed.
    moved: set[Group] = field(default_factory=set)
    #: What the animation's function said, where it is not known yet which parts these are.
    returned: set[Any] = field(default_factory=set)

    def add(self, other: Changes) -> None:
        """Take in further changes."""
        self.parts |= other.parts
        self.everything |= other.everything
        self.layout |= other.layout
        self.moved |= other.moved
        self.returned |= other.returned


def can_descend(artist: Any) -> bool:
    """Whether an artist draws others one by one, by code that is known to draw nothing else."""
    if isinstance(artist, FigureBase):
        return not is_foreign(artist)
    if not isinstance(artist, Axes) or artist.get_agg_filter() is not None:
        return False
    return getattr(type(artist), "draw", None) in _drawing_axes()


def _drawing_axes() -> set[Any]:
    from matplotlib.axes._secondary_axes import SecondaryAxis

    known: set[Any] = {Axes.draw, PolarAxes.draw, SecondaryAxis.draw}
    three = sys.modules.get("mpl_toolkits.mplot3d.axes3d")
    if three is not None:
        known.add(three.Axes3D.draw)
    return known


def inner_of(artist: Any) -> list[Any]:
    """Return the artists that an artist consists of, as deep as they go."""
    found: dict[Any, None] = {}
    waiting = [artist]
    for one in waiting:
        children = list(one.get_children())
        children += [value for name in _HIDDEN if isinstance(value := vars(one).get(name), Artist)]
        for child in children:
            if child in found or child is artist or isinstance(child, (FigureBase, Axes)):
                continue
            if child.axes is not artist.axes and child.axes is not None:
                continue
            found[child] = None
            waiting.append(child)
    return list(found)


def state_of(container: Any) -> dict[str, Any]:
    """Return what a figure or axes is set to, to be compared."""
    state: dict[str, Any] = {}
    for name, value in vars(container).items():
        if name in _IGNORED:
            continue
        kind = type(value)
        if kind is Bbox:
            state[name] = value._points.tobytes()
        elif kind is Affine2D:
            state[name] = value._mtx.tobytes()
        elif kind is np.ndarray:
            state[name] = value.tobytes()
        elif kind is dict:
            state[name] = list(value.items()) if name == "_axis_map" else None
        elif kind in _PLAIN:
            state[name] = value
        else:
            state[name] = id(value)
    if isinstance(container, Axes):
        axes: tuple[Any, Any] = container.xaxis, container.yaxis
        state["scales"] = [id(axis._scale) for axis in axes]
        if container.get_aspect() != "auto" or container.get_box_aspect() is not None:
            state["dataLim"] = container.dataLim.get_points().tobytes()
    return state


#: Where artists keep others that they draw and that are not among their children.
_HIDDEN = ("arrow_patch", "_bbox_patch", "legendPatch", "patch", "text", "vector")

_PLAIN = {bool, int, float, str, type(None)}
