"""Frames that were drawn before, the order of play, and what a link carries."""

from __future__ import annotations

import itertools
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from kcomm.animation.kept import Kept, Version
from kcomm.animation.link import Link
from kcomm.animation.linked import Clock
from kcomm.animation.path import Position, check_loop, following, within
from kcomm.animation.store import OVERHEAD, FrameStore, Made, RecentPixels
from kcomm.animation.turns import Job, Turns, Wanted
from kcomm.errors import BadArgumentsError
from kcomm.frames import Frame


def frame(codec="zlib", size=1000, **options):
    return Frame(4, 3, codec, bytes(size), **options)


def delta(key, size=100):
    return Made(frame("delta", size, base=key.id), key)


class TestStore:
    def test_what_was_kept(self):
        store = FrameStore(10**6)
        made = Made(frame())
        store.add(3, 1.0, True, made)
        assert store.get(3, 1.0, True) is made
        assert store.get(3, 2.0, True) is store.get(4, 1.0, True) is None

    def test_exact_frames_do_for_those_who_need_not_have_them(self):
        store = FrameStore(10**6)
        exact = Made(frame("png"))
        store.add(3, 1.0, True, exact)
        assert store.get(3, 1.0, False) is exact

    def test_lossless_frames_do_for_those_who_need_exact_ones(self):
        store = FrameStore(10**6)
        plot, photograph = Made(frame("zlib")), Made(frame("jpeg"))
        store.add(1, 1.0, False, plot)
        store.add(2, 1.0, False, photograph)
        assert store.get(1, 1.0, True) is plot
        assert store.get(2, 1.0, True) is None
        assert store.get(2, 1.0, False) is photograph

    def test_the_limit_holds_over_many_frames(self):
        store = FrameStore(50_000)
        key = frame(size=5000, id=1)
        for index in range(10_000):
            if index % 100 == 0:
                key = frame(size=5000, id=index + 1)
                store.add(index, 1.0, False, Made(key))
            else:
                store.add(index, 1.0, False, delta(key))
            assert store.nbytes <= 50_000
        assert len(store) > 30
        # What is told is what is held.
        entries = list(store._entries.values())
        held = sum(len(made.frame.data) + OVERHEAD for made in entries)
        keys = {made.key.id: made.key for made in entries if made.key is not None}
        assert store.nbytes == held + sum(len(key.data) + OVERHEAD for key in keys.values())

    def test_those_unused_for_longest_go_first(self):
        store = FrameStore(3 * (1000 + OVERHEAD))
        for index in range(3):
            store.add(index, 1.0, True, Made(frame()))
        store.get(0, 1.0, True)
        store.add(3, 1.0, True, Made(frame()))
        assert [index for index in range(4) if store.get(index, 1.0, True)] == [0, 2, 3]

    def test_a_key_stays_as_long_as_a_frame_builds_on_it(self):
        store = FrameStore(10**6)
        key = frame(size=5000, id=7)
        store.add(0, 1.0, False, Made(key))
        store.add(1, 1.0, False, delta(key))
        store.add(2, 1.0, False, delta(key))
        store.limit = 0
        store.add(3, 1.0, False, Made(frame()))
        assert (len(store), store.nbytes, store.key(7)) == (0, 0, None)
        store.limit = 10**6
        store.add(1, 1.0, False, delta(key))
        assert store.key(7) is key
        store.add(1, 1.0, False, Made(frame()))  # the same frame, built on nothing
        assert store.key(7) is None

    def test_without_room_nothing_is_kept(self):
        store = FrameStore(0)
        store.add(0, 1.0, True, Made(frame()))
        assert store.get(0, 1.0, True) is None
        assert store.nbytes == 0

    def test_cleared(self):
        store = FrameStore(10**6)
        store.add(1, 1.0, False, delta(frame(id=7)))
        store.clear()
        assert (len(store), store.nbytes, store.key(7), store.find(1)) == (0, 0, None, None)

    def test_found_at_any_scale(self):
        store = FrameStore(10**6)
        made = Made(frame())
        store.add(5, 2.0, False, made)
        assert store.find(5) is made


class Changing:
    """A source whose figure others change."""

    is_changed = False
    changes = looked = told = 0

    @property
    def version(self):
        self.looked += 1
        self.changes += self.is_changed
        self.is_changed = False
        return self.changes

    def redraw(self):
        self.told += 1


class TestKept:
    @pytest.fixture
    def source(self) -> Any:
        return Changing()

    def keep(self, kept, index=0, made=None, drawn=None):
        kept.add(index, 1.0, False, made or Made(frame()), drawn, kept.version)

    def test_a_change_that_nobody_drew_is_found(self, source):
        kept = Kept(source, 10**6)
        self.keep(kept)
        assert kept.get(0, 1.0, False, is_at_rest=True) is not None
        source.is_changed = True
        assert kept.get(0, 1.0, False, is_at_rest=True) is None
        assert kept.nbytes == 0

    def test_while_it_plays_nobody_looks_at_each_frame(self, source):
        kept = Kept(source, 10**6)
        self.keep(kept)
        for _ in range(1000):
            assert kept.get(0, 1.0, False, is_at_rest=False) is not None
        assert source.looked < 100
        looked = source.looked
        assert kept.get(1, 1.0, False, is_at_rest=True) is None
        assert source.looked == looked  # what is not kept needs no look

    def test_what_changed_since_it_was_begun_is_not_kept(self, source):
        kept = Kept(source, 10**6)
        version = kept.version
        source.is_changed = True
        kept.look()
        kept.add(0, 1.0, False, Made(frame()), None, version)
        assert kept.nbytes == 0

    def test_the_source_is_told_once_before_the_next_draw(self, source):
        kept = Kept(source, 10**6)
        self.keep(kept)
        kept.redraw()
        kept.redraw()
        assert (kept.nbytes, source.told) == (0, 0)
        kept.tell_source()
        kept.tell_source()
        assert source.told == 1

    def test_pixels_of_what_lost_something(self, source):
        kept = Kept(source, 10**6)
        drawn = Frame.of(np.zeros((10, 10, 3), np.uint8))
        self.keep(kept, 0, Made(frame("jpeg")), drawn)
        self.keep(kept, 1, Made(frame("zlib")), drawn)
        version = kept.version
        assert kept.find_pixels(0, 1.0, version) is drawn
        assert kept.find_pixels(1, 1.0, version) is None
        assert kept.find_pixels(0, 2.0, version) is None
        kept.redraw()
        assert kept.find_pixels(0, 1.0, kept.version) is None

    def test_the_pixels_have_a_limit_too(self):
        recent = RecentPixels(1000)
        for index in range(100):
            recent.add(index, 1.0, Frame.of(np.zeros((10, 10, 3), np.uint8)))
        assert [index for index in range(100) if recent.get(index, 1.0)] == [97, 98, 99]

    def test_once_closed_it_keeps_nothing(self, source):
        kept = Kept(source, 10**6)
        self.keep(kept)
        kept.close()
        self.keep(kept)
        assert kept.nbytes == 0


class TestPath:
    def run(self, start, step, count, loop, n=9):
        position: Position | None = Position(start, step)
        indices: list[int] = []
        while position is not None and len(indices) < n:
            indices.append(position.index)
            position = following(position, count, loop)
        return indices

    @pytest.mark.parametrize(
        ("start", "step", "count", "loop", "expected"),
        [
            (0, 1, 4, False, [0, 1, 2, 3]),
            (2, -1, 4, False, [2, 1, 0]),
            (0, 1, 4, True, [0, 1, 2, 3, 0, 1, 2, 3, 0]),
            (1, -1, 4, True, [1, 0, 3, 2, 1, 0, 3, 2, 1]),
            (0, 1, 4, "bounce", [0, 1, 2, 3, 2, 1, 0, 1, 2]),
            (2, -1, 4, "bounce", [2, 1, 0, 1, 2, 3, 2, 1, 0]),
            (0, 2, 4, "bounce", [0, 2, 2, 0, 2, 2, 0, 2, 2]),
            (0, 3, 4, "bounce", [0, 3, 0, 3, 0, 3, 0, 3, 0]),
            (0, 1, 1, "bounce", [0] * 9),
            (0, 1, 1, True, [0] * 9),
            (0, 1, 2, "bounce", [0, 1, 0, 1, 0, 1, 0, 1, 0]),
            (2, -1, None, True, [2, 1, 0]),
            (2, -1, None, "bounce", [2, 1, 0, 1, 2, 3, 4, 5, 6]),
            (0, 3, None, False, [0, 3, 6, 9, 12, 15, 18, 21, 24]),
        ],
    )
    def test_order(self, start, step, count, loop, expected):
        assert self.run(start, step, count, loop) == expected

    @pytest.mark.parametrize("count", range(1, 8))
    @pytest.mark.parametrize("step", [-20, -7, -2, -1, 1, 2, 3, 9, 100])
    @pytest.mark.parametrize("loop", [True, "bounce"])
    def test_never_beyond_an_end(self, count, step, loop):
        indices = self.run(0, step, count, loop, n=50)
        assert len(indices) == 50
        assert set(indices) <= set(range(count))

    def test_an_end_that_shows_late(self):
        assert within(Position(5, 1), 5, "bounce") == Position(3, -1)
        assert within(Position(5, 1), 5, False) is None
        assert within(Position(0, 1), 0, True) is None

    def test_what_loop_is(self):
        assert [check_loop(loop) for loop in (True, False, 1, None, "bounce")] == [
            True,
            False,
            True,
            False,
            "bounce",
        ]
        with pytest.raises(BadArgumentsError, match="'twice'"):
            check_loop("twice")


class TestTurns:
    def job(self, index):
        job = Job(Wanted(Version(0, 0), index, 1.0, False), None)
        job.futures.append(Future())
        return job

    def indices(self, turns):
        taken = iter(turns.take, None)
        return [job.wanted.index for job in taken]

    def test_lanes_take_turns_and_keep_their_order(self):
        turns = Turns()
        for index in range(3):
            turns.put(self.job(index), "a")
        for index in range(10, 12):
            turns.put(self.job(index), "b")
        assert self.indices(turns) == [0, 10, 1, 11, 2]

    def test_what_belongs_to_no_lane_goes_first(self):
        turns = Turns()
        turns.put(self.job(1), "a")
        turns.put(self.job(2))
        assert self.indices(turns) == [2, 1]

    def test_what_nobody_waits_for_is_not_taken(self):
        turns = Turns()
        jobs = [self.job(index) for index in range(3)]
        for job in jobs:
            turns.put(job, "a")
        jobs[1].futures.clear()
        assert self.indices(turns) == [0, 2]

    def test_what_is_queued_twice_is_taken_once(self):
        turns = Turns()
        job = self.job(1)
        turns.put(job, "a")
        turns.put(job, "b")
        turns.put(job)
        assert self.indices(turns) == [1]

    def test_what_is_dropped_takes_no_place(self):
        turns = Turns()
        jobs = [self.job(index) for index in range(3)]
        for job in jobs:
            turns.put(job, "a")
        turns.put(jobs[0], "b")
        turns.put(jobs[0])
        for job in jobs[:2]:
            turns.drop(job)
        assert len(turns) == 1
        assert self.indices(turns) == [2]


class TestLink:
    """A link with a clock of its own; frames of 10 kB unless said otherwise."""

    def carry(self, link, n, *, seconds, wanted, size=10_000, waits=True, done=0):
        for number in range(done + 1, done + n + 1):
            link.sent(size)
            if waits:
                self.now += seconds
            link.resumed(number, wanted)
            if not waits:
                self.now += seconds

    @pytest.fixture
    def link(self):
        self.now = 0.0
        return Link(lambda: self.now)

    def test_a_page_that_gets_what_it_wants(self, link):
        self.carry(link, 100, seconds=1 / 30, wanted=30)
        assert link.budget is None

    def test_a_link_that_carries_too_little(self, link):
        self.carry(link, 8, seconds=0.1, wanted=30)  # 100 kB a second
        assert 2500 <= link.budget <= 3300

    def test_frames_become_smaller_until_the_page_gets_what_it_wants(self, link):
        size = 10_000
        for done in range(60):
            self.carry(link, 1, seconds=max(size / 100_000, 1 / 30), wanted=30, size=size, done=done)
            size = 10_000 if link.budget is None else min(10_000, link.budget)
        assert 2500 <= size <= 4000

    def test_frames_that_get_no_smaller(self, link):
        self.carry(link, 8, seconds=0.1, wanted=30)
        budget = link.budget
        self.carry(link, 50, seconds=0.1, wanted=30, size=9000, done=8)
        assert link.budget == budget

    def test_a_page_that_is_slow_is_no_slow_link(self, link):
        self.carry(link, 8, seconds=0.1, wanted=30)
        assert link.budget is not None
        self.carry(link, 20, seconds=0.1, wanted=30, size=3000, done=8)  # smaller, and no faster
        assert link.budget is None
        self.carry(link, 50, seconds=0.1, wanted=30, done=28)
        assert link.budget is None
        self.carry(link, 20, seconds=0.25, wanted=30, done=78)  # now it takes far fewer
        assert link.budget is not None

    def test_a_kernel_that_is_slow_is_no_slow_link(self, link):
        self.carry(link, 20, seconds=0.1, wanted=30, waits=False)
        assert link.budget is None

    def test_it_relaxes_when_the_page_gets_what_it_wants(self, link):
        self.carry(link, 8, seconds=0.1, wanted=30)
        self.carry(link, 600, seconds=1 / 30, wanted=30, size=3000, done=8)
        assert link.budget is None

    def test_a_hidden_page_tells_nothing(self, link):
        self.carry(link, 3, seconds=60, wanted=30)
        assert link.budget is None


class TestClock:
    """Pages 1 and 2 of a player of 100 frames."""

    @pytest.fixture
    def clock(self):
        self.now = 0.0
        clock = Clock(lambda: self.now)
        clock.lead(1)
        return clock

    def tell(self, clock, page, index, *, playing=True, rate=20.0, count=100, loops=True, direction=1):
        report = {"index": index, "playing": playing, "rate": rate, "direction": direction}
        return clock.take_report(page, report, count=count, loops=loops)

    def test_a_little_apart_is_together(self, clock):
        assert self.tell(clock, 1, 50) == {}
        assert self.tell(clock, 2, 53) == {}

    def test_far_apart_follows(self, clock):
        self.tell(clock, 2, 10)
        assert self.tell(clock, 1, 50) == {2: {"index": 50, "direction": 1}}
        assert self.tell(clock, 2, 70) == {2: {"index": 50, "direction": 1}}

    def test_the_leader_never_follows(self, clock):
        self.tell(clock, 2, 10)
        assert 1 not in self.tell(clock, 1, 90)

    def test_time_that_passed_counts(self, clock):
        self.tell(clock, 1, 50)
        self.now = 1.0
        assert self.tell(clock, 2, 70) == {}
        assert self.tell(clock, 2, 50) == {2: {"index": 70, "direction": 1}}

    def test_a_leader_that_nobody_sees_leads_no_more(self, clock):
        self.tell(clock, 1, 50)
        self.now = 1.0
        self.tell(clock, 1, 50, rate=0.0)
        self.tell(clock, 2, 70)
        assert clock.leader == 1
        self.now = 3.0
        assert self.tell(clock, 2, 10) == {1: {"index": 10, "direction": 1}}
        assert clock.leader == 2

    def test_the_first_is_next_to_the_last_where_it_loops(self, clock):
        self.tell(clock, 1, 99)
        assert self.tell(clock, 2, 1) == {}
        assert self.tell(clock, 2, 1, loops=False) == {2: {"index": 99, "direction": 1}}

    def test_at_rest_all_are_on_one_frame(self, clock):
        self.tell(clock, 2, 49)
        assert self.tell(clock, 1, 50, playing=False, rate=0) == {2: {"index": 50, "direction": 1}}
        assert self.tell(clock, 2, 50, playing=False, rate=0) == {}

    def test_a_page_that_can_not_follow_is_not_told_for_ever(self, clock):
        self.tell(clock, 1, 50, playing=False)
        told = [self.tell(clock, 2, 49, playing=False) for _ in range(10)]
        assert sum(bool(follow) for follow in told) == 3
        self.tell(clock, 1, 60, playing=False)
        assert self.tell(clock, 2, 49, playing=False)

    def test_whoever_tells_first_leads_where_nobody_was_commanded(self):
        clock = Clock()
        self.tell(clock, 5, 50)
        assert clock.leader == 5
        clock.forget(5)
        self.tell(clock, 6, 50)
        assert clock.leader == 6

    @pytest.mark.parametrize("report", [{}, {"index": -1}, {"index": "x"}, {"index": 3, "rate": "fast"}])
    def test_nonsense(self, clock, report):
        for page, _ in itertools.product((1, 2), range(2)):
            assert clock.take_report(page, report, count=None, loops=False) == {}
