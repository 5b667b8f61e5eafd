"""Images as files' bytes and back: `kcomm.encode` and `kcomm.decode`."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcomm.errors import BadArgumentsError, BadValueError
from kcomm.frames import pillow
from kcomm.frames.checks import check_quality
from kcomm.frames.choice import CODECS
from kcomm.frames.pixels import Pixels, to_pixels

_FILES = ("jpeg", "png", "webp")


def encode(
    image: Any,
    format: str = "jpeg",  # noqa: A002  # what Pillow calls it
    quality: float = 0.85,
) -> bytes:
    """Return an image as the bytes of a JPEG, PNG or WebP file.

    Parameters
    ----------
    image : ndarray or PIL.Image.Image
        (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha; uint8, floats from 0 to 1, or bool
        (False is black).
    format : {"jpeg", "png", "webp"}, default: "jpeg"
        PNG is lossless, and so is WebP of quality 1. JPEG has no alpha: transparency is laid over white.
    quality : float, default: 0.85
        From 0 (smallest) to 1 (best), as in a browser. PNG ignores it.

    Returns
    -------
    bytes

    Raises
    ------
    BadValueError
        If the image has another type, shape, dtype or range, or a size the format can't hold.
    BadArgumentsError
        If there is no such format, or the quality is out of range.

    Examples
    --------
    >>> data = encode(np.zeros((480, 640, 3), np.uint8), "png")
    >>> decode(data).shape
    (480, 640, 3)
    """
    name = "jpeg" if format == "jpg" else format
    if name not in _FILES:
        raise BadArgumentsError(f"there is no image format {format!r}; there are: {', '.join(_FILES)}")
    return CODECS[name].encode(to_pixels(image), check_quality(quality))


def decode(data: Any) -> Pixels:
    """Return the pixels of a JPEG, PNG or WebP file; the format is told from the bytes.

    Parameters
    ----------
    data : bytes, bytearray, memoryview or one-dimensional ndarray of uint8
        The whole file.

    Returns
    -------
    ndarray of uint8
        (H, W) for grey files, (H, W, 3) for RGB and (H, W, 4) for RGBA; WebP files are never grey. The
        pixels are as they are in the file: a camera's note on its orientation is not applied.

    Raises
    ------
    BadValueError
        If the bytes are no such file, or a broken one.
    TooLargeError
        If the image has more than 50 megapixels.

    Examples
    --------
    >>> decode(encode(np.eye(4), "png"))[0]
    array([255,   0,   0,   0], dtype=uint8)
    """
    if isinstance(data, np.ndarray):
        if data.dtype != np.uint8 or data.ndim != 1:
            raise BadValueError(
                f"expected the bytes of an image file, got an array of {data.dtype} with shape {data.shape}"
            )
        data = data.tobytes()
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise BadValueError(f"expected the bytes of an image file, got {type(data).__name__}")
    return pillow.read(bytes(data), "JPEG", "PNG", "WEBP")
