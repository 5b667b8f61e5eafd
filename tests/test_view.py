"""What a cell's output holds, and which outputs keep their objects alive."""

from __future__ import annotations

import base64
import gc
import io
import sys
import time
import types
import weakref
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import kcomm
from kcomm import view

HOSTILE = "</div><script>alert('1 & 2')</script>\"'"


class Tags(HTMLParser):
    """Every tag, and its attributes."""

    def __init__(self):
        super().__init__()
        self.seen: list[Any] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, attrs))


@pytest.fixture
def outputs(monkeypatch):
    fresh = view.Outputs()
    monkeypatch.setattr(view, "outputs", fresh)
    return fresh


@pytest.fixture
def run(monkeypatch, outputs):
    """Runs a cell: what is displayed then is in its output."""
    shell = types.SimpleNamespace(get_parent=dict)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    runs = iter(range(10**6))

    def run(cell: str | None, *displayed: Any) -> None:
        metadata = {} if cell is None else {"cellId": cell}
        message = {"header": {"msg_id": f"run {next(runs)}"}, "metadata": metadata}
        shell.get_parent = lambda: message
        for item in displayed:
            item._repr_mimebundle_()

    return run


def player():
    return kcomm.animate(lambda i: np.full((20, 30), i, np.uint8), frames=9)


def is_served(host, item):
    return item.target in host._acceptors


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


class TestBundle:
    def test_what_the_plugin_gets(self):
        bundle = view.mimebundle("animation", "kcomm.animation.1", title="A", width=30, height=20)
        assert bundle["application/vnd.kcomm.view+json"] == {
            "version": 1,
            "kind": "animation",
            "target": "kcomm.animation.1",
            "title": "A",
            "width": 30,
            "height": 20,
        }
        assert bundle["text/plain"] == "<kcomm animation: A, 30 x 20>"

    def test_the_poster_stands_for_it_elsewhere(self):
        poster = kcomm.encode(np.zeros((20, 30)), "png")
        bundle = view.mimebundle("animation", "x", title="", width=30, height=20, poster=poster)
        assert base64.b64decode(bundle["image/png"]) == poster
        assert f'src="data:image/png;base64,{bundle["image/png"]}"' in bundle["text/html"]
        assert "pip install kcomm" in bundle["text/html"]
        assert "run the cell" in bundle["text/html"]

    def test_without_a_poster(self):
        bundle = view.mimebundle("webcam", "x", title="", width=30, height=20)
        assert "image/png" not in bundle
        assert "<img" not in bundle["text/html"]
        assert "pip install kcomm" in bundle["text/html"]

    def test_no_text_is_code(self):
        poster = kcomm.encode(np.zeros((20, 30)), "png")
        html = view.mimebundle(
            "animation", HOSTILE, title=HOSTILE, width=3, height=2, poster=poster, note=HOSTILE
        )["text/html"]
        assert "<script" not in html
        assert html.count("&lt;script&gt;") == 3
        parser = Tags()
        parser.feed(html)
        assert {tag for tag, _ in parser.seen} == {"div", "img", "p", "small", "strong", "code"}
        assert dict(parser.seen[1][1])["alt"] == HOSTILE


class TestPlayers:
    def test_a_player(self, host, outputs):
        made = player()
        made.seek(5)
        bundle = made._repr_mimebundle_()
        with Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))) as poster:
            assert (np.asarray(poster) == 5).all()
        shown = bundle["application/vnd.kcomm.view+json"]
        assert (shown["target"], shown["width"], shown["height"]) == (made.target, 30, 20)

    def test_its_title_is_that_of_the_figure(self, host, outputs):
        from matplotlib.animation import FuncAnimation

        figure = Figure()
        figure.subplots().set_title("Sine & <b>cosine</b>")
        animation = FuncAnimation(figure, lambda i: None, 3)
        bundle = kcomm.animate(animation)._repr_mimebundle_()
        assert bundle["application/vnd.kcomm.view+json"]["title"] == "Sine & <b>cosine</b>"
        assert "Sine &amp; &lt;b&gt;cosine" in bundle["text/html"]
        figure.suptitle("Above")
        assert kcomm.animate(animation)._service.title == "Above"
        assert kcomm.animate(animation, title="Mine")._service.title == "Mine"

    def test_a_frame_that_cannot_be_drawn(self, host, outputs, caplog):
        def paint(i):
            raise ValueError(HOSTILE)

        bundle = kcomm.animate(paint)._repr_mimebundle_()
        assert "image/png" not in bundle
        assert "Frame 0 could not be drawn: ValueError" in bundle["text/html"]
        assert "<script" not in bundle["text/html"]
        assert "drawing frame 0 raised" in caplog.text

    def test_a_closed_player_shows_its_poster(self, host, outputs):
        made = player()
        made.close()
        assert "image/png" in made._repr_mimebundle_()
        assert not is_served(host, made)

    def test_a_webcam(self, host, outputs):
        cam = kcomm.webcam(size=(320, 240))
        bundle = cam._repr_mimebundle_()
        shown = bundle["application/vnd.kcomm.view+json"]
        assert (shown["kind"], shown["target"], shown["width"]) == ("webcam", cam.target, 320)
        assert "image/png" not in bundle


class TestOutputs:
    def test_an_output_keeps_its_object(self, host, run):
        made = player()
        run("a", made)
        target = made.target
        del made
        gc.collect()
        assert host.connect(target).call("info").result(timeout=10)["count"] == 9

    def test_running_a_cell_again_replaces_what_it_showed(self, host, run):
        alive: weakref.WeakSet[Any] = weakref.WeakSet()
        for _ in range(20):
            made = player()
            alive.add(made)
            run("a", made)
        last = made.target
        del made
        gc.collect()
        until(lambda: list(host._acceptors) == [last])
        assert len(alive) == 1

    def test_what_is_held_comes_back_when_shown_again(self, host, run):
        made = player()
        made.seek(7)
        run("a", made)
        run("a", player())
        assert not is_served(host, made)  # IPython holds every result in Out, so that says nothing
        made.play()
        run("b", made)
        info = host.connect(made.target).call("info").result(timeout=10)
        assert (info["index"], info["playing"]) == (7, True)

    def test_shown_in_two_cells(self, host, run):
        made = player()
        run("a", made)
        run("b", made)
        run("a", player())
        assert is_served(host, made)
        run("b", player())
        assert not is_served(host, made)

    def test_the_same_cell_shows_it_again(self, host, run):
        made = player()
        run("a", made, made)
        channel = host.connect(made.target)
        run("a", made)
        assert not channel.is_closed

    def test_several_in_one_cell(self, host, run):
        made = [player(), kcomm.webcam(), player()]
        run("a", *made)
        assert all(is_served(host, item) for item in made)
        run("a")
        assert all(is_served(host, item) for item in made)  # nothing was shown: its output may still be there
        run("a", player())
        assert not any(is_served(host, item) for item in made)

    def test_cells_without_an_id_each_keep_theirs(self, host, run):
        made = [player() for _ in range(3)]
        for item in made:
            run(None, item)
        assert all(is_served(host, item) for item in made)

    def test_there_is_a_limit(self, host, run, outputs):
        targets = []
        for number in range(view._MAX_OUTPUTS + 5):
            made = kcomm.webcam()
            targets.append(made.target)
            run(f"cell {number}", made)
        del made
        gc.collect()
        assert len(outputs) == view._MAX_OUTPUTS
        until(lambda: list(host._acceptors) == targets[5:])

    def test_closing_forgets(self, host, run, outputs):
        made = player()
        run("a", made)
        run("b", made)
        made.close()
        assert len(outputs) == 0
