"""RGBA rows, deflated: the lossless codec for plots. On the wire it is called ``zlib``, after its format."""

from __future__ import annotations

import zlib
from typing import Final

from kcomm.frames import raw
from kcomm.frames.inflate import inflate
from kcomm.frames.pixels import Pixels, check_size, to_rgba

NAME: Final = "zlib"
LOSSLESS: Final = True

# Higher levels take several times as long and save little on plots.
LEVEL: Final = 1


def encode(pixels: Pixels, quality: float = 1.0) -> bytes:
    """Return the deflated RGBA rows."""
    return zlib.compress(to_rgba(pixels).data, LEVEL)


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width, 4) pixels, read-only."""
    check_size(width, height)
    return raw.decode(inflate(data, width * height * 4), width, height)
