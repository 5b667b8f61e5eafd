"""Image files through Pillow: what the jpeg, png and webp codecs share."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from kcomm.errors import BadValueError
from kcomm.frames.pixels import Pixels, check_size, to_pixels

if TYPE_CHECKING:
    from PIL import Image


def write(pixels: Pixels, kind: str, *, mode: str | None = None, **options: Any) -> bytes:
    """Return the bytes of an image file that Pillow wrote; `mode` is what it should take the pixels for."""
    from PIL import Image

    out = io.BytesIO()
    try:
        image = Image.fromarray(pixels) if mode is None else _as_mode(pixels, mode)
        image.save(out, kind, **options)
    except (OSError, ValueError) as error:
        height, width = pixels.shape[:2]
        raise BadValueError(
            f"Pillow can't write {width} x {height} pixels as {kind.lower()}: {error}"
        ) from error
    return out.getvalue()


def _as_mode(pixels: Pixels, mode: str) -> Image.Image:
    from PIL import Image

    height, width = pixels.shape[:2]
    # `fromarray` takes four bytes a pixel for RGBA, and warns of its parameter for the mode.
    return Image.frombuffer(mode, (width, height), np.ascontiguousarray(pixels), "raw", mode, 0, 1)


def read(data: bytes | memoryview, *formats: str) -> Pixels:
    """Return the pixels of an image file in one of the given formats (Pillow's names)."""
    size = memoryview(data).nbytes
    names = ", ".join(name.lower() for name in formats)
    try:
        image = _opened(data, formats)
        if image is None:
            start = bytes(memoryview(data)[:8])
            raise BadValueError(
                f"these {size} bytes are no image in one of the formats {names}; they begin with {start!r}"
            )
        with image:
            check_size(*image.size)
            image.load()
            pixels = to_pixels(image)
    except BadValueError:
        raise
    # Broken files raise many things in Pillow: SyntaxError for some PNGs, struct.error, zlib.error.
    except Exception as error:
        raise BadValueError(f"the image ({size} bytes) is broken or ends too early: {error}") from error
    return np.array(pixels) if not pixels.flags.owndata else pixels


def _opened(data: bytes | memoryview, formats: Iterable[str]) -> Image.Image | None:
    """Return an image of which the header was read; None if it is in none of the formats.

    ``Image.open`` has a limit of its own, of which it warns or raises before ours is told.
    """
    from PIL import Image

    Image.preinit()
    if not Image.OPEN.keys() >= set(formats):
        Image.init()
    start = bytes(memoryview(data)[:16])
    for name in formats:
        factory, accept = Image.OPEN.get(name, (None, None))
        # What it returns instead of True says why it is not.
        if factory is not None and (accept is None or accept(start) is True):
            return factory(io.BytesIO(data), "")
    return None


def check_shape(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return the pixels if they have the size that was announced."""
    if pixels.shape[:2] != (height, width):
        raise BadValueError(
            f"a {width} x {height} frame was announced, but {pixels.shape[1]} x {pixels.shape[0]} came"
        )
    return pixels
