"""A source that is read on a thread: opened, asked for one frame after the other, and closed."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from kcomm.cameras.source import Source, SourceError
from kcomm.frames import Frame
from kcomm.live.holding import Hold, patience_with
from kcomm.live.stretches import guarded
from kcomm.runtime import Worker

#: What comes after the last frame.
END: Final = object()
#: Seconds that a source is waited for which another webcam shows.
_PATIENCE: Final = 3.0
#: Seconds between two looks whether it was stopped.
_LOOK: Final = 0.25


class StoppedError(Exception):
    """A source is not wanted any more."""


class Reader:
    """The thread on which a webcam reads its source.

    Parameters
    ----------
    name : str
        The name of the thread.
    source : Source
        What is read.
    was_stopped : callable
        Whether what is under way is not wanted any more.
    """

    def __init__(self, name: str, source: Source, was_stopped: Callable[[], bool]) -> None:
        self._name = name
        self._source = source
        self._was_stopped = was_stopped
        self._context = contextvars.copy_context()
        self._worker = Worker(name)

    async def take(
        self, hold: Hold, wake: Callable[[], object], change: Callable[[], Awaitable[object]]
    ) -> None:
        """Wait until no other webcam has the source; `change` waits for `wake`, or a fraction of a second.

        Raises
        ------
        SourceError
            If another one shows it.
        StoppedError
            If it was stopped meanwhile.
        """
        until = time.monotonic() + _PATIENCE
        while (other := hold.take(wake)) is not None:
            if self._was_stopped():
                raise StoppedError
            if not other.is_leaving and time.monotonic() > until:
                raise SourceError(
                    f"{self._source.name} is shown by another webcam: close that, or make a source of its own"
                )
            await change()
        if hold.took_over:
            # The thread may be the one that hangs.
            self._worker.close()
            self._worker = Worker(self._name)

    async def call(
        self,
        function: Callable[[], Any],
        is_awaited: Callable[[], bool],
        tell: Callable[[SourceError], object],
    ) -> Any:
        """Call the source on the thread; it is told if that takes long while frames are waited for.

        Raises
        ------
        StoppedError
            If it was stopped meanwhile; the call runs on.
        """
        # What would end the loop, such as SystemExit, is an error of the source like any other.
        future = asyncio.wrap_future(self._worker.submit(self._context, guarded, function))
        seconds = patience_with(self._source)
        until = time.monotonic() + seconds
        is_told = False
        try:
            while not future.done():
                await asyncio.wait({future}, timeout=_LOOK)
                if self._was_stopped():
                    raise StoppedError
                if not is_awaited():
                    until = time.monotonic() + seconds
                elif time.monotonic() > until and not is_told:
                    is_told = True
                    name = self._source.name
                    tell(SourceError(f"{name} gives no frames: none came within {seconds:g} s"))
            return future.result()
        finally:
            if not future.cancel() and not future.cancelled():
                future.exception()  # which nobody else may ask for

    def leave(self, reading: Reading, fail: Callable[[Exception], object]) -> None:
        """Close the source, when the call that is under way has come back."""
        reading.hold.is_leaving = True
        self._worker.submit(self._context, reading.shut, fail)

    def close(self) -> None:
        """End the thread, when what waits for it is done."""
        self._worker.close()


class Reading:
    """A source from its `open` to its `close`. All but `hold` is for the thread that reads it.

    Parameters
    ----------
    source : Source
        What is read; only once `hold` was taken.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.hold = Hold(source)
        self._iterator: Iterator[Any] | None = None
        self._was_opened = False

    def open(self) -> None:
        """Open the source."""
        self._was_opened = True
        with self.hold.calling():
            self.source.open()
            self._iterator = iter(self.source.frames())

    def draw(self) -> Any:
        """Return the next frame with its pixels, or why there is none, or that it was the last."""
        assert self._iterator is not None
        with self.hold.calling():
            item = next(self._iterator, END)
        if item is END or isinstance(item, Exception):
            return item
        captured = time.monotonic() * 1e3
        try:
            if isinstance(item, Frame):
                own = captured if item.captured is None else item.captured
                return Frame.of(item.pixels, pts=item.pts, captured=own)
            return Frame.of(item, captured=captured)
        except Exception as error:
            return error

    def shut(self, fail: Callable[[Exception], object]) -> None:
        """End the frames, close the source, and give it back; `fail` is told what goes wrong."""
        try:
            for close in (getattr(self._iterator, "close", None), self._close):
                # Where the frames fail to end, the source is closed all the same.
                try:
                    if close is not None:
                        with self.hold.calling():
                            guarded(close)
                except Exception as error:
                    fail(error)
        finally:
            self.hold.release()

    def _close(self) -> None:
        # Who opened it anew beside a call that hung has what is open now.
        if self._was_opened and self.hold.is_held:
            self.source.close()
