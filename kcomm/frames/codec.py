"""What every codec offers; each is a module of this package."""

from __future__ import annotations

from typing import Protocol

from kcomm.frames.pixels import Pixels


class Codec(Protocol):
    """A way to write pixels as bytes and to read them again.

    ``NAME`` is the codec's name on the wire; ``LOSSLESS`` tells whether the same pixels come back.
    """

    NAME: str
    LOSSLESS: bool

    def encode(self, pixels: Pixels, quality: float) -> bytes:
        """Return the bytes of grey, RGB or RGBA pixels; `quality` runs from 0 to 1."""
        ...

    def decode(self, data: bytes | memoryview, width: int, height: int) -> Pixels:
        """Return the pixels of encoded bytes; raise `BadValueError` if they are not what they should be."""
        ...
