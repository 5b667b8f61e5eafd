"""The results of a source on their way to one page: the newest one that it has not had."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from kcomm.live.line import Done
from kcomm.live.results import PATIENCE


@dataclass(frozen=True)
class Shot:
    """A result on its way to a page."""

    done: Done
    is_exact: bool = False


class Feed:
    """What one page is given: the newest result that it has not had."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._shot: Shot | None = None
        self._changed = asyncio.Event()
        self._asked = time.monotonic()
        self._is_closed = False
        self.is_waiting = False

    @property
    def is_looking(self) -> bool:
        """Whether the page wants a result, or did a moment ago."""
        return not self._is_closed and (self.is_waiting or time.monotonic() - self._asked < PATIENCE)

    @property
    def is_served(self) -> bool:
        """Whether the page has taken, and shown to have room for more than, what there was."""
        return self._shot is None and self.is_waiting

    def put(self, done: Done, *, is_exact: bool = False) -> None:
        """Offer a result in place of the one that was not taken."""
        waiting = self._shot
        if waiting is not None and waiting.done.arrival is not done.arrival:
            done = replace(done, skipped=done.skipped + waiting.done.skipped + 1)
        self._shot = Shot(done, is_exact)
        self._changed.set()

    def close(self) -> None:
        """Give nothing more."""
        self._is_closed = True
        self._changed.set()

    async def next(self) -> Shot | None:
        """Wait for a result; None: no more come."""
        self.is_waiting = True
        self._asked = time.monotonic()
        self._wake()
        try:
            while self._shot is None and not self._is_closed:
                self._changed.clear()
                await self._changed.wait()
        finally:
            self.is_waiting = False
            self._asked = time.monotonic()
        shot, self._shot = self._shot, None
        return shot
