"""The loop and the workers that handlers run on."""

from __future__ import annotations

import contextvars
import threading
from concurrent.futures import Future

import pytest

from kcomm.runtime import Lane, Worker, get_runtime, run_job

WAIT = 10
name = contextvars.ContextVar("name", default="nobody")


def context_of(value: str) -> contextvars.Context:
    context = contextvars.copy_context()
    context.run(name.set, value)
    return context


class TestRuntime:
    def test_there_is_one(self):
        assert get_runtime() is get_runtime()

    def test_its_thread_is_a_daemon(self):
        get_runtime()
        [thread] = [thread for thread in threading.enumerate() if thread.name == "kcomm"]
        assert thread.daemon

    def test_what_is_called_runs_on_the_loop_in_order(self):
        runtime, done = get_runtime(), threading.Event()
        seen: list[tuple[int, bool]] = []

        def finish() -> None:
            seen.append((5, runtime.is_current))
            done.set()

        for i in range(5):
            runtime.call_soon(seen.append, (i, runtime.is_current))
        runtime.call_soon(finish)
        assert done.wait(WAIT)
        assert [i for i, _ in seen] == list(range(6))
        assert not runtime.is_current

    def test_on_the_loop_it_knows_so(self):
        runtime = get_runtime()
        where: Future[bool] = Future()
        runtime.call_soon(lambda: where.set_result(runtime.is_current))
        assert where.result(WAIT)

    def test_a_task_runs_in_a_copy_of_a_context(self):
        runtime, context = get_runtime(), context_of("cell")
        result: Future[str] = Future()

        async def run() -> None:
            seen = name.get()
            name.set("changed")
            result.set_result(seen)

        runtime.call_soon(lambda: runtime.start(run(), context))
        assert result.result(WAIT) == "cell"
        assert context.run(name.get) == "cell"

    def test_a_forked_child_has_one_of_its_own(self, monkeypatch):
        before = get_runtime()
        monkeypatch.setattr("kcomm.runtime._runtime", before)
        monkeypatch.setattr(before, "pid", -1)
        after = get_runtime()
        assert after is not before
        done = threading.Event()
        after.call_soon(done.set)
        assert done.wait(WAIT)
        after.call_soon(after.loop.stop)


class TestWorker:
    def test_jobs_run_one_after_the_other_on_one_thread(self):
        worker, context = Worker("w"), contextvars.copy_context()
        seen: list[int] = []
        futures = [worker.submit(context, seen.append, i) for i in range(50)]
        idents = {worker.submit(context, threading.get_ident).result(WAIT) for _ in range(3)}
        for future in futures:
            future.result(WAIT)
        assert seen == list(range(50))
        assert len(idents) == 1
        assert threading.get_ident() not in idents
        worker.close()

    def test_a_job_runs_in_a_copy_of_a_context(self):
        worker, context = Worker("w"), context_of("cell")
        assert worker.submit(context, name.get).result(WAIT) == "cell"
        worker.submit(context, name.set, "changed").result(WAIT)
        assert worker.submit(context, name.get).result(WAIT) == "cell"
        worker.close()

    def test_a_job_that_was_cancelled_in_time_never_runs(self):
        worker, context = Worker("w"), contextvars.copy_context()
        gate, ran = threading.Event(), threading.Event()
        first = worker.submit(context, gate.wait, WAIT)
        second = worker.submit(context, ran.set)
        assert second.cancel()
        gate.set()
        first.result(WAIT)
        worker.submit(context, int).result(WAIT)
        assert not ran.is_set()
        worker.close()

    @pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
    def test_an_error_is_the_jobs_and_the_thread_goes_on(self, error):
        worker, context = Worker("w"), contextvars.copy_context()

        def fail() -> None:
            raise error

        future = worker.submit(context, fail)
        assert future.exception(WAIT) is error
        assert worker.submit(context, int).result(WAIT) == 0
        worker.close()

    def test_the_thread_ends_after_the_jobs_that_wait(self):
        worker, context = Worker("ends"), contextvars.copy_context()
        seen: list[int] = []
        gate = threading.Event()
        worker.submit(context, gate.wait, WAIT)
        [thread] = [thread for thread in threading.enumerate() if thread.name == "ends"]
        assert thread.daemon
        worker.submit(context, seen.append, 1)
        worker.close()
        gate.set()
        thread.join(WAIT)
        assert not thread.is_alive()
        assert seen == [1]

    def test_a_job_after_the_end_runs_and_leaves_no_thread(self):
        worker, context = Worker("late"), contextvars.copy_context()
        worker.submit(context, int).result(WAIT)
        worker.close()
        assert worker.submit(context, int).result(WAIT) == 0
        for thread in threading.enumerate():
            if thread.name == "late":
                thread.join(WAIT)
                assert not thread.is_alive()

    def test_a_worker_without_jobs_has_no_thread(self):
        before = threading.active_count()
        Worker("idle").close()
        assert threading.active_count() == before

    def test_lanes_take_turns_and_each_keeps_its_order(self):
        worker, context = Worker("w"), contextvars.copy_context()
        gate = threading.Event()
        seen: list[tuple[str, int]] = []
        worker.submit(context, gate.wait, WAIT)
        lanes = {name: Lane() for name in "ab"}
        futures = [worker.submit(context, seen.append, ("a", i), lane=lanes["a"]) for i in range(4)]
        futures += [worker.submit(context, seen.append, ("b", i), lane=lanes["b"]) for i in range(2)]
        gate.set()
        for future in futures:
            future.result(WAIT)
        assert seen == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("a", 3)]
        worker.close()

    def test_a_blocked_lane_waits_and_others_go_on(self):
        worker, context = Worker("w"), contextvars.copy_context()
        is_blocked = [True]
        seen: list[int] = []
        lane = Lane(lambda: is_blocked[0])
        blocked = [worker.submit(context, seen.append, i, lane=lane) for i in range(5)]
        worker.submit(context, int).result(WAIT)
        assert seen == []
        is_blocked[0] = False
        worker.wake(lane)
        for future in blocked:
            future.result(WAIT)
        assert seen == list(range(5))
        worker.close()

    def test_a_lane_that_nobody_woke_goes_on_with_the_next_job(self):
        worker, context = Worker("w"), contextvars.copy_context()
        is_blocked = [True]
        seen: list[int] = []
        lane = Lane(lambda: is_blocked[0])
        for i in range(5):
            worker.submit(context, seen.append, i, lane=lane)
        worker.submit(context, int).result(WAIT)
        is_blocked[0] = False
        worker.submit(context, seen.append, 5, lane=lane).result(WAIT)
        assert seen == list(range(6))
        worker.close()

    def test_a_worker_that_ends_does_what_was_blocked_first(self):
        worker, context = Worker("blocked"), contextvars.copy_context()
        is_blocked = [True]
        lane = Lane(lambda: is_blocked[0])
        job = worker.submit(context, int, lane=lane)
        worker.submit(context, int).result(WAIT)
        [thread] = [thread for thread in threading.enumerate() if thread.name == "blocked"]
        worker.close()
        is_blocked[0] = False
        worker.wake(lane)
        assert job.result(WAIT) == 0
        thread.join(WAIT)
        assert not thread.is_alive()


def test_run_job():
    future: Future[int] = Future()
    run_job(future, lambda: 5)
    assert future.result() == 5
    cancelled: Future[int] = Future()
    cancelled.cancel()
    run_job(cancelled, lambda: pytest.fail("it must not run"))
    assert cancelled.cancelled()


def test_many_threads_may_call_at_once():
    runtime, done = get_runtime(), threading.Event()
    seen: list[tuple[int, int]] = []

    def call(i: int) -> None:
        for j in range(20):
            runtime.call_soon(seen.append, (i, j))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    runtime.call_soon(done.set)
    assert done.wait(WAIT)
    assert sorted(seen) == [(i, j) for i in range(8) for j in range(20)]
