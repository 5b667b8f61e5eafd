"""The session: what the vectors do not show, and two ends that talk to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcomm.errors import (
    BadArgumentsError,
    BadValueError,
    BufferFullError,
    ChannelClosedError,
    ProtocolError,
    TooLargeError,
)
from kcomm.protocol import PROTOCOL_VERSION, Limits, Session, events, packets
from tests.vectors import wire
from tests.vectors.player import is_same


class Pair:
    """Two sessions, joined: what one sends the other receives."""

    def __init__(self, opener: Session | None = None, acceptor: Session | None = None) -> None:
        self.a = opener or Session("opener")
        self.b = acceptor or Session("acceptor")
        self.now = 0.0
        self.packets: list[list[Any]] = []
        self.a.open()
        self.opened = self.run()

    def run(self) -> tuple[list[events.Event], list[events.Event]]:
        """Carry packets both ways until there is none; return what happened at a, and at b."""
        at_a: list[events.Event] = []
        at_b: list[events.Event] = []
        is_quiet = False
        while not is_quiet:
            is_quiet = True
            for sender, receiver, happened in ((self.a, self.b, at_b), (self.b, self.a, at_a)):
                while (packet := sender.next_packet(self.now)) is not None:
                    is_quiet = False
                    self.packets.append(packet)
                    happened += receiver.receive(packet, self.now)
        return at_a, at_b


def is_writable(session: Session) -> bool:
    return session.is_writable


def is_over(session: Session) -> bool:
    return session.is_over


def test_the_ends_greet_each_other():
    pair = Pair(
        Session("opener", features={"codecs": ["png"]}, params={"id": "x"}),
        Session("acceptor", features={"f": 1}, epoch="e", stale_subshells=["s"]),
    )
    at_a, at_b = pair.opened
    assert at_a == [events.Opened(PROTOCOL_VERSION, {"f": 1}, {}, "e", ("s",))]
    assert at_b == [events.Opened(PROTOCOL_VERSION, {"codecs": ["png"]}, {"id": "x"})]
    assert pair.a.is_open
    assert pair.b.is_open


def test_limits_are_those_of_the_other_end():
    pair = Pair(Session("opener", limits=Limits(depth=5)), Session("acceptor", limits=Limits(calls=7)))
    assert pair.a.peer_limits == Limits(calls=7)
    assert pair.b.peer_limits == Limits(depth=5)


def test_all_kinds_of_values_pass():
    pair = Pair()
    array = np.arange(3000, dtype=">f4").reshape(2, 1500)[:, ::2]
    sent = {
        "n": None,
        "i": [0, -(2**63), 2**64 - 1],
        "r": [0.5, -0.0],
        "t": "é",
        "b": bytes(5000),
        "a": array,
    }
    pair.a.call("m", [sent])
    _, [called] = pair.run()
    assert isinstance(called, events.Called)
    assert isinstance(called.args, list)
    [received] = called.args
    assert received.pop("a").tolist() == array.tolist()
    assert list(received) == [key for key in sent if key != "a"]
    assert all(is_same(received[key], sent[key]) for key in ("n", "t", "b"))
    assert received["i"] == sent["i"]
    assert all(map(is_same, received["r"], [0.5, -0.0]))


def test_a_packet_may_come_in_any_kind_of_buffer():
    pair = Pair()
    pair.a.emit("t", bytes(3000))
    packet = pair.a.next_packet(0)
    assert packet is not None
    [emitted] = pair.b.receive([memoryview(bytearray(buffer)) for buffer in packet], 0)
    assert isinstance(emitted, events.Emitted)
    assert emitted.value == bytes(3000)


def test_messages_larger_than_a_packet():
    limits = Limits(packet=8192)
    pair = Pair(Session("opener", limits=limits), Session("acceptor", limits=limits))
    value = [bytes(50_000), "x" * 20_000, np.arange(9000, dtype="i4")]
    call = pair.a.call("m", value)
    _, [called] = pair.run()
    assert isinstance(called, events.Called)
    pair.b.end(call, called.args)
    [ended], _ = pair.run()
    assert isinstance(ended, events.Ended)
    assert ended.value[:2] == value[:2]
    assert ended.value[2].tolist() == list(range(9000))
    assert max(map(packets.size, pair.packets)) <= 8192


def test_a_message_of_more_arrays_than_can_be_announced():
    pair = Pair(acceptor=Session("acceptor", limits=Limits(packet=4096)))
    with pytest.raises(TooLargeError, match="200 arrays"):
        pair.a.call("m", [bytes(1025)] * 200)
    assert pair.a.call("m") == 1


def test_params_too_large_for_a_packet():
    session = Session("opener", params={"a": "x" * (8 << 20)})
    with pytest.raises(TooLargeError, match="params are too large"):
        session.open()


def test_params_that_can_not_be_sent():
    with pytest.raises(BadValueError, match=r"params.*type set"):
        Session("opener", params={"a": {1}}).open()


def test_features_that_do_not_fit_the_packets_of_the_other_end():
    session = Session("acceptor", features={"f": "x" * 5000})
    hello = wire.pack([1, 0, [[wire.HELLO, 0, [1], {"limits": {"packet": 4096}}]]])
    [closed] = session.receive([hello], 0)
    assert isinstance(closed, events.Closed)
    assert closed.code == "kcomm.too_large"
    packet = session.next_packet(0)
    assert packet is not None
    assert packets.size(packet) < 4096


def test_an_end_whose_depth_is_one_is_greeted():
    pair = Pair(Session("opener", limits=Limits(depth=1)), Session("acceptor", features={"a": {"b": []}}))
    assert pair.a.is_open


@pytest.mark.parametrize("version", [True, "1", None, 1.5, [1], bytes(1)])
def test_a_version_is_a_number(version):
    session = Session("acceptor")
    [closed] = session.receive([wire.pack([1, 0, [[wire.HELLO, 0, [version], {}]]])], 0)
    assert isinstance(closed, events.Closed)
    assert closed.code == "kcomm.unsupported_version"


def test_versions_that_are_arrays_are_no_versions():
    hello = [wire.HELLO, 0, [wire.Array("int8", [2], b"\1\1"), wire.Array("int8", [], b"\1")], {}]
    [closed] = Session("acceptor").receive([wire.pack([1, 0, [hello]])], 0)
    assert isinstance(closed, events.Closed)
    assert closed.code == "kcomm.unsupported_version"


def test_a_hello_of_many_versions_is_answered_in_few_words():
    hello = [wire.HELLO, 0, list(range(2, 5000)), {}]
    session = Session("acceptor")
    session.receive([wire.pack([1, 0, [hello]])], 0)
    packet = session.next_packet(0)
    assert packet is not None
    assert packets.size(packet) < 1000


def test_texts_for_people_can_always_be_sent():
    pair = Pair(Session("opener", limits=Limits(packet=4096, message=4096)))
    pair.a.call("m")
    pair.run()
    pair.b.fail(1, "app.x", "\ud800" + "ü" * 100_000)
    pair.b.report("app.y", "\udfff" * 10_000)
    [failed, reported], _ = pair.run()
    assert isinstance(failed, events.Failed)
    assert failed.message.startswith("?ü")
    assert isinstance(reported, events.Reported)
    pair.b.close("app.z", "🎈" * 10_000)
    [closed], _ = pair.run()
    assert isinstance(closed, events.Closed)
    assert closed.code == "app.z"
    assert max(map(packets.size, pair.packets)) <= 4096


def test_an_item_without_credit_is_a_mistake_of_the_caller():
    pair = Pair()
    pair.a.call("s", limit=1)
    pair.run()
    assert pair.b.item(1, "a") == 0
    with pytest.raises(RuntimeError, match="no credit is left"):
        pair.b.item(1, "b")


def test_a_bad_item_uses_up_nothing():
    pair = Pair()
    pair.a.call("s", limit=2)
    pair.run()
    with pytest.raises(BadValueError):
        pair.b.item(1, {1})
    assert pair.b.credit(1) == 2
    assert pair.b.item(1, "a") == 0


def test_a_large_volatile_item_goes_in_parts_and_is_reliable():
    pair = Pair(Session("opener", limits=Limits(packet=4096)))
    pair.a.call("s", limit=4)
    pair.run()
    pair.packets.clear()
    pair.b.item(1, bytes(9000), volatile=True)
    [item], _ = pair.run()
    assert item == events.Item(1, 0, bytes(9000))
    assert len(pair.packets) >= 3


def test_answers_need_a_call_that_waits():
    pair = Pair()
    pair.a.call("m")
    pair.run()
    pair.b.end(1)
    for answer in (lambda: pair.b.end(1), lambda: pair.b.item(1, 0), lambda: pair.b.fail(1, "c", "m")):
        with pytest.raises(BadArgumentsError, match="no call 1 waits"):
            answer()


def test_the_ring_fills_and_empties():
    limits = Limits(window=10_000)
    pair = Pair(Session("opener", limits=limits), Session("acceptor", limits=limits))
    pair.a.call("m", [bytes(9000)])
    assert is_writable(pair.a)
    pair.a.call("m", [bytes(9000)])
    assert not is_writable(pair.a)
    with pytest.raises(BufferFullError, match="10000 bytes"):
        pair.a.call("m", [])
    assert not pair.a.wait_for_room()
    at_a, at_b = pair.run()
    assert at_a == [events.Writable()]
    assert [type(event) for event in at_b] == [events.Called, events.Called]
    assert pair.a.wait_for_room()


def test_credit_and_acknowledgements_pass_a_full_ring_in_time():
    limits = Limits(window=5000)
    pair = Pair(Session("opener", limits=limits), Session("acceptor", limits=limits))
    pair.a.call("s", limit=4)
    pair.run()
    for i in range(4):
        pair.b.item(1, "x" * 4000)
        pair.a.consume(1, i)
        pair.now += 0.25
        pair.run()
    assert pair.b.credit(1) >= 2


def test_the_deadline_is_that_of_the_ack_or_of_the_probe():
    pair = Pair()
    pair.now = 10
    pair.run()
    assert pair.b.deadline() is None
    pair.a.emit("t", 1)
    packet = pair.a.next_packet(10)
    assert packet is not None
    assert pair.a.deadline() == 11
    pair.b.receive(packet, 10.5)
    assert pair.b.deadline() == 10.75
    pair.a.close()
    # BYE may get lost: it is probed for, until the other end is known to have it.
    assert pair.a.lingers
    assert pair.a.deadline() == 11
    pair.a.cut()
    assert pair.a.deadline() is None


def test_a_closed_session_says_bye_once():
    pair = Pair()
    pair.a.close(message="done")
    assert not is_over(pair.a)
    _, [closed] = pair.run()
    assert closed == events.Closed("kcomm.closed", "done")
    assert is_over(pair.a)
    assert pair.a.close() == []
    assert pair.a.cut() == []
    assert pair.a.next_packet(0) is None
    for action in (lambda: pair.a.call("m"), lambda: pair.a.emit("t", 1), lambda: pair.a.report("c", "m")):
        with pytest.raises(ChannelClosedError, match="connect again"):
            action()


def test_bye_passes_a_full_ring():
    limits = Limits(window=5000)
    pair = Pair(Session("opener", limits=limits), Session("acceptor", limits=limits))
    for _ in range(9):
        pair.a.report("c", "x" * 800)
    pair.a.close()
    _, at_b = pair.run()
    assert [type(event) for event in at_b] == [events.Reported] * 9 + [events.Closed]


def test_only_the_opener_opens_and_once():
    session = Session("opener")
    session.open()
    with pytest.raises(ProtocolError, match="SEND_HELLO can't be in the state OPENING"):
        session.open()


def test_a_call_that_never_left_has_surely_not_run():
    pair = Pair()
    pair.a.call("sent")
    pair.run()
    pair.a.call("unsent")
    at_a = pair.a.cut()
    data = [event.data for event in at_a if isinstance(event, events.Failed)]
    assert data == [{"may_have_run": True}, {"may_have_run": False}]


def test_calls_whose_items_come_without_a_consumer_are_still_ended():
    pair = Pair()
    pair.a.call("m")
    pair.run()
    pair.b.fail(1, "c", "m", {})
    [failed], _ = pair.run()
    assert failed == events.Failed(1, "c", "m", {})


@pytest.mark.parametrize("name", ["packet", "message", "depth", "calls", "parts", "topics", "window"])
def test_limits_are_positive(name):
    with pytest.raises(ValueError, match=f"limit '{name}' must be (positive|at least 4096)"):
        Limits(**{name: 0})


def test_the_smaller_window_says_when_to_acknowledge():
    """A sender with a small window would otherwise wait for the acknowledgement's delay."""
    pair = Pair(opener=Session("opener", limits=Limits(window=8192)))
    pair.a.call("take", [b"x" * 3000])
    packet = pair.a.next_packet(pair.now)
    assert packet is not None
    pair.b.receive(packet, pair.now)
    acknowledgement = pair.b.next_packet(pair.now)
    assert acknowledgement is not None
    assert packets.read(acknowledgement, 1 << 20, 64).ack == 2


def test_a_probe_after_a_lost_welcome_asks_for_it():
    """PROBE belongs to the lanes: the opener need not be open to learn from it."""
    opener, acceptor = Session("opener"), Session("acceptor")
    opener.open()
    hello = opener.next_packet(0.0)
    assert hello is not None
    acceptor.receive(hello, 0.0)
    assert acceptor.next_packet(0.0) is not None  # WELCOME, which is lost
    deadline = acceptor.deadline()
    assert deadline is not None
    probe = acceptor.next_packet(deadline)
    assert probe is not None
    assert opener.receive(probe, deadline) == []
    asks = opener.deadline()
    assert asks is not None
    nack = opener.next_packet(asks)
    assert nack is not None
    acceptor.receive(nack, asks)
    resends = acceptor.deadline()
    assert resends is not None
    welcome = acceptor.next_packet(resends)
    assert welcome is not None
    [opened] = opener.receive(welcome, resends)
    assert isinstance(opened, events.Opened)
    assert opener.is_open
