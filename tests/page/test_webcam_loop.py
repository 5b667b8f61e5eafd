"""The webcam's loop in a real page, read from the pixels of a numbered clip: codecs, order, pauses, links."""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page
from skimage.transform import resize

from tests.network.shaped import FAR, NEAR, Conditions, ShapedLink
from tests.page.camera import FRAMES, READER, WIDTH, make_scene, read_number, stamp, window_path
from tests.page.notebook import Notebook
from tests.page.server import Server
from tests.page.webcams import (
    COUNT_SENT,
    CameraView,
    Open,
    open_camera,
    wait_for_python,
    wait_quiet,
    wait_still,
)

CELL = """
import numpy as np
import kcomm
cam = kcomm.webcam(process=lambda image: image, mirror=False{options})
cam
"""
#: Milliseconds without a picture that are those of a machine that is too busy: what was under way comes late.
STALL = 400
#: Notes of each painted frame: its index, the number in its pixels, that in the camera's picture, and when.
WATCH = f"""
node => {{
  const isWatched = window.painted !== undefined;
  window.painted = [];
  if (isWatched) return;
  const read = {READER};
  const canvas = node.querySelector("canvas.kcomm-Screen");
  const video = node.querySelector("video");
  const note = () => {{
    const now = performance.now();
    window.painted.push([Number(canvas.dataset.index), read(canvas), read(video), now]);
  }};
  new MutationObserver(note).observe(canvas, {{ attributes: true, attributeFilter: ["data-index"] }});
}}
"""
#: For `Page.add_init_script`: takes something away from the page, and from its workers.
REMOVE = """
(() => {
  const names = NAMES;
  for (const name of names) delete window[name];
  const Native = window.Blob;
  const prefix = `for (const name of ${JSON.stringify(names)}) delete self[name];`;
  window.Blob = class extends Native {
    constructor(parts = [], options = {}) {
      super(options.type === "text/javascript" ? [prefix, ...parts] : parts, options);
    }
  };
})();
"""
#: Whether the page may have no worker made of text.
IS_FORBIDDEN = """
() => new Promise((resolve) => {
  try {
    const worker = new Worker(URL.createObjectURL(new Blob(["postMessage(1)"], { type: "text/javascript" })));
    worker.onmessage = () => resolve(false);
    worker.onerror = () => resolve(true);
  } catch { resolve(true); }
})
"""
#: The page's policy forbids workers made of text, as that of a strict server does.
NO_WORKERS = """
document.addEventListener("readystatechange", () => {
  if (document.head.querySelector("#strict")) return;
  const meta = document.createElement("meta");
  meta.id = "strict";
  meta.httpEquiv = "Content-Security-Policy";
  meta.content = "worker-src 'self'";
  document.head.append(meta);
});
"""


def open_loop(
    open_notebook: Open, options: str = "", script: str = "", page: Page | None = None, **more: Any
) -> tuple[Notebook, CameraView]:
    """Open a camera whose pictures come back as they are, and start it."""
    notebook, view = open_camera(open_notebook, CELL.format(options=options), script, page, **more)
    view.start()
    return notebook, view


def watch(view: CameraView, frames: int) -> list[tuple[int, int, int, float]]:
    """Return index, painted number, camera's number and time in ms of what is painted in so many indices."""
    view.node.evaluate(WATCH)
    view.go_on(frames + 5)
    view.node.page.wait_for_function("window.painted.length > 10", timeout=60_000)
    return [tuple(frame) for frame in view.node.page.evaluate("window.painted")]


def check_order(frames: list[tuple[int, int, int, float]]) -> None:
    """Check that frames come in order, and not a second behind the camera unless the machine stood still."""
    assert len(frames) > 10
    rested: list[float] = []
    for (before, number, _, at), (after, following, _, later) in pairwise(frames):
        assert after > before
        if later - at > STALL:
            rested.append(later)
            continue
        # The clip goes round: one out of order would be a step of almost all the way.
        assert (following - number) % FRAMES < FRAMES // 2, frames
    calm = [frame for frame in frames if not any(0 <= frame[3] - end < STALL for end in rested)]
    assert len(calm) > len(frames) / 2, frames
    for _, number, camera, _ in calm:
        assert (camera - number) % FRAMES < FRAMES // 4, frames


def clip_frame(number: int) -> np.ndarray:
    """Return a frame of the clip as RGB, (H, W, 3): BT.601 in its limited range."""
    height = 480
    luma, chroma = make_scene(WIDTH * 3 // 2)
    x, y = window_path(luma.shape[1] - WIDTH, luma.shape[0] - height)[number]
    window = luma[y : y + height, x : x + WIDTH].copy()
    half = chroma[y // 2 : (y + height) // 2, x // 2 : (x + WIDTH) // 2].copy()
    stamp(window, half, number)
    cb, cr = (half[..., i].repeat(2, 0).repeat(2, 1).astype(float) - 128 for i in (0, 1))
    grey = (window.astype(float) - 16) * 255 / 219
    rgb = grey + 1.596 * cr, grey - 0.392 * cb - 0.813 * cr, grey + 2.017 * cb
    return np.clip(np.rint(np.stack(rgb, -1)), 0, 255).astype(np.uint8)


def snapshot(notebook: Notebook) -> np.ndarray:
    """Return the pixels of `cam.snapshot()`."""
    notebook.execute("import base64, zlib; shot = cam.snapshot()")
    shape, text = notebook.evaluate(
        "[list(shot.shape), base64.b64encode(zlib.compress(shot.tobytes(), 1)).decode()]"
    )
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(shape)


@pytest.mark.parametrize("codec", ["h264", "vp9", "jpeg", "webp", "rgb", "grey"])
def test_each_codec_of_the_camera(open_notebook: Open, codec: str) -> None:
    notebook, view = open_loop(open_notebook, f", camera_codec={codec!r}")
    check_order(watch(view, 20))
    assert notebook.evaluate("cam.stats().camera_codec") == codec
    shot = snapshot(notebook).astype(int)
    # A busy machine may have made frames smaller.
    truth = np.rint(resize(clip_frame(read_number(shot)), shot.shape, preserve_range=True)).astype(int)
    if codec == "grey":
        # The camera's luma: BT.601 of the picture.
        truth = (truth @ [0.299, 0.587, 0.114])[..., None]
        assert np.ptp(shot, axis=-1).max() == 0
    difference = np.abs(shot - truth)
    # Colours are the camera's, whatever converted them on the way.
    assert np.abs(difference.mean(axis=(0, 1))).max() < 8, difference.mean(axis=(0, 1))
    assert notebook.errors() == []


def test_the_best_codec_is_used_and_its_stages_are_told(open_notebook: Open, page: Page) -> None:
    notebook, view = open_loop(open_notebook, page=page)
    check_order(watch(view, 40))
    wait_for_python(notebook, "cam.stats().painted > 20", True)
    assert notebook.evaluate("cam.stats().camera_codec") == "h264"
    stages = set(notebook.evaluate("list(cam.stats().ms)"))
    assert stages >= {"capture", "camera_encode", "decode", "process", "encode", "show", "paint"}
    assert page.evaluate("window.workers.length") >= 1


@pytest.mark.parametrize(
    ("missing", "codec"),
    [
        (["VideoEncoder"], "jpeg"),
        (["MediaStreamTrackProcessor"], "h264"),
        (["MediaStreamTrackProcessor", "VideoFrame", "VideoEncoder"], "jpeg"),
        (["OffscreenCanvas"], "h264"),
        (["OffscreenCanvas", "VideoEncoder"], "jpeg"),
        (["Worker"], "h264"),
        (["Worker", "MediaStreamTrackProcessor", "VideoEncoder", "VideoFrame", "OffscreenCanvas"], "jpeg"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else value,
)
def test_browsers_that_lack_something(
    open_notebook: Open, page: Page, missing: list[str], codec: str
) -> None:
    script = REMOVE.replace("NAMES", repr(missing))
    notebook, view = open_loop(open_notebook, script=script, page=page)
    check_order(watch(view, 15))
    assert notebook.evaluate("cam.stats().camera_codec") == codec
    assert notebook.errors() == []


def test_a_policy_that_forbids_workers(open_notebook: Open, page: Page) -> None:
    notebook, view = open_loop(open_notebook, script=NO_WORKERS, page=page)
    assert page.evaluate(IS_FORBIDDEN)
    check_order(watch(view, 15))
    assert notebook.evaluate("cam.stats().camera_codec") == "h264"


def test_a_worker_that_dies(open_notebook: Open, page: Page) -> None:
    notebook, view = open_loop(open_notebook, page=page)
    page.evaluate("workers.forEach((worker) => worker.terminate())")
    view.go_on(20)
    check_order(watch(view, 15))
    assert notebook.errors() == []


def test_the_last_frame_before_a_pause_is_exact(open_notebook: Open, page: Page) -> None:
    notebook, view = open_loop(open_notebook, page=page)
    view.button("Pause").click()
    wait_still(notebook)
    shot = snapshot(notebook)
    assert np.array_equal(view.pixels()[..., :3], shot)
    truth = clip_frame(read_number(shot))
    # Browsers round a little differently, and place chroma as they like; H.264 or JPEG are off by far more.
    difference = np.abs(shot.astype(int) - truth.astype(int))
    assert np.quantile(difference, 0.99) <= 8
    assert np.abs(shot.astype(int).mean(-1) - truth.astype(int).mean(-1)).mean() < 1
    paused_at = view.index
    view.button("Start").click()
    view.wait_past(paused_at + 5)
    wait_for_python(notebook, "cam.stats().camera_codec", "h264")


def test_nothing_is_sent_while_it_is_paused_or_hidden(open_notebook: Open, page: Page) -> None:
    notebook, view = open_loop(open_notebook, page=page)
    page.evaluate(COUNT_SENT, notebook.path)
    with hidden(view):
        wait_quiet(page)
        page.evaluate("window.sent = 0")
        page.wait_for_timeout(1500)
        assert page.evaluate("window.sent") == 0
    view.go_on(5)
    view.button("Pause").click()
    view.wait_state("paused")
    wait_quiet(page)
    page.evaluate("window.sent = 0")
    page.wait_for_timeout(1500)
    assert page.evaluate("window.sent") == 0
    view.button("Start").click()
    view.go_on(5)


def test_a_size_that_changes_while_it_runs(open_notebook: Open, page: Page) -> None:
    notebook, view = open_loop(open_notebook, page=page)
    notebook.execute("cam.size = (320, 240)")
    wait_for_python(notebook, "list(cam.snapshot().shape[:2])", [240, 320])
    check_order(watch(view, 15))
    notebook.execute("cam.size = (640, 480)")
    wait_for_python(notebook, "list(cam.snapshot().shape[:2])", [480, 640])
    check_order(watch(view, 15))


def test_a_distant_kernel_has_several_frames_under_way(open_notebook: Open, page: Page, lab: Server) -> None:
    with ShapedLink(lab.url, NEAR) as link:
        notebook, view = open_loop(open_notebook, page=page, url=link.url)
        link.conditions = FAR
        view.go_on(60)
        frames = watch(view, 40)
        check_order(frames)
        # Of two pictures in a row, 33 ms apart, one set out before the other was back: that takes 80 ms.
        steps = [(after[1] - before[1]) % FRAMES for before, after in pairwise(frames)]
        # (So do pictures that are two apart, which a slow machine makes of them: 66 ms.)
        assert steps.count(1) + steps.count(2) > 5, steps
        assert notebook.errors() == []


def test_a_limit_of_bytes_is_kept(open_notebook: Open, page: Page, lab: Server) -> None:
    limit = 60_000
    with ShapedLink(lab.url, Conditions(rtt=0.02, rate=50e6)) as link:
        notebook, view = open_loop(open_notebook, f", byte_rate={limit}", page=page, url=link.url)
        view.go_on(10)
        begun = time.monotonic()
        before = link.to_server.sent + link.to_page.sent
        page.wait_for_timeout(8000)
        sent = link.to_server.sent + link.to_page.sent - before
        length = time.monotonic() - begun
        # What Jupyter adds to each message is not in it: about 2 kB both ways.
        frames = notebook.evaluate("cam.stats().painted")
        assert sent < length * (limit * 1.25 + 30 * 6000), (sent, length, frames)
        up, down = notebook.evaluate("[cam.stats().bytes_up, cam.stats().bytes_down]")
        assert up + down < 2 * limit
        view.go_on(5)
        notebook.execute("cam.byte_rate = None")
        wait_for_python(notebook, "cam.stats().bytes_up + cam.stats().bytes_down > 80_000", True)


@contextmanager
def hidden(view: CameraView) -> Iterator[None]:
    """Hide a view, as a tab in the background is."""
    view.node.evaluate("node => { node.style.display = 'none' }")
    try:
        yield
    finally:
        view.node.evaluate("node => { node.style.display = '' }")
