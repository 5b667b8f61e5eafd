"""Connections that break, stall or sleep: what was under way finishes, streams and views go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.network.faulty import FaultyProxy
from tests.page.notebook import Notebook
from tests.page.server import Server
from tests.page.views import View
from tests.page.workload import TARGET, Amount, Workload

Open = Callable[..., Notebook]

#: One that takes long enough that something is always under way.
PLAYER = """
import numpy as np
import kcomm
player = kcomm.animate(lambda i: np.full((48, 64), i % 200 + 20, np.uint8), frames=100_000, fps=20)
player
"""
WEBCAM = "cam = kcomm.webcam(process=lambda image: image[::2, ::2], mirror=False)\ncam"
AMOUNT = Amount(calls=500, items=10_000)
#: JupyterLab waits for 10 to 30 seconds before it asks again for the kernel of a connection that broke.
#: Here that wait does not end by itself: whatever reconnects before `endWaits()`, it is not JupyterLab.
ENDLESS_WAITS = """
(() => {
  const native = window.setTimeout;
  const waits = [];
  window.setTimeout = (callback, delay, ...rest) => {
    if (!(delay >= 10_000 && rest[0] instanceof Event)) return native(callback, delay, ...rest);
    waits.push(() => callback(...rest));
    return 0;
  };
  window.countWaits = () => waits.length;
  window.endWaits = () => waits.splice(0).forEach((end) => end());
})();
"""
#: Lets the page's kernel connections be closed in good order, and keeps how each one ended.
CLOSING = """
(() => {
  const sockets = new Set();
  window.closeCodes = [];
  window.WebSocket = class extends WebSocket {
    constructor(url, ...rest) {
      super(url, ...rest);
      if (!/\\/api\\/kernels\\//.test(url)) return;
      sockets.add(this);
      this.addEventListener("close", ({ code }) => {
        sockets.delete(this);
        closeCodes.push(code);
      });
    }
  };
  window.closeSockets = (code) => sockets.forEach((socket) => socket.close(code));
})();
"""
#: Whether a view's message begins where the picture's ground does (a small picture stands in the middle of
#: it), and leaves the controls alone.
IS_ON_PICTURE = """
(view) => {
  const [message, ground, controls] = [".kcomm-Message", ".kcomm-Stage", ".kcomm-Controls"].map(
    (part) => view.querySelector(part).getBoundingClientRect());
  return message.top - ground.top >= 0 && message.top - ground.top < 20 && message.bottom <= controls.top;
}
"""


class Scene:
    """A notebook with an animation that plays, a camera that runs, and a channel at work."""

    def __init__(self, open_notebook: Open, url: str) -> None:
        self.notebook = notebook = open_notebook([TARGET, PLAYER, WEBCAM], url=url)
        notebook.run_all()
        self.player = View(notebook.output(1)).wait_live()
        self.webcam = View(notebook.output(2)).wait_live()
        self.player.button("Play").click()
        self.webcam.button("Start camera").click()
        self.player.wait_past(5, timeout=30_000)
        self.webcam.wait_past(5, timeout=30_000)
        self.work = Workload(notebook, AMOUNT)
        self.channels = self.channel_ids()

    def channel_ids(self) -> list[list[int]]:
        """Return which channels there are, by target."""
        ids: list[list[int]] = self.notebook.evaluate(
            "[[c.id for c in t.channels] for t in kcomm.target._targets.values()]"
        )
        return ids

    def start(self) -> None:
        """Start calls and a stream, and wait until they are under way."""
        self.work.start()
        self.notebook.wait_for("work.items.length > 100 && Object.keys(work.answers).length > 20")

    def check(self, name: str) -> None:
        """Check that all goes on by itself, over the same channels."""
        self.work.wait()
        self.work.check()
        self.check_views()
        self.notebook.screenshot(name)

    def check_views(self) -> None:
        """Check that the views go on, over the same channels."""
        for view in (self.player, self.webcam):
            painted = int(view.canvas.get_attribute("data-index") or 0)
            view.wait_past(painted + 20, timeout=60_000)
            expect(view.node).to_have_attribute("data-status", "live")
            expect(view.node.locator(".kcomm-Message")).to_be_hidden()
        assert self.channel_ids() == self.channels


@pytest.fixture
def scene(
    open_notebook: Open, lab: Server, context: BrowserContext
) -> Iterator[Callable[[], tuple[Scene, FaultyProxy]]]:
    context.add_init_script(ENDLESS_WAITS)
    with FaultyProxy(lab.url) as proxy:
        yield lambda: (Scene(open_notebook, proxy.url), proxy)


Make = Callable[[], tuple[Scene, FaultyProxy]]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("seconds", "is_silent"), [(1, True), (30, False)], ids=["1s", "30s"])
def test_an_outage(scene: Make, seconds: int, is_silent: bool) -> None:
    """A short one of which the server hears nothing, as where a laptop changes networks, and a long one.

    The page is connected again though JupyterLab still waits; when that has waited for long enough, it
    reconnects once more, and all goes on again.
    """
    here, proxy = scene()
    here.start()
    with proxy.outage(is_silent=is_silent):
        here.notebook.page.wait_for_timeout(1000 * seconds - 500)
        # What was painted stays, and it is said why it does not move.
        for view in (here.player, here.webcam):
            expect(view.node).to_have_attribute("data-status", "live")
            expect(view.node.locator(".kcomm-Message-text")).to_have_text(
                "Disconnected from the server, waiting for it …"
            )
            assert view.pixels().any()
            assert view.node.evaluate(IS_ON_PICTURE)
        here.notebook.screenshot(f"blip-{seconds}s-during")
        here.notebook.page.wait_for_timeout(500)
    here.check(f"blip-{seconds}s-after")
    assert proxy.traffic.cut == 1
    assert proxy.traffic.opened == 2
    assert here.notebook.page.evaluate("countWaits()") == 1
    here.notebook.page.evaluate("endWaits()")
    while proxy.traffic.opened < 3:
        here.notebook.page.wait_for_timeout(50)
    here.check_views()


def test_an_orderly_close(scene: Make, context: BrowserContext) -> None:
    """After one, as a proxy or a server that ends does it, JupyterLab does not reconnect."""
    context.add_init_script(CLOSING)
    here, proxy = scene()
    here.start()
    here.notebook.page.evaluate("closeSockets(1000)")
    here.check("blip-closed-after")
    assert here.notebook.page.evaluate("closeCodes") == [1000]
    assert proxy.traffic.opened == 2


def test_a_connection_that_stalls(scene: Make) -> None:
    here, proxy = scene()
    here.start()
    with proxy.hang():
        here.notebook.page.wait_for_timeout(5000)
    here.check("blip-hang-after")
    assert proxy.traffic.opened == 1


def test_a_frozen_page(scene: Make) -> None:
    """As a browser freezes a tab that nobody looks at: no script runs, and the connection stays."""
    here, proxy = scene()
    here.start()
    with frozen(here.notebook) as stops:
        time.sleep(5)  # Nothing in the page can be asked meanwhile.
    here.check("blip-frozen-after")
    assert len(stops) == 1
    assert proxy.traffic.opened == 1


@contextmanager
def frozen(notebook: Notebook) -> Iterator[list[object]]:
    """Stop the page's scripts and timers, and give what was stopped.

    The debugger does it: Chromium freezes hidden pages only, and Playwright's are always visible to it.
    """
    stops: list[object] = []
    session = notebook.page.context.new_cdp_session(notebook.page)
    session.on("Debugger.paused", lambda stop: stops.append(stop))
    session.send("Debugger.enable")
    session.send("Debugger.pause")
    try:
        yield stops
    finally:
        session.send("Debugger.resume")
        session.detach()
