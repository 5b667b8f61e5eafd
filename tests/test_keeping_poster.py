"""The picture that stands for a player in a saved notebook, and in what others make of it."""

from __future__ import annotations

import base64
import io
import re

import nbconvert
import nbformat
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import kcomm
from kcomm import view
from kcomm.frames.poster import MAX_BYTES, image_of, poster_of
from kcomm.transport.memory import MemoryHost

NOISE = np.random.default_rng(0)
SHAPES = {
    "few colours": (NOISE.integers(0, 2, (40, 60, 3)) * 255).astype(np.uint8),
    "many colours": NOISE.integers(0, 256, (40, 60, 3), np.uint8),
    "few, transparent": (NOISE.integers(0, 2, (40, 60, 4)) * 128).astype(np.uint8),
    "many, transparent": NOISE.integers(0, 256, (40, 60, 4), np.uint8),
    "grey": NOISE.integers(0, 256, (40, 60), np.uint8),
    "one pixel": np.full((1, 1, 4), 255, np.uint8),
}


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(view, "outputs", view.Outputs())
    with MemoryHost() as memory:
        yield memory


def read(data):
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, np.asarray(image.convert("RGBA"))


def rgba(pixels):
    return np.asarray(Image.fromarray(pixels).convert("RGBA"))


@pytest.fixture(scope="module")
def plot():
    figure = Figure(figsize=(6.4, 4.8), dpi=100)
    figure.subplots().plot(np.sin(np.linspace(0, 9, 500)))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


class TestPosterOf:
    @pytest.mark.parametrize("name", SHAPES)
    def test_every_pixel_is_kept(self, name):
        _, pixels = read(poster_of(SHAPES[name]))
        np.testing.assert_array_equal(pixels, rgba(SHAPES[name]))

    def test_a_palette_where_one_is_enough(self):
        modes = {name: image_of(pixels).mode for name, pixels in SHAPES.items()}
        assert modes == {
            "few colours": "P",
            "many colours": "RGB",
            "few, transparent": "P",
            "many, transparent": "RGBA",
            "grey": "L",
            "one pixel": "P",
        }

    def test_a_plot_is_smaller_than_as_png_of_all_four_channels(self, plot):
        data = poster_of(plot)
        np.testing.assert_array_equal(read(data)[1], plot)
        assert len(data) < 0.8 * len(kcomm.encode(plot, "png"))

    def test_what_is_too_large_is_made_smaller(self):
        photograph = NOISE.integers(0, 256, (480, 640, 3), np.uint8)
        data = poster_of(photograph)
        _, pixels = read(data)
        height, width = pixels.shape[:2]
        assert len(data) <= MAX_BYTES
        assert len(data) > MAX_BYTES / 3
        assert abs(width / height - 640 / 480) < 0.01

    def test_any_limit_is_kept_to(self):
        data = poster_of(NOISE.integers(0, 256, (50, 400, 4), np.uint8), limit=600)
        assert len(data) <= 600

    def test_a_picture_of_one_row_is_made_shorter(self):
        assert len(poster_of(NOISE.integers(0, 256, (1, 4000, 3), np.uint8), limit=600)) <= 600

    def test_the_function_leaves_the_pixels_as_they_are(self, plot):
        before = plot.copy()
        poster_of(plot)
        np.testing.assert_array_equal(plot, before)


class TestSavedNotebook:
    """What nbconvert makes of an output; GitHub and nbviewer go by the same order of types."""

    @pytest.fixture
    def notebook(self, host, plot):
        player = kcomm.animate(lambda i: plot, frames=3, title="Sine <& cosine>")
        bundle = player._repr_mimebundle_()
        output = nbformat.v4.new_output("execute_result", bundle, execution_count=1)
        cell = nbformat.v4.new_code_cell("player", outputs=[output], execution_count=1)
        made = nbformat.v4.new_notebook(cells=[cell])
        nbformat.validate(made)
        return nbformat.reads(nbformat.writes(made), as_version=4)

    def pictures(self, text):
        found = re.findall(r'<img[^>]* src="data:image/png;base64,([\w+/=]+)"', text)
        return [base64.b64decode(data) for data in found]

    def test_html_has_the_picture_once_and_the_sentence(self, notebook, plot):
        text, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
        (picture,) = self.pictures(text)
        np.testing.assert_array_equal(read(picture)[1], plot)
        assert "To see it live, run the cell" in text
        assert "Sine &lt;&amp; cosine&gt;" in text
        assert "vnd.kcomm" not in text

    def test_markdown_too(self, notebook):
        text, _ = nbconvert.MarkdownExporter().from_notebook_node(notebook)
        assert len(self.pictures(text)) == 1

    def test_what_becomes_a_pdf_has_the_png(self, notebook, plot):
        text, resources = nbconvert.LatexExporter().from_notebook_node(notebook)
        (name,) = resources["outputs"]
        np.testing.assert_array_equal(read(resources["outputs"][name])[1], plot)
        assert name in text

    def test_an_output_is_small(self, notebook, plot):
        raw = len(kcomm.encode(plot, "png"))
        assert len(nbformat.writes(notebook)) < 2 * 4 / 3 * raw

    def test_the_size_of_an_output_is_bounded(self, host):
        photograph = NOISE.integers(0, 256, (1000, 1400, 3), np.uint8)
        bundle = kcomm.animate(lambda i: photograph, frames=1)._repr_mimebundle_()
        assert len(bundle["image/png"]) + len(bundle["text/html"]) < 2 * MAX_BYTES * 4 / 3 + 2000
