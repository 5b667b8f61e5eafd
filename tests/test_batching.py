"""Thousands of small calls and events travel in few packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kcomm.channel import Channel
from kcomm.transport.memory import MemoryHost
from tests.ends import WAIT, Ends, run_on_loop, until

COUNT = 5000


@pytest.fixture
def ends() -> Iterator[Ends]:
    with MemoryHost() as host:
        ends = Ends(host)
        ends.target.method(lambda n: n, name="plain")

        @ends.target.method(name="async")
        async def echo(n: int) -> int:
            return n

        yield ends
        ends.target.close()


def count_packets(channel: Channel) -> list[int]:
    """Return a list that grows by each packet that an end sends."""
    transport: Any = channel._peer.transport
    send, sizes = transport.send, []

    def counted(packet: Any) -> None:
        sizes.append(sum(map(len, packet)))
        send(packet)

    transport.send = counted
    return sizes


@pytest.mark.parametrize("method", ["plain", "async"])
def test_calls(ends: Ends, method: str) -> None:
    page = ends.connect()
    page.wait_open(WAIT)
    up, down = count_packets(page), count_packets(ends.target.channels[0])
    calls = [page.call(method, i) for i in range(COUNT)]
    assert [call.result(WAIT) for call in calls] == list(range(COUNT))
    assert len(up) <= COUNT / 10
    assert len(down) <= COUNT / 10


def test_events_of_one_turn(ends: Ends) -> None:
    heard: list[int] = []
    for topic in range(10):
        ends.target.on(f"topic {topic}", heard.append)
    page = ends.connect()
    page.wait_open(WAIT)
    up, down = count_packets(page), count_packets(ends.target.channels[0])

    async def emit() -> None:
        for i in range(COUNT):
            page.emit(f"topic {i % 10}", i)

    run_on_loop(emit())
    until(lambda: len(heard) == COUNT)
    assert sorted(heard) == list(range(COUNT))
    assert len(up) <= 10
    assert len(down) <= 10


def test_events_of_a_busy_thread(ends: Ends) -> None:
    """The loop has many turns meanwhile; still, they share packets."""
    page = ends.connect()
    heard: list[int] = []
    for topic in range(10):
        page.on(f"topic {topic}", heard.append)
    page.wait_open(WAIT)
    down = count_packets(ends.target.channels[0])
    for i in range(COUNT):
        ends.target.emit(f"topic {i % 10}", i)
    until(lambda: len(heard) == COUNT)
    assert sorted(heard) == list(range(COUNT))
    assert len(down) <= COUNT / 10
