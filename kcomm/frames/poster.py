"""The picture that stands for a view where nothing is live: a small PNG in the cell's output."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kcomm.frames.pixels import Pixels, is_opaque, to_rgba

if TYPE_CHECKING:
    from PIL import Image

#: Bytes of a poster at most. A notebook holds each of them twice (as PNG, and within the HTML that pages
#: prefer), and is saved with every change; plots of the usual size have 10 to 150 kB.
MAX_BYTES: Final = 256 * 1024
# Shrinking saves a little less than the area does.
_MARGIN: Final = 0.95
_COLOURS: Final = 256


def poster_of(pixels: Pixels, limit: int = MAX_BYTES) -> bytes:
    """Return a PNG file of a frame: the very same pixels, or, where those don't fit, smaller ones.

    Parameters
    ----------
    pixels : ndarray of uint8
        Grey, RGB or RGBA.
    limit : int, optional
        The most bytes the file may have.

    Returns
    -------
    bytes

    Examples
    --------
    >>> len(poster_of(np.zeros((480, 640, 4), np.uint8))) < 1000
    True
    """
    image = image_of(pixels)
    data = _png(image)
    if len(data) <= limit:
        return data
    full = _plain_image(pixels)
    scale = 1.0
    while len(data) > limit and max(image.size) > 1:
        scale *= min(_MARGIN, math.sqrt(limit / len(data)) * _MARGIN)
        size = max(1, round(full.width * scale)), max(1, round(full.height * scale))
        image = full.resize(size)
        data = _png(image)
    return data


def image_of(pixels: Pixels, palette: bool = True) -> Image.Image:
    """Return a Pillow image of the same pixels: with a palette, if wanted and if one is enough."""
    if pixels.ndim == 2 or not palette:
        return _plain_image(pixels)
    return _palette_image(to_rgba(pixels)) or _plain_image(pixels)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")  # more compression takes ten times as long for a twentieth of the size
    return out.getvalue()


def _plain_image(pixels: Pixels) -> Image.Image:
    from PIL import Image

    if pixels.ndim == 3 and pixels.shape[2] == 4 and is_opaque(pixels):
        pixels = np.ascontiguousarray(pixels[..., :3])
    return Image.fromarray(pixels)


def _palette_image(rgba: Pixels) -> Image.Image | None:
    from PIL import Image

    height, width = rgba.shape[:2]
    whole = rgba.reshape(-1, 4).view("<u4").ravel()
    # Photographs show after a few rows that there are too many.
    if len(np.unique(whole[: 64 * width])) > _COLOURS:
        return None
    colours, numbers = np.unique(whole, return_inverse=True)
    if len(colours) > _COLOURS:
        return None
    image = Image.fromarray(numbers.reshape(height, width).astype(np.uint8), "P")
    palette: Any = colours.view(np.uint8).reshape(-1, 4)
    image.putpalette(palette[:, :3].tobytes())
    if (palette[:, 3] < 255).any():
        image.info["transparency"] = palette[:, 3].tobytes()
    return image
