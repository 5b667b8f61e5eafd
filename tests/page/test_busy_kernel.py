"""A kernel that is busy with a cell, in a real page: its views live on, or say at once why they don't."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.ipykernels import NEWEST, python_path
from tests.page.notebook import Notebook, write_notebook
from tests.page.server import Server
from tests.page.views import View

Start = Callable[..., Notebook]

#: Players whose frames show their number; and cells that run until a file is there.
SETUP = """
import asyncio, os, time
import numpy as np
import kcomm
def make():
    return kcomm.animate(lambda i: np.full((48, 64), i + 20, np.uint8), frames=200, fps=20)
before = make()
before
"""
#: What keeps the kernel busy until there is a file of that name.
BUSY = {
    "sleep": "while not os.path.exists({name!r}): time.sleep(0.05)",
    "numpy": "a = np.random.rand(300, 300)\nwhile not os.path.exists({name!r}): a = a @ a.T / 1e5",
    "await": "while not os.path.exists({name!r}): await asyncio.sleep(0.05)",
}
ASKS = """
target = kcomm.Target("asks")
@target.method
def add(a: float, b: float) -> float:
    return a + b
"""
#: The page answers only when the kernel has answered it.
ANSWER = """
async (path) => {
  const { kernel } = kcommTests.panel(path).sessionContext.session;
  const channel = await kcomm.connect("asks", {
    kernel,
    handlers: { ask: async (text) => `${text} ${await channel.call("add", [1, 2])}` },
  });
}
"""


@pytest.fixture
def start(
    lab: Server, open_notebook: Start, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., Notebook]:
    """Open a notebook of these cells whose kernel has a version of ipykernel."""

    def open_one(version: str, cells: list[str]) -> Notebook:
        path = python_path(version, request.config.cache)
        launcher = ["-Xfrozen_modules=off", "-m", "ipykernel_launcher"]
        spec = {
            "argv": [sys.executable, *launcher, "-f", "{connection_file}"],
            "display_name": f"ipykernel {version}",
            "language": "python",
            "env": {"PYTHONPATH": path},
        }
        folder = lab.home / "data" / "kernels" / f"ipykernel-{version}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kernel.json").write_text(json.dumps(spec))
        file = tmp_path / "busy.ipynb"
        write_notebook(file, cells)
        content = json.loads(file.read_text())
        content["metadata"]["kernelspec"] = {"name": folder.name, "display_name": spec["display_name"]}
        file.write_text(json.dumps(content))
        notebook = open_notebook(file)
        found = notebook.evaluate("__import__('ipykernel').__version__")
        assert version in (found, NEWEST)
        return notebook

    return open_one


@pytest.fixture
def comms_over_subshells(request: pytest.FixtureRequest, lab: Server) -> Iterator[str]:
    """JupyterLab's setting of that name, for the pages of one test."""
    folder = lab.home / "settings" / "@jupyterlab" / "apputils-extension"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "kernels-settings.jupyterlab-settings"
    file.write_text(json.dumps({"commsOverSubshells": request.param}))
    yield request.param
    file.unlink()


class Signals:
    """Lets busy cells go on, each at two places."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def cell(self, kind: str) -> str:
        """Return a cell that shows a player, is busy, shows another one, is busy again."""
        more, end = (BUSY[kind].format(name=str(self._file(kind, name))) for name in ("more", "end"))
        return f"display(make())\n{more}\ndisplay(make())\n{end}\nprint('done')"

    def give(self, kind: str, name: str) -> None:
        """Let the cell go on that is busy in that way."""
        self._file(kind, name).touch()

    def give_all(self) -> None:
        """Leave no cell busy, or its kernel could not be ended in order."""
        for kind in BUSY:
            self.give(kind, "more")
            self.give(kind, "end")

    def _file(self, kind: str, name: str) -> Path:
        return self.folder / f"{kind}-{name}"


@pytest.fixture
def signals(tmp_path: Path) -> Iterator[Signals]:
    signals = Signals(tmp_path)
    yield signals
    signals.give_all()


def views(notebook: Notebook, cell: int) -> list[View]:
    """Return the views of a cell that has two of them, one above the other."""
    nodes = notebook.output(cell).locator(".jp-OutputArea-child")
    return [View(nodes.nth(0)), View(nodes.nth(1))]


def check(view: View) -> None:
    """A view connects, takes input and plays."""
    view.wait_live()
    view.node.scroll_into_view_if_needed()
    view.node.get_by_label("Seek").fill("100")
    view.wait_number(100)
    view.button("Play").click()
    view.wait_past(105)
    view.button("Pause").click()


def check_all(notebook: Notebook, signals: Signals, kind: str, cell: int) -> None:
    """What was made before, in and during a cell works until its end, and after."""
    notebook.run(cell, wait=False)
    inside, later = views(notebook, cell)
    before = View(notebook.output(0))
    check(before)
    notebook.output(cell)
    check(inside)
    signals.give(kind, "more")
    check(later)
    assert "done" not in notebook.text(cell)
    notebook.wait_for("kcommTests.status(path) === 'busy'")
    signals.give(kind, "end")
    assert notebook.wait(cell).endswith("done\n")
    notebook.wait_for("kcommTests.status(path) === 'idle'")
    check(later)
    assert notebook.errors() == []


@pytest.mark.parametrize("version", ["7.0.1", NEWEST])
def test_views_live_on_while_a_cell_runs(version: str, start: Start, signals: Signals) -> None:
    notebook = start(version, [SETUP, *(signals.cell(kind) for kind in BUSY)])
    notebook.run(0)
    for cell, kind in enumerate(BUSY, 1):
        check_all(notebook, signals, kind, cell)


@pytest.mark.parametrize("comms_over_subshells", ["disabled", "perComm", "perCommTarget"], indirect=True)
def test_whatever_jupyterlab_does_with_comms_and_subshells(
    comms_over_subshells: str, start: Start, signals: Signals
) -> None:
    notebook = start(NEWEST, [SETUP, signals.cell("sleep")])
    kernel = "kcommTests.panel(path).sessionContext.session.kernel"
    notebook.wait_for(f"{kernel}.commsOverSubshells === '{comms_over_subshells}'")
    notebook.run(0)
    check_all(notebook, signals, "sleep", 1)


@pytest.mark.parametrize("version", ["6.29.5", NEWEST])
def test_python_and_the_page_wait_for_each_other(version: str, start: Start) -> None:
    notebook = start(
        version,
        [
            SETUP + ASKS,
            "[channel] = target.channels\nprint(await channel.call('ask', 'await'))",
            "try:\n    print(channel.call('ask', 'block').result())\n"
            "except kcomm.WouldBlockError as error:\n    print(error.code)",
        ],
    )
    notebook.run(0)
    notebook.page.evaluate(ANSWER, notebook.path)
    assert notebook.run(1) == "await 3\n"
    can_block = version != "6.29.5"
    assert notebook.run(2) == ("block 3\n" if can_block else "kcomm.would_block\n")


def test_without_subshells_views_live_on_while_a_cell_awaits(start: Start, signals: Signals) -> None:
    notebook = start("6.29.5", [SETUP, signals.cell("await")])
    notebook.run(0)
    check_all(notebook, signals, "await", 1)


def test_without_subshells_a_view_says_that_it_waits_for_a_cell_that_computes(
    start: Start, signals: Signals
) -> None:
    notebook = start("6.29.5", [SETUP, signals.cell("sleep")])
    notebook.run(0)
    before = View(notebook.output(0)).wait_live()
    notebook.run(1, wait=False)
    inside, later = views(notebook, 1)
    expect(inside.node).to_contain_text("Waiting for the kernel, which is busy with a cell")
    expect(inside.node).to_have_attribute("data-status", "connecting")
    expect(before.node).to_have_attribute("data-status", "live")
    signals.give("sleep", "more")
    expect(later.node).to_contain_text("Waiting for the kernel, which is busy with a cell")
    notebook.screenshot("busy-without-subshells")
    signals.give("sleep", "end")
    notebook.wait(1)
    for view in (inside, later, before):
        check(view)
    assert notebook.errors() == []
