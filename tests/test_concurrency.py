"""What happens when waits are broken off, and when several things happen at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

import kcomm
from kcomm.runtime import Runtime
from kcomm.stream import _Consumer
from kcomm.transport.memory import MemoryHost, MemoryTransport

from .ends import WAIT, Ends


@pytest.fixture
def ends() -> Iterator[Ends]:
    with MemoryHost() as host:
        ends = Ends(host)
        yield ends
        ends.target.close()


def test_an_item_that_came_while_a_blocking_wait_was_interrupted_is_not_lost(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a cell does that is interrupted while it iterates."""
    gate = threading.Event()

    @ends.target.stream
    def numbers():
        gate.wait(WAIT)
        yield from range(3)

    stream = ends.connect().stream("numbers")
    with monkeypatch.context() as patch:

        def interrupt(future: Future[object], timeout: float | None = None) -> object:
            raise KeyboardInterrupt

        patch.setattr(Future, "result", interrupt)
        with pytest.raises(KeyboardInterrupt):
            next(stream)
    gate.set()
    assert list(stream) == [0, 1, 2]


def test_an_item_that_came_as_its_wait_was_cancelled_is_not_lost() -> None:
    async def run() -> list[object]:
        consumer = _Consumer()
        stream = kcomm.Stream.__new__(kcomm.Stream)
        stream._consumer, stream._id, stream._done = consumer, 0, 0
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        # It comes in the turn in which the wait is given up.
        consumer.take(0, "first")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        consumer.take(1, "second")
        return [await anext(stream), await anext(stream)]

    assert asyncio.run(run()) == ["first", "second"]


def test_the_loop_survives_a_task_that_exits() -> None:
    """Such as one that a handler started: it would end every channel, silently."""
    runtime = Runtime()

    async def leave() -> None:
        raise SystemExit(3)

    runtime.call_soon(lambda: runtime.loop.create_task(leave()))
    done = threading.Event()
    runtime.call_soon(runtime.loop.call_later, 0.01, done.set)
    assert done.wait(WAIT)
    runtime.call_soon(runtime.loop.stop)


def test_a_page_that_was_connecting_when_the_target_was_closed_is_told(ends: Ends) -> None:
    here, there = MemoryTransport(), MemoryTransport()
    channel = kcomm.Channel.opening(here, params={})
    there.other = channel._peer
    here.other = ends.target._accept(there)
    ends.target.close()
    channel._peer.open()
    assert channel._peer.closed.result(WAIT).code == "kcomm.closed"
    assert ends.target.channels == ()


def test_an_event_from_a_signal_handler_comes_after_what_it_interrupted(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or from a `__del__`: both run in the middle of what a thread does."""
    channel, seen, done = ends.connect(), [], threading.Event()

    @ends.target.on("topic")
    def take(value: str) -> None:
        seen.append(value)
        if len(seen) == 2:
            done.set()

    emit = channel._peer.session.emit

    def interrupted(topic: str, value: str, *, latest: bool) -> None:
        if value == "outer":
            channel.emit("topic", "inner")
        emit(topic, value, latest=latest)

    monkeypatch.setattr(channel._peer.session, "emit", interrupted)
    channel.emit("topic", "outer")
    assert done.wait(WAIT)
    assert seen == ["outer", "inner"]
