"""What Python gets of a webcam: its results, as they come."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from kcomm.errors import ChannelClosedError
from kcomm.frames import Frame, Pixels

#: Seconds after which who has asked for a result, and asks for no more, counts as gone.
PATIENCE: Final = 1.0


@dataclass(frozen=True, eq=False)
class Result:
    """One result of a webcam.

    Parameters
    ----------
    frame : Frame
        The result with its index, the time ``captured`` of its camera frame, and the milliseconds ``ms`` that
        each stage took.
    image : ndarray of uint8
        Its pixels, read-only: (H, W), (H, W, 3) or (H, W, 4).
    data : object
        What `process` returned beside the image; None if nothing.
    """

    frame: Frame
    image: Pixels
    data: Any = None


class Results:
    """An async iterator over results, on any loop; who is slow gets the newest.

    Made by `Webcam.results`. It ends when the webcam is closed, or its source has ended.
    """

    def __init__(self, outlet: Outlet, owner: object) -> None:
        self._outlet = outlet
        # Who iterates over the results of a webcam holds it.
        self._owner = owner
        self._lock = threading.Lock()
        self._newest: Result | None = None
        self._waiter: Future[Result] | None = None
        self._is_finished = False
        self.asked = time.monotonic()

    def __aiter__(self) -> Results:
        return self

    async def __anext__(self) -> Result:
        """Return the next result; cancelling the wait loses nothing."""
        future = self._ask()
        try:
            return await asyncio.wrap_future(future)
        # The latter where nobody holds the coroutine any more.
        except (asyncio.CancelledError, GeneratorExit):
            self._give_back(future)
            raise

    async def aclose(self) -> None:
        """Ask for no more."""
        self.finish()
        self._newest = None
        self._outlet.leave(self)

    @property
    def is_waiting(self) -> bool:
        """Whether somebody waits for the next one."""
        return self._waiter is not None

    def take(self, result: Result) -> None:
        """Take a result, and give it to who waits for it."""
        with self._lock:
            waiter, self._waiter = self._waiter, None
            if waiter is None or not waiter.set_running_or_notify_cancel():
                self._newest = result
            else:
                waiter.set_result(result)

    def finish(self) -> None:
        """Take nothing more."""
        with self._lock:
            self._is_finished = True
            waiter, self._waiter = self._waiter, None
            if waiter is not None and waiter.set_running_or_notify_cancel():
                waiter.set_exception(StopAsyncIteration())

    def _ask(self) -> Future[Result]:
        future: Future[Result] = Future()
        with self._lock:
            self.asked = time.monotonic()
            if self._newest is not None:
                future.set_result(self._newest)
                self._newest = None
            elif self._is_finished or self._outlet.has_ended:
                future.set_exception(StopAsyncIteration())
            elif self._waiter is not None and not self._waiter.cancelled():
                raise RuntimeError("results can be waited for in one place at a time: call results() again")
            else:
                self._waiter = future
        self._outlet.on_asked()
        return future

    def _give_back(self, future: Future[Result]) -> None:
        """Take back what came for a wait that was broken off."""
        with self._lock:
            if self._waiter is future:
                self._waiter = None
            elif not future.cancelled() and future.exception() is None and self._newest is None:
                self._newest = future.result()


class Outlet:
    """Hands results to those in Python who want them, from any thread to any."""

    def __init__(self) -> None:
        self.newest: Result | None = None
        #: When it came, in seconds of `time.monotonic`.
        self.published = 0.0
        #: Called, on any thread, when somebody begins to wait.
        self.on_asked: Callable[[], object] = lambda: None
        #: Whether no more results come until something begins anew.
        self.has_ended = False
        # Held as it is, not through the condition: an interrupt can't come between its being taken and held.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._readers: weakref.WeakSet[Results] = weakref.WeakSet()
        self._collections: list[list[Result]] = []
        self._blocked: set[object] = set()
        self._is_closed = False

    def publish(self, result: Result) -> None:
        """Give a result to all."""
        with self._lock:
            self.newest = result
            self.published = time.monotonic()
            readers = list(self._readers)
            for collection in self._collections:
                collection.append(result)
            self._changed.notify_all()
        for reader in readers:
            reader.take(result)

    def notify(self) -> None:
        """Have who blocks look again at what it waits for."""
        with self._lock:
            self._changed.notify_all()

    def read(self, owner: object) -> Results:
        """Return a new iterator, which holds `owner`."""
        reader = Results(self, owner)
        with self._lock:
            if self._is_closed:
                reader.finish()
            else:
                self._readers.add(reader)
        return reader

    def leave(self, reader: Results) -> None:
        """Forget an iterator."""
        with self._lock:
            self._readers.discard(reader)

    def wait(self, is_done: Callable[[], bool], timeout: float) -> None:
        """Block until something is so that a result, or `notify`, can bring about; at most some seconds."""
        with self._waiting():
            self._changed.wait_for(lambda: self._is_closed or is_done(), timeout)

    def collect(self, count: int, is_done: Callable[[], bool], timeout: float) -> list[Result]:
        """Block for the next results in a row; return what came in time, or before `is_done` became true.

        Raises
        ------
        ChannelClosedError
            If the webcam is closed meanwhile.
        """
        collected: list[Result] = []
        with self._waiting():
            self._collections.append(collected)
            try:
                self._changed.wait_for(
                    lambda: self._is_closed or len(collected) >= count or is_done(), timeout
                )
            finally:
                self._collections = [other for other in self._collections if other is not collected]
            if self._is_closed and len(collected) < count:
                raise ChannelClosedError("the webcam was closed: make a new one")
        return collected[:count]

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for results, or did a moment ago."""
        now = time.monotonic()
        with self._lock:
            readers = list(self._readers)
        return bool(self._blocked) or any(r.is_waiting or now - r.asked < PATIENCE for r in readers)

    def begin(self) -> None:
        """Take note that results may come again."""
        self.has_ended = False

    def end(self) -> None:
        """End the iterators: no more results come."""
        with self._lock:
            self.has_ended = True
            readers = list(self._readers)
            self._readers.clear()
            self._changed.notify_all()
        for reader in readers:
            reader.finish()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._lock:
            self._is_closed = True
        self.end()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Hold the lock, for a thread that waits for results; whatever interrupts it, it is given back."""
        waiting = object()
        with self._lock:
            try:
                self._blocked.add(waiting)
                self.on_asked()
                yield
            finally:
                self._blocked.discard(waiting)
