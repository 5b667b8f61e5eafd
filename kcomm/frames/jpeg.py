"""JPEG: for photographs. It has no alpha: transparent pixels are laid over white."""

from __future__ import annotations

from typing import Final

from kcomm.frames import pillow
from kcomm.frames.pixels import Pixels, without_alpha

NAME: Final = "jpeg"
LOSSLESS: Final = False


def encode(pixels: Pixels, quality: float = 0.85) -> bytes:
    """Return a JPEG file, grey for grey pixels."""
    # Pillow's scale begins at 1; above 95 files grow and nothing else does.
    return pillow.write(without_alpha(pixels), "JPEG", quality=max(1, round(quality * 95)))


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width) or (height, width, 3) pixels."""
    return pillow.check_shape(pillow.read(data, "JPEG"), width, height)
