"""Lets handlers begin one after the other while there is room for their answers."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from kcomm.backlog import size_of

#: Bytes of results that may wait to become answers: a worker is faster than what encodes them.
MAX_UNANSWERED = 4 << 20


class Admission:
    """A gate that is passed in the order of coming. It lives on kcomm's loop.

    What another end that does not read asks for would else be computed, and kept, without bound.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        kcomm's loop.
    has_room : callable
        Whether another answer may be made.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, has_room: Callable[[], bool]) -> None:
        self._loop = loop
        self._has_room = has_room
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        """Wait for room, and for those that came before."""
        if not self._waiting and self._has_room():
            return
        turn = self._loop.create_future()
        self._waiting.append(turn)
        await turn

    def admit(self) -> None:
        """Let the first one in, if there is room; the next follows when that one may have answered."""
        while self._waiting and self._waiting[0].done():  # it was cancelled
            self._waiting.popleft()
        if self._waiting and self._has_room():
            self._waiting.popleft().set_result(None)
            self._loop.call_soon(self.admit)


def _nothing() -> None:
    """Stand for a call that is over."""


class Unanswered:
    """Counts the results that plain functions returned, and that are not answered yet."""

    def __init__(self) -> None:
        self._nbytes = 0
        self._lock = threading.Lock()

    @property
    def is_full(self) -> bool:
        """Whether no other function should begin."""
        return self._nbytes >= MAX_UNANSWERED

    def add(self, call: Callable[[], Any]) -> Result:
        """Return a call whose result is counted."""
        return Result(self, call)

    def _count(self, nbytes: int) -> None:
        with self._lock:
            self._nbytes += nbytes


class Result:
    """The result of one call, counted from when it is there until it is released."""

    def __init__(self, unanswered: Unanswered, call: Callable[[], Any]) -> None:
        self._unanswered = unanswered
        self._call = call
        self._nbytes = 0

    def run(self) -> Any:
        """Make the call; on its thread."""
        value = self._call()
        self._nbytes = size_of(value)
        self._unanswered._count(self._nbytes)
        return value

    def release(self) -> None:
        """Count it no longer; a call that was cancelled may stand in the worker's queue for long."""
        self._call = _nothing
        nbytes, self._nbytes = self._nbytes, 0
        self._unanswered._count(-nbytes)
