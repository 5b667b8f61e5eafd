"""One picture of a moving one."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from kcomm.errors import BadValueError
from kcomm.frames import delta, video
from kcomm.frames.checks import is_number, is_whole
from kcomm.frames.choice import CODECS, choose
from kcomm.frames.pixels import Pixels, check_size, to_pixels

#: Codecs of frames that others may build on: whole, lossless, and the same wherever they are decoded.
KEYS = frozenset({"raw", "zlib", "qoi", "qoiz"})


# Two are equal if they are the same: arrays have no answer to whether they are.
@dataclass(frozen=True, eq=False)
class Frame:
    """Pixels, or the bytes they were encoded to, with what is known about them.

    Parameters
    ----------
    width, height : int
        In pixels.
    codec : str or None
        The name of the codec of `data`; None for pixels.
    data : bytes or ndarray of uint8
        Encoded bytes, or pixels: (height, width), (height, width, 3) or (height, width, 4), straight alpha.
    index : int, default: 0
        The frame's number in its sequence.
    pts : float, optional
        Presentation time in seconds since the sequence began.
    captured : float, optional
        When it was captured, in milliseconds of the capturing side's own clock.
    ms : dict of str to float
        Milliseconds that each stage took so far.
    id : int, optional
        The receiver keeps these pixels under this number, for frames that build on them.
    base : int, optional
        The id of the frame that a frame of the codec ``delta`` builds on.
    after : int, optional
        The index of the frame that a video frame builds on; None for a key frame.

    Examples
    --------
    >>> import numpy as np
    >>> frame = Frame.of(np.zeros((480, 640, 4), np.uint8), index=7).encoded()
    >>> frame.codec, frame.width, frame.height, frame.index
    ('zlib', 640, 480, 7)
    """

    width: int
    height: int
    codec: str | None
    data: bytes | Pixels
    index: int = 0
    pts: float | None = None
    captured: float | None = None
    ms: Mapping[str, float] = field(default_factory=dict)
    id: int | None = None
    base: int | None = None
    after: int | None = None

    @classmethod
    def of(
        cls,
        image: Any,
        *,
        index: int = 0,
        pts: float | None = None,
        captured: float | None = None,
        ms: Mapping[str, float] | None = None,
    ) -> Frame:
        """Return a frame of pixels from an image as `kcomm.encode` takes it."""
        pixels = to_pixels(image)
        height, width = pixels.shape[:2]
        return cls(width, height, None, pixels, index, pts, captured, dict(ms or {}))

    @classmethod
    def from_message(cls, message: Any) -> Frame:
        """Return a frame that came over a channel, or raise `BadValueError` naming what is wrong with it."""
        if not isinstance(message, dict):
            raise BadValueError(f"a frame is a map, not {type(message).__name__}")
        whole = {key: _integer(message, key) for key in ("index", "width", "height")}
        check_size(whole["width"], whole["height"], "the frame")
        codec, data = message.get("codec"), message.get("data")
        if not isinstance(codec, str) or codec not in (*CODECS, delta.NAME, *video.NAMES):
            raise BadValueError(f"frame {whole['index']} has the unknown codec {codec!r}")
        if not isinstance(data, bytes):
            raise BadValueError(f"the data of frame {whole['index']} are {type(data).__name__}, not bytes")
        captured: Any = message.get("captured")
        ms = message.get("ms")
        return cls(
            whole["width"],
            whole["height"],
            codec,
            data,
            whole["index"],
            captured=float(captured) if _is_real(captured) else None,
            ms={k: float(v) for k, v in ms.items() if _is_real(v)} if isinstance(ms, dict) else {},
            id=_number_of(message, "id", codec in KEYS),
            base=_base_of(message, codec),
            after=_after_of(message, codec, whole["index"]),
        )

    @property
    def pixels(self) -> Pixels:
        """The pixels, decoded if need be; they may be read-only. Deltas and video need a `Decoder`."""
        if self.codec == delta.NAME:
            raise BadValueError(
                f"frame {self.index} is a delta: only a Decoder that holds frame id {self.base} can read it"
            )
        if self.codec in video.NAMES:
            raise BadValueError(
                f"frame {self.index} is of the video codec {self.codec}: only a Decoder that got those "
                "before it can read it"
            )
        if isinstance(self.data, bytes):
            return CODECS[self.codec or "raw"].decode(self.data, self.width, self.height)
        return self.data

    def encoded(self, codec: str = "auto", quality: float = 0.85) -> Frame:
        """Return the frame with its pixels encoded, and the time it took in ``ms["encode"]``."""
        begun = time.perf_counter()
        chosen = choose(self.pixels, codec)
        data = chosen.encode(self.pixels, quality)
        took = (time.perf_counter() - begun) * 1e3
        return replace(self, codec=chosen.NAME, data=data, ms={**self.ms, "encode": took})

    def to_message(self) -> dict[str, Any]:
        """Return the map that stands for the frame on a channel."""
        message: dict[str, Any] = {
            "index": self.index,
            "width": self.width,
            "height": self.height,
            "codec": self.codec or "raw",
            "data": self.data if isinstance(self.data, bytes) else CODECS["raw"].encode(self.data, 1.0),
            "ms": {name: round(took, 3) for name, took in self.ms.items()},
        }
        if self.pts is not None:
            message["pts"] = self.pts
        if self.captured is not None:
            message["captured"] = self.captured
        if self.id is not None:
            message["id"] = self.id
        if self.base is not None:
            message["base"] = self.base
        if self.after is not None:
            message["after"] = self.after
        return message


def _integer(message: dict[str, Any], key: str) -> int:
    value = message.get(key)
    if not is_whole(value):
        raise BadValueError(f"the {key} of a frame is an integer, not {value!r}")
    return value


def _number_of(message: dict[str, Any], key: str, is_allowed: bool) -> int | None:
    """Return the number of a frame, or of the frame it builds on."""
    value = message.get(key)
    if value is None:
        return None
    if not is_allowed:
        raise BadValueError(f"a frame of the codec {message['codec']} has no {key}")
    if not is_whole(value) or not 0 <= value < 2**53:
        raise BadValueError(f"the {key} of a frame is an integer from 0 below 2**53, not {value!r}")
    return value


def _after_of(message: dict[str, Any], codec: str, index: int) -> int | None:
    after = _number_of(message, "after", codec in video.NAMES)
    if after is not None and after >= index:
        raise BadValueError(f"frame {index} can't build on frame {after}: indices go up")
    return after


def _base_of(message: dict[str, Any], codec: str) -> int | None:
    is_delta = codec == delta.NAME
    base = _number_of(message, "base", is_delta)
    if is_delta and base is None:
        raise BadValueError("a delta has the number of its base")
    if message.get("key") is not None and not is_delta:
        raise BadValueError(f"a frame of the codec {codec} builds on no other")
    return base


def _is_real(value: Any) -> TypeGuard[float]:
    """Whether a value is a number that times can be: what is not finite would stay in every mean."""
    return is_number(value) and math.isfinite(value)
