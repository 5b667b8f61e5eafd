"""Arrays that an animation's function changes in place: its frames are those of a full draw all the same."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kcomm.animation.drawing import dependence
from kcomm.animation.drawing.sources import source_of

mpl.use("agg")


def image_of(pixels: Any) -> Any:
    def make(axes: Any) -> Any:
        image = axes.imshow(pixels)

        def change(i: int) -> None:
            image.get_array()[i] = pixels.dtype.type(255 if pixels.dtype == np.uint8 else 1)

        return change

    return make


def masked(axes: Any) -> Any:
    image = axes.imshow(np.ma.masked_array(np.arange(100.0).reshape(10, 10), mask=np.zeros((10, 10), bool)))

    def change(i: int) -> None:
        image.get_array().mask[i] = True

    return change


def scatter_of(change: Any) -> Any:
    def make(axes: Any) -> Any:
        points = axes.scatter(range(5), range(5), c=["r"] * 5, s=[40] * 5, edgecolors=["k"] * 5)
        return lambda i: change(points, i)

    return make


def opacities(points: Any, i: int) -> None:
    points.get_facecolors()[:, 3] = (i + 1) / 10


def rims(points: Any, i: int) -> None:
    points.get_edgecolors()[:, 0] = (i + 1) / 10


def sizes(points: Any, i: int) -> None:
    points.get_sizes()[:] = 40 + 20 * i


def mesh(axes: Any) -> Any:
    quads = axes.pcolormesh(np.arange(100.0).reshape(10, 10))

    def change(i: int) -> None:
        quads.get_array()[i] = 0

    return change


@pytest.mark.parametrize("copied", [dependence._COPIED, 0])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(image_of(np.zeros((10, 10, 3), np.uint8)), id="rgb"),
        pytest.param(image_of(np.zeros((10, 10, 4), np.uint8)), id="rgba"),
        pytest.param(image_of(np.zeros((10, 10, 3))), id="rgb of floats"),
        pytest.param(image_of(np.arange(100.0).reshape(10, 10) / 100), id="values"),
        pytest.param(masked, id="mask"),
        pytest.param(scatter_of(opacities), id="face colours"),
        pytest.param(scatter_of(rims), id="edge colours"),
        pytest.param(scatter_of(sizes), id="sizes"),
        pytest.param(mesh, id="mesh"),
    ],
)
def test_a_change_shows_in_the_next_frame(make, copied, monkeypatch):
    monkeypatch.setattr(dependence, "_COPIED", copied)
    ours, theirs = (Figure(figsize=(3, 2), dpi=50) for _ in range(2))
    animation = FuncAnimation(ours, make(ours.add_subplot()), frames=8, init_func=lambda: None)
    source = source_of(animation, None)
    canvas: Any = FigureCanvasAgg(theirs)
    change = make(theirs.add_subplot())
    for i in range(8):
        change(i)
        canvas.draw()
        assert np.array_equal(source.draw(i), np.asarray(canvas.buffer_rgba())), f"frame {i} is stale"
