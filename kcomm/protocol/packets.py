"""Packets: ``[seq, ack, [message, ...]]`` and attachments (section 1 of the specification)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from kcomm.errors import ProtocolError
from kcomm.protocol import values
from kcomm.protocol.messages import is_count
from kcomm.protocol.values import Buffer


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that was read: its numbers and its messages, not yet checked."""

    seq: int
    ack: int
    messages: list[Any]
    nbytes: int


def write(seq: int, ack: int, bodies: Sequence[bytes], attachments: Sequence[Buffer]) -> list[Buffer]:
    """Put encoded messages into a packet.

    msgpack is concatenative: messages that were encoded one by one are joined as they are.
    """
    head = b"\x93" + msgpack.packb(seq) + msgpack.packb(ack) + _array_header(len(bodies))
    return [head + b"".join(bodies), *attachments]


def read(buffers: Sequence[Buffer], max_bytes: int, max_depth: int) -> Packet:
    """Read a packet.

    Raises
    ------
    ProtocolError
        When the buffers are not a packet, or too large.
    """
    if not buffers:
        raise ProtocolError("a packet has at least one buffer, its header")
    nbytes = size(buffers)
    if nbytes > max_bytes:
        raise ProtocolError(f"a packet of {nbytes} bytes is above the limit of {max_bytes}")
    header = values.decode(buffers[0], buffers[1:])
    if not isinstance(header, list) or len(header) != 3:
        raise ProtocolError("a header must be [seq, ack, messages]")
    seq, ack, messages = header
    if not is_count(seq) or not is_count(ack):
        raise ProtocolError("seq and ack must be non-negative integers below 2**53")
    if not isinstance(messages, list):
        raise ProtocolError("the messages of a packet must be an array")
    if seq and not messages:
        raise ProtocolError("a packet without messages has no number")
    return Packet(seq, ack, messages, nbytes)


def size(buffers: Sequence[Buffer]) -> int:
    """Return the bytes of all buffers together."""
    return sum(memoryview(buffer).nbytes for buffer in buffers)


def _array_header(n: int) -> bytes:
    header: bytes = msgpack.Packer().pack_array_header(n)
    return header
