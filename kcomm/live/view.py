"""`kcomm.webcam` and what it makes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from kcomm import view
from kcomm.errors import BadArgumentsError, KcommError
from kcomm.frames import CODECS, Pixels
from kcomm.frames.checks import check_positive, check_quality, is_whole
from kcomm.frames.choice import check_codec
from kcomm.frames.stats import Stats
from kcomm.live.loop import Process
from kcomm.live.service import WebcamService, WebcamState
from kcomm.runtime import get_runtime


def webcam(
    process: Process | None = None,
    *,
    size: Sequence[int] = (640, 480),
    fps: float = 30.0,
    mirror: bool = True,
    codec: str = "auto",
    quality: float = 0.85,
) -> Webcam:
    """Return a view of the browser's camera, run through a Python function.

    Parameters
    ----------
    process : callable, optional
        Plain or ``async``; it is given the camera's picture, an ndarray of uint8 with shape (H, W, 3), and
        returns an image of any size: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA; uint8, floats from 0 to 1,
        or bool. It may change what it is given. By default the picture is shown as it is.
    size : (int, int), default: (640, 480)
        Width and height that the camera is asked for; it may give others.
    fps : float, default: 30
        Frames a second that the camera is asked for. No more are sent than come back.
    mirror : bool, default: True
        Whether the page shows it as a mirror does.
    codec : {"auto", "zlib", "jpeg", "png", "webp", "raw"}, default: "auto"
        How results are encoded; "auto" is JPEG for photographs and lossless for what is drawn or transparent.
    quality : float, default: 0.85
        From 0 to 1, for what loses something: the camera's frames, and JPEG and WebP results.

    Returns
    -------
    Webcam
        A cell's result shows it.

    Raises
    ------
    BadArgumentsError
        If one of the arguments is not as above.
    NoKernelError
        When this process runs no Jupyter kernel.

    Notes
    -----
    A plain function runs on a thread of its own, one frame after the other; an ``async`` one on kcomm's loop,
    which it must not block. A function that raises costs the frame it was given: the error is shown by the
    page, logged, and kept in `Webcam.error`.

    Examples
    --------
    >>> cam = kcomm.webcam(process=kcomm.edges)  # doctest: +SKIP
    >>> cam.start()  # doctest: +SKIP
    >>> cam.process = lambda image: 255 - image  # doctest: +SKIP
    """
    service = WebcamService(
        f"kcomm.webcam.{secrets.token_hex(8)}",
        _check_process(process),
        size=_check_size(size),
        fps=check_positive("fps", fps),
        mirror=bool(mirror),
        codec=check_codec(codec),
        quality=check_quality(quality),
    )
    return Webcam(service)


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

    def __init__(self, service: WebcamService) -> None:
        self._service = service
        view.close_with(self, service)
        service.open()

    # --- commands --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the camera, or go on after a pause. A page may have to ask its user first."""
        self._command("running", "start")

    def pause(self) -> None:
        """Hold the picture; the camera stays on, and nothing is sent."""
        self._command("paused", "pause")

    def stop(self) -> None:
        """Turn the camera off."""
        self._command("idle", "stop")

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
        service = self._service
        can_wait = service.state == "running" and not get_runtime().is_current
        pixels = service.wait_for_result(timeout if can_wait else 0)
        if pixels is not None:
            return pixels
        if service.error is not None:
            reason = f"the last error was: {service.error}"
        elif service.state != "running":
            reason = "the camera does not run: show the webcam in a cell, and start it"
        else:
            reason = (
                f"none came within {timeout:g} s: is it shown in a page, and was the camera allowed? "
                "Without subshells in the front end, frames come only when the cell has ended"
            )
        raise KcommError(f"there is no picture yet; {reason}", code="kcomm.no_frame") from service.error

    def close(self) -> None:
        """End the webcam: pages turn the camera off."""
        self._service.close()
        view.outputs.remove(self)

    # --- properties ------------------------------------------------------------------------------

    @property
    def process(self) -> Process | None:
        """The function; a new one takes effect with the next frame."""
        return self._service.process

    @process.setter
    def process(self, process: Process | None) -> None:
        self._service.process = _check_process(process)

    @property
    def state(self) -> WebcamState:
        """Whether it is "idle", "running" or "paused", as far as pages have told."""
        return self._service.state

    @property
    def error(self) -> BaseException | None:
        """What went wrong last; None again when a frame succeeds.

        An exception of the function, or a `KcommError` of the camera, with the ``code``
        ``kcomm.camera_denied``, ``kcomm.camera_missing``, ``kcomm.camera_busy``, ``kcomm.camera_insecure`` or
        ``kcomm.camera_failed``.
        """
        return self._service.error

    @property
    def on_error(self) -> Callable[[BaseException], object] | None:
        """A function that is called with each new error, on the thread that `process` runs on."""
        return self._service.on_error

    @on_error.setter
    def on_error(self, function: Callable[[BaseException], object] | None) -> None:
        if function is not None and not callable(function):
            raise BadArgumentsError(f"on_error is a function or None, not {function!r}")
        self._service.on_error = function

    @property
    def target(self) -> str:
        """The name of the comm target that pages connect to."""
        return self._service.name

    def stats(self) -> Stats:
        """Return counts of frames, frames a second, and milliseconds per stage.

        The stages: ``capture`` and ``camera_encode`` on the page, ``decode``, ``process`` and ``encode``
        here, what the page tells of painting and, from the camera to the painted picture, ``delay``.
        """
        return self._service.meter.stats()

    # --- display ---------------------------------------------------------------------------------

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return what a cell shows: the view, and the newest picture for where nothing is live."""
        service = self._service
        if not service.is_closed:
            service.open()
            view.note_shown(self)
        width, height = service.size
        pixels = service.wait_for_result(0)
        return view.mimebundle(
            "webcam",
            service.name,
            title="webcam",
            width=width,
            height=height,
            poster=None if pixels is None else CODECS["png"].encode(pixels, 1.0),
        )

    def _retire(self) -> None:
        self._service.retire()

    def __repr__(self) -> str:
        process = self.process
        name = "" if process is None else getattr(process, "__name__", type(process).__name__)
        return f"<kcomm.Webcam: {self.state}{', through ' + name if name else ''}>"

    def _command(self, state: WebcamState, action: str) -> None:
        self._service.check_open()
        self._service.state = state
        if state == "running":
            self._service.error = None
        self._service.tell(action)


def _check_size(size: Any) -> tuple[int, int]:
    is_pair = isinstance(size, (tuple, list)) and len(size) == 2
    if not is_pair or not all(is_whole(side) and side > 0 for side in size):
        raise BadArgumentsError(f"size is a width and a height in pixels, not {size!r}")
    return size[0], size[1]


def _check_process(process: Any) -> Process | None:
    if process is not None and not callable(process):
        raise BadArgumentsError(
            f"process is a function that is given an ndarray and returns one, or None, not {process!r}"
        )
    checked: Process | None = process
    return checked
