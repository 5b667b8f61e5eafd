"""The thread and loop that kcomm runs on, and the workers that plain functions run on."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

logger = logging.getLogger("kcomm")


class Runtime:
    """One daemon thread with one asyncio loop.

    Where threads do not exist (Pyodide), the loop that runs already takes the part.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._ident: int | None = None
        if sys.platform == "emscripten":
            self.loop = asyncio.get_event_loop()
            self._ident = threading.get_ident()
            return
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        thread = threading.Thread(target=self._run, args=(started,), name="kcomm", daemon=True)
        thread.start()
        started.wait()

    def _run(self, started: threading.Event) -> None:
        self._ident = threading.get_ident()
        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(started.set)
        while True:
            try:
                return self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # asyncio lets these through from any task, such as one that a handler began.
                logger.exception("a task exited; the loop that all channels share goes on")

    @property
    def is_current(self) -> bool:
        """Whether the caller is on the loop's thread, where it must not block."""
        return threading.get_ident() == self._ident

    def call_soon(self, function: Callable[..., object], *args: object) -> None:
        """Call a function on the loop, in its next turn; from any thread."""
        if self.is_current:
            self.loop.call_soon(function, *args)
        else:
            self.loop.call_soon_threadsafe(function, *args)

    def start(self, coroutine: Coroutine[Any, Any, T], context: contextvars.Context) -> asyncio.Task[T]:
        """Start a task in a copy of a context; only on the loop's thread."""
        # create_task(context=...) came with Python 3.11; a task copies the context it is made in.
        return context.copy().run(self.loop.create_task, coroutine)


_runtime: Runtime | None = None
_lock = threading.Lock()


def get_runtime() -> Runtime:
    """Return the runtime of this process; the first call starts its thread."""
    global _runtime
    with _lock:
        # A forked child has the object, but not the thread.
        if _runtime is None or _runtime.pid != os.getpid():
            _runtime = Runtime()
        return _runtime


_local = threading.local()


def make_way() -> None:
    """Say that this thread is going to wait: if it is a worker's, another one goes on with the queue."""
    worker: Worker | None = getattr(_local, "worker", None)
    if worker is not None:
        worker.replace_thread()


class Lane:
    """The jobs that one user of a worker has for it; they run in order.

    Parameters
    ----------
    is_blocked : callable, optional
        Whether the next job has to wait; asked before each. `Worker.wake` tells that it need not any more.
    """

    def __init__(self, is_blocked: Callable[[], bool] = lambda: False) -> None:
        self.is_blocked = is_blocked
        self.was_blocked = False
        self.jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()


class Worker:
    """A daemon thread that runs plain functions one after the other.

    Lanes take turns, so nobody's jobs keep those of the others waiting for long.

    It is not a ``ThreadPoolExecutor``, because that one's threads are joined when the interpreter ends: a
    handler that never returns would keep a kernel from shutting down.

    Parameters
    ----------
    name : str
        The name of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lane = Lane()
        self._turn: deque[Lane] = deque()
        #: True for each job, or for one that may run now; False: no more are to come.
        self._signals: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def submit(
        self,
        context: contextvars.Context,
        function: Callable[..., T],
        *args: Any,
        lane: Lane | None = None,
    ) -> Future[T]:
        """Queue a call, to run in a copy of a context; a future cancelled before its turn never runs."""
        future: Future[T] = Future()
        job = context.copy()
        lane = lane or self._lane
        with self._lock:
            if not lane.jobs:
                self._turn.append(lane)
            lane.jobs.append((future, lambda: job.run(function, *args)))
            self._signal(1)
            if self._thread is None:
                self._start_thread()
        return future

    def wake(self, lane: Lane) -> None:
        """Take note that a lane is not blocked any more."""
        if not lane.was_blocked:
            return
        with self._lock:
            lane.was_blocked = False
            self._signal(len(lane.jobs))

    def replace_thread(self) -> None:
        """Let a new thread take the next jobs; the calling one ends with the job it is in.

        A handler that waits for the page must not keep the page's next call from being answered: the page
        may wait for that one first.
        """
        with self._lock:
            if self._thread is threading.current_thread():
                self._start_thread()

    def close(self) -> None:
        """End the thread when the jobs that wait are done."""
        with self._lock:
            self._is_closed = True
            if self._thread is not None:
                self._signal(0)

    def _signal(self, jobs: int) -> None:
        for _ in range(jobs):
            self._signals.put(True)
        if self._is_closed:  # what is still to be done then, such as on_close
            self._signals.put(False)

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        _local.worker = self
        while self._thread is threading.current_thread():
            may_be_last = not self._signals.get()
            job = self._take()
            if job is not None:
                run_job(*job)
                # The thread sleeps in get(): what the last job held must not live on until the next.
                del job
            if may_be_last:
                with self._lock:
                    if not self._turn and self._thread is threading.current_thread():
                        self._thread = None
                        return

    def _take(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        """Return the next job of the next lane that is not blocked."""
        with self._lock:
            for _ in range(len(self._turn)):
                lane = self._turn[0]
                self._turn.rotate(-1)
                was_blocked = lane.was_blocked
                # Before it asks: it may be woken at once.
                lane.was_blocked = True
                if lane.is_blocked():
                    continue
                lane.was_blocked = False
                job = lane.jobs.popleft()
                if was_blocked:  # nobody woke it, and the signals of the others are used up
                    self._signal(len(lane.jobs))
                if not lane.jobs:
                    self._turn.pop()
                return job
        return None


def run_job(future: Future[Any], function: Callable[[], Any]) -> None:
    """Run a function for a future, unless that was cancelled before."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function())
    except StopIteration as error:  # which asyncio's futures do not take
        failure = RuntimeError(f"StopIteration was raised: {error}")
        failure.__cause__ = error
        future.set_exception(failure)
    except BaseException as error:  # a handler's SystemExit must not end the thread
        future.set_exception(error)
