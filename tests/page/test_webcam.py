"""The webcam loop in a real page: its camera is a photographic clip whose pixels number the frames."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.page.camera import BITS, BLOCK, FRAMES, READER, read_number
from tests.page.views import decode_png
from tests.page.webcams import (
    COUNT_SENT,
    EDGES,
    PLAIN,
    Open,
    open_camera,
    wait_for_python,
    wait_quiet,
    wait_still,
)

#: Follows what is painted, from inside the page.
WATCH = f"""
canvas => {{
  window.painted = [];
  const read = {READER};
  const note = () => window.painted.push(read(canvas));
  new MutationObserver(note).observe(canvas, {{ attributes: true, attributeFilter: ["data-index"] }});
}}
"""
READER_OF_ONE = f"(canvas) => {READER.strip()}(canvas)"


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
    notebook.page.wait_for_function("window.painted.length > 60", timeout=60_000)
    numbers = notebook.page.evaluate("window.painted")
    steps = [(after - before) % FRAMES for before, after in pairwise(numbers)]
    # The clip goes round; a frame out of order would be a step of almost all the way.
    assert all(step < FRAMES // 2 for step in steps), steps
    assert sum(step == 0 for step in steps) < len(steps) / 10
    # What is painted is less than half a clip (a second) behind the camera.
    behind = view.node.evaluate(f"""node => [{READER}(node.querySelector("video")), window.painted.at(-1)]""")
    assert (behind[0] - behind[1]) % FRAMES < FRAMES // 2
    stats = notebook.evaluate("[cam.stats().painted, cam.stats().sent, cam.stats().drawn]")
    assert 50 < stats[0] <= stats[1] <= stats[2]
    assert notebook.evaluate("cam.stats().dropped") == 0  # what the kernel passes over is not lost


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
    wait_still(notebook)
    strip = np.array(notebook.evaluate(f"last[:{BLOCK}, :{BITS * BLOCK}].tolist()"), np.uint8)
    whole = np.zeros((480, 640, 3), np.uint8)
    whole[:BLOCK, : BITS * BLOCK] = strip
    assert (read_number(whole) - read_number(view.pixels()[..., :3])) % FRAMES in (0, 1, 2, 3, FRAMES - 1)


def test_pause_sends_nothing_and_stop_frees_the_camera(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, EDGES)
    view.button("Start camera").click()
    view.wait_past(5, timeout=30_000)
    notebook.page.evaluate(COUNT_SENT, notebook.path)
    view.button("Pause").click()
    wait_quiet(notebook.page)
    notebook.page.evaluate("window.sent = 0")
    notebook.page.wait_for_timeout(1500)
    assert notebook.page.evaluate("window.sent") == 0
    assert notebook.evaluate("cam.state") == "paused"
    paused_at = int(view.canvas.get_attribute("data-index") or 0)
    view.button("Start").click()
    view.wait_past(paused_at + 5)
    view.button("Stop").click()
    is_free = "node => node.querySelector('video').srcObject === null"
    notebook.page.wait_for_function(is_free, arg=view.node.element_handle())
    wait_for_python(notebook, "cam.state", "idle")
    assert notebook.errors() == []


def test_python_steers_the_camera_and_swaps_the_function(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, PLAIN)
    notebook.execute("cam.start()")
    view.wait_past(5, timeout=30_000)
    notebook.execute("cam.process = lambda image: np.zeros((120, 160), np.uint8)")
    expect(view.canvas).to_have_attribute("width", "160", timeout=30_000)
    view.go_on(2)
    assert view.pixels().shape == (120, 160, 4)
    assert view.pixels()[..., :3].max() <= 2
    notebook.execute("cam.stop()")
    expect(view.button("Start camera")).to_be_visible(timeout=10_000)


# --- what one sees ---------------------------------------------------------------------------------

#: Where both pictures stand, and how: [left, top, width, height, transform] of each that is seen.
PLACES = """
node => [...node.querySelectorAll(".kcomm-Pane video, .kcomm-Pane canvas")]
  .filter((picture) => picture.offsetParent !== null)
  .map((picture) => {
    const { left, top, width, height } = picture.parentElement.getBoundingClientRect();
    return [left, top, width, height, getComputedStyle(picture).transform];
  })
"""
MIRRORED = "matrix(-1, 0, 0, 1, 0, 0)"


def test_layouts_and_mirror(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, EDGES)
    view.start()
    layout = view.button("Layout")
    expect(layout).to_have_attribute("title", "Layout: result only (L)")
    (alone,) = view.node.evaluate(PLACES)
    assert alone[2:] == [640, 480, MIRRORED]

    layout.click()
    expect(layout).to_have_attribute("title", "Layout: side by side (L)")
    camera, result = view.node.evaluate(PLACES)
    assert camera[1] == result[1]
    assert camera[0] + camera[2] <= result[0]
    assert camera[2:] == result[2:]
    assert camera[4] == MIRRORED
    view.node.evaluate("node => { node.style.maxWidth = '300px' }")
    above, below = view.node.evaluate(PLACES)  # one above the other
    assert above[0] == below[0]
    assert above[1] + above[3] <= below[1]
    view.node.evaluate("node => { node.style.maxWidth = '' }")

    view.button("Mirror").click()
    assert [place[4] for place in view.node.evaluate(PLACES)] == ["none", "none"]
    notebook.execute("cam.mirror = True; cam.show = 'overlay'; cam.opacity = 0.25")
    expect(layout).to_have_attribute("title", "Layout: overlay (L)")
    camera, result = view.node.evaluate(PLACES)
    assert camera == result
    assert camera[4] == MIRRORED
    slider = view.node.get_by_label("Opacity of the result")
    expect(slider).to_have_value("0.25")
    expect(view.canvas).to_have_css("opacity", "0.25")
    slider.fill("0.75")
    expect(view.canvas).to_have_css("opacity", "0.75")
    layout.click()
    expect(slider).to_be_hidden()
    expect(view.canvas).to_have_css("opacity", "1")
    view.go_on(5)
    assert notebook.errors() == []


def test_both_pictures_stand_still_in_a_pause(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, PLAIN)
    notebook.execute("cam.show = 'both'")
    view.start()
    view.button("Pause").click()
    view.wait_state("paused")
    still = view.node.locator(".kcomm-Input")
    expect(still).to_be_visible()
    numbers = f"node => [...node.querySelectorAll('.kcomm-Pane canvas')].map({READER_OF_ONE})"
    wait_still(notebook)
    before = view.node.evaluate(numbers)
    assert abs(before[0] - before[1]) <= 1
    notebook.page.wait_for_timeout(500)
    assert view.node.evaluate(numbers) == before
    view.button("Start").click()
    expect(still).to_be_hidden()
    view.go_on(5)
    assert notebook.errors() == []


def test_keys(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, EDGES)
    press = notebook.page.keyboard.press
    view.button("Start camera").focus()
    press("Enter")
    view.wait_state("running")
    view.go_on(3)
    press("Space")
    view.wait_state("paused")
    expect(view.node.get_by_text("Paused", exact=True)).to_be_visible()
    press("l")
    expect(view.button("Layout")).to_have_attribute("title", "Layout: side by side (L)")
    press("m")
    expect(view.button("Mirror")).to_have_attribute("aria-pressed", "false")
    press("i")
    figures = view.node.get_by_label("Figures").and_(view.node.get_by_role("group"))
    for text in ("fps of 30", "ms", "640 × 480", "dropped"):
        expect(figures).to_contain_text(text)
    notebook.screenshot("webcam-figures")
    press("i")
    expect(figures).to_be_hidden()
    press("?")
    expect(view.node.get_by_role("dialog", name="Keys")).to_be_visible()
    press("Escape")
    expect(view.node.get_by_role("dialog", name="Keys")).to_be_hidden()
    press("f")
    notebook.wait_for("document.fullscreenElement?.classList.contains('kcomm-View')")
    assert view.stray_controls() == []
    press("f")
    notebook.wait_for("document.fullscreenElement === null")
    press("Space")
    view.wait_state("running")
    press("s")
    view.wait_state("idle")
    press("Space")
    view.wait_state("running")
    view.button("Stop").click()
    view.wait_state("idle")
    press("Space")  # the button, which is off now, has left the focus to the view
    view.wait_state("running")
    # No key edited the notebook.
    assert notebook.page.evaluate("path => kcommTests.panel(path).content.widgets.length", notebook.path) == 1
    assert notebook.errors() == []


def test_the_picture_is_saved_and_copied(open_notebook: Open, tmp_path: Path) -> None:
    notebook, view = open_camera(open_notebook, PLAIN)
    view.button("Save picture").click()
    expect(view.node.get_by_text("There is no picture yet")).to_be_visible()
    view.start()
    view.button("Pause").click()
    view.wait_state("paused")
    wait_still(notebook)
    with notebook.page.expect_download() as saving:
        view.button("Save picture").click()
    assert saving.value.suggested_filename == f"webcam-{view.index}.png"
    saving.value.save_as(tmp_path / "saved.png")
    assert np.array_equal(decode_png((tmp_path / "saved.png").read_bytes()), view.pixels())
    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    view.button("Copy picture").click()
    expect(view.node.get_by_text("Picture copied")).to_be_visible()
    assert np.array_equal(view.copied(), view.pixels())


def test_resolution(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, PLAIN)
    sizes = view.node.get_by_label("Resolution")
    expect(sizes).to_have_value("640 × 480")
    view.start()
    sizes.select_option("320 × 240")
    expect(view.canvas).to_have_attribute("width", "320", timeout=30_000)
    expect(view.canvas).to_have_attribute("height", "240")
    assert view.canvas.evaluate("canvas => canvas.getBoundingClientRect().width") == 640
    expect(sizes).to_have_value("320 × 240")
    wait_for_python(notebook, "cam.snapshot().shape[:2]", [240, 320])
    notebook.execute("cam.size = (640, 480)")
    expect(view.canvas).to_have_attribute("width", "640", timeout=30_000)
    view.go_on(5)
    # A single camera is not chosen.
    expect(view.node.get_by_label("Camera device")).to_be_hidden()
    assert notebook.errors() == []


@pytest.mark.parametrize("camera", ["two"])
def test_choice_of_camera(open_notebook: Open, camera: str, page: Page) -> None:
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    devices = view.node.get_by_label("Camera device")
    expect(devices).to_be_hidden()  # their names come with the permission
    view.start()
    expect(devices).to_be_visible()
    names = devices.locator("option").all_inner_texts()
    assert len(names) == 2
    label = page.evaluate("tracks.at(-1).label")
    other = next(name for name in names if name != label)
    devices.select_option(label=other)
    page.wait_for_function("other => tracks.at(-1).label === other", arg=other)
    assert page.evaluate("tracks.slice(0, -1).every((track) => track.readyState === 'ended')")
    view.go_on(5)
    wait_for_python(notebook, "cam.device", other)
    wait_for_python(notebook, "sorted(cam.devices)", sorted(names))
    notebook.execute(f"cam.device = {label!r}")
    page.wait_for_function("label => tracks.at(-1).label === label", arg=label)
    view.go_on(5)
    assert notebook.errors() == []


#: A source in the kernel: pictures that go by, each of another grey.
SOURCE = """
import time
import numpy as np
import kcomm
class Greys:
    name = "greys of a rather long name, which says what it is.mp4"
    fps = 20.0
    is_live = False
    def open(self): pass
    def frames(self):
        for i in range(10_000):
            yield np.full((240, 320, 3), 20 + i % 200, np.uint8)
    def close(self): pass
cam = kcomm.webcam(lambda image: 255 - image, source=Greys())
cam
"""


def test_a_source_in_the_kernel(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, SOURCE, page=page)
    expect(view.node.get_by_text("greys of a rather")).to_be_visible()
    expect(view.node.get_by_label("Camera device")).to_be_hidden()
    expect(view.node.get_by_label("Resolution")).to_be_hidden()
    view.button("Start").first.click()
    view.wait_past(5, timeout=60_000)
    assert view.pixels().shape == (240, 320, 4)
    view.button("Layout").click()
    taken = view.node.locator(".kcomm-Input")
    expect(taken).to_be_visible()
    view.wait_past(view.index + 5)
    notebook.page.wait_for_function(
        """node => {
             const grey = (canvas) => canvas.getContext("2d").getImageData(100, 100, 1, 1).data[0];
             const [taken, made] = [...node.querySelectorAll(".kcomm-Pane canvas")].map(grey);
             return Math.abs(taken + made - 255) <= 8; // of the same moment, as near as codecs are
           }""",
        arg=view.node.element_handle(),
    )
    notebook.screenshot("webcam-source-light-1280")
    view.button("Pause").click()
    view.wait_state("paused")
    wait_for_python(notebook, "cam.state", "paused")
    view.node.evaluate("node => { node.style.maxWidth = '300px' }")
    assert view.stray_controls() == []
    notebook.page.wait_for_timeout(300)
    notebook.screenshot("webcam-source-light-300")
    view.node.evaluate("node => { node.style.maxWidth = '' }")
    view.button("Start").click()
    view.go_on(5)
    view.button("Stop").click()
    wait_for_python(notebook, "cam.state", "idle")
    assert page.evaluate("tracks") == []
    assert notebook.errors() == []


def test_a_result_of_another_form_moves_nothing_below(open_notebook: Open) -> None:
    notebook, view = open_camera(open_notebook, PLAIN)
    view.start()
    height = "node => node.getBoundingClientRect().height"
    before = view.node.evaluate(height)
    for shape in ("(400, 100)", "(64, 64, 3)", "(960, 1280)"):
        notebook.execute(f"cam.process = lambda image: np.full({shape}, 99, np.uint8)")
        view.go_on(4)
        assert view.node.evaluate(height) == before
    notebook.execute("cam.process = lambda image: np.concatenate([image, image], 1)")
    expect(view.canvas).to_have_attribute("height", "480", timeout=30_000)
    assert view.node.evaluate(height) < before
    # What is transparent shows the camera beneath.
    notebook.execute("cam.show = 'overlay'; cam.opacity = 1.0")
    notebook.execute("cam.process = lambda image: np.zeros((480, 640, 4), np.uint8)")
    view.go_on(4)
    page = notebook.page
    shot = decode_png(view.node.locator(".kcomm-Pane").last.screenshot())
    assert shot[..., :3].mean() > 30
    page.keyboard.press("Escape")
    assert notebook.errors() == []


def test_it_looks_right(open_notebook: Open) -> None:
    """Nothing sticks out, is cut or overlaps, from wide to narrow, in the light and the dark theme."""
    notebook, view = open_camera(open_notebook, EDGES)
    for theme in ("Light", "Dark"):
        notebook.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })",
            f"JupyterLab {theme}",
        )
        for state in ("idle", "running", "paused"):
            if state == "running":
                view.start()
                notebook.execute("cam.show = 'overlay'")
                expect(view.node.get_by_label("Opacity of the result")).to_be_visible()
            elif state == "paused":
                view.button("Pause").click()
                view.wait_state("paused")
            for width in (1280, 300):
                view.node.evaluate("(node, width) => { node.style.maxWidth = `${width}px` }", width)
                notebook.page.wait_for_timeout(300)
                notebook.screenshot(f"webcam-{state}-{theme.lower()}-{width}")
                assert view.stray_controls() == []
        view.node.evaluate("node => { node.style.maxWidth = '300px' }")
        view.button("More").click()
        expect(view.button("Save picture")).to_be_visible()
        assert view.stray_controls() == []
        view.button("More").click()
        view.node.evaluate("node => { node.style.maxWidth = '' }")
        view.button("Stop").click()
        view.wait_state("idle")
    assert notebook.errors() == []
