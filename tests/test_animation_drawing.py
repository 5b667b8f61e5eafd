"""Frames drawn when asked for and only then, straight from their figures."""

from __future__ import annotations

import gc
import time
import warnings
import weakref
from typing import Any, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import ArtistAnimation, FuncAnimation, TimedAnimation
from matplotlib.figure import Figure
from PIL import Image

import kcomm
from kcomm.animation.drawing.figures import adopt
from kcomm.animation.drawing.sources import source_of
from tests.animations import Sweep, draw, height, page_of, pixels, take, until

mpl.use("agg")

pytestmark = pytest.mark.usefixtures("tidy")


class TestDrawing:
    @pytest.mark.parametrize("blit", [False, True])
    def test_indices_drawn_are_those_asked_for(self, host, blit):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(100_000, blit=blit))
        channel = host.connect(player.target)
        channel.call("info").result(timeout=10)
        sweep.drawn.clear()  # with blit=True matplotlib itself draws frame 0 at once
        for index in (7, 3, 40, 0, 99_999, 3):
            draw(channel, index)
        with channel.stream("play", 20, -2, False, window=1) as frames:
            got = [frame["index"] for frame in take(frames, 3)]
        assert got == [20, 18, 16]
        assert sweep.drawn[:8] == [7, 3, 40, 0, 99_999, 20, 18, 16]  # the second 3 is still kept

    def test_nothing_is_drawn_ahead_of_credit(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation())
        with host.connect(player.target).stream("play", 0, 1, True, window=4) as frames:
            next(frames)
            until(lambda: len(sweep.drawn) == 4)
            time.sleep(0.1)
            assert sweep.drawn == [0, 1, 2, 3]

    @pytest.mark.parametrize("blit", [False, True])
    def test_the_pixels_are_those_of_the_frame(self, host, blit):
        player = kcomm.animate(Sweep().animation(blit=blit))
        channel = host.connect(player.target)
        for index in (10, 45, 10, 30):
            assert height(draw(channel, index)) == pytest.approx(index, abs=1.5)

    def test_the_pixels_are_what_savefig_writes(self, host, tmp_path):
        sweep = Sweep()
        channel = page_of(host, kcomm.animate(sweep.animation(), codec="png"))
        got = pixels(draw(channel, 12))
        sweep.figure.savefig(tmp_path / "frame.png", dpi=50)
        with Image.open(tmp_path / "frame.png") as image:
            assert (got == np.asarray(image)).all()

    def test_the_first_frame_alone_needs_no_page(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation())
        assert "image/png" in player._repr_mimebundle_()
        assert sweep.drawn == [0]

    def test_pixels_are_snapshots(self, host):
        sweep = Sweep()
        source = kcomm.animate(sweep.animation())._service.source
        first = source.draw(10)
        before = first.copy()
        source.draw(40)
        assert (first == before).all()

    def test_straight_alpha(self, host):
        figure = Figure(figsize=(1, 1), dpi=20, facecolor=(1, 0, 0, 0.5))
        player = kcomm.animate(lambda i: figure)
        message = draw(host.connect(player.target), 0)
        assert pixels(message)[0, 0].tolist() == [255, 0, 0, 128]


class TestBlit:
    def test_only_the_returned_artists_are_drawn_again(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(blit=True))
        channel = host.connect(player.target)
        for index in range(5):
            draw(channel, index)
        assert adopt(sweep.figure).painter.full == 1

    def test_a_change_of_something_else_shows(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(blit=True))
        channel = host.connect(player.target)
        before = pixels(draw(channel, 5))
        with player.lock:
            sweep.figure.axes[0].set_facecolor("blue")
        after = pixels(draw(channel, 5))
        assert before[20, 50].tolist() == [255, 255, 255, 255]
        assert after[20, 50].tolist() == [0, 0, 255, 255]

    def test_another_size_shows(self, host):
        sweep = Sweep()
        channel = page_of(host, kcomm.animate(sweep.animation(blit=True)))
        assert draw(channel, 5)["width"] == 100
        sweep.figure.set_size_inches(3, 1)
        assert draw(channel, 5)["width"] == 150

    def test_artists_made_anew_for_each_frame(self, host):
        figure, axes = plt.subplots(figsize=(2, 1), dpi=50)
        axes.set_axis_off()

        def update(i):
            for text in list(axes.texts):
                text.remove()
            return [axes.text(0, 0, str(i))]

        channel = page_of(host, kcomm.animate(FuncAnimation(figure, update, 9, blit=True)))
        one, two, again = (pixels(draw(channel, i)) for i in (1, 2, 1))
        assert (one == again).all()
        assert (one != two).any()

    def test_animated_artists_are_drawn_without_blit_too(self, host):
        channel = page_of(host, kcomm.animate(Sweep(animated=True).animation()))
        assert height(draw(channel, 25)) == pytest.approx(25, abs=1.5)

    def test_a_function_that_returns_nothing(self, host):
        sweep = Sweep()
        animation = sweep.animation(blit=True)
        animation._func = lambda i: None
        message = draw(page_of(host, kcomm.animate(animation)), 3)
        assert "returns the artists" in message["error"]["message"]


class TestArtists:
    def artists(self, blit=False):
        figure = plt.figure(figsize=(2, 1), dpi=50)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        spots = [[axes.axvspan(i, i + 1, color="black")] for i in range(10)]
        return ArtistAnimation(figure, spots, interval=100, blit=blit, repeat=False)

    @pytest.mark.parametrize("blit", [False, True])
    def test_each_frame_shows_its_own(self, host, blit):
        player = kcomm.animate(self.artists(blit))
        assert (player.count, player.fps, player.loop) == (10, 10, False)
        channel = host.connect(player.target)
        for index in (9, 0, 5, 5):
            black = (pixels(draw(channel, index))[25, :, 0] == 0).nonzero()[0]
            spot = (black.mean() + 0.5 - 100 / 22) / (1000 / 11) * 10
            assert spot == pytest.approx(index + 0.5, abs=0.3)

    def test_something_of_no_known_kind(self, host):
        class Subclass(TimedAnimation):
            def __init__(self, sweep):
                self.sweep = sweep
                super().__init__(sweep.figure, interval=50)

            def new_frame_seq(self):
                return iter(range(20))

            def _draw_frame(self, framedata):
                self._drawn_artists = self.sweep(framedata)

        sweep = Sweep()
        channel = page_of(host, kcomm.animate(Subclass(sweep)))
        assert height(draw(channel, 15)) == pytest.approx(15, abs=1.5)
        assert height(draw(channel, 3)) == pytest.approx(3, abs=1.5)
        assert sweep.drawn == [15, 3]


class TestFigures:
    def test_pyplot_forgets_the_figure(self, host):
        sweep = Sweep()
        assert plt.get_fignums()
        kcomm.animate(sweep.animation())
        assert plt.get_fignums() == []

    def test_other_figures_stay(self, host):
        other = plt.figure()
        kcomm.animate(Sweep().animation())
        assert plt.get_fignums() == [other.number]

    def test_the_animation_never_runs_by_itself(self, host):
        sweep = Sweep()
        animation = sweep.animation(blit=True)
        started = []
        animation.event_source.start = lambda *args: started.append(args)
        player = kcomm.animate(animation)
        channel = host.connect(player.target)
        draw(channel, 3)
        sweep.figure.set_size_inches(4, 2)
        draw(channel, 3)
        sweep.figure.canvas.draw()
        assert started == []
        assert animation.event_source.callbacks == []

    def test_an_animation_that_was_never_shown_is_dropped_without_a_warning(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation())
        animation = weakref.ref(cast(Any, player._service.source)._animation)
        player.close()
        del player, sweep
        with warnings.catch_warnings(record=True) as warned:
            until(lambda: gc.collect() >= 0 and animation() is None)
        assert [str(warning.message) for warning in warned] == []

    def test_the_canvas_of_another_backend(self, host):
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        figure = Figure(figsize=(2, 1), dpi=50)
        FigureCanvasSVG(figure)
        sweep = Sweep(figure)
        assert height(draw(page_of(host, kcomm.animate(sweep.animation())), 9)) == pytest.approx(9, abs=1.5)

    def test_a_screen_of_high_density(self):
        figure = plt.figure(figsize=(2, 1), dpi=50)
        cast(Any, figure.canvas)._set_device_pixel_ratio(2)
        assert adopt(figure).grab().shape == (50, 100, 4)

    def test_the_same_canvas_when_taken_over_twice(self):
        figure = plt.figure()
        assert adopt(figure) is adopt(figure) is figure.canvas

    def test_saving_still_works(self, host, tmp_path):
        sweep = Sweep()
        kcomm.animate(sweep.animation())
        sweep.figure.savefig(tmp_path / "a.pdf")
        sweep.figure.savefig(tmp_path / "a.svg")

    def test_drawing_waits_for_the_lock(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation())
        channel = host.connect(player.target)
        with player.lock:
            call = channel.call("draw", 1)
            time.sleep(0.1)
            assert sweep.drawn == []
        call.result(timeout=10)
        assert sweep.drawn == [1]

    def test_two_players_of_one_figure(self, host):
        sweep = Sweep()
        animation = sweep.animation()
        one, two = kcomm.animate(animation), kcomm.animate(animation)
        assert one.lock is two.lock
        first, second = host.connect(one.target), host.connect(two.target)
        for index in range(5, 50, 5):
            for channel in (first, second):
                assert height(draw(channel, index)) == pytest.approx(index, abs=1.5)

    def test_a_function_whose_figures_are_to_be_drawn_anew(self):
        figure = Figure(figsize=(2, 1), dpi=50)
        figure.add_subplot().plot([0, 1])
        source: Any = source_of(lambda i: figure, None)
        for i in range(4):
            source.draw(i)
        painter: Any = cast(Any, figure.canvas).painter
        full = painter.full
        source.draw(4)
        assert painter.full == full
        source.redraw()
        source.draw(5)
        assert painter.full == full + 1
