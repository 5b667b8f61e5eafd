"""Events that come faster than their handler takes them, and calls whose answers find no room."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import numpy as np
import pytest

from kcomm import backlog as backlogs
from kcomm.admission import Admission
from kcomm.backlog import Backlog, size_of
from kcomm.transport.memory import MemoryHost
from tests.ends import WAIT, Ends, Gate, call, run, settle, until


@pytest.fixture
def ends():
    with MemoryHost() as host:
        ends = Ends(host)
        yield ends
        ends.target.close()


@pytest.mark.parametrize(
    ("value", "nbytes"),
    [(None, 8), (3, 8), ("four", 4), (b"12", 2), (np.zeros((3, 4)), 96), ([1, [2.0]], 16), ({"ab": "c"}, 3)],
)
def test_size_of(value, nbytes):
    assert size_of(value) == nbytes


class TestBacklog:
    def test_the_oldest_gives_way(self):
        seen: list[int] = []
        backlog = Backlog(is_queued=True)
        for i in range(backlogs.MAX_WAITING + 3):
            backlog.put(partial(seen.append, i), 1)
        assert (len(backlog), backlog.dropped) == (backlogs.MAX_WAITING, 3)
        while slot := backlog.open_slot():
            slot.run()
            slot.close()
        assert seen == list(range(3, backlogs.MAX_WAITING + 3))

    def test_it_is_bounded_in_bytes_but_the_newest_stays(self):
        backlog = Backlog(is_queued=True)
        for _ in range(10):
            backlog.put(int, backlogs.MAX_BYTES // 3)
        assert (len(backlog), backlog.dropped) == (2, 8)
        backlog.put(int, 2 * backlogs.MAX_BYTES)
        assert (len(backlog), backlog.dropped) == (1, 10)

    def test_there_are_no_more_slots_than_events(self):
        backlog = Backlog(is_queued=True)
        backlog.put(int, 1)
        slot = backlog.open_slot()
        assert slot is not None
        assert backlog.open_slot() is None

    def test_a_slot_whose_event_was_dropped_runs_nothing(self):
        seen: list[str] = []
        backlog = Backlog(is_queued=True)
        for name in "abc":
            backlog.put(partial(seen.append, name), 1)
        slots = [backlog.open_slot() for _ in range(3)]
        backlog.put(lambda: seen.append("large"), backlogs.MAX_BYTES)
        for slot in slots:
            assert slot is not None
            result = slot.run()
            if result is not None:
                run(result)
            slot.close()
        assert seen == ["large"]
        backlog.put(int, 1)
        assert backlog.open_slot() is not None

    def test_what_is_at_work_is_bounded(self, monkeypatch):
        monkeypatch.setattr(backlogs, "MAX_AT_WORK", 2)
        backlog = Backlog(is_queued=False)
        for _ in range(5):
            backlog.put(int, 1)
        slots = []
        while slot := backlog.open_slot():
            slot.run()
            slots.append(slot)
        assert len(slots) == 2
        slots[0].close()
        assert backlog.open_slot() is not None


def test_a_slow_handler_keeps_a_bounded_number_of_events(ends, caplog, monkeypatch):
    monkeypatch.setattr(backlogs, "MAX_WAITING", 20)
    gate, seen = Gate(), []

    @ends.target.on("t")
    def take(value: int) -> None:
        gate.pass_through()
        seen.append(value)

    page = ends.connect()
    page.emit("t", 0)
    gate.wait_begun()
    for i in range(1, 101):
        page.emit("t", i)
        settle_now_and_then(i)
    worker = ends.target._worker
    assert sum(len(lane.jobs) for lane in worker._turn) <= 20
    gate.open()
    until(lambda: seen and seen[-1] == 100)
    assert seen == [0, *range(81, 101)]
    assert "events of topic 't' come faster than their handler takes them" in caplog.text
    until(lambda: "80 events of topic 't' were dropped" in caplog.text)


def settle_now_and_then(i: int) -> None:
    if i % 25 == 0:
        settle()


def test_slow_async_handlers_are_not_started_without_bound(ends, monkeypatch):
    monkeypatch.setattr(backlogs, "MAX_AT_WORK", 3)
    gate, begun = Gate(), []

    @ends.target.on("t")
    async def take(value: int) -> None:
        begun.append(value)
        await gate.pass_through_async()

    page = ends.connect()
    for i in range(10):
        page.emit("t", i)
    until(lambda: len(begun) == 3)
    settle()
    assert begun == [0, 1, 2]
    gate.open()
    until(lambda: begun == list(range(10)))


def test_events_and_calls_of_plain_handlers_keep_their_order(ends):
    seen: list[int] = []
    ends.target.on("set", seen.append)
    ends.target.method(lambda: seen[-1], name="get")
    page = ends.connect()
    for i in range(200):
        page.emit("set", i)
        if i % 20 == 0:
            assert call(page, "get") == i


def test_a_handler_that_was_replaced_handles_what_came_before(ends):
    gate = Gate()
    first: list[int] = []
    second: list[int] = []

    @ends.target.on("t")
    def take(value: int) -> None:
        gate.pass_through()
        first.append(value)

    page = ends.connect()
    page.emit("t", 0)
    gate.wait_begun()
    page.emit("t", 1)
    settle()
    ends.target.on("t", second.append)
    page.emit("t", 2)
    settle()
    gate.open()
    until(lambda: second == [2])
    assert first == [0, 1]


@pytest.mark.parametrize("is_async", [False, True])
def test_handlers_wait_while_nobody_reads_their_answers(ends, monkeypatch, is_async):
    begun: list[int] = []

    def make(number: int) -> bytes:
        begun.append(number)
        return bytes(10_000)

    async def make_later(number: int) -> bytes:
        return make(number)

    ends.target.method(make_later if is_async else make, name="make")
    page = ends.connect()
    page.wait_open(WAIT)
    [channel] = ends.target.channels
    session = channel._peer.session
    monkeypatch.setattr(session, "wait_for_answer_room", lambda: len(begun) < 3)
    answers = [page.call("make", i) for i in range(20)]
    settle()
    assert begun == [0, 1, 2]
    monkeypatch.undo()
    channel._peer.runtime.call_soon(channel._peer.serving.set_writable)
    assert [len(answer.result(WAIT)) for answer in answers] == [10_000] * 20
    assert begun == list(range(20))


def test_a_call_is_cancelled_while_it_waits_for_room():
    async def check() -> None:
        room = [False]
        admission = Admission(asyncio.get_running_loop(), lambda: room[0])
        entered: list[int] = []

        async def enter(number: int) -> None:
            await admission.enter()
            entered.append(number)

        tasks = [asyncio.ensure_future(enter(i)) for i in range(4)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
        await asyncio.sleep(0)
        room[0] = True
        admission.admit()
        await asyncio.gather(tasks[1], tasks[3])
        assert entered == [1, 3]

    run(check())


@pytest.fixture(autouse=True)
def heard(caplog):
    caplog.set_level(logging.WARNING, "kcomm")
