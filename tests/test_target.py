"""Targets: registration, replacement, what opens and closes."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
from typing import Any

import pytest

import kcomm
from kcomm import errors
from kcomm.transport.base import get_host
from kcomm.transport.memory import MemoryHost
from tests.ends import WAIT, Ends, Gate, call, settle, until


@pytest.fixture
def host():
    with MemoryHost() as host:
        yield host


@pytest.fixture
def ends(host):
    ends = Ends(host)
    ends.target.method(lambda a, b: a + b, name="add")
    yield ends
    ends.target.close()


# --- registration ------------------------------------------------------------------------------------


def test_outside_a_kernel():
    with pytest.raises(errors.NoKernelError, match=r"kcomm\.connect\(kernel_client, name\)") as caught:
        kcomm.Target("test")
    assert caught.value.code == "kcomm.no_kernel"


def test_a_host_is_used_within_its_context_only():
    with MemoryHost() as host:
        assert get_host() is host
    with pytest.raises(errors.NoKernelError):
        get_host()


def test_a_target_has_a_name(host):
    with pytest.raises(ValueError, match="must not be empty"):
        kcomm.Target("")


def test_an_unknown_target(host):
    with pytest.raises(errors.UnknownTargetError, match="'no_such'"):
        host.connect("no_such")


def test_decorators_give_the_function_back(ends):
    @ends.target.method
    def first(n: int) -> int:
        return n

    @ends.target.method(name="other")
    def second(n: int) -> int:
        return n + 1

    @ends.target.stream
    def third():
        yield 3

    @ends.target.stream(name="fourth", volatile=True)
    async def named_otherwise():
        yield 4

    @ends.target.on("topic")
    def on_topic(value):
        return value

    @ends.target.on_open
    def opened():
        return "opened"

    @ends.target.on_close
    def closed():
        return "closed"

    page = ends.connect()
    assert [call(page, "first", 1), call(page, "other", 1)] == [1, 2]
    assert [list(page.stream("third")), list(page.stream("fourth"))] == [[3], [4]]
    assert (first(5), second(5), next(third()), on_topic(6), opened(), closed()) == (
        5,
        6,
        3,
        6,
        "opened",
        "closed",
    )
    with pytest.raises(errors.UnknownMethodError):
        call(page, "second", 1)


@pytest.mark.parametrize("register", ["method", "stream"])
def test_what_can_not_be_a_handler(ends, register):
    with pytest.raises(TypeError, match="must be callable, not 5"):
        getattr(ends.target, register)(5)
    with pytest.raises(TypeError, match="a lambda has no name: pass name="):
        getattr(ends.target, register)(lambda: None)
    with pytest.raises(ValueError, match="thread must be 'worker' or 'main', not 'pool'"):
        getattr(ends.target, register)(lambda: None, name="f", thread="pool")


def test_a_handler_is_replaced_by_one_of_its_name(ends):
    page = ends.connect()
    ends.target.method(lambda a, b: a * b, name="add")
    assert call(page, "add", 3, 4) == 12


def test_objects_and_methods_of_objects_are_handlers(ends):
    class Model:
        def __init__(self) -> None:
            self.values: list[int] = []

        def put(self, n: int) -> int:
            self.values.append(n)
            return len(self.values)

        def __call__(self) -> list[int]:
            return self.values

    model = Model()
    ends.target.method(model.put)
    ends.target.method(model, name="get")
    page = ends.connect()
    assert call(page, "put", 5) == 1
    assert call(page, "get") == [5]


# --- replacing and closing -----------------------------------------------------------------------------


def test_a_target_that_is_replaced(host):
    first = kcomm.Target("test")
    first.method(lambda: 1, name="version")
    closed = threading.Event()
    first.on_close(closed_by(closed))
    page = host.connect("test")
    assert call(page, "version") == 1
    second = kcomm.Target("test")
    second.method(lambda: 2, name="version")
    assert page._peer.closed.result(WAIT).message == "the target was replaced by a new one of its name"
    assert closed.wait(WAIT)
    with pytest.raises(errors.ChannelClosedError):
        page.call("version")
    assert first.channels == ()
    # Closing the old one does not take the name from the new one.
    first.close()
    assert call(host.connect("test"), "version") == 2
    second.close()


def closed_by(event: threading.Event):
    def on_close() -> None:
        event.set()

    return on_close


def test_targets_of_two_hosts_do_not_replace_each_other():
    with MemoryHost() as host:
        first = kcomm.Target("test")
        page = host.connect("test")
        with MemoryHost():
            second = kcomm.Target("test")
        settle()
        assert not page.is_closed
        first.close()
        second.close()


def test_a_target_that_is_closed(ends):
    page = ends.connect()
    ends.target.close()
    assert page._peer.closed.result(WAIT).code == "kcomm.closed"
    with pytest.raises(errors.UnknownTargetError):
        ends.connect()
    ends.target.close()
    again = kcomm.Target("test")
    assert ends.connect()
    again.close()


def test_replacing_targets_leaves_no_threads(host):
    closed: list[int] = []
    before = set(threading.enumerate())

    def make() -> kcomm.Target:
        target = kcomm.Target("test")
        target.method(lambda: 1, name="one")

        @target.on_close
        def on_close() -> None:
            closed.append(1)

        call(host.connect("test"), "one")
        return target

    for _ in range(5):
        make()
    make().close()
    until(lambda: len(closed) == 6)
    for thread in set(threading.enumerate()) - before:
        if thread.name in ("kcomm-test", "kcomm-channel"):
            thread.join(WAIT)
            assert not thread.is_alive()


# --- opening and closing of channels ---------------------------------------------------------------------


class Log:
    """Keeps what was told, and waits for a number of it."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self._changed = threading.Condition()

    def add(self, *entry: Any) -> None:
        with self._changed:
            self.entries.append(entry)
            self._changed.notify_all()

    def wait(self, count: int) -> list[Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.entries) >= count, WAIT)
        return self.entries


def test_what_opens_and_closes(ends):
    log = Log()

    @ends.target.on_open
    def opened(channel: kcomm.Channel) -> None:
        log.add("opened", channel.params["n"])

    @ends.target.on_close
    def closed(channel: kcomm.Channel) -> None:
        log.add("closed", channel.params["n"], channel.is_closed)

    first, second = ends.connect(n=1), ends.connect(n=2)
    log.wait(2)
    second.close()
    log.wait(3)
    first.close()
    assert log.wait(4) == [("opened", 1), ("opened", 2), ("closed", 2, True), ("closed", 1, True)]


@pytest.mark.parametrize("kind", ["annotated", "bare", "none"])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_lifecycle_handler_takes_the_channel_or_nothing(ends, kind, is_async):
    log = Log()

    def annotated(channel: kcomm.Channel) -> None:
        log.add(type(channel))

    def bare(channel) -> None:
        log.add(type(channel))

    def none() -> None:
        log.add(kcomm.Channel)

    function: Any = {"annotated": annotated, "bare": bare, "none": none}[kind]
    if is_async:
        handlers: dict[str, Any] = {}

        async def later_annotated(channel: kcomm.Channel) -> None:
            function(channel)

        async def later_bare(channel) -> None:
            function(channel)

        async def later_none() -> None:
            function()

        handlers = {"annotated": later_annotated, "bare": later_bare, "none": later_none}
        ends.target.on_open(handlers[kind])
    else:
        ends.target.on_open(function)
    ends.connect()
    assert log.wait(1) == [(kcomm.Channel,)]


def test_a_handler_of_opening_calls_the_page(ends):
    log = Log()

    @ends.target.on_open
    async def hello(channel: kcomm.Channel) -> None:
        log.add(await channel.call("confirm", "ready?", timeout=WAIT))
        channel.emit("status", {"n": 1})

    page = ends.connect()
    page.on("status", lambda value: log.add(value))
    page.handle("confirm", lambda text: f"{text} yes")
    assert log.wait(2) == [("ready? yes",), ({"n": 1},)]


def test_a_handler_of_opening_that_raises_harms_nothing(ends, caplog):
    @ends.target.on_open
    def fail() -> None:
        raise ValueError("not today")

    with caplog.at_level(logging.ERROR, "kcomm"):
        page = ends.connect()
        assert call(page, "add", 1, 2) == 3
        until(lambda: "not today" in caplog.text)
    assert "the handler 'fail' raised" in caplog.text


def test_a_handler_of_opening_with_wrong_parameters_harms_nothing(ends, caplog):
    log = Log()

    @ends.target.on_open
    def wrong(channel: kcomm.Channel, more: int) -> None:
        pytest.fail("it must not run")

    @ends.target.on_open
    def right() -> None:
        log.add("right")

    with caplog.at_level(logging.ERROR, "kcomm"):
        assert call(ends.connect(), "add", 1, 2) == 3
    assert "wrong: the argument 'more' must be int, not Channel" in caplog.text
    log.wait(1)


def test_what_opening_began_ends_with_the_channel(ends):
    log = Log()

    @ends.target.on_open
    async def forever() -> None:
        try:
            log.add("begun")
            await asyncio.Event().wait()
        finally:
            log.add("ended")

    page = ends.connect()
    log.wait(1)
    page.close()
    assert log.wait(2) == [("begun",), ("ended",)]


# --- events to all -------------------------------------------------------------------------------------


def test_events_to_every_page(ends):
    logs = []
    pages = []
    for _ in range(3):
        log = Log()
        page = ends.connect()
        page.on("status", log.add)
        logs.append(log)
        pages.append(page)
    ends.target.emit("status", {"n": 2})
    assert [log.wait(1) for log in logs] == [[({"n": 2},)]] * 3
    assert len(ends.target.channels) == 3
    # One that has just been closed harms none of the others.
    ends.target.channels[0].close()
    ends.target.emit("status", "more", latest=True)
    assert [log.wait(2)[1] for log in logs[1:]] == [("more",)] * 2
    until(lambda: "2 channels" in repr(ends.target))


def test_an_event_to_nobody(ends):
    ends.target.emit("status", 1)


def test_an_event_that_can_not_be_sent_to_any(ends):
    ends.connect()
    with pytest.raises(errors.BadValueError, match="type set"):
        ends.target.emit("status", {1})


# --- where handlers run ----------------------------------------------------------------------------------

cell = contextvars.ContextVar("cell", default="none")


def test_handlers_run_in_the_context_of_their_target(host):
    token = cell.set("cell 5")
    target = kcomm.Target("test")
    cell.reset(token)

    def plain() -> str:
        return cell.get()

    async def later() -> str:
        return cell.get()

    def items():
        yield cell.get()

    async def later_items():
        yield cell.get()

    target.method(plain)
    target.method(later)
    target.method(plain, name="main", thread="main")
    target.stream(items)
    target.stream(later_items)
    page = host.connect("test")
    assert [call(page, name) for name in ("plain", "later", "main")] == ["cell 5"] * 3
    assert [list(page.stream(name)) for name in ("items", "later_items")] == [["cell 5"]] * 2
    target.close()


def test_threads(ends):
    def where() -> int:
        return threading.get_ident()

    async def where_later() -> int:
        return threading.get_ident()

    ends.target.method(where)
    ends.target.method(where_later)
    # Outside a kernel there is no main loop: kcomm's own has to do.
    ends.target.method(where, name="main", thread="main")
    ends.target.method(where_later, name="main_later", thread="main")
    page = ends.connect()
    worker, loop = call(page, "where"), call(page, "where_later")
    assert len({worker, loop, threading.get_ident()}) == 3
    assert call(page, "main") == call(page, "main_later") == loop


def test_the_main_thread_in_all_ways(ends):
    def fail() -> None:
        raise ValueError("on main")

    async def fail_later() -> None:
        raise ValueError("later on main")

    def items():
        yield from range(3)

    async def later_items():
        yield 1

    for function in (fail, fail_later):
        ends.target.method(function, thread="main")
    ends.target.stream(items, thread="main")
    with pytest.raises(ValueError, match="'later_items' is an async generator"):
        ends.target.stream(later_items, thread="main")
    page = ends.connect()
    for name, text in (("fail", "on main"), ("fail_later", "later on main")):
        with pytest.raises(errors.RemoteError, match=text):
            call(page, name)
    assert list(page.stream("items", window=2)) == [0, 1, 2]


def test_a_call_on_the_main_thread_is_cancelled(ends):
    log = Log()

    @ends.target.method(thread="main")
    async def wait() -> None:
        log.add("begun")
        try:
            await asyncio.Event().wait()
        finally:
            log.add("ended")

    answer = ends.connect().call("wait", timeout=None)
    log.wait(1)
    answer.cancel()
    log.wait(2)


def test_pages_do_not_wait_for_each_other(ends):
    gate = Gate()
    ends.target.method(gate.pass_through_async, name="wait")
    first, second = ends.connect(), ends.connect()
    waiting = first.call("wait", timeout=None)
    gate.wait_begun()
    assert call(second, "add", 1, 2) == 3
    gate.open()
    waiting.result(WAIT)


def test_a_plain_handler_may_wait_for_a_page_that_calls_another(ends):
    """The page's call is answered although the target's worker waits for the page."""
    seen: list[str] = []

    @ends.target.method
    def outer(channel: kcomm.Channel) -> str:
        answer = channel.call("ask", timeout=WAIT).result()
        seen.append("outer")
        return f"outer {answer}"

    @ends.target.method
    def inner() -> str:
        seen.append("inner")
        return "inner"

    page = ends.connect()
    page.handle("ask", lambda: call(page, "inner"))
    assert call(page, "outer") == "outer inner"
    assert seen == ["inner", "outer"]
    assert call(page, "inner") == "inner"  # by the thread that took over


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_a_forked_child_is_told_that_it_has_no_channel(ends):
    page = ends.connect()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        for use in (lambda: page.call("x"), lambda: page.emit("x"), lambda: page.stream("x")):
            try:
                use()
            except errors.ChannelClosedError as error:
                os.write(write, b"forked" if "forked" in str(error) else b"other")
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    assert os.read(read, 100) == b"forkedforkedforked"


def test_features_that_can_not_be_sent():
    with MemoryHost(), pytest.raises(errors.BadValueError, match="object"):
        kcomm.Target("bad", features={"x": object()})
