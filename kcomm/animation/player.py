"""`kcomm.animate` and the player that it makes."""

from __future__ import annotations

import secrets
import threading
from typing import Any, Literal

from kcomm import view
from kcomm.animation.sequence import check_index
from kcomm.animation.service import AnimationService, State
from kcomm.animation.sources import source_of
from kcomm.errors import BadArgumentsError
from kcomm.frames import CODECS
from kcomm.frames.checks import check_fps, check_positive, check_quality, is_whole
from kcomm.frames.choice import check_codec
from kcomm.frames.stats import Stats


def animate(
    animation: Any,
    *,
    frames: int | None = None,
    fps: float | Literal["max"] | None = None,
    loop: bool | None = None,
    speed: float = 1.0,
    title: str = "",
    codec: str = "auto",
    quality: float = 0.85,
) -> Player:
    """Return a player of an animation, whose frames are drawn when a page asks for them and never before.

    Parameters
    ----------
    animation : FuncAnimation, ArtistAnimation or callable
        Or a function that is given a frame's number (from 0) and returns an ndarray ((H, W) grey, (H, W, 3)
        RGB or (H, W, 4) RGBA; uint8, floats from 0 to 1, or bool), a matplotlib figure or a PIL image.
        The figure of an animation is kcomm's to draw from here on: pyplot forgets it, and so no backend
        shows it a second time.
    frames : int, optional
        The number of frames. By default that of the animation; a function, or an animation whose frames come
        from a generator or from None, has no end.
    fps : float or "max", optional
        Frames a second; "max" is as many as can be drawn. By default by the animation's own interval, and
        30 for a function.
    loop : bool, optional
        Whether to go on from the first frame at the end. By default as the animation's ``repeat``.
    speed : float, default: 1.0
        What `fps` is multiplied with.
    title : str, optional
        By default the figure's.
    codec : {"auto", "zlib", "jpeg", "png", "webp", "raw"}, default: "auto"
        How frames are encoded; "auto" is lossless for plots and JPEG for photographs.
    quality : float, default: 0.85
        From 0 to 1, for the codecs that lose something.

    Returns
    -------
    Player
        A cell's result shows it.

    Raises
    ------
    BadArgumentsError
        If one of the arguments is not as above, or the animation has no frames.
    NoKernelError
        When this process runs no Jupyter kernel.

    Notes
    -----
    Frames may be asked for in any order; a function that only makes sense in order, such as one that appends
    to a list, shows what it makes of that. ``init_func`` is called before the first frame and whenever
    frame 0 is drawn. With ``blit=True`` only the artists that the function returns are drawn again, which
    is many times faster.

    Examples
    --------
    >>> fig, ax = plt.subplots()  # doctest: +SKIP
    >>> (line,) = ax.plot(x, np.sin(x))  # doctest: +SKIP
    >>> def update(i):  # doctest: +SKIP
    ...     line.set_ydata(np.sin(x + i / 50))
    ...     return [line]
    >>> anim = FuncAnimation(fig, update, frames=100_000, interval=20, blit=True)  # doctest: +SKIP
    >>> kcomm.animate(anim)  # doctest: +SKIP
    """
    source = source_of(animation, frames)
    state = State(
        fps=_default_fps(source.interval) if fps is None else check_fps(fps),
        loop=source.repeat if loop is None else bool(loop),
        speed=check_positive("speed", speed),
    )
    service = AnimationService(
        f"kcomm.animation.{secrets.token_hex(8)}",
        source,
        state,
        title=str(title),
        codec=check_codec(codec),
        quality=check_quality(quality),
    )
    return Player(service)


class Player:
    """Shows an animation, and steers it in every page that shows it.

    Made by `kcomm.animate`. Commands may come before there is a page: it begins as they say. A player may be
    shown in several cells, and steers all of them; each page draws at its own pace. It lives as long as
    somebody holds it or an output shows it; running the cell again replaces what the cell had shown.

    Examples
    --------
    >>> player = kcomm.animate(lambda i: np.full((48, 64), i % 256, np.uint8))  # doctest: +SKIP
    >>> player.seek(10)  # doctest: +SKIP
    >>> player.play()  # doctest: +SKIP
    """

    def __init__(self, service: AnimationService) -> None:
        self._service = service
        view.close_with(self, service)
        service.open()

    # --- commands --------------------------------------------------------------------------------

    def play(self) -> None:
        """Play forwards from where it is."""
        self._start(1, "play")

    def reverse(self) -> None:
        """Play backwards from where it is."""
        self._start(-1, "reverse")

    def pause(self) -> None:
        """Stay at the frame that is shown."""
        self._service.check_open()
        self._state.playing = False
        self._service.tell("pause")

    def step(self, n: int = 1) -> None:
        """Pause, and go on by `n` frames (back if negative), to the first or last at most."""
        self._service.check_open()
        if not is_whole(n):
            raise BadArgumentsError(f"step takes a whole number of frames, not {n!r}")
        count = self.count
        index = max(0, self._state.index + n)
        self._state.index = index if count is None else min(index, count - 1)
        self._state.playing = False
        self._service.tell("step", n)

    def seek(self, index: int) -> None:
        """Go to a frame; what plays goes on from there.

        Raises
        ------
        FrameRangeError
            If there is no such frame. It is a `KcommError` and an `IndexError`.
        """
        self._service.check_open()
        if not is_whole(index):
            raise BadArgumentsError(f"seek takes the number of a frame, not {index!r}")
        check_index(index, self.count)
        self._state.index = index
        self._service.tell("seek", index)

    def close(self) -> None:
        """End the player: pages keep what they show, and nothing is drawn any more."""
        self._service.close()
        view.outputs.remove(self)

    # --- properties ------------------------------------------------------------------------------

    @property
    def fps(self) -> float | Literal["max"]:
        """Frames a second, or "max"."""
        return self._state.fps

    @fps.setter
    def fps(self, fps: float | Literal["max"]) -> None:
        self._service.check_open()
        self._state.fps = check_fps(fps)
        self._service.tell("fps", self._state.fps)

    @property
    def speed(self) -> float:
        """What `fps` is multiplied with."""
        return self._state.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._service.check_open()
        self._state.speed = check_positive("speed", speed)
        self._service.tell("speed", self._state.speed)

    @property
    def loop(self) -> bool:
        """Whether it goes on from the first frame at the end."""
        return self._state.loop

    @loop.setter
    def loop(self, loop: bool) -> None:
        self._service.check_open()
        self._state.loop = bool(loop)
        self._service.tell("loop", self._state.loop)

    @property
    def index(self) -> int:
        """The number of the frame that is shown, as far as pages have told."""
        return self._state.index

    @property
    def playing(self) -> bool:
        """Whether it plays, as far as pages have told."""
        return self._state.playing

    @property
    def count(self) -> int | None:
        """The number of frames; None while it is not known, or if there is no end."""
        return self._service.source.count

    @property
    def target(self) -> str:
        """The name of the comm target that pages connect to."""
        return self._service.name

    @property
    def lock(self) -> threading.RLock:
        """Held while a frame is drawn; hold it to change the figure yourself: ``with player.lock: ...``."""
        return self._service.source.lock

    def stats(self) -> Stats:
        """Return counts of frames, frames a second, and milliseconds per stage."""
        return self._service.meter.stats()

    # --- display ---------------------------------------------------------------------------------

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return what a cell shows: the view, and a poster for where nothing is live."""
        service = self._service
        if not service.is_closed:
            service.open()
            view.note_shown(self)
        poster, note = self._make_poster()
        info = service.info()
        return view.mimebundle(
            "animation",
            service.name,
            title=info["title"],
            width=info["width"],
            height=info["height"],
            poster=poster,
            note=note,
        )

    def _make_poster(self) -> tuple[bytes | None, str]:
        """Return a PNG of the frame that is shown, or why there is none."""
        try:
            frame = self._service.make_frame(self._state.index)
            return CODECS["png"].encode(frame.pixels, 1.0), ""
        except Exception as error:
            # The view must appear all the same: it shows what went wrong, and the frames that can be drawn.
            self._service.report_failure(self._state.index, error)
            return None, f"Frame {self._state.index} could not be drawn: {type(error).__name__}: {error}"

    def _retire(self) -> None:
        self._service.retire()

    def __repr__(self) -> str:
        count = "endless" if self.count is None else f"{self.count} frames"
        return f"<kcomm.Player: {count}, at {self.index}{', playing' if self.playing else ''}>"

    @property
    def _state(self) -> State:
        return self._service.state

    def _start(self, direction: Literal[1, -1], action: str) -> None:
        self._service.check_open()
        self._state.direction = direction
        self._state.playing = True
        self._service.tell(action)


def _default_fps(interval: float | None) -> float | Literal["max"]:
    if interval is None:
        return 30.0
    return 1000 / interval if interval > 0 else "max"
