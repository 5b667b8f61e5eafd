"""QOI, the "Quite OK Image" format: lossless, and several times as fast as anything that deflates.

It is written by the package ``qoi``; where that is missing (some machines have no wheel of it) `AVAILABLE` is
False, and key frames are deflated rows.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from kcomm.errors import BadArgumentsError, BadValueError
from kcomm.frames.pixels import Pixels, check_size, to_rgba

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME: Final = "qoi"
LOSSLESS: Final = True

#: Whether this Python can write QOI.
AVAILABLE: Final = importlib.util.find_spec("qoi") is not None

# "qoif", width, height, 4 channels, colour space sRGB; and at the end 8 bytes.
_HEAD: Final = 14
_END: Final = bytes(7) + b"\x01"
# The most bytes that a pixel takes, and the most pixels that a byte stands for.
_WIDEST: Final = 5
_LONGEST: Final = 62


def encode(pixels: Pixels, quality: float = 1.0) -> bytes:
    """Return a QOI file of RGBA pixels."""
    return write(to_rgba(pixels))


def decode(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return (height, width, 4) pixels."""
    check_size(width, height)
    return read(data, width, height)


def write(rgba: NDArray[np.uint8]) -> bytes:
    """Return a QOI file of C-contiguous (H, W, 4) pixels."""
    written: bytes = _package().encode(rgba)
    return written


def read(data: bytes | memoryview, width: int, height: int) -> Pixels:
    """Return the (height, width, 4) pixels of a QOI file, or raise `BadValueError`."""
    data = bytes(data)
    head = b"qoif" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x04\x00"
    if data[:_HEAD] != head:
        raise BadValueError(f"the data are no QOI file of {width} x {height} RGBA pixels")
    # Before memory is taken for the pixels: a byte stands for no more of them than this.
    if data[-len(_END) :] != _END or (len(data) - _HEAD - len(_END)) * _LONGEST < width * height:
        raise BadValueError("a QOI file ends too early")
    try:
        pixels: Pixels = _package().decode(data)
    # The package raises what its Rust code does, by names of its own.
    except (RuntimeError, ValueError, OSError) as error:
        raise BadValueError(f"the QOI data of {width} x {height} pixels are broken: {error}") from None
    return pixels


def largest(count: int) -> int:
    """Return the bytes that the QOI file of so many pixels takes at most."""
    return _HEAD + len(_END) + _WIDEST * count


def _package() -> Any:
    if not AVAILABLE:
        raise BadArgumentsError("the codec 'qoi' needs the package qoi: pip install qoi")
    import qoi

    return qoi
