"""Messages in parts: taken apart and put together again."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcomm.errors import ProtocolError
from kcomm.protocol import parts, values
from tests.vectors import wire


def decode_parts(id_: int, buffers: list[bytes], part_size: int) -> list[Any]:
    return [values.decode(body, more) for body, more in parts.split(id_, buffers, part_size)]


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 60))
def test_parts_are_slices_of_the_joined_buffers(rest, part_size):
    buffers = [b"first", *rest]
    whole = b"".join(buffers)
    messages = decode_parts(7, buffers, part_size)
    assert [message[:3] for message in messages] == [[10, 7, i] for i in range(len(messages))]
    assert [message[3] for message in messages] == [list(map(len, buffers))] + [None] * (len(messages) - 1)
    chunks = [message[4] for message in messages]
    assert chunks == [whole[i : i + part_size] for i in range(0, len(whole), part_size)]


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 60))
def test_an_assembly_gives_the_buffers_back(rest, part_size):
    buffers = [b"first", *rest]
    messages = decode_parts(7, buffers, part_size)
    assembly = parts.Assembly(messages[0][3], 1 << 20)
    results = [assembly.add(message[2], message[4]) for message in messages]
    assert results[:-1] == [None] * (len(results) - 1)
    assert [bytes(buffer) for buffer in results[-1] or []] == buffers


def test_a_part_is_at_most_1_mib():
    sizes = [len(message[4]) for message in decode_parts(1, [bytes(1), bytes(5 << 19)], parts.PART_SIZE)]
    assert sizes == [1 << 20, 1 << 20, (1 << 19) + 1]


@pytest.mark.parametrize(
    "sizes", [None, 5, "ab", [], [0], [0, 5], [-1], [1.0], ["1"], [True], [1] * 65_537, {}]
)
def test_bad_sizes(sizes):
    with pytest.raises(ProtocolError, match="sizes of PART 0"):
        parts.Assembly(sizes, 1 << 20)


def test_a_total_above_the_limit():
    parts.Assembly([50, 50], 100)
    with pytest.raises(ProtocolError, match="101 bytes is above the limit of 100"):
        parts.Assembly([50, 51], 100)


@pytest.mark.parametrize("chunk", [None, "text", 5, b"", [1], bytearray(b"a")])
def test_bad_chunks(chunk):
    with pytest.raises(ProtocolError, match="chunk of a PART"):
        parts.Assembly([5], 100).add(0, chunk)


@pytest.mark.parametrize("index", [0, 2, math.inf])
def test_an_index_out_of_order(index):
    assembly = parts.Assembly([5], 100)
    assert assembly.add(0, b"ab") is None
    with pytest.raises(ProtocolError, match="where 1 was due"):
        assembly.add(index, b"cd")


def test_more_bytes_than_announced():
    assembly = parts.Assembly([5], 100)
    assembly.add(0, b"abcd")
    with pytest.raises(ProtocolError, match="more bytes than announced"):
        assembly.add(1, b"ef")


def test_announced_memory_is_not_taken():
    assembly = parts.Assembly([1 << 40], 1 << 41)
    assert assembly.add(0, b"a") is None


def test_a_message_with_attachments_is_read():
    attachments: list[bytes] = []
    body = wire.pack([8, 0, "t", 0, bytes(2000)], attachments)
    assert parts.read([body, *attachments]) == [8, 0, "t", 0, bytes(2000)]


def test_a_part_within_parts():
    with pytest.raises(ProtocolError, match="PART within PARTs"):
        parts.read([wire.pack([10, 1, 0, [1], b"a"])])
