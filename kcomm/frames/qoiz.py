"""QOI, deflated: for links that carry fewer bytes than this machine could deflate meanwhile."""

from __future__ import annotations

import zlib
from typing import Final

from kcomm.frames import inflate, qoi
from kcomm.frames.pixels import Pixels, check_size

NAME: Final = "qoiz"
LOSSLESS: Final = True

LEVEL: Final = 1


def encode(pixels: Pixels, quality: float = 1.0) -> bytes:
    """Return the deflated QOI file of RGBA pixels."""
    return zlib.compress(qoi.encode(pixels), LEVEL)


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width, 4) pixels."""
    check_size(width, height)
    return qoi.read(inflate.inflate(data, qoi.largest(width * height)), width, height)
