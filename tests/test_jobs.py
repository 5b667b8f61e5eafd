"""What runs on a worker, as the loop hears of it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from kcomm import admission
from kcomm.jobs import Jobs, is_plain
from kcomm.runtime import get_runtime
from kcomm.transport.memory import MemoryHost
from tests.ends import Ends, Gate, call, run_on_loop, until


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
