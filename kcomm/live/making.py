"""`kcomm.webcam`: what people give it, checked, and put together."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from concurrent.futures import Executor

from kcomm.cameras import Source, as_source
from kcomm.live.processing import Processor
from kcomm.live.service import WebcamService
from kcomm.live.settings import Settings, Show, check_camera_size, check_flag
from kcomm.live.steps import Process
from kcomm.live.view import Webcam


def webcam(
    process: Process | None = None,
    *,
    source: Source | str | os.PathLike[str] | None = None,
    size: Sequence[int] = (640, 480),
    fps: float = 30.0,
    mirror: bool = True,
    show: Show = "result",
    opacity: float = 0.5,
    codec: str = "auto",
    camera_codec: str = "auto",
    quality: float = 0.85,
    executor: Executor | None = None,
    timeout: float | None = 10.0,
    byte_rate: float | None = None,
    device: str | None = None,
) -> Webcam:
    """Return a view of the browser's camera, run through a Python function.

    Parameters
    ----------
    process : callable, sequence of callable, or None, optional
        Plain or ``async``; it is given the camera's picture, an ndarray of uint8 with shape (H, W, 3), which
        it may change, and returns an image of any size: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA; uint8,
        floats from 0 to 1, or bool. Or it returns ``(image, data)``: data, any value that a channel carries,
        goes to `Webcam.results` and, with every frame, to pages. The first parameter is the image; another
        one that is named ``frame``, is annotated `kcomm.Frame` or has no default is given the picture's
        frame. Of several functions each is given what the one before it returned; what counts as data is what
        the last one returned that returned any. By default the picture is shown as it is.
    source : Source, str or path-like, optional
        Where frames come from if not from the page's camera: an object as `kcomm.cameras.Source`, or the path
        of a folder of images or of a video file. `size`, `device`, `mirror` and `camera_codec` are the page's
        camera's.
    size : (int, int), default: (640, 480)
        Width and height that the camera is asked for; it may give others.
    fps : float, default: 30
        Frames a second that the camera is asked for. No more are sent than come back.
    mirror : bool, default: True
        Whether the page shows its camera as a mirror does; with a `source` it does not.
    show : {"result", "both", "overlay"}, default: "result"
        What the page shows: the result, camera and result side by side, or the result over the camera.
    opacity : float, default: 0.5
        From 0 to 1, of the result in an overlay.
    codec : str, default: "auto"
        How results are encoded: "auto" is video (H.264, with the extra ``video``) or JPEG for photographs,
        and lossless for what is drawn or transparent. Or "h264", "vp9", "jpeg", "webp", "png", "zlib", "raw".
    camera_codec : str, default: "auto"
        How pages encode the camera's frames: "auto" is the best that the page can and Python reads. Or
        "h264", "vp9", "jpeg", "webp", "rgb", "grey".
    quality : float, default: 0.85
        From 0 to 1, for what loses something, in both directions.
    executor : concurrent.futures.Executor, optional
        Runs plain functions, several frames at a time; results stay in order.
    timeout : float or None, default: 10
        Seconds after which a function that has not returned is given up (``kcomm.process_timeout``); None:
        never.
    byte_rate : float, optional
        Bytes a second that a page sends and receives at most, frames in both directions.
    device : str, optional
        The label or id of the camera; by default the browser's choice.

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
    KcommError
        ``kcomm.missing_extra``: a codec or a source needs ``pip install 'kcomm[video]'``.

    Notes
    -----
    A plain function runs on a thread of its own, one frame after the other, or on the executor; an ``async``
    one on kcomm's loop, which it must not block. While it is at work, of the frames that come the newest one
    is kept. A function that raises costs the frame it was given: the error is shown by the page, logged, and
    kept in `Webcam.error`.

    Examples
    --------
    >>> cam = kcomm.webcam(process=kcomm.edges)  # doctest: +SKIP
    >>> cam.start()  # doctest: +SKIP
    >>> cam.process = lambda image: 255 - image  # doctest: +SKIP
    """
    drawn_by = None if source is None else as_source(source)
    settings = Settings(
        size=check_camera_size(size),
        fps=fps,
        mirror=check_flag("mirror", mirror) and drawn_by is None,
        show=show,
        opacity=opacity,
        codec=codec,
        camera_codec=camera_codec,
        quality=quality,
        byte_rate=byte_rate,
        device=device,
        title="webcam" if drawn_by is None else str(drawn_by.name),
    )
    name = f"kcomm.webcam.{secrets.token_hex(8)}"
    processor = Processor(f"{name}-process", process, executor, timeout)
    return Webcam(WebcamService(name, processor, settings, drawn_by))
