"""The player in a real page: what is painted is read from the canvas, and compared with what was drawn."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.page.notebook import Notebook, write_notebook
from tests.page.server import Server
from tests.page.views import View, decode_png

Open = Callable[..., Notebook]

#: An animation whose frames show their number: grey i + 20 in every pixel. `drawn` has what was asked for.
CODED = """
import time
import numpy as np
import kcomm
drawn = []
def frame(i):
    drawn.append(i)
    return np.full((48, 64), i + 20, np.uint8)
player = kcomm.animate(frame, frames=200, fps=20)
player
"""

FIGURE = """
import numpy as np, matplotlib.pyplot as plt, kcomm
from matplotlib.animation import FuncAnimation
fig, ax = plt.subplots(figsize=(6.4, 4.8), dpi=100)
x = np.linspace(0, 4 * np.pi, 400)
(line,) = ax.plot(x, np.sin(x))
drawn = []
def draw(i):
    drawn.append(i)
    line.set_ydata(np.sin(x + i / 20))
    ax.set_title(f"frame {i}")
    return (line,)
player = kcomm.animate(FuncAnimation(fig, draw, frames=1000, interval=50))
player
"""


#: Pictures that a lossy codec changes; `picture` makes them.
PHOTOGRAPH = """
import numpy as np
import kcomm
noise = np.random.default_rng(1).integers(0, 256, (96, 328, 3), np.uint8)
drawn = []
def picture(i):
    return np.ascontiguousarray(noise[:, i : i + 128])
def frame(i):
    drawn.append(i)
    return picture(i)
player = kcomm.animate(frame, frames=200, fps=20, codec="jpeg", quality=0.3)
player
"""


@pytest.fixture
def coded(open_notebook: Open) -> tuple[Notebook, View]:
    notebook = open_notebook([CODED])
    notebook.run(0)
    return notebook, View(notebook.output(0)).wait_live()


def test_the_first_frame_shows_by_itself_and_every_button_works(coded: tuple[Notebook, View]) -> None:
    notebook, view = coded
    view.wait_number(0)
    assert view.pixels().shape == (48, 64, 4)
    view.button("Previous frame").click()
    view.wait_number(0)
    view.button("Next frame").click()
    view.wait_number(1)
    view.button("Next frame").click()
    view.wait_number(2)
    view.button("Previous frame").click()
    view.wait_number(1)
    view.button("Play").click()
    view.wait_past(10)
    view.button("Pause").click()
    resting = view.canvas.get_attribute("data-index")
    view.node.page.wait_for_timeout(600)
    assert view.canvas.get_attribute("data-index") == resting
    # At rest all that moves with the frames is exact.
    assert view.node.get_by_label("Seek").input_value() == resting
    expect(view.node.get_by_label("Frame", exact=True)).to_have_text(f"{resting} / 199")
    view.button("Reverse").click()
    view.wait_past(2, down=True)
    view.button("Pause").click()
    assert notebook.errors() == []


def test_seek_speed_loop_and_ends(coded: tuple[Notebook, View]) -> None:
    notebook, view = coded
    view.wait_number(0)
    notebook.execute("drawn.clear()")
    for index in (150, 3, 77):
        view.node.get_by_label("Seek").fill(str(index))
        view.wait_number(index)
    notebook.page.wait_for_timeout(500)
    assert notebook.evaluate("drawn") == [150, 3, 77]  # only what was asked for
    view.node.get_by_label("Seek").fill("199")
    view.wait_number(199)
    view.button("Next frame").click()
    view.wait_number(199)
    notebook.execute("player.loop = False")
    view.node.get_by_label("Speed").select_option("max")
    view.button("Reverse").click()
    view.wait_number(0)
    view.node.page.wait_for_timeout(300)
    assert view.number() == 0
    notebook.execute("player.seek(198); player.loop = True; player.play()")
    view.wait_past(100, down=True)  # it went round
    view.wait_past(5)
    view.button("Pause").click()


def test_keys(coded: tuple[Notebook, View]) -> None:
    notebook, view = coded
    view.wait_number(0)
    view.canvas.click()
    press = view.node.page.keyboard.press
    for key, number in [
        ("End", 199),
        ("Home", 0),
        ("ArrowRight", 1),
        (".", 2),
        ("Shift+ArrowRight", 12),
        (",", 11),
        ("ArrowLeft", 10),
        ("Shift+ArrowLeft", 0),
    ]:
        press(key)
        view.wait_number(number)
    player = view.node.locator(".kcomm-Player")
    press("Space")
    view.wait_past(8)
    press("Space")
    expect(player).to_have_attribute("data-playing", "false")
    for name in ("bounce", "off", "on"):
        press("l")
        expect(view.button("Loop")).to_have_attribute("title", f"Loop: {name} (L)")
    press(">")
    expect(view.node.get_by_label("Speed")).to_have_value("2")
    press("<")
    expect(view.node.get_by_label("Speed")).to_have_value("1")
    press("?")
    expect(view.node.get_by_role("dialog", name="Keys")).to_be_visible()
    press("Escape")
    expect(view.node.get_by_role("dialog", name="Keys")).to_be_hidden()
    assert view.node.evaluate("node => node.contains(document.activeElement)")
    # JupyterLab's own keys would add, cut and delete cells; its shortcuts with a modifier still work.
    count = notebook.page.evaluate("path => kcommTests.panel(path).content.widgets.length", notebook.path)
    for key in ("b", "x", "d", "d", "Enter"):
        press(key)
    notebook.page.evaluate("path => { kcommTests.panel(path).context.model.dirty = true }", notebook.path)
    press("Control+s")
    notebook.wait_for("!kcommTests.panel(path).context.model.dirty")
    assert count == notebook.page.evaluate(
        "path => kcommTests.panel(path).content.widgets.length", notebook.path
    )
    assert notebook.errors() == []


def test_a_drag_draws_the_newest_and_at_rest_the_exact_frame(open_notebook: Open) -> None:
    notebook = open_notebook([PHOTOGRAPH])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    expect(view.canvas).to_have_attribute("data-index", "0")
    slider = view.node.get_by_label("Seek")
    box = slider.bounding_box()
    assert box is not None
    mouse, y = notebook.page.mouse, box["y"] + box["height"] / 2
    mouse.move(box["x"] + box["width"] / 4, y)
    expect(view.node.locator(".kcomm-Bubble")).to_contain_text("0:0")
    notebook.execute("drawn.clear()")
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2, y, steps=30)
    mouse.up()
    index = int(slider.input_value())
    assert 90 < index < 110
    expect(view.canvas).to_have_attribute("data-index", str(index))
    notebook.wait_for("kcommTests.status(path) === 'idle'")
    drawn = notebook.evaluate("drawn")
    assert drawn[-1] == index
    notebook.execute(f"import base64; exact = base64.b64encode(picture({index}).tobytes()).decode()")
    exact = np.frombuffer(base64.b64decode(notebook.evaluate("exact")), np.uint8).reshape(96, 128, 3)
    for _ in range(100):  # the first that is shown may be a lossy one
        if np.array_equal(view.pixels()[..., :3], exact):
            break
        notebook.page.wait_for_timeout(100)
    np.testing.assert_array_equal(view.pixels()[..., :3], exact)
    # What plays waits while the slider is held, and goes on from there.
    view.button("Play").click()
    view.wait_past(index + 3)
    mouse.move(box["x"] + box["width"] / 2, y)
    mouse.down()
    mouse.move(box["x"] + 10, y, steps=5)
    low = int(slider.input_value())
    expect(view.canvas).to_have_attribute("data-index", str(low))
    expect(view.node.locator(".kcomm-Player")).to_have_attribute("data-playing", "true")
    mouse.up()
    view.wait_past(low + 3, down=False)
    assert int(view.canvas.get_attribute("data-index") or -1) < 90
    # Nor does it run away from under a pointer that rests on it, wherever that is let go.
    thumb = view.node.locator(".kcomm-Thumb").bounding_box()
    assert thumb is not None
    mouse.move(thumb["x"], y)
    mouse.down()
    notebook.page.wait_for_timeout(300)
    held = slider.input_value()
    notebook.page.wait_for_timeout(300)
    assert slider.input_value() == held
    mouse.move(thumb["x"], y - 100)
    mouse.up()
    view.wait_past(int(held) + 3)
    view.button("Pause").click()
    assert notebook.errors() == []


def test_copy_save_figures_and_full_screen(coded: tuple[Notebook, View], context: BrowserContext) -> None:
    notebook, view = coded
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    view.node.get_by_label("Seek").fill("70")
    view.wait_number(70)
    view.button("More").click()
    view.button("Copy frame").click()
    expect(view.node.get_by_text("Frame 70 copied")).to_be_visible()
    np.testing.assert_array_equal(view.copied(), view.pixels())
    view.canvas.click()
    with notebook.page.expect_download() as download:
        notebook.page.keyboard.press("d")
    assert download.value.suggested_filename == "animation-70.png"
    np.testing.assert_array_equal(decode_png(download.value.path().read_bytes()), view.pixels())
    view.button("More").click()
    view.button("Figures").click()
    figures = view.node.get_by_label("Figures").and_(view.node.get_by_role("group"))
    expect(figures).to_contain_text("fps of 20")
    expect(figures).to_contain_text("64 × 48")
    notebook.page.keyboard.press("s")
    expect(figures).to_be_hidden()
    before = view.size()
    notebook.page.keyboard.press("f")
    notebook.wait_for("document.fullscreenElement?.classList.contains('kcomm-View')")
    expect(view.button("Leave full screen")).to_be_visible()
    assert view.stray_controls() == []
    notebook.page.keyboard.press("ArrowRight")
    view.wait_number(71)
    notebook.page.keyboard.press("f")
    notebook.wait_for("document.fullscreenElement === null")
    assert view.size() == before
    assert notebook.errors() == []


def test_bounce_and_linked_views(open_notebook: Open) -> None:
    cell = CODED.replace("fps=20)\nplayer", "fps=20, linked=True, loop='bounce')\ndisplay(player); player")
    notebook = open_notebook([cell])
    notebook.run(0)
    notebook.output(0)
    views = [View(notebook.output(0), i).wait_live() for i in (0, 1)]
    for view in views:
        view.wait_number(0)
    first, second = views
    first.node.get_by_label("Seek").fill("190")
    second.wait_number(190)
    second.button("Play").click()
    expect(first.button("Pause")).to_be_visible()
    for view in views:  # to the last frame and back
        view.wait_past(185, down=True)
    first.button("Pause").click()
    expect(second.button("Play")).to_be_visible()
    second.wait_number(first.number())
    second.button("Loop").click()
    expect(first.button("Loop")).to_have_attribute("title", "Loop: off (L)")
    for _ in range(100):  # pages tell how they stand a little later
        if notebook.evaluate("player.loop") is False:
            break
        notebook.page.wait_for_timeout(100)
    assert notebook.evaluate("player.loop") is False
    assert notebook.errors() == []


def test_device_pixels(
    open_browser: Callable[[str], Browser], lab: Server, artefacts: Path, open_notebook: Open
) -> None:
    """On a dense screen there are more pixels, and the picture is as large as ever."""
    context = open_browser("clip").new_context(
        viewport={"width": 1280, "height": 900}, device_scale_factor=2, has_touch=True, is_mobile=True
    )
    try:
        notebook = open_notebook([FIGURE], page=context.new_page())
        notebook.run(0)
        view = View(notebook.output(0)).wait_live()
        expect(view.canvas).to_have_attribute("data-index", "0")
        expect(view.canvas).to_have_attribute("width", "1280")
        assert view.size() == (1280, 960, 640)
        # A figure that gets another form is as sharp, and gets the room it needs.
        for inches, width in (((3.2, 4.8), 320), ((8.0, 4.8), 800), ((6.4, 4.8), 640)):
            notebook.execute(f"fig.set_size_inches({inches}); player.redraw()")
            expect(view.canvas).to_have_attribute("width", str(2 * width))
            notebook.page.wait_for_function(
                "([canvas, width]) => canvas.getBoundingClientRect().width === width",
                arg=[view.canvas.element_handle(), width],
            )
            assert view.size() == (2 * width, 960, width)
        # A narrower cell shows a smaller picture, with a pixel for each of the screen's.
        view.node.evaluate("node => { node.style.maxWidth = '402px' }")
        expect(view.canvas).to_have_attribute("width", "800")
        assert view.size() == (800, 600, 400)
        assert notebook.evaluate("(fig.dpi, player._service.source.size)") == [100, [640, 480]]
        notebook.screenshot("player-dense")
        view.button("Play").click()
        view.wait_past(10)
        view.node.evaluate("node => { node.style.maxWidth = '' }")
        expect(view.canvas).to_have_attribute("width", "1280")
        view.wait_past(20)
        view.button("Pause").click()
        # Buttons for fingers have room, too.
        view.node.evaluate("node => { node.style.maxWidth = '300px' }")
        expect(view.button("More")).to_be_visible()
        assert view.stray_controls() == []
        assert view.button("Pause").or_(view.button("Play")).evaluate("b => b.offsetHeight") >= 40
        notebook.screenshot("player-touch-300")
        # The window goes to another screen. (Chromium tells of another ratio only with another size.)
        view.node.evaluate("node => { node.style.maxWidth = '' }")
        expect(view.canvas).to_have_attribute("width", "1280")
        context.new_cdp_session(notebook.page).send(
            "Emulation.setDeviceMetricsOverride",
            {"width": 1270, "height": 900, "deviceScaleFactor": 1, "mobile": True},
        )
        expect(view.canvas).to_have_attribute("width", "640", timeout=15_000)
        assert view.size() == (640, 480, 640)
        assert notebook.errors() == []
    finally:
        context.close()


def test_nothing_is_drawn_for_a_view_that_is_scrolled_away(open_notebook: Open) -> None:
    notebook = open_notebook([CODED.replace("fps=20", "fps=20, loop=True"), "print('\\n' * 200)"])
    notebook.run(0)
    notebook.run(1)
    view = View(notebook.output(0)).wait_live()
    view.button("Play").click()
    view.wait_past(5)
    view.canvas.evaluate("canvas => { window.canvas = canvas }")
    notebook.page.evaluate(
        "path => { const n = kcommTests.panel(path).content.node.querySelector('.jp-WindowedPanel-outer');"
        " n.scrollTop = n.scrollHeight }",
        notebook.path,
    )
    for _ in range(50):
        before = notebook.evaluate("len(drawn)")
        notebook.page.wait_for_timeout(300)
        if notebook.evaluate("len(drawn)") == before:
            break
    resting = notebook.page.evaluate("window.canvas.dataset.index")
    notebook.execute("player.seek(150)")
    notebook.page.wait_for_timeout(600)
    assert notebook.evaluate("len(drawn)") == before
    assert notebook.page.evaluate("window.canvas.dataset.index") == resting
    view = View(notebook.output(0))
    view.wait_past(153)
    view.button("Pause").click()


def test_python_steers_the_player(coded: tuple[Notebook, View]) -> None:
    notebook, view = coded
    notebook.execute("player.seek(42)")
    view.wait_number(42)
    notebook.execute("player.step(3)")
    view.wait_number(45)
    notebook.execute("player.step(-5)")
    view.wait_number(40)
    notebook.execute("player.play()")
    view.wait_past(50)
    notebook.execute("player.reverse()")
    view.wait_past(38, down=True)
    notebook.execute("player.pause()")
    notebook.execute("player.loop = False; player.fps = 'max'; player.play()")
    view.wait_past(150)
    notebook.execute("player.pause()")
    notebook.page.wait_for_timeout(800)
    stats = notebook.evaluate(
        "{k: getattr(player.stats(), k) for k in ('drawn', 'sent', 'painted', 'dropped', 'fps')}"
    )
    assert stats["sent"] >= stats["painted"] > 100
    assert stats["drawn"] <= stats["sent"]  # frames that were drawn before are kept
    assert notebook.evaluate("player.index") == int(view.canvas.get_attribute("data-index") or -1)
    assert notebook.errors() == []


def test_playing_shows_every_frame_in_order(open_notebook: Open) -> None:
    notebook = open_notebook([CODED.replace("fps=20", "fps=15, loop=False")])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    view.wait_number(0)
    view.canvas.evaluate(
        """canvas => {
             window.seen = [];
             new MutationObserver(() => window.seen.push(Number(canvas.dataset.index)))
               .observe(canvas, { attributes: true, attributeFilter: ["data-index"] });
           }"""
    )
    view.button("Play").click()
    view.wait_past(60, timeout=20_000)
    view.button("Pause").click()
    seen = notebook.page.evaluate("window.seen")
    assert seen == sorted(seen)
    assert len(set(seen)) >= 50


def test_a_figure_is_painted_as_it_was_drawn_and_shown_once(open_notebook: Open) -> None:
    notebook = open_notebook([FIGURE])
    notebook.run(0)
    assert [o["output_type"] for o in notebook.outputs(0)] == ["execute_result"]
    view = View(notebook.output(0)).wait_live()
    expect(view.canvas).to_have_attribute("data-index", "0")
    notebook.execute("drawn.clear(); player.seek(137)")
    expect(view.canvas).to_have_attribute("data-index", "137", timeout=15_000)
    assert notebook.evaluate("drawn") == [137]
    notebook.execute(
        "import base64\n"
        "with player.lock:\n"
        "    draw(137); fig.canvas.draw(); full = base64.b64encode(bytes(fig.canvas.buffer_rgba())).decode()"
    )
    full = np.frombuffer(base64.b64decode(notebook.evaluate("full")), np.uint8).reshape(480, 640, 4)
    np.testing.assert_array_equal(view.pixels(), full)
    notebook.screenshot("player-light")
    assert notebook.errors() == []


def test_a_player_plays_while_its_cell_and_a_later_one_run(open_notebook: Open) -> None:
    notebook = open_notebook(
        [
            CODED.replace("player\n", "") + "display(player)\nplayer.play()\ntime.sleep(8)\nprint('slept')",
            "time.sleep(6); print('slept too')",
        ]
    )
    notebook.run(0, wait=False)
    view = View(notebook.output(0))
    view.wait_past(30, timeout=7_000)
    assert "slept" not in notebook.text(0)
    notebook.wait(0)
    view.button("Pause").click()
    notebook.run(1, wait=False)
    notebook.page.wait_for_timeout(500)
    view = View(notebook.output(0))
    view.node.get_by_label("Seek").fill("150")
    view.wait_number(150)
    view.button("Play").click()
    view.wait_past(160, timeout=5_000)
    assert notebook.text(1) == ""
    notebook.wait(1)


def test_an_error_in_a_frame_is_shown_and_the_player_goes_on(open_notebook: Open) -> None:
    cell = CODED.replace(
        "    drawn.append(i)\n",
        "    drawn.append(i)\n    if i == 5: raise RuntimeError('five is <b>right</b> out')\n",
    )
    notebook = open_notebook([cell])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    view.wait_number(0)
    before = view.node.bounding_box()
    notebook.execute("player.seek(5)")
    expect(view.node.get_by_text("five is <b>right</b> out")).to_be_visible(timeout=15_000)
    assert view.node.bounding_box() == before  # nothing moves for it
    view.button("Dismiss").click()
    expect(view.node.get_by_text("five is")).to_be_hidden()
    notebook.execute("player.seek(5)")
    expect(view.node.get_by_text("five is")).to_be_visible()
    expect(view.node.get_by_text("5").first).to_be_visible()
    notebook.screenshot("player-error")
    view.button("Next frame").click()
    view.wait_number(6)
    expect(view.node.get_by_text("five is")).to_be_hidden()


def test_after_a_restart_the_view_says_what_to_do(coded: tuple[Notebook, View]) -> None:
    notebook, view = coded
    view.wait_number(0)
    notebook.restart()
    expect(view.node).to_have_attribute("data-status", "gone", timeout=30_000)
    expect(view.node.get_by_text("run the cell again")).to_be_visible()
    notebook.screenshot("player-after-restart")
    notebook.run(0)
    View(notebook.output(0)).wait_live().wait_number(0)


def test_after_a_reload_the_view_goes_on(coded: tuple[Notebook, View]) -> None:
    notebook, view = coded
    view.node.get_by_label("Seek").fill("77")
    view.wait_number(77)
    notebook.save()
    notebook.reload()
    View(notebook.output(0)).wait_live().wait_number(77)


def test_two_players_are_independent_and_an_endless_one_has_no_slider(open_notebook: Open) -> None:
    endless = CODED.replace("player", "second").replace("frames=200, ", "")
    notebook = open_notebook([CODED, endless.replace("i + 20", "(i + 20) % 256")])
    notebook.run(0)
    notebook.run(1)
    first, second = (View(notebook.output(i)).wait_live() for i in (0, 1))
    second.wait_number(0)
    expect(second.node.get_by_label("Seek")).to_be_hidden()
    expect(second.node.get_by_text("frame 0")).to_be_visible()
    notebook.execute("second.seek(99)")
    second.wait_number(99)
    first.wait_number(0)
    second.button("Play").click()
    second.wait_past(120)
    second.button("Pause").click()
    first.wait_number(0)


def test_without_the_plugin_the_output_says_what_to_do(
    tmp_path: Path, context: BrowserContext, artefacts: Path
) -> None:
    server = Server(tmp_path, disabled=["kcomm"])
    server.start()
    try:
        write_notebook(server.root / "bare.ipynb", [FIGURE])
        notebook = Notebook(server, context.new_page(), "bare.ipynb", artefacts)
        notebook.open()
        notebook.run(0)
        output = notebook.output(0)
        expect(output.get_by_text("pip install kcomm")).to_be_visible()
        assert output.locator("img").evaluate("image => image.naturalWidth") == 640
        notebook.screenshot("player-without-plugin")
    finally:
        server.stop()


def test_notebook_7(open_notebook: Open) -> None:
    notebook = open_notebook([CODED], app="notebook")
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    view.wait_number(0)
    view.button("Next frame").click()
    view.wait_number(1)
    assert notebook.errors() == []


def test_it_looks_right(open_notebook: Open) -> None:
    """Nothing sticks out, is cut or overlaps, from wide to narrow, in the light and the dark theme."""
    notebook = open_notebook([FIGURE])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    expect(view.canvas).to_have_attribute("data-index", "0")
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        notebook.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme
        )
        for width in (1280, 760):
            notebook.page.set_viewport_size({"width": width, "height": 900})
            notebook.page.wait_for_timeout(500)
            view.canvas.scroll_into_view_if_needed()
            notebook.screenshot(f"player-{theme.split()[1].lower()}-{width}")
            assert view.stray_controls() == []
        for width in (420, 300):
            view.node.evaluate("(node, width) => { node.style.maxWidth = `${width}px` }", width)
            view.button("More").click()
            expect(view.button("Copy frame")).to_be_visible()
            notebook.page.wait_for_timeout(300)
            notebook.screenshot(f"player-{theme.split()[1].lower()}-{width}")
            assert view.stray_controls() == []
            view.button("More").click()
            expect(view.button("Copy frame")).to_be_hidden()
            assert view.stray_controls() == []
        view.node.evaluate("node => { node.style.maxWidth = '' }")
