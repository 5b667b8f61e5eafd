"""Frames of one origin on their way through the processor: the newest one next, results in order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from kcomm.frames import Frame
from kcomm.live.sharing import SharedProcessor

#: Frames that failed before the processor, which are told as long as no more of them wait.
_MOST_FAILED: Final = 16


@dataclass(frozen=True)
class Arrival:
    """A frame that came, or why it can't be read.

    Parameters
    ----------
    frame : Frame
        Its pixels, if there is no error.
    encoded : Frame or None
        The frame as it came, where it came encoded.
    error : Exception or None
        Why it could not be read.
    at : float
        When it came, in seconds of `time.perf_counter`.
    budget : int or None
        Bytes that its result may take.
    """

    frame: Frame
    encoded: Frame | None = None
    error: Exception | None = None
    at: float = field(default_factory=time.perf_counter)
    budget: int | None = None


@dataclass(frozen=True)
class Done:
    """What became of a frame.

    Parameters
    ----------
    arrival : Arrival
        The frame.
    frame : Frame or None
        The result's pixels, if there is no error.
    data : object
        What the function returned beside the image.
    error : Exception or None
        What went wrong.
    skipped : int
        Frames that were passed over since the last one.
    """

    arrival: Arrival
    frame: Frame | None = None
    data: Any = None
    error: Exception | None = None
    skipped: int = 0


class Line:
    """Runs frames through a shared processor; of those that wait, the newest one wins.

    It lives on kcomm's loop. As many frames are under way at once as the processor takes; no more are begun
    while that many results wait for whoever calls `next`.

    Parameters
    ----------
    shared : SharedProcessor
        Which all lines take turns at.
    on_skip : callable
        Told of each frame that is passed over.
    """

    def __init__(self, shared: SharedProcessor, on_skip: Callable[[], object]) -> None:
        self._shared = shared
        self._on_skip = on_skip
        self._waiting: deque[Arrival] = deque()
        self._begun: deque[asyncio.Future[Done]] = deque()
        self._changed = asyncio.Event()
        self._skipped = 0
        self._floor = -1
        self._is_finished = False
        self._feeder = asyncio.ensure_future(self._feed())

    def offer(self, arrival: Arrival) -> None:
        """Take a frame; it may be passed over, or another one for it."""
        self._shared.note_use(self)
        if arrival.frame.index < self._floor:
            self.skip()
            return
        if arrival.error is None:
            self._keep(lambda other: other.error is not None)
        else:
            self._make_room()
        self._waiting.append(arrival)
        self._changed.set()

    def skip(self) -> None:
        """Take note of a frame that is not processed."""
        self._skipped += 1
        self._on_skip()

    def finish(self) -> None:
        """Take note that no more frames come."""
        self._is_finished = True
        self._changed.set()

    async def next(self) -> Done | None:
        """Return what became of the next frame; None: no more come."""
        while not self._begun:
            if self._is_finished and (not self._waiting or self._feeder.done()):
                return None
            await self._change()
        first = self._begun[0]
        done = await first
        if self._begun and self._begun[0] is first:
            self._begun.popleft()
        self._changed.set()
        return done

    def pass_over(self, index: int) -> None:
        """Begin no frame that is older than `index`."""
        self._floor = max(self._floor, index)
        self._keep(lambda other: other.frame.index >= index)

    async def settle(self) -> None:
        """Wait until every frame that was begun is done."""
        under_way = [done for done in self._begun if not done.done()]
        if under_way:
            await asyncio.wait(under_way)

    @property
    def is_busy(self) -> bool:
        """Whether there is a frame that is not done, or its result not taken."""
        return bool(self._waiting or self._begun)

    def take_skipped(self) -> int:
        """Return how many frames were passed over since this was last asked."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def close(self) -> None:
        """Give up what is under way."""
        self._feeder.cancel()
        self._shared.forget(self)
        for done in self._begun:
            done.cancel()
            # What fails just now is nobody's any more.
            done.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        self._begun.clear()
        self._waiting.clear()
        self._is_finished = True
        self._changed.set()

    def _make_room(self) -> None:
        """Pass over the oldest frame that failed, if too many of them wait."""
        failed = [at for at, other in enumerate(self._waiting) if other.error is not None]
        if len(failed) >= _MOST_FAILED:
            del self._waiting[failed[0]]
            self.skip()

    def _keep(self, is_wanted: Callable[[Arrival], bool]) -> None:
        kept = deque(filter(is_wanted, self._waiting))
        for _ in range(len(self._waiting) - len(kept)):
            self.skip()
        self._waiting = kept

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    async def _feed(self) -> None:
        while True:
            while not self._waiting or len(self._begun) >= self._shared.parallel:
                await self._change()
            if self._pass_failed():
                continue
            await self._shared.enter()
            # While this waited for its turn, a newer one may have come, or all may have been passed over.
            self._pass_failed()
            if self._waiting:
                work = process(self._shared, self._waiting.popleft(), skipped=self.take_skipped())
                task = asyncio.ensure_future(work)
                # One that is cancelled before its first step must end its turn, too.
                task.add_done_callback(lambda _: self._shared.leave())
                self._begin(task)
            else:
                self._shared.leave()

    def _pass_failed(self) -> bool:
        """Pass on the frames in front that failed already; return whether there were any."""
        begun = len(self._begun)
        while self._waiting and self._waiting[0].error is not None:
            arrival = self._waiting.popleft()
            failed: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
            failed.set_result(Done(arrival, error=arrival.error, skipped=self.take_skipped()))
            self._begin(failed)
        return len(self._begun) > begun

    def _begin(self, done: asyncio.Future[Done]) -> None:
        self._begun.append(done)
        self._changed.set()


async def process(shared: SharedProcessor, arrival: Arrival, *, skipped: int = 0) -> Done:
    """Run one frame through a processor, with a turn at it."""
    frame = arrival.frame
    assert not isinstance(frame.data, bytes)
    wait = (time.perf_counter() - arrival.at) * 1e3 - frame.ms.get("decode", 0.0)
    try:
        done = await shared.run(frame.data, frame)
    except Exception as error:
        return Done(arrival, error=error, skipped=skipped)
    height, width = done.pixels.shape[:2]
    # From here on it is several's: who shows it, who encodes it, and who got it in Python.
    done.pixels.flags.writeable = False
    ms = {"wait": max(0.0, wait), **frame.ms, **done.ms}
    result = replace(frame, width=width, height=height, codec=None, data=done.pixels, ms=ms)
    return Done(arrival, result, done.data, skipped=skipped)
