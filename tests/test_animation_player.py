"""The player over a channel: order, commands, state, life."""

from __future__ import annotations

import gc
import threading
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import pytest

import kcomm
from kcomm.animation.drawing.sequence import FrameRangeError
from kcomm.errors import BadArgumentsError, ChannelClosedError, KcommError
from tests.animations import Sweep, draw, take, until

mpl.use("agg")

pytestmark = pytest.mark.usefixtures("tidy")


class TestPlay:
    def indices(self, host, player, *args, n=100):
        return [frame["index"] for frame in take(host.connect(player.target).stream("play", *args), n)]

    @pytest.mark.parametrize(
        ("args", "expected"),
        [
            ((0, 1, False), [0, 1, 2, 3, 4]),
            ((3, 1, True), [3, 4, 0, 1, 2, 3]),
            ((1, -1, False), [1, 0]),
            ((1, -1, True), [1, 0, 4, 3, 2, 1]),
            ((0, 3, True), [0, 3, 1, 4, 2, 0]),
            ((4, 1, False), [4]),
        ],
    )
    @pytest.mark.parametrize("frames", [5, range(5)])
    def test_order(self, host, frames, args, expected):
        player = kcomm.animate(Sweep().animation(frames))
        assert self.indices(host, player, *args, n=6) == expected

    @pytest.mark.parametrize(("loop", "expected"), [(False, [3, 4]), (True, [3, 4, 0, 1])])
    def test_a_generator_shows_its_end_as_it_ends(self, host, loop, expected):
        player = kcomm.animate(Sweep().animation(lambda: iter(range(5)), cache_frame_data=False))
        assert player.count is None
        assert self.indices(host, player, 3, 1, loop, n=4) == expected
        assert player.count == 5

    @pytest.mark.parametrize(("loop", "expected"), [(False, []), (True, [0, 1])])
    def test_playing_on_from_an_end_that_nobody_knew_of(self, host, loop, expected):
        player = kcomm.animate(Sweep().animation(lambda: iter(range(5)), cache_frame_data=False))
        assert self.indices(host, player, 5, 1, loop, n=2) == expected

    def test_the_end_of_an_iterator_is_an_end(self, host):
        player = kcomm.animate(Sweep().animation(iter(range(300)), cache_frame_data=False))
        assert self.indices(host, player, 290, 1, False) == list(range(290, 300))
        with pytest.raises(KcommError, match="begin again"):
            self.indices(host, player, 290, 1, True)

    def test_backwards_from_the_first_of_endless_frames(self, host):
        player = kcomm.animate(lambda i: np.zeros((2, 2)))
        assert self.indices(host, player, 2, -1, True) == [2, 1, 0]

    def test_two_pages_at_their_own_pace(self, host):
        player = kcomm.animate(Sweep().animation())
        one, two = (host.connect(player.target) for _ in range(2))
        with one.stream("play", 0, 1, True) as first, two.stream("play", 30, -1, True) as second:
            pairs = [(next(first)["index"], next(second)["index"]) for _ in range(5)]
        assert pairs == [(i, 30 - i) for i in range(5)]

    def test_all_drawing_is_on_one_thread(self, host):
        threads = set()

        def paint(i):
            threads.add(threading.current_thread().name)
            return np.zeros((2, 2))

        player = kcomm.animate(paint)
        channel = host.connect(player.target)
        draw(channel, 0)
        take(channel.stream("play", 0, 1, False), 5)
        assert threads == {f"{player.target}-draw"}


class TestPlayer:
    @pytest.fixture
    def player(self, host):
        return kcomm.animate(Sweep().animation())

    @pytest.fixture
    def page(self, host, player):
        """A channel, and the commands that came."""
        channel = host.connect(player.target)
        commands: list[Any] = []
        channel.on("control", commands.append)
        channel.commands = commands
        return channel

    def info(self, channel):
        return channel.call("info").result(timeout=10)

    def test_commands_reach_every_page(self, host, player, page):
        other = host.connect(player.target)
        others: list[Any] = []
        other.on("control", others.append)
        player.play()
        player.reverse()
        player.pause()
        player.step()
        player.step(-3)
        player.seek(9)
        player.fps = 5
        player.fps = "max"
        player.speed = 2
        player.loop = False
        expected = [
            {"action": "play"},
            {"action": "reverse"},
            {"action": "pause"},
            {"action": "step", "value": 1},
            {"action": "step", "value": -3},
            {"action": "seek", "value": 9},
            {"action": "fps", "value": 5.0},
            {"action": "fps", "value": "max"},
            {"action": "speed", "value": 2.0},
            {"action": "loop", "value": False},
        ]
        until(lambda: len(page.commands) == len(others) == len(expected))
        assert page.commands == others == expected

    def test_commands_before_any_page(self, host, player):
        player.seek(12)
        player.reverse()
        player.fps, player.speed, player.loop = 7, 0.5, False
        info = self.info(host.connect(player.target))
        assert {key: info[key] for key in ("index", "playing", "direction", "fps", "speed", "loop")} == {
            "index": 12,
            "playing": True,
            "direction": -1,
            "fps": 7.0,
            "speed": 0.5,
            "loop": False,
        }

    def test_step_stays_at_the_ends(self, player):
        player.step(1000)
        assert player.index == 49
        player.step(-1000)
        assert player.index == 0

    @pytest.mark.parametrize("n", [2**53, -(2**53), 10**30])
    def test_steps_beyond_all_numbers_of_frames(self, player, n):
        with pytest.raises(BadArgumentsError, match="step takes a whole number"):
            player.step(n)

    def test_numbers_that_no_page_can_hold(self, host):
        player = kcomm.animate(lambda i: np.zeros((2, 2)))
        with pytest.raises(FrameRangeError, match="below 2"):
            player.seek(2**70)
        assert player.index == 0
        player.seek(2**53 - 2)
        player.step(5)
        assert player.index == 2**53 - 1
        assert host.connect(player.target).call("info").result(timeout=10)["index"] == 2**53 - 1

    def test_a_step_where_there_are_no_frames(self, host):
        player = kcomm.animate(Sweep().animation(lambda: iter(()), cache_frame_data=False))
        draw(host.connect(player.target), 0)
        assert player.count == 0
        player.step()
        assert player.index == 0

    def test_numbers_that_numpy_computed(self, host):
        player = kcomm.animate(
            lambda i: np.zeros((2, 2)), frames=np.int64(50), fps=np.float32(15), cache=np.int32(10**6)
        )
        player.seek(cast(Any, np.argmax([1, 3, 2])))
        player.step(np.int16(4))
        player.speed = np.float64(2)
        assert (player.index, player.count, player.fps, player.speed) == (5, 50, 15, 2)
        assert type(player.index) is type(player.count) is int
        assert host.connect(player.target).call("info").result(timeout=10)["index"] == 5

    def test_no_title(self, host):
        player = kcomm.animate(lambda i: np.zeros((2, 2)), title=cast(Any, None))
        assert host.connect(player.target).call("info").result(timeout=10)["title"] == ""

    @pytest.mark.parametrize("index", [-1, 50, 1.5, "x", True])
    def test_seek_out_of_range(self, player, index):
        with pytest.raises(KcommError) as caught:
            player.seek(index)
        assert caught.value.code == "kcomm.bad_arguments"
        assert player.index == 0

    def test_a_page_tells_its_state(self, player, page):
        page.emit(
            "state",
            {
                "index": 20,
                "playing": True,
                "direction": -1,
                "speed": 2,
                "loop": False,
                "fps": "max",
                "painted": 33,
                "dropped": 4,
                "rate": 29.5,
                "ms": {"decode": 1.5, "paint": 0.5},
            },
            latest=True,
        )
        until(lambda: player.index == 20)
        assert (player.playing, player.speed, player.loop, player.fps) == (True, 2.0, False, "max")
        stats = player.stats()
        assert (stats.painted, stats.dropped, stats.fps) == (33, 4, 29.5)
        assert stats.ms == {"decode": 1.5, "paint": 0.5}

    @pytest.mark.parametrize("report", [{}, {"index": -1, "fps": "x", "painted": "many", "ms": 3}])
    def test_a_page_that_tells_nonsense(self, player, page, report):
        page.emit("state", report)
        page.emit("state", {"index": 3})
        until(lambda: player.index == 3)
        assert player.fps == 5
        assert player.stats().painted == 0

    def test_stats_count_what_happened(self, host, player, page):
        take(page.stream("play", 0, 1, False, window=1), 3)
        stats = player.stats()
        assert (stats.drawn, stats.sent) == (3, 3)
        assert set(stats.ms) == {"draw", "encode"}
        page.emit("state", {"painted": 3})
        until(lambda: player.stats().painted == 3)
        page.close()
        other = host.connect(player.target)
        other.emit("state", {"painted": 2})
        until(lambda: player.stats().painted == 5)

    def test_players_are_independent(self, host, player, page):
        other = kcomm.animate(Sweep().animation())
        other.play()
        other.seek(30)
        draw(page, 3)
        assert (player.playing, player.index, other.stats().drawn) == (False, 0, 0)

    def test_closed(self, host, player, page):
        player.close()
        player.close()
        until(lambda: page.is_closed)
        for command in (player.play, player.pause, lambda: player.seek(3), lambda: setattr(player, "fps", 3)):
            with pytest.raises(ChannelClosedError, match="the player was closed"):
                command()
        assert player.stats().drawn == 0
        with pytest.raises(KcommError):
            host.connect(player.target)

    def test_repr(self, player):
        assert repr(player) == "<kcomm.Player: 50 frames, at 0>"
        player.play()
        assert repr(player) == "<kcomm.Player: 50 frames, at 0, playing>"


class TestLifecycle:
    def test_a_player_that_nobody_holds_is_closed(self, host):
        target = kcomm.animate(lambda i: np.zeros((2, 2))).target
        until(lambda: target not in host._acceptors)

    def test_a_page_keeps_it_alive(self, host):
        player = kcomm.animate(lambda i: np.zeros((2, 2)))
        target = player.target
        channel = host.connect(target)
        del player
        gc.collect()
        assert draw(channel, 0)["width"] == 2
        channel.close()
        until(lambda: target not in host._acceptors)

    def test_a_hundred_thousand_frames_cost_nothing_to_make(self, host):
        sweep = Sweep()
        player = kcomm.animate(sweep.animation(10**9))
        assert player.count == 10**9
        assert sweep.drawn == []
