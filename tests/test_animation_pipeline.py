"""How frames come about: what is drawn when, how often, beside what, and what is kept."""

from __future__ import annotations

import contextvars
import math
import threading
from concurrent.futures import wait
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure

import kcomm
from kcomm.animation import playing
from kcomm.errors import BadArgumentsError, CallCancelledError, KcommError
from kcomm.frames import Frame
from kcomm.frames.decoder import Decoder
from kcomm.frames.encoder import Encoder
from tests.animations import Sweep, draw, know_size, page_of, pixels, take, until

mpl.use("agg")

pytestmark = pytest.mark.usefixtures("tidy")


def pipeline_of(player: Any) -> Any:
    return player._service._pipeline


class Gate:
    """Draws frames of one colour each; the first one only when it is let through."""

    def __init__(self, shut=0):
        self.drawn: list[int] = []
        self.shut = shut
        self.begun = threading.Event()
        self.open = threading.Event()

    def __call__(self, i):
        self.drawn.append(i)
        if i == self.shut:
            self.begun.set()
            assert self.open.wait(20)
        return np.full((4, 6), i % 256, np.uint8)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open.set()


def large():
    """A plot of which little changes from frame to frame."""
    return Sweep(Figure(figsize=(4, 3), dpi=100))


def photograph(i):
    return np.random.default_rng(i).integers(0, 256, (60, 80, 3), np.uint8)


class TestAhead:
    def test_a_frame_is_encoded_while_the_next_is_drawn(self, host, monkeypatch):
        encodes, draws = threading.Event(), threading.Event()
        encode = Encoder.encode

        def encode_beside(self, frame, **options):
            if frame.index == 0:
                encodes.set()
                assert draws.wait(10)
            return encode(self, frame, **options)

        def paint(i):
            if i == 1:
                draws.set()
                assert encodes.wait(10)
            return np.zeros((2, 2))

        monkeypatch.setattr(Encoder, "encode", encode_beside)
        player = kcomm.animate(paint, frames=3)
        know_size(player, (2, 2))
        frames = list(host.connect(player.target).stream("play", 0, 1, False, window=4))
        assert [frame["index"] for frame in frames] == [0, 1, 2]

    def test_a_stream_that_is_left_draws_no_more(self, host, gate):
        player = kcomm.animate(gate)
        know_size(player, (6, 4))
        channel = host.connect(player.target)
        with channel.stream("play", 0, 1, True, window=8):
            assert gate.begun.wait(10)
        other = host.connect(player.target)
        gate.open.set()
        draw(other, 77)
        assert gate.drawn == [0, 77]

    def test_what_is_asked_for_at_rest_goes_before_what_is_drawn_ahead(self, host, gate):
        player = kcomm.animate(gate)
        know_size(player, (6, 4))
        channel, other = host.connect(player.target), host.connect(player.target)
        with channel.stream("play", 0, 1, True, window=4) as frames:
            assert gate.begun.wait(10)
            call = other.call("draw", 50)
            until(lambda: len(player._service._draws) == 1)
            gate.open.set()
            assert call.result(timeout=10)["index"] == 50
            assert [frame["index"] for frame in take(frames, 4)] == [0, 1, 2, 3]
        assert gate.drawn[:4] == [0, 50, 1, 2]

    def test_streams_take_turns(self, host, gate):
        player = kcomm.animate(gate)
        know_size(player, (6, 4))
        one, two = (host.connect(player.target) for _ in range(2))
        with one.stream("play", 0, 1, True, window=3) as first:
            assert gate.begun.wait(10)
            with two.stream("play", 100, 1, True, window=3) as second:
                until(lambda: len(pipeline_of(player)._jobs) == 6)
                gate.open.set()
                take(first, 3)
                take(second, 3)
                until(lambda: len(gate.drawn) >= 6)
                assert gate.drawn[:5] == [0, 1, 100, 2, 101]

    def test_large_frames_are_not_drawn_ahead_by_number(self, host, monkeypatch):
        monkeypatch.setattr(playing, "MAX_AHEAD", 100_000)
        drawn = []

        def paint(i):
            drawn.append(i)
            return np.zeros((100, 100, 4), np.uint8)  # 40 kB, raw

        player = kcomm.animate(paint, codec="raw", cache=0)
        waiting = []
        request = pipeline_of(player).request

        def count(*args, **options):
            ticket = request(*args, **options)
            waiting.append(len(pipeline_of(player)._jobs))
            return ticket

        monkeypatch.setattr(pipeline_of(player), "request", count)
        frames = take(host.connect(player.target).stream("play", 0, 1, True, window=32), 40)
        assert [frame["index"] for frame in frames] == list(range(40))
        assert max(waiting) == 2

    def test_several_pages_share_the_drawing(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(20))
        channels = [host.connect(player.target) for _ in range(3)]
        streams = [channel.stream("play", 0, 1, False, window=4) for channel in channels]
        for _ in range(20):
            assert len({next(stream)["index"] for stream in streams}) == 1
        assert sorted(sweep.drawn) == list(range(20))
        assert player.stats().cached + player.stats().drawn >= 20

    def test_one_draw_for_all_who_ask_meanwhile(self, host, gate):
        player = kcomm.animate(gate, cache=0)
        channels = [host.connect(player.target) for _ in range(3)]
        calls = [channel.call("draw", 0) for channel in channels]
        until(lambda: len(player._service._draws) == 3)
        gate.open.set()
        assert all((pixels(call.result(timeout=10)) == [0, 0, 0, 255]).all() for call in calls)
        assert gate.drawn == [0]

    def test_what_the_link_carries_is_told_to_the_encoder(self, host, monkeypatch):
        budgets = []
        encode = Encoder.encode

        def note(self, frame, *, exact=False, budget=None):
            budgets.append((frame.index, budget))
            return encode(self, frame, exact=exact, budget=budget)

        class Narrow:
            budget = None

            def sent(self, size):
                pass

            def resumed(self, done, wanted):
                assert wanted == 30
                self.budget = 1234

        monkeypatch.setattr(Encoder, "encode", note)
        monkeypatch.setattr(playing, "Link", Narrow)
        player = kcomm.animate(photograph, frames=3)
        channel = host.connect(player.target)
        list(channel.stream("play", 0, 1, False, window=1))
        draw(channel, 0)
        assert budgets == [(0, None), (1, 1234), (2, 1234), (0, None)]


class TestAtRest:
    def test_the_newest_of_a_page_wins(self, host, gate):
        player = kcomm.animate(gate)
        channel, other = host.connect(player.target), host.connect(player.target)
        first = channel.call("draw", 0)
        assert gate.begun.wait(10)
        calls = [channel.call("draw", index) for index in (1, 2, 3)]
        others = other.call("draw", 9)
        for call in calls[:2]:
            with pytest.raises(CallCancelledError):
                call.result(timeout=10)
        gate.open.set()
        assert [call.result(timeout=10)["index"] for call in (first, calls[2], others)] == [0, 3, 9]
        assert gate.drawn == [0, 3, 9]

    def test_what_was_given_up_is_not_drawn(self, host, gate, caplog):
        player = kcomm.animate(gate)
        channel, other = host.connect(player.target), host.connect(player.target)
        first = channel.call("draw", 0)
        assert gate.begun.wait(10)
        call = other.call("draw", 5)
        until(lambda: len(player._service._draws) == 2)
        call.cancel()
        until(lambda: len(player._service._draws) == 1)
        gate.open.set()
        first.result(timeout=10)
        draw(other, 6)
        assert gate.drawn == [0, 6]
        assert caplog.records == []

    def test_what_is_superseded_does_not_pile_up_behind_a_draw_that_hangs(self, host, gate):
        player = kcomm.animate(gate)
        channel = host.connect(player.target)
        first = channel.call("draw", 0)
        assert gate.begun.wait(10)
        for index in range(1, 40):
            call = channel.call("draw", index)
        until(lambda: [wanted.index for wanted in pipeline_of(player)._jobs] == [0, 39])
        pipeline = pipeline_of(player)
        assert len(pipeline._turns) == 1
        assert len(pipeline._lane.jobs) == 1
        gate.open.set()
        assert [each.result(timeout=10)["index"] for each in (first, call)] == [0, 39]

    def test_nobody_walks_to_a_far_frame_that_was_given_up(self, host, caplog):
        is_walking, may_walk = threading.Event(), threading.Event()

        def numbers():
            for index in range(10_000):
                if index == 50:
                    is_walking.set()
                    assert may_walk.wait(10)
                yield index
            pytest.fail("it walked to the end")

        player = kcomm.animate(Sweep().animation(numbers, cache_frame_data=False))
        channel = host.connect(player.target)
        far = channel.call("draw", 100_000)
        assert is_walking.wait(10)
        far.cancel()
        until(lambda: not player._service._draws)
        may_walk.set()
        assert draw(channel, 7)["index"] == 7
        assert caplog.records == []

    def test_a_photograph_is_exact_at_rest(self, host):
        player = kcomm.animate(photograph)
        channel = host.connect(player.target)
        (moving,) = take(channel.stream("play", 3, 1, True), 1)
        dragged = channel.call("draw", 3, 1.0, False).result(timeout=10)
        at_rest = draw(channel, 3)
        assert moving["codec"] == dragged["codec"] == "jpeg"
        np.testing.assert_array_equal(pixels(at_rest)[..., :3], photograph(3))

    def test_what_was_seen_is_what_is_exact(self, host):
        """A function that goes on with each call gives another picture the second time."""
        state = np.random.default_rng(0)
        states = []

        def evolve(i):
            states.append(state.integers(0, 256, (60, 80, 3), np.uint8))
            return states[-1]

        player = kcomm.animate(evolve)
        channel = host.connect(player.target)
        with channel.stream("play", 0, 1, True, window=4) as stream:
            frames = take(stream, 4)
        at_rest = draw(channel, 3)
        assert [frame["codec"] for frame in frames] == ["jpeg"] * 4
        np.testing.assert_array_equal(pixels(at_rest)[..., :3], states[3])
        assert player.stats().drawn == len(states)

    def test_a_plot_need_not_be_drawn_again_for_that(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation())
        channel = host.connect(player.target)
        take(channel.stream("play", 3, 1, False, window=1), 1)
        draw(channel, 3)
        assert sweep.drawn == [3]


class TestCache:
    def test_what_plays_again_is_not_drawn_again(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(10))
        channel = host.connect(player.target)
        frames = take(channel.stream("play", 0, 1, True), 35)
        assert sweep.drawn == list(range(10))
        decoder = Decoder()
        for number, frame in enumerate(frames):
            decoder.decode(frame)
            assert frame["index"] == number % 10
        stats = player.stats()
        assert stats.cached > 0
        assert stats.drawn == 10
        assert 0 < stats.cache < 64_000_000

    def test_without_a_cache_every_frame_is_drawn(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(3), cache=0)
        take(host.connect(player.target).stream("play", 0, 1, True, window=1), 7)
        assert sweep.drawn == [0, 1, 2, 0, 1, 2, 0]
        assert player.stats().cache == 0

    def test_its_limit_holds(self, host):
        player = kcomm.animate(photograph, frames=200, cache=60_000)
        for _ in host.connect(player.target).stream("play", 0, 1, False):
            assert player.stats().cache <= 60_000
        assert player.stats().cache > 30_000

    @pytest.mark.parametrize("cache", [-1, 1.5, "64 MB", None, True])
    def test_what_is_no_limit(self, host, cache):
        with pytest.raises(BadArgumentsError, match="cache is a number of bytes"):
            kcomm.animate(photograph, cache=cache)

    def test_times_of_drawing_are_those_of_drawn_frames(self, host):
        player = kcomm.animate(Sweep().animation(2))
        channel = host.connect(player.target)
        messages = [draw(channel, index) for index in (0, 1, 0)]
        assert [set(message["ms"]) for message in messages] == [{"draw", "encode"}, {"draw", "encode"}, set()]
        assert player.stats().codec == messages[0]["codec"]
        assert player.stats().sent == 3

    def test_redraw(self, host):
        shade = 10
        drawn = []

        def paint(i):
            drawn.append(i)
            return np.full((3, 3), shade, np.uint8)

        player = kcomm.animate(paint)
        channel = host.connect(player.target)
        commands: list[Any] = []
        channel.on("control", commands.append)
        assert pixels(draw(channel, 0))[0, 0, 0] == 10
        shade = 20
        assert pixels(draw(channel, 0))[0, 0, 0] == 10
        player.redraw()
        until(lambda: commands == [{"action": "redraw"}])
        assert pixels(draw(channel, 0))[0, 0, 0] == 20
        assert drawn == [0, 0]

    def test_a_figure_that_was_changed_is_drawn_anew(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation())
        channel = host.connect(player.target)
        draw(channel, 5)
        draw(channel, 5)
        assert sweep.drawn == [5]
        with player.lock:
            sweep.figure.set_facecolor("black")
        draw(channel, 5)
        assert sweep.drawn == [5, 5]

    def test_what_was_under_way_when_it_changed_is_not_kept(self, host, gate):
        player = kcomm.animate(gate)
        channel = host.connect(player.target)
        call = channel.call("draw", 0)
        assert gate.begun.wait(10)
        player.redraw()
        gate.open.set()
        call.result(timeout=10)
        draw(channel, 0)
        assert gate.drawn == [0, 0]

    def test_whoever_asks_after_a_change_is_not_given_what_was_begun_before(self, host, gate):
        player = kcomm.animate(gate)
        channel, other = host.connect(player.target), host.connect(player.target)
        call = channel.call("draw", 0)
        assert gate.begun.wait(10)
        player.redraw()
        later = other.call("draw", 0)
        until(lambda: len(player._service._draws) == 2)
        gate.open.set()
        wait([call._future, later._future], 10)
        assert gate.drawn == [0, 0]

    def test_an_endless_iterator_is_stepped_back_in(self, host):
        sweep = Sweep()
        animation = sweep.animation(iter(range(10**6)), cache_frame_data=False)
        player = kcomm.animate(animation)
        channel = host.connect(player.target)
        sweep.drawn.clear()
        forth = take(channel.stream("play", 0, 1, False), 300)
        back = list(channel.stream("play", 299, -1, False))
        assert [frame["index"] for frame in back] == list(range(299, -1, -1))
        assert len(forth) == 300
        assert sweep.drawn == list(range(len(sweep.drawn)))  # none twice
        bounced = take(channel.stream("play", 2, -1, "bounce"), 5)
        assert [frame["index"] for frame in bounced] == [2, 1, 0, 1, 2]

    def test_a_kept_frame_of_another_scale_is_better_than_none(self, host):
        figure = Figure(figsize=(2, 1), dpi=50)
        sweep = Sweep(figure)
        player = kcomm.animate(sweep.animation(iter(range(500)), cache_frame_data=False))
        channel = host.connect(player.target)
        take(channel.stream("play", 0, 1, False, 1.0), 200)
        (frame,) = take(channel.stream("play", 3, -1, False, 2.0), 1)
        assert (frame["index"], frame["width"]) == (3, 100)
        assert draw(channel, 3)["index"] == 3


class TestCodecsOfAPage:
    @pytest.mark.parametrize("codec", ["zlib", "png", "webp", "raw"])
    def test_a_page_gets_what_it_can_read(self, host, codec):
        player = kcomm.animate(large().animation(4))
        all_of_them = host.connect(player.target)
        some = host.connect(player.target, features={"codecs": [codec, "gif", 7]})
        expected = [pixels(draw(all_of_them, i)) for i in range(4)]
        frames = take(some.stream("play", 0, 1, False), 4)
        assert [frame["codec"] for frame in frames] == [codec] * 4
        assert not any({"base", "key", "id"} & set(frame) for frame in frames)
        assert all(
            np.array_equal(pixels(a)[..., :3], b[..., :3]) for a, b in zip(frames, expected, strict=True)
        )
        assert draw(some, 3)["codec"] == codec
        assert player.stats().drawn == 4

    def test_one_that_reads_a_key_but_no_deltas_gets_the_key(self, host):
        player = kcomm.animate(large().animation())
        key = draw(host.connect(player.target), 0)["codec"]
        some = host.connect(player.target, features={"codecs": [key, "png"]})
        assert [frame["codec"] for frame in take(some.stream("play", 0, 1, False), 3)] == [key, "png", "png"]

    def test_one_that_can_read_nothing_is_told(self, host):
        player = kcomm.animate(large().animation())
        page = host.connect(player.target, features={"codecs": ["gif"]})
        told = "frame 1: the page can decode none of zlib, png, webp, raw, jpeg: its features name"
        for frame in (draw(page, 1), *take(page.stream("play", 1, 1, False), 1)):
            assert frame["index"] == 1
            assert frame["error"]["message"].startswith(told)


class TestBases:
    def test_a_page_is_told_a_key_once(self, host):
        player = kcomm.animate(large().animation())
        frames = take(host.connect(player.target).stream("play", 0, 1, False), 10)
        assert frames[0]["id"] is not None
        assert [frame["codec"] for frame in frames[1:]] == ["delta"] * 9
        assert {frame["base"] for frame in frames[1:]} == {frames[0]["id"]}
        assert not any("key" in frame for frame in frames)

    def test_a_page_that_lacks_the_key_gets_it(self, host):
        player = kcomm.animate(large().animation())
        first = draw(host.connect(player.target), 0)
        other = host.connect(player.target)
        frames = take(other.stream("play", 5, 1, False), 3)
        assert frames[0]["key"]["id"] == frames[0]["base"] == first["id"]
        assert "key" not in frames[1]
        frames = take(other.stream("play", 5, 1, False, 1.0, [first["id"]]), 3)
        assert not any("key" in frame for frame in frames)
        assert "key" in draw(other, 6)
        assert "key" not in other.call("draw", 6, 1.0, True, [first["id"]]).result(timeout=10)

    def test_a_page_asks_for_a_key_that_was_lost(self, host):
        player = kcomm.animate(large().animation())
        channel = host.connect(player.target)
        first, second = take(channel.stream("play", 0, 1, False), 2)
        key = channel.call("base", second["base"]).result(timeout=10)
        assert {name: key[name] for name in ("id", "codec", "data")} == {
            name: first[name] for name in ("id", "codec", "data")
        }
        decoder = Decoder(lambda id_: channel.call("base", id_).result(timeout=10))
        decoder.decode(second)
        with pytest.raises(KcommError, match="ask for the next frame") as caught:
            channel.call("base", 10**6).result(timeout=10)
        assert caught.value.code == "kcomm.no_frame"

    def test_keys_outlive_the_encoder_s_as_long_as_frames_build_on_them(self, host):
        player = kcomm.animate(large().animation())
        channel = host.connect(player.target)
        take(channel.stream("play", 0, 1, False), 2)
        pipeline_of(player)._encoder._keys.clear()
        frame = draw(channel, 1)
        assert frame["key"]["id"] == frame["base"]
        assert pixels(frame).shape == (300, 400, 4)


class TestScale:
    @pytest.mark.parametrize(("scale", "width"), [(1.0, 100), (2.0, 200), (0.5, 50), (0.01, 25), (100, 400)])
    def test_figures_are_drawn_larger(self, host, scale, width):
        player = kcomm.animate(lambda i: Figure(figsize=(2, 1), dpi=50))
        channel = host.connect(player.target)
        frame = channel.call("draw", 0, scale).result(timeout=10)
        assert (frame["width"], frame["height"]) == (width, width // 2)
        assert channel.call("info").result(timeout=10)["width"] == 100

    def test_arrays_are_what_they_are(self, host, gate):
        gate.open.set()
        player = kcomm.animate(gate)
        channel = host.connect(player.target)
        widths = [channel.call("draw", 1, scale).result(timeout=10)["width"] for scale in (2.0, 1.0, 3.0)]
        assert widths == [6, 6, 6]
        assert gate.drawn == [1]

    def test_no_figure_has_more_than_50_megapixels(self, host):
        player = kcomm.animate(Sweep(Figure(figsize=(50, 40), dpi=100)).animation())
        frame = host.connect(player.target).call("draw", 0, 4.0).result(timeout=60)
        assert 45e6 < frame["width"] * frame["height"] <= 50e6

    @pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
    def test_what_is_no_scale(self, host, scale):
        channel = page_of(host, kcomm.animate(photograph))
        with pytest.raises(KcommError, match="scale is a number above 0"):
            channel.call("draw", 0, scale).result(timeout=10)


class TestFailures:
    def test_an_error_may_go_away(self, host):
        fails = True

        def paint(i):
            if fails:
                raise RuntimeError("not yet")
            return np.zeros((2, 2))

        player = kcomm.animate(paint)
        channel = host.connect(player.target)
        assert draw(channel, 4)["error"]["message"] == "frame 4: RuntimeError: not yet"
        fails = False
        assert draw(channel, 4)["width"] == 2

    def test_on_error(self, host, caplog):
        def paint(i):
            raise RuntimeError(i)

        player = kcomm.animate(paint)
        told: list[Any] = []

        @player.on_error
        def note(index, error):
            told.append((index, str(error)))
            raise ValueError("this one fails itself")

        channel = host.connect(player.target)
        draw(channel, 4)
        draw(channel, 5)
        until(lambda: told == [(4, "4"), (5, "5")])  # the page is answered before
        assert "the on_error handler of frame 4 raised" in caplog.text
        with pytest.raises(BadArgumentsError, match="on_error takes a function"):
            player.on_error(cast(Any, "log"))

    def test_an_on_error_that_exits_leaves_nobody_without_an_answer(self, host, caplog):
        def paint(i):
            raise RuntimeError(i)

        player = kcomm.animate(paint)

        @player.on_error
        def leave(index, error):
            raise SystemExit("out")

        channel = host.connect(player.target)
        assert [draw(channel, index)["error"]["message"] for index in (4, 5)] == [
            "frame 4: RuntimeError: 4",
            "frame 5: RuntimeError: 5",
        ]
        until(lambda: "the on_error handler of frame 4 raised" in caplog.text)

    def test_a_function_that_exits_costs_its_frame_only(self, host):
        def paint(i):
            if i == 0:
                raise SystemExit("out")
            return np.zeros((2, 2))

        channel = page_of(host, kcomm.animate(paint))
        assert "SystemExit: out" in draw(channel, 0)["error"]["message"]
        assert draw(channel, 1)["width"] == 2

    def test_a_draw_that_does_not_end_holds_up_nobody_else(self, host, gate):
        player, other = kcomm.animate(gate), kcomm.animate(photograph)
        channel = host.connect(player.target)
        call = channel.call("draw", 0)
        assert gate.begun.wait(10)
        assert channel.call("info").result(timeout=10)["width"] == 640
        assert draw(host.connect(other.target), 0)["width"] == 80
        player.seek(5)
        player.close()
        with pytest.raises(KcommError):
            call.result(timeout=10)
        threads = [thread for thread in threading.enumerate() if thread.name == f"{player.target}-draw"]
        assert all(thread.daemon for thread in threads)
        gate.open.set()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()

    def test_a_closed_player_has_no_threads_and_keeps_nothing(self, host):
        player = kcomm.animate(Sweep().animation())
        pipeline = pipeline_of(player)
        names = {f"{player.target}-{stage}" for stage in ("draw", "encode")}
        assert not names & {thread.name for thread in threading.enumerate()}
        draw(host.connect(player.target), 1)
        assert names <= {thread.name for thread in threading.enumerate()}
        player.close()
        until(lambda: not names & {thread.name for thread in threading.enumerate()})
        assert pipeline.cached_bytes == 0

    def test_what_is_printed_belongs_to_the_cell_that_made_it(self, host):
        cell = contextvars.ContextVar("cell", default="none")
        seen = []

        def paint(i):
            seen.append(cell.get())
            return np.zeros((2, 2))

        cell.set("first")
        player = kcomm.animate(paint)
        cell.set("second")
        draw(host.connect(player.target), 0)
        assert seen == ["first"]

    def test_frames_that_change_their_size(self, host):
        channel = page_of(host, kcomm.animate(lambda i: np.zeros((2 + i % 3, 5), np.uint8), frames=6))
        decoder = Decoder()
        sizes = [decoder.decode(frame).shape[0] for frame in channel.stream("play", 0, 1, False)]
        assert sizes == [2, 3, 4, 2, 3, 4]

    def test_a_figure_that_changes_its_size(self, host):
        figure = Figure(figsize=(2, 1), dpi=50)
        figure.add_subplot()

        def update(i):
            figure.set_size_inches(2 + i % 2, 1)

        player = kcomm.animate(FuncAnimation(figure, update, frames=4))
        decoder = Decoder()
        for _ in range(2):  # drawn, and from the cache
            frames = host.connect(player.target).stream("play", 0, 1, False)
            assert [decoder.decode(frame).shape[1] for frame in frames] == [100, 150, 100, 150]

    def test_an_encoder_that_fails(self, host, monkeypatch, caplog):
        def fail(self, frame, **options):
            raise MemoryError("no room for that")

        player = kcomm.animate(photograph)
        channel = host.connect(player.target)
        with monkeypatch.context() as patch:
            patch.setattr(Encoder, "encode", fail)
            assert "no room for that" in draw(channel, 3)["error"]["message"]
        assert isinstance(Frame.from_message(draw(channel, 3)), Frame)


class TestBounce:
    def test_through_a_channel(self, host):
        player = kcomm.animate(Sweep().animation(4), loop="bounce")
        channel = host.connect(player.target)
        assert channel.call("info").result(timeout=10)["loop"] == "bounce"
        assert player.loop == "bounce"
        frames = take(channel.stream("play", 0, 1, "bounce"), 8)
        assert [frame["index"] for frame in frames] == [0, 1, 2, 3, 2, 1, 0, 1]

    def test_a_generator_that_shows_its_end(self, host):
        player = kcomm.animate(Sweep().animation(lambda: iter(range(4)), cache_frame_data=False))
        frames = take(host.connect(player.target).stream("play", 0, 1, "bounce"), 8)
        assert [frame["index"] for frame in frames] == [0, 1, 2, 3, 2, 1, 0, 1]

    def test_as_a_property(self, host):
        player = kcomm.animate(photograph)
        channel = host.connect(player.target)
        commands: list[Any] = []
        channel.on("control", commands.append)
        player.loop = "bounce"
        channel.emit("state", {"loop": True})
        until(lambda: str(player.loop) == "True")
        channel.emit("state", {"loop": "bounce"})
        until(lambda: player.loop == "bounce")
        with pytest.raises(BadArgumentsError, match="'sometimes'"):
            player.loop = cast(Any, "sometimes")
        assert commands == [{"action": "loop", "value": "bounce"}]


class TestLinked:
    @pytest.fixture
    def pages(self, host):
        player = kcomm.animate(photograph, frames=100, linked=True)
        pages = [host.connect(player.target) for _ in range(3)]
        for page in pages:
            page.told = []
            page.on("control", page.told.append)
        pages[0].player = player
        return pages

    def test_what_is_done_in_one_page_is_done_in_the_others(self, pages):
        one, two, three = pages
        assert one.player.linked
        assert one.call("info").result(timeout=10)["linked"] is True
        one.emit("command", {"action": "seek", "value": 30})
        one.emit("command", {"action": "play", "extra": 1})
        expected = [{"action": "seek", "value": 30}, {"action": "play"}]
        until(lambda: two.told == three.told == expected)
        assert one.told == []

    def test_who_is_apart_is_told_where_to_go(self, pages):
        one, two, three = pages
        two.emit("command", {"action": "pause"})
        until(lambda: one.told == three.told == [{"action": "pause"}])
        two.emit("state", {"index": 9, "playing": False})
        until(lambda: one.player.index == 9)
        three.emit("state", {"index": 9, "playing": False})
        one.emit("state", {"index": 7, "playing": False})
        until(lambda: len(one.told) == 2)
        assert one.told[1] == {"action": "follow", "value": {"index": 9, "direction": 1}}
        assert one.player.index == 9
        assert three.told == [{"action": "pause"}]
        assert two.told == []

    def test_what_python_says_reaches_all(self, pages):
        pages[0].player.seek(5)
        until(lambda: all(page.told == [{"action": "seek", "value": 5}] for page in pages))

    def test_a_leader_that_leaves(self, pages):
        one, two, three = pages
        service = one.player._service
        one.emit("command", {"action": "pause"})
        until(lambda: two.told and three.told)
        one.close()
        until(lambda: service._clock.leader is None)
        two.emit("state", {"index": 4, "playing": False})
        three.emit("state", {"index": 8, "playing": False})
        until(lambda: len(three.told) == 2)
        assert three.told[1] == {"action": "follow", "value": {"index": 4, "direction": 1}}

    @pytest.mark.parametrize("command", [{"action": "format"}, {}, {"action": 3}])
    def test_nonsense_is_not_passed_on(self, pages, command):
        one, two, _ = pages
        one.emit("command", command)
        one.emit("command", {"action": "pause"})
        until(lambda: two.told)
        assert two.told == [{"action": "pause"}]

    @pytest.mark.parametrize(
        ("action", "value"),
        [
            ("seek", math.nan),
            ("seek", math.inf),
            ("seek", None),
            ("seek", True),
            ("step", math.nan),
            ("step", "far"),
            ("speed", 0),
            ("speed", math.inf),
            ("fps", "fast"),
            ("fps", math.nan),
            ("loop", 1),
        ],
    )
    def test_a_value_that_makes_no_sense_is_refused(self, pages, caplog, action, value):
        one, two, _ = pages
        service = one.player._service
        with pytest.raises(BadArgumentsError, match=f"the command '{action}' is .*, not {value!r}"):
            service.take_command(service._channels[0], {"action": action, "value": value})
        one.emit("command", {"action": action, "value": value})
        one.emit("command", {"action": "fps", "value": "max"})
        one.emit("command", {"action": "step"})
        until(lambda: len(two.told) == 2)
        assert two.told == [{"action": "fps", "value": "max"}, {"action": "step"}]
        until(lambda: f"the command '{action}'" in caplog.text)

    def test_pages_that_are_not_linked_are_each_their_own(self, host):
        player = kcomm.animate(photograph, frames=100)
        one, two = (host.connect(player.target) for _ in range(2))
        told: list[Any] = []
        two.on("control", told.append)
        one.emit("command", {"action": "pause"})
        one.emit("state", {"index": 3})
        until(lambda: player.index == 3)
        two.emit("state", {"index": 60})
        until(lambda: player.index == 60)
        player.pause()
        until(lambda: told)
        assert told == [{"action": "pause"}]
