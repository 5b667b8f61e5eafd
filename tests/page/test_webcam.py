"""The webcam loop in a real page: its camera is a photographic clip whose pixels number the frames."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.page.camera import BITS, BLOCK, FRAMES, WIDTH, read_number
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
#: Follows what is painted, and what is sent, from inside the page.
WATCH = f"""
canvas => {{
  window.painted = [];
  const read = () => {{
    const block = canvas.width * {BLOCK} / {WIDTH};
    const {{ data }} = canvas.getContext("2d").getImageData(0, 0, canvas.width, block);
    let number = 0;
    for (let bit = 0; bit < {BITS}; bit++) {{
      const at = 4 * (Math.floor(block / 2) * canvas.width + Math.floor((bit + 0.5) * block));
      number = 2 * number + (data[at] > 127 ? 1 : 0);
    }}
    window.painted.push(number);
  }};
  new MutationObserver(read).observe(canvas, {{ attributes: true, attributeFilter: ["data-index"] }});
}}
"""
COUNT_SENT = """
path => {
  window.sent = 0;
  const kernel = kcommTests.panel(path).sessionContext.session.kernel;
  kernel.anyMessage.connect((_, { msg, direction }) => {
    if (direction === "send" && msg.header.msg_type === "comm_msg") window.sent++;
  });
}
"""


def open_camera(open_notebook: Open, cell: str, **options: str) -> tuple[Notebook, View]:
    notebook = open_notebook([cell], **options)
    notebook.run(0)
    return notebook, View(notebook.output(0)).wait_live()


def state_of(notebook: Notebook) -> tuple[str, str | None]:
    state, code = notebook.evaluate("[cam.state, getattr(cam.error, 'code', None)]")
    return state, code


def test_the_camera_is_asked_for_only_when_started(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, EDGES)
    notebook.page.wait_for_timeout(1000)
    assert view.canvas.get_attribute("data-index") is None
    assert notebook.evaluate("cam.state") == "idle"
    notebook.screenshot("webcam-idle")
    assert notebook.errors() == []


def test_edges_are_painted(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, EDGES)
    view.button("Start camera").click()
    view.wait_past(10, timeout=30_000)
    pixels = view.pixels()
    assert pixels.shape == (480, 640, 4)
    colours = pixels[..., :3].astype(int)
    assert np.abs(colours[..., 0] - colours[..., 1]).max() <= 2  # grey
    assert colours.mean() > 200  # dark lines on white
    assert (colours < 235).mean() > 0.005
    expected = notebook.evaluate("cam.snapshot().shape[:2]")
    assert expected == [480, 640]
    notebook.screenshot("webcam-running")
    assert notebook.errors() == []


def test_order_loss_and_delay_are_read_from_the_pixels(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, PLAIN)
    view.button("Start camera").click()
    view.wait_past(5, timeout=30_000)
    view.canvas.evaluate(WATCH)
    view.wait_past(int(view.canvas.get_attribute("data-index") or 0) + 60, timeout=60_000)
    numbers = notebook.page.evaluate("window.painted")
    steps = [(after - before) % FRAMES for before, after in pairwise(numbers)]
    assert len(steps) > 50
    # The clip goes round; a frame out of order would be a step of almost all the way.
    assert all(step < FRAMES // 2 for step in steps), steps
    assert sum(step == 0 for step in steps) < len(steps) / 10
    # What is painted is less than half a clip (a second) behind the camera.
    behind = view.node.evaluate(
        f"""node => {{
          const video = node.querySelector("video");
          const canvas = document.createElement("canvas");
          canvas.width = video.videoWidth; canvas.height = video.videoHeight;
          const context = canvas.getContext("2d");
          context.drawImage(video, 0, 0);
          let number = 0;
          for (let bit = 0; bit < {BITS}; bit++) {{
            const x = Math.floor((bit + 0.5) * {BLOCK});
            const [red] = context.getImageData(x, {BLOCK // 2}, 1, 1).data;
            number = 2 * number + (red > 127 ? 1 : 0);
          }}
          return [number, window.painted.at(-1)];
        }}"""
    )
    assert (behind[0] - behind[1]) % FRAMES < FRAMES // 2
    stats = notebook.evaluate("[cam.stats().painted, cam.stats().sent, cam.stats().drawn]")
    assert 50 < stats[0] <= stats[1] <= stats[2]


def test_python_gets_the_cameras_pictures(open_notebook: Open) -> None:
    cell = PLAIN.replace("lambda image: image", "keep").replace(
        "cam =", "def keep(image):\n    global last\n    last = image\n    return image\ncam ="
    )
    notebook, view = open_camera(open_notebook, cell)
    notebook.execute("cam.start()")
    view.wait_past(5, timeout=30_000)
    notebook.execute("cam.pause()")
    shape, dtype = notebook.evaluate("[last.shape, str(last.dtype)]")
    assert (shape, dtype) == ([480, 640, 3], "uint8")
    # The same picture arrived there and was painted here.
    notebook.page.wait_for_timeout(500)
    strip = np.array(notebook.evaluate(f"last[:{BLOCK}, :{BITS * BLOCK}].tolist()"), np.uint8)
    whole = np.zeros((480, 640, 3), np.uint8)
    whole[:BLOCK, : BITS * BLOCK] = strip
    assert (read_number(whole) - read_number(view.pixels()[..., :3])) % FRAMES in (0, 1, 2, 3, FRAMES - 1)


def test_pause_sends_nothing_and_stop_frees_the_camera(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, EDGES)
    view.button("Start camera").click()
    view.wait_past(5, timeout=30_000)
    view.button("Pause").click()
    notebook.page.wait_for_timeout(1500)
    notebook.page.evaluate(COUNT_SENT, notebook.path)
    notebook.page.wait_for_timeout(1500)
    assert notebook.page.evaluate("window.sent") == 0
    assert notebook.evaluate("cam.state") == "paused"
    paused_at = int(view.canvas.get_attribute("data-index") or 0)
    view.button("Start").click()
    view.wait_past(paused_at + 5)
    view.button("Stop").click()
    notebook.page.wait_for_timeout(800)
    is_free = "node => node.querySelector('video').srcObject === null"
    assert view.node.evaluate(is_free)
    assert notebook.evaluate("cam.state") == "idle"
    assert notebook.errors() == []


def test_python_steers_the_camera_and_swaps_the_function(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, PLAIN)
    notebook.execute("cam.start()")
    view.wait_past(5, timeout=30_000)
    notebook.execute("cam.process = lambda image: np.zeros((120, 160), np.uint8)")
    at = int(view.canvas.get_attribute("data-index") or 0)
    view.wait_past(at + 6)
    assert view.pixels().shape == (120, 160, 4)
    assert view.pixels()[..., :3].max() <= 2
    notebook.execute("cam.stop()")
    expect(view.button("Start camera")).to_be_visible(timeout=10_000)


def test_a_function_that_raises_is_told_and_the_loop_goes_on(open_notebook: Open) -> None:
    notebook, view = open_camera(
        open_notebook, "def bad(image): raise ValueError('no picture today')\n" + PLAIN
    )
    view.button("Start camera").click()
    view.wait_past(5, timeout=30_000)
    notebook.execute("good, cam.process = cam.process, bad")
    expect(view.node.get_by_text("no picture today")).to_be_visible(timeout=15_000)
    assert "no picture today" in notebook.evaluate("str(cam.error)")
    notebook.screenshot("webcam-process-error")
    notebook.execute("cam.process = good")
    expect(view.node.get_by_text("no picture today")).to_be_hidden(timeout=15_000)


@pytest.mark.parametrize(
    ("camera", "code"), [("denied", "kcomm.camera_denied"), ("missing", "kcomm.camera_missing")]
)
def test_a_camera_that_cannot_be_had(open_notebook: Open, camera: str, code: str) -> None:
    notebook, view = open_camera(open_notebook, EDGES)
    view.button("Start camera").click()
    expect(view.node.locator(f"[data-code='{code}']")).to_be_visible(timeout=15_000)
    notebook.page.wait_for_timeout(800)
    assert state_of(notebook) == ("idle", code)
    notebook.screenshot(f"webcam-{camera}")


def test_an_insecure_origin(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, EDGES, host="insecure.test")
    view.button("Start camera").click()
    expect(view.node.locator("[data-code='kcomm.camera_insecure']")).to_be_visible(timeout=15_000)
    notebook.page.wait_for_timeout(800)
    assert state_of(notebook) == ("idle", "kcomm.camera_insecure")
    notebook.screenshot("webcam-insecure")


def test_clearing_the_output_frees_the_camera(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, EDGES)
    view.button("Start camera").click()
    view.wait_past(5, timeout=30_000)
    video = view.node.locator("video").element_handle()
    assert video is not None
    notebook.page.evaluate("video => { window.track = video.srcObject.getTracks()[0] }", video)
    notebook.page.evaluate("path => kcommTests.cell(path, 0).model.outputs.clear()", notebook.path)
    notebook.page.wait_for_function("window.track.readyState === 'ended'")
