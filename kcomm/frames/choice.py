"""The codecs by name, and the choice among them."""

from __future__ import annotations

from collections.abc import Container
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kcomm.errors import BadArgumentsError
from kcomm.frames import deflate, grey, jpeg, png, qoi, qoiz, raw, rgb, video, webp
from kcomm.frames.codec import Codec
from kcomm.frames.pixels import Pixels, is_opaque

#: Those of frames that stand on their own.
CODECS: Final[dict[str, Codec]] = {
    codec.NAME: codec for codec in (deflate, qoi, qoiz, jpeg, png, webp, raw, rgb, grey)
}
#: What frames are written as for a receiver that can't read them otherwise, best first.
PLAIN: Final = ("zlib", "png", "webp", "raw", "jpeg")

#: What ``auto`` takes. WebP needs ten times as long as JPEG and saves a quarter of the bytes.
LOSSLESS: Final[Codec] = qoi if qoi.AVAILABLE else deflate
LOSSY: Final[Codec] = jpeg

# Rows looked at to tell a plot from a photograph: enough to see what the picture is, few enough to be cheap.
_ROWS = 48
# In plots 80-99 of 100 pixels equal their left neighbour; in photographs, with a camera's noise, 2-30.
_FLAT = 0.5
# Decoded video is flat, too (up to 79 of 100), and so are edges in it; but plots, masks and mosaics are
# flatter, or more of their pixels (54 and more of 100, not up to 21) end a run of so many equal ones.
_VERY_FLAT = 0.85
_RUN = 16
_DRAWN = 0.35


def codec_of(name: str) -> Codec:
    """Return the codec of that name, or raise with the names there are."""
    try:
        return CODECS[name]
    except (KeyError, TypeError):
        known = ", ".join(CODECS)
        raise BadArgumentsError(f"there is no codec {name!r}; there are: {known}") from None


def plain_of(names: Container[str]) -> str | None:
    """Return the best codec of those that a receiver reads; None if it reads none of them."""
    return next((name for name in PLAIN if name in names), None)


def check_codec(name: str) -> str:
    """Return the name if it is ``auto`` or that of a codec whose frames stand on their own, or raise."""
    return name if name == "auto" else codec_of(name).NAME


def check_live_codec(name: object) -> str:
    """Return the name if it is ``auto`` or that of a codec, video among them, or raise."""
    if isinstance(name, str) and name in video.NAMES:
        video.package()
        return name
    if not isinstance(name, str) or (name != "auto" and name not in CODECS):
        raise BadArgumentsError(
            f"there is no codec {name!r}; there are: {', '.join((*video.NAMES, *CODECS))}"
        )
    return name


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


def asks_for_lossless(name: str, pixels: Pixels, *, is_live: bool = False) -> bool:
    """Whether a codec, or ``auto`` for these pixels, means to lose nothing.

    Live pictures may have been video before: flat as they are, they are photographs.
    """
    if name != "auto":
        return name in CODECS and CODECS[name].LOSSLESS
    return needs_lossless(pixels) and (not is_live or is_drawn(pixels) or not is_opaque(pixels))


def is_kept(pixels: Pixels, name: str) -> bool:
    """Whether a codec of plain rows holds these pixels as they are."""
    return (name == "grey" and pixels.ndim == 2) or (name == "rgb" and is_opaque(pixels))


def is_flat(pixels: Pixels) -> bool:
    """Whether many neighbours have exactly the same colour, as in plots and unlike in photographs."""
    if pixels.shape[1] < 2:
        return True
    same = _equal_neighbours(pixels)
    return bool(np.count_nonzero(same) >= _FLAT * same.size)


def is_drawn(pixels: Pixels) -> bool:
    """Whether pixels are as flat as those of plots, masks and mosaics, unlike those of decoded video."""
    same = _equal_neighbours(pixels)
    if np.count_nonzero(same) >= _VERY_FLAT * same.size:
        return True
    before = np.cumsum(same, axis=1, dtype=np.int32)
    if before.shape[1] <= _RUN:
        return False
    ends = before[:, _RUN:] - before[:, :-_RUN] == _RUN
    return bool(np.count_nonzero(ends) >= _DRAWN * ends.size)


def _equal_neighbours(pixels: Pixels) -> NDArray[np.bool_]:
    """Return which pixels of some rows equal their left neighbour."""
    rows: NDArray[Any] = pixels[:: max(1, pixels.shape[0] // _ROWS)]
    if rows.ndim == 3 and rows.shape[2] == 4 and rows[0].flags.c_contiguous:
        rows = rows.view(np.uint32)[..., 0]
    same: NDArray[Any] = rows[:, 1:] == rows[:, :-1]
    if same.ndim == 3:
        same = np.all(same, axis=2)
    return same
