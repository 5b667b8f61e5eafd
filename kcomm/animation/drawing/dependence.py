"""What the look of an artist depends on besides its own properties."""

from __future__ import annotations

import enum
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection
from matplotlib.image import BboxImage, _ImageBase
from matplotlib.legend import Legend
from matplotlib.offsetbox import AnnotationBbox
from matplotlib.patches import ConnectionPatch, FancyArrowPatch, PathPatch, Polygon
from matplotlib.quiver import QuiverKey
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Affine2DBase, Transform

#: The paths of a collection that are looked at, for data that is changed in place.
_MAX_PATHS = 64
#: Bytes up to which an array is kept as a copy, to be compared with.
_COPIED = 64_000_000
#: The arrays of a collection besides its paths'.
_WATCHED = ("_offsets", "_A", "_facecolors", "_edgecolors", "_sizes", "_linewidths", "_coordinates")


class Dependence(enum.Enum):
    """What must be drawn anew with what."""

    ITSELF = "itself"
    #: When limits, places or ticks of some axes changed.
    PLACES = "places"
    #: When anything changed beside it.
    NEIGHBOURS = "neighbours"
    #: Always: its code is not matplotlib's.
    UNKNOWN = "unknown"


def dependence_of(artist: Any) -> Dependence:
    """Return what an artist's look depends on."""
    if is_foreign(artist) or isinstance(artist, Axes):  # of axes, only those that are not known closely
        return Dependence.UNKNOWN
    if _has_neighbours(artist):
        return Dependence.NEIGHBOURS
    if isinstance(artist, (Annotation, ConnectionPatch, AnnotationBbox)) or _is_title(artist):
        return Dependence.PLACES
    if type(artist).__name__ == "InsetIndicator":  # new in matplotlib 3.10
        return Dependence.PLACES
    return Dependence.ITSELF


def is_foreign(artist: Any) -> bool:
    """Whether an artist is drawn by code that is not matplotlib's, and may depend on anything."""
    module = getattr(type(artist).draw, "__module__", "") or ""
    return "draw" in vars(artist) or module.split(".")[0] not in ("matplotlib", "mpl_toolkits")


def family_of(axes: Any) -> set[Any]:
    """Return the axes that share limits, ticks or place with some axes, the axes in and around it."""
    family = set(getattr(axes, "child_axes", ()))
    for grouper in [*getattr(axes, "_shared_axes", {}).values(), getattr(axes, "_twinned_axes", None)]:
        if grouper is not None:
            family.update(grouper.get_siblings(axes))
    return family


def _is_title(artist: Any) -> bool:
    axes = artist.axes
    titles = (getattr(axes, name, None) for name in ("title", "_left_title", "_right_title"))
    return isinstance(artist, Text) and any(artist is title for title in titles)


def _has_neighbours(artist: Any) -> bool:
    if isinstance(artist, Legend):
        return getattr(artist, "_loc_real", getattr(artist, "_loc", 0)) == 0  # "best": clear of the data
    if isinstance(artist, (Annotation, AnnotationBbox)):
        coords: list[Any] = [artist.xycoords, getattr(artist, "anncoords", None)]
        if any(not isinstance(each, (str, Transform, type(None))) for each in _flattened(coords)):
            return True
    arrow = artist if isinstance(artist, FancyArrowPatch) else getattr(artist, "arrow_patch", None)
    if arrow is not None and arrow is artist and (arrow.patchA is not None or arrow.patchB is not None):
        return True
    if isinstance(artist, (QuiverKey, BboxImage)):
        return True
    clip: Any = getattr(artist, "_clippath", None)
    patch = getattr(clip, "_patch", None)
    return patch is not None and patch is not getattr(artist.axes, "patch", None)


def _flattened(coords: Iterable[Any]) -> Iterable[Any]:
    for each in coords:
        if isinstance(each, tuple):
            yield from each
        else:
            yield each


# --- what matplotlib does not note ---------------------------------------------------------------


def watch_of(artist: Any) -> Callable[[], Any] | None:
    """Return what tells an artist's state where matplotlib does not note its changes; None: nowhere."""
    watches = [watch for watch in (_transform(artist), _arrays(artist), _ticks(artist)) if watch]
    if len(watches) > 1:
        return lambda: [watch() for watch in watches]
    return watches[0] if watches else None


def _transform(artist: Artist) -> Callable[[], Any] | None:
    """Watch transforms of the user's, which are changed in place: ``rotation.rotate_deg(3)``."""
    transform: Any = getattr(artist, "_transform", None)
    offset: Any = getattr(artist, "_offset_transform", getattr(artist, "_transOffset", None))
    both = [each for each in (transform, offset) if isinstance(each, Transform)]
    found = [each for each in both if not _is_standard(each, artist)]
    if not found:
        return None
    return lambda: [_matrix(each) for each in found]


def _is_standard(transform: Any, artist: Any) -> bool:
    axes, figure = artist.axes, artist.figure
    names = ("transData", "transAxes", "transFigure", "transSubfigure", "dpi_scale_trans")
    return any(transform is getattr(owner, name, None) for owner in (axes, figure) for name in names)


def _matrix(transform: Any) -> bytes:
    affine = transform if isinstance(transform, Affine2DBase) else transform.get_affine()
    return bytes(affine.get_matrix().tobytes())


def _arrays(artist: Any) -> Callable[[], Any] | None:
    """Watch arrays, which are changed in place: ``path.vertices[:, 1] = heights``."""
    if isinstance(artist, (PathPatch, Polygon)):
        return lambda: _content(artist.get_path().vertices)
    if isinstance(artist, Collection):
        return lambda: [_content(array) for array in _arrays_of(artist)]
    if isinstance(artist, _ImageBase):
        return lambda: _content(getattr(artist, "_A", None))
    return None


def _arrays_of(collection: Any) -> list[Any]:
    paths = getattr(collection, "_paths", None) or []
    vertices = [path.vertices for path in paths[:_MAX_PATHS]]
    return [getattr(collection, name, None) for name in _WATCHED] + vertices


def _content(array: Any) -> Any:
    """Return what an array holds, to be compared: bytes, for a checksum takes three times as long."""
    if not isinstance(array, np.ndarray) or array.dtype == object:
        return None
    if isinstance(array, np.ma.MaskedArray):
        return _content(array.data), _content(array.mask)
    whole: Any = np.ascontiguousarray(array)
    return whole.tobytes() if whole.nbytes <= _COPIED else zlib.crc32(whole)


def _ticks(artist: Any) -> Callable[[], Any] | None:
    """Watch what places and writes ticks, and what the user's functions write."""
    if not isinstance(artist, Axis):
        return None
    return lambda: _state_of_ticks(artist)


def _state_of_ticks(axis: Any) -> list[Any]:
    state: list[Any] = []
    for ticker, options in ((axis.major, "_major_tick_kw"), (axis.minor, "_minor_tick_kw")):
        for one in (ticker.locator, ticker.formatter):
            state += [id(one), {name: _comparable(value) for name, value in vars(one).items()}]
        state.append({name: _comparable(value) for name, value in getattr(axis, options).items()})
        if isinstance(ticker.formatter, FuncFormatter):
            state.append(ticker.formatter.format_ticks(list(ticker.locator())))
    return state


def _comparable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return list(value) if isinstance(value, list) else value
