"""All that can fail between a camera and its picture: told on the picture and to Python, by name.

What Chromium can't be brought to do by itself is staged in the page: a camera in use (`getUserMedia` that
rejects as it then does), and one that is unplugged (its track ends).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.page.notebook import Notebook, write_notebook
from tests.page.server import Server
from tests.page.webcams import (
    EDGES,
    LIGHT_OUT,
    PLAIN,
    STATE,
    CameraView,
    open_camera,
    wait_for_python,
    wait_light_out,
)

Open = Callable[..., Notebook]

#: Keeps the codes of all errors that Python is told of.
TOLD = "told = []\ncam.on_error = lambda error: told.append(getattr(error, 'code', type(error).__name__))\n"
BUSY = """
navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException("Could not start video source", "NotReadableError");
};
"""
#: The browser asks its user, who answers when the test says so.
ASKING = """
(() => {
  const { mediaDevices } = navigator;
  const ask = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (wanted) => {
    await new Promise((resolve) => { window.permit = resolve; });
    return ask(wanted);
  };
})();
"""


def fails(notebook: Notebook, view: CameraView, code: str) -> str:
    """Start the camera, which fails; return what is said."""
    notebook.execute(TOLD)
    view.button("Start camera").click()
    text = view.wait_error(code)
    wait_for_python(notebook, STATE, ["idle", code])
    wait_for_python(notebook, "told", [code])
    view.wait_state("idle")
    expect(view.button("Start camera")).to_be_enabled()
    notebook.screenshot(f"webcam-{code.removeprefix('kcomm.')}")
    return text


# --- a camera that can't be had --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("camera", "code", "says"),
    [
        ("denied", "kcomm.camera_denied", "address bar"),
        ("missing", "kcomm.camera_missing", "Connect one"),
    ],
)
def test_denied_and_missing(open_notebook: Open, page: Page, camera: str, code: str, says: str) -> None:
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    assert says in fails(notebook, view, code)
    assert page.evaluate("tracks") == []


def test_busy(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, EDGES, BUSY, page)
    assert "Close the other program" in fails(notebook, view, "kcomm.camera_busy")
    # Once it is free again, the same button does it, and the message goes.
    page.evaluate("delete navigator.mediaDevices.getUserMedia")
    view.start()
    expect(view.note).to_be_hidden()
    wait_for_python(notebook, STATE, ["running", None])


def test_an_insecure_origin(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, EDGES, page=page, host="insecure.test")
    assert "https or localhost" in fails(notebook, view, "kcomm.camera_insecure")


def test_a_front_end_that_forbids_cameras(page: Page, tmp_path: Path, artefacts: Path) -> None:
    headers = {"Permissions-Policy": "camera=()"}
    server = Server(tmp_path, settings={"ServerApp": {"tornado_settings": {"headers": headers}}})
    try:
        server.start()
        write_notebook(server.root / "forbidden.ipynb", [EDGES])
        notebook = Notebook(server, page, "forbidden.ipynb", artefacts)
        notebook.open()
        notebook.run(0)
        view = CameraView(notebook.output(0))
        view.wait_live()
        assert "permissions policy" in fails(notebook, view, "kcomm.camera_forbidden")
    finally:
        server.stop()


# --- a camera that goes ------------------------------------------------------------------------------


def test_unplugged_while_running(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    notebook.execute(TOLD)
    view.start()
    painted = view.pixels().any()
    page.evaluate("() => { tracks[0].stop(); tracks[0].dispatchEvent(new Event('ended')); }")
    assert "Plug it in" in view.wait_error("kcomm.camera_lost")
    notebook.screenshot("webcam-camera_lost")
    view.wait_state("idle")
    wait_for_python(
        notebook, "[cam.state, cam.error.code, told]", ["idle", "kcomm.camera_lost", ["kcomm.camera_lost"]]
    )
    assert painted
    assert view.pixels().any()
    wait_light_out(page)
    view.start()  # plugged in again
    expect(view.note).to_be_hidden()
    assert page.evaluate("tracks.at(-1).readyState") == "live"
    wait_for_python(notebook, STATE, ["running", None])


def test_permission_that_comes_too_late(open_notebook: Open, page: Page) -> None:
    _, view = open_camera(open_notebook, EDGES, ASKING, page)
    view.button("Start camera").click()
    view.wait_state("starting")
    expect(view.webcam.locator(".kcomm-Invitation")).to_contain_text("camera")
    view.button("Stop").click()
    view.wait_state("idle")
    page.evaluate("permit()")
    page.wait_for_function(LIGHT_OUT)
    view.wait_state("idle")
    view.button("Start camera").click()
    page.evaluate("permit()")
    view.wait_past(3, timeout=60_000)


def test_a_start_that_is_taken_back_and_made_again(open_notebook: Open, page: Page) -> None:
    """The camera that comes too late is given back, and takes nothing from the one that is in use."""
    _, view = open_camera(open_notebook, EDGES, page=page)
    page.evaluate(
        """() => {
             const { mediaDevices } = navigator;
             const ask = mediaDevices.getUserMedia.bind(mediaDevices);
             const late = new Promise((resolve) => { window.permit = resolve; });
             let count = 0;
             mediaDevices.getUserMedia = async (wanted) => {
               if (count++ === 0) await late;
               return ask(wanted);
             };
           }"""
    )
    view.button("Start camera").click()
    view.wait_state("starting")
    view.button("Stop").click()
    view.start()
    page.evaluate("permit()")
    page.wait_for_function("tracks.filter((track) => track.readyState === 'ended').length === 1")
    view.go_on(10)
    expect(view.note).to_be_hidden()
    assert view.node.evaluate("node => node.querySelector('video').srcObject.active")


def test_the_camera_shows_on_when_its_cell_was_taken_out_of_the_page(open_notebook: Open, page: Page) -> None:
    """Front ends do so with cells that are scrolled away; browsers pause videos then."""
    _, view = open_camera(open_notebook, EDGES, page=page)
    view.start()
    view.webcam.evaluate(
        """async (node) => {
             const parent = node.parentElement;
             const before = node.nextSibling;
             node.remove();
             await new Promise((resolve) => setTimeout(resolve, 500));
             parent.insertBefore(node, before);
           }"""
    )
    view.go_on(10)
    page.wait_for_function("node => !node.querySelector('video').paused", arg=view.node.element_handle())


def test_the_light_goes_out_on_stop_and_stays_on_in_a_pause(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    view.start()
    view.button("Pause").click()
    view.wait_state("paused")
    assert page.evaluate("tracks.some((track) => track.readyState === 'live')")
    view.button("Stop").click()
    wait_light_out(page)
    wait_for_python(notebook, STATE, ["idle", None])


def test_the_light_goes_out_when_the_output_is_cleared(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    view.start()
    page.evaluate("path => kcommTests.cell(path, 0).model.outputs.clear()", notebook.path)
    wait_light_out(page)
    wait_for_python(notebook, "cam.state", "idle")


def test_the_light_goes_out_when_the_page_is_left(open_notebook: Open, page: Page) -> None:
    """Whatever the page does with its memory afterwards, the track is ended as it is left."""
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    view.start()
    # Heard after the view's own listener, which was there before.
    page.evaluate(
        f"""() => window.addEventListener("pagehide", () => {{
              localStorage.setItem("light", {LIGHT_OUT} ? "out" : "on");
            }})"""
    )
    page.goto(notebook.server.url + "/api")
    assert page.evaluate("localStorage.getItem('light')") == "out"


def test_a_closed_page_is_told_to_python(open_notebook: Open, context: BrowserContext, page: Page) -> None:
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    view.start()
    wait_for_python(notebook, "cam.state", "running")
    watching = context.new_page()
    path, kernel = notebook.path, notebook.kernel_id
    page.close()
    # The kernel lives on without the page, and is asked from another one.
    other = open_notebook(["1"], page=watching)
    again = other.open_beside(["1"], f"again-{path}")
    again.page.evaluate(
        "([path, id]) => kcommTests.panel(path).sessionContext.changeKernel({ id }).then(() => undefined)",
        [again.path, kernel],
    )
    again.wait_ready()
    assert again.kernel_id == kernel
    wait_for_python(again, STATE, ["idle", None], timeout=60)


def test_a_kernel_that_is_restarted(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    view.start()
    notebook.restart()
    wait_light_out(page)
    expect(view.node).to_have_attribute("data-status", "gone", timeout=30_000)
    expect(view.node.get_by_text("run the cell again")).to_be_visible()
    expect(view.canvas).to_be_visible()  # with the last picture
    expect(view.node.locator(".kcomm-Controls")).to_be_hidden()
    notebook.screenshot("webcam-restarted")


def test_a_kernel_that_dies(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    view.start()
    page.evaluate(
        """path => {
             const { kernel } = kcommTests.panel(path).sessionContext.session;
             kernel.requestExecute({ code: "import os; os._exit(1)" });
           }""",
        notebook.path,
    )
    wait_light_out(page)
    expect(view.webcam).to_have_attribute("data-state", "idle")
    expect(view.canvas).to_be_visible()


# --- frames that fail ----------------------------------------------------------------------------------


def test_a_function_that_raises(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(
        open_notebook, "def bad(image): raise ValueError('no picture today')\n" + PLAIN, page=page
    )
    notebook.execute(TOLD)
    view.start()
    notebook.execute("good, cam.process = cam.process, bad")
    text = view.wait_error("kcomm.handler_error")
    notebook.screenshot("webcam-process-error")
    assert "ValueError: no picture today" in text
    before = view.index
    expect(view.webcam).to_have_attribute("data-state", "running")
    assert view.pixels()[..., :3].any()  # the frame before is kept
    assert notebook.evaluate("[type(cam.error).__name__, str(cam.error), told[:1]]") == [
        "ValueError",
        "no picture today",
        ["ValueError"],
    ]
    notebook.execute("cam.process = good")
    view.wait_past(before + 5, timeout=60_000)
    expect(view.note).to_be_hidden()
    wait_for_python(notebook, STATE, ["running", None])


def test_a_function_that_never_returns(open_notebook: Open, page: Page) -> None:
    cell = (
        "import threading\nhang = threading.Event()\n"
        "def stuck(image):\n    hang.wait()\n    return image\n"
        + PLAIN.replace("mirror=False", "mirror=False, timeout=1.0")
    )
    notebook, view = open_camera(open_notebook, cell, page=page)
    notebook.execute(TOLD)
    view.start()
    notebook.execute("good, cam.process = cam.process, stuck")
    assert "stuck" in view.wait_error("kcomm.process_timeout")
    wait_for_python(
        notebook, "[cam.error.code, told[:1]]", ["kcomm.process_timeout", ["kcomm.process_timeout"]]
    )
    notebook.execute("cam.process = good")  # the loop goes on, on another thread
    view.go_on(10)
    expect(view.note).to_be_hidden()
    notebook.execute("hang.set()")
    view.go_on(5)


def test_a_result_that_cannot_be_decoded(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, PLAIN, page=page)
    view.start()
    notebook.execute(
        """
from kcomm.frames import Frame
whole = Frame.to_message
def corrupt(frame):
    message = whole(frame)
    return {**message, "data": b"\\x07" * 100} if "data" in message else message
Frame.to_message = corrupt
"""
    )
    view.wait_error("kcomm.bad_value")
    wait_for_python(notebook, STATE, ["running", "kcomm.bad_value"])
    expect(view.webcam).to_have_attribute("data-state", "running")
    notebook.execute("Frame.to_message = whole")
    view.go_on(5)
    expect(view.note).to_be_hidden()
    wait_for_python(notebook, STATE, ["running", None])


def test_a_camera_frame_that_cannot_be_decoded(open_notebook: Open, page: Page) -> None:
    notebook, view = open_camera(open_notebook, PLAIN, page=page)
    notebook.execute(TOLD)
    view.start()
    notebook.execute(
        """
from kcomm.frames import Frame
whole = Frame.from_message
Frame.from_message = classmethod(
    lambda kind, message: whole({**message, "data": b"\\x07" * 100} if "data" in message else message)
)
"""
    )
    view.wait_error("kcomm.bad_value")
    wait_for_python(notebook, "'kcomm.bad_value' in told", True)
    notebook.execute("Frame.from_message = whole")
    view.go_on(5)
    expect(view.note).to_be_hidden()
    wait_for_python(notebook, STATE, ["running", None])


def test_workers_that_die(open_notebook: Open, page: Page) -> None:
    """Frames go on: by other workers, or without."""
    notebook, view = open_camera(open_notebook, EDGES, page=page)
    view.start()
    count = page.evaluate("workers.length")
    assert count > 0
    page.evaluate("() => { for (const worker of workers) worker.terminate(); }")
    view.go_on(10)
    expect(view.note).to_be_hidden()
    wait_for_python(notebook, STATE, ["running", None])
