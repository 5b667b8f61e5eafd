"""Everything that can go wrong with calls and channels: each a specific error, the others unharmed."""

from __future__ import annotations

import asyncio
import logging
import threading
import types
from typing import Any

import numpy as np
import pytest

import kcomm
from kcomm import errors
from kcomm.channel import Channel
from kcomm.protocol import Limits
from kcomm.transport.memory import MemoryHost, MemoryTransport
from tests.ends import WAIT, Ends, Gate, Listener, call, is_idle, run, run_on_loop, settle, until


@pytest.fixture
def ends():
    with MemoryHost() as host:
        ends = Ends(host)
        ends.target.method(lambda a, b: a + b, name="add")
        ends.target.method(lambda value: value, name="echo")
        yield ends
        ends.target.close()


def raised_by(channel: Channel, method: str, *args: Any) -> errors.KcommError:
    with pytest.raises(errors.KcommError) as caught:
        call(channel, method, *args)
    return caught.value


# --- calls that fail -------------------------------------------------------------------------------


def test_an_unknown_method(ends):
    page = ends.connect()
    error = raised_by(page, "ad", 1, 2)
    assert type(error) is errors.UnknownMethodError
    assert error.code == "kcomm.unknown_method"
    assert "'ad'" in error.message
    assert call(page, "add", 1, 2) == 3


@pytest.mark.parametrize("name", ["__class__", "__init__", "close", "_register", "", "é" * 1000])
def test_names_are_looked_up_in_a_table_only(ends, name):
    assert raised_by(ends.connect(), name).code == "kcomm.unknown_method"


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ((1,), "missing a required argument: 'b'"),
        ((1, 2, 3), "too many positional arguments"),
        (("1", 2), "argument 'a' must be a number, not str"),
    ],
)
def test_wrong_arguments(ends, args, text):
    ran = []

    def f(a: float, b: float) -> None:
        ran.append((a, b))

    ends.target.method(f)
    page = ends.connect()
    error = raised_by(page, "f", *args)
    assert type(error) is errors.BadArgumentsError
    assert text in error.message
    assert error.message.startswith("f")
    assert ran == []
    assert call(page, "f", 1, 2.5) is None
    assert ran == [(1.0, 2.5)]


class OwnError(Exception):
    pass


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        OwnError("secret"),
        SystemExit("secret"),
        KeyboardInterrupt("secret"),
        StopAsyncIteration("secret"),
        GeneratorExit("secret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_handler_that_raises(ends, error, is_async, caplog):
    def plain() -> None:
        raise error

    async def later() -> None:
        raise error

    ends.target.method(later if is_async else plain, name="fails")
    page = ends.connect()
    with caplog.at_level(logging.ERROR, "kcomm"):
        told = raised_by(page, "fails")
    assert type(told) is errors.RemoteError
    assert told.code == "kcomm.handler_error"
    assert told.data is not None
    assert "secret" in told.message
    assert "Traceback" not in told.message
    assert "test_channel.py" not in str(told.data) + told.message
    assert "the handler 'fails' raised" in caplog.text
    assert "Traceback" in caplog.text
    assert call(page, "add", 1, 2) == 3


@pytest.mark.parametrize("is_async", [False, True])
def test_a_handler_that_raises_what_ends_iterators(ends, is_async):
    def plain() -> None:
        raise StopIteration

    async def later() -> None:
        raise StopIteration

    ends.target.method(later if is_async else plain, name="fails")
    error = raised_by(ends.connect(), "fails")
    assert error.data == {"type": "RuntimeError"}
    assert "StopIteration" in error.message


def test_a_handlers_own_code(ends):
    def refuse() -> None:
        raise errors.KcommError("not today", code="app.closed", data={"until": 5})

    ends.target.method(refuse)
    error = raised_by(ends.connect(), "refuse")
    assert (error.code, error.message, error.data) == ("app.closed", "not today", {"until": 5})


def test_an_errors_data_that_can_not_be_sent(ends):
    def refuse() -> None:
        raise errors.KcommError("no", code="app.no", data={"what": {1}})

    ends.target.method(refuse)
    error = raised_by(ends.connect(), "refuse")
    assert (error.code, error.data) == ("app.no", None)


def test_an_errors_text_that_is_not_unicode(ends):
    def fail() -> None:
        raise ValueError("\ud800" + "x" * 100_000)

    ends.target.method(fail)
    error = raised_by(ends.connect(), "fail")
    assert error.message.startswith("'fail' raised ValueError: ?xxx")
    assert len(error.message) < 1000


@pytest.mark.parametrize(
    "result",
    [object(), {1}, {1: 2}, 2**64, np.array([None]), "\ud800", {"__proto__": 1}, lambda: None],
    ids=repr,
)
def test_a_result_that_can_not_be_sent(ends, result):
    ends.target.method(lambda: result, name="give")
    page = ends.connect()
    error = raised_by(page, "give")
    assert type(error) is errors.BadValueError
    assert error.message.startswith("the result of 'give' can't be sent: value ")
    assert call(page, "add", 1, 2) == 3


def test_an_argument_that_can_not_be_sent_fails_where_it_is_given(ends):
    page = ends.connect()
    with pytest.raises(errors.BadValueError, match=r"value at \[1\]\.a is of type set"):
        page.call("add", 1, {"a": {2}})
    assert call(page, "add", 1, 2) == 3


def connect_with(ends: Ends, limits: Limits) -> Channel:
    """Return the channel of a page with limits of its own."""
    here, there = MemoryTransport(), MemoryTransport()
    page = Channel.opening(here, params={}, limits=limits)
    there.other = page._peer
    here.other = ends.host._acceptors["test"](there)
    page._peer.open()
    page.wait_open(WAIT)
    return page


def test_a_result_too_large_or_too_deep_for_the_page(ends):
    page = connect_with(ends, Limits(message=5000, depth=3))
    ends.target.method(lambda n: bytes(n), name="zeros")
    ends.target.method(lambda: [[[[]]]], name="deep")
    error = raised_by(page, "zeros", 6000)
    assert error.code == "kcomm.too_large"
    assert "5000" in error.message
    error = raised_by(page, "deep")
    assert error.code == "kcomm.too_deep"
    assert call(page, "zeros", 4000) == bytes(4000)


def test_an_argument_too_large_or_too_deep_for_the_kernel():
    with MemoryHost() as host:
        target = kcomm.Target("test", limits=Limits(message=5000, depth=3))
        target.method(lambda value: value, name="echo")
        page = host.connect("test")
        with pytest.raises(errors.TooLargeError, match="5000"):
            page.call("echo", bytes(6000))
        with pytest.raises(errors.TooDeepError):
            page.call("echo", [[[]]])
        assert call(page, "echo", bytes(4000)) == bytes(4000)
        target.close()


def test_large_messages_pass_in_parts(ends):
    page = connect_with(ends, Limits(packet=4096))
    data = bytes(range(256)) * 100
    assert call(page, "echo", [data, "x" * 9000]) == [data, "x" * 9000]


def test_more_calls_than_may_be_open_are_held_back():
    with MemoryHost() as host:
        target = kcomm.Target("test", limits=Limits(calls=2))
        gate = Gate()
        begun: list[int] = []

        @target.method
        async def wait(number: int) -> None:
            begun.append(number)
            await gate.pass_through_async()

        page = host.connect("test")
        waiting = [page.call("wait", number, timeout=None) for number in range(7)]
        until(lambda: len(begun) == 2)
        settle()
        assert begun == [0, 1]
        waiting[3].cancel()
        gate.open()
        assert [waiting[n].result(WAIT) for n in (0, 1, 2, 4, 5, 6)] == [None] * 6
        assert begun == [0, 1, 2, 4, 5, 6]
        target.close()


def test_more_than_the_ring_holds_is_refused():
    with MemoryHost() as host:
        target = kcomm.Target("test", limits=Limits(window=10_000))
        target.method(lambda value: len(value), name="size")
        page = host.connect("test")

        async def flood() -> list[Any]:
            answers = [page.call("size", bytes(8000)) for _ in range(2)]
            with pytest.raises(errors.BufferFullError):
                page.call("size", b"")
            return [await answer for answer in answers]

        # On the loop itself, so that nothing leaves meanwhile.
        assert run_on_loop(flood()) == [8000, 8000]
        assert call(page, "size", b"ab") == 2
        target.close()


# --- giving up -------------------------------------------------------------------------------------


class Sleeper:
    """An ``async`` handler that never returns, and tells how it ended."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()
        self.error: BaseException | None = None

    async def sleep(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.set()


def test_a_handler_that_never_returns(ends):
    sleeper = Sleeper()
    ends.target.method(sleeper.sleep)
    page = ends.connect()
    with pytest.raises(errors.CallTimeoutError, match=r"'sleep' gave no answer within 0\.01 s") as caught:
        page.call("sleep", timeout=0.01).result()
    assert caught.value.code == "kcomm.timeout"
    assert sleeper.ended.wait(WAIT)
    assert isinstance(sleeper.error, asyncio.CancelledError)
    assert call(page, "add", 1, 2) == 3


def test_a_plain_handler_that_never_returns_harms_no_other_target(ends):
    gate = Gate()
    ends.target.method(gate.pass_through, name="hang")
    page = ends.connect()
    with pytest.raises(errors.CallTimeoutError):
        page.call("hang", timeout=0.01).result()
    other = kcomm.Target("other")
    other.method(lambda: "fine", name="f")
    assert call(ends.host.connect("other"), "f") == "fine"
    other.close()
    gate.open()
    assert call(page, "add", 1, 2) == 3


def test_a_call_that_is_cancelled(ends):
    sleeper = Sleeper()
    ends.target.method(sleeper.sleep)
    page = ends.connect()
    answer = page.call("sleep", timeout=None)
    assert sleeper.begun.wait(WAIT)
    assert answer.cancel()
    assert answer.done()
    assert sleeper.ended.wait(WAIT)
    assert isinstance(sleeper.error, asyncio.CancelledError)
    assert not answer.cancel()
    settle()
    assert call(page, "add", 1, 2) == 3


def test_a_wait_that_is_cancelled_gives_the_call_up(ends):
    sleeper = Sleeper()
    ends.target.method(sleeper.sleep)
    page = ends.connect()

    async def wait() -> None:
        task = asyncio.ensure_future(page.call("sleep", timeout=None))
        await asyncio.to_thread(sleeper.begun.wait, WAIT)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(wait())
    assert sleeper.ended.wait(WAIT)


def test_a_plain_function_that_had_not_begun_never_runs(ends):
    gate, ran = Gate(), threading.Event()
    ends.target.method(gate.pass_through, name="slow")
    ends.target.method(ran.set, name="never")
    page = ends.connect()
    slow, never = page.call("slow", timeout=None), page.call("never", timeout=None)
    gate.wait_begun()
    assert never.cancel()
    settle()
    gate.open()
    slow.result(WAIT)
    assert call(page, "add", 1, 2) == 3
    assert not ran.is_set()


@pytest.mark.parametrize("name", ["sleep", "add"])
def test_a_call_that_is_cancelled_at_once_is_answered_all_the_same(ends, name):
    sleeper = Sleeper()
    ends.target.method(sleeper.sleep)
    page = ends.connect()

    async def call_and_cancel() -> None:
        for _ in range(3):
            page.call(name, timeout=None).cancel()

    # In one turn of the loop, so that CALL and CANCEL leave in one packet.
    run_on_loop(call_and_cancel())
    until(lambda: is_idle(ends.target.channels[0]))
    until(lambda: is_idle(page))
    assert not sleeper.begun.is_set()


def test_a_plain_function_that_had_begun_goes_on_and_its_result_is_dropped(ends):
    gate, finished = Gate(), threading.Event()

    @ends.target.method
    def slow() -> str:
        gate.pass_through()
        finished.set()
        return "late"

    page = ends.connect()
    answer = page.call("slow", timeout=None)
    gate.wait_begun()
    answer.cancel()
    settle()
    gate.open()
    assert finished.wait(WAIT)
    assert call(page, "add", 1, 2) == 3


def test_a_handler_that_swallows_its_cancellation_still_answers(ends):
    @ends.target.method
    async def stubborn() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "anyway"
        return "never"

    page = ends.connect()
    with pytest.raises(errors.CallTimeoutError):
        page.call("stubborn", timeout=0.01).result()
    [channel] = ends.target.channels
    until(lambda: is_idle(channel))


def test_waiting_for_a_result_does_not_give_the_call_up(ends):
    gate = Gate()
    ends.target.method(gate.pass_through, name="slow")
    answer = ends.connect().call("slow", timeout=None)
    with pytest.raises(errors.CallTimeoutError, match="the call goes on"):
        answer.result(timeout=0.01)
    gate.open()
    assert answer.result(WAIT) is None


def test_a_handler_may_raise_a_timeout_of_its_own(ends):
    def fail() -> None:
        raise TimeoutError("mine")

    ends.target.method(fail)
    assert raised_by(ends.connect(), "fail").code == "kcomm.handler_error"


# --- waits that could never end ---------------------------------------------------------------------


def test_an_async_handler_must_not_block(ends):
    @ends.target.method
    async def blocks(channel: kcomm.Channel) -> Any:
        return channel.call("confirm").result()

    page = ends.connect()
    page.handle("confirm", lambda: True)
    error = raised_by(page, "blocks")
    assert type(error) is errors.WouldBlockError
    assert "write `await`" in error.message
    assert call(page, "add", 1, 2) == 3


def test_the_thread_that_receives_must_not_block(ends):
    page = ends.connect()
    page._peer.transport = types.SimpleNamespace(
        receiving_thread=threading.get_ident(),
        send=page._peer.transport.send,
        close=page._peer.transport.close,
    )
    answer = page.call("add", 1, 2)
    with pytest.raises(errors.WouldBlockError, match="this very thread"):
        answer.result()
    assert run(wait_for(answer)) == 3


async def wait_for(answer: kcomm.Call) -> Any:
    return await answer


# --- ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closer", ["page", "kernel"])
def test_a_channel_that_was_closed(ends, closer):
    sleeper = Sleeper()
    ends.target.method(sleeper.sleep)
    page = ends.connect()
    [channel] = ends.target.channels
    answer = page.call("sleep", timeout=None)
    assert sleeper.begun.wait(WAIT)
    (page if closer == "page" else channel).close()
    with pytest.raises(errors.ChannelClosedError) as caught:
        answer.result(WAIT)
    assert caught.value.code == "kcomm.closed"
    assert caught.value.data == {"may_have_run": True}
    assert sleeper.ended.wait(WAIT)
    until(lambda: page.is_closed and channel.is_closed)
    for end in (page, channel):
        assert end.is_closed
        with pytest.raises(errors.ChannelClosedError, match="connect again"):
            end.call("add", 1, 2)
        with pytest.raises(errors.ChannelClosedError):
            end.stream("ticks")
        with pytest.raises(errors.ChannelClosedError):
            end.emit("t", 1)
        end.close()
    assert ends.target.channels == ()
    assert call(ends.connect(), "add", 1, 2) == 3


def test_what_was_sent_before_closing_arrives(ends):
    listener = Listener()
    ends.target.on("t", listener)
    page = ends.connect()
    for i in range(10):
        page.emit("t", i)
    page.close()
    assert listener.wait(10) == list(range(10))


@pytest.mark.parametrize("garbage", [[], [b""], [b"\xc1"], [b"not msgpack"], [b"\x93\x05\x00\x90"]], ids=repr)
def test_a_page_that_sends_garbage_harms_itself_only(ends, garbage, caplog):
    good, bad = ends.connect(), ends.connect()
    answer = bad.call("echo", 5)
    assert answer.result(WAIT) == 5
    channel = ends.target.channels[1]
    with caplog.at_level(logging.ERROR, "kcomm"):
        channel._peer.receive(garbage)
        until(lambda: channel.is_closed and bad.is_closed)
    with pytest.raises(errors.ChannelClosedError):
        bad.call("echo", 5)
    assert "[kcomm.protocol_error]" in caplog.text
    assert call(good, "add", 1, 2) == 3
    assert len(ends.target.channels) == 1


def test_a_connection_that_is_cut(ends):
    sleeper = Sleeper()
    ends.target.method(sleeper.sleep)
    page = ends.connect()
    answer = page.call("sleep", timeout=None)
    assert sleeper.begun.wait(WAIT)
    ends.target.channels[0]._peer.cut("the page is gone")
    page._peer.cut("the kernel is gone")
    with pytest.raises(errors.SessionLostError, match="the kernel is gone") as caught:
        answer.result(WAIT)
    assert caught.value.data == {"may_have_run": True}
    assert sleeper.ended.wait(WAIT)
    until(lambda: page.is_closed)


def test_a_transport_that_fails(ends, caplog):
    page = ends.connect()

    def send(packet: Any) -> None:
        raise OSError("no way")

    page._peer.transport.send = send
    answer = page.call("add", 1, 2)
    with caplog.at_level(logging.ERROR, "kcomm"), pytest.raises(errors.SessionLostError, match="no way"):
        answer.result(WAIT)
    assert "a packet could not be sent" in caplog.text


def test_a_packet_that_is_lost_is_sent_again(ends):
    page = ends.connect()
    transport = page._peer.transport
    send = transport.send
    lost: list[Any] = []
    heard: list[int] = []
    ends.target.on("t", heard.append)
    transport.send = lost.append
    page.emit("t", 1)
    until(lambda: lost)
    transport.send = send
    assert call(page, "add", 1, 2) == 3
    assert len(lost) == 1
    assert heard == [1]


def test_nobody_answers():
    class Nowhere:
        receiving_thread = None

        def when_reading(self, callback: Any) -> None:
            callback()

        def send(self, packet: Any) -> None:
            pass

        def close(self, packet: Any) -> None:
            pass

    page = Channel.opening(Nowhere(), params={})
    page._peer.open()
    with pytest.raises(errors.ChannelClosedError, match="not open yet"):
        page.call("add")
    with pytest.raises(errors.CallTimeoutError, match=r"did not open within 0\.01 s"):
        page.wait_open(timeout=0.01)
    until(lambda: page.is_closed)


def test_nobody_serves_the_target():
    class Closing:
        receiving_thread = None

        def when_reading(self, callback: Any) -> None:
            callback()

        def send(self, packet: Any) -> None:
            page._peer.cut("nobody serves it")

        def close(self, packet: Any) -> None:
            pass

    page = Channel.opening(Closing(), params={})
    page._peer.open()
    with pytest.raises(errors.UnknownTargetError, match="nobody serves it"):
        page.wait_open(WAIT)
