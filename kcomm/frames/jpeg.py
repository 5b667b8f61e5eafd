"""JPEG: for photographs. It has no alpha: transparent pixels are laid over white."""

from __future__ import annotations

from typing import Final

from kcomm.frames import pillow
from kcomm.frames.pixels import Pixels, is_opaque, without_alpha

NAME: Final = "jpeg"
LOSSLESS: Final = False


def encode(pixels: Pixels, quality: float = 0.85) -> bytes:
    """Return a JPEG file, grey for grey pixels."""
    # Pillow's scale begins at 1; above 95 files grow and nothing else does.
    scaled = max(1, round(quality * 95))
    if pixels.ndim == 3 and pixels.shape[2] == 4 and is_opaque(pixels):
        # Taking the fourth bytes out would cost more than twice what encoding does.
        return pillow.write(pixels, "JPEG", mode="RGBX", quality=scaled)
    return pillow.write(without_alpha(pixels), "JPEG", quality=scaled)


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width) or (height, width, 3) pixels."""
    return pillow.check_shape(pillow.read(data, "JPEG"), width, height)
