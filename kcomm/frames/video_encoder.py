"""Writes frames as video: H.264 and VP9."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from kcomm.errors import BadValueError
from kcomm.frames import video
from kcomm.frames.pixels import Pixels, is_opaque, without_alpha

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.reformatter import VideoReformatter

    from kcomm.frames.frame import Frame

# Key frames come when they are asked for.
_NEVER: Final = 2**30
# Rates are told to the codecs as if there were so many frames a second: bytes a frame are what counts.
_RATE: Final = 30
# Constant rate factors, of the worst quality (0) and of the best (1).
_FACTORS: Final = {"h264": (51.0, 18.0), "vp9": (63.0, 25.0)}
# FFmpeg's names for pixels by their channels.
_FORMATS: Final = {1: "gray", 3: "rgb24", 4: "rgba"}
_OPTIONS: Final = {
    # Without B frames, lookahead or frame threads: a packet for each frame, at once.
    "h264": {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"},
    "vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "auto-alt-ref": "0"},
}
# Bytes of a frame are bounded once they exceed the budget on average: to this share of it, and never below
# a byte for so many pixels.
_SHARE: Final = 0.75
_SPARSEST: Final = 400
# Budgets of this many bytes a pixel bound nothing: rows that are not compressed take no more.
_AMPLE: Final = 3
# FFmpeg's rates are 32-bit numbers.
_FASTEST: Final = 2**31 - 1
# A bound can only be changed by beginning anew, which costs a key frame: it stays for so many frames.
_STAY: Final = 30
# So many frames tell how many bytes they take, and the weight of the newest in the mean.
_TELLING: Final = 5
_NEW: Final = 0.2
# FFmpeg's scaler takes pixels in strides: in the last row it reads up to 60 bytes beyond the array,
# unless the strides come out even. Those of all processors do at multiples of this.
_STRIDE: Final = 64
_BEYOND: Final = 256


class VideoEncoder:
    """Encodes the frames of one sequence as video.

    It may be used from any thread, but by one at a time; `want_key` by all.

    Parameters
    ----------
    codec : {"h264", "vp9"}
        The codec.
    quality : float, default: 0.85
        From 0 to 1: the same whatever the content, as long as no budget is exceeded.

    Examples
    --------
    >>> encoder = VideoEncoder("h264")
    >>> picture = np.zeros((480, 640, 3), np.uint8)
    >>> [encoder.encode(Frame.of(picture, index=i)).after for i in (4, 6, 7)]
    [None, 4, 6]
    """

    def __init__(self, codec: str, quality: float = 0.85) -> None:
        self.codec = codec
        self._quality = quality
        self._context: VideoCodecContext | None = None
        self._reformatter: VideoReformatter | None = None
        self._size: tuple[int, int] | None = None
        self._cap: int | None = None
        self._last: int | None = None
        self._count = 0
        self._mean = 0.0
        self._key_wanted = False

    def want_key(self) -> None:
        """Make the next frame a key frame."""
        self._key_wanted = True

    def close(self) -> None:
        """Free what it holds; the next frame begins anew, with a key frame."""
        self._context = None
        self._last = None

    def encode(self, frame: Frame, budget: int | None = None) -> Frame:
        """Return the frame encoded.

        Parameters
        ----------
        frame : Frame
            Any size; transparent pixels are laid over white.
        budget : int, optional
            Bytes that a frame may take on average: the quality falls where they don't suffice. A key frame
            may take more.

        Raises
        ------
        MissingExtraError
            Without PyAV.
        BadValueError
            If the codec can't take pictures of this size.
        """
        size = frame.width, frame.height
        self._adapt(size, budget)
        # Before anything is encoded: a wish that comes meanwhile is for the next frame.
        wanted, self._key_wanted = self._key_wanted, False
        begins = wanted or self._last is None or frame.index <= self._last
        try:
            context = self._context or self._open(size)
            data = self._run(context, frame.pixels, begins)
        except BadValueError:
            self.close()
            raise
        except (video.package().error.FFmpegError, ValueError) as error:
            self.close()
            what = f"frame {frame.index}, {frame.width} x {frame.height},"
            raise BadValueError(f"{what} can't be encoded as {self.codec}: {error}") from error
        after, self._last = None if begins else self._last, frame.index
        if not begins:
            self._mean += (len(data) - self._mean) * (_NEW if self._mean else 1)
        return replace(frame, codec=self.codec, data=data, after=after)

    def _adapt(self, size: tuple[int, int], budget: int | None) -> None:
        """Begin anew if the size is another, or the bound of the bytes a frame does not suit the budget."""
        if size != self._size:
            self._begin(size, None)
            return
        cap, fits = self._cap, None if budget is None else self._cap_of(budget, size)
        if cap is None:
            is_known = fits is not None and self._count > _TELLING
            if is_known and self._mean > max(budget or 0, fits or 0):
                self._begin(size, fits)
        elif self._count < _STAY:
            return
        elif fits is None or not _SHARE * cap <= fits <= 3 * cap:
            self._begin(size, fits)

    def _begin(self, size: tuple[int, int], cap: int | None) -> None:
        self.close()
        self._size, self._cap = size, cap

    @staticmethod
    def _cap_of(budget: int, size: tuple[int, int]) -> int | None:
        """Return the bytes a frame that suit a budget; None where it needs no bound."""
        area = size[0] * size[1]
        return None if budget >= _AMPLE * area else max(round(_SHARE * budget), area // _SPARSEST, 1)

    def _open(self, size: tuple[int, int]) -> VideoCodecContext:
        av = video.package()
        if not video.can_encode(self.codec):
            raise BadValueError(f"this PyAV was built without {video.LIBRARIES[self.codec]}")
        worst, best = _FACTORS[self.codec]
        options = {**_OPTIONS[self.codec], "crf": f"{worst + (best - worst) * self._quality:.1f}"}
        if self._cap is not None:
            rate = min(self._cap * 8 * _RATE, _FASTEST)
            options |= {"maxrate": str(rate), "bufsize": str(2 * rate // _RATE)}
            options |= {"preset": "superfast"} if self.codec == "h264" else {}  # It saves a third.
        if self.codec == "vp9":
            options["b"] = options.get("maxrate", "0")
        context: VideoCodecContext = av.CodecContext.create(video.LIBRARIES[self.codec], "w")
        context.width, context.height = (side + side % 2 for side in size)
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, _RATE)
        context.framerate = Fraction(_RATE, 1)
        context.gop_size = _NEVER
        context.max_b_frames = 0
        context.thread_count = 1
        # Browsers get blue wrong by 12 levels from BT.709, whose factor their quickest code can't hold.
        context.colorspace = video.BT601
        context.color_primaries = context.color_trc = video.BT709
        context.color_range = video.LIMITED
        context.options = options
        self._context, self._count, self._mean = context, 0, 0.0
        self._reformatter = av.video.reformatter.VideoReformatter()
        return context

    def _run(self, context: VideoCodecContext, pixels: Pixels, is_key: bool) -> bytes:
        av = video.package()
        # The scaler reads the pixels where they are.
        rows = with_room(even(pixels if is_opaque(pixels) else without_alpha(pixels)))
        picture = av.VideoFrame.from_numpy_buffer(
            rows, format=_FORMATS[rows.shape[2] if rows.ndim == 3 else 1]
        )
        assert self._reformatter is not None
        converted = self._reformatter.reformat(
            picture,
            format="yuv420p",
            dst_colorspace=video.SCALER_BT601,
            src_color_range=video.FULL,
            dst_color_range=video.LIMITED,
        )
        converted.pts, converted.time_base = self._count, context.time_base
        converted.pict_type = av.video.frame.PictureType.I if is_key else av.video.frame.PictureType.NONE
        self._count += 1
        packets = context.encode(converted)
        if len(packets) != 1 or (is_key and not packets[0].is_keyframe):
            raise ValueError(f"it made {len(packets)} packets of it")
        return bytes(packets[0])


def even(pixels: Pixels) -> Pixels:
    """Return pixels with an even number of rows and columns; what is added repeats the last ones.

    Colours have half the resolution in each direction.
    """
    height, width = pixels.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return pixels
    more = [(0, height % 2), (0, width % 2), (0, 0)]
    return np.pad(pixels, more[: pixels.ndim], mode="edge")


def with_room(pixels: Pixels) -> Pixels:
    """Return pixels in one piece, as a copy with room behind it where the scaler reads beyond their end."""
    if pixels.shape[1] % _STRIDE == 0:
        return np.ascontiguousarray(pixels)
    room = np.empty(pixels.size + _BEYOND, np.uint8)
    rows = room[: pixels.size].reshape(pixels.shape)
    np.copyto(rows, pixels)
    return rows
