"""What docs/webcam.md shows is run, block after block, in one notebook."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.page.notebook import Notebook
from tests.page.views import View

GUIDE = Path(__file__).parents[2] / "docs" / "webcam.md"


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def find(found: list[str], words: str) -> int:
    (index,) = (index for index, block in enumerate(found) if words in block)
    return index


def test_the_guide_is_true(open_notebook: Callable[..., Notebook]) -> None:
    cells, scripts = blocks("python"), blocks("js")
    follow, show, feed = (scripts[find(scripts, f"{name}(")] for name in ("follow", "show", "feed"))
    # Scripts stand below what they belong to: a view that nobody sees asks for nothing.
    values = find(cells, "def brightest")
    cells.insert(values + 1, call_with("pointer.target", follow + "follow(target);"))
    cells.append("shown = kcomm.webcam(kcomm.edges, source=Pan())\nshown.start()")
    cells.append(call_with("shown.target", show + "show(target);"))
    cells.append("fed = kcomm.webcam(negative)")
    cells.append(call_with("fed.target", feed + "feed(target);"))
    notebook = open_notebook(cells)

    first, swap = find(cells, "import kcomm\n"), find(cells, "cam.process = negative")
    notebook.run(first)
    view = start(notebook, first)
    notebook.run(swap)
    assert notebook.evaluate("cam.process.__name__") == "negative"
    view.button("Stop").click()

    notebook.run(find(cells, "ThreadPoolExecutor"))

    notebook.run(values)
    view = start(notebook, values)
    notebook.run(values + 1)
    view.node.scroll_into_view_if_needed()
    told = notebook.page.get_by_text(re.compile(r"^picture \d+: brightest at \d+, \d+$"))
    expect(told).to_be_attached(timeout=15_000)
    lines = notebook.run(find(cells, "async for")).splitlines()
    assert len(lines) == 3
    assert all(re.fullmatch(r"\d+ \(480, 640, 3\) \{'x': \d+, 'y': \d+\}", line) for line in lines), lines
    notebook.run(find(cells, "snapshot()"))
    assert notebook.evaluate("[picture.shape, mean.shape]") == [[480, 640, 3]] * 2
    view = View(notebook.output(values))
    view.button("Stop").click()

    notebook.run(find(cells, 'cam.show = "both"'))
    assert notebook.evaluate("[cam.state, cam.show]") == ["idle", "both"]

    own = find(cells, "class Pan")
    notebook.run(own)
    View(notebook.output(own)).wait_live().wait_past(5, timeout=30_000)
    notebook.run(len(cells) - 4)
    notebook.run(len(cells) - 3)
    canvas = notebook.output(len(cells) - 3).locator("canvas")
    expect(canvas).to_have_attribute("width", "320", timeout=15_000)
    notebook.run(len(cells) - 2)
    notebook.run(len(cells) - 1)
    told = notebook.output(len(cells) - 1).get_by_text(re.compile(r"^result [1-9]\d+: \d+ bytes$"))
    expect(told).to_be_attached(timeout=15_000)
    assert notebook.evaluate("[fed.state, fed.error, len(fed.frames(3))]") == ["running", None, 3]
    notebook.screenshot("webcam-docs")
    assert notebook.errors() == []


def start(notebook: Notebook, cell: int) -> View:
    view = View(notebook.output(cell)).wait_live()
    view.button("Start camera").click()
    view.wait_past(5, timeout=30_000)
    return view


def call_with(target: str, script: str) -> str:
    """Return a cell that runs a script which knows the name of a target."""
    return (
        "from IPython.display import Javascript\n"
        f"display(Javascript(f'const target = {{{target}!r}};' + {script!r}))"
    )
