"""What people hold of a webcam: its commands, its settings, and its results."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from kcomm import view
from kcomm.cameras import Source
from kcomm.errors import BadArgumentsError
from kcomm.frames import Frame, Pixels
from kcomm.frames.checks import is_positive, is_whole
from kcomm.frames.poster import poster_of
from kcomm.live import settings
from kcomm.live.results import Results
from kcomm.live.service import WebcamService
from kcomm.live.settings import Show, WebcamState
from kcomm.live.stats import WebcamStats
from kcomm.live.steps import Process, steps_of
from kcomm.live.taking import take_frames, take_snapshot


class Webcam:
    """Shows a page's camera through a function, and steers it.

    Made by `kcomm.webcam`. Commands may come before there is a page: it begins as they say. It lives as long
    as somebody holds it or an output shows it; running the cell again replaces what the cell had shown.

    Examples
    --------
    >>> cam = kcomm.webcam(kcomm.edges)  # doctest: +SKIP
    >>> cam.start()  # doctest: +SKIP
    >>> cam.snapshot().shape  # doctest: +SKIP
    (480, 640)
    """

    #: An attribute that is none, such as ``cam.fps = 15``, is refused, not kept without an effect.
    __slots__ = ("__weakref__", "_service")

    def __init__(self, service: WebcamService) -> None:
        self._service = service
        view.close_with(self, service)
        service.open()

    # --- commands --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the camera or source, or go on after a pause. A page may have to ask its user first."""
        self._service.command("running")

    def pause(self) -> None:
        """Hold the picture; the camera stays on, and nothing is sent."""
        self._service.command("paused")

    def stop(self) -> None:
        """Turn the camera off, or close the source."""
        self._service.command("idle")

    def close(self) -> None:
        """End the webcam: pages turn the camera off."""
        self._service.close()
        view.outputs.remove(self)

    # --- results ---------------------------------------------------------------------------------

    def snapshot(self, timeout: float = 5.0) -> Pixels:
        """Return the newest result, as the function returned it but as uint8.

        Parameters
        ----------
        timeout : float, default: 5
            Seconds to wait for the first one, if the camera is running.

        Returns
        -------
        ndarray of uint8
            A copy: (H, W), (H, W, 3) or (H, W, 4).

        Raises
        ------
        KcommError
            ``kcomm.no_frame`` if there is none (in time); `error` is its cause, if something failed.
        """
        return take_snapshot(self._service, _check_timeout(timeout))

    def frames(self, n: int, timeout: float = 10.0) -> list[Frame]:
        """Return the next results, in a row as they come.

        Parameters
        ----------
        n : int
            How many.
        timeout : float, default: 10
            Seconds to wait for all of them.

        Returns
        -------
        list of Frame
            Their ``pixels`` are read-only; ``index`` and ``captured`` are those of the camera's frames.

        Raises
        ------
        KcommError
            ``kcomm.no_frame`` if not so many came in time, or the camera does not run.
        ChannelClosedError
            If the webcam is closed meanwhile.

        Examples
        --------
        >>> mean = np.mean([frame.pixels for frame in cam.frames(10)], axis=0)  # doctest: +SKIP
        """
        if not is_whole(n) or n < 1:
            raise BadArgumentsError(f"n is a number of frames from 1, not {n!r}")
        return take_frames(self._service, n, _check_timeout(timeout))

    def results(self) -> Results:
        """Return the results to come, with what the function returned beside the images.

        Returns
        -------
        Results
            An async iterator over `Result`, for any loop, such as that of a cell. A slow loop gets the newest
            result each time. It ends when the webcam is closed, or its source has ended.

        Examples
        --------
        >>> async for result in cam.results():  # doctest: +SKIP
        ...     print(result.frame.index, result.image.shape, result.data)
        """
        return self._service.journal.outlet.read(self)

    # --- properties ------------------------------------------------------------------------------

    @property
    def process(self) -> Process | None:
        """The function, or several; a new one takes effect with the next frame."""
        return self._service.shared.process

    @process.setter
    def process(self, process: Process | None) -> None:
        self._service.shared.process = process

    @property
    def source(self) -> Source | None:
        """What gives frames here in the kernel; None: the page's camera."""
        return self._service.source

    @property
    def state(self) -> WebcamState:
        """Whether it is "idle", "running" or "paused", as far as pages have told."""
        return self._service.state

    @property
    def error(self) -> BaseException | None:
        """What went wrong last; None again when a frame succeeds.

        An exception of the function or a `KcommError`. The camera's have the ``code``
        ``kcomm.camera_denied``, ``kcomm.camera_missing``, ``kcomm.camera_busy``, ``kcomm.camera_insecure``,
        ``kcomm.camera_forbidden``, ``kcomm.camera_lost`` or ``kcomm.camera_failed``.
        """
        return self._service.journal.error

    @property
    def on_error(self) -> Callable[[BaseException], object] | None:
        """A function that is called with each new error, on a thread of its own.

        One that is slower than errors come is told the newest of them.
        """
        return self._service.journal.on_error

    @on_error.setter
    def on_error(self, function: Callable[[BaseException], object] | None) -> None:
        if function is not None and not callable(function):
            raise BadArgumentsError(f"on_error is a function or None, not {function!r}")
        self._service.journal.on_error = function

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that the camera is asked for."""
        return self._service.settings.size

    @size.setter
    def size(self, size: Sequence[int]) -> None:
        self._service.set(size=settings.check_camera_size(size))

    @property
    def device(self) -> str | None:
        """The camera that is in use, by its label, else the one that was chosen; settable by label or id."""
        return self._service.pages.device or self._service.settings.device

    @device.setter
    def device(self, device: str | None) -> None:
        self._service.set(device=settings.check_device(device))

    @property
    def devices(self) -> list[str]:
        """The labels of the cameras that there are; browsers tell them once one was permitted."""
        return self._service.pages.devices

    @property
    def show(self) -> Show:
        """What pages show: "result", "both" side by side, or the result as an "overlay"."""
        return self._service.settings.show

    @show.setter
    def show(self, show: Show) -> None:
        self._service.set(show=settings.check_show(show))

    @property
    def opacity(self) -> float:
        """From 0 to 1, of the result in an overlay."""
        return self._service.settings.opacity

    @opacity.setter
    def opacity(self, opacity: float) -> None:
        self._service.set(opacity=settings.check_opacity(opacity))

    @property
    def mirror(self) -> bool:
        """Whether pages show it as a mirror does."""
        return self._service.settings.mirror

    @mirror.setter
    def mirror(self, mirror: bool) -> None:
        self._service.set(mirror=settings.check_flag("mirror", mirror))

    @property
    def byte_rate(self) -> float | None:
        """Bytes a second that a page sends and receives at most; None: as many as it takes."""
        return self._service.settings.byte_rate

    @byte_rate.setter
    def byte_rate(self, rate: float | None) -> None:
        self._service.set(byte_rate=settings.check_byte_rate(rate))

    @property
    def target(self) -> str:
        """The name of the comm target that pages connect to."""
        return self._service.name

    def stats(self) -> WebcamStats:
        """Return counts of frames, frames a second, and milliseconds per stage.

        The stages: ``capture`` and ``camera_encode`` on the page; ``wait`` for the function, ``decode``,
        ``process``, the names of its steps if there are several, and ``encode`` here; what the page tells of
        painting and, from the camera to the painted picture, ``delay``.
        """
        return self._service.journal.meter.webcam_stats()

    # --- display ---------------------------------------------------------------------------------

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return what a cell shows: the view, and the newest picture for where nothing is live."""
        service = self._service
        if not service.is_closed:
            service.open()
            view.note_shown(self)
        width, height = service.settings.size
        newest = service.journal.outlet.newest
        return view.mimebundle(
            "webcam",
            service.name,
            title=service.settings.title,
            width=width,
            height=height,
            poster=None if newest is None else poster_of(newest.image),
        )

    def _retire(self) -> None:
        self._service.retire()

    def __repr__(self) -> str:
        names = [step.name for step in steps_of(self.process)]
        return f"<kcomm.Webcam: {self.state}{', through ' + ', '.join(names) if names else ''}>"


def _check_timeout(timeout: Any) -> float:
    if timeout != 0 and not is_positive(timeout):
        raise BadArgumentsError(f"timeout is a number of seconds, not {timeout!r}")
    return min(float(timeout), threading.TIMEOUT_MAX)
