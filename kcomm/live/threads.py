"""A thread that runs one call at a time, and that is left behind when a call takes too long."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from kcomm.errors import ChannelClosedError, KcommError
from kcomm.runtime import Worker

T = TypeVar("T")

logger = logging.getLogger("kcomm.live")

#: Calls of one function that may be left behind at a time: each keeps a thread, and perhaps a core.
MOST_LEFT: Final = 8


class ProcessTimeoutError(KcommError, TimeoutError):
    """A process did not return in time, and was given up."""

    default_code: ClassVar[str] = "kcomm.process_timeout"


class GivenUpError(Exception):
    """A call did not return in time; whoever made it knows what it was."""


class PatientThread:
    """Runs plain functions one after the other, each with a time-out.

    A call whose caller was cancelled runs on: two calls of one function at a time might be more than it can
    bear. The next call waits for it, until its time is over too.

    Parameters
    ----------
    name : str
        The name of the thread.
    context : contextvars.Context
        What functions run in: what they print appears where it was captured.
    """

    def __init__(self, name: str, context: contextvars.Context) -> None:
        self._name = name
        self._context = context
        self._worker = Worker(name)
        self._is_closed = False
        self._turn = asyncio.Lock()
        self._job: _Job | None = None
        self._left: list[_Job] = []

    async def call(
        self,
        timeout: float | None,
        owner: object,
        function: Callable[..., T],
        *args: Any,
        given_up: asyncio.Future[None] | None = None,
    ) -> T:
        """Call a function on the thread, and return what it returns.

        Parameters
        ----------
        timeout : float or None
            Seconds after which it is given up; another thread takes the next call.
        owner : object
            On whose behalf: a call does not wait for one that runs on another's.
        function : callable
            What is called, with `args`.
        given_up : asyncio.Future, optional
            When this is done the call is given up as if its time were over.

        Raises
        ------
        GivenUpError
            If it does not return in time.
        ProcessTimeoutError
            If too many calls of this owner have never returned.
        ChannelClosedError
            After `close`.
        """
        async with self._turn:
            await self._wait_for_the_last(owner, given_up)
            self._check(owner)
            if given_up is not None and given_up.done():
                raise GivenUpError
            end = None if timeout is None else time.monotonic() + timeout
            future = self._worker.submit(self._context, function, *args)
            job = self._job = _Job(future, owner, end)
            try:
                if await job.wait(given_up):
                    self._job = None
                    return future.result()
            except asyncio.CancelledError:
                if future.cancel():
                    self._job = None
                else:
                    future.add_done_callback(tell_late)
                raise
            self._leave(job)
            raise GivenUpError

    def close(self) -> None:
        """End the thread, when what runs on it has ended."""
        self._is_closed = True
        self._worker.close()

    async def _wait_for_the_last(self, owner: object, given_up: asyncio.Future[None] | None) -> None:
        """Wait for what a cancelled call left on the thread, or leave it behind."""
        job = self._job
        if job is None:
            return
        if (job.owner is owner and await job.wait(given_up)) or job.future.done():
            self._job = None
        else:
            self._leave(job)

    def _leave(self, job: _Job) -> None:
        """Have another thread take the next call."""
        self._job = None
        if job.future.cancel() or job.future.done():
            return
        self._left.append(job)
        job.future.add_done_callback(tell_late)
        self._worker.close()
        self._worker = Worker(self._name)

    def _check(self, owner: object) -> None:
        if self._is_closed:
            raise ChannelClosedError("the webcam was closed")
        self._left = [job for job in self._left if not job.future.done()]
        check_left(sum(job.owner is owner for job in self._left))


def check_left(count: int) -> None:
    """Raise if so many calls of a function as are left behind are too many."""
    if count >= MOST_LEFT:
        raise ProcessTimeoutError(
            f"{count} calls were given up because they took too long, and have still not returned: "
            "set `process` to another function, or restart the kernel to end them"
        )


class _Job(NamedTuple):
    """A call that is under way."""

    future: Future[Any]
    owner: object
    end: float | None

    async def wait(self, given_up: asyncio.Future[None] | None = None) -> bool:
        """Wait for its end, or that of its time; return whether it ended."""
        left = None if self.end is None else max(0.0, self.end - time.monotonic())
        return await has_ended(self.future, left, given_up)


async def has_ended(
    future: Future[Any], timeout: float | None, given_up: asyncio.Future[None] | None = None
) -> bool:
    """Wait for a future of another thread, until it is given up; return whether it is done.

    `asyncio.wrap_future` would tell a TimeoutError of the function as one of its own, without the traceback.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def tell(_: Future[Any]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: None if ended.done() else ended.set_result(None))

    future.add_done_callback(tell)
    awaited = {ended} if given_up is None else {ended, given_up}
    await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    return future.done()


def tell_late(future: Future[Any] | asyncio.Future[Any]) -> None:
    """Log what a call raised that nobody waits for any more."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        logger.warning("a call that nobody waited for any more raised", exc_info=error)
