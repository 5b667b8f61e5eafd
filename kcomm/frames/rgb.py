"""RGB rows as they are: a quarter less than RGBA for what is opaque."""

from __future__ import annotations

from typing import Final

import numpy as np

from kcomm.errors import BadValueError
from kcomm.frames.pixels import Pixels, check_size, to_rgb

NAME: Final = "rgb"
#: Transparency is lost.
LOSSLESS: Final = False


def encode(pixels: Pixels, quality: float = 1.0) -> bytes:
    """Return the bytes of the RGB rows; transparent pixels are laid over white."""
    return to_rgb(pixels).tobytes()


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width, 3) pixels, read-only."""
    check_size(width, height)
    expected = width * height * 3
    size = memoryview(data).nbytes
    if size != expected:
        raise BadValueError(f"{width} x {height} RGB pixels are {expected} bytes, but {size} came")
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)
