"""Frames that an executor draws: processes, threads, and what becomes of pools that break."""

from __future__ import annotations

import concurrent.futures.process
import functools
import inspect
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import types
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

import kcomm
from kcomm import interrupts, pools
from kcomm.animation.drawing import figures, prefetch
from kcomm.errors import BadArgumentsError
from kcomm.frames.decoder import Decoder
from kcomm.frames.failures import describe
from tests import pictures
from tests.animations import Sweep, draw, height, know_size, page_of, pixels, take, until

mpl.use("agg")


@pytest.fixture(scope="module", params=["fork", "spawn"])
def processes(request):
    context = multiprocessing.get_context(request.param)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        yield pool


@pytest.fixture
def fresh():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        yield pool


class Held(Executor):
    """Keeps what it was given until it is told to go on."""

    def __init__(self, workers=3):
        self._max_workers = workers
        self.given: list[tuple[Future, prefetch.Task]] = []

    def submit(self, function, /, *args, **kwargs):
        future: Future = Future()
        self.given.append((future, args[0]))
        return future

    def finish(self, number):
        future, task = self.given[number]
        assert future.set_running_or_notify_cancel()
        future.set_result(prefetch.render(task))

    @property
    def indices(self):
        return [task.index for _, task in self.given]


class TestProcesses:
    def test_frames_come_in_order(self, host, processes):
        player = kcomm.animate(pictures.shade, frames=30, prefetch=processes)
        decoder = Decoder()
        frames = list(host.connect(player.target).stream("play", 0, 1, False, window=8))
        assert [frame["index"] for frame in frames] == list(range(30))
        assert [decoder.decode(frame)[0, 0, 0] for frame in frames] == list(range(30))
        assert player.stats().drawn == 30
        assert set(player.stats().ms) == {"draw", "encode"}

    def test_several_are_under_way_at_once(self, host, processes, tmp_path):
        function = functools.partial(pictures.meets, str(tmp_path))
        player = kcomm.animate(function, frames=4, prefetch=processes)
        frames = list(host.connect(player.target).stream("play", 0, 1, False, window=8))
        assert [frame.get("error") for frame in frames] == [None] * 4

    def test_figures_at_any_scale(self, host, processes):
        channel = page_of(host, kcomm.animate(pictures.plot, frames=50, prefetch=processes))
        frame = draw(channel, 20)
        assert height(frame) == pytest.approx(20, abs=1.5)
        assert channel.call("draw", 20, 3.0).result(timeout=20)["width"] == 300
        info = channel.call("info").result(timeout=20)
        assert (info["width"], info["height"]) == (100, 50)

    def test_photographs_are_exact_at_rest(self, host, processes):
        channel = page_of(host, kcomm.animate(pictures.photograph, prefetch=processes))
        (moving,) = take(channel.stream("play", 3, 1, False), 1)
        assert moving["codec"] == "jpeg"
        np.testing.assert_array_equal(pixels(draw(channel, 3))[..., :3], pictures.photograph(3))

    def test_partial_functions(self, host, processes):
        function = functools.partial(np.full, (2, 3), dtype=np.uint8)
        channel = page_of(host, kcomm.animate(function, prefetch=processes))
        assert pixels(draw(channel, 9))[0, 0, 0] == 9

    def test_a_frame_that_raises_costs_itself_only(self, host, processes, caplog):
        player = kcomm.animate(pictures.fails, frames=4, prefetch=processes)
        frames = list(host.connect(player.target).stream("play", 0, 1, False))
        assert [("error" in frame) for frame in frames] == [False, False, True, False]
        assert frames[2]["error"]["message"] == "frame 2: RuntimeError: no frame 2 today"
        assert "drawing frame 2 raised" in caplog.text
        assert "in fails" in caplog.text  # where it happened, in the other process

    def test_a_poster_is_drawn_there_too(self, host, processes):
        player = kcomm.animate(pictures.shade, prefetch=processes)
        assert player._service.make_frame(3).pixels[0, 0, 0] == 3


class TestForks:
    def test_a_lock_that_another_thread_holds_is_free_there(self, host, fresh):
        """A process is forked as it is, with the locks of threads that it does not have."""
        is_held, is_done = threading.Event(), threading.Event()

        def hold():
            with figures._drawing, prefetch._turn:
                is_held.set()
                is_done.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        try:
            assert is_held.wait(10)
            player = kcomm.animate(pictures.plot, frames=3, prefetch=fresh)
            assert draw(host.connect(player.target), 1)["width"] == 100
        finally:
            is_done.set()
            thread.join()


class TestBrokenPools:
    def test_a_worker_that_dies(self, host, fresh):
        player = kcomm.animate(pictures.dies, frames=4, prefetch=fresh)
        channel = host.connect(player.target)
        draw(channel, 0)
        error = draw(channel, 2)["error"]
        assert error["code"] == "kcomm.pool_broken"
        assert "one of its workers died" in error["message"]
        assert "Make a new executor" in error["message"]
        assert draw(channel, 3)["error"]["code"] == "kcomm.pool_broken"
        assert draw(channel, 0)["width"] == 6  # what was drawn before is still there

    def test_a_pool_that_was_shut_down(self, host, fresh):
        channel = page_of(host, kcomm.animate(pictures.shade, prefetch=fresh))
        fresh.shutdown()
        error = draw(channel, 0)["error"]
        assert error["code"] == "kcomm.pool_closed"
        assert "ProcessPoolExecutor takes no frames any more (RuntimeError: " in error["message"]

    def test_errors_that_can_not_be_sent_do_not_break_it(self, host, fresh):
        channel = page_of(host, kcomm.animate(pictures.fails_unsendably, prefetch=fresh))
        assert "frame 1: UnsendableError: <function" in draw(channel, 1)["error"]["message"]
        assert draw(channel, 2)["error"]["message"] == "frame 2: UnreadableError: two words"
        assert draw(channel, 3)["width"] == 6

    def test_a_function_that_was_defined_anew(self, host, fresh, monkeypatch):
        """A pool that was forked before knows the old one by the same name."""
        main = sys.modules["__main__"]
        namespace = {"__name__": "__main__"}
        old = "def paint_anew(i):\n    import numpy\n    return numpy.zeros((2, 2), 'uint8')"
        exec(old, namespace)
        monkeypatch.setattr(main, "paint_anew", namespace["paint_anew"], raising=False)
        channel = page_of(host, kcomm.animate(namespace["paint_anew"], prefetch=fresh))
        assert draw(channel, 0)["width"] == 2
        exec(old.replace("(2, 2)", "(3, 3)"), namespace)
        monkeypatch.setattr(main, "paint_anew", namespace["paint_anew"])
        channel = page_of(host, kcomm.animate(namespace["paint_anew"], prefetch=fresh))
        assert "paint_anew was defined anew" in draw(channel, 0)["error"]["message"]

    def test_a_function_that_processes_do_not_know(self, host, fresh, monkeypatch):
        fresh.submit(abs, 1).result()
        namespace = {"__name__": "__main__"}
        exec("def paint_late(i): pass", namespace)
        monkeypatch.setattr(sys.modules["__main__"], "paint_late", namespace["paint_late"], raising=False)
        channel = page_of(host, kcomm.animate(namespace["paint_late"], prefetch=fresh))
        assert "paint_late was defined after the pool had begun" in draw(channel, 0)["error"]["message"]


class TestWhatCanBeSent:
    def test_lambdas_and_closures(self, host, fresh):
        with pytest.raises(BadArgumentsError, match=r"can't be sent to the processes.*move it to a module"):
            kcomm.animate(lambda i: i, prefetch=fresh)

    def test_functions_of_a_notebook_in_spawned_processes(self):
        """As in a kernel, whose ``__main__`` no other process can import."""
        code = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from kcomm.pools import check_sendable
from kcomm.errors import BadArgumentsError
def paint(i): pass
check_sendable(paint, ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")))
try:
    check_sendable(paint, ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")))
except BadArgumentsError as error:
    print(error)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert "paint is defined in the notebook" in done.stdout
        assert "move it to a module" in done.stdout
        assert "loky" in done.stdout

    @pytest.mark.parametrize("executor", [4, "processes", ProcessPoolExecutor])
    def test_what_is_no_executor(self, host, executor):
        with pytest.raises(BadArgumentsError, match=r"prefetch is a concurrent\.futures\.Executor"):
            kcomm.animate(pictures.shade, prefetch=executor)

    def test_an_animation_can_not_be_drawn_elsewhere(self, host):
        animation = Sweep().animation()
        with ThreadPoolExecutor(1) as pool:
            with pytest.raises(BadArgumentsError, match=r"not of a FuncAnimation.*pass a function"):
                kcomm.animate(animation, prefetch=pool)
            kcomm.animate(animation)  # which is what keeps matplotlib from warning that nobody drew it
        plt.close("all")


class TestThreads:
    def test_frames_come_in_order(self, host):
        with ThreadPoolExecutor(4) as pool:
            player = kcomm.animate(pictures.shade, frames=30, prefetch=pool)
            frames = list(host.connect(player.target).stream("play", 0, 1, False, window=8))
        assert [frame["index"] for frame in frames] == list(range(30))

    def test_arrays_are_drawn_side_by_side(self, host):
        both = threading.Barrier(2)

        def paint(i):
            if i in (1, 2):
                both.wait(10)
            return pictures.shade(i)

        with ThreadPoolExecutor(2) as pool:
            player = kcomm.animate(paint, frames=4, prefetch=pool)
            frames = list(host.connect(player.target).stream("play", 0, 1, False, window=8))
        assert not any("error" in frame for frame in frames)

    def test_figures_of_pyplot_are_drawn_one_at_a_time(self, host):
        inside, most = 0, 0

        def paint(i):
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            figure, axes = plt.subplots(figsize=(2, 1), dpi=50)
            axes.axhline(i)
            time.sleep(0.005)
            inside -= 1
            return figure

        with ThreadPoolExecutor(4) as pool:
            player = kcomm.animate(paint, frames=20, prefetch=pool)
            frames = list(host.connect(player.target).stream("play", 0, 1, False, window=8))
        assert [frame["width"] for frame in frames] == [100] * 20
        assert most == 1
        assert plt.get_fignums() == []


class TestFlow:
    def test_as_many_as_were_granted_and_as_there_are_workers_for(self, host):
        held = Held(workers=3)
        player = kcomm.animate(pictures.shade, frames=100, prefetch=held)
        know_size(player, (6, 4))
        with host.connect(player.target).stream("play", 0, 1, False, window=20):
            until(lambda: len(held.given) == 6)  # two for each worker
            held.finish(0)
            until(lambda: len(held.given) == 7)
            assert held.indices == list(range(7))
        with host.connect(player.target).stream("play", 50, 1, False, window=2):
            until(lambda: len(held.given) == 9)
            assert held.indices[7:] == [50, 51]

    def test_what_is_granted_while_a_frame_takes_long_is_begun(self, host):
        held = Held(workers=8)
        player = kcomm.animate(pictures.shade, frames=100, prefetch=held)
        know_size(player, (6, 4))
        with host.connect(player.target).stream("play", 0, 1, False, window=2) as stream:
            until(lambda: len(held.given) == 2)
            held.finish(0)
            next(stream)
            reader = threading.Thread(target=next, args=(stream,))
            reader.start()  # it waits for frame 1, and gives back the credit of frame 0
            until(lambda: held.indices == [0, 1, 2])
            held.finish(1)
            reader.join(10)

    def test_order_is_kept_whoever_is_first(self, host):
        held = Held()
        player = kcomm.animate(pictures.shade, frames=3, prefetch=held)
        know_size(player, (6, 4))
        stream = host.connect(player.target).stream("play", 0, 1, False, window=8)
        until(lambda: len(held.given) == 3)
        for number in (2, 1, 0):
            held.finish(number)
        assert [frame["index"] for frame in stream] == [0, 1, 2]

    def test_what_is_left_is_cancelled(self, host):
        held = Held()
        player = kcomm.animate(pictures.shade, frames=100, prefetch=held)
        know_size(player, (6, 4))
        with host.connect(player.target).stream("play", 0, 1, False, window=5):
            until(lambda: len(held.given) == 5)
        until(lambda: all(future.cancelled() for future, _ in held.given))

    def test_what_is_closed_is_cancelled(self, host, caplog):
        held = Held()
        player = kcomm.animate(pictures.shade, frames=100, prefetch=held)
        call = host.connect(player.target).call("draw", 3)
        until(lambda: len(held.given) == 1)
        player.close()
        until(lambda: held.given[0][0].cancelled())
        until(lambda: call._future.done())
        assert caplog.records == []

    def test_no_two_tasks_are_equal(self, host):
        """An executor that computes equal calls once would never draw a frame anew."""
        held = Held()
        player = kcomm.animate(pictures.shade, cache=0, prefetch=held)
        channel = host.connect(player.target)
        for number in range(2):
            call = channel.call("draw", 3)
            until(lambda n=number: len(held.given) == n + 1)
            held.finish(number)
            call.result(timeout=10)
        assert held.given[0][1] != held.given[1][1]


class TestInterrupts:
    """What the handler of a worker's process does with SIGINT, by what the process is at."""

    class Item:
        fn: object = None

    @staticmethod
    def _process_worker(item, then):
        if item is not None:
            call_item = item  # noqa: F841  # looked for by its name
        then()

    @pytest.fixture(autouse=True)
    def spared(self, monkeypatch):
        monkeypatch.setattr(interrupts, "_spared", {prefetch.render})

    def interrupt(self):
        interrupts._interrupt(sys._getframe())

    def test_one_that_waits_or_draws_goes_on(self):
        self._process_worker(None, self.interrupt)
        item = self.Item()
        item.fn = prefetch.render
        self._process_worker(item, self.interrupt)

    def test_what_else_is_at_work_there_is_interrupted(self):
        item = self.Item()
        item.fn = print
        with pytest.raises(KeyboardInterrupt):
            self._process_worker(item, self.interrupt)

    def test_a_worker_outlives_one_where_no_task_is_seen(self):
        self.interrupt()

    def test_the_standard_library_calls_things_as_is_looked_for(self):
        source = inspect.getsource(getattr(concurrent.futures.process, interrupts._LOOP))
        assert f"{interrupts._ITEM}.{interrupts._FUNCTION}(" in source

    @pytest.mark.skipif(sys.platform == "win32", reason="processes are sent no SIGINT there")
    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    def test_workers_without_a_task_yet_outlive_one(self, method):
        with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context(method)) as pool:
            source = prefetch.PooledSource(pictures.shade, 9, pool)
            source.draw(0)
            for pid in pool._processes:
                os.kill(pid, signal.SIGINT)
            time.sleep(0.3)
            assert all(worker.is_alive() for worker in pool._processes.values())
            assert source.draw(1)[0, 0, 0] == 1
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def test_a_pool_is_shared_by_tasks_of_both_kinds(self, fresh):
        assert fresh.submit(outlive_twice).result(timeout=30) == 2

    def test_nothing_changes_where_it_is_no_child(self):
        before = signal.getsignal(signal.SIGINT)
        interrupts.outlive_interrupts(prefetch.render)
        assert signal.getsignal(signal.SIGINT) is before


def test_showing_a_player_does_not_wait_for_a_busy_executor(host, monkeypatch, caplog):
    monkeypatch.setattr("kcomm.animation.player._PATIENCE", 0.05)
    held: Any = Held(1)
    shown = kcomm.animate(pictures.shade, frames=9, prefetch=held)._repr_mimebundle_()
    assert "Frame 0 was not drawn within 0.05 s" in str(shown)
    assert "image/png" not in shown
    assert "was not drawn within" in caplog.text
    assert held.given[0][0].cancelled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_worker_draws_a_figure_that_another_thread_was_drawing():
    figure = plt.figure(figsize=(1, 1))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        with figures.lock_of(figure), ThreadPoolExecutor(1) as other:
            # Forked while this thread holds the lock.
            begun = other.submit(pool.submit, locks_are_free, figure.number).result(timeout=10)
        assert begun.result(timeout=20)
    plt.close(figure)


def locks_are_free(number):
    return figures.lock_of(plt.figure(number)).acquire(timeout=1)


class TestOldFunctions:
    """Functions of the notebook that were defined anew since a pool forked its processes."""

    @staticmethod
    def code(source):
        names: dict[str, Any] = {"__name__": "__main__", "functools": functools}
        exec(source, names)
        return pools._code_of(names["f"])

    def test_another_default_value_is_noticed(self):
        assert self.code("def f(i, v=1): return v") == self.code("def f(i, v=1): return v")
        assert self.code("def f(i, v=1): return v") != self.code("def f(i, v=2): return v")
        assert self.code("def f(i, *, v=1): return v") != self.code("def f(i, *, v=2): return v")
        assert self.code("def f(i, v=object()): return v") == self.code("def f(i, v=object()): return v")

    def test_another_function_under_a_decorator_is_noticed(self):
        decorated = """
def twice(function):
    @functools.wraps(function)
    def inner(i): return function(i)
    return inner
@twice
def f(i): return {}
"""
        assert self.code(decorated.format(1)) == self.code(decorated.format(1))
        assert self.code(decorated.format(1)) != self.code(decorated.format(2))

    def test_another_function_of_a_partial_one_is_noticed(self):
        source = "def g(i): return {}\nf = functools.partial(g)"
        assert self.code(source.format(1)) != self.code(source.format(2))


class TestBlame:
    def test_a_functions_own_error_that_speaks_of_pickles(self, fresh):
        for pool in (fresh, ThreadPoolExecutor(1)):
            with pytest.raises(TypeError, match="cannot pickle my cucumber"):
                prefetch.PooledSource(pictures.pickles, 9, pool).draw(0)

    def test_an_error_that_cannot_be_told(self):
        error: Any = pictures.SpeechlessError(404)
        broken = pools.explain(error, [print], ThreadPoolExecutor(1), "make a new one")
        assert broken is error
        assert "can't be told in words" in str(pools.closed(error, ThreadPoolExecutor(1), "make a new one"))
        assert describe(3, error)["error"]["message"] == (
            "frame 3: SpeechlessError: (it can't be told in words)"
        )


class TestOthersThatAskLater:
    def test_whoever_asks_for_a_frame_that_was_given_up_gets_one(self, host):
        held: Any = Held(1)
        player = kcomm.animate(pictures.shade, frames=9, prefetch=held)
        pipeline: Any = player._service._pipeline
        submit = held.submit
        second: list[Any] = []

        def submit_late(function, /, *args, **kwargs):
            first.cancel()  # nobody waits any more by the time that it is begun
            future = submit(function, *args, **kwargs)
            cancel = future.cancel

            def cancel_late():
                held.submit = submit
                second.append(pipeline.request(3, 1.0, exact=True))
                return cancel()

            future.cancel = cancel_late
            return future

        held.submit = submit_late
        first = pipeline.request(3, 1.0, exact=True)
        until(lambda: len(held.given) == 2)
        held.finish(1)
        assert second[0].future.result(timeout=10).frame.index == 3


def outlive_twice():
    interrupts.outlive_interrupts(prefetch.render)
    interrupts.outlive_interrupts(outlive_twice)
    return len(interrupts._spared)


def grey(i):
    return pictures.shade(i)


def test_a_function_that_takes_over_a_name_takes_turns_anew(monkeypatch):
    monkeypatch.setattr(prefetch, "_free", set())
    assert prefetch.render(task_of(grey)).dpi is None
    assert grey.__code__ in prefetch._free
    other = functools.partial(pictures.plot)
    namesake = types.FunctionType(pictures.plot.__code__, vars(pictures), grey.__name__)
    for function in (namesake, other):
        assert prefetch.render(task_of(function)).dpi == 50
    assert prefetch._free == {grey.__code__}


def task_of(function):
    return prefetch.Task(function, 0, 1.0, "auto", 0.85, True, None, None, 0)


class TestKeeping:
    def test_files_keep_the_executor_busy(self, host, tmp_path):
        held = Held(3)
        player = kcomm.animate(pictures.shade, frames=20, prefetch=held)
        done = threading.Thread(target=player.to_html, args=[tmp_path / "a.html"], kwargs={"progress": False})
        done.start()
        for number in range(20):
            until(lambda n=number: len(held.given) == min(n + 6, 20))
            held.finish(number)
        done.join(20)
        assert held.indices == list(range(20))
        assert (tmp_path / "a.html").exists()

    def test_a_frame_that_fails_gives_up_what_was_begun_after_it(self, host, tmp_path):
        held = Held(2)
        player = kcomm.animate(pictures.shade, frames=20, prefetch=held)
        with ThreadPoolExecutor(1) as other:
            saved = other.submit(player.save, tmp_path / "a.gif", progress=False)
            until(lambda: len(held.given) == 4)
            held.given[0][0].set_exception(OSError("gone"))
            with pytest.raises(kcomm.KcommError, match="frame 0 could not be drawn: OSError: gone"):
                saved.result(timeout=10)
        assert all(future.cancelled() for future, _ in held.given[1:])

    def test_figures_are_drawn_at_another_resolution(self, host, tmp_path, fresh):
        kcomm.animate(pictures.plot, frames=2, prefetch=fresh).save(
            tmp_path / "%d.png", dpi=100, progress=False
        )
        assert Image.open(tmp_path / "1.png").size == (200, 100)
