"""The player that `kcomm.animate` makes."""

from __future__ import annotations

import logging
import threading
from os import PathLike
from typing import Any, Final, Literal, TypeVar

from kcomm import view
from kcomm.animation.drawing.prefetch import PooledSource
from kcomm.animation.drawing.sequence import END, check_index
from kcomm.animation.keeping import saving
from kcomm.animation.meter import PlayerStats
from kcomm.animation.path import Loop, check_loop
from kcomm.animation.service import AnimationService, ErrorHandler, State
from kcomm.errors import BadArgumentsError
from kcomm.frames.checks import check_fps, check_positive, is_whole
from kcomm.frames.poster import poster_of
from kcomm.words import told

H = TypeVar("H", bound=ErrorHandler)

logger = logging.getLogger("kcomm.animation")

#: Seconds that showing a player waits for its executor, which may have much else to do.
_PATIENCE: Final = 10.0


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
        if not is_whole(n) or not -END < n < END:
            raise BadArgumentsError(f"step takes a whole number of frames within ±2**53, not {n!r}")
        count = self.count
        last = (END if count is None else count) - 1
        self._state.index = max(0, min(self._state.index + int(n), last))
        self._state.playing = False
        self._service.tell("step", int(n))

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
        self._state.index = int(index)
        self._service.tell("seek", int(index))

    def redraw(self) -> None:
        """Forget the frames that were drawn, and show the present one anew.

        For what changed without the player's noticing, such as the data that its function reads.
        """
        self._service.check_open()
        self._service.redraw()

    def on_error(self, handler: H) -> H:
        """Call a function with each frame that could not be drawn, as a decorator.

        Parameters
        ----------
        handler : callable
            ``handler(index, error)`` is given the number of the frame and the exception, on the thread that
            draws: the next frame waits for it.

        Examples
        --------
        >>> @player.on_error  # doctest: +SKIP
        ... def note(index, error):
        ...     failed[index] = error
        """
        if not callable(handler):
            raise BadArgumentsError(f"on_error takes a function, not {type(handler).__name__}")
        self._service.error_handlers.append(handler)
        return handler

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
    def loop(self) -> Loop:
        """Whether it goes on from the first frame at the end, or turns round there ("bounce")."""
        return self._state.loop

    @loop.setter
    def loop(self, loop: Loop) -> None:
        self._service.check_open()
        self._state.loop = check_loop(loop)
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

    @property
    def linked(self) -> bool:
        """Whether all pages that show it follow one clock."""
        return self._service.linked

    def stats(self) -> PlayerStats:
        """Return counts of frames, frames a second, bytes, and milliseconds per stage."""
        return self._service.stats()

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
        source, index = self._service.source, self._state.index
        try:
            if isinstance(source, PooledSource):
                pixels = source.draw_within(_PATIENCE, index)
                if pixels is None:
                    note = f"Frame {index} was not drawn within {_PATIENCE:g} s: are the workers busy?"
                    logger.warning("%s A player shows no picture where nothing is live.", note)
                    return None, note
            else:
                pixels = self._service.make_frame(index).pixels
            return poster_of(pixels), ""
        except Exception as error:
            # The view must appear all the same: it shows what went wrong, and the frames that can be drawn.
            self._service.report_failure(index, error)
            return None, f"Frame {index} could not be drawn: {told(error)}"

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

    # --- keeping ---------------------------------------------------------------------------------

    def to_html(
        self,
        path: str | PathLike[str],
        *,
        frames: int | range | None = None,
        fps: float | Literal["max"] | None = None,
        progress: bool = True,
    ) -> None:
        """Write a page that plays the animation by itself: without a kernel, and from any folder or server.

        It is one file with all frames, lossless, and the same player, which begins as this one stands: with
        its rate, speed and loop, and playing if it plays.

        Parameters
        ----------
        path : str or path-like
            The file; one that is there is replaced once the new one is complete.
        frames : int or range, optional
            How many frames from the first on, or which. By default all; what has no end needs a number.
        fps : float or "max", optional
            Frames a second; by default the player's.
        progress : bool, default: True
            Whether to show how far it has come.

        Raises
        ------
        BadArgumentsError
            If one of the arguments is not as above.
        FrameRangeError
            If there are no such frames.
        KcommError
            With the code ``kcomm.write_failed`` if the file can't be written, and ``kcomm.handler_error`` if
            a frame could not be drawn. Nothing is left of the file then, nor if the cell is interrupted.

        Examples
        --------
        >>> player.to_html("wave.html")  # doctest: +SKIP
        """
        saving.to_html(self._service, path, frames=frames, fps=fps, progress=progress)

    def save(
        self,
        path: str | PathLike[str],
        *,
        writer: Any = None,
        fps: float | None = None,
        frames: int | range | None = None,
        dpi: float | None = None,
        progress: bool = True,
        **options: Any,
    ) -> None:
        """Write the animation as a file in the format that the path's suffix names.

        ``.html`` is what `to_html` writes. Pillow writes ``.gif`` and, with every pixel as it was drawn,
        ``.apng`` and ``.webp``, and a file of each frame where the name is a pattern: ``frame-%04d.png``.
        Videos (``.mp4``, ``.webm``, ``.mov``, ``.mkv``, ...) are written by ffmpeg, through matplotlib.

        Parameters
        ----------
        path : str or path-like
            The file; one that is there is replaced once the new one is complete.
        writer : str or matplotlib.animation.AbstractMovieWriter, optional
            Another of matplotlib's writers.
        fps : float, optional
            Frames a second; by default what the player shows at its speed.
        frames : int or range, optional
            How many frames from the first on, or which. By default all; what has no end needs a number.
        dpi : float, optional
            Resolution of figures; by default their own. The figures themselves stay as they are.
        progress : bool, default: True
            Whether to show how far it has come.
        **options
            For Pillow's ``save`` (``lossless=False``, ``quality=80``) or matplotlib's writer
            (``bitrate=2000``, ``codec="hevc"``).

        Raises
        ------
        BadArgumentsError
            If one of the arguments is not as above.
        FrameRangeError
            If there are no such frames.
        KcommError
            With the code ``kcomm.no_writer`` if ffmpeg is missing, ``kcomm.write_failed`` if the file can't
            be written, and ``kcomm.handler_error`` if a frame could not be drawn. Nothing is left of the file
            then, nor if the cell is interrupted.

        Examples
        --------
        >>> player.save("wave.gif")  # doctest: +SKIP
        >>> player.save("wave.mp4", fps=60, dpi=200)  # doctest: +SKIP
        """
        saving.save(
            self._service,
            path,
            writer=writer,
            fps=fps,
            frames=frames,
            dpi=dpi,
            progress=progress,
            options=options,
        )
