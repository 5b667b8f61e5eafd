"""Frames of matplotlib's animations, in any order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.animation import ArtistAnimation, FuncAnimation
from matplotlib.artist import Artist

from kcomm.animation.drawing.figures import adopt, lock_of
from kcomm.animation.drawing.sequence import Cut, Fixed, FrameData, Walked, of_func_animation, setting_of
from kcomm.errors import BadArgumentsError, BadValueError
from kcomm.frames import Pixels


def drawn_source(animation: Any, count: int | None) -> AnimationSource:
    """Return the source for an animation; its figure is kcomm's from here on."""
    kind = AnimationSource
    if isinstance(animation, FuncAnimation):
        kind = FuncSource
    elif isinstance(animation, ArtistAnimation):
        kind = ArtistSource
    return kind(animation, count)


class AnimationSource:
    """Frames of any `matplotlib.animation.Animation`, through the steps that its subclasses define.

    Parameters
    ----------
    animation : Animation
        It never runs by itself from here on.
    count : int, optional
        Frames beyond this number are left out.
    """

    #: Frames can be drawn at any density.
    scales = True

    def __init__(self, animation: Any, count: int | None) -> None:
        self._animation = animation
        self._is_prepared = False
        self.interval: float | None = setting_of(animation, "interval")
        self.lock = lock_of(animation._fig)
        with self.lock:
            silence(animation)
            self._canvas = adopt(animation._fig)
            frames = self._get_frames()
        self._frames = Cut(frames, count) if count else frames
        if self.count == 0:
            raise BadArgumentsError("the animation has no frames")
        repeat = setting_of(animation, "repeat")
        self.repeat = (repeat is None or bool(repeat)) and frames.can_rewind

    @property
    def count(self) -> int | None:
        """The number of frames; None while it is not known, or if there is no end."""
        return self._frames.count

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the figure in pixels."""
        width, height = self._canvas.get_width_height()
        return width, height

    @property
    def dpi(self) -> float:
        """The figure's resolution."""
        return float(self._canvas.figure.dpi)

    @property
    def title(self) -> str:
        """The figure's title, or that of its only axes."""
        figure = self._canvas.figure
        title = getattr(figure, "_suptitle", None)
        if title is not None:
            return str(title.get_text())
        titles = [axes.get_title() for axes in figure.axes]
        return titles[0] if len(titles) == 1 else str(figure.get_label())

    @property
    def version(self) -> int:
        """Goes up when frames drawn before may look different now."""
        return self._canvas.version

    def draw(self, index: int, scale: float = 1.0) -> Pixels:
        """Draw one frame, and no other, and return its pixels.

        Parameters
        ----------
        index : int
            The number of the frame.
        scale : float
            What the figure's dpi is multiplied with.

        Returns
        -------
        ndarray of uint8
            (H, W, 4), straight alpha: byte for byte those of a full draw.
        """
        with self.lock:
            with self._canvas.updating():
                data = self._frames.get(index)
                if index == 0 or not self._is_prepared:
                    self._prepare()
                    self._is_prepared = True
                returned = self._update(data)
            return self._canvas.grab(scale, returned)

    def redraw(self) -> None:
        """Forget what was drawn: the figure, or what its frames are made from, is another now."""
        with self.lock:
            self._canvas.redraw()

    def _get_frames(self) -> FrameData:
        return Walked(lambda: iter(self._animation.new_frame_seq()), can_rewind=True)

    def _prepare(self) -> None:
        """Make the figure ready for a run from its first frame."""
        self._animation._init_draw()

    def _update(self, data: Any) -> Sequence[Artist]:
        """Change the figure to that of a frame; return what changed for certain."""
        self._animation._pre_draw(data, False)
        self._animation._draw_frame(data)
        return ()


class FuncSource(AnimationSource):
    """Frames of a FuncAnimation: its function is called for the frames asked for and no others.

    ``init_func`` is called before the first frame drawn and whenever frame 0 is, as matplotlib does at
    each new run.
    """

    def _get_frames(self) -> FrameData:
        return of_func_animation(self._animation)

    def _prepare(self) -> None:
        if self._animation._init_func is not None:
            self._animation._init_func()

    def _update(self, data: Any) -> Sequence[Artist]:
        changed = self._animation._func(data, *self._animation._args)
        return _as_artists(changed, is_required=bool(self._animation._blit))


class ArtistSource(AnimationSource):
    """Frames of an ArtistAnimation: each shows its own artists and hides those of all others."""

    def _get_frames(self) -> FrameData:
        self._shown: Sequence[Artist] = ()
        self._artists = [list(artists) for artists in self._animation._framedata]
        return Fixed(self._artists)

    def _prepare(self) -> None:
        for artists in self._artists:
            for artist in artists:
                artist.set_visible(False)
        self._shown = ()

    def _update(self, data: Sequence[Artist]) -> Sequence[Artist]:
        for artist in self._shown:
            artist.set_visible(False)
        for artist in data:
            artist.set_visible(True)
        self._shown = data
        return data


def silence(animation: Any) -> None:
    """Keep an animation from running by itself, and from warning that it never did."""
    canvas = animation._fig.canvas
    # It waits for the figure's first drawing, or for its resizing, to start its timer.
    for name in ("_first_draw_id", "_resize_id"):
        if hasattr(animation, name):
            canvas.mpl_disconnect(getattr(animation, name))
    if animation.event_source is not None:
        animation.event_source.stop()
        animation.event_source.remove_callback(animation._step)
    animation._draw_was_started = True


def _as_artists(changed: Any, is_required: bool) -> list[Artist]:
    """Return the artists that an animation's function returned."""
    artists = list(changed) if isinstance(changed, (list, tuple, set, frozenset)) else []
    if not is_required:
        return [artist for artist in artists if isinstance(artist, Artist)]
    if not artists and isinstance(changed, Iterable):
        artists = list(changed)
    if not isinstance(changed, Iterable) or not all(isinstance(artist, Artist) for artist in artists):
        raise BadValueError(
            "with blit=True the animation's function returns the artists that it changed, "
            f"as a list or tuple, not {type(changed).__name__}"
        )
    return artists
