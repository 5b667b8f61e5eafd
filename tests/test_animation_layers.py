"""What the layers of a figure leave alone, what they are told, and when they are drawn in full."""

from __future__ import annotations

import contextlib
import functools
import io
import threading
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from PIL import Image

from kcomm.animation.drawing.drawn import drawn_source
from kcomm.animation.drawing.layers import PATIENCE, QUIET
from kcomm.animation.drawing.sources import source_of
from kcomm.errors import BadValueError, TooLargeError

mpl.use("agg")


@pytest.fixture(autouse=True)
def no_figure_left():
    yield
    plt.close("all")


class Wave:
    """A wave under a title and a legend."""

    def __init__(self, **options: Any) -> None:
        self.figure: Any
        self.axes: Any
        self.figure, self.axes = plt.subplots(figsize=(3, 2), dpi=50)
        self.x = np.linspace(0, 6, 100)
        (self.line,) = self.axes.plot(self.x, self.x * 0, label="wave")
        self.axes.set(ylim=(-2, 2), title="A wave")
        self.axes.legend(loc="upper right")
        self.also: Any = lambda i: None
        self.returns = bool(options.get("blit"))
        self.source: Any = drawn_source(FuncAnimation(self.figure, self, frames=50, **options), None)
        self.painter = self.source._canvas.painter

    def __call__(self, i):
        self.line.set_ydata(np.sin(self.x + i / 5))
        self.also(i)
        return [self.line] if self.returns else None

    def in_full(self) -> Any:
        """The pixels of a full draw of the figure as it is."""
        canvas: Any = FigureCanvasAgg(self.figure)
        canvas._is_saving = True
        canvas.draw()
        self.figure.set_canvas(self.source._canvas)
        self.source._canvas._was_drawn_by_others = False
        for artist in self.figure.findobj():
            artist._stale = False
        return np.array(canvas.buffer_rgba())

    def check(self, i):
        drawn = self.source.draw(i)
        assert (drawn == self.in_full()).all()
        return drawn


class TestWhatIsDrawn:
    def test_full_draws_only_until_it_is_known_what_moves(self):
        wave = Wave()
        for i in range(20):
            wave.source.draw(i)
        assert (wave.painter.full, wave.painter.fast) == (2, 18)

    def test_what_the_function_returns_is_known_to_move(self):
        wave = Wave(blit=True)
        for i in range(20):
            wave.source.draw(i)
        assert (wave.painter.full, wave.painter.fast) == (1, 19)

    def test_what_lies_above_is_drawn_until_its_pixels_are_known(self, monkeypatch):
        drawn = []
        plain = Legend.draw

        @functools.wraps(plain)
        def draw(self, renderer):
            drawn.append(self)
            plain(self, renderer)

        monkeypatch.setattr(Legend, "draw", draw)
        wave = Wave()
        for i in range(10):
            wave.check(i)
        by_control = 10
        begun = len(drawn) - by_control
        assert begun <= 2 + QUIET + 2
        for i in range(10, 20):
            wave.source.draw(i)
        assert len(drawn) - by_control == begun

    def test_what_changed_once_is_part_of_the_picture_below_again(self):
        wave = Wave()
        wave.also = lambda i: wave.axes.patch.set_alpha(0.5) if i == 3 else None
        for i in range(PATIENCE + 10):
            wave.check(i)
        (layers,) = wave.painter._kept.values()
        assert wave.painter.full == 3
        assert any(step.part.artist is wave.axes.patch for step in layers.below)

    def test_what_was_removed_is_let_go(self):
        wave = Wave()

        def also(i):
            for text in list(wave.axes.texts):
                text.remove()
            wave.axes.text(1, 1, str(i))

        wave.also = also
        for i in range(12):
            wave.source.draw(i)
        wave.check(12)
        (layers,) = wave.painter._kept.values()
        texts = [part for part in layers.moving if part.artist in wave.axes.texts]
        assert len(layers.moving) == len(texts) + 1
        assert wave.painter.full <= 3

    def test_artists_that_are_not_of_matplotlib(self):
        class Late(Line2D):
            """Looks different each time, without a note."""

            count = 0

            def draw(self, renderer):
                self._color = "rgb"[Late.count // 2 % 3]  # drawn twice a frame here
                Late.count += 1
                super().draw(renderer)

        wave = Wave()
        wave.axes.add_line(Late([0, 6], [1, 1], lw=5))
        colours = {tuple(wave.check(i)[31, 75]) for i in range(9)}
        assert len(colours) == 3

    def test_a_draw_method_of_one_artist(self):
        wave = Wave()
        drawn = []
        plain = wave.line.draw

        def draw(renderer):
            drawn.append(renderer)
            plain(renderer)

        wave.line.draw = draw
        for i in range(5):
            wave.check(i)
        assert len(drawn) == 10
        assert wave.line.draw is draw

    def test_those_who_wait_for_draws_may_change_the_figure(self):
        wave = Wave()
        events: list[Any] = []

        def on_draw(event):
            events.append(event)
            wave.axes.set_xlabel(f"{len(events)} draws")

        wave.figure.canvas.mpl_connect("draw_event", on_draw)
        for i in range(3):
            wave.source.draw(i)
        assert len(events) == 3
        assert wave.axes.xaxis.label.get_text() == "3 draws"


class TestWhatIsLeftAlone:
    def test_the_figure_is_as_it_was(self):
        wave = Wave(blit=False)
        text = wave.figure.text(0, 0, "x", animated=True)
        flags = [(artist, artist.get_animated()) for artist in wave.figure.findobj()]
        callbacks = [(artist, artist.stale_callback) for artist in wave.figure.findobj()]
        for i, scale in enumerate((1, 2, 1, 0.5)):
            wave.source.draw(i, scale)
            assert wave.figure.dpi == 50
            assert wave.figure.get_size_inches().tolist() == [3, 2]
            assert wave.source.size == (150, 100)
        assert text.get_animated()
        assert all(artist.get_animated() == flag for artist, flag in flags)
        assert all(artist.stale_callback == callback for artist, callback in callbacks)
        replaced = {"draw", "get_tightbbox", "get_layout_engine"}
        assert not any(replaced & set(vars(artist)) for artist in wave.figure.findobj())

    def test_saving_between_frames(self, tmp_path):
        wave = Wave(blit=True)
        for i in range(4):
            drawn = wave.check(i)
            wave.figure.savefig(tmp_path / "frame.png", dpi=50)
            with Image.open(tmp_path / "frame.png") as image:
                assert (np.asarray(image) == drawn).all()
            wave.figure.savefig(tmp_path / "frame.pdf")

    def test_drawing_for_itself(self):
        wave = Wave()
        for i in range(6):
            drawn = wave.source.draw(i)
            wave.figure.canvas.draw()
            assert (np.asarray(wave.figure.canvas.buffer_rgba()) == drawn).all()
        assert wave.source.version == 0


class TestVersion:
    def test_own_frames_leave_it(self):
        wave = Wave()
        for i in (0, 1, 2, 0, 1):
            wave.source.draw(i, 1 + i % 2)
            assert wave.source.version == 0

    def test_changes_by_others(self):
        wave = Wave()
        for i in range(5):
            wave.source.draw(i)
        wave.axes.set_facecolor("red")
        assert wave.source.version == wave.source.version == 1
        wave.check(5)
        assert wave.source.version == 1
        wave.axes.set_title("Another")
        wave.figure.savefig("/dev/null", format="svg")  # leaves no note of the change
        wave.check(6)
        assert wave.source.version == 2

    def test_redraw(self):
        wave = Wave()
        for i in range(4):
            wave.source.draw(i)
        full = wave.painter.full
        wave.source.redraw()
        assert wave.source.version == 1
        wave.check(4)
        assert wave.painter.full == full + 1


class TestScale:
    def test_sizes(self):
        wave = Wave()
        assert wave.source.scales
        assert wave.source.draw(0, 2).shape == (200, 300, 4)
        assert wave.source.draw(0, 0.5).shape == (50, 75, 4)

    def test_two_densities_do_not_thrash(self):
        wave = Wave(blit=True)
        for i in range(20):
            wave.source.draw(i, 1)
            wave.source.draw(i, 2)
        assert wave.painter.full == 2

    def test_too_large(self):
        wave = Wave()
        with pytest.raises(TooLargeError, match=r"the figure is 15000 x 10000"):
            wave.source.draw(0, 100)
        wave.check(1)

    def test_figures_that_a_function_returns(self):
        wave = Wave()
        wave.source.draw(0)

        def paint(i):
            wave(i)
            return wave.figure

        source = source_of(paint, None)
        for i in range(8):
            assert (source.draw(i) == wave.in_full()).all()
        assert wave.painter.fast >= 5


class TestFailures:
    def test_a_function_that_raises(self):
        wave = Wave()

        def also(i):
            if i == 3:
                wave.axes.set_title("half")
                raise RuntimeError("not today")

        wave.also = also
        for i in (0, 1, 2):
            wave.check(i)
        with pytest.raises(RuntimeError, match="not today"):
            wave.source.draw(3)
        wave.check(4)
        assert wave.source.version == 0

    def test_an_artist_that_cannot_be_drawn(self):
        wave = Wave()
        for i in range(4):
            wave.source.draw(i)
        wave.also = lambda i: wave.axes.set_title("$\\frac{1}$" if i == 5 else "good")
        with pytest.raises(ValueError, match="frac"):
            wave.source.draw(5)
        wave.check(6)
        assert not any("draw" in vars(artist) for artist in wave.figure.findobj())

    @pytest.mark.parametrize("returned", [None, 5, "line", [1, 2]])
    def test_what_is_no_list_of_artists(self, returned):
        figure = plt.figure(figsize=(1, 1))
        animation: Any = FuncAnimation(figure, lambda i: returned, frames=3)
        drawn_source(animation, None).draw(0)
        animation._blit = True
        with pytest.raises(BadValueError, match="returns the artists that it changed"):
            drawn_source(animation, None).draw(0)

    def test_a_function_that_changes_the_size(self):
        wave = Wave()
        wave.also = lambda i: wave.figure.set_size_inches(4 if i == 2 else 3, 2)
        assert [wave.check(i).shape[1] for i in (0, 1, 2, 3, 2)] == [150, 150, 200, 150, 200]

    def test_others_touch_the_figure_meanwhile(self):
        """Frames may fail or show a mixture; then all is well again."""
        wave = Wave()
        done = threading.Event()

        def touch():
            while not done.is_set():
                text = wave.axes.text(1, 1, "x")
                wave.axes.set_title("x")
                text.remove()

        thread = threading.Thread(target=touch)
        thread.start()
        try:
            for i in range(15):
                with contextlib.suppress(Exception):  # whatever matplotlib says of it
                    wave.source.draw(i)
        finally:
            done.set()
            thread.join()
        for i in range(5):
            wave.check(i)
        assert not any("draw" in vars(artist) for artist in wave.figure.findobj())

    def test_a_layout_that_takes_several_draws_to_settle(self):
        """A tight layout places things a little differently each time; so it is drawn in full until then."""
        figures = []
        for _ in range(2):
            figure, axes = plt.subplots(1, 2, figsize=(4, 2.5), dpi=60, layout="tight")
            figure.colorbar(axes[1].imshow(np.eye(8)), ax=axes[1])
            axes[0].set_title("Two\nlines")
            figures.append(figure)
        source: Any = source_of(FuncAnimation(figures[0], lambda i: None, frames=9), None)
        control: Any = FigureCanvasAgg(figures[1])
        control._is_saving = True
        for i in range(9):
            control.draw()
            np.testing.assert_array_equal(source.draw(i), control.buffer_rgba())

    def test_a_change_by_another_thread_during_a_draw_is_not_lost(self):
        """A line that is painted already gets another colour, and then counts as up to date."""
        wave = Wave()
        for i in range(4):
            wave.source.draw(i)

        def paint_late(renderer):
            thread = threading.Thread(target=wave.axes.set_facecolor, args=["yellow"])
            thread.start()
            thread.join()
            type(wave.line).draw(wave.line, renderer)

        wave.line.draw = paint_late
        wave.source.draw(5)
        del wave.line.draw
        version = wave.source.version
        assert version > 0
        drawn = wave.source.draw(5)
        assert wave.source.version == version
        assert (drawn == wave.in_full()).all()

    def test_a_figure_is_saved_while_nothing_is_drawn(self):
        wave = Wave()
        is_free = []

        def ask():
            is_free.append(wave.source.lock.acquire(blocking=False))

        class Watcher(Line2D):
            def draw(self, renderer):
                thread = threading.Thread(target=ask)
                thread.start()
                thread.join()

        wave.axes.add_line(Watcher([], []))
        wave.figure.savefig(io.BytesIO(), dpi=200)
        assert is_free
        assert not any(is_free)
