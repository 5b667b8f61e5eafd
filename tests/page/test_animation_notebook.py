"""The notebook of animations in a real page: each of them plays, and what it paints changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from playwright.sync_api import expect

from tests.page.notebook import Notebook
from tests.page.test_quickstart import cell_index
from tests.page.views import View

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "animation.ipynb"
#: Frames that each is played for: those of the heavy ones take a while.
PLAYED = {"endless": 45, "space": 30, "images": 10, "heavy": 5, "processes": 6}


@pytest.mark.timeout(300)  # half a minute, on a machine that does nothing else
def test_animations(open_notebook: Callable[..., Notebook]) -> None:
    notebook = open_notebook(NOTEBOOK)
    for name, count in PLAYED.items():
        if name == "processes":
            notebook.run(cell_index(notebook, "module"))
        index = cell_index(notebook, name)
        notebook.run(index)
        view = View(notebook.output(index)).wait_live()
        expect(view.canvas).to_have_attribute("data-index", "0", timeout=30_000)
        view.node.scroll_into_view_if_needed()
        first = view.pixels()
        view.button("Play").click()
        view.wait_past(count, timeout=60_000)
        view.button("Pause").click()
        assert not np.array_equal(view.pixels(), first), name
        expect(view.node.get_by_label("Seek")).to_be_visible(visible=name != "endless")
        notebook.screenshot(f"animation-{name}")
    assert "drawn=" in notebook.run(cell_index(notebook, "heavy-stats"))
    _keep(notebook)
    _end_processes(notebook)
    assert notebook.errors() == []


def _keep(notebook: Notebook) -> None:
    """Write the page, which the cell's output links to."""
    index = cell_index(notebook, "keep")
    notebook.run(index)
    expect(notebook.output(index).get_by_role("link", name="butterfly.html")).to_be_visible()
    page = (notebook.server.root / "butterfly.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    notebook.screenshot("animation-keep")


def _end_processes(notebook: Notebook) -> None:
    """See the processes end with the kernel, though nobody shut them down."""
    workers = [psutil.Process(pid) for pid in notebook.evaluate("list(pool._processes)")]
    assert workers
    notebook.restart()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert alive == []
