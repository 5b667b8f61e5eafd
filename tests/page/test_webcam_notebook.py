"""The notebook of the webcam in a real page: every cell is used, and what it paints is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, expect

from tests.page.notebook import Notebook
from tests.page.test_quickstart import cell_index
from tests.page.views import View

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "webcam.ipynb"
#: What a moving thing is framed with.
ORANGE = (255, 190, 0)


@pytest.mark.timeout(300)  # half a minute, on a machine that does nothing else
def test_the_cells_in_turn(open_notebook: Callable[..., Notebook]) -> None:
    notebook = open_notebook(NOTEBOOK)
    _find_edges(notebook)
    _draw_with_a_slider(notebook)
    _frame_what_moves(notebook)
    _show_segments(notebook)
    _follow_the_histogram(notebook)
    _walk_without_a_camera(notebook)
    assert notebook.errors() == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_all_cells_run_without_a_camera(open_notebook: Callable[..., Notebook], app: str) -> None:
    notebook = open_notebook(NOTEBOOK, app=app)
    notebook.page.evaluate("() => { navigator.mediaDevices.getUserMedia = () => { throw new Error(); }; }")
    notebook.run_all()
    _view(notebook, "source").wait_past(5, timeout=30_000)
    assert np.shape(notebook.evaluate("np.round(means).tolist()")) == (5, 3)
    assert notebook.errors() == []


def _find_edges(notebook: Notebook) -> None:
    notebook.run(cell_index(notebook, "edges"))
    view = _start(notebook, "edges")
    assert _colours(view).mean() > 200  # dark lines on white
    assert np.ptp(_colours(view), axis=2).max() <= 8  # grey
    notebook.screenshot("webcam-notebook-edges")
    notebook.run(cell_index(notebook, "swap"))
    view.wait_past(_index(view) + 10)
    assert np.ptp(_colours(view), axis=2).max() > 60
    _stop(view)


def _draw_with_a_slider(notebook: Notebook) -> None:
    notebook.run(cell_index(notebook, "sketch"))
    view = _start(notebook, "sketch")
    slider = notebook.output(cell_index(notebook, "sketch")).get_by_label("Pencil")
    blacks = []
    for width in ("1", "20"):
        slider.fill(width)
        expect(slider.locator("xpath=../output")).to_have_text(width)
        notebook.page.wait_for_timeout(500)
        view.wait_past(_index(view) + 10)
        assert notebook.evaluate("width") == float(width)
        blacks.append(_colours(view).mean())
        notebook.screenshot(f"webcam-notebook-sketch-{width}")
    assert blacks[0] > blacks[1] + 5  # a thin pencil leaves more of the paper white
    _stop(view)


def _frame_what_moves(notebook: Notebook) -> None:
    notebook.run(cell_index(notebook, "motion"))
    view = _start(notebook, "motion")
    notebook.screenshot("webcam-notebook-motion")
    distance = np.abs(_colours(view) - ORANGE).max(axis=2)
    assert (distance < 48).sum() > 300
    _stop(view)


def _show_segments(notebook: Notebook) -> None:
    notebook.run(cell_index(notebook, "segments"))
    view = _start(notebook, "segments")
    colours = _colours(view)
    assert colours.shape == (240, 320, 3)
    steps = np.abs(np.diff(colours, axis=1)).max(axis=2)
    assert (steps <= 4).mean() > 0.75  # flat tiles
    assert colours.std() > 30
    notebook.screenshot("webcam-notebook-segments")
    stats = notebook.run(cell_index(notebook, "segments-stats"))
    assert "shrink" in stats
    assert "mosaic" in stats
    _stop(view)


def _follow_the_histogram(notebook: Notebook) -> None:
    notebook.run(cell_index(notebook, "histogram"))
    view = _start(notebook, "histogram")
    paths = notebook.output(cell_index(notebook, "histogram")).locator("svg[viewBox='0 0 640 160'] path")
    expect(paths).to_have_count(3)
    expect(paths.first).to_have_attribute("d", re.compile("L"), timeout=15_000)
    before = paths.first.get_attribute("d")
    view.wait_past(_index(view) + 15)
    assert paths.first.get_attribute("d") != before
    paths.first.scroll_into_view_if_needed()
    notebook.screenshot("webcam-notebook-histogram")
    # At rest, curves and picture are of the same frame.
    view = _view(notebook, "histogram")
    view.button("Pause").click()
    notebook.page.wait_for_timeout(1000)
    bins = view.pixels()[::2, ::2] // 4
    for channel, path in enumerate(paths.all()):
        counts = np.bincount(bins[..., channel].ravel(), minlength=64)
        assert np.corrcoef(counts, _heights(path))[0, 1] > 0.95
    _stop(view)


def _walk_without_a_camera(notebook: Notebook) -> None:
    notebook.run(cell_index(notebook, "source"))
    view = _view(notebook, "source")
    view.wait_past(5, timeout=30_000)
    first = _colours(view)
    view.wait_past(_index(view) + 15)
    notebook.screenshot("webcam-notebook-source")
    assert not np.array_equal(_colours(view), first)
    assert first.mean() > 128
    assert notebook.evaluate("walk.state") == "running"
    taken = view.node.locator("canvas.kcomm-Input")
    expect(taken).to_be_visible()
    notebook.run(cell_index(notebook, "results"))
    assert np.shape(notebook.evaluate("np.round(means).tolist()")) == (5, 3)
    notebook.run(cell_index(notebook, "snapshot"))
    expect(notebook.output(cell_index(notebook, "snapshot")).locator("img")).to_be_visible()
    notebook.screenshot("webcam-notebook-snapshot")
    _stop(_view(notebook, "source"))


def _view(notebook: Notebook, cell: str) -> View:
    view = View(notebook.output(cell_index(notebook, cell))).wait_live()
    view.node.scroll_into_view_if_needed()
    return view


def _start(notebook: Notebook, cell: str) -> View:
    view = _view(notebook, cell)
    view.button("Start camera").click()
    view.wait_past(15, timeout=60_000)
    return view


def _stop(view: View) -> None:
    view.button("Stop").click()
    expect(view.node.locator(".kcomm-Invitation")).to_be_visible()


def _index(view: View) -> int:
    return int(view.canvas.get_attribute("data-index") or 0)


def _colours(view: View) -> np.ndarray:
    return view.pixels()[..., :3].astype(int)


def _heights(path: Locator) -> np.ndarray:
    """Return the heights of a curve's 64 points above its base."""
    numbers = [float(number) for number in re.findall(r"[\d.e-]+", path.get_attribute("d") or "")]
    assert len(numbers) == 2 * 66
    return 159 - np.array(numbers[1::2][1:-1])
