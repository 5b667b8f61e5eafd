"""The receiving end of a stream: an iterator, plain and async."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from kcomm.errors import KcommError
from kcomm.window import AdaptiveWindow

if TYPE_CHECKING:
    from kcomm.peer import Peer


class _Consumer:
    """Keeps the items that came until they are asked for.

    It holds no reference to its `Stream`, so that one that is dropped can be collected, and cancels.
    """

    def __init__(self, window: AdaptiveWindow | None = None) -> None:
        self._window = window
        self._lock = threading.Lock()
        self._items: deque[tuple[int, Any]] = deque()
        self._waiter: Future[tuple[int, Any]] | None = None
        self._is_finished = False
        self._error: KcommError | None = None

    def take(self, index: int, value: Any) -> None:
        with self._lock:
            if self._window is not None:
                self._window.arrived(index, time.monotonic())
            waiter, self._waiter = self._waiter, None
            if waiter is None or not waiter.set_running_or_notify_cancel():
                self._items.append((index, value))
            else:
                waiter.set_result((index, value))

    def finish(self, value: Any, error: KcommError | None) -> None:
        with self._lock:
            if self._is_finished:
                return
            self._is_finished = True
            self._error = error
            waiter, self._waiter = self._waiter, None
            if waiter is None or not waiter.set_running_or_notify_cancel():
                return
            self._error = None
        waiter.set_exception(error or StopAsyncIteration())

    def leave(self) -> None:
        """Give nothing more."""
        with self._lock:
            self._items.clear()
        self.finish(None, None)

    def consume(self, peer: Peer, id_: int, done: int) -> None:
        """Give back the credit of items below `done`, as the window says."""
        if self._window is None:
            peer.consume(id_, done)
            return
        with self._lock:
            limit = self._window.consumed(done, time.monotonic())
        if limit is not None:
            peer.consume(id_, done, limit)

    def next(self) -> Future[tuple[int, Any]]:
        future: Future[tuple[int, Any]] = Future()
        with self._lock:
            if self._items:
                future.set_result(self._items.popleft())
            elif self._is_finished:
                # An error is told once; after it the stream is at its end.
                error, self._error = self._error, None
                future.set_exception(error or StopAsyncIteration())
            elif self._waiter is not None:
                raise RuntimeError("a stream can be waited for in one place at a time")
            else:
                self._waiter = future
                future.add_done_callback(self._forget)
        return future

    def give_back(self, future: Future[tuple[int, Any]], raised: BaseException) -> None:
        """Take back what `next` gave to a wait that was broken off."""
        with self._lock:
            if future.cancel():
                return
            error = future.exception()
            if error is None:
                self._items.appendleft(future.result())
            elif error is not raised and isinstance(error, KcommError):
                self._error = error

    def _forget(self, future: Future[tuple[int, Any]]) -> None:
        if future.cancelled() and self._waiter is future:
            self._waiter = None


class Stream:
    """The items of a stream, in order.

    The credit of an item goes back to the other end when the next one is asked for, so a slow loop slows
    the stream.

    Examples
    --------
    >>> async with channel.stream("ticks", 5) as ticks:  # doctest: +SKIP
    ...     async for i in ticks:
    ...         print(i)
    >>> for i in channel.stream("ticks", 5):  # doctest: +SKIP
    ...     print(i)
    """

    def __init__(
        self, peer: Peer, prepare_to_block: Callable[[], None], window: AdaptiveWindow | None = None
    ) -> None:
        self._peer = peer
        self._prepare_to_block = prepare_to_block
        self._consumer = _Consumer(window)
        self._id = 0
        self._done = 0

    def _start(self, id_: int) -> None:
        self._id = id_

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Any:
        """Return the next item; cancelling the wait loses nothing."""
        future = self._ask()
        try:
            return self._take(await asyncio.wrap_future(future))
        except asyncio.CancelledError as error:
            self._consumer.give_back(future, error)
            raise

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        """Block for the next item."""
        self._prepare_to_block()
        future = self._ask()
        try:
            return self._take(future.result())
        except StopAsyncIteration:
            raise StopIteration from None
        except KeyboardInterrupt as error:  # a cell that is interrupted may ask again
            self._consumer.give_back(future, error)
            raise

    async def __aenter__(self) -> Stream:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the stream: its handler is cancelled."""
        if self._id:
            self._peer.cancel(self._id, "the stream was left")
            self._id = 0
            self._consumer.leave()

    async def aclose(self) -> None:
        """Leave the stream: its handler is cancelled."""
        self.close()

    def __del__(self) -> None:
        # A loop that is left drops its stream. This runs wherever the last reference is dropped, perhaps in
        # the middle of what the session does: so the rest is left to the loop.
        if getattr(self, "_id", 0):
            self._peer.runtime.call_soon(self._peer.cancel, self._id, "the stream was left")

    def _ask(self) -> Future[tuple[int, Any]]:
        if self._id and self._done:
            self._consumer.consume(self._peer, self._id, self._done)
        return self._consumer.next()

    def _take(self, item: tuple[int, Any]) -> Any:
        index, value = item
        self._done = index + 1
        return value
