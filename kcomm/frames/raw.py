"""RGBA rows as they are."""

from __future__ import annotations

from typing import Final

from kcomm.frames.pixels import Pixels, from_rows, to_rgba

NAME: Final = "raw"
LOSSLESS: Final = True


def encode(pixels: Pixels, quality: float = 1.0) -> bytes:
    """Return the bytes of the RGBA rows."""
    return to_rgba(pixels).tobytes()


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width, 4) pixels, read-only."""
    return from_rows(data, (height, width, 4), "RGBA")
