"""Memory that the arrays of one frame leave to those of the next."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np

#: Bytes. The largest block from which glibc learns is one of 32 MiB, with its header.
_LARGEST: Final = (32 << 20) - (1 << 16)


@functools.cache
def reuse_memory() -> None:
    """Have this process use the memory of large arrays again, instead of asking the system for each one.

    By itself glibc gives back what a freed picture took, and gets it anew for the next one; the system then
    zeroes every page of it when it is touched. That takes longer than most what is done to a picture: of a
    function that inverts 1280 x 720 pixels nine tenths of the time. But glibc raises its limits when a block
    above them is freed, so one is: it is never touched, and takes no memory. In return up to twice its size
    is kept. Other allocators pay no heed.
    """
    np.empty(_LARGEST, np.uint8)
