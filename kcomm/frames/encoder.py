"""Encodes one frame after another, each in the cheapest way that its content and the link allow."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from kcomm.errors import BadValueError
from kcomm.frames import choice, delta, qoi, qoiz, video
from kcomm.frames.checks import check_quality
from kcomm.frames.choice import CODECS, check_live_codec
from kcomm.frames.frame import Frame
from kcomm.frames.keys import Key, KeyStore
from kcomm.frames.thrift import Thrift
from kcomm.frames.video_encoder import VideoEncoder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kcomm.frames.codec import Codec
    from kcomm.frames.delta import Words
    from kcomm.frames.pixels import Pixels

#: Shares of the quality asked for that a budget is tried with: of 0.85 they make 0.85, 0.6, 0.4 and 0.25.
TIERS: Final = (1.0, 0.7, 0.47, 0.29)
# From about an eighth of the pixels on, QOI of the whole picture is as small as a delta and as fast; deflated
# rows are neither before half of the pixels changed.
_DENSE: Final = 0.125 if qoi.AVAILABLE else 0.5
# Sizes with a key of their own: views at different scales take turns.
_SIZES: Final = 3


class Encoder:
    """Encodes the frames of one sequence for whoever looks at it.

    Lossless frames of plots are mostly *deltas*: what changed against the current key frame. It may be used
    from any thread, but by one at a time; `want_key` by all.

    Parameters
    ----------
    codec : str, default: "auto"
        The codec of all frames, or ``auto``: lossless for plots and whatever is transparent, lossy for
        photographs.
    quality : float, default: 0.85
        Of lossy codecs, from 0 to 1.
    codecs : iterable of str, optional
        What the receiver reads; other codecs are not used. Photographs become video, if it reads that and
        PyAV is there. None: all that stand on their own, and deltas.

    Examples
    --------
    >>> encoder = Encoder()
    >>> first = encoder.encode(Frame.of(np.zeros((480, 640, 4), np.uint8)))
    >>> second = encoder.encode(Frame.of(np.zeros((480, 640, 4), np.uint8), index=1))
    >>> second.codec, second.base == first.id
    ('delta', True)
    """

    def __init__(
        self, codec: str = "auto", quality: float = 0.85, *, codecs: Iterable[str] | None = None
    ) -> None:
        self._codec = check_live_codec(codec)
        self._quality = check_quality(quality)
        self._read = None if codecs is None else frozenset(codecs)
        # Made with the first frame, on its thread: PyAV takes a while to import.
        self._video: VideoEncoder | None = None
        self._has_begun = False
        self._ids = itertools.count(1)
        self._current: dict[tuple[int, int], Key] = {}
        self._keys = KeyStore()
        self._of_deltas = Thrift()
        self._of_keys = Thrift()
        self._tier = 0

    def encode(self, frame: Frame, *, exact: bool = False, budget: int | None = None) -> Frame:
        """Return the frame with its pixels encoded, and the milliseconds it took in ``ms["encode"]``.

        Parameters
        ----------
        frame : Frame
            Its pixels must not be changed afterwards: later frames are compared with them.
        exact : bool, default: False
            Lossless, whatever the content.
        budget : int, optional
            Bytes a frame that the link carries: above it lossy codecs lower their quality, and lossless ones
            take the time to be smaller. 0 makes everything as small as it gets.

        Returns
        -------
        Frame
            With an ``id``, if later frames may build on it; with a ``base`` or ``after`` if it builds on an
            earlier one.

        Raises
        ------
        BadValueError
            If the receiver reads no codec that would do, or the one that was asked for can't hold the pixels.
        """
        begun = time.perf_counter()
        encoded = self._encode(frame, exact, budget)
        took = (time.perf_counter() - begun) * 1e3
        return replace(encoded, ms={**frame.ms, "encode": took})

    def key(self, id: int) -> Frame | None:  # noqa: A002  # what a frame calls it
        """Return the encoded frame with that id, while it is kept."""
        return self._keys.get(id)

    def reset(self) -> None:
        """Forget all keys: the pictures look different now."""
        self._current.clear()
        self._keys.clear()
        self.want_key()

    def want_key(self) -> None:
        """Make the next video frame a key frame: a receiver lacks what it would build on."""
        if self._video is not None:
            self._video.want_key()

    def close(self) -> None:
        """Free what it holds; what is encoded afterwards begins anew."""
        self.reset()
        if self._video is not None:
            self._video.close()

    def _encode(self, frame: Frame, exact: bool, budget: int | None) -> Frame:
        if not self._has_begun:
            self._video, self._has_begun = self._make_video(), True
        pixels = frame.pixels
        name = self._codec
        if name in CODECS and self._reads(name):
            codec = CODECS[name]
            if codec.LOSSLESS or (exact and choice.is_kept(pixels, name)):
                return replace(frame, codec=name, data=codec.encode(pixels, self._quality))
            if not exact:
                return self._encode_lossy(frame, pixels, codec, budget)
        if exact or choice.asks_for_lossless(name, pixels, is_live=self._read is not None):
            return self._encode_exact(frame, budget)
        if self._video is not None and (name != "auto" or video.suits(frame.width, frame.height)):
            return self._video.encode(frame, budget)
        return self._encode_lossy(frame, pixels, self._plain(choice.LOSSY.NAME), budget)

    def _encode_exact(self, frame: Frame, budget: int | None) -> Frame:
        if self._reads(delta.NAME, qoiz.NAME, choice.LOSSLESS.NAME):
            return self._encode_lossless(frame, frame.pixels, budget)
        codec = self._plain()
        # Of quality 1 they lose nothing, but for JPEG.
        return replace(frame, codec=codec.NAME, data=codec.encode(frame.pixels, 1.0))

    def _reads(self, *names: str) -> bool:
        return self._read is None or self._read.issuperset(names)

    def _plain(self, *better: str) -> Codec:
        """Return the first codec that the receiver reads."""
        for name in better:
            if self._reads(name):
                return CODECS[name]
        plain = choice.plain_of(choice.PLAIN if self._read is None else self._read)
        if plain is not None:
            return CODECS[plain]
        names = ", ".join(choice.PLAIN)
        raise BadValueError(f"the receiver reads none of {names}, but only {sorted(self._read or ())}")

    def _make_video(self) -> VideoEncoder | None:
        """Return what writes video, if it was asked for, or the receiver said that it reads some."""
        if self._codec in video.NAMES:
            names: tuple[str, ...] = (self._codec,)
        else:
            names = video.NAMES if self._codec == "auto" and self._read is not None else ()
        for name in names:
            if self._reads(name) and video.can_encode(name):
                return VideoEncoder(name, self._quality)
        return None

    def _encode_lossy(self, frame: Frame, pixels: Pixels, codec: Codec, budget: int | None) -> Frame:
        # It begins where the last frame was: to try the better tiers anew each time would take the most time.
        tier = self._tier if budget is not None else 0
        data = codec.encode(pixels, self._quality * TIERS[tier])
        if budget is not None:
            while len(data) > budget and tier < len(TIERS) - 1:
                tier += 1
                data = codec.encode(pixels, self._quality * TIERS[tier])
            # Half of the budget leaves room for the next better one.
            self._tier = tier - 1 if tier > 0 and len(data) < budget / 2 else tier
        return replace(frame, codec=codec.NAME, data=data)

    def _encode_lossless(self, frame: Frame, pixels: Pixels, budget: int | None) -> Frame:
        words = delta.words_of(pixels)
        return self._encode_delta(frame, words, budget) or self._encode_key(frame, pixels, words, budget)

    def _encode_delta(self, frame: Frame, words: Words, budget: int | None) -> Frame | None:
        """Return the frame as what changed against the key; None if that does not pay."""
        key = self._current.get((frame.width, frame.height))
        if key is None or key.is_worn:
            return None
        differs = words != key.words
        if np.count_nonzero(differs) > _DENSE * len(words):
            return None
        changes = delta.collect(words, np.flatnonzero(differs))
        key.take(len(changes.body))
        deflated = self._of_deltas.deflate(changes.body, budget)
        return replace(frame, codec=delta.NAME, data=changes.to_bytes(deflated), base=key.id)

    def _encode_key(self, frame: Frame, pixels: Pixels, words: Words, budget: int | None) -> Frame:
        """Return the frame on its own; later ones may build on it."""
        codec = choice.LOSSLESS.NAME
        data = choice.LOSSLESS.encode(pixels, 1.0)
        size = len(data)
        if codec == qoi.NAME and (deflated := self._of_keys.deflate(data, budget)) is not None:
            codec, data = qoiz.NAME, deflated
        number = next(self._ids)
        encoded = replace(frame, codec=codec, data=data, id=number)
        self._make_current(Key(number, frame.width, frame.height, words, size))
        self._keys.add(encoded)
        return encoded

    def _make_current(self, key: Key) -> None:
        size = key.width, key.height
        self._current.pop(size, None)
        self._current[size] = key
        while len(self._current) > _SIZES:
            del self._current[next(iter(self._current))]
