"""Bytes from outside: whatever comes, nothing is raised, and a session goes on or ends."""

from __future__ import annotations

import struct
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcomm.errors import ProtocolError
from kcomm.protocol import Limits, Session, events, values
from tests import strategies
from tests.test_states import any_message
from tests.vectors import wire
from tests.vectors.player import load, unhex

DOCUMENTED = (
    events.Opened,
    events.Called,
    events.Item,
    events.Ended,
    events.Failed,
    events.Cancelled,
    events.Credited,
    events.Emitted,
    events.Reported,
    events.Writable,
    events.Closed,
)
HELLO = wire.pack([1, 0, [[wire.HELLO, 0, [1], {}]]])


def open_session(limits: Limits | None = None) -> Session:
    """Return an open session that has called 2 and 4, and serves 1 and 3."""
    session = Session("acceptor", limits=limits)
    session.receive([HELLO], 0)
    session.call("m")
    session.call("s", limit=4)
    calls = [[wire.CALL, 1, "m", [], 0, {}], [wire.CALL, 3, "s", [], 4, {}]]
    session.receive([wire.pack([2, 0, calls])], 0)
    drain(session)
    return session


def drain(session: Session) -> None:
    while session.next_packet(0) is not None:
        pass


def receive(session: Session, packet: list[Any]) -> list[events.Event]:
    """Let a session receive a packet, and look at what must hold whatever that is."""
    happened = session.receive(packet, 0)
    assert all(isinstance(event, DOCUMENTED) for event in happened)
    is_closed = any(isinstance(event, events.Closed) for event in happened)
    if is_closed:
        assert isinstance(happened[-1], events.Closed)
    assert session.is_open != (is_closed or session.state.name == "CLOSED") or session.state.name == "IDLE"
    drain(session)
    return happened


def check_still_works(session: Session, seq: int) -> None:
    """Let a session that is still open answer a call."""
    if not session.is_open:
        return
    happened = session.receive([wire.pack([seq, 0, [[wire.CALL, 9_999_999, "m", [], 0, {}]]])], 0)
    assert isinstance(happened[-1], events.Called)
    session.end(9_999_999)
    assert session.next_packet(0) is not None


# --- anything --------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=60), max_size=3))
def test_any_bytes(packet):
    for session in (Session("acceptor"), Session("opener"), open_session()):
        receive(session, packet)


@settings(max_examples=300)
@given(st.lists(strategies.plain_values, max_size=4), st.integers(0, 4))
def test_any_values_where_messages_are_due(messages, seq):
    receive(open_session(), [wire.pack([seq, 0, messages])])


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 13),
            st.integers(0, 5),
            strategies.plain_values,
            strategies.plain_values,
            strategies.plain_values,
            strategies.plain_values,
        ).map(list),
        min_size=1,
        max_size=3,
    )
)
def test_any_fields(messages):
    session = open_session()
    receive(session, [wire.pack([3, 0, messages])])
    check_still_works(session, 4)


@settings(max_examples=300)
@given(st.lists(any_message, min_size=1, max_size=8), st.data())
def test_messages_of_which_some_bytes_were_changed(messages, data):
    whole = bytearray(wire.pack([3, 0, messages]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole) - 1))
        match data.draw(st.sampled_from(["change", "insert", "remove", "truncate"])):
            case "change":
                whole[at] = data.draw(st.integers(0, 255))
            case "insert":
                whole[at:at] = data.draw(st.binary(max_size=4))
            case "remove" if len(whole) > 1:
                del whole[at]
            case "truncate" if at:
                del whole[at:]
    receive(open_session(), [bytes(whole)])


VALID = [
    unhex(param.values[0]["buffers"])
    for param in load("packets.json")
    if len(param.values[0]["buffers"][0]) < 5000
]


@settings(max_examples=300)
@given(st.sampled_from(VALID), st.data())
def test_the_vectors_of_which_some_bytes_were_changed(packet, data):
    packet = [bytearray(buffer) for buffer in packet]
    for _ in range(data.draw(st.integers(1, 4))):
        buffer = packet[data.draw(st.integers(0, len(packet) - 1))]
        if buffer:
            buffer[data.draw(st.integers(0, len(buffer) - 1))] = data.draw(st.integers(0, 255))
    receive(open_session(), list(packet))
    receive(Session("acceptor"), list(packet))


@settings(max_examples=200)
@given(st.integers(-128, 127), st.binary(max_size=40), st.lists(st.binary(max_size=8), max_size=2))
def test_any_ext(code, payload, attachments):
    event = [wire.EVENT, 0, "t", 0, wire.Raw(wire.pack_ext(code, payload))]
    session = open_session()
    receive(session, [wire.pack([3, 0, [event]]), *attachments])
    check_still_works(session, 4)


@settings(max_examples=300)
@given(
    st.one_of(strategies.plain_values, st.sampled_from(sorted(values.ITEM_SIZES))),
    st.one_of(strategies.plain_values, st.lists(st.integers(-2, 2**64 - 1), max_size=40)),
    st.one_of(strategies.plain_values, st.binary(max_size=64)),
    st.booleans(),
)
def test_any_array(dtype, shape, data, is_attached):
    fields = [dtype, shape] if is_attached else [dtype, shape, data]
    event = [wire.EVENT, 0, "t", 0, wire.Raw(wire.pack_ext(1, wire.pack(fields)))]
    session = open_session()
    attachments = [data if isinstance(data, bytes) else b""] if is_attached else []
    receive(session, [wire.pack([3, 0, [event]]), *attachments])
    # A payload that can't be read is no reference: then an attachment is left over.
    assert session.is_open or is_attached
    check_still_works(session, 4)


# --- bombs -----------------------------------------------------------------------------------------

HUGE = struct.pack(">I", 2**32 - 1)
HEADS = [b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"]
BOMBS: dict[str, bytes] = {
    **{f"a head {head.hex()} of 2^32 - 1": head + HUGE for head in HEADS},
    **{f"heads {head.hex()} in each other": (head + HUGE) * 200 for head in HEADS},
    "heads of 65 535 items in each other": b"\xdc\xff\xff" * 1000,
    "1 000 arrays in each other": b"\x91" * 1000,
    "1 000 000 arrays in each other": b"\x91" * 1_000_000,
    "1 000 000 maps in each other": b"\x81\xa1a" * 1_000_000,
    "maps as keys in each other": b"\x81" * 1000,
    "50 000 arrays that can't be read": b"\xdc\xc3\x50" + b"\xd4\1\xc0" * 50_000,
    "50 000 ext types that are not known": b"\xdc\xc3\x50" + b"\xd4\2\xc0" * 50_000,
    "50 000 bad keys": b"\xdc\xc3\x50" + b"\x81\1\1" * 50_000,
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("where", ["header", "value", "payload", "part"])
def test_bombs(name, where):
    bomb = BOMBS[name]
    limit = sys.getrecursionlimit()
    packet = {
        "header": bomb,
        "value": b"\x93\3\0\x91\x95\x08\0\xa1t\0" + bomb,
        "payload": wire.pack([3, 0, [[wire.EVENT, 0, "t", 0, wire.Raw(wire.pack_ext(1, bomb))]]]),
        "part": wire.pack([3, 0, [[wire.PART, 0, 0, [len(bomb)], wire.Raw(wire.pack_bin(bomb))]]]),
    }[where]
    session = open_session()
    tracemalloc.start()
    try:
        receive(session, [packet])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * len(bomb) + (1 << 20)
    assert sys.getrecursionlimit() == limit
    check_still_works(session, 4)
    receive(open_session(), [wire.pack([3, 0, [[wire.EVENT, 0, "t", 0, "fine"]]])])


def test_a_decoder_works_after_it_failed():
    for bomb in BOMBS.values():
        with pytest.raises(ProtocolError):
            values.decode(b"\x92" + bomb[:100] + b"\xc1", [])
        assert values.decode(b"\x92\x01\x02", []) == [1, 2]


def test_announced_parts_take_no_memory():
    session = open_session()
    tracemalloc.start()
    try:
        for i in range(16):
            part = [wire.PART, 5 + 2 * i, 0, [200 << 20], b"a"]
            assert receive(session, [wire.pack([3 + i, 0, [part]])]) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_topics_are_bounded():
    session = open_session(Limits(topics=10))
    for i in range(10):
        receive(session, [wire.pack([3 + i, 0, [[wire.EVENT, 0, f"t{i}", 0, None]]])])
    [*_, closed] = receive(session, [wire.pack([13, 0, [[wire.EVENT, 0, "one more", 0, None]]])])
    assert isinstance(closed, events.Closed)


def test_topics_of_events_that_can_not_be_read_are_bounded_too():
    session = open_session(Limits(topics=10))
    bad = wire.Raw(b"\xd4\5a")
    for i in range(10):
        receive(session, [wire.pack([3 + i, 0, [[wire.EVENT, 0, f"t{i}", 0, bad]]])])
    assert session.is_open
    receive(session, [wire.pack([13, 0, [[wire.EVENT, 0, "one more", 0, bad]]])])
    assert not session.is_open


@pytest.mark.parametrize("case", load("invalid_packets.json"))
def test_invalid_packets_of_any_session(case):
    """An invalid packet of one session is received by sessions in other states."""
    for session in (Session("acceptor"), Session("opener"), open_session()):
        receive(session, unhex(case["buffers"]))
