"""A video file as a source of frames, through PyAV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kcomm.cameras.source import Item, SourceError
from kcomm.errors import BadArgumentsError, BadValueError
from kcomm.frames import Frame, Pixels
from kcomm.frames.checks import check_positive
from kcomm.frames.pixels import check_size
from kcomm.frames.video import package

#: A file may name others, as playlists do; those of this machine only, and never the network.
_OPTIONS = {"protocol_whitelist": "file"}
#: Text is a video to FFmpeg, too: that of a terminal.
_TEXT = "tty"


class VideoFile:
    """A video file, as a source of frames.

    Parameters
    ----------
    path : str or path-like
        The file, of any kind that FFmpeg reads.
    loop : bool, default: True
        Whether it begins anew after the last frame.
    fps : float, optional
        Frames a second; by default each frame has the time that the file says, also where the rate varies.

    Attributes
    ----------
    name : str
        The name of the file.
    fps : float or None
        As given; while it is open, otherwise the mean rate that the file says.
    is_live : bool
        False.

    Raises
    ------
    BadArgumentsError
        If there is no such file, or `fps` is not a number above 0.
    MissingExtraError
        ``kcomm.missing_extra`` if PyAV is not installed: ``pip install 'kcomm[video]'``.

    Notes
    -----
    Frames are (H, W, 3) RGB of uint8, turned by quarters as the file says. One frame at a time is in memory
    beside those that the codec itself needs. A damaged part of the file is told as ``kcomm.bad_value``, and
    what follows is shown.

    Examples
    --------
    >>> kcomm.webcam(kcomm.edges, source=kcomm.cameras.VideoFile("holiday.mp4", loop=False))  # doctest: +SKIP
    """

    is_live = False

    def __init__(self, path: str | os.PathLike[str], *, loop: bool = True, fps: float | None = None) -> None:
        # Now, since a notebook may change its folder before this is opened.
        self.path = Path(path).expanduser().absolute()
        if not self.path.is_file():
            what = "is not a file" if self.path.exists() else "does not exist"
            raise BadArgumentsError(f"a VideoFile is a video file; {self.path} {what}")
        self.name = self.path.name
        self.fps = self._given_fps = None if fps is None else check_positive("fps", fps)
        self.loop = bool(loop)
        #: What `open` found, until `frames` takes it: that has a container of its own, on whatever thread.
        self._opened: Any = None
        package()

    def open(self) -> None:
        """Open the file.

        Raises
        ------
        SourceError
            ``kcomm.source_failed`` if it can't be opened, or is not a video.
        """
        self.close()
        container = self._opened = self._open_container()
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate
        self.fps = self._given_fps or (float(rate) if rate else None)

    def frames(self) -> Iterator[Item]:
        """Yield the frames with their times; a `BadValueError` for what can't be decoded.

        Raises
        ------
        SourceError
            ``kcomm.source_failed`` if there is no frame in it that can be decoded.
        """
        container, self._opened = self._opened, None
        index, begins = 0, 0.0
        while True:
            count, ends = 0, begins
            for item in self._round(container or self._open_container(), begins):
                if isinstance(item, Frame):
                    pts = None if self._given_fps else item.pts
                    ends = max(ends, begins if item.pts is None else item.pts)
                    yield Frame.of(item.pixels, index=index, pts=pts)
                    index, count = index + 1, count + 1
                else:
                    yield item
            if not count:
                raise SourceError(f"there is no frame in {self.name} that can be decoded")
            if not self.loop:
                return
            # The last frame is shown as long as others are.
            begins = ends + 1 / (self.fps or 25.0)
            # Not every file can be wound back; every one can be opened again.
            container = None

    def close(self) -> None:
        """Close the file."""
        container, self._opened = self._opened, None
        if container is not None:
            container.close()
        self.fps = self._given_fps

    def _open_container(self) -> Any:
        av = package()
        try:
            container = av.open(os.fspath(self.path), options=dict(_OPTIONS))
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{self.name} can't be opened as a video: {_reason(error)}") from error
        if not container.streams.video or container.format.name == _TEXT:
            container.close()
            raise SourceError(f"{self.name} is not a video: it has no pictures")
        return container

    def _round(self, container: Any, begins: float) -> Iterator[Item]:
        """Yield the frames from the first to the last, with times from `begins` on, and close the file."""
        try:
            yield from self._decoded(container, begins)
        finally:
            container.close()

    def _decoded(self, container: Any, begins: float) -> Iterator[Item]:
        av = package()
        first: float | None = None
        for packet in self._packets(container):
            if isinstance(packet, Exception):
                yield packet
                continue
            try:
                decoded = packet.decode()
            except av.FFmpegError as error:
                yield BadValueError(f"a part of {self.name} can't be decoded: {_reason(error)}")
                continue
            for picture in decoded:
                time = None if picture.time is None else float(picture.time)
                if first is None:
                    first = time
                pts = None if time is None or first is None else begins + time - first
                yield Frame.of(self._to_pixels(picture), pts=pts)

    def _packets(self, container: Any) -> Iterator[Any]:
        """Yield what the file holds of the video; what can't be read ends it, as FFmpeg reads no further."""
        av = package()
        stream = container.streams.video[0]
        try:
            yield from container.demux(stream)
        except av.FFmpegError as error:
            yield BadValueError(f"{self.name} can't be read to its end: {_reason(error)}")

    def _to_pixels(self, picture: Any) -> Pixels:
        check_size(picture.width, picture.height, f"the video {self.name}")
        pixels: Pixels = picture.to_ndarray(format="rgb24")
        quarters = round(getattr(picture, "rotation", 0) / 90) % 4
        return np.ascontiguousarray(np.rot90(pixels, quarters)) if quarters else pixels

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
