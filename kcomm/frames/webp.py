"""WebP: smaller than JPEG and with alpha, but slower to write."""

from __future__ import annotations

from typing import Final

from kcomm.frames import pillow
from kcomm.frames.pixels import Pixels

NAME: Final = "webp"
LOSSLESS: Final = False


def encode(pixels: Pixels, quality: float = 0.85) -> bytes:
    """Return a WebP file; lossless (and exact under full transparency) if `quality` is 1."""
    if quality == 1:
        return pillow.write(pixels, "WEBP", lossless=True, exact=True, quality=0, method=0)
    return pillow.write(pixels, "WEBP", quality=round(quality * 100), method=0)


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return RGB or RGBA pixels."""
    return pillow.check_shape(pillow.read(data, "WEBP"), width, height)
