"""Two ends in one process, for tests of what is above the protocol."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from kcomm.channel import Channel
from kcomm.runtime import get_runtime
from kcomm.target import Target
from kcomm.transport.memory import MemoryHost

T = TypeVar("T")

#: Longer than anything takes; what waits in vain fails by it.
WAIT = 10.0


class Ends:
    """A target, and the pages that connect to it."""

    def __init__(self, host: MemoryHost) -> None:
        self.host = host
        self.target = Target("test")

    def connect(self, **params: Any) -> Channel:
        """Return the channel of one more page."""
        return self.host.connect("test", params=params)


def call(channel: Channel, method: str, *args: Any) -> Any:
    """Call a method, and wait for its answer."""
    return channel.call(method, *args, timeout=WAIT).result()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own."""
    return asyncio.run(asyncio.wait_for(coroutine, WAIT))


def run_on_loop(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on kcomm's loop."""
    return asyncio.run_coroutine_threadsafe(coroutine, get_runtime().loop).result(WAIT)


def settle() -> None:
    """Give what is under way between two ends in memory the time to come and go.

    Each turn of the loop carries it one step further. For what must *not* happen; see `until`.
    """
    for _ in range(30):
        done = threading.Event()
        get_runtime().call_soon(done.set)
        assert done.wait(WAIT)
        time.sleep(0.0005)


def until(condition: Callable[[], object]) -> None:
    """Wait for what must happen."""
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.001)


def is_idle(channel: Channel) -> bool:
    """Return whether no call is open at this end, made or served."""
    session = channel._peer.session
    return not session._made._calls and not session._served._calls


class Gate:
    """Holds a handler until a test opens it, and tells that the handler has begun."""

    def __init__(self) -> None:
        self._begun = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        self._opened.set()

    def pass_through(self) -> None:
        """Wait in a plain handler."""
        self._begun.set()
        assert self._opened.wait(WAIT)

    async def pass_through_async(self) -> None:
        """Wait in an ``async`` handler."""
        self._begun.set()
        assert await asyncio.to_thread(self._opened.wait, WAIT)

    def wait_begun(self) -> None:
        assert self._begun.wait(WAIT)


class Listener:
    """Keeps the values of events, and waits for a number of them."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, value: Any) -> None:
        with self._changed:
            self.values.append(value)
            self._changed.notify_all()

    def wait(self, count: int) -> list[Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.values) >= count, WAIT)
        return self.values
