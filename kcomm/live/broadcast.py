"""A source of frames on the kernel's side: drawn while somebody looks, processed once, shown to all."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any, Final

from kcomm.cameras.pacing import Pace
from kcomm.cameras.source import Source, SourceError
from kcomm.errors import KcommError
from kcomm.frames import Frame
from kcomm.live.feed import Feed
from kcomm.live.journal import Journal
from kcomm.live.line import Arrival, Done, Line
from kcomm.live.reading import END, Reader, Reading, StoppedError
from kcomm.live.sending import Sender
from kcomm.live.settings import Settings, WebcamState
from kcomm.live.sharing import SharedProcessor
from kcomm.runtime import get_runtime
from kcomm.words import told

#: Seconds after which a source is closed at which nobody looks.
LINGER: Final = 5.0
#: Seconds between two looks whether somebody does; who begins to look is seen at once.
_LOOK: Final = 0.25
#: Seconds that pages have to take the last result before they are told of the end.
_LAST: Final = 2.0


class Broadcast:
    """Draws the frames of a source, and gives their results to pages. It lives on kcomm's loop.

    The source is opened when somebody looks, called on one thread only, and closed when it is stopped or
    nobody looks any more.

    Parameters
    ----------
    name : str
        The name of the thread.
    source : Source
        Gives the frames.
    shared : SharedProcessor
        What they are run through.
    journal : Journal
        Where results and errors are told.
    settings : Settings
        How the webcam is set.
    on_end : callable
        Called when the source has ended, or failed.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        shared: SharedProcessor,
        journal: Journal,
        settings: Settings,
        on_end: Callable[[], object],
    ) -> None:
        self.source = source
        self._shared = shared
        self._journal = journal
        self._settings = settings
        self._on_end = on_end
        self._reader = Reader(name, source, self._was_stopped)
        self._state: WebcamState = "idle"
        self._feeds: set[Feed] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False
        self._stops = 0
        self._stops_before = 0
        self._index = 0
        self._last: Done | None = None
        self._reading: Reading | None = None
        self._is_retired = False

    # --- from any thread -------------------------------------------------------------------------

    def set_state(self, state: WebcamState) -> None:
        """Draw, hold, or stop."""
        self._state = state
        self._stops += state == "idle"
        self.wake()

    def wake(self) -> None:
        """Look again whether frames are wanted."""
        get_runtime().call_soon(self._wake)

    def retire(self) -> None:
        """Take note that no page shows it any more, and none is expected to come back."""
        get_runtime().call_soon(self._retire)

    def close(self) -> None:
        """End it, for good."""
        self._is_closed = True
        get_runtime().call_soon(self._close)

    # --- pages -----------------------------------------------------------------------------------

    async def results(
        self, sender: Sender, shows_input: Callable[[], bool]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the messages of results to one page, the newest whenever it has room."""
        sender.begin()
        feed = Feed(self._wake)
        if self._state == "paused" and self._last is not None:
            feed.put(self._last, is_exact=True)
        if self._is_closed:
            feed.close()
        self._feeds.add(feed)
        try:
            while (shot := await feed.next()) is not None:
                message = await sender.send(shot.done, exact=shot.is_exact)
                if shot.done.frame is not None and shows_input():
                    shown = await sender.send_input(shot.done.arrival.frame)
                    if shown is not None:
                        message["input"] = shown
                yield message
                await self._keep_to_byte_rate(message)
        finally:
            self._feeds.discard(feed)
            self._wake()

    async def _keep_to_byte_rate(self, message: dict[str, Any]) -> None:
        size = len(message.get("data", b"")) + len(message.get("input", {}).get("data", b""))
        begun = time.monotonic()
        # Another rate counts at once.
        while (rate := self._settings.byte_rate) is not None:
            left = begun + size / rate - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(min(left, _LOOK))

    # --- the source ------------------------------------------------------------------------------

    @property
    def _is_wanted(self) -> bool:
        return any(feed.is_looking for feed in self._feeds) or self._journal.outlet.is_wanted

    @property
    def _flows(self) -> bool:
        return self._state == "running" and self._is_wanted and not self._is_closed

    def _was_stopped(self) -> bool:
        """Whether it was stopped since the source was opened, even if it was started again."""
        return self._state == "idle" or self._stops != self._stops_before

    def _wake(self) -> None:
        self._changed.set()
        if self._flows and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self._run())
            self._task.add_done_callback(self._take_end)

    def _take_end(self, task: asyncio.Task[None]) -> None:
        if self._is_closed:
            self._reader.close()
        else:
            self._wake()  # somebody may have begun to look just then

    def _retire(self) -> None:
        self._is_retired = True
        for feed in self._feeds:
            feed.close()
        self._changed.set()

    def _close(self) -> None:
        for feed in self._feeds:
            feed.close()
        if self._task is not None and not self._task.done():
            self._task.cancel()
        else:
            self._reader.close()

    async def _run(self) -> None:
        """Draw from the source until it ends, fails, is stopped, or nobody looks."""
        self._stops_before = self._stops
        line = Line(self._shared, self._journal.meter.count_skipped)
        self._is_retired = False
        distributing = asyncio.ensure_future(self._distribute(line))
        distributing.add_done_callback(self._take_failure)
        self._last = None
        try:
            has_ended = await self._play(line)
            line.finish()
            while has_ended and not self._was_stopped() and not distributing.done():
                await self._change()
            if has_ended and distributing.done() and not self._was_stopped():
                await self._end()
        finally:
            distributing.cancel()
            line.close()

    def _take_failure(self, distributing: asyncio.Task[None]) -> None:
        """Have the source closed, and say so, where nobody tells of its frames any more."""
        error = None if distributing.cancelled() else distributing.exception()
        if error is not None:
            self._journal.fail(f"telling what {self.source.name} gives failed", error)
            self._state = "idle"
            self._on_end()
            self._changed.set()

    async def _play(self, line: Line) -> bool:
        """Draw frames; return whether the source has ended."""
        reading = self._reading = Reading(self.source)

        async def call(function: Callable[[], Any]) -> Any:
            return await self._reader.call(function, lambda: self._flows, lambda late: self._take(line, late))

        try:
            await self._reader.take(reading.hold, self.wake, self._change)
            await call(reading.open)
            pace = Pace(self.source)
            while await self._is_due(line):
                item = await call(reading.draw)
                if item is END:
                    return True
                await self._wait(pace.until(item))
                if self._flows or not self.source.is_live:
                    self._take(line, item)
            return False
        except StoppedError:
            return False
        except Exception as error:
            self._fail(line, error)
            return True
        finally:
            self._reader.leave(reading, self._tell_closing)

    def _tell_closing(self, error: Exception) -> None:
        get_runtime().call_soon(self._journal.fail, f"closing {self.source.name} raised", error)

    def _take(self, line: Line, item: Any) -> None:
        index, self._index = self._index, self._index + 1
        if isinstance(item, Exception):
            arrival = Arrival(Frame(1, 1, "raw", b"", index), error=item)
        else:
            rate, fps = self._settings.byte_rate, self.source.fps or self._settings.fps
            arrival = Arrival(
                replace(item, index=index), budget=None if rate is None else max(1, int(rate / fps))
            )
        line.offer(arrival)

    def _fail(self, line: Line, error: Exception) -> None:
        if not isinstance(error, KcommError):
            failure = SourceError(f"{self.source.name} failed: {told(error)}")
            failure.__cause__ = error
            error = failure
        self._take(line, error)

    async def _distribute(self, line: Line) -> None:
        while (done := await line.next()) is not None:
            done = self._journal.take(done)
            if done.frame is not None:
                # Its time is of this end's clock, which says nothing to pages.
                done = replace(done, frame=replace(done.frame, captured=None))
                self._last = done
            for feed in self._feeds:
                feed.put(done)
            self._changed.set()
        self._changed.set()

    # --- when frames are due ---------------------------------------------------------------------

    async def _is_due(self, line: Line) -> bool:
        """Wait until a frame is wanted; return False if the source is to be closed."""
        if self._was_stopped() or (not self._flows and not await self._hold(line)):
            return False
        if not self.source.is_live and self.source.fps is None:
            # As many as are used: the last one is done, and somebody waits for the next.
            while self._flows and not self._was_stopped() and (line.is_busy or not self._is_asked):
                await self._change()
            return not self._was_stopped() and (self._flows or await self._hold(line))
        return True

    @property
    def _is_contested(self) -> bool:
        """Whether another webcam waits for the source."""
        return self._reading is not None and self._reading.hold.is_contested

    @property
    def _is_asked(self) -> bool:
        return any(feed.is_served for feed in self._feeds) or self._journal.outlet.is_wanted

    async def _hold(self, line: Line) -> bool:
        """Wait while it is paused or nobody looks; return False when that was for too long."""
        since = time.monotonic()
        is_repeated = False
        while not self._flows:
            if self._was_stopped() or self._is_closed:
                return False
            if self._state == "paused" and not line.is_busy and not is_repeated:
                is_repeated = True
                self._repeat_exactly()
            if self._is_wanted:
                since = time.monotonic()
            elif self._is_retired or self._is_contested or time.monotonic() - since > LINGER:
                return False
            await self._change()
        return not self._was_stopped()

    async def _wait(self, seconds: float) -> None:
        """Wait with a frame until it is due, or not wanted any more."""
        due = time.monotonic() + seconds
        while self._flows and (left := due - time.monotonic()) > 0:
            await self._change(left)

    async def _change(self, timeout: float = _LOOK) -> None:
        self._changed.clear()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), min(timeout, _LOOK))

    async def _end(self) -> None:
        """Tell of the end, when pages have the last result, or why there is none."""
        if self._journal.error is None:
            self._repeat_exactly()
        until = time.monotonic() + _LAST
        while any(feed.is_looking and not feed.is_served for feed in self._feeds):
            if self._was_stopped() or time.monotonic() > until:
                break
            await self._change()
        if not self._was_stopped():
            self._state = "idle"
            self._on_end()

    def _repeat_exactly(self) -> None:
        """Give the last result once more, lossless: it stays on the screen."""
        if self._last is not None:
            for feed in self._feeds:
                feed.put(replace(self._last, skipped=0), is_exact=True)
