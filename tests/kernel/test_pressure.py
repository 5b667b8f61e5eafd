"""Pages that do not read, or ask for more than they take: the kernel's memory stays bounded."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcomm.protocol import Limits, events
from kcomm.protocol.messages import Kind

from .conftest import TIMEOUT, Kernel
from .raw import FrontEnd, Page

MIB = 1 << 20
WINDOW = Limits().window
#: What waits is at most a window of packets and half of one of events, and what was begun meanwhile.
MOST_WAITING = WINDOW + WINDOW // 2 + 8 * MIB
#: ipykernel and ZeroMQ keep copies of what is on its way, and Python does not give all memory back.
MOST_MEMORY = 6 * WINDOW
CELL = (Path(__file__).parent / "pressure_cell.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pressed(shared_kernel: Kernel) -> Kernel:
    shared_kernel.run(CELL)
    return shared_kernel


@pytest.fixture
def front(pressed: Kernel) -> Iterator[FrontEnd]:
    front = FrontEnd(pressed)
    yield front
    front.close()
    pressed.run("gate.set()\nfor channel in target.channels: channel.close()")


def report(kernel: Kernel) -> Any:
    return json.loads(kernel.run("watch.report()").stdout)


def still(kernel: Kernel) -> Any:
    """Wait until what the kernel made and what waits there do not change any more."""
    seen: list[Any] = [None]
    end = time.monotonic() + TIMEOUT
    while True:
        found = report(kernel)
        state = found["made"], found["channels"]
        if state == seen[-1]:
            return found
        assert time.monotonic() < end, seen
        seen.append(state)
        time.sleep(0.3)


def check_bounded(found: Any) -> None:
    assert found["peak"] <= MOST_WAITING
    assert found["peak_rss"] <= MOST_MEMORY


def values_of(page: Page, kind: type[Any]) -> list[Any]:
    return [event.value for event in page.of(kind)]


def test_events_to_a_page_that_does_not_read(pressed: Kernel, front: FrontEnd) -> None:
    page = front.open("pressure")
    # All that may be under way, and then more than may wait beside it, whenever that leaves.
    pressed.run("watch.restart(); offer(600 - fill())")
    check_bounded(still(pressed))
    # It reads after all: what was not dropped comes, and it is told of the rest.
    front.until(lambda: sum(event.dropped + 1 for event in page.of(events.Emitted)) == 600)
    # A window was under way, and half a window waited, less what events take beside their arrays.
    assert len(page.of(events.Emitted)) >= WINDOW // MIB + WINDOW // MIB // 2 - 1
    assert front.call(page, "ping", 1) == 1


def test_small_events_to_a_page_that_does_not_read_leave_no_trace(pressed: Kernel, front: FrontEnd) -> None:
    page = front.open("pressure", Limits(window=100_000))
    pressed.run("watch.restart()\nfor i in range(50_000): target.emit('small', i)")
    found = still(pressed)
    assert found["channels"][0][1] < 4000
    front.until(lambda: page.of(events.Emitted) and page.of(events.Emitted)[-1].value == 49_999)
    assert sum(event.dropped + 1 for event in page.of(events.Emitted)) == 50_000


@pytest.mark.parametrize(("method", "counter"), [("block", "answers"), ("block_async", "async answers")])
def test_calls_of_a_page_that_does_not_read(
    pressed: Kernel, front: FrontEnd, method: str, counter: str
) -> None:
    page = front.open("pressure")
    pressed.run("watch.restart()")
    for i in range(300):
        page.session.call(method, [i])
    front.flush()
    found = still(pressed)
    check_bounded(found)
    assert found["made"][counter] <= MOST_WAITING // MIB
    front.until_ended(page, 300)


def test_a_stream_to_a_page_that_does_not_read(pressed: Kernel, front: FrontEnd) -> None:
    page = front.open("pressure")
    pressed.run("watch.restart()")
    page.session.call("blocks", [200], limit=10**9)
    front.flush()
    found = still(pressed)
    check_bounded(found)
    assert found["made"]["items"] <= MOST_WAITING // MIB
    front.until(lambda: page.of(events.Ended))
    assert [event.index for event in page.of(events.Item)] == list(range(200))


def test_a_volatile_stream_with_endless_credit(pressed: Kernel, front: FrontEnd) -> None:
    """Nobody acknowledges volatile packets, but a reliable one now and then."""
    page = front.open("pressure")
    pressed.run("watch.restart()")
    page.session.call("frames", [400], limit=10**9)
    front.flush()
    found = still(pressed)
    check_bounded(found)
    assert found["made"]["frames"] <= MOST_WAITING // MIB
    front.until(lambda: page.of(events.Ended))
    assert page.of(events.Ended)[0].index == 400


def test_a_stream_without_credit_is_not_made(pressed: Kernel, front: FrontEnd) -> None:
    page = front.open("pressure")
    pressed.run("watch.restart()")
    for method in ("blocks", "frames"):
        page.session.call(method, [100], limit=2)
    front.until(lambda: len(page.of(events.Item)) == 4)
    front.call(page, "ping", 1)
    found = still(pressed)
    assert (found["made"]["items"], found["made"]["frames"]) == (2, 2)


def test_a_slow_page(pressed: Kernel, front: FrontEnd) -> None:
    page = front.open("pressure")
    pressed.run("watch.restart(); in_thread(offer, 200)")
    stream = page.session.call("blocks", [100], limit=10)

    def consume() -> bool:
        items = [event.index for event in page.of(events.Item)]
        if items and page.session.is_open:
            page.session.consume(stream, items[-1] + 1)
        return sum(event.dropped + 1 for event in page.of(events.Emitted)) == 200 and bool(
            page.of(events.Ended)
        )

    front.until(consume, delay=0.005)
    assert [event.index for event in page.of(events.Item)] == list(range(100))
    check_bounded(report(pressed))


def test_one_page_that_does_not_read_harms_no_other(pressed: Kernel, front: FrontEnd) -> None:
    other = FrontEnd(pressed)
    page, good = front.open("pressure"), other.open("pressure")
    for i in range(100):
        page.session.call("block", [i])
    front.flush()
    still(pressed)
    assert [other.call(good, "ping_plain", i) for i in range(20)] == list(range(20))
    other.close()


def test_a_handler_slower_than_its_events(pressed: Kernel, front: FrontEnd) -> None:
    page = front.open("pressure")
    pressed.run("watch.restart(); gate.clear()")
    for i in range(400):
        page.session.emit("gated", np.full(MIB, i % 251, np.uint8))
        front.flush()
        front.read(0)
    front.until(lambda: page.session.is_writable)
    front.call(page, "ping", 1)
    pressed.run("gate.set()")
    pressed.read_until(lambda: report(pressed)["made"].get("last") == 399 % 251, "the last one did not come")
    found = still(pressed)
    assert found["peak_rss"] <= MOST_MEMORY
    assert 2 <= found["made"]["gated"] < 100


def test_two_hundred_channels_at_once(pressed: Kernel, front: FrontEnd) -> None:
    pages = [front.begin("pressure") for _ in range(200)]
    front.until(lambda: all(page.of(events.Opened) for page in pages))
    for number, page in enumerate(pages):
        page.session.call("ping", [number])
        page.session.call("echo", [np.full(1000, number)])
    front.until(lambda: all(len(page.of(events.Ended)) == 2 for page in pages))
    for number, page in enumerate(pages):
        first, second = values_of(page, events.Ended)
        assert {int(np.max(first)), int(np.max(second))} == {number}
    pressed.run("target.emit('all', 7)")
    front.until(lambda: all(page.of(events.Emitted) for page in pages))
    for page in pages:
        front.leave(page)


def test_channels_that_come_and_go_leave_nothing(pressed: Kernel, front: FrontEnd) -> None:
    def cycle(count: int) -> None:
        pages = [front.begin("pressure") for _ in range(count)]
        front.until(lambda: all(page.of(events.Opened) for page in pages))
        for page in pages:
            page.session.call("ping", [1])
            page.session.call("frames", [10], limit=1)
            page.session.emit("gated", [1])
        front.until(lambda: all(page.of(events.Ended) for page in pages))
        for page in pages:
            front.leave(page)

    def census() -> Any:
        pressed.read_until(lambda: pressed.run("print(len(target.channels))").stdout == "0\n", "still open")
        return json.loads(pressed.run("census()").stdout)

    pressed.run("gate.set()")
    cycle(50)
    before = census()
    for _ in range(30):
        cycle(50)
        pressed.run("pass")  # reads what the kernel publishes: ZeroMQ keeps 1 000 messages for a reader
    end = time.monotonic() + TIMEOUT
    while more := {kind: n for kind, n in census().items() if n > before[kind]}:
        assert time.monotonic() < end, (more, before)


def test_64_mib_each_way_with_other_traffic_between(pressed: Kernel, front: FrontEnd) -> None:
    # A small window, so that the kernel hears of the page sixteen times while its answer leaves.
    page = front.open("pressure", Limits(window=4 * MIB))
    array = np.arange(8 * MIB, dtype=np.int64)
    big = page.session.call("echo", [array])
    between = 0

    def is_done() -> bool:
        nonlocal between
        answered = [event.id for event in page.of(events.Ended)]
        if big in answered:
            return True
        if len(answered) == between and page.session.is_writable:  # one at a time
            between += 1
            page.session.call("ping", [between])
        return False

    # Packet by packet, so that a ping is asked for while parts are still to be sent.
    end = time.monotonic() + 2 * TIMEOUT
    while not is_done():
        assert time.monotonic() < end
        front.read(0 if front.send_one(page) else 0.02, answers=False)
    [answer] = [event.value for event in page.of(events.Ended) if event.id == big]
    assert answer.dtype == array.dtype
    assert np.array_equal(answer, array)
    order = [kind for seen in page.received for kind, id_ in seen.messages]
    parts = [i for i, kind in enumerate(order) if kind is Kind.PART]
    assert len(parts) >= 64
    assert order[parts[0] : parts[-1]].count(Kind.END) >= 5
    # Answers came while this end had parts to send, too.
    assert order[: parts[0]].count(Kind.END) >= 5
    assert max(page.sent) < 10 * MIB
    assert max(seen.nbytes for seen in page.received) < 10 * MIB


def test_what_is_larger_than_the_window_arrives(pressed: Kernel, front: FrontEnd) -> None:
    page = front.open("small-window")
    assert len(front.call(page, "block", 1)) == MIB
    for count, method in enumerate(("frames", "blocks"), 1):
        page.session.call(method, [5], limit=10)
        front.until_ended(page, count + 1)
    reliable = page.of(events.Item)[-5:]
    assert [event.index for event in reliable] == list(range(5))
    assert all(len(event.value) == MIB for event in reliable)


@pytest.mark.parametrize("method", ["ping", "ping_plain"])
def test_5000_small_calls_in_few_messages(pressed: Kernel, front: FrontEnd, method: str) -> None:
    page = front.open("pressure")
    for i in range(5000):
        page.session.call(method, [i])
    front.until_ended(page, 5000)
    assert sorted(values_of(page, events.Ended)) == list(range(5000))
    assert len(page.sent) <= 500
    assert len(page.received) <= 1000


def test_5000_small_events_in_few_messages(pressed: Kernel, front: FrontEnd) -> None:
    page = front.open("pressure")
    pressed.run(
        "for i in range(5000): target.emit(f'topic {i % 10}', i)",
    )
    front.until(lambda: len(page.of(events.Emitted)) == 5000)
    assert sorted(values_of(page, events.Emitted)) == list(range(5000))
    assert len(page.received) <= 500
    assert len(page.sent) <= 10
