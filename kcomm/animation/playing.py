"""One run of a player in one page: frames in order, drawn ahead as far as the page has granted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Final

from kcomm.animation.drawing.sequence import FrameRangeError
from kcomm.animation.drawing.sources import Source
from kcomm.animation.link import Link
from kcomm.animation.meter import PlayerMeter
from kcomm.animation.path import Loop, Position, following, within
from kcomm.animation.pipeline import Pipeline
from kcomm.animation.receiver import Receiver
from kcomm.animation.store import Made
from kcomm.animation.ticket import Ticket
from kcomm.flow import Flow
from kcomm.frames.failures import describe

#: Bytes of frames that wait for a page. Its credit counts frames, and these may be large.
MAX_AHEAD: Final = 32 * 2**20
#: Seconds after which a frame that takes long is left to itself for a look at what the page granted since:
#: an executor has workers that could begin more.
_LOOK: Final = 0.02


@dataclass
class Run:
    """Frames from one on, in one direction.

    Parameters
    ----------
    pipeline : Pipeline
        Makes the frames.
    source : Source
        What they are made of.
    meter : PlayerMeter
        Counts what is sent.
    flow : Flow
        How many frames the page has granted.
    wanted : callable
        Returns the frames a second that the page wants.
    scale : float
        At which frames are drawn.
    loop : bool or "bounce"
        What happens at the ends.
    receiver : Receiver
        The page.
    """

    pipeline: Pipeline
    source: Source
    meter: PlayerMeter
    flow: Flow
    wanted: Callable[[], float]
    scale: float
    loop: Loop
    receiver: Receiver

    def __post_init__(self) -> None:
        self._link = Link()
        self._ahead: deque[tuple[Position, Ticket]] = deque()
        #: Bytes of the last frame; of the first nothing is known but what its pixels take, if that.
        self._size = MAX_AHEAD
        if self.source.size is not None:
            width, height = self.source.size
            self._size = int(4 * width * height * self.scale**2)

    async def frames(self, start: Position) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the messages of frames; leaving it cancels what was not begun."""
        self._next: Position | None = start
        try:
            while True:
                self._reach()
                if not self._ahead:
                    return
                position, ticket = self._ahead[0]
                try:
                    message = await self._take(position.index, ticket)
                except FrameRangeError:
                    # Generators show only at their end that there are no more.
                    count = self.source.count
                    if not count or position.index < count:
                        raise
                    self._leave()
                    self._next = within(position, count, self.loop)
                    continue
                self._ahead.popleft()
                yield message
                self._link.resumed(self.flow.done, self.wanted())
        finally:
            self._leave()

    def _reach(self) -> None:
        """Ask for frames as far as the page has granted, and the bytes that wait for it allow."""
        most = max(min(self.flow.room, MAX_AHEAD // max(self._size, 1)), 1)
        while self._next is not None and len(self._ahead) < most:
            ticket = self.pipeline.request(
                self._next.index, self.scale, exact=False, lane=id(self), budget=self._link.budget
            )
            self._ahead.append((self._next, ticket))
            self._next = following(self._next, self.source.count, self.loop)

    async def _wait(self, ticket: Ticket) -> Made:
        """Wait for a frame, and ask for more while the page grants more."""
        if ticket.is_cached:
            return ticket.future.result()
        future = asyncio.wrap_future(ticket.future)
        try:
            while not future.done():
                await asyncio.wait([future], timeout=_LOOK)
                if not future.done():
                    self._reach()
            return future.result()
        finally:
            if not future.cancel() and not future.cancelled():
                # Of a run that is left nobody hears of it, and asyncio would complain of that.
                future.exception()

    async def _take(self, index: int, ticket: Ticket) -> dict[str, Any]:
        """Return a frame as it is sent; one that could not be drawn says why."""
        try:
            made = await self._find(index, ticket)
            message, self._size = await self.receiver.message(made, is_cached=ticket.is_cached)
        except FrameRangeError:
            raise
        except Exception as error:
            self._link.sent(0)
            return describe(index, error)
        self.meter.count_sent(made, self._size, is_cached=ticket.is_cached)
        self._link.sent(self._size)
        return message

    async def _find(self, index: int, ticket: Ticket) -> Made:
        try:
            return await self._wait(ticket)
        except FrameRangeError:
            kept = self.pipeline.find(index)  # at another scale, of a sequence that can't begin again
            if kept is None:
                raise
            return kept

    def _leave(self) -> None:
        # The last one first: one that is under way makes room for the next that is wanted.
        for _, ticket in reversed(self._ahead):
            ticket.cancel()
        self._ahead.clear()
