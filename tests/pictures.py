"""Functions of a frame's number that other processes can import."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def shade(i):
    return np.full((4, 6), i % 256, np.uint8)


def plot(i):
    figure = Figure(figsize=(2, 1), dpi=50)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 1), ylim=(-1, 50))
    axes.plot([0, 1], [i, i], lw=3, color="red")
    return figure


def photograph(i):
    return np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8)


def meets(folder, i):
    """Frames 1 and 2 wait for each other: each is drawn only while the other one is."""
    if i in (1, 2):
        (Path(folder) / str(i)).touch()
        end = time.monotonic() + 60
        while not (Path(folder) / str(3 - i)).exists():
            if time.monotonic() > end:
                raise TimeoutError(f"frame {3 - i} was not begun")
            time.sleep(0.01)
    return shade(i)


def fails(i):
    if i == 2:
        raise RuntimeError(f"no frame {i} today")
    return shade(i)


def dies(i):
    if i == 2:
        os._exit(1)
    return shade(i)


def fails_unsendably(i):
    if i == 1:
        raise UnsendableError(lambda: i)
    if i == 2:
        raise UnreadableError("two", "words")
    return shade(i)


class UnsendableError(Exception):
    """It can't be pickled."""


class UnreadableError(Exception):
    """It can't be unpickled."""

    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def pickles(i):
    raise TypeError("cannot pickle my cucumber")


class SpeechlessError(Exception):
    def __str__(self):
        return self.args[0]
