"""Every way to say what frames there are, and what is no frame."""

from __future__ import annotations

import itertools
import logging
import weakref
from typing import Any, cast

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure
from PIL import Image

import kcomm
from kcomm.animation.drawing.sequence import MAX_SKIPPED, FrameRangeError, Walked
from kcomm.errors import BadArgumentsError, KcommError, NoKernelError
from tests.animations import Sweep, draw, failure, height, page_of, pixels

mpl.use("agg")

pytestmark = pytest.mark.usefixtures("tidy")


class TestFrames:
    """Every way to give FuncAnimation its frames."""

    def ask(self, host, frames, indices, *, count=None, **options):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(frames, **options))
        channel = host.connect(player.target)
        assert channel.call("info").result(timeout=10)["count"] == count
        sweep.drawn.clear()
        for index in indices:
            pixels(draw(channel, index))
        return player, channel, sweep.drawn

    @pytest.mark.parametrize("blit", [False, True])
    @pytest.mark.parametrize("repeat", [False, True])
    @pytest.mark.parametrize(
        ("frames", "data", "count"),
        [
            (5, [4, 0, 2], 5),
            ([10, 11, 12, 13, 14], [14, 10, 12], 5),
            (range(10, 20), [14, 10, 12], 10),
            (np.arange(10, 15), [14, 10, 12], 5),
            ({10: "a", 11: "b", 12: "c", 13: "d", 14: "e"}, [14, 10, 12], 5),
            (lambda: iter(range(10, 15)), [14, 10, 12], None),
        ],
        ids=["int", "list", "range", "array", "dict", "generator function"],
    )
    def test_any_order(self, host, frames, data, count, repeat, blit):
        options = {"repeat": repeat, "blit": blit, "cache_frame_data": False}
        _, _, drawn = self.ask(host, frames, [4, 0, 2], count=count, **options)
        assert drawn == data

    @pytest.mark.parametrize("blit", [False, True])
    @pytest.mark.parametrize("repeat", [False, True])
    def test_an_iterator(self, host, repeat, blit):
        options = {"repeat": repeat, "blit": blit, "cache_frame_data": False}
        first = 2 if blit and not repeat else 0  # then matplotlib has used up the first items
        _, _, drawn = self.ask(host, iter(range(10, 20)), [3, 0, 2], **options)
        assert drawn == [13 + first, 10 + first, 12 + first]

    def test_an_iterable_that_begins_again(self, host):
        class Ten:
            def __iter__(self):
                return iter(range(10, 20))

        indices = [4, 0, 2]
        _, _, drawn = self.ask(host, Ten(), indices, cache_frame_data=False)
        assert drawn == [14, 10, 12]

    def test_none_counts_without_end(self, host):
        _, _, drawn = self.ask(host, None, [5, 10**12, 0], cache_frame_data=False)
        assert drawn == [5, 10**12, 0]

    def test_frames_of_animate_put_an_end_to_it(self, host):
        player = kcomm.animate(Sweep().animation(None, cache_frame_data=False), frames=7)
        assert player.count == 7
        with pytest.raises(FrameRangeError):
            player.seek(7)

    def test_fargs_init_func_and_interval(self, host):
        sweep = Sweep()
        calls: list[Any] = []
        animation = FuncAnimation(
            sweep.figure,
            lambda *args: calls.append(args),
            frames=9,
            init_func=lambda: calls.append("init"),
            fargs=("a", 2),
            interval=40,
        )
        player = kcomm.animate(animation)
        assert player.fps == 25
        channel = host.connect(player.target)
        assert channel.call("info").result(timeout=10)["interval"] == 40
        for index in (3, 4, 0):
            draw(channel, index)
        assert calls == ["init", (3, "a", 2), (4, "a", 2), "init", (0, "a", 2)]

    def test_no_frame_data_pile_up(self, host):
        """Neither here nor in matplotlib's own cache."""
        alive: weakref.WeakSet[Any] = weakref.WeakSet()

        class Datum:
            pass

        def endless():
            while True:
                datum = Datum()
                alive.add(datum)
                yield datum

        player = kcomm.animate(FuncAnimation(plt.figure(), lambda datum: None, endless, save_count=10_000))
        data = cast(Any, player._service.source)._frames
        for index in range(500):
            data.get(index)
        assert len(alive) <= 101
        data.get(401)  # steps back within what is kept begin nothing anew
        assert data._next == 500

    def test_a_walk_has_an_end(self, host):
        _, channel, _ = self.ask(host, lambda: itertools.count(), [0], cache_frame_data=False)
        assert f"at most {MAX_SKIPPED}" in failure(draw(channel, 10**9))

    def test_an_iterator_cannot_begin_again(self, host):
        player, channel, _ = self.ask(host, iter(range(500)), [499], cache_frame_data=False)
        assert player.loop is False
        assert "begin again" in failure(draw(channel, 0))
        assert "end with number 499" in failure(draw(channel, 500))
        assert player.count == 500

    def test_save_count_keeps_that_many(self, host):
        self.ask(host, iter(range(500)), [499, 0], save_count=500)

    def test_zero_frames(self, host):
        nothings: list[Any] = [0, [], range(0)]
        for nothing in nothings:
            with pytest.raises(BadArgumentsError, match="no frames"):
                kcomm.animate(Sweep().animation(nothing, repeat=False))
            plt.close("all")

    def test_a_generator_that_raises_has_not_just_ended(self, host):
        def numbers():
            yield from range(5)
            raise OSError("no more data")

        player = kcomm.animate(Sweep().animation(frames=numbers, save_count=50))
        channel = page_of(host, player)
        for index, message in (
            (5, "OSError: no more data"),
            (6, "what gives them raised OSError: no more data"),
        ):
            error = draw(channel, index)["error"]
            assert error["code"] == "kcomm.handler_error"
            assert error["message"].endswith(message)
        assert player.count is None
        assert height(draw(channel, 3)) == pytest.approx(3, abs=1.5)

    def test_a_generator_that_an_interrupt_ended_begins_anew(self):
        interrupts = [KeyboardInterrupt]

        def numbers():
            for number in range(9):
                if number == 5 and interrupts:
                    raise interrupts.pop()
                yield number

        again = Walked(numbers, can_rewind=True)
        with pytest.raises(KeyboardInterrupt):
            again.get(7)
        assert again.get(7) == 7

        interrupts.append(KeyboardInterrupt)
        once = numbers()
        walked = Walked(lambda: once, can_rewind=False)
        with pytest.raises(KeyboardInterrupt):
            walked.get(7)
        assert walked.get(4) == 4
        with pytest.raises(kcomm.KcommError, match="interrupted by KeyboardInterrupt"):
            walked.get(7)

    def test_a_generator_with_nothing_in_it(self, host):
        player = kcomm.animate(Sweep().animation(lambda: iter(()), cache_frame_data=False))
        channel = host.connect(player.target)
        assert "no frames" in failure(draw(channel, 0))
        for loop in (False, True):
            with pytest.raises(KcommError, match="no frame"):
                next(channel.stream("play", 0, 1, loop))


class TestFunctions:
    def test_arrays(self, host):
        player = kcomm.animate(lambda i: np.full((4, 6), i, np.uint8), frames=9)
        channel = host.connect(player.target)
        assert (pixels(draw(channel, 8)) == [8, 8, 8, 255]).all()
        info = channel.call("info").result(timeout=10)
        assert (info["count"], info["width"], info["height"], info["fps"]) == (9, 6, 4, 30)

    def test_an_array_that_is_painted_over(self, host):
        canvas = np.zeros((4, 6), np.uint8)

        def paint(i):
            canvas[:] = i
            return canvas

        source = kcomm.animate(paint)._service.source
        first = source.draw(1)
        source.draw(2)
        assert (first == 1).all()

    def test_pillow_images(self, host):
        player = kcomm.animate(lambda i: Image.new("RGB", (6, 4), (i, 0, 0)))
        assert pixels(draw(host.connect(player.target), 77))[0, 0].tolist() == [77, 0, 0, 255]

    def test_figures_are_left_to_nobody_else(self, host):
        def paint(i):
            figure, axes = plt.subplots(figsize=(2, 1))
            axes.plot([i, 1])
            return figure

        channel = page_of(host, kcomm.animate(paint))
        for index in range(25):  # pyplot warns of 20 open figures
            assert draw(channel, index)["width"] == 200
        assert plt.get_fignums() == []

    def test_subfigures_and_sizes_that_change(self, host):
        figure = Figure(figsize=(2, 1), dpi=50)
        part = cast(Any, figure.subfigures(1, 2))[0]
        channel = page_of(host, kcomm.animate(lambda i: part if i else np.zeros((3, 3))))
        assert [draw(channel, i)["width"] for i in (0, 1)] == [3, 100]

    @pytest.mark.parametrize(
        ("result", "said"),
        [
            (None, "returned NoneType"),
            ("picture", "returned str"),
            (np.zeros((2, 2, 2)), r"\(2, 2, 2\)"),
            (np.full((2, 2), 7.0), "from 7 to 7"),
            (np.zeros((2, 2), np.int32), "int32"),
        ],
    )
    def test_what_is_no_picture(self, host, result, said):
        message = draw(page_of(host, kcomm.animate(lambda i: result)), 4)
        assert message["index"] == 4
        assert message["error"]["code"] == "kcomm.bad_value"
        assert message["error"]["message"].startswith("frame 4: ")
        with pytest.raises(AssertionError, match=said):
            raise AssertionError(message["error"]["message"])


class TestFailures:
    def test_a_frame_that_raises_costs_itself_only(self, host, caplog):
        def paint(i):
            if i % 2:
                raise RuntimeError(f"no frame {i} today")
            return np.zeros((2, 2))

        player = kcomm.animate(paint, frames=6)
        with caplog.at_level(logging.ERROR, "kcomm.animation"):
            frames = list(host.connect(player.target).stream("play", 0, 1, False))
        assert [frame["index"] for frame in frames] == list(range(6))
        assert [("error" in frame) for frame in frames] == [False, True] * 3
        assert frames[3]["error"] == {
            "code": "kcomm.handler_error",
            "message": "frame 3: RuntimeError: no frame 3 today",
        }
        (record,) = caplog.records  # with its traceback, and once
        assert record.exc_info[0] is RuntimeError
        assert "frame 1" in record.message

    def test_a_figure_too_large(self, host):
        figure = Figure(figsize=(100, 100), dpi=100)
        message = draw(page_of(host, kcomm.animate(lambda i: figure)), 0)
        assert message["error"]["code"] == "kcomm.too_large"
        assert "10000 x 10000" in message["error"]["message"]

    def test_a_closed_figure_is_drawn_all_the_same(self, host):
        sweep = Sweep()
        animation = sweep.animation()
        plt.close(sweep.figure)
        assert height(draw(page_of(host, kcomm.animate(animation)), 20)) == pytest.approx(20, abs=1.5)

    def test_an_interval_of_nothing_is_flat_out(self, host):
        assert kcomm.animate(Sweep().animation(interval=0)).fps == "max"

    @pytest.mark.parametrize(
        ("animation", "said"),
        [(None, "not NoneType"), (np.zeros((3, 3)), "not ndarray"), (Figure(), "not a Figure")],
    )
    def test_what_is_no_animation(self, host, animation, said):
        with pytest.raises(BadArgumentsError, match=said):
            kcomm.animate(animation)

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("fps", 0),
            ("fps", -1),
            ("fps", "fast"),
            ("fps", float("inf")),
            ("fps", True),
            ("speed", 0),
            ("speed", "max"),
            ("frames", 0),
            ("frames", 1.5),
            ("frames", True),
            ("codec", "gif"),
            ("quality", 85),
        ],
    )
    def test_options_out_of_range(self, host, option, value):
        with pytest.raises(BadArgumentsError, match=str(value)):
            kcomm.animate(lambda i: None, **{option: value})

    def test_arguments_of_pages(self, host):
        channel = page_of(host, kcomm.animate(Sweep().animation()))
        for index in (-1, 50, 10**9):
            assert f"no frame {index}; the frames are 0 to 49" in failure(draw(channel, index))
        for wrong in (1.5, "x", None, True):
            with pytest.raises(KcommError) as caught:
                draw(channel, wrong)
            assert caught.value.code == "kcomm.bad_arguments"
        for args in ((0, 0, True), (50, 1, True), (-1, 1, True), (0, 1), (0, 1, "yes")):
            with pytest.raises(KcommError) as caught:
                next(channel.stream("play", *args))
            assert caught.value.code == "kcomm.bad_arguments"
        assert height(draw(channel, 7)) == pytest.approx(7, abs=1.5)

    def test_outside_a_kernel(self):
        with pytest.raises(NoKernelError):
            kcomm.animate(lambda i: np.zeros((2, 2)))
