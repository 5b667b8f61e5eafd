"""Rows of brightness, a byte a pixel: what masks and edges are, before anything is encoded."""

from __future__ import annotations

from typing import Final

import numpy as np

from kcomm.frames.pixels import Pixels, from_rows, without_alpha

NAME: Final = "grey"
#: Colours are lost.
LOSSLESS: Final = False

# How bright the primaries of ITU-R BT.601 are, in 65536ths: what JPEG and Pillow take, too.
_WEIGHTS: Final = np.array([19595, 38470, 7471], np.uint32)


def encode(pixels: Pixels, quality: float = 1.0) -> bytes:
    """Return the rows of grey pixels; of coloured ones, how bright they are."""
    plain = without_alpha(pixels)
    return (plain if plain.ndim == 2 else _brightness(plain)).tobytes()


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width) pixels, read-only."""
    return from_rows(data, (height, width), "grey")


def _brightness(rgb: Pixels) -> Pixels:
    return ((rgb @ _WEIGHTS + 32768) >> 16).astype(np.uint8)
