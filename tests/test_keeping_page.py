"""Pages that play an animation by themselves: what `Player.to_html` writes, read back."""

from __future__ import annotations

import base64
import errno
import hashlib
import importlib.resources
import itertools
import os
import re
import signal

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation

import kcomm
from kcomm import view
from kcomm.animation import FrameRangeError
from kcomm.animation.keeping import page as pages
from kcomm.frames.pixels import to_rgba
from kcomm.transport.memory import MemoryHost
from tests.animations import Sweep
from tests.recorded import Page, full_draw

HOSTILE = "</title></script><script>alert(1)</script><!-- \"'&\ud800"


@pytest.fixture(autouse=True)
def host(monkeypatch):
    monkeypatch.setattr(view, "outputs", view.Outputs())
    with MemoryHost() as memory:
        yield memory


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def grey(i):
    return np.full((48, 64), i, np.uint8)


def written(tmp_path, player, **options):
    path = tmp_path / "page.html"
    player.to_html(path, progress=False, **options)
    assert os.listdir(tmp_path) == ["page.html"]
    return Page(path)


def assert_frames(page, expected):
    shown = page.pixels()
    assert len(shown) == len(expected)
    for number, (pixels, wanted) in enumerate(zip(shown, expected, strict=True)):
        np.testing.assert_array_equal(pixels, to_rgba(wanted), err_msg=f"frame {number}")


class TestFrames:
    def test_a_figure(self, tmp_path):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(frames=50, blit=True))
        page = written(tmp_path, player)
        full = []
        for i in range(50):
            sweep(i)
            full.append(full_draw(sweep.figure))
        assert_frames(page, full)
        codecs = [message["codec"] for message in page.messages]
        assert codecs.count("delta") > 30

    @pytest.mark.parametrize("shape", [(40, 60), (40, 60, 3), (40, 60, 4)])
    def test_noise(self, tmp_path, shape):
        noise = np.random.default_rng(0).integers(0, 256, (12, *shape), np.uint8)
        page = written(tmp_path, kcomm.animate(lambda i: noise[i], frames=12))
        assert_frames(page, noise)

    def test_frames_of_several_sizes(self, tmp_path):
        def frame(i):
            return np.full((10 + i % 3, 20 + i % 2), i, np.uint8)

        page = written(tmp_path, kcomm.animate(frame, frames=20))
        assert_frames(page, [frame(i) for i in range(20)])

    def test_bases_are_told_by_their_number(self, tmp_path):
        noise = np.random.default_rng(1).integers(0, 256, (8, 60, 80, 4), np.uint8)

        def frame(i):
            pixels = noise[i // 10].copy()
            pixels[i % 10] = 0
            return pixels

        messages = written(tmp_path, kcomm.animate(frame, frames=80)).messages
        for message in messages:
            if "id" in message:
                assert message["id"] == message["index"]
            if "base" in message:
                assert messages[message["base"]]["id"] == message["base"] < message["index"]
        assert len({message["base"] for message in messages if "base" in message}) > 1

    def test_a_part(self, tmp_path):
        page = written(tmp_path, kcomm.animate(grey, frames=50), frames=range(40, 9, -10))
        assert_frames(page, [grey(i) for i in (40, 30, 20, 10)])
        assert page.info["count"] == 4

    def test_the_first_frames_of_what_has_no_end(self, tmp_path):
        page = written(tmp_path, kcomm.animate(grey), frames=7)
        assert_frames(page, [grey(i) for i in range(7)])

    def test_frames_that_end_before_they_were_thought_to(self, tmp_path):
        def numbers():
            yield from range(7)

        sweep = Sweep()
        animation = FuncAnimation(sweep.figure, sweep, frames=numbers, save_count=100)
        page = written(tmp_path, kcomm.animate(animation), frames=90)
        assert page.info["count"] == len(page.messages) == 7

    def test_each_frame_is_drawn_once_and_in_order(self, tmp_path):
        drawn = []

        def frame(i):
            drawn.append(i)
            return grey(i)

        written(tmp_path, kcomm.animate(frame, frames=30))
        assert drawn == list(range(30))

    def test_blocks(self, tmp_path):
        noise = np.random.default_rng(0).integers(0, 256, (20, 200, 100, 3), np.uint8)
        blocks = written(tmp_path, kcomm.animate(lambda i: noise[i], frames=20)).blocks
        assert len(blocks[0]) == 1  # it can be painted before the rest has come
        assert len(blocks) > 3
        for block in blocks[1:]:
            assert sum(len(message["data"]) for message in block[:-1]) < 512 * 1024


class TestInfo:
    def test_it_begins_as_the_player_stands(self, tmp_path):
        player = kcomm.animate(grey, frames=50, fps=12.5, loop="bounce", speed=2, title="Grey")
        player.seek(30)
        info = written(tmp_path, player).info
        told = {key: info[key] for key in ("fps", "loop", "speed", "title", "width", "height", "index")}
        assert told == {
            "fps": 12.5,
            "loop": "bounce",
            "speed": 2,
            "title": "Grey",
            "width": 64,
            "height": 48,
            "index": 0,
        }
        assert (info["playing"], info["linked"]) == (False, False)
        player.play()
        assert written(tmp_path, player).info["playing"] is True

    def test_another_rate(self, tmp_path):
        assert written(tmp_path, kcomm.animate(grey, frames=5), fps=7).info["fps"] == 7
        assert written(tmp_path, kcomm.animate(grey, frames=5), fps="max").info["fps"] == "max"

    def test_a_title_that_changes_is_that_of_the_first_frame(self, tmp_path):
        figure, axes = plt.subplots(figsize=(2, 1), dpi=50)
        player = kcomm.animate(FuncAnimation(figure, lambda i: [axes.set_title(f"frame {i}")], 5))
        player._service.make_frame(3)
        assert written(tmp_path, player).info["title"] == "frame 0"

    def test_the_size_of_a_function_is_that_of_its_first_frame(self, tmp_path):
        info = written(tmp_path, kcomm.animate(grey), frames=3).info
        assert (info["width"], info["height"]) == (64, 48)


class TestPage:
    def test_a_hostile_title_is_text(self, tmp_path):
        page = written(tmp_path, kcomm.animate(grey, frames=2, title=HOSTILE))
        plain = written(tmp_path, kcomm.animate(grey, frames=2))
        assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
        assert page.info["title"] == HOSTILE
        assert page.find("title")[0][1] == HOSTILE.replace("\ud800", "?")

    def test_the_first_frame_is_there_as_a_picture_too(self, tmp_path):
        page = written(tmp_path, kcomm.animate(lambda i: grey(i + 7), frames=2))
        ((image, _),) = page.find("img")
        data = base64.b64decode(str(image["src"]).partition(",")[2])
        np.testing.assert_array_equal(kcomm.decode(data), grey(7))

    def test_its_policy_allows_its_own_script_and_style_and_nothing_else(self, tmp_path):
        page = written(tmp_path, kcomm.animate(grey, frames=2))
        ((meta, _),) = page.find("meta", **{"http-equiv": "Content-Security-Policy"})
        policy = dict(part.strip().split(" ", 1) for part in str(meta["content"]).split(";"))
        assert policy["default-src"] == "'none'"
        ((_, style),) = page.find("style")
        (script,) = [text for attrs, text in page.find("script") if "type" not in attrs]
        for name, text in (("style-src", style), ("script-src", script)):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert policy[name] == f"'sha256-{digest}'"
        assert set(policy) == {
            "default-src",
            "script-src",
            "style-src",
            "img-src",
            "worker-src",
            "base-uri",
            "form-action",
        }

    def test_it_needs_nothing_from_elsewhere(self, tmp_path):
        page = written(tmp_path, kcomm.animate(grey, frames=2))
        sources = [attrs.get("src") or attrs.get("href") for _, attrs in page.elements]
        assert [source[:15] for source in sources if source] == ["data:image/png;"]
        assert not re.search(r"@import|url\((?!data:)", page.find("style")[0][1])

    def test_the_head_comes_before_the_frames(self, tmp_path):
        page = written(tmp_path, kcomm.animate(grey, frames=2))
        kinds = [attrs.get("type", "code") for tag, attrs in page.elements if tag == "script"]
        assert kinds[:3] == ["application/json", "code", pages.BLOCK_TYPE]


class TestFailures:
    def player(self):
        return kcomm.animate(grey, frames=5)

    @pytest.mark.parametrize(
        ("frames", "error", "words"),
        [
            (None, kcomm.BadArgumentsError, "frames=200"),
            (0, kcomm.BadArgumentsError, "at least one"),
            (range(0), kcomm.BadArgumentsError, "at least one"),
            (-1, kcomm.BadArgumentsError, "at least one"),
            (2.0, kcomm.BadArgumentsError, "a whole number, a range or None"),
            (True, kcomm.BadArgumentsError, "a whole number, a range or None"),
            (range(-1, 2), FrameRangeError, "no frame -1"),
        ],
    )
    def test_frames(self, tmp_path, frames, error, words):
        with pytest.raises(error, match=words):
            kcomm.animate(grey).to_html(tmp_path / "page.html", frames=frames)
        assert os.listdir(tmp_path) == []

    def test_more_frames_than_there_are(self, tmp_path):
        with pytest.raises(FrameRangeError, match="the frames are 0 to 4"):
            self.player().to_html(tmp_path / "page.html", frames=6)

    @pytest.mark.parametrize("path", [None, 7, b"page.html", "", object()])
    def test_what_is_no_path(self, path):
        with pytest.raises(kcomm.BadArgumentsError, match="path is text"):
            self.player().to_html(path)

    def test_a_missing_folder(self, tmp_path):
        with pytest.raises(kcomm.KcommError, match=r"there is no folder .*missing") as caught:
            self.player().to_html(tmp_path / "missing" / "page.html")
        assert caught.value.code == "kcomm.write_failed"
        assert isinstance(caught.value, OSError)

    def test_a_folder(self, tmp_path):
        with pytest.raises(kcomm.KcommError, match="is a folder"):
            self.player().to_html(tmp_path)

    @pytest.mark.skipif(not os.path.exists("/proc/self"), reason="such folders are Linux's")
    def test_a_place_that_can_not_be_written_to(self):
        with pytest.raises(kcomm.KcommError, match="can't be written") as caught:
            self.player().to_html("/proc/self/page.html", progress=False)
        assert caught.value.code == "kcomm.write_failed"

    def test_a_full_disk(self, tmp_path, monkeypatch):
        before = tmp_path / "page.html"
        before.write_text("what was there")

        def full(block):
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr(pages, "_block_element", full)
        with pytest.raises(kcomm.KcommError, match="no space left"):
            self.player().to_html(before, progress=False)
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [
            ("page.html", "what was there")
        ]

    def test_a_frame_that_fails(self, tmp_path):
        def frame(i):
            if i == 3:
                raise RuntimeError("three is too many")
            return grey(i)

        with pytest.raises(
            kcomm.KcommError, match="frame 3 could not be drawn: RuntimeError: three"
        ) as caught:
            kcomm.animate(frame, frames=5).to_html(tmp_path / "page.html", progress=False)
        assert caught.value.code == "kcomm.handler_error"
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert os.listdir(tmp_path) == []

    @pytest.mark.usefixtures("interruptible")
    def test_an_interrupted_cell(self, tmp_path):
        def frame(i):
            if i == 3:
                signal.raise_signal(signal.SIGINT)
            return grey(i)

        with pytest.raises(KeyboardInterrupt):
            kcomm.animate(frame, frames=5).to_html(tmp_path / "page.html", progress=False)
        assert os.listdir(tmp_path) == []

    def test_a_closed_player(self, tmp_path):
        player = self.player()
        player.close()
        with pytest.raises(kcomm.ChannelClosedError):
            player.to_html(tmp_path / "page.html")

    def test_a_player_that_was_never_built(self, tmp_path, monkeypatch):
        pages.load_assets.cache_clear()
        monkeypatch.setattr(importlib.resources, "files", lambda package: tmp_path)
        try:
            with pytest.raises(kcomm.KcommError, match="make js") as caught:
                self.player().to_html(tmp_path / "page.html")
        finally:
            pages.load_assets.cache_clear()
        assert caught.value.code == "kcomm.not_built"


class TestFile:
    def test_it_replaces_what_was_there(self, tmp_path):
        path = tmp_path / "page.html"
        path.write_text("old")
        kcomm.animate(grey, frames=2).to_html(str(path), progress=False)
        assert len(Page(path).messages) == 2

    def test_a_link_stays_one(self, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "page.html").symlink_to(tmp_path / "elsewhere" / "real.html")
        kcomm.animate(grey, frames=2).to_html(tmp_path / "page.html", progress=False)
        assert (tmp_path / "page.html").is_symlink()
        assert os.listdir(tmp_path / "elsewhere") == ["real.html"]

    def test_others_may_read_it_as_they_may_any_new_file(self, tmp_path):
        (tmp_path / "any").touch()
        kcomm.animate(grey, frames=2).to_html(tmp_path / "page.html", progress=False)
        assert (tmp_path / "page.html").stat().st_mode == (tmp_path / "any").stat().st_mode

    def test_a_live_page_is_not_disturbed(self, tmp_path, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(frames=50))
        channel = host.connect(player.target)
        before = channel.call("draw", 20).result(timeout=10)
        figure = (sweep.figure.dpi, sweep.figure.get_size_inches().tolist())
        written(tmp_path, player, frames=10)
        assert (sweep.figure.dpi, sweep.figure.get_size_inches().tolist()) == figure
        after = channel.call("draw", 20).result(timeout=10)
        assert (before["data"], player.index) == (after["data"], 0)

    def test_it_grows_with_what_changes(self, tmp_path):
        sizes = []
        for frames in (100, 200):
            path = tmp_path / f"{frames}.html"
            kcomm.animate(lambda i: grey(i % 256), frames=frames).to_html(path, progress=False)
            sizes.append(path.stat().st_size)
        assets = pages.load_assets()
        frames_only = [size - len(assets.script) - len(assets.style) for size in sizes]
        assert frames_only[1] < 2.2 * frames_only[0]
        for smaller, larger in itertools.pairwise(sizes):
            assert larger - smaller < 100 * 300  # a plain frame is a few dozen bytes
