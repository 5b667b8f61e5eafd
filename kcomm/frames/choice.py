"""The codecs by name, and the choice among them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kcomm.errors import BadArgumentsError
from kcomm.frames import deflate, jpeg, png, qoi, qoiz, raw, webp
from kcomm.frames.codec import Codec
from kcomm.frames.pixels import Pixels, is_opaque

CODECS: Final[dict[str, Codec]] = {codec.NAME: codec for codec in (deflate, qoi, qoiz, jpeg, png, webp, raw)}

#: What ``auto`` takes. WebP needs ten times as long as JPEG and saves a quarter of the bytes.
LOSSLESS: Final[Codec] = qoi if qoi.AVAILABLE else deflate
LOSSY: Final[Codec] = jpeg

# Rows looked at to tell a plot from a photograph: enough to see what the picture is, few enough to be cheap.
_ROWS = 48
# In plots 80-99 of 100 pixels equal their left neighbour; in photographs, with a camera's noise, 2-30.
_FLAT = 0.5


def codec_of(name: str) -> Codec:
    """Return the codec of that name, or raise with the names there are."""
    try:
        return CODECS[name]
    except (KeyError, TypeError):
        known = ", ".join(CODECS)
        raise BadArgumentsError(f"there is no codec {name!r}; there are: {known}") from None


def check_codec(name: str) -> str:
    """Return the name if it is ``auto`` or that of a codec, or raise."""
    return name if name == "auto" else codec_of(name).NAME


def choose(pixels: Pixels, name: str = "auto") -> Codec:
    """Return the codec to use for these pixels.

    Parameters
    ----------
    pixels : ndarray of uint8
        Grey, RGB or RGBA.
    name : str, default: "auto"
        A codec's name, or ``auto``: lossless (``qoi``, or ``zlib`` where that is missing) for plots and
        whatever is transparent, ``jpeg`` for photographs.

    Returns
    -------
    Codec

    Examples
    --------
    >>> choose(np.zeros((480, 640), np.uint8)).NAME
    'qoi'
    """
    if name != "auto":
        return codec_of(name)
    return LOSSLESS if needs_lossless(pixels) else LOSSY


def needs_lossless(pixels: Pixels) -> bool:
    """Whether pixels are those of a plot, or transparent in part: what lossy codecs would spoil."""
    return is_flat(pixels) or not is_opaque(pixels)


def is_flat(pixels: Pixels) -> bool:
    """Whether many neighbours have exactly the same colour, as in plots and unlike in photographs."""
    rows: NDArray[Any] = pixels[:: max(1, pixels.shape[0] // _ROWS)]
    if rows.shape[1] < 2:
        return True
    if rows.ndim == 3 and rows.shape[2] == 4 and rows[0].flags.c_contiguous:
        rows = rows.view(np.uint32)[..., 0]
    same = rows[:, 1:] == rows[:, :-1]
    if same.ndim == 3:
        same = same.all(axis=2)
    return bool(np.count_nonzero(same) >= _FLAT * same.size)
