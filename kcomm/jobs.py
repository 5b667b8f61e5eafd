"""Plain functions at work: what a worker has finished is brought back to the loop."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from kcomm.runtime import Runtime


class Jobs:
    """Waits for what runs on a worker. It lives on kcomm's loop.

    A task for each would do the same in two more turns of the loop, and at twice the cost. What has ended
    until the loop's turn is told in that one turn.

    Parameters
    ----------
    runtime : Runtime
        Whose loop it is.
    on_told : callable
        Called after what ended until a turn was told.
    """

    def __init__(self, runtime: Runtime, on_told: Callable[[], object]) -> None:
        self._runtime = runtime
        self._on_told = on_told
        self._ended: deque[Callable[[], object]] = deque()
        self._is_turn_due = False

    def add(self, future: Future[Any], finish: Callable[[Future[Any]], object]) -> None:
        """Wait for a job; `finish` is called on the loop when it has ended or was cancelled."""
        future.add_done_callback(lambda done: self._take_ended(lambda: finish(done)))

    def _take_ended(self, finish: Callable[[], object]) -> None:
        """Take note of an end, on any thread."""
        # In this order: the turn that is due finds it, or there will be another.
        self._ended.append(finish)
        if not self._is_turn_due:
            self._is_turn_due = True
            self._runtime.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._is_turn_due = False
        # No more than there are now: the loop has others to serve.
        for _ in range(len(self._ended)):
            self._ended.popleft()()
        self._on_told()


def is_plain(job: Future[Any]) -> bool:
    """Return whether a job that ended has a result that is one: no failure, and nothing to await."""
    return not job.cancelled() and job.exception() is None and not inspect.isawaitable(job.result())
