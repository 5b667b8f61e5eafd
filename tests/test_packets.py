"""Packets: the header, its limits, and messages that were encoded one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcomm.errors import ProtocolError
from kcomm.protocol import packets, values
from tests import strategies
from tests.vectors import wire

counts = st.integers(0, 2**53 - 1)


@given(counts, counts, st.lists(st.lists(strategies.plain_values, max_size=3), min_size=1, max_size=20))
def test_messages_encoded_one_by_one_make_a_packet(seq, ack, messages):
    bodies = [values.encode(message, 64)[0] for message in messages]
    assert packets.write(seq, ack, bodies, []) == [wire.pack([seq, ack, messages])]


@given(counts, counts, st.lists(strategies.plain_values, min_size=1, max_size=4))
def test_a_packet_is_read(seq, ack, messages):
    data = wire.pack([seq, ack, messages])
    packet = packets.read([data], 1 << 20, 64)
    assert (packet.seq, packet.ack, packet.nbytes) == (seq, ack, len(data))
    assert repr(packet.messages) == repr(messages)


def test_attachments_belong_to_messages_in_order():
    encoded = [values.encode([bytes([i]) * 2000], 2) for i in range(3)]
    packet = packets.write(1, 0, [body for body, _ in encoded], [more for _, [more] in encoded])
    assert packets.size(packet) == len(packet[0]) + 6000
    messages = packets.read(packet, 1 << 20, 64).messages
    assert messages == [[bytes([i]) * 2000] for i in range(3)]


def test_the_limit_counts_all_buffers():
    body, attachments = values.encode([bytes(3000)], 2)
    packet = packets.write(1, 0, [body], attachments)
    nbytes = packets.size(packet)
    assert packets.read(packet, nbytes, 64).messages == [[bytes(3000)]]
    with pytest.raises(ProtocolError, match=f"{nbytes} bytes is above the limit of {nbytes - 1}"):
        packets.read(packet, nbytes - 1, 64)


def test_the_size_of_a_buffer_is_in_bytes_whatever_its_items():
    assert packets.size([memoryview(bytes(16)).cast("I"), bytearray(3)]) == 19


def test_a_packet_has_a_header():
    with pytest.raises(ProtocolError, match="at least one buffer"):
        packets.read([], 100, 64)


def test_a_packet_without_messages_has_no_number():
    assert packets.read([wire.pack([0, 5, []])], 100, 64).ack == 5
    with pytest.raises(ProtocolError, match="without messages"):
        packets.read([wire.pack([1, 5, []])], 100, 64)
