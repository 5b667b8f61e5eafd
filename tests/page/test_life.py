"""How views live: through reloads, in several pages, through restarts, breaks and scrolling."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.page.notebook import Notebook
from tests.page.views import View

Open = Callable[..., Notebook]

#: Frames show their number: grey i + 20 in every pixel. The poster is frame 0, or where the player was.
CODED = """
import numpy as np
import kcomm
drawn = []
def frame(i):
    drawn.append(i)
    return np.full((48, 64), i % 200 + 20, np.uint8)
player = kcomm.animate(frame, frames=10_000, fps=20)
player
"""
COUNT = "[len(t.channels) for t in kcomm.target._targets.values()]"
SLOW = """
import threading
target = kcomm.Target("slow")
@target.method
def wait():
    threading.Event().wait(60)
"""
CALL = """%%javascript
kcomm.connect("slow", { element }).then(async channel => {
  const call = channel.call("wait", [], { timeout: 0 });
  element.textContent = "called";
  try { await call; } catch (error) {
    window.failure = { code: error.code, message: error.message, ...error.data };
  }
});
"""
#: Lets the page lose its connections to the server, and keeps it from making new ones: `goOffline(true)`.
NETWORK = """
(() => {
  const sockets = new Set();
  const Native = window.WebSocket;
  let offline = false;
  window.WebSocket = class extends Native {
    constructor(url, ...rest) {
      super(offline ? "ws://127.0.0.1:9" : url, ...rest);
      sockets.add(this);
      this.addEventListener("close", () => sockets.delete(this));
    }
  };
  window.goOffline = (value) => {
    offline = value;
    if (offline) for (const socket of sockets) socket.close();
  };
})();
"""


def message_of(view: View) -> Locator:
    return view.node.locator(".kcomm-Message-text")


def use_theme(notebook: Notebook, name: str) -> None:
    notebook.page.evaluate(
        "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", f"JupyterLab {name}"
    )


def pictures(notebook: Notebook, view: View, name: str) -> None:
    """Keep what the view looks like in both themes."""
    for theme in ("Dark", "Light"):
        use_theme(notebook, theme)
        notebook.page.wait_for_timeout(300)
        view.node.screenshot(path=notebook.artefacts / f"life-{name}-{theme.lower()}.png")


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_view_that_played_plays_on_after_a_reload(open_notebook: Open, app: str) -> None:
    notebook = open_notebook([CODED], app=app)
    notebook.run(0)
    View(notebook.output(0)).wait_live()
    notebook.execute("player.seek(500); player.play()")
    View(notebook.output(0)).wait_past(510)
    notebook.save()
    notebook.reload()
    view = View(notebook.output(0)).wait_live()
    view.wait_past(511)
    assert view.canvas.get_attribute("data-index") != "0"
    view.button("Pause").click()
    notebook.execute("drawn.clear()")
    notebook.page.wait_for_timeout(300)
    resting = int(view.canvas.get_attribute("data-index") or -1)
    notebook.reload()
    View(notebook.output(0)).wait_live().canvas.wait_for()
    expect(View(notebook.output(0)).canvas).to_have_attribute("data-index", str(resting))
    assert notebook.evaluate("drawn") == []  # it is kept from before


def test_each_page_has_views_of_its_own(open_notebook: Open, context: BrowserContext) -> None:
    """The same notebook in a second tab, and another notebook on the same kernel."""
    first = open_notebook([CODED, "player"])
    first.run(0)
    first.save()
    second = open_again(first, context)
    third = first.open_beside(["player"], "beside.ipynb", share_kernel=True)
    third.run(0)
    views = [View(notebook.output(0)).wait_live() for notebook in (first, second, third)]
    assert first.evaluate(COUNT) == [3]
    views[1].node.get_by_label("Seek").fill("77")
    views[1].wait_number(77)
    assert [view.number() for view in views] == [0, 77, 0]
    second.page.close()
    first.execute("player.seek(33)")
    views[2].wait_number(33)
    for view in (views[0], views[2]):
        expect(view.node).to_have_attribute("data-status", "live")
    # Nothing is drawn for the one that stands behind, until somebody looks at it.
    assert views[0].number() == 0
    first.page.evaluate("path => window.jupyterapp.shell.activateById(kcommTests.panel(path).id)", first.path)
    views[0].wait_number(33)
    third.save()
    first.page.evaluate("path => kcommTests.panel(path).close()", third.path)
    expect(views[2].node).to_have_count(0)
    first.execute("player.seek(34)")
    views[0].wait_number(34)


def open_again(notebook: Notebook, context: BrowserContext) -> Notebook:
    """Open a notebook in one more tab; in the same workspace JupyterLab would load it twice."""
    other = Notebook(notebook.server, context.new_page(), notebook.path, notebook.artefacts)
    place = f"lab/workspaces/again/tree/{notebook.path}"
    other.page.goto(f"{notebook.server.url}/{place}?token={notebook.server.token}")
    other.wait_ready()
    return other


def test_after_a_restart(open_notebook: Open) -> None:
    """Views show their picture and say what to do; a call fails at once, and says that it may have run."""
    notebook = open_notebook([CODED, SLOW, CALL])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    notebook.run(1)
    notebook.run(2)
    expect(notebook.output(2).get_by_text("called")).to_be_visible()
    notebook.page.wait_for_timeout(300)
    notebook.restart()
    failure: dict[str, Any] = notebook.page.wait_for_function("window.failure").json_value()
    assert failure["code"] == "kcomm.session_lost"
    assert failure["may_have_run"] is True
    view = View(notebook.output(0))
    expect(view.node).to_have_attribute("data-status", "gone", timeout=30_000)
    expect(message_of(view)).to_have_text("The kernel does not have this animation: run the cell again.")
    assert view.number() == 0
    expect(view.node.locator(".kcomm-Controls")).to_be_hidden()
    pictures(notebook, view, "restarted")
    notebook.run(0)
    View(notebook.output(0)).wait_live().wait_number(0)


def test_closed_in_python(open_notebook: Open) -> None:
    notebook = open_notebook([CODED])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    view.wait_number(0)
    notebook.execute("player.close()")
    expect(view.node).to_have_attribute("data-status", "gone")
    expect(message_of(view)).to_have_text("This animation was closed in Python: run the cell again.")
    pictures(notebook, view, "closed")


def test_while_the_kernel_is_dead(open_notebook: Open) -> None:
    notebook = open_notebook([CODED])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    view.wait_number(0)
    notebook.page.evaluate("path => kcommTests.panel(path).sessionContext.shutdown()", notebook.path)
    expect(view.node).to_have_attribute("data-status", "gone")
    expect(message_of(view)).to_have_text("No kernel is running: start one, then run the cell again.")
    pictures(notebook, view, "no-kernel")


def test_while_the_server_is_away(open_notebook: Open, context: BrowserContext) -> None:
    """The picture stays, the view says what it waits for, and it goes on by itself."""
    context.add_init_script(NETWORK)
    notebook = open_notebook([CODED])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    view.wait_number(0)
    notebook.page.evaluate("goOffline(true)")
    expect(message_of(view)).to_have_text("Disconnected from the server, waiting for it …")
    expect(view.node).to_have_attribute("data-status", "live")
    assert view.number() == 0
    pictures(notebook, view, "offline")
    notebook.page.evaluate("goOffline(false)")
    expect(message_of(view)).to_be_hidden(timeout=30_000)
    view.button("Next frame").click()
    view.wait_number(1)


def test_while_a_view_connects(open_notebook: Open) -> None:
    """A kernel without subshells that runs a cell: the view says what it waits for, and comes up after it."""
    notebook = open_notebook([CODED.replace("player\n", "display(player); import time; time.sleep(8)")])
    notebook.page.evaluate(
        """path => {
             const kernel = kcommTests.panel(path).sessionContext.session.kernel;
             const send = kernel.sendControlMessage;
             // As a kernel that has none.
             kernel.sendControlMessage = function (message, ...rest) {
               const { msg_type } = message.header;
               if (msg_type === "create_subshell_request") throw new Error("no subshells");
               return send.call(this, message, ...rest);
             };
           }""",
        notebook.path,
    )
    notebook.run(0, wait=False)
    view = View(notebook.output(0))
    expect(message_of(view)).to_have_text(re.compile("busy with a cell …"), timeout=5_500)
    pictures(notebook, view, "busy")
    notebook.wait(0)
    view.wait_live().wait_number(0)
    expect(message_of(view)).to_be_hidden()


def test_a_cell_that_is_scrolled_away_keeps_its_view(open_notebook: Open) -> None:
    """With full windowing JupyterLab hides such a cell; its view keeps its channel, and draws nothing."""
    rest = [f"print({i}, *range(60), sep='\\n')" for i in range(9)]
    notebook = open_notebook([CODED, *rest])
    set_windowing(notebook, "full")
    notebook.wait_for("kcommTests.panel(path).content.notebookConfig.windowingMode === 'full'")
    for index in range(len(rest) + 1):
        notebook.run(index)
    view = View(notebook.output(0)).wait_live()
    notebook.execute("player.play()")
    view.wait_past(5)
    channels = notebook.evaluate(IDS)
    notebook.output(9)  # which scrolls there
    notebook.wait_for("getComputedStyle(kcommTests.cell(path, 0).node).display === 'none'")
    assert notebook.evaluate(IDS) == channels
    drawn = settled_length(notebook)
    notebook.page.wait_for_timeout(1000)
    assert notebook.evaluate("len(drawn)") == drawn
    view = View(notebook.output(0))
    expect(view.node).to_have_attribute("data-status", "live")
    view.wait_past(int(view.canvas.get_attribute("data-index") or 0) + 5)
    assert notebook.evaluate(IDS) == channels
    assert notebook.errors() == []


def test_a_cell_that_is_moved_takes_its_view_along(open_notebook: Open) -> None:
    notebook = open_notebook([CODED, "1"])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    view.node.get_by_label("Seek").fill("88")
    view.wait_number(88)
    notebook.page.evaluate(
        """async path => {
             kcommTests.panel(path).content.activeCellIndex = 0;
             await jupyterapp.commands.execute("notebook:move-cell-down");
           }""",
        notebook.path,
    )
    View(notebook.output(1)).wait_live().wait_number(88)
    assert notebook.evaluate(COUNT) == [1]


IDS = "[[c.id for c in t.channels] for t in kcomm.target._targets.values()]"


def set_windowing(notebook: Notebook, mode: str) -> None:
    """Use another `windowingMode` than JupyterLab's settings say."""
    notebook.page.evaluate(
        """([path, windowingMode]) => {
             const { content } = kcommTests.panel(path);
             content.notebookConfig = { ...content.notebookConfig, windowingMode };
           }""",
        [notebook.path, mode],
    )


def settled_length(notebook: Notebook) -> int:
    """Return how many frames were drawn, once no more are: those that were under way still come."""
    last = -1
    while (now := notebook.evaluate("len(drawn)")) != last:
        last = now
        notebook.page.wait_for_timeout(300)
    return last
