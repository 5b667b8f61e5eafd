"""Streams: items on credit only, and ends of every kind."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from typing import Any

import pytest

import kcomm
from kcomm import errors
from kcomm.protocol import Limits
from kcomm.transport.memory import MemoryHost
from tests.ends import WAIT, Ends, Gate, call, is_idle, run, run_on_loop, settle, until


class Counter:
    """Handlers that count, and tell how far they went and how they ended."""

    def __init__(self) -> None:
        self.made = 0
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self.thread: int | None = None

    def plain(self, n: int = 10**9):
        try:
            for i in range(n):
                self.made += 1
                yield i
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.thread = threading.get_ident()
            self.ended.set()

    async def later(self, n: int = 10**9):
        try:
            for i in range(n):
                self.made += 1
                yield i
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.set()


KINDS = ["plain", "later"]


@pytest.fixture
def counter():
    return Counter()


@pytest.fixture
def ends(counter):
    with MemoryHost() as host:
        ends = Ends(host)
        for kind in KINDS:
            ends.target.stream(getattr(counter, kind), name=kind)
            ends.target.stream(getattr(counter, kind), name=f"volatile_{kind}", volatile=True)
        ends.target.method(lambda a, b: a + b, name="add")
        yield ends
        ends.target.close()


# --- items -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 2, 3, 16, "auto", "fresh"])
@pytest.mark.parametrize("kind", [*KINDS, "volatile_plain", "volatile_later"])
def test_a_stream_in_a_plain_loop(ends, counter, kind, window):
    assert list(ends.connect().stream(kind, 40, window=window)) == list(range(40))
    assert counter.ended.wait(WAIT)
    assert counter.error is None
    assert counter.made == 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_in_an_async_loop(ends, kind):
    page = ends.connect()

    async def collect() -> list[int]:
        return [i async for i in page.stream(kind, 40)]

    assert run(collect()) == list(range(40))
    assert run_on_loop(collect()) == list(range(40))


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_stream(ends, kind):
    stream = ends.connect().stream(kind, 0)
    assert list(stream) == []
    assert list(stream) == []


async def _later(values: list[int]):
    for value in values:
        yield value


async def _list() -> list[int]:
    return [1, 2, 3]


async def _generator():
    return _later([1, 2, 3])


@pytest.mark.parametrize(
    "handler",
    [
        lambda: [1, 2, 3],
        lambda: iter((1, 2, 3)),
        lambda: range(1, 4),
        lambda: _later([1, 2, 3]),
        _list,
        _generator,
    ],
    ids=["list", "iterator", "range", "async generator", "async list", "async async generator"],
)
def test_whatever_can_be_iterated(ends, handler):
    ends.target.stream(handler, name="give")
    assert list(ends.connect().stream("give")) == [1, 2, 3]


def test_a_stream_takes_the_channel(ends):
    @ends.target.stream
    async def mine(channel: kcomm.Channel, n: int):
        for _ in range(n):
            yield channel is ends.target.channels[0]

    assert list(ends.connect().stream("mine", 2)) == [True, True]


# --- credit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 4, 16])
@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_is_advanced_only_on_credit(ends, counter, kind, window):
    stream = ends.connect().stream(kind, window=window)
    until(lambda: counter.made == window)
    settle()
    assert counter.made == window
    for i in range(3 * window):
        assert next(stream) == i
        settle()
        # The credit of an item goes back when the next is asked for.
        assert counter.made <= i + window
    stream.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_of_one_makes_the_consumer_the_clock(ends, counter, kind):
    stream = ends.connect().stream(kind, window=1)
    for i in range(5):
        assert next(stream) == i
        settle()
        assert counter.made == i + 1
    stream.close()


def test_a_stream_that_waits_for_room_goes_on():
    with MemoryHost() as host:
        target = kcomm.Target("test", limits=Limits(window=20_000))

        @target.stream
        async def large(n: int):
            for i in range(n):
                yield [i, bytes(9000)]

        page = host.connect("test")
        assert [i for i, _ in page.stream("large", 12, window=16)] == list(range(12))
        target.close()


def test_streams_do_not_hold_up_each_other(ends):
    page = ends.connect()
    idle = page.stream("later", window=2)
    assert list(page.stream("later", 50)) == list(range(50))
    assert call(page, "add", 1, 2) == 3
    assert next(idle) == 0
    idle.close()


def test_a_window_is_positive(ends):
    with pytest.raises(ValueError, match="window must be at least 1, not 0"):
        ends.connect().stream("plain", window=0)


# --- streams that are left -------------------------------------------------------------------------


def leave_by_close(page, kind):
    stream = page.stream(kind)
    assert next(stream) == 0
    stream.close()
    stream.close()
    assert list(stream) == []


def leave_by_with(page, kind):
    with page.stream(kind) as stream:
        for i in stream:
            if i == 3:
                break


def leave_by_breaking(page, kind):
    for i in page.stream(kind):
        if i == 3:
            break
    gc.collect()


def leave_by_raising(page, kind):
    def fail_at_3() -> None:
        with page.stream(kind) as stream:
            for i in stream:
                assert i < 3

    with pytest.raises(AssertionError):
        fail_at_3()


def leave_by_async_with(page, kind):
    async def leave() -> None:
        async with page.stream(kind) as stream:
            async for i in stream:
                if i == 3:
                    break

    run(leave())


def leave_by_closing_the_channel(page, kind):
    stream = page.stream(kind)
    assert next(stream) == 0
    page.close()


def leave_by_a_cut(page, kind):
    stream = page.stream(kind)
    assert next(stream) == 0
    page._peer.transport.close(None)


WAYS = [
    leave_by_close,
    leave_by_with,
    leave_by_breaking,
    leave_by_raising,
    leave_by_async_with,
    leave_by_closing_the_channel,
    leave_by_a_cut,
]


@pytest.mark.parametrize("leave", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_left_ends_its_handler(ends, counter, kind, leave):
    leave(ends.connect(), kind)
    assert counter.ended.wait(WAIT)
    assert isinstance(counter.error, (asyncio.CancelledError, GeneratorExit))
    made = counter.made
    settle()
    assert counter.made == made
    assert call(ends.connect(), "add", 1, 2) == 3


def test_a_plain_generator_is_closed_on_the_thread_it_ran_on(ends, counter):
    thread: list[int] = []
    ends.target.method(lambda: thread.append(threading.get_ident()), name="where")
    page = ends.connect()
    stream = page.stream("plain")
    next(stream)
    stream.close()
    assert counter.ended.wait(WAIT)
    call(page, "where")
    assert [counter.thread] == thread


def test_an_async_generator_that_waits_sees_its_cancellation(ends):
    begun, ended = threading.Event(), threading.Event()
    seen: list[type[BaseException]] = []

    @ends.target.stream
    async def wait():
        begun.set()
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            seen.append(type(error))
            raise
        finally:
            await asyncio.sleep(0)
            ended.set()
        yield 1

    stream = ends.connect().stream("wait")
    assert begun.wait(WAIT)
    stream.close()
    assert ended.wait(WAIT)
    assert seen == [asyncio.CancelledError]


def test_a_plain_generator_that_is_busy_is_closed_when_it_yields(ends):
    gate, ended = Gate(), threading.Event()

    @ends.target.stream
    def busy():
        try:
            while True:
                gate.pass_through()
                yield 1
        finally:
            ended.set()

    page = ends.connect()
    stream = page.stream("busy")
    gate.wait_begun()
    stream.close()
    # Its call is answered at once.
    until(lambda: is_idle(page) and is_idle(ends.target.channels[0]))
    assert not ended.is_set()
    gate.open()
    assert ended.wait(WAIT)
    assert call(page, "add", 1, 2) == 3


@pytest.mark.parametrize("is_async", [False, True])
def test_a_generator_that_raises_when_it_is_left(ends, is_async, caplog):
    ended = threading.Event()

    def plain():
        try:
            yield 1
        finally:
            ended.set()
            raise ValueError("in finally")

    async def later():
        try:
            yield 1
        finally:
            ended.set()
            raise ValueError("in finally")

    ends.target.stream(later if is_async else plain, name="fails")
    page = ends.connect()
    with caplog.at_level(logging.ERROR):
        with page.stream("fails", window=1) as stream:
            assert next(stream) == 1
        assert ended.wait(WAIT)
        settle()
        gc.collect()
        until(lambda: "in finally" in caplog.text)
    assert "the handler 'fails' raised" in caplog.text
    assert "never retrieved" not in caplog.text
    assert call(page, "add", 1, 2) == 3
    until(lambda: is_idle(ends.target.channels[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_left_before_it_began(ends, kind):
    gate = Gate()
    ends.target.method(gate.pass_through, name="slow")
    page = ends.connect()
    slow = page.call("slow", timeout=None)
    gate.wait_begun()
    stream = page.stream(kind)
    stream.close()
    settle()
    gate.open()
    slow.result(WAIT)
    until(lambda: is_idle(ends.target.channels[0]))
    assert call(page, "add", 1, 2) == 3


# --- streams that fail -----------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_a_stream_that_raises(ends, is_async, caplog):
    def plain():
        yield 1
        yield 2
        raise ValueError("no more")

    async def later():
        yield 1
        yield 2
        raise ValueError("no more")

    ends.target.stream(later if is_async else plain, name="fails")
    page = ends.connect()
    stream = page.stream("fails")
    assert [next(stream), next(stream)] == [1, 2]
    with (
        caplog.at_level(logging.ERROR, "kcomm"),
        pytest.raises(errors.RemoteError, match="no more") as caught,
    ):
        next(stream)
    assert caught.value.data == {"type": "ValueError"}
    # It is told once; after it the stream is at its end.
    assert list(stream) == []
    assert "Traceback" in caplog.text
    assert call(page, "add", 1, 2) == 3


@pytest.mark.parametrize("is_async", [False, True])
def test_an_item_that_can_not_be_sent(ends, is_async):
    ended = threading.Event()

    def plain():
        try:
            yield 1
            yield {2}
        finally:
            ended.set()

    async def later():
        try:
            yield 1
            yield {2}
        finally:
            ended.set()

    ends.target.stream(later if is_async else plain, name="give")
    page = ends.connect()
    stream = page.stream("give")
    assert next(stream) == 1
    with pytest.raises(errors.BadValueError, match="of type set"):
        next(stream)
    assert ended.wait(WAIT)
    assert call(page, "add", 1, 2) == 3


def test_a_stream_that_can_not_be_iterated(ends):
    ends.target.stream(lambda: 5, name="five")
    with pytest.raises(errors.RemoteError, match="'five' must give an iterable, not int"):
        next(ends.connect().stream("five"))


def test_wrong_arguments(ends):
    stream = ends.connect().stream("plain", "many")
    with pytest.raises(errors.BadArgumentsError, match="argument 'n' must be int, not str"):
        next(stream)


@pytest.mark.parametrize("waits", [False, True])
def test_an_error_is_told_once(ends, waits):
    gate = Gate()

    @ends.target.stream
    async def fails():
        for item in list[int]():
            yield item
        await gate.pass_through_async()
        raise ValueError("no more")

    page = ends.connect()

    async def take() -> None:
        stream = page.stream("fails")
        if not waits:
            gate.open()
            await asyncio.to_thread(settle)
        first = asyncio.ensure_future(stream.__anext__())
        await asyncio.sleep(0)
        gate.open()
        with pytest.raises(errors.RemoteError):
            await first
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await stream.__anext__()

    run(take())


def test_an_unknown_stream(ends):
    with pytest.raises(errors.UnknownMethodError, match="'no_such'"):
        next(ends.connect().stream("no_such"))


def test_a_stream_is_no_method_and_a_method_is_no_stream(ends):
    page = ends.connect()
    with pytest.raises(errors.BadArgumentsError, match=r"'plain' is a stream: ask for it with stream\(\)"):
        call(page, "plain")
    with pytest.raises(errors.BadArgumentsError, match=r"'add' is no stream: ask for it with call\(\)"):
        next(page.stream("add", 1, 2))


def test_arguments_that_can_not_be_sent(ends):
    with pytest.raises(errors.BadValueError, match="type set"):
        ends.connect().stream("plain", {1})


@pytest.mark.parametrize("kind", KINDS)
def test_a_channel_that_ends_under_a_stream(ends, kind):
    page = ends.connect()
    stream = page.stream(kind, window=2)
    assert next(stream) == 0
    until(lambda: len(stream._consumer._items) == 1)
    ends.target.channels[0].close()
    until(lambda: page.is_closed)
    # What had come is still given, and the error is told once.
    assert next(stream) == 1
    with pytest.raises(errors.ChannelClosedError):
        list(stream)
    assert list(stream) == []


# --- waiting ---------------------------------------------------------------------------------------


def test_a_wait_that_is_cancelled_loses_nothing(ends):
    gates = [Gate() for _ in range(3)]

    @ends.target.stream
    async def slow():
        for i, gate in enumerate(gates):
            await gate.pass_through_async()
            yield i

    page = ends.connect()

    async def take() -> list[int]:
        stream = page.stream("slow")
        items = []
        for gate in gates:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(stream.__anext__(), 0.001)
            gate.open()
            items.append(await stream.__anext__())
        with pytest.raises(StopAsyncIteration):
            await stream.__anext__()
        return items

    assert run(take()) == [0, 1, 2]


def test_a_stream_is_waited_for_in_one_place(ends):
    gate = Gate()

    @ends.target.stream
    async def slow():
        await gate.pass_through_async()
        yield 1

    page = ends.connect()

    async def take_twice() -> Any:
        stream = page.stream("slow")
        first = asyncio.ensure_future(stream.__anext__())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one place at a time"):
            await stream.__anext__()
        gate.open()
        return await first

    assert run(take_twice()) == 1


def test_an_async_handler_must_not_block_for_a_stream(ends):
    @ends.target.method
    async def blocks(channel: kcomm.Channel) -> Any:
        return next(channel.stream("frames"))

    page = ends.connect()
    page.handle_stream("frames", lambda: [1])
    with pytest.raises(errors.WouldBlockError):
        call(page, "blocks")


# --- both ways -------------------------------------------------------------------------------------


def test_a_stream_through_the_other_end(ends):
    """The page's credit on one stream drives the other, as it does with a camera."""
    made = []

    @ends.target.stream(volatile=True)
    async def results(channel: kcomm.Channel):
        async with channel.stream("camera", {"size": 3}, window=2) as frames:
            async for frame in frames:
                yield frame * frame

    async def camera(options: dict[str, Any]):
        assert options == {"size": 3}
        n = 0
        while True:
            made.append(n)
            yield n
            n += 1

    page = ends.connect()
    page.handle_stream("camera", camera, volatile=True)
    stream = page.stream("results", window=2)
    assert [next(stream) for _ in range(50)] == [i * i for i in range(50)]
    settle()
    # Two under way to the page, one or two in the kernel: nothing piles up.
    assert len(made) <= 50 + 2 + 2 + 2
    stream.close()
    until(lambda: is_idle(page))
    count = len(made)
    settle()
    assert len(made) == count


def test_streams_both_ways_at_once(ends):
    page = ends.connect()
    page.handle_stream("down", lambda n: range(n))
    [channel] = ends.target.channels

    async def collect() -> Any:
        async def items(stream: kcomm.Stream) -> list[int]:
            return [i async for i in stream]

        return await asyncio.gather(
            items(page.stream("later", 100)),
            items(channel.stream("down", 100, window=3)),
            items(page.stream("plain", 100, window=1)),
        )

    assert run(collect()) == [list(range(100))] * 3


# --- flow -----------------------------------------------------------------------------------------


def test_a_handler_may_begin_as_many_items_as_were_granted(ends):
    begun: list[int] = []
    rooms: list[tuple[int, int, int]] = []

    @ends.target.stream
    async def squares(count: int, flow: kcomm.Flow):
        under_way = 0
        for i in range(count):
            rooms.append((flow.room, flow.sent, flow.done))
            while under_way < min(flow.room, count - i):
                begun.append(i + under_way)
                under_way += 1
            yield i * i
            under_way -= 1

    page = ends.connect()
    stream = page.stream("squares", 10, window=4)
    assert next(stream) == 0
    until(lambda: len(rooms) == 4)
    assert rooms == [(4, 0, 0), (3, 1, 0), (2, 2, 0), (1, 3, 0)]
    assert begun == [0, 1, 2, 3]
    assert list(stream) == [i * i for i in range(1, 10)]
    assert begun == list(range(10))


def test_only_a_stream_has_a_flow(ends):
    def method(flow: kcomm.Flow):
        return flow

    with pytest.raises(ValueError, match="'method' is no stream: only a stream's handler has a Flow"):
        ends.target.method(method)
