"""Decodes frames as a page does: keeps what later ones build on, and asks for what is missing."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from kcomm.errors import BadValueError, KcommError
from kcomm.frames import delta, video
from kcomm.frames.frame import Frame
from kcomm.frames.pixels import Pixels
from kcomm.frames.qoi import AVAILABLE as HAS_QOI
from kcomm.frames.video_decoder import VideoDecoder

#: Bases that a receiver keeps.
MAX_BASES: Final = 4
#: Seconds after which a key frame that did not come is asked for again.
PATIENCE: Final = 1.0

# By what it costs to get a camera's frame across: best first.
_READABLE: Final = ("jpeg", "webp", "rgb", "grey", "png", "qoi", "qoiz", "zlib", "raw", "delta")


def decodable() -> list[str]:
    """Return the codecs that a `Decoder` can read on this machine, best first for what a camera sees."""
    plain = [name for name in _READABLE if HAS_QOI or name not in ("qoi", "qoiz")]
    return [*(video.NAMES if video.is_installed() else ()), *plain]


class Decoder:
    """The receiving end of an `Encoder`: what a page does, for front ends in Python and for what pages send.

    It may be used from any thread, but by one at a time.

    Parameters
    ----------
    fetch : callable, optional
        ``fetch(id)`` returns the message of the frame with that id. Without it a delta whose base was
        missed fails.
    on_key_wanted : callable, optional
        Called without arguments when a video frame can't be decoded before a key frame comes: once, and
        again after a second. It is to ask the sender for one.
    clock : callable, optional
        Tells the time in seconds.

    Examples
    --------
    >>> encoder, decoder = Encoder(), Decoder()
    >>> frame = Frame.of(np.zeros((480, 640, 4), np.uint8))
    >>> decoder.decode(encoder.encode(frame).to_message()).shape
    (480, 640, 4)
    >>> decoder.has()
    [1]
    """

    def __init__(
        self,
        fetch: Callable[[int], Any] | None = None,
        on_key_wanted: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._bases: OrderedDict[int, Pixels] = OrderedDict()
        self._video = VideoDecoder()
        self._on_key_wanted = on_key_wanted
        self._clock = clock
        self._asked: float | None = None

    def has(self) -> list[int]:
        """Return the ids of the bases that are held, oldest first."""
        return list(self._bases)

    def close(self) -> None:
        """Free what is held: deltas need their bases anew, and video begins with a key frame."""
        self._bases.clear()
        self._video.close()

    def decode(self, message: Any) -> Pixels:
        """Return the pixels of a frame; they may be read-only.

        Raises
        ------
        BadValueError
            If it is no frame, or a broken one, or builds on a base that is gone.
        KcommError
            ``kcomm.no_frame``: the video frame that it builds on was not decoded.
        MissingExtraError
            If it is video, and PyAV is not installed.
        """
        pixels = self.read(message).data
        assert not isinstance(pixels, bytes)
        return pixels

    def read(self, message: Any) -> Frame:
        """Return a frame with its pixels, and what is known about it; raises as `decode` does."""
        frame = Frame.from_message(message)
        if message.get("key") is not None and frame.base is not None:
            self._take_key(message["key"], frame.base)
        pixels = self._pixels_of(frame)
        if frame.id is not None:
            self._keep(frame.id, pixels)
        return replace(frame, codec=None, data=pixels, id=None, base=None, after=None)

    def _pixels_of(self, frame: Frame) -> Pixels:
        if frame.codec in video.NAMES:
            return self._decode_video(frame)
        return self._apply(frame) if frame.codec == delta.NAME else frame.pixels

    def _decode_video(self, frame: Frame) -> Pixels:
        try:
            pixels = self._video.decode(frame)
        except video.MissingExtraError:
            raise
        except KcommError:
            self._want_key()
            raise
        if frame.after is None:
            self._asked = None
        return pixels

    def _want_key(self) -> None:
        now = self._clock()
        if self._on_key_wanted is None or (self._asked is not None and now - self._asked < PATIENCE):
            return
        self._asked = now
        self._on_key_wanted()

    def _apply(self, frame: Frame) -> Pixels:
        assert frame.base is not None
        if frame.base not in self._bases and self._fetch is not None:
            self._take_key(self._fetch(frame.base), frame.base)
        base = self._bases.get(frame.base)
        if base is None:
            raise BadValueError(f"frame {frame.index} builds on frame id {frame.base}, which is not held")
        assert isinstance(frame.data, bytes)
        return delta.decode(frame.data, base, frame.width, frame.height)

    def _take_key(self, message: Any, wanted: int) -> None:
        key = Frame.from_message(message)
        if key.id != wanted:
            raise BadValueError(f"a frame builds on frame id {wanted}, but {key.id} came for it")
        self._keep(wanted, key.pixels)

    def _keep(self, id: int, pixels: Pixels) -> None:  # noqa: A002  # what a frame calls it
        # Whoever gets them must not change what later frames build on.
        pixels.flags.writeable = False
        self._bases.pop(id, None)
        self._bases[id] = pixels
        while len(self._bases) > MAX_BASES:
            self._bases.popitem(last=False)
