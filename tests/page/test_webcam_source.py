"""A source in the kernel, shown in a page: buttons, the exact picture of a pause, the end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.page.webcams import Open, open_camera, wait_for_python

CELL = """
import numpy as np
from skimage import data
import kcomm

class Turning:
    name, fps, is_live = "turning", 20.0, False

    def __init__(self, count):
        self.count, self.calls = count, []

    def open(self):
        self.calls.append("open")

    def frames(self):
        photograph = data.astronaut()[:240, :320]
        for number in range(self.count):
            yield np.roll(photograph, 2 * number, axis=1)

    def close(self):
        self.calls.append("close")

source = Turning(COUNT)
cam = kcomm.webcam(lambda image, frame: (255 - image, frame.index), source=source, show="SHOW")
cam
"""


def read_rgb(view: Any) -> Any:
    return view.pixels()[..., :3]


@pytest.mark.parametrize("show", ["result", "both"])
def test_buttons_and_the_exact_picture_of_a_pause(open_notebook: Open, show: str) -> None:
    notebook, view = open_camera(open_notebook, CELL.replace("COUNT", "10**6").replace("SHOW", show))
    assert notebook.evaluate("source.calls") == []
    notebook.execute("cam.start()")
    view.wait_state("running")
    view.go_on(20)
    view.button("Pause").click()
    view.wait_state("paused")
    wait_for_python(notebook, "cam.state", "paused")
    notebook.page.wait_for_timeout(700)
    expected = np.array(notebook.evaluate("cam.snapshot()[::16, ::16].tolist()"))
    assert (read_rgb(view)[::16, ::16] == expected).all()
    assert view.index == notebook.evaluate("cam._service.journal.outlet.newest.frame.index")
    notebook.screenshot(f"webcam-source-{show}")
    notebook.execute("cam.start()")
    view.go_on(5)
    notebook.execute("cam.stop()")
    view.wait_state("idle")
    wait_for_python(notebook, "source.calls", ["open", "close"])
    assert notebook.evaluate("cam.error is None and cam.stats().painted > 20")
    assert notebook.errors() == []


def test_the_end_of_a_source(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, CELL.replace("COUNT", "25").replace("SHOW", "result"))
    notebook.execute("cam.start()")
    wait_for_python(notebook, "[cam.state, source.calls]", ["idle", ["open", "close"]])
    view.wait_state("idle")
    assert view.index == 24
    expected = np.array(notebook.evaluate("cam.snapshot()[::16, ::16].tolist()"))
    assert (read_rgb(view)[::16, ::16] == expected).all()
    notebook.execute("cam.start()")
    view.go_on(5)
    assert notebook.errors() == []
