"""Functions of an image that other processes can import."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np


def invert(image):
    return 255 - image


def grey(image):
    return image.mean(axis=2) / 255


def describe(image, frame):
    return image, {"index": frame.index, "captured": frame.captured, "pid": os.getpid()}


def paint_over(image):
    image[:] = 9
    return image[:2]


def fails(image):
    raise UnreadableError("two", "words")


def dies(image):
    os._exit(1)


def wait_for(folder, image):
    """Return the image when the folder has a file named go."""
    end = time.monotonic() + 60
    while not (Path(folder) / "go").exists():
        if time.monotonic() > end:
            raise TimeoutError("nobody said go")
        time.sleep(0.01)
    return image


def later(image):
    return _later(image)


async def _later(image):
    return np.flip(image, 0)


class UnreadableError(Exception):
    """Can be pickled, and not unpickled: it is made of its two arguments."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def unsendable(image):
    return image, lambda: image
