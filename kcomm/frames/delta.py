"""What changed against other pixels, which the receiver holds already: the codec of most frames of a plot.

The format is in ``docs/protocol.md``: spans of changed pixels in reading order, each as the gap before it and
its length, then the new values of the pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kcomm.errors import BadValueError
from kcomm.frames import qoi
from kcomm.frames.inflate import inflate
from kcomm.frames.pixels import Pixels, check_size, to_rgba

NAME: Final = "delta"
LOSSLESS: Final = True

#: One number a pixel: comparing these takes a quarter of the time of comparing bytes.
Words: TypeAlias = NDArray[np.uint32]

#: Flags in the first byte.
DEFLATED: Final = 1
QOI: Final = 2

# Flags, three bytes of nothing (so that what follows is aligned), the number of spans.
_HEAD: Final = 8
# Gaps and lengths are 16 bits; longer ones are written as several spans.
_LONGEST: Final = 0xFFFF
# Fewer pixels than this are smaller without QOI's own head and end.
_FEW: Final = 32


@dataclass(frozen=True)
class Delta:
    """Spans of changed pixels, and their values, raw or as a QOI file of one row."""

    flags: int
    count: int
    body: bytes

    def to_bytes(self, deflated: bytes | None = None) -> bytes:
        """Return the data of a frame; with the body deflated (by zlib), if that is given."""
        if deflated is None:
            return self._head(self.flags) + self.body
        return self._head(self.flags | DEFLATED) + deflated

    def _head(self, flags: int) -> bytes:
        return bytes([flags, 0, 0, 0]) + self.count.to_bytes(4, "little")


def words_of(pixels: Pixels) -> Words:
    """Return the RGBA pixels, one number each, in reading order; a view where the pixels are RGBA already."""
    words: Words = to_rgba(pixels).reshape(-1).view("<u4")
    return words


def encode(pixels: Pixels, base: Pixels) -> bytes:
    """Return what turns `base` into `pixels`, two images of one size.

    Parameters
    ----------
    pixels, base : ndarray of uint8
        Grey, RGB or RGBA.

    Returns
    -------
    bytes

    Examples
    --------
    >>> base = np.zeros((480, 640, 4), np.uint8)
    >>> pixels = base.copy()
    >>> pixels[10, 20] = 255
    >>> len(encode(pixels, base))
    16
    """
    words = words_of(pixels)
    return collect(words, changes(words, words_of(base))).to_bytes()


def changes(words: Words, base: Words) -> NDArray[np.intp]:
    """Return where words differ, in order."""
    return np.flatnonzero(words != base)


def collect(words: Words, changed: NDArray[np.intp]) -> Delta:
    """Return the delta of pixels that changed at the given places."""
    gaps, lengths = _spans(changed)
    flags = 0
    values = words[changed]
    data = values.tobytes()
    if len(changed) >= _FEW and qoi.AVAILABLE:
        flags, data = QOI, qoi.write(values.view(np.uint8).reshape(1, -1, 4))
    return Delta(flags, len(gaps), gaps.tobytes() + lengths.tobytes() + data)


def decode(data: bytes | memoryview, base: Pixels, width: int, height: int) -> Pixels:
    """Return the (height, width, 4) pixels that a delta makes of its base.

    Raises
    ------
    BadValueError
        If the data are broken, or reach beyond the pixels, or the base has another size.
    """
    check_size(width, height)
    if base.shape[:2] != (height, width):
        raise BadValueError(
            f"a delta of {width} x {height} pixels builds on {base.shape[1]} x {base.shape[0]}"
        )
    gaps, lengths, values = _read(memoryview(data).cast("B"), width * height)
    ends = np.cumsum(gaps.astype(np.int64) + lengths)
    # Where the n-th value goes: the start of its span, and as far into it as into the values of the span.
    before = np.cumsum(lengths, dtype=np.int64) - lengths
    places = np.repeat(ends - lengths - before, lengths) + np.arange(len(values))
    pixels: Pixels = to_rgba(base).copy()
    pixels.reshape(-1).view("<u4")[places] = values
    return pixels


def _spans(changed: NDArray[np.intp]) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Return the gaps before runs of consecutive places, and the runs' lengths."""
    if not len(changed):
        nothing = np.empty(0, "<u2")
        return nothing, nothing
    first = np.flatnonzero(changed[1:] - changed[:-1] != 1) + 1
    first = np.concatenate(([0], first))
    lengths = np.diff(first, append=len(changed))
    starts = changed[first]
    gaps = starts.copy()
    gaps[1:] -= starts[:-1] + lengths[:-1]
    if gaps.max() > _LONGEST or lengths.max() > _LONGEST:
        gaps, lengths = _split(gaps, lengths)
    return gaps.astype("<u2"), lengths.astype("<u2")


def _split(gaps: NDArray[np.intp], lengths: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the same spans in pieces whose gaps and lengths fit in 16 bits."""
    # A span becomes: full gaps of nothing, the rest of the gap with the first piece, pieces without gap.
    idle = np.maximum(gaps - 1, 0) // _LONGEST
    more = np.maximum(lengths - 1, 0) // _LONGEST
    pieces = idle + 1 + more
    last = np.cumsum(pieces) - 1
    split_gaps = np.zeros(int(pieces.sum()), np.intp)
    split_lengths = np.zeros_like(split_gaps)
    middle = last - more
    for at, count in zip(middle[idle > 0], idle[idle > 0], strict=True):
        split_gaps[at - count : at] = _LONGEST
    for at, count in zip(middle[more > 0], more[more > 0], strict=True):
        split_lengths[at : at + count] = _LONGEST
    split_gaps[middle] = gaps - idle * _LONGEST
    split_lengths[last] = lengths - more * _LONGEST
    return split_gaps, split_lengths


def _read(data: memoryview, size: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint32]]:
    """Return gaps, lengths and values, all checked against the number of pixels."""
    if len(data) < _HEAD:
        raise BadValueError(f"a delta has a head of {_HEAD} bytes, but only {len(data)} came")
    flags, count = data[0], int.from_bytes(data[4:_HEAD], "little")
    if flags > (DEFLATED | QOI) or data[1:4] != bytes(3):
        raise BadValueError(f"a delta has unknown flags: it begins with {bytes(data[:4]).hex()}")
    # Each span but a piece of a long one changes a pixel, and pieces have 65 535 pixels.
    if count > size + 1:
        raise BadValueError(f"a delta of {count} spans came for {size} pixels")
    body: bytes | memoryview = data[_HEAD:]
    if flags & DEFLATED:
        body = inflate(body, 4 * count + max(4 * size, qoi.largest(size)))
    if len(body) < 4 * count:
        raise BadValueError(f"a delta of {count} spans has only {len(body)} bytes")
    gaps = np.frombuffer(body, "<u2", count)
    lengths = np.frombuffer(body, "<u2", count, 2 * count)
    changed = int(lengths.sum(dtype=np.int64))
    reach = changed + int(gaps.sum(dtype=np.int64))
    if reach > size:
        raise BadValueError(f"a delta reaches to pixel {reach} of {size}")
    return gaps, lengths, _values(memoryview(body)[4 * count :], changed, flags)


def _values(data: memoryview, changed: int, flags: int) -> NDArray[np.uint32]:
    """Return the new values of changed pixels."""
    if flags & QOI:
        if changed < 1:
            raise BadValueError("a delta holds a QOI file of no pixels")
        return words_of(qoi.read(data, changed, 1))
    if len(data) != 4 * changed:
        raise BadValueError(f"a delta of {changed} pixels has {len(data)} bytes of values, not {4 * changed}")
    return np.frombuffer(data, "<u4")
