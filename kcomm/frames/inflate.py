"""Inflating what others deflated, in bounded memory."""

from __future__ import annotations

import zlib

from kcomm.errors import BadValueError


def inflate(data: bytes | memoryview, most: int) -> bytes:
    """Return the inflated zlib data; never takes more than `most` bytes, whatever the data say.

    Raises
    ------
    BadValueError
        If the data are broken, end too early, or hold more.
    """
    inflater = zlib.decompressobj()
    try:
        # One byte more than allowed shows that there is too much.
        inflated = inflater.decompress(data, most + 1)
    except zlib.error as error:
        raise BadValueError(f"the deflated data of a frame are broken: {error}") from None
    if len(inflated) > most:
        raise BadValueError(f"the deflated data of a frame hold more than the {most} bytes its size allows")
    if not inflater.eof:
        raise BadValueError("the deflated data of a frame end too early")
    if inflater.unused_data:
        raise BadValueError(f"{len(inflater.unused_data)} bytes follow the deflated data of a frame")
    return inflated
