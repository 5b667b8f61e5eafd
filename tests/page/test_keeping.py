"""What is kept of an animation, in a real page: the stand-alone player, and what nbconvert exports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import nbconvert
import nbformat
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from playwright.sync_api import expect

import kcomm
from kcomm import view as views
from kcomm.frames.pixels import to_rgba
from kcomm.transport.memory import MemoryHost
from tests.page.conftest import VIEWPORT, OpenBrowser
from tests.page.notebook import Notebook
from tests.page.server import Server
from tests.page.views import View
from tests.recorded import full_draw

if TYPE_CHECKING:
    from playwright.sync_api import Page

    Keep = Callable[..., Path]


class Opened:
    """A page that was opened from a file, and what it did besides."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.view = View(page.locator("body"))
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))

    def go(self, path: Path) -> Opened:
        self.page.goto(path.as_uri())
        return self

    def show(self, index: int) -> np.ndarray:
        """Go to a frame with the slider, and return what is painted then."""
        self.view.node.get_by_label("Seek").fill(str(index))
        expect(self.view.canvas).to_have_attribute("data-index", str(index))
        return self.view.pixels()


@pytest.fixture
def open_page(open_browser: OpenBrowser) -> Iterator[Callable[..., Opened]]:
    """Pages of a browser that knows no JupyterLab; at the end none has complained, or loaded anything."""
    opened: list[Opened] = []
    contexts = []

    def open_one(**options: object) -> Opened:
        settings: dict[str, object] = {"viewport": VIEWPORT, **options}
        context = open_browser("clip").new_context(**settings)  # type: ignore[arg-type]  # any of its options
        context.set_default_timeout(15_000)
        contexts.append(context)
        opened.append(Opened(context.new_page()))
        return opened[-1]

    yield open_one
    for one in opened:
        assert one.complaints == []
        # Its decoder is a script of its own, made from a text in the page.
        assert not [address for address in one.addresses[1:] if not address.startswith("blob:")]
    for context in contexts:
        context.close()


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keep]:
    """Write the page of an animation: ``keep(animation, **what kcomm.animate takes)``."""
    monkeypatch.setattr(views, "outputs", views.Outputs())

    def keep_one(animation: object, **options: object) -> Path:
        path = tmp_path / "animation.html"
        kcomm.animate(animation, **options).to_html(path, progress=False)  # type: ignore[arg-type]  # any
        return path

    with MemoryHost():
        yield keep_one
    plt.close("all")


def coded(i: int) -> np.ndarray:
    """Tell its number: grey i + 20 in every pixel."""
    return np.full((48, 64), i + 20, np.uint8)


def wave(frames: int = 40) -> tuple[FuncAnimation, Callable[[int], np.ndarray]]:
    """Return an animation, and what draws one of its frames in full."""
    figure, axes = plt.subplots(figsize=(6.4, 4.8), dpi=100)
    x = np.linspace(0, 2, 1000)
    (line,) = axes.plot(x, np.sin(x), lw=2)
    axes.set(xlim=(0, 2), ylim=(-2, 2))

    def draw(i: int) -> tuple[Artist, ...]:
        line.set_ydata(np.sin(2 * np.pi * (x - 0.01 * i)))
        axes.set_title(f"frame {i}")
        return (line, axes.title)

    def full(i: int) -> np.ndarray:
        draw(i)
        return full_draw(figure)

    return FuncAnimation(figure, draw, frames=frames, interval=20), full


def test_every_frame_is_painted_as_it_was_drawn(keep: Keep, open_page: Callable[..., Opened]) -> None:
    animation, full = wave()
    opened = open_page().go(keep(animation))
    for index in (*range(40), 3, 17, 0):
        np.testing.assert_array_equal(opened.show(index), full(index), err_msg=f"frame {index}")


def test_key_frame_after_key_frame(keep: Keep, open_page: Callable[..., Opened]) -> None:
    """Pictures that have nothing in common, and more of them than a page holds as bases."""
    noise = np.random.default_rng(0).integers(0, 256, (9, 60, 80, 3), np.uint8)

    def frame(i: int) -> np.ndarray:
        pixels = noise[i // 4].copy()
        pixels[i % 4] = 0
        return pixels

    opened = open_page().go(keep(frame, frames=36, fps=50, loop=True))
    opened.view.button("Play").click()
    opened.view.wait_past(20)
    opened.view.wait_past(5, down=True)
    opened.view.wait_past(30)
    opened.view.button("Pause").click()
    for index in (35, 0, 18, 7, 29, 1, 13, 33):
        np.testing.assert_array_equal(opened.show(index), to_rgba(frame(index)))


def test_buttons_and_keys(keep: Keep, open_page: Callable[..., Opened]) -> None:
    opened = open_page().go(keep(coded, frames=200, fps=50, loop=False))
    view, keyboard = opened.view, opened.page.keyboard
    view.wait_number(0)
    view.button("Next frame").click()
    view.wait_number(1)
    view.button("Play").click()
    view.wait_past(20)
    view.button("Pause").click()
    opened.page.locator("body").click(position={"x": 2, "y": 2})
    keyboard.press("End")
    view.wait_number(199)
    keyboard.press("ArrowLeft")
    view.wait_number(198)
    keyboard.press("Home")
    view.wait_number(0)
    keyboard.press("Space")
    view.wait_past(5)
    keyboard.press("Space")
    opened.show(150)
    view.node.get_by_label("Speed").select_option("max")
    view.button("Play").click()
    view.wait_number(199)
    view.button("Reverse").click()
    view.wait_number(0)


def test_it_begins_as_the_player_stood(keep: Keep, open_page: Callable[..., Opened]) -> None:
    opened = open_page().go(keep(coded, frames=200, fps=10, speed=2, loop="bounce", title="Grey"))
    opened.view.wait_number(0)
    assert opened.page.title() == "Grey"
    expect(opened.view.node.get_by_label("Speed")).to_have_value("2")
    expect(opened.view.node.get_by_role("group", name="Grey")).to_be_visible()


def test_a_hostile_title_is_text(keep: Keep, open_page: Callable[..., Opened]) -> None:
    title = "</title></script><script>document.title = 'taken'</script><img src=x onerror=alert(1)>"
    opened = open_page().go(keep(coded, frames=3, title=title))
    opened.view.wait_number(0)
    assert opened.page.title() == title
    assert opened.page.locator("img").count() == 0


class Slow:
    """A server that sends a page up to its second block of frames, and the rest when it is told to."""

    def __init__(self, text: bytes) -> None:
        self.proceed = threading.Event()
        second = text.index(b"<script type=", text.index(b'data-first="0"'))
        parts = text[: second + 100], text[second + 100 :]
        slow = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # what http.server calls it
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(parts[0])
                self.wfile.flush()
                slow.proceed.wait(60)
                self.wfile.write(parts[1])

            def log_message(self, *args: object) -> None:
                """Nobody wants to know."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.proceed.set()
        self.server.shutdown()
        self.server.server_close()


def test_the_first_frame_shows_while_the_rest_is_still_coming(
    keep: Keep, open_page: Callable[..., Opened]
) -> None:
    slow = Slow(keep(coded, frames=50).read_bytes())
    try:
        opened = open_page()
        opened.page.goto(slow.address, wait_until="commit")
        opened.view.wait_number(0)
        assert opened.page.evaluate("document.readyState") == "loading"
        opened.view.node.get_by_label("Seek").fill("30")
        opened.page.wait_for_timeout(200)
        assert opened.view.number() == 0
        slow.proceed.set()
        opened.view.wait_number(30)
    finally:
        slow.close()


def test_a_page_whose_end_is_missing(keep: Keep, open_page: Callable[..., Opened]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 300, 200, 3), np.uint8)
    path = keep(lambda i: noise[i], frames=20)
    text = path.read_bytes()
    path.write_bytes(text[: text.rindex(b"<script type=")])
    opened = open_page().go(path)
    np.testing.assert_array_equal(opened.show(2), to_rgba(noise[2]))
    opened.view.node.get_by_label("Seek").fill("19")
    expect(opened.view.node.get_by_text("its end is missing")).to_be_visible()
    np.testing.assert_array_equal(opened.show(1), to_rgba(noise[1]))


def test_where_scripts_are_not_allowed(keep: Keep, open_page: Callable[..., Opened]) -> None:
    opened = open_page(java_script_enabled=False).go(keep(coded, frames=3, title="Grey"))
    expect(opened.page.get_by_text("Grey: this animation plays in a browser that runs")).to_be_visible()
    expect(opened.page.get_by_role("img", name="Grey")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 300])
def test_it_looks_right(
    keep: Keep, open_page: Callable[..., Opened], artefacts: Path, scheme: str, width: int
) -> None:
    opened = open_page(color_scheme=scheme, viewport={"width": width, "height": 700})
    opened.go(keep(wave()[0], title="A wave"))
    opened.show(25)
    opened.page.screenshot(path=artefacts / f"kept-{scheme}-{width}.png")
    ground, ink = opened.page.evaluate(
        """() => [document.body, document.querySelector(".kcomm-Frame")].map(
             (e, i) => Number(getComputedStyle(e)[i ? "color" : "backgroundColor"].match(/\\d+/)[0]))"""
    )
    assert (ground < 128 < ink) if scheme == "dark" else (ground > 128 > ink)
    sticks_out = opened.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, output, canvas")]
             .filter(e => e.offsetParent && e.getBoundingClientRect().right > innerWidth + 1).length"""
    )
    assert sticks_out == 0


def test_what_nbconvert_exports_shows_the_poster(
    keep: Keep, open_page: Callable[..., Opened], tmp_path: Path, artefacts: Path
) -> None:
    animation, full = wave()
    player = kcomm.animate(animation)
    player.seek(12)
    output = nbformat.v4.new_output("execute_result", player._repr_mimebundle_(), execution_count=1)
    cell = nbformat.v4.new_code_cell("player", outputs=[output], execution_count=1)
    text, _ = nbconvert.HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    path = tmp_path / "notebook.html"
    path.write_text(text, encoding="utf-8")
    opened = open_page()
    opened.page.route("http**", lambda route: route.abort())  # mathematics and the like come from elsewhere
    opened.page.goto(path.as_uri())
    picture = opened.page.locator(".kcomm-poster img")
    expect(opened.page.get_by_text("To see it live, run the cell")).to_be_visible()
    expect(picture).to_be_visible()
    painted = picture.evaluate(
        """image => {
             const canvas = Object.assign(document.createElement("canvas"),
                                          { width: image.naturalWidth, height: image.naturalHeight });
             const context = canvas.getContext("2d");
             context.drawImage(image, 0, 0);
             return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
           }"""
    )
    np.testing.assert_array_equal(np.array(painted, np.uint8).reshape(480, 640, 4), full(12))
    opened.page.screenshot(path=artefacts / "kept-nbconvert.png")
    opened.complaints.clear()
    opened.addresses.clear()


LIVE = """
import numpy as np, matplotlib.pyplot as plt, kcomm
from matplotlib.animation import FuncAnimation
fig, ax = plt.subplots(figsize=(3, 2), dpi=100)
(line,) = ax.plot([0, 1], [0, 0])
ax.set_ylim(0, 100)
def draw(i):
    line.set_ydata([i, 100 - i])
    return [line]
player = kcomm.animate(FuncAnimation(fig, draw, frames=100, interval=50))
player
"""


def test_a_cell_keeps_what_another_one_plays(
    open_notebook: Callable[..., Notebook], open_page: Callable[..., Opened], lab: Server
) -> None:
    """The live player goes on meanwhile; what is shown of the progress is a widget, or text."""
    notebook = open_notebook([LIVE, "player.to_html('kept.html')\nplayer.save('kept.gif')"])
    notebook.run(0)
    view = View(notebook.output(0)).wait_live()
    view.button("Play").click()
    view.wait_past(5)
    notebook.run(1)
    assert notebook.errors() == []
    at = int(view.canvas.get_attribute("data-index") or 0)
    view.wait_past((at + 10) % 100)
    view.button("Pause").click()
    notebook.screenshot("kept-in-a-notebook")
    opened = open_page().go(lab.root / "kept.html")
    opened.view.wait_past(3)  # it plays, as the player did
    opened.view.button("Pause").click()
    notebook.execute("player.seek(64)")
    expect(view.canvas).to_have_attribute("data-index", "64")
    np.testing.assert_array_equal(opened.show(64), view.pixels())
    assert (lab.root / "kept.gif").stat().st_size > 1000
