"""What counts as an image, and how it becomes 8-bit pixels."""

from __future__ import annotations

import math
import sys
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kcomm.errors import BadValueError, TooLargeError

#: 8-bit pixels: (height, width) grey, (height, width, 3) RGB or (height, width, 4) RGBA with straight alpha.
Pixels: TypeAlias = NDArray[np.uint8]

#: Larger images are refused: 50 megapixels are 200 MB of RGBA.
MAX_PIXELS = 50_000_000

# Rounding may carry a float image a little over 1; half floats have steps of 0.001 there.
_TOLERANCE = 1e-3
# Alpha is the highest byte of a pixel that is read as one little-endian number.
_OPAQUE = np.uint32(0xFF000000)


def to_pixels(image: Any) -> Pixels:
    """Return an image as C-contiguous 8-bit pixels; already fitting arrays are returned as they are.

    Parameters
    ----------
    image : ndarray or PIL.Image.Image
        (H, W) or (H, W, 1) grey, (H, W, 3) RGB or (H, W, 4) RGBA with straight alpha; uint8, or floats
        from 0 to 1, or bool.

    Returns
    -------
    ndarray of uint8
        (H, W), (H, W, 3) or (H, W, 4).

    Raises
    ------
    BadValueError
        If the image has another type, shape, dtype or range; the message names which.
    TooLargeError
        If it has more than 50 megapixels.

    Examples
    --------
    >>> to_pixels(np.array([[0.0, 1.0]]))
    array([[  0, 255]], dtype=uint8)
    """
    array = _from_pillow(image) if _is_pillow(image) else image
    if not isinstance(array, np.ndarray):
        raise BadValueError(f"expected an image (an ndarray or a PIL image), got {type(image).__name__}")
    check_size(*_size(array))
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return np.ascontiguousarray(_to_uint8(array))


def to_rgba(pixels: Pixels) -> Pixels:
    """Return pixels as C-contiguous (H, W, 4) RGBA; what has no alpha becomes opaque."""
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return np.ascontiguousarray(pixels)
    rgba = np.empty((*pixels.shape[:2], 4), np.uint8)
    rgba[..., :3] = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    rgba[..., 3] = 255
    return rgba


def is_opaque(pixels: Pixels) -> bool:
    """Whether no pixel is transparent, not even in part."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return True
    if pixels.flags.c_contiguous:
        # Whole pixels are compared four times as fast as every fourth byte.
        return bool((pixels.view("<u4") >= _OPAQUE).all())
    return bool((pixels[..., 3] == 255).all())


def without_alpha(pixels: Pixels) -> Pixels:
    """Return grey or RGB pixels; transparent ones are laid over white."""
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return pixels
    if is_opaque(pixels):
        return np.ascontiguousarray(pixels[..., :3])
    alpha = pixels[..., 3:].astype(np.uint16)
    blended = (pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return blended.astype(np.uint8)


def to_rgb(pixels: Pixels) -> Pixels:
    """Return pixels as C-contiguous, writable (H, W, 3) RGB; transparent ones are laid over white."""
    plain = without_alpha(pixels)
    rgb = np.repeat(plain[..., np.newaxis], 3, axis=2) if plain.ndim == 2 else plain
    return rgb if rgb.flags.writeable else rgb.copy()


def check_size(width: int, height: int, what: str = "the image") -> None:
    """Raise unless a size is one that kcomm handles."""
    if width < 1 or height < 1:
        raise BadValueError(f"{what} has no pixels: it is {width} x {height}")
    if width * height > MAX_PIXELS:
        raise TooLargeError(
            f"{what} is {width} x {height}, {width * height / 1e6:.0f} megapixels; "
            f"at most {MAX_PIXELS // 1_000_000} are accepted: make it smaller, or lower its dpi"
        )


def from_rows(data: bytes | memoryview, shape: tuple[int, ...], kind: str) -> Pixels:
    """Return the pixels whose rows are these bytes, without a copy.

    Parameters
    ----------
    data : bytes or memoryview
        The rows.
    shape : tuple of int
        (height, width), or that and the number of bytes of a pixel.
    kind : str
        What an error calls the pixels: RGBA, RGB or grey.

    Raises
    ------
    BadValueError
        If the bytes are not as many as the shape needs.
    """
    height, width, *_ = shape
    check_size(width, height)
    expected, size = math.prod(shape), memoryview(data).nbytes
    if size != expected:
        raise BadValueError(f"{width} x {height} {kind} pixels are {expected} bytes, but {size} came")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _size(array: NDArray[Any]) -> tuple[int, int]:
    shape = array.shape
    if array.ndim == 2 or (array.ndim == 3 and shape[2] in (1, 3, 4)):
        return shape[1], shape[0]
    hint = ""
    if array.ndim == 3 and shape[0] in (1, 3, 4):
        hint = "; this one has its channels first: use numpy.moveaxis(image, 0, -1)"
    raise BadValueError(f"an image has shape (H, W), (H, W, 3) or (H, W, 4), not {shape}{hint}")


def _to_uint8(array: NDArray[Any]) -> Pixels:
    if array.dtype == np.uint8:
        return np.asarray(array, np.uint8)
    if array.dtype == np.bool_:
        black_and_white: Pixels = np.asarray(array, np.uint8) * np.uint8(255)
        return black_and_white
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if math.isnan(low):
            raise BadValueError(
                "an image of floats has values from 0 to 1, and this one has NaN: replace it first, e.g. "
                "with numpy.nan_to_num(image)"
            )
        if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):
            raise BadValueError(
                f"an image of floats has values from 0 to 1, not from {low:g} to {high:g}: "
                "scale it, or convert it with .astype('uint8') if it has values from 0 to 255"
            )
        scaled = array.astype(np.float32)
        np.clip(scaled, 0, 1, out=scaled)
        return (scaled * 255 + 0.5).astype(np.uint8)
    raise BadValueError(
        f"an image has dtype uint8, bool, or floats from 0 to 1, not {array.dtype}: "
        "convert it, e.g. with .astype('uint8')"
    )


def _is_pillow(image: Any) -> bool:
    # While another thread imports it, the module is there and its class is not.
    kind = getattr(sys.modules.get("PIL.Image"), "Image", None)
    return kind is not None and isinstance(image, kind)


def _from_pillow(image: Any) -> NDArray[Any]:
    if image.mode in ("1", "L", "RGB", "RGBA"):
        return np.asarray(image)
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint32)
        return np.asarray((deep + 128) // 257, np.uint8)
    if image.mode in ("I", "F"):
        raise BadValueError(
            f"a PIL image of mode {image.mode!r} has no defined range: convert it to 'L' or 'RGB'"
        )
    has_alpha = image.mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
    try:
        # Pillow has no direct way from grey with alpha that was multiplied in.
        plain = image.convert("LA") if image.mode == "La" else image
        return np.asarray(plain.convert("RGBA" if has_alpha else "RGB"))
    except ValueError as error:
        raise BadValueError(f"Pillow can't convert an image of mode {image.mode!r}: {error}") from error
