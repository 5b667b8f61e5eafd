"""What happened to a webcam's frames: results and errors, for Python to see, and counts."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from kcomm.errors import KcommError
from kcomm.frames.failures import FailureLog, describe
from kcomm.live.line import Done
from kcomm.live.results import Outlet, Result
from kcomm.live.stats import WebcamMeter
from kcomm.words import told

logger = logging.getLogger("kcomm.live")

#: Failures of frames that are remembered: pages repeat what they were told, a fraction of a second later.
_TOLD: Final = 64
#: Errors that wait for `on_error`; beyond, the oldest are not told: it is slower than they come.
_UNTOLD: Final = 16

ErrorHandler = Callable[[BaseException], object]


class Journal:
    """Keeps the newest result and error, and tells of both. It is written on kcomm's loop.

    Parameters
    ----------
    call : callable
        ``call(function, *args)`` calls a function of the user where it can take its time.
    emit_data : callable
        ``emit_data(index, data)`` tells pages what the function returned beside an image.
    """

    def __init__(self, call: Callable[..., Awaitable[Any]], emit_data: Callable[[int, Any], object]) -> None:
        self._emit_data = emit_data
        self.outlet = Outlet()
        self.meter = WebcamMeter()
        self.error: BaseException | None = None
        self.on_error: ErrorHandler | None = None
        self._call = call
        self._failures = FailureLog(logger)
        self._told: deque[object] = deque(maxlen=_TOLD)
        self._pages: dict[int, KcommError] = {}
        self._untold: deque[BaseException] = deque(maxlen=_UNTOLD)
        self._telling: asyncio.Task[None] | None = None

    def take(self, done: Done, *, is_newest: bool = True) -> Done:
        """Take what became of a frame, tell it, and return it: one whose data can't be sent has failed.

        A result that is not the newest any more is not for those in Python who want results.
        """
        index = done.arrival.frame.index
        if done.frame is not None and done.data is not None:
            try:
                self._emit_data(index, done.data)
            except Exception as error:
                done = replace(done, frame=None, error=error)
        if done.frame is None:
            assert done.error is not None
            what = "processing" if done.arrival.error is None else "reading"
            self.fail(f"{what} frame {index} raised", done.error)
            return done
        self.meter.count("drawn")
        assert not isinstance(done.frame.data, bytes)
        if not any(error is self.error for error in list(self._pages.values())):
            self.error = None
        if is_newest:
            self.outlet.publish(Result(done.frame, done.frame.data, done.data))
        return done

    def describe(self, index: int, error: BaseException) -> dict[str, Any]:
        """Return what a page is told of a frame that failed."""
        failed = describe(index, error)
        self._told.append(failed["error"])
        return failed

    def fail(self, what: str, error: BaseException) -> None:
        """Take an error that is no frame's, and log it."""
        self._failures.add(what, error)
        self.take_error(error)

    def take_page_error(self, page: int, told: object) -> None:
        """Take the error that a page says it has; None: it has none."""
        known = self._pages.get(page)
        if not isinstance(told, dict):
            if self._pages.pop(page, None) is not None and self.error is known:
                self.error = None
        elif told not in self._told:
            error = KcommError(str(told.get("message")), code=str(told.get("code")))
            if known is None or (known.code, known.message) != (error.code, error.message):
                self._pages[page] = error
                self.take_error(error)

    def forget_page(self, page: int) -> None:
        """Take note that a page is gone; its error stays until a frame succeeds."""
        self._pages.pop(page, None)
        self.meter.forget(page)

    def clear_error(self) -> None:
        """Forget the error: something new begins."""
        self.error = None
        # What pages had before is over, too: the same error again is a new one.
        self._pages = {}

    def take_error(self, error: BaseException) -> None:
        """Keep an error for people to see, and tell them if it is a new one."""
        is_new = self.error is None or told(error) != told(self.error)
        self.error = error
        self.outlet.notify()
        if is_new and self.on_error is not None:
            self._untold.append(error)
            if self._telling is None or self._telling.done():
                self._telling = asyncio.ensure_future(self._tell())

    def close(self) -> None:
        """Let nobody wait for results any more."""
        self._untold.clear()
        self.outlet.close()

    async def _tell(self) -> None:
        """Tell what waits, one error after the other."""
        while self._untold:
            error, handler = self._untold.popleft(), self.on_error
            try:
                if handler is not None:
                    await self._call(handler, error)
            except Exception as raised:
                self._failures.add("on_error raised", raised)
