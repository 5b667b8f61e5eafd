"""One processor for the frames of all pages: who may use it, and how many frames a second it takes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final

from kcomm.frames import Frame, Pixels
from kcomm.live.processing import Processed, Processor
from kcomm.live.steps import Process
from kcomm.runtime import get_runtime

#: Times that a mean is taken of.
_RECENT: Final = 10
#: Seconds after its last frame for which a user counts.
_ACTIVE: Final = 1.0


class Mean:
    """A mean of the last times but the longest: first calls import and compile, and collectors run."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=_RECENT)

    @property
    def value(self) -> float:
        """The mean; 0 before there is any time."""
        times = sorted(self._times)
        counted = times[:-1] or times
        return sum(counted) / len(counted) if counted else 0.0

    def add(self, time: float) -> None:
        """Take a time."""
        self._times.append(time)


class SharedProcessor:
    """A processor whose users take turns, first come, first served. It lives on kcomm's loop.

    Parameters
    ----------
    processor : Processor
        Runs frames through the user's function.
    """

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._busy = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._used: dict[object, float] = {}
        self._ms = Mean()

    @property
    def process(self) -> Process | None:
        """What frames run through; a new one takes effect with the next frame. Settable from any thread."""
        return self._processor.process

    @process.setter
    def process(self, process: Process | None) -> None:
        self._processor.process = process
        self._ms = Mean()
        get_runtime().call_soon(self._admit)

    @property
    def parallel(self) -> int:
        """Frames that may be processed at once."""
        return max(1, self._processor.parallel)

    @property
    def pace(self) -> float:
        """Milliseconds between two frames of one user that the processor keeps up with."""
        now = time.monotonic()
        users = sum(now - used < _ACTIVE for used in self._used.values())
        return self._ms.value * max(1, users) / self.parallel

    def note_use(self, user: object) -> None:
        """Take note that a user has a frame to process."""
        self._used[user] = time.monotonic()

    def forget(self, user: object) -> None:
        """Take note that a user is gone."""
        self._used.pop(user, None)

    async def enter(self) -> None:
        """Wait for a turn, which `leave` ends."""
        if self._busy < self.parallel and not self._queue:
            self._busy += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._queue = deque(other for other in self._queue if other is not turn)
            else:  # it came just then
                self.leave()
            raise

    def leave(self) -> None:
        """End a turn."""
        self._busy -= 1
        self._admit()

    async def run(self, pixels: Pixels, frame: Frame) -> Processed:
        """Run a frame through the function; only with a turn.

        Raises
        ------
        Exception
            What the function raised, or that it took too long, or returned no image.
        """
        done = await self._processor.run(pixels, frame)
        if done.ms:
            self._ms.add(done.ms["process"])
        return done

    def close(self) -> None:
        """End what the processor began."""
        self._processor.close()

    def _admit(self) -> None:
        while self._queue and self._busy < self.parallel:
            turn = self._queue.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)
