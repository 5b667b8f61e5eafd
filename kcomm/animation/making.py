"""`kcomm.animate`: a player of whatever draws frames."""

from __future__ import annotations

import secrets
from concurrent.futures import Executor
from typing import Any, Literal

from kcomm.animation.drawing.sources import source_of
from kcomm.animation.path import Loop, check_loop
from kcomm.animation.player import Player
from kcomm.animation.service import DEFAULT_CACHE, AnimationService, State
from kcomm.errors import BadArgumentsError
from kcomm.frames.checks import check_fps, check_positive, check_quality, is_whole
from kcomm.frames.choice import check_codec


def animate(
    animation: Any,
    *,
    frames: int | None = None,
    fps: float | Literal["max"] | None = None,
    loop: Loop | None = None,
    speed: float = 1.0,
    title: str = "",
    codec: str = "auto",
    quality: float = 0.85,
    cache: int = DEFAULT_CACHE,
    linked: bool = False,
    prefetch: Executor | None = None,
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
    loop : bool or "bounce", optional
        Whether to go on from the first frame at the end; with "bounce" it turns round there, and at the first
        frame again. By default as the animation's ``repeat``.
    speed : float, default: 1.0
        What `fps` is multiplied with.
    title : str, optional
        By default the figure's.
    codec : {"auto", "jpeg", "webp", "png", "zlib", "qoi", "qoiz", "raw"}, default: "auto"
        How frames are encoded. "auto" suits most: lossless for plots, where most frames are only what
        changed, and JPEG for photographs. "jpeg" and "webp" lose something in plots too; where the picture
        comes to rest it is lossless whatever the codec. With the others every frame is a lossless picture of
        its own.
    quality : float, default: 0.85
        From 0 to 1, for the codecs that lose something; where the connection is slow, they lose more.
    cache : int, default: 64_000_000
        Bytes of frames that are kept, encoded, so that what was drawn once is not drawn again: when it plays
        again, in other pages, or when somebody goes back to it. 0 keeps none: every frame is drawn anew.
    linked : bool, default: False
        Whether all pages that show the player follow one clock: what is done in one happens in all.
        Otherwise each is steered by itself, and only commands from Python reach all.
    prefetch : concurrent.futures.Executor, optional
        What calls the function, several frames at a time: a ``ProcessPoolExecutor`` on this machine, Dask's
        ``client.get_executor()`` on a cluster. Only for a function; it has to be one that the executor can
        send elsewhere, and must not depend on the frames before. Figures come out faster in processes than
        in threads, which can draw only one at a time. The processes of a ``ProcessPoolExecutor`` take no
        notice of interrupts while they wait or draw: interrupting a cell leaves the player as it is.

    Returns
    -------
    Player
        A cell's result shows it.

    Raises
    ------
    BadArgumentsError
        If one of the arguments is not as above, the animation has no frames, or the function can't be sent to
        the executor's processes.
    NoKernelError
        When this process runs no Jupyter kernel.

    Notes
    -----
    Frames may be asked for in any order; a function that only makes sense in order, such as one that appends
    to a list, shows what it makes of that. ``init_func`` is called before the first frame and whenever
    frame 0 is drawn. Only what changed since the last frame is drawn again, whether or not the animation was
    made with ``blit=True``, and the picture is that of a full draw.

    While a page plays, frames are drawn ahead, on a thread of the player's own: as many as the page has
    granted, and none beyond. What the function prints appears under the cell that shows the player; what it
    raises costs that frame only, and appears in the page and in the log. After a change from outside, such
    as to the data that the function reads, call `Player.redraw`.

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
    if not is_whole(cache) or cache < 0:
        raise BadArgumentsError(f"cache is a number of bytes, 0 or more, not {cache!r}")
    source = source_of(animation, frames, prefetch)
    state = State(
        fps=_default_fps(source.interval) if fps is None else check_fps(fps),
        loop=source.repeat if loop is None else check_loop(loop),
        speed=check_positive("speed", speed),
    )
    service = AnimationService(
        f"kcomm.animation.{secrets.token_hex(8)}",
        source,
        state,
        title=str(title or ""),
        codec=check_codec(codec),
        quality=check_quality(quality),
        cache=int(cache),
        linked=bool(linked),
    )
    return Player(service)


def _default_fps(interval: float | None) -> float | Literal["max"]:
    if interval is None:
        return 30.0
    return 1000 / interval if interval > 0 else "max"
