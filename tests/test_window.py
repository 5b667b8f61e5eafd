"""Adaptive windows: how they do on links, with producers and with consumers of many kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcomm.transport.memory import MemoryHost
from kcomm.window import INITIAL, AdaptiveWindow
from tests.ends import Ends, run, settle, until
from tests.vectors.player import load

#: From here on, in milliseconds, the window has found its size; a change of the link comes before.
SETTLED = 32_000
END = 60_000


@dataclass
class Pipeline:
    """A producer that makes one item after the other, a link, a consumer, and a clock of their own.

    Times are milliseconds; for what a case says see the README of the vectors.
    """

    case: Mapping[str, Any]
    window: AdaptiveWindow = field(default_factory=lambda: AdaptiveWindow(0.0))
    #: When each item was consumed.
    consumed: list[float] = field(default_factory=list)
    #: When was granted, up to which index, and how many were under way then.
    grants: list[tuple[float, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._arrivals: list[float] = []
        self._told = 0
        self._drawn = self._sent = self._credited = 0.0
        self._produce(self._delay(0.0), self.window.limit)

    def run(self, end: float = END) -> Pipeline:
        now = due = 0.0
        while now < end:
            if self.consumed:
                self._grant(now)
            item = len(self.consumed)
            now = max(now, self._arrivals[item])
            self._tell(now)
            due = max(due, now)
            now = self._seen(max(now + self.case["paint"], due))
            due += 1000 / self.case["fps"] if "fps" in self.case else 0.0
            self.consumed.append(now)
        return self

    @property
    def possible_rate(self) -> float:
        """Items a second that a window without bounds would give."""
        transfer = mean(self.case["bytes"]) / self.case["rate"]
        period = max(mean(self.case["draw"]), transfer, self.case["paint"])
        return min(1000 / period, self.case.get("fps", 1e9))

    @property
    def least_turnaround(self) -> float:
        """Milliseconds from the grant of an item to its arrival if it waits behind no other."""
        transfer = mean(self.case["bytes"]) / self.case["rate"]
        return float(2 * self._delay(END) + mean(self.case["draw"]) + transfer)

    def rate(self, begin: float, end: float) -> float:
        """Items a second that were consumed between two times."""
        return sum(begin <= time < end for time in self.consumed) / (end - begin) * 1000

    def under_way(self, begin: float) -> float:
        """Items that were under way after a grant, in the mean from a time on."""
        return mean([count for time, _, count in self.grants if time >= begin])

    def _grant(self, now: float) -> None:
        self._tell(now)
        done = len(self.consumed)
        limit = self.window.consumed(done, now / 1000)
        if limit is not None:
            self.grants.append((now, limit, limit - done))
            self._credited = max(self._credited, now + self._delay(now))
            self._produce(self._credited, limit)

    def _produce(self, credited: float, limit: int) -> None:
        for index in range(len(self._arrivals), limit):
            draws, sizes = self.case["draw"], self.case["bytes"]
            self._drawn = max(credited, self._drawn) + draws[index % len(draws)]
            self._sent = max(self._drawn, self._sent) + sizes[index % len(sizes)] / self.case["rate"]
            arrival = self._sent + self._delay(self._sent)
            self._arrivals.append(max(arrival, *self._arrivals[-1:], arrival))

    def _tell(self, now: float) -> None:
        while self._told < len(self._arrivals) and self._arrivals[self._told] <= now:
            self.window.arrived(self._told, self._arrivals[self._told] / 1000)
            self._told += 1

    def _delay(self, now: float) -> float:
        return next(float(delay) for since, delay in reversed(self.case["delay"]) if since <= now)

    def _seen(self, now: float) -> float:
        begin, end = self.case.get("hidden", (0.0, 0.0))
        return float(end) if begin <= now < end else now


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.parametrize("case", load("windows.json"))
def test_it_is_large_enough_and_no_larger(case):
    pipeline = Pipeline(case).run()
    rate = pipeline.rate(SETTLED, END)
    assert rate >= 0.95 * pipeline.possible_rate
    needed = rate / 1000 * pipeline.least_turnaround
    # Two are queued, or a sixth of the window; and up to four are granted at once.
    assert pipeline.under_way(SETTLED) <= 1.2 * (needed + 2 + 4)


@pytest.mark.parametrize("case", load("windows.json"))
def test_where_items_must_be_fresh_they_hardly_wait(case):
    pipeline = Pipeline(case, AdaptiveWindow(0.0, is_fresh=True)).run()
    rate = pipeline.rate(SETTLED, END)
    assert rate >= 0.9 * pipeline.possible_rate
    assert pipeline.under_way(SETTLED) <= rate / 1000 * pipeline.least_turnaround + 2 + 4


CASES = {case["name"]: case for [case] in (param.values for param in load("windows.json"))}


def test_a_consumer_that_paces_itself_is_never_kept_waiting():
    """Its items wait for it, so nothing is held back to measure the link."""
    pipeline = Pipeline(CASES["a far link, 20 kB, at 30 fps"]).run()
    settled = [time for time in pipeline.consumed if time >= SETTLED]
    assert max(after - before for before, after in pairwise(settled)) == pytest.approx(1000 / 30)


def test_most_items_of_a_large_window_need_no_message():
    pipeline = Pipeline(CASES["a far link, 20 kB, draws of 5 ms"]).run()
    assert len(pipeline.grants) <= len(pipeline.consumed) / 3


def test_it_finds_its_size_within_a_second():
    pipeline = Pipeline(CASES["a far link, 20 kB, draws of 5 ms"]).run(end=3000)
    assert pipeline.rate(1000, 3000) >= 0.95 * pipeline.possible_rate


def test_nothing_is_granted_while_nobody_looks():
    pipeline = Pipeline(CASES["a far link, a page that nobody sees"]).run()
    begin, end = pipeline.case["hidden"]
    assert [time for time, _, _ in pipeline.grants if begin < time < end] == []
    assert pipeline.rate(end, end + 2000) >= 0.9 * pipeline.possible_rate


def test_the_base_is_measured_anew_when_nothing_else_is_under_way():
    window = AdaptiveWindow(now=0.0)
    for index in range(INITIAL):
        window.arrived(index, now=0.1 + index / 100)
    assert window.base == 0.1
    assert window.consumed(INITIAL, now=1.0) == 2 * INITIAL
    window.arrived(INITIAL, now=1.3)
    assert window.base == pytest.approx(0.3)
    window.arrived(INITIAL + 1, now=1.2)
    assert window.base == pytest.approx(0.2)


def test_items_that_are_lost_are_not_waited_for():
    window = AdaptiveWindow(now=0.0)
    window.arrived(INITIAL - 1, now=0.1)
    assert window.consumed(INITIAL, now=0.1) == 2 * INITIAL


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), max_size=300))
def test_whatever_happens_it_goes_on(steps):
    window = AdaptiveWindow(now=0.0)
    now, arrived, done, limit = 0.0, 0, 0, INITIAL
    for arrives, pause in steps:
        now += pause
        if arrives and arrived < limit:
            window.arrived(arrived, now)
            arrived += 1
        elif done < arrived:
            done += 1
            granted = window.consumed(done, now)
            assert granted == window.limit if granted is not None else done < limit
            # It never goes down, and is never used up without more to come.
            assert window.limit >= limit
            assert done < window.limit <= max(limit, done + 64)
            limit = window.limit


def test_a_stream_with_an_adaptive_window():
    with MemoryHost() as host:
        ends = Ends(host)
        ends.target.stream(lambda n: range(n), name="count")
        ends.target.stream(lambda n: range(n), name="volatile", volatile=True)
        page = ends.connect()
        for name in ["count", "volatile"]:
            assert list(page.stream(name, 300, window="auto")) == list(range(300))
            assert list(page.stream(name, 300, window="fresh")) == list(range(300))

        async def collect() -> list[int]:
            return [i async for i in page.stream("count", 300, window="auto")]

        assert run(collect()) == list(range(300))
        ends.target.close()


def test_a_stream_with_an_adaptive_window_is_advanced_only_on_credit():
    with MemoryHost() as host:
        ends = Ends(host)
        made: list[int] = []

        @ends.target.stream
        def count():
            for i in range(10**9):
                made.append(i)
                yield i

        stream = ends.connect().stream("count", window="auto")
        until(lambda: len(made) == INITIAL)
        settle()
        assert len(made) == INITIAL
        assert [next(stream) for _ in range(INITIAL)] == list(range(INITIAL))
        stream.close()
        ends.target.close()


def test_a_window_is_a_number_or_auto():
    with MemoryHost() as host:
        ends = Ends(host)
        large: Any = "large"
        with pytest.raises(ValueError, match="not 'large': a number of items, \"auto\" or"):
            ends.connect().stream("count", window=large)
        ends.target.close()
