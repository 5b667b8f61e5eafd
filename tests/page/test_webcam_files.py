"""A video file as a source, in a real page: order and loss are read from what is painted."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from tests.page.camera import FRAMES, READER
from tests.page.notebook import Notebook
from tests.page.views import View

#: Frames that are followed.
COUNT = 60
#: Notes the number that is in each picture as it is painted.
WATCH = f"""
node => {{
  const read = {READER};
  window.numbers = {{}};
  for (const name of ["Screen", "Input"]) {{
    const canvas = node.querySelector(`canvas.kcomm-${{name}}`);
    window.numbers[name] = [];
    new MutationObserver(() => window.numbers[name].push(read(canvas))).observe(canvas, {{
      attributes: true,
      attributeFilter: ["data-index"],
    }});
  }}
}}
"""


def test_a_video_plays_in_order(open_notebook: Callable[..., Notebook], camera_clip: Path) -> None:
    cell = f"import kcomm\ncam = kcomm.webcam(source={str(camera_clip)!r}, show='both')\ncam.start()\ncam"
    notebook = open_notebook([cell])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    view.wait_past(1, timeout=30_000)
    view.node.evaluate(WATCH)
    view.wait_past(int(view.canvas.get_attribute("data-index") or 0) + COUNT, timeout=60_000)
    for name in ("Screen", "Input"):
        numbers = notebook.page.evaluate("name => window.numbers[name]", name)
        assert None not in numbers
        steps = [(after - before) % FRAMES for before, after in pairwise(numbers)]
        assert len(steps) > COUNT / 4
        # The clip goes round; a frame out of order would be a step of almost all the way.
        assert all(step < FRAMES / 2 for step in steps), numbers
    assert view.size()[:2] == (640, 480)
    notebook.execute("cam.stop()")
    # The file is given back.
    notebook.execute("import psutil, time")
    notebook.execute(
        "end = time.monotonic() + 10\n"
        f"while any(f.path == {str(camera_clip)!r} for f in psutil.Process().open_files()):\n"
        "    assert time.monotonic() < end\n"
        "    time.sleep(0.1)"
    )
    assert notebook.evaluate("[cam.state, cam.error]") == ["idle", None]
    assert notebook.errors() == []
