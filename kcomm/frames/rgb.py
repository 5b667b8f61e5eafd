"""RGB rows as they are: a quarter less than RGBA for what is opaque."""

from __future__ import annotations

from typing import Final

from kcomm.frames.pixels import Pixels, from_rows, to_rgb

NAME: Final = "rgb"
#: Transparency is lost.
LOSSLESS: Final = False


def encode(pixels: Pixels, quality: float = 1.0) -> bytes:
    """Return the bytes of the RGB rows; transparent pixels are laid over white."""
    return to_rgb(pixels).tobytes()


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width, 3) pixels, read-only."""
    return from_rows(data, (height, width, 3), "RGB")
