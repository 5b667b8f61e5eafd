"""What a peer adds to a session: the transport's end, front ends that vanish, and the pace of packets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from kcomm import peer as peer_module
from kcomm.pacing import BURST, INTERVAL, Pacer
from kcomm.protocol import Session, events
from kcomm.protocol.values import Buffer
from kcomm.target import Target
from kcomm.transport.memory import MemoryHost
from tests.ends import WAIT, Ends, run_on_loop, until


class Wire:
    """The kernel's end of a path, whose other end is a bare session of the test."""

    receiving_thread = None

    def __init__(self, target: Target) -> None:
        self.page = Session("opener")
        self.now = 0.0
        self.sent: list[list[bytes]] = []
        self.closed: list[Any] = []
        self.can_read = True
        self.waiting: list[Callable[[], object]] = []
        self.peer = target._accept(self)
        self.page.open()
        self.give()
        until(lambda: self.sent)
        self.take()
        self.give()

    def when_reading(self, callback: Callable[[], object]) -> None:
        if self.can_read:
            callback()
        else:
            self.waiting.append(callback)

    def send(self, packet: Sequence[Buffer]) -> None:
        self.sent.append([bytes(buffer) for buffer in packet])

    def close(self, packet: Sequence[Buffer] | None) -> None:
        self.closed.append(packet)

    def take(self) -> list[events.Event]:
        """Let the page receive what was sent."""
        sent, self.sent = self.sent, []
        return [event for packet in sent for event in self.page.receive(packet, self.now)]

    def give(self) -> None:
        """Send what the page has to say."""
        self.now += 1
        while (packet := self.page.next_packet(self.now)) is not None:
            self.peer.receive(packet)


@pytest.fixture
def target():
    with MemoryHost() as host:
        yield Ends(host).target


@pytest.fixture
def wire(target):
    wire = Wire(target)
    until(lambda: target.channels)
    return wire


def test_the_comm_is_closed_when_the_page_has_the_bye(target, wire):
    [channel] = target.channels
    channel.close()
    until(lambda: wire.sent)
    assert channel.is_closed
    assert wire.closed == []
    [closed] = wire.take()
    assert closed == events.Closed("kcomm.closed", "")
    wire.peer.cut("the front end closed the comm")
    until(lambda: wire.peer._is_cut)
    assert wire.closed == []


def test_an_acknowledged_bye_closes_the_comm(target, wire):
    [channel] = target.channels
    channel.close()
    until(lambda: wire.sent)
    # An acknowledgement of the last packet, and nothing else.
    wire.peer.receive([b"\x93\x00" + bytes([wire.peer.session._lanes.sending.last]) + b"\x90"])
    until(lambda: wire.closed)
    assert wire.closed == [None]


def test_a_page_that_does_not_answer_the_bye_is_not_waited_for(target, wire, monkeypatch):
    monkeypatch.setattr(peer_module, "LINGER", 0.05)
    [channel] = target.channels
    channel.close()
    until(lambda: wire.closed)
    assert wire.closed == [None]
    assert len(wire.sent) == 1


def test_a_page_that_acknowledges_nothing_is_given_up(target, wire, monkeypatch):
    monkeypatch.setattr(peer_module, "LEASE", 0.05)
    monkeypatch.setattr(peer_module, "LEASE_GRACE", 0.01)
    [channel] = target.channels
    channel.emit("t", 1)
    until(lambda: channel.is_closed)
    assert channel._peer.closed.result().code == "kcomm.session_lost"
    until(lambda: wire.closed)
    assert target.channels == ()


def test_a_kernel_that_could_not_read_gives_nobody_up(target, wire, monkeypatch):
    monkeypatch.setattr(peer_module, "LEASE", 0.05)
    monkeypatch.setattr(peer_module, "LEASE_GRACE", 0.01)
    wire.can_read = False
    [channel] = target.channels
    channel.emit("t", 1)
    until(lambda: wire.waiting)
    assert not channel.is_closed
    # It reads again, and finds the acknowledgement.
    wire.take()
    wire.give()
    for callback in wire.waiting:
        callback()
    done = threading.Event()
    wire.peer.runtime.loop.call_soon_threadsafe(wire.peer.runtime.loop.call_later, 0.05, done.set)
    assert done.wait(WAIT)
    assert not channel.is_closed


def test_small_steps_share_packets(target, wire):
    [channel] = target.channels

    async def emit_in_many_turns() -> None:
        import asyncio

        for index in range(2000):
            channel.emit("t", index)
            await asyncio.sleep(0)

    run_on_loop(emit_in_many_turns())
    received: list[Any] = []

    def all_have_come() -> bool:
        received.extend(event.value for event in wire.take() if isinstance(event, events.Emitted))
        return len(received) == 2000

    packets = len(wire.sent)
    until(all_have_come)
    assert received == list(range(2000))
    assert packets < 1000


class TestPacer:
    def test_a_burst_leaves_at_once_and_the_rest_at_intervals(self):
        pacer = Pacer()
        for _ in range(BURST):
            assert pacer.wait(10) == 0
            pacer.count(10)
        assert pacer.wait(10) == pytest.approx(INTERVAL)
        assert pacer.wait(10 + INTERVAL) == pytest.approx(0)
        pacer.count(10 + INTERVAL)
        assert pacer.wait(10 + INTERVAL) == pytest.approx(INTERVAL)

    def test_what_leaves_at_once_holds_nothing_up_for_long(self):
        pacer = Pacer()
        for _ in range(10_000):
            pacer.count(10)
        assert pacer.wait(10) == pytest.approx(INTERVAL)

    def test_what_arrived_is_forgiven(self):
        pacer = Pacer()
        for _ in range(100):
            pacer.count(10)
        assert pacer.wait(10) > 0
        pacer.forgive()
        assert pacer.wait(10) == 0
