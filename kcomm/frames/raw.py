"""RGBA rows as they are."""

from __future__ import annotations

from typing import Final

import numpy as np

from kcomm.errors import BadValueError
from kcomm.frames.pixels import Pixels, check_size, to_rgba

NAME: Final = "raw"
LOSSLESS: Final = True


def encode(pixels: Pixels, quality: float = 1.0) -> bytes:
    """Return the bytes of the RGBA rows."""
    return to_rgba(pixels).tobytes()


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width, 4) pixels, read-only."""
    check_size(width, height)
    expected = width * height * 4
    size = memoryview(data).nbytes
    if size != expected:
        raise BadValueError(f"{width} x {height} RGBA pixels are {expected} bytes, but {size} came")
    return np.frombuffer(data, np.uint8).reshape(height, width, 4)
