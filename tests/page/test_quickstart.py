"""The quickstart notebook in a real page: every control in it is used, and what is painted is looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from tests.page.notebook import Notebook
from tests.page.views import View

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


def cell_index(notebook: Notebook, cell_id: str) -> int:
    index: int = notebook.page.evaluate(
        "([path, id]) => kcommTests.panel(path).content.widgets.findIndex(w => w.model.id === id)",
        [notebook.path, cell_id],
    )
    assert index >= 0, f"the notebook has no cell {cell_id!r}"
    return index


def test_quickstart(open_notebook: Callable[..., Notebook]) -> None:
    notebook = open_notebook(QUICKSTART)
    at = {
        name: cell_index(notebook, name)
        for name in ("target", "form", "values", "animation", "control", "webcam", "arrays")
    }
    notebook.run(at["target"])
    _use_form(notebook, at["form"])
    assert notebook.run(at["values"]) == "(10.0, 4.0)"
    _use_player(notebook, at["animation"], at["control"])
    _use_camera(notebook, at["webcam"])
    _use_arrays(notebook, at["arrays"])
    assert notebook.errors() == []


def _use_form(notebook: Notebook, index: int) -> None:
    notebook.run(index)
    form = notebook.output(index).locator("form")
    expect(form).to_have_attribute("data-state", "connected", timeout=30_000)
    answer = form.locator("output")
    form.get_by_role("button", name="Set").click()
    expect(answer).to_have_text("x = 10")
    form.get_by_label("Name").fill("y")
    form.get_by_label("Value").fill("4")
    form.get_by_role("button", name="Set").click()
    expect(answer).to_have_text("y = 4")
    form.get_by_label("Name").fill("__import__('os')")
    form.get_by_role("button", name="Set").click()
    expect(answer).to_contain_text("can't be set from the page")
    form.get_by_role("button", name="Evaluate").click()
    expect(answer).to_have_text("14")
    form.get_by_label("Expression").select_option("x ** y")
    form.get_by_role("button", name="Evaluate").click()
    expect(answer).to_have_text("10000")
    form.get_by_label("Expression").select_option("__import__('os')")
    form.get_by_role("button", name="Evaluate").click()
    expect(answer).to_contain_text("is not allowed")
    notebook.screenshot("quickstart-form")


def _use_player(notebook: Notebook, index: int, control: int) -> None:
    notebook.run(index)
    view = View(notebook.output(index)).wait_live()
    expect(view.canvas).to_have_attribute("data-index", "0", timeout=30_000)
    first = view.pixels()
    assert first.shape == (480, 640, 4)
    for name in ("Play", "Pause", "Next frame", "Previous frame", "Reverse", "Pause", "Loop"):
        view.button(name).click()
    view.button("Play").click()
    view.wait_past(5)
    view.button("Pause").click()
    assert not np.array_equal(view.pixels(), first)
    view.node.get_by_label("Speed").select_option("2")
    notebook.run(control)
    view = View(notebook.output(index))
    expect(view.canvas).to_have_attribute("data-index", "250", timeout=15_000)
    notebook.screenshot("quickstart-player")


def _use_camera(notebook: Notebook, index: int) -> None:
    notebook.run(index)
    view = View(notebook.output(index)).wait_live()
    view.button("Start camera").click()
    view.wait_past(10, timeout=30_000)
    assert view.pixels()[..., :3].mean() > 180
    notebook.screenshot("quickstart-webcam")
    view.button("Pause").click()
    view.button("Start").click()
    view.button("Stop").click()
    expect(view.button("Start camera")).to_be_visible()


def _use_arrays(notebook: Notebook, index: int) -> None:
    notebook.run(index)
    output = notebook.output(index)
    expect(output.locator("output")).to_have_text("Uint8Array of shape 120,160,4", timeout=30_000)
    before, after = (
        np.array(
            output.locator("canvas")
            .nth(i)
            .evaluate("c => [...c.getContext('2d').getImageData(0, 0, 160, 120).data]")
        ).reshape(120, 160, 4)
        for i in (0, 1)
    )
    np.testing.assert_array_equal(after[..., :3], 255 - before[..., :3])
    notebook.screenshot("quickstart-arrays")
