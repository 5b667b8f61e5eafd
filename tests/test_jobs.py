"""What runs on a worker, as the loop hears of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from kcomm import admission, errors
from kcomm.channel import Call, Channel
from kcomm.jobs import Jobs, is_plain
from kcomm.protocol import Limits
from kcomm.runtime import get_runtime
from kcomm.target import Target
from kcomm.transport.memory import MemoryHost
from tests.ends import WAIT, Ends, Gate, call, run_on_loop, until


@pytest.fixture
def ends():
    with MemoryHost() as host:
        ends = Ends(host)
        yield ends
        ends.target.close()


def test_what_ended_is_told_in_one_turn():
    told: list[object] = []
    jobs = Jobs(get_runtime(), lambda: told.append("told"))
    futures: list[Future[int]] = [Future() for _ in range(3)]

    async def end_all() -> None:
        for number, future in enumerate(futures):
            jobs.add(future, lambda done: told.append(done.result()))
            future.set_result(number)
        assert told == []
        await asyncio.sleep(0)

    run_on_loop(end_all())
    assert told == [0, 1, 2, "told"]


def test_a_plain_result_is_neither_a_failure_nor_awaitable():
    plain, failed, cancelled, awaitable = (Future[object]() for _ in range(4))
    plain.set_result(1)
    failed.set_exception(ValueError())
    cancelled.cancel()
    cancelled.set_running_or_notify_cancel()
    coroutine = asyncio.sleep(0)
    awaitable.set_result(coroutine)
    assert [is_plain(job) for job in (plain, failed, cancelled, awaitable)] == [True, False, False, False]
    coroutine.close()


def test_a_plain_function_may_return_an_awaitable(ends):
    async def add(a: int, b: int) -> int:
        return a + b

    async def fail() -> None:
        raise LookupError("no such thing")

    ends.target.method(lambda: add(2, 3), name="add")
    ends.target.method(lambda: fail(), name="fail")
    page = ends.connect()
    assert call(page, "add") == 5
    with pytest.raises(Exception, match="'fail' raised LookupError: no such thing"):
        call(page, "fail")


def test_results_of_cancelled_calls_hold_nothing_up(ends, monkeypatch):
    """A function can't be stopped: its result comes when nobody waits for it, and must not count for ever."""
    monkeypatch.setattr(admission, "MAX_UNANSWERED", 1000)
    gates = [Gate() for _ in range(3)]

    @ends.target.method
    def large(i: int) -> bytes:
        gates[i].pass_through()
        return bytes(2000)

    ends.target.method(lambda: "here", name="small")
    page = ends.connect()
    for i, gate in enumerate(gates):
        pending = page.call("large", i)
        gate.wait_begun()
        pending.cancel()
        until(lambda: not ends.target.channels[0]._peer.session._served._calls)
        gate.open()
    assert call(page, "small") == "here"


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


class Changing(dict):
    """What a dict is that another thread changes while it is encoded."""

    def items(self):
        raise RuntimeError("dictionary changed size during iteration")


def raise_it(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: raise_it(UnspeakableError()), "raised UnspeakableError"),
        (lambda: raise_it(errors.KcommError("no", code="app.no", data=["a list"])), "no"),  # type: ignore[arg-type]  # as users do
        (lambda: raise_it(errors.KcommError("no", code=404)), "no"),  # type: ignore[arg-type]  # as users do
        (lambda: Changing(data=bytes(5_000_000)), "changed size"),
    ],
    ids=["no text", "data that is no map", "a code that is no text", "a result that changes"],
)
def test_whatever_a_handler_raises_or_returns_its_call_is_answered(ends, make, expected, is_async):
    async def make_later() -> object:
        return make()

    ends.target.method(make_later if is_async else lambda: make(), name="make")
    ends.target.method(lambda: 1, name="one")
    page = ends.connect()
    for _ in range(3):
        with pytest.raises(errors.KcommError, match=expected):
            call(page, "make")
    assert call(page, "one") == 1


def test_calls_that_are_held_back_leave_room_for_the_answers_they_wait_for():
    with MemoryHost() as host:
        target = Target("held", limits=Limits(calls=4, window=64 << 10))

        @target.method
        async def ask(data: bytes, channel: Channel) -> object:
            await asyncio.sleep(0.2)  # until all calls were made
            return await channel.call("confirm", len(data), timeout=WAIT)

        page = host.connect("held")
        page.handle("confirm", lambda n: n == 9000)
        calls: list[Call] = []

        def make_calls() -> None:
            for _ in range(20):
                calls.append(page.call("ask", bytes(9000), timeout=WAIT))  # noqa: PERF401  # until one fails

        with pytest.raises(errors.BufferFullError):
            make_calls()
        assert len(calls) > 4
        assert [each.result(WAIT) for each in calls] == [True] * len(calls)
        target.close()


def test_a_topic_beyond_those_the_other_end_takes_is_refused(ends):
    page = ends.connect()
    ends.target.method(lambda: 1, name="one")
    for number in range(Limits().topics):
        page.emit(f"topic-{number}", 1)
    with pytest.raises(errors.BadArgumentsError, match="takes events of 1024 topics"):
        page.emit("one-more", 1)
    page.emit("topic-0", 2)
    assert call(page, "one") == 1
