"""Channels: calls, events, and the handlers of one channel."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import numpy as np
import pytest

import kcomm
from kcomm import errors
from kcomm.channel import BlockingChannel, Channel
from kcomm.transport.memory import MemoryHost
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


# --- calls -----------------------------------------------------------------------------------------


def test_a_call(ends):
    assert call(ends.connect(), "add", 2, 3) == 5


def test_a_call_is_awaited_on_any_loop(ends):
    page = ends.connect()

    async def add() -> int:
        first, second = page.call("add", 1, 2), page.call("add", 3, 4)
        return await first + await second

    assert run(add()) == 10
    assert run_on_loop(add()) == 10


def test_a_call_by_names(ends):
    def subtract(a: float, b: float = 1) -> float:
        return a - b

    ends.target.method(subtract)
    page = ends.connect()
    assert page._peer.call("subtract", {"b": 2, "a": 5}, {})[1].result(WAIT) == 3
    assert page._peer.call("subtract", {"a": 5}, {})[1].result(WAIT) == 4


def test_values_pass_both_ways(ends):
    page = ends.connect()
    values: tuple[Any, ...] = (None, True, 2**64 - 1, 0.5, "é", b"ab", bytes(5000), [1, [2]], {"a": {}})
    for value in values:
        result = call(page, "echo", value)
        assert result == value
        assert type(result) is type(value)
    array = call(page, "echo", np.arange(2000, dtype=">f4").reshape(20, 100)[:, ::2])
    assert array.shape == (20, 50)
    assert array[1, 1] == 102


def test_the_kernel_calls_the_page(ends):
    page = ends.connect()
    page.handle("confirm", lambda text: text == "ready?")
    [channel] = ends.target.channels
    assert call(channel, "confirm", "ready?") is True


def test_calls_within_calls(ends):
    """A plain handler blocks for the page, which calls the kernel, before it answers."""

    def outer(channel: kcomm.Channel, n: int) -> int:
        return channel.call("inner", n, timeout=WAIT).result() + 1

    async def inner(n: int) -> int:
        return await page.call("double", n, timeout=WAIT)

    async def double(n: int) -> int:
        return 2 * n

    ends.target.method(outer)
    ends.target.method(double)
    page = ends.connect()
    page.handle("inner", inner)
    assert call(page, "outer", 5) == 11


def test_plain_functions_run_one_after_the_other_and_in_order(ends):
    seen: list[int] = []
    running: list[int] = []

    @ends.target.method
    def note(n: int) -> int:
        running.append(n)
        assert len(running) == 1
        seen.append(n)
        running.remove(n)
        return n

    page = ends.connect()
    calls = [page.call("note", n) for n in range(50)]
    assert [answer.result(WAIT) for answer in calls] == list(range(50))
    assert seen == list(range(50))


def test_a_slow_plain_function_holds_up_nothing_but_plain_functions(ends):
    gate = Gate()
    ends.target.method(gate.pass_through, name="slow")

    @ends.target.method
    async def quick() -> str:
        return "here"

    page = ends.connect()
    slow, after = page.call("slow", timeout=None), page.call("add", 1, 2, timeout=None)
    gate.wait_begun()
    assert call(page, "quick") == "here"
    assert not after.done()
    gate.open()
    assert slow.result(WAIT) is None
    assert after.result(WAIT) == 3


def test_a_function_that_returns_an_awaitable(ends):
    async def later() -> int:
        await asyncio.sleep(0)
        return 5

    ends.target.method(lambda: later(), name="later")
    assert call(ends.connect(), "later") == 5


# --- events ----------------------------------------------------------------------------------------


def test_events_both_ways(ends):
    at_kernel, at_page = Listener(), Listener()
    ends.target.on("t", at_kernel)
    page = ends.connect()
    page.on("t", at_page)
    [channel] = ends.target.channels
    for i in range(20):
        page.emit("t", i)
        channel.emit("t", {"n": i})
    assert at_kernel.wait(20) == list(range(20))
    assert at_page.wait(20) == [{"n": i} for i in range(20)]


def test_an_event_without_a_value(ends):
    listener = Listener()
    ends.target.on("t", listener)
    ends.connect().emit("t")
    assert listener.wait(1) == [None]


def test_async_listeners_and_listeners_that_take_the_channel(ends):
    listener = Listener()

    async def handle(channel: kcomm.Channel, value: int) -> None:
        listener((channel is ends.target.channels[0], value))

    ends.target.on("t", handle)
    ends.connect().emit("t", 5)
    assert listener.wait(1) == [(True, 5)]


def test_of_events_of_which_the_latest_counts_one_waits(ends, caplog):
    listener = Listener()
    ends.target.on("t", listener)
    page = ends.connect()

    async def emit() -> None:
        for i in range(100):
            page.emit("t", i, latest=True)

    with caplog.at_level(logging.WARNING, "kcomm"):
        run_on_loop(emit())
        assert listener.wait(1) == [99]
    page.emit("t", "next")
    assert listener.wait(2) == [99, "next"]


def test_other_events_are_bounded_and_the_loss_is_told(ends, caplog):
    listener = Listener()
    ends.target.on("t", listener)
    page = ends.connect()

    async def emit() -> None:
        for i in range(1500):
            page.emit("t", i)

    with caplog.at_level(logging.WARNING, "kcomm"):
        run_on_loop(emit())
        assert listener.wait(1000) == list(range(500, 1500))
    assert "500 events of topic 't' were dropped" in caplog.text


def test_an_unknown_topic_is_told_to_its_sender(ends, caplog):
    page = ends.connect()
    with caplog.at_level(logging.WARNING, "kcomm"):
        for number in range(3):
            page.emit("nobody", number)
        assert call(page, "add", 1, 2) == 3
    # Once: events may come by the thousand.
    text = "the other end reports: nobody handles the topic 'nobody' here [kcomm.unknown_topic]"
    assert caplog.text.count(text) == 1


def test_a_listener_that_raises_is_told_to_its_sender(ends, caplog):
    def fail(value: int) -> None:
        raise LookupError("oh")

    ends.target.on("t", fail)
    page = ends.connect()
    with caplog.at_level(logging.WARNING, "kcomm"):
        page.emit("t", 5)
        until(lambda: "the other end reports" in caplog.text)
    assert "the other end reports: 't' raised LookupError: oh [kcomm.handler_error]" in caplog.text


def test_an_event_of_the_wrong_type_is_told_to_its_sender(ends, caplog):
    def handle(value: int) -> None:
        pytest.fail("it must not run")

    ends.target.on("t", handle)
    page = ends.connect()
    with caplog.at_level(logging.WARNING, "kcomm"):
        page.emit("t", "text")
        until(lambda: "the other end reports" in caplog.text)
    assert "the argument 'value' must be int, not str ('text') [kcomm.bad_arguments]" in caplog.text


def test_an_event_that_can_not_be_sent(ends):
    with pytest.raises(errors.BadValueError, match="type set"):
        ends.connect().emit("t", {1})


# --- handlers of one channel -------------------------------------------------------------------------


def test_handlers_of_a_channel_come_before_those_of_its_target(ends):
    first, second = ends.connect(), ends.connect()
    channel, _ = ends.target.channels
    channel.handle("add", lambda a, b: a * b)
    assert call(first, "add", 3, 4) == 12
    assert call(second, "add", 3, 4) == 7


def test_handlers_as_decorators(ends):
    page = ends.connect()
    heard = Listener()

    @page.handle("double")
    def double(n: int) -> int:
        return 2 * n

    @page.handle_stream("count")
    def count(n: int):
        yield from range(n)

    @page.on("t")
    def on_t(value: int) -> None:
        heard(value)

    [channel] = ends.target.channels
    assert call(channel, "double", 4) == 8
    assert list(channel.stream("count", 3)) == [0, 1, 2]
    channel.emit("t", 7)
    assert heard.wait(1) == [7]
    assert double(1) == 2


def test_a_handler_that_is_none(ends):
    page = ends.connect()
    with pytest.raises(TypeError, match="must be callable, not 5"):
        page.handle("f", 5)
    with pytest.raises(ValueError, match="'worker' or 'main'"):
        page.handle("f", print, thread="other")


def test_what_comes_before_its_handler_waits_for_it(ends):
    page = ends.connect()
    [channel] = ends.target.channels
    answer = channel.call("late", 5)
    channel.emit("late", 6)
    settle()
    heard = Listener()
    page.on("late", heard)
    page.handle("late", lambda n: n)
    assert answer.result(WAIT) == 5
    assert heard.wait(1) == [6]


def test_what_comes_for_a_handler_that_never_comes(ends, caplog):
    page = ends.connect()
    page._peer.serving._grace = 0.01
    [channel] = ends.target.channels
    with caplog.at_level(logging.WARNING, "kcomm"):
        never, late = channel.call("never"), channel.call("late")
        channel.emit("never", 6)
        page.handle("late", lambda: 5)
        assert late.result(WAIT) == 5
        with pytest.raises(kcomm.UnknownMethodError, match="'never'"):
            never.result(WAIT)
        until(lambda: "nobody handles the topic 'never'" in caplog.text)


def test_handlers_come_one_by_one(ends):
    page = ends.connect()
    [channel] = ends.target.channels
    answers = {name: channel.call(name) for name in "abc"}
    settle()
    for name in "cab":
        page.handle(name, name.upper)
        assert answers.pop(name).result(WAIT) == name.upper()
        settle()
        assert not any(answer.done() for answer in answers.values())


def test_what_waited_for_its_handler_may_be_given_up(ends):
    page = ends.connect()
    [channel] = ends.target.channels
    answer = channel.call("late", 5)
    settle()
    answer.cancel()
    until(lambda: is_idle(channel))
    page.handle("late", lambda n: pytest.fail("it must not run"))
    settle()


# --- what a channel tells of itself ------------------------------------------------------------------


def test_what_a_channel_tells_of_itself():
    with MemoryHost() as host:
        target = kcomm.Target("test", features={"f": 1})
        page = host.connect("test", params={"id": "x"})
        [channel] = target.channels
        assert channel.params == {"id": "x"}
        assert page.features == {"f": 1}
        assert page.epoch
        assert channel.epoch == ""
        assert page.id != channel.id
        assert "(open)" in repr(page)
        page.close()
        until(lambda: "(closed)" in repr(page))
        target.close()


def test_a_blocking_channel(ends):
    page = ends.connect()
    with BlockingChannel(page._peer, page._worker, None) as blocking:
        assert blocking.call("add", 1, 2) == 3
        with pytest.raises(errors.UnknownMethodError):
            blocking.call("ad")
    until(lambda: page.is_closed)
