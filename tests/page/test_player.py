"""The player in a real page: what is painted is read from the canvas, and compared with what was drawn."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.page.notebook import Notebook, write_notebook
from tests.page.server import Server
from tests.page.views import View

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


@pytest.fixture
def coded(open_notebook: Open) -> tuple[Notebook, View]:
    notebook = open_notebook([CODED])
    notebook.run(0)
    return notebook, View(notebook.output(0)).wait_live()


def test_the_first_frame_shows_by_itself(coded: tuple[Notebook, View]) -> None:
    notebook, view = coded
    view.wait_number(0)
    assert view.pixels().shape == (48, 64, 4)
    assert notebook.errors() == []


def test_every_button(coded: tuple[Notebook, View]) -> None:
    _, view = coded
    view.wait_number(0)
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
    view.button("Reverse").click()
    view.wait_past(2, down=True)
    view.button("Pause").click()


def test_seek_speed_loop_and_ends(coded: tuple[Notebook, View]) -> None:
    notebook, view = coded
    view.wait_number(0)
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
    _, view = coded
    view.wait_number(0)
    view.canvas.click()
    page = view.node.page
    page.keyboard.press("End")
    view.wait_number(199)
    page.keyboard.press("Home")
    view.wait_number(0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    view.wait_number(2)
    page.keyboard.press("ArrowLeft")
    view.wait_number(1)
    page.keyboard.press("Space")
    view.wait_past(8)
    page.keyboard.press("Space")


def test_frames_are_drawn_only_when_asked_for(coded: tuple[Notebook, View]) -> None:
    notebook, view = coded
    view.wait_number(0)
    notebook.execute("drawn.clear()")
    for index in (150, 3, 77):
        view.node.get_by_label("Seek").fill(str(index))
        view.wait_number(index)
    assert notebook.evaluate("drawn") == [150, 3, 77]
    notebook.page.wait_for_timeout(500)
    assert notebook.evaluate("drawn") == [150, 3, 77]


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
    assert stats["drawn"] >= stats["painted"] > 100
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


def test_two_players_are_independent(open_notebook: Open) -> None:
    notebook = open_notebook([CODED, CODED.replace("player", "second")])
    notebook.run(0)
    notebook.run(1)
    first, second = (View(notebook.output(i)).wait_live() for i in (0, 1))
    second.wait_number(0)
    notebook.execute("second.seek(99)")
    second.wait_number(99)
    first.wait_number(0)


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
    notebook.execute("player.seek(5)")
    expect(view.node.get_by_text("five is <b>right</b> out")).to_be_visible(timeout=15_000)
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


def test_an_endless_animation_has_no_slider(open_notebook: Open) -> None:
    notebook = open_notebook([CODED.replace("frames=200, ", "").replace("i + 20", "(i + 20) % 256")])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    expect(view.node.get_by_label("Seek")).to_be_hidden()
    view.button("Play").click()
    view.wait_past(20)
    view.button("Pause").click()


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
    """Nothing sticks out, in a wide and a narrow cell, in the light and the dark theme."""
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
            sticks_out = view.node.evaluate(
                """node => [...node.querySelectorAll("button, select, input, output, canvas")]
                     .filter(e => e.offsetParent && e.getBoundingClientRect().right
                                  > node.getBoundingClientRect().right + 1).length"""
            )
            assert sticks_out == 0
