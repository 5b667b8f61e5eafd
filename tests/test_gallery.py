"""Every frame of every figure, drawn by layers, has the pixels of a full draw."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from matplotlib.backends.backend_agg import FigureCanvasAgg

from kcomm.animation.drawing.drawn import drawn_source
from tests.gallery import FRAMES, GALLERY

mpl.use("agg")

#: On, a jump, back, the same again, and from the beginning.
ORDER = (0, 1, 2, 3, 9, 5, 5, 7, 0)


@pytest.fixture(autouse=True)
def no_figure_left():
    yield
    plt.close("all")


class Control:
    """The same animation, drawn in full by matplotlib alone."""

    def __init__(self, animation: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            animation._draw_was_started = True
        self._animation = animation
        self._figure = animation._fig
        canvas: Any = FigureCanvasAgg(self._figure)
        canvas._is_saving = True
        self._canvas = canvas
        self._data = list(itertools.islice(animation.new_frame_seq(), FRAMES))
        self._is_begun = False

    def draw(self, index: int, scale: float = 1.0) -> Any:
        animation: Any = self._animation
        if isinstance(self._animation, FuncAnimation):
            if animation._init_func is not None and (index == 0 or not self._is_begun):
                animation._init_func()
            animation._func(self._data[index], *animation._args)
        else:
            for artists in self._data:
                for artist in artists:
                    artist.set_visible(artists is self._data[index])
        self._is_begun = True
        for artist in self._figure.findobj():
            artist.set_animated(False)
        dpi = self._figure.dpi
        self._figure.dpi = dpi * scale
        self._canvas.draw()
        pixels = np.array(self._canvas.buffer_rgba())
        self._figure.dpi = dpi
        return pixels


def different(ours: Any, theirs: Any) -> str:
    """Say where pixels differ, if they do."""
    if ours.shape != theirs.shape:
        return f"{ours.shape} is not {theirs.shape}"
    rows, columns = (ours != theirs).any(axis=2).nonzero()
    if not len(rows):
        return ""
    return f"{len(rows)} pixels, in rows {rows.min()}-{rows.max()}, columns {columns.min()}-{columns.max()}"


def draws(name: str, steps: Any) -> Iterator[tuple[Any, str]]:
    source = drawn_source(GALLERY[name].make(), None)
    control = Control(GALLERY[name].make())
    for index, scale in steps:
        yield source, different(source.draw(index, scale), control.draw(index, scale))


@pytest.mark.parametrize("name", GALLERY)
def test_every_frame_is_that_of_a_full_draw(name):
    sources = []
    for number, (source, difference) in enumerate(draws(name, [(index, 1) for index in ORDER])):
        sources.append(source)
        assert not difference, f"frame {ORDER[number]}, draw {number}"
    source = sources[-1]
    painter = source._canvas.painter
    assert painter.full + painter.fast >= len(ORDER)  # one of them draws for itself too
    assert (painter.fast >= len(ORDER) // 2) == GALLERY[name].fast, painter.full
    assert source.version == 0


@pytest.mark.parametrize("name", ["seed", "changing_title", "image", "tight", "quiver"])
def test_views_of_different_density_take_turns(name):
    steps = [(index, scale) for index in (0, 1, 2, 8) for scale in (1, 2)]
    for number, (_, difference) in enumerate(draws(name, [*steps, (7, 1.5), (7, 1), (3, 2)])):
        assert not difference, f"draw {number}"
