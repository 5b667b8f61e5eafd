"""What a page and its kernel hold is gone when outputs are: counted on both sides, over several rounds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests import leftovers
from tests.page.notebook import Notebook
from tests.page.views import View

Open = Callable[..., Notebook]

PLAYER = """
import numpy as np
import kcomm
player = kcomm.animate(lambda i: np.full((48, 64), i % 200 + 20, np.uint8), frames=5000, fps=60)
player
"""
WEBCAM = """
cam = kcomm.webcam(size=(64, 48))
cam
"""
TARGET = """
target = kcomm.Target("calc")

@target.method
def add(a: float, b: float) -> float:
    return a + b

@target.stream
async def ticks():
    i = 0
    while True:
        yield (i := i + 1)
"""
SCRIPT = (
    """%%javascript
const channel = await kcomm.connect("calc", { element });
const items = channel.stream("ticks", [], { window: 4 });
await items.next();
element.textContent = "sum " + await channel.call("add", [2, 3]);
""".replace("%%javascript\n", "%%javascript\n(async () => {")
    + "})();"
)
CELLS = [PLAYER, WEBCAM, TARGET, SCRIPT]
#: What must be as it was before, whatever the kernel learned meanwhile.
PASSING = ("comms", "peers", "subshells", "subshells in use", "tasks", "timers")


@pytest.fixture
def notebook(context: BrowserContext, open_notebook: Open) -> Notebook:
    context.add_init_script(leftovers.PAGE)
    notebook = open_notebook(CELLS)
    follow(notebook)
    return notebook


def follow(notebook: Notebook) -> None:
    """Count from here on."""
    notebook.page.evaluate(
        "path => kcommWatchKernel(kcommTests.panel(path).sessionContext.session.kernel)", notebook.path
    )
    notebook.execute(leftovers.KERNEL)


def run_all(notebook: Notebook) -> None:
    """Run all cells, and use what they show."""
    notebook.run_all()
    use(notebook)


def use(notebook: Notebook) -> None:
    """Play, start the camera, and come to rest again."""
    player, webcam = (View(notebook.output(i)).wait_live() for i in (0, 1))
    notebook.execute("player.play(); cam.start()")
    webcam.wait_past(5)
    player.wait_past(5)
    expect(notebook.output(3).get_by_text("sum 5")).to_be_visible(timeout=15_000)


def rest(notebook: Notebook) -> None:
    """Let all that moves come to rest."""
    notebook.execute("player.pause(); cam.stop()")


def in_page(notebook: Notebook) -> dict[str, Any]:
    counts: dict[str, Any] = notebook.page.evaluate("kcommLeftovers()")
    counts.pop("futures")  # of the notebook's own requests as well: see the test of them
    return counts


def in_kernel(notebook: Notebook) -> dict[str, Any]:
    counts: dict[str, Any] = notebook.evaluate("count()")
    return counts


def settled(read: Callable[[], dict[str, Any]], expected: dict[str, Any]) -> dict[str, Any]:
    """Return the counts, as soon as they are what is expected: what ends needs a moment."""
    end = time.monotonic() + 15
    while (counts := read()) != expected and time.monotonic() < end:
        time.sleep(0.1)
    return counts


def quiet(read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the counts once they stay the same for a second."""
    last, since = read(), time.monotonic()
    while time.monotonic() - since < 1:
        time.sleep(0.1)
        if (counts := read()) != last:
            last, since = counts, time.monotonic()
    return last


def command(notebook: Notebook, name: str) -> None:
    notebook.page.evaluate("name => jupyterapp.commands.execute(name).then(() => undefined)", name)


def passing(notebook: Notebook) -> dict[str, Any]:
    counts = in_kernel(notebook)
    return {key: counts[key] for key in PASSING}


def at_rest(notebook: Notebook) -> tuple[dict[str, Any], dict[str, Any]]:
    rest(notebook)
    page = quiet(lambda: in_page(notebook))
    page.pop("timeout", None)  # the channels' own, which end with them
    return page, quiet(lambda: in_kernel(notebook))


def test_running_all_again_leaves_nothing_of_the_round_before(notebook: Notebook) -> None:
    rounds = []
    for _ in range(3):
        run_all(notebook)
        rounds.append(at_rest(notebook))
    assert rounds[0][0]["views"] == 2
    assert rounds[1:] == rounds[:1] * 2
    assert notebook.errors() == []


def test_cleared_outputs_leave_nothing(notebook: Notebook) -> None:
    """Not even a camera that runs, and a player that plays."""
    page, kernel = in_page(notebook), passing(notebook)
    targets = set()
    for _ in range(3):
        run_all(notebook)
        command(notebook, "notebook:clear-all-cell-outputs")
        assert settled(lambda: in_page(notebook), page) == page
        assert settled(lambda: passing(notebook), kernel) == kernel
        targets.add(in_kernel(notebook)["targets"])
    assert len(targets) == 1
    assert notebook.errors() == []


def test_restarts_leave_nothing(notebook: Notebook) -> None:
    rounds = []
    for _ in range(2):
        run_all(notebook)
        rounds.append(at_rest(notebook))
        run_all(notebook)
        notebook.restart()  # with the player playing and the camera running
        notebook.execute(leftovers.KERNEL)
    assert rounds[1:] == rounds[:1]


#: What a page says in its last moment may never leave the browser: it is busy, or its socket is full.
MUTE = "addEventListener('pagehide', () => { WebSocket.prototype.send = () => {} })"


@pytest.mark.parametrize("end", ["", MUTE], ids=["heard", "unheard"])
def test_reloads_leave_nothing_in_the_kernel(context: BrowserContext, notebook: Notebook, end: str) -> None:
    context.add_init_script(end)
    run_all(notebook)
    notebook.save()
    rounds = []
    for _ in range(2):
        notebook.reload()  # with the player playing and the camera running
        notebook.run(3)  # scripts run again by themselves only where the notebook is trusted
        use(notebook)
        rest(notebook)
        rounds.append(quiet(lambda: in_kernel(notebook)))
    assert rounds[1:] == rounds[:1]
    assert rounds[0]["subshells"] == 1
    assert rounds[0]["peers"] == 3


def test_a_closed_notebook_leaves_nothing(notebook: Notebook) -> None:
    """Its kernel goes on with another notebook, which tells it: JupyterLab cuts the first's connection."""
    other = notebook.open_beside(["player"], "beside.ipynb", share_kernel=True)
    page = in_page(notebook)
    notebook.page.evaluate("path => jupyterapp.shell.activateById(kcommTests.panel(path).id)", notebook.path)
    notebook.wait_for("jupyterapp.shell.currentWidget === kcommTests.panel(path)")
    run_all(notebook)
    notebook.save()
    notebook.page.evaluate("path => kcommTests.panel(path).close()", notebook.path)
    assert settled(lambda: in_page(other), page) == page
    other.run(0)
    View(other.output(0)).wait_live()
    rest(other)
    own = {"comms": 1, "peers": 1, "subshells": 1, "subshells in use": 1, "tasks": 0, "timers": 0}
    assert settled(lambda: passing(other), own) == own
