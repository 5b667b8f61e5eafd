"""Webcam views in a page, as a user sees them, and what becomes of the camera's light."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.page.notebook import Notebook
from tests.page.views import View

Open = Callable[..., Notebook]

EDGES = "import kcomm\ncam = kcomm.webcam(process=kcomm.edges)\ncam"
#: The camera's pictures as they are, so that their numbers can be read from what is painted.
PLAIN = """
import numpy as np
import kcomm
cam = kcomm.webcam(process=lambda image: image, mirror=False)
cam
"""
#: For `Page.add_init_script`: keeps all tracks of cameras, and all workers, that a page ever had.
KEEP = """
(() => {
  window.tracks = [];
  window.workers = [];
  const { mediaDevices } = navigator;
  if (mediaDevices) {
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (wanted) => {
      const stream = await ask(wanted);
      window.tracks.push(...stream.getTracks());
      return stream;
    };
  }
  const clone = MediaStreamTrack.prototype.clone;
  MediaStreamTrack.prototype.clone = function () {
    const copy = clone.call(this);
    window.tracks.push(copy);
    return copy;
  };
  const Native = window.Worker;
  window.Worker = class extends Native {
    constructor(...args) {
      super(...args);
      window.workers.push(this);
    }
  };
})();
"""
#: What Python knows: the state, and the error by its code or type.
STATE = "[cam.state, cam.error and getattr(cam.error, 'code', type(cam.error).__name__)]"
#: Counts what the page sends to the kernel.
COUNT_SENT = """
path => {
  window.sent = 0;
  const kernel = kcommTests.panel(path).sessionContext.session.kernel;
  kernel.anyMessage.connect((_, { msg, direction }) => {
    if (direction === "send" && msg.header.msg_type === "comm_msg") window.sent++;
  });
}
"""
LIGHT_OUT = "tracks.length > 0 && tracks.every((track) => track.readyState === 'ended')"


class CameraView(View):
    """A webcam view."""

    @property
    def note(self) -> Locator:
        """What it says of a failure."""
        return self.node.locator(".kcomm-Webcam .kcomm-Note")

    @property
    def webcam(self) -> Locator:
        """The element that has the keys, and the state."""
        return self.node.locator(".kcomm-Webcam")

    def start(self) -> CameraView:
        """Start it by the invitation, and wait until frames go by."""
        before = self.index
        self.button("Start camera").click()
        self.wait_past(before + 5, timeout=60_000)
        return self

    @property
    def index(self) -> int:
        """The number of the frame that is painted; -1: none."""
        return int(self.canvas.get_attribute("data-index") or -1)

    def go_on(self, frames: int = 5, timeout: float = 60_000) -> None:
        """Wait until so many more frames went by."""
        self.wait_past(self.index + frames, timeout=timeout)

    def wait_state(self, state: str) -> None:
        """Wait until it is ``"idle"``, ``"starting"``, ``"running"`` or ``"paused"``."""
        expect(self.webcam).to_have_attribute("data-state", state, timeout=30_000)

    def wait_error(self, code: str) -> str:
        """Wait until a failure is told on the picture; return its text."""
        told = self.node.locator(f".kcomm-Note[data-code='{code}']")
        expect(told).to_be_visible(timeout=30_000)
        return told.inner_text()


def open_camera(
    open_notebook: Open, cell: str, script: str = "", page: Page | None = None, **options: Any
) -> tuple[Notebook, CameraView]:
    """Open a notebook with a webcam view, whose page keeps its tracks (`KEEP`) and runs a script first."""
    if page is not None:
        page.add_init_script(KEEP)
        if script:
            page.add_init_script(script)
    notebook = open_notebook([cell], page=page, **options)
    notebook.run(0)
    view = CameraView(notebook.output(0))
    view.wait_live()
    return notebook, view


def wait_for_python(notebook: Notebook, expression: str, value: Any, timeout: float = 20.0) -> None:
    """Wait until an expression has a value in the kernel, which learns of things a moment later."""
    deadline = time.monotonic() + timeout
    while (now := notebook.evaluate(expression)) != value:
        assert time.monotonic() < deadline, f"{expression} is {now!r}, not {value!r}"
        time.sleep(0.1)


def wait_still(notebook: Notebook) -> None:
    """Wait until the exact frame of a pause was made, which comes after those that were under way."""
    wait_for_python(notebook, "cam.stats().camera_codec", "rgb")
    notebook.page.wait_for_timeout(1000)


def wait_quiet(page: Page, timeout: float = 20.0) -> None:
    """Wait until nothing is sent (`COUNT_SENT`) for a second: frames that are under way come back first."""
    deadline = time.monotonic() + timeout
    sent = -1
    while (now := page.evaluate("window.sent")) != sent:
        assert time.monotonic() < deadline, "something is sent all the time"
        sent = now
        page.wait_for_timeout(1000)


def wait_light_out(page: Page) -> None:
    """Wait until every track that the page's cameras ever had is ended."""
    page.wait_for_function(LIGHT_OUT, timeout=30_000)
