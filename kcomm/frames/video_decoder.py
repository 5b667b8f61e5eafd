"""Reads frames of video: H.264 and VP9."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from kcomm.errors import BadValueError, KcommError
from kcomm.frames import video
from kcomm.frames.pixels import Pixels, check_size

if TYPE_CHECKING:
    import av
    from av.video.codeccontext import VideoCodecContext
    from av.video.reformatter import VideoReformatter

    from kcomm.frames.frame import Frame

# FFmpeg checks sizes with their padding against its limit.
_PADDING: Final = 128


class VideoDecoder:
    """Decodes the frames of one sequence, one after the other.

    It may be used from any thread, but by one at a time.
    """

    def __init__(self) -> None:
        self._context: VideoCodecContext | None = None
        self._reformatter: VideoReformatter | None = None
        self._form: tuple[str | None, int, int] | None = None
        self._last: int | None = None

    def decode(self, frame: Frame) -> Pixels:
        """Return the (height, width, 3) pixels of a frame.

        Raises
        ------
        KcommError
            ``kcomm.no_frame``: the frame that it builds on was not decoded just before.
        BadValueError
            If the data are broken, or of another size. What builds on it can't be decoded either.
        MissingExtraError
            Without PyAV.
        """
        if frame.after is not None and frame.after != self._last:
            raise KcommError(
                f"frame {frame.index} builds on frame {frame.after}, which was not decoded just before",
                code="kcomm.no_frame",
            )
        form = frame.codec, frame.width, frame.height
        if frame.after is not None and form != self._form:
            raise self._broken(frame, "its size or codec is new, and it is no key frame")
        # What fails on the way leaves nothing to build on.
        self._last = None
        pixels = self._run(frame)
        self._last = frame.index
        return pixels

    def close(self) -> None:
        """Free what it holds; the next frame must be a key frame."""
        self._context = None
        self._form = None
        self._last = None

    def _run(self, frame: Frame) -> Pixels:
        av = video.package()
        if not frame.data:
            raise self._broken(frame, "it has no data")
        try:
            context = self._prepare(frame)
            pictures = context.decode(av.Packet(frame.data))
            if len(pictures) != 1:
                raise self._broken(frame, f"its data hold {len(pictures)} pictures, not one")
            return self._to_pixels(pictures[0], frame)
        except BadValueError:
            self.close()
            raise
        except (av.error.FFmpegError, ValueError) as error:
            self.close()
            raise self._broken(frame, getattr(error, "strerror", None) or str(error)) from error

    def _prepare(self, frame: Frame) -> VideoCodecContext:
        form = frame.codec, frame.width, frame.height
        if self._context is not None and self._form == form:
            return self._context
        check_size(frame.width, frame.height)
        av = video.package()
        context: VideoCodecContext = av.CodecContext.create(frame.codec, "r")
        context.thread_count = 1  # Threads would hold frames back.
        # Data that claim to be larger take no memory, and damage is an error where it shows.
        most = (frame.width + _PADDING) * (frame.height + _PADDING)
        context.options = {"flags": "+low_delay", "max_pixels": str(most), "err_detect": "explode"}
        self._context, self._form = context, form
        self._reformatter = av.video.reformatter.VideoReformatter()
        return context

    def _to_pixels(self, picture: av.VideoFrame, frame: Frame) -> Pixels:
        if picture.is_corrupt or (frame.after is None and not picture.key_frame):
            raise self._broken(frame, "its data are incomplete")
        came, size = (picture.width, picture.height), (frame.width, frame.height)
        if came not in (size, (size[0] + size[0] % 2, size[1] + size[1] % 2)):
            raise self._broken(frame, f"{came[0]} x {came[1]} pixels came")
        assert self._reformatter is not None
        rgb = self._reformatter.reformat(
            picture,
            format="rgb24",
            src_colorspace=video.BT709 if picture.colorspace == video.UNSPECIFIED else None,
            dst_color_range=video.FULL,
        )
        return np.ascontiguousarray(rgb.to_ndarray()[: frame.height, : frame.width], np.uint8)

    @staticmethod
    def _broken(frame: Frame, why: str) -> BadValueError:
        return BadValueError(
            f"frame {frame.index}, {frame.width} x {frame.height}, can't be decoded as {frame.codec}: {why}"
        )
