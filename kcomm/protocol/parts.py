"""Messages too large for one packet: taken apart, and put together again (section 3.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kcomm.errors import ProtocolError
from kcomm.protocol import values
from kcomm.protocol.messages import Kind, is_count
from kcomm.protocol.values import Buffer

#: Small enough that nothing else waits long behind one.
PART_SIZE = 1 << 20
#: Buffers that one message may have when it goes in parts.
MAX_BUFFERS = 65_536


def split(
    id_: int, buffers: Sequence[bytes], part_size: int = PART_SIZE
) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield the PART messages of a message, encoded, each with its attachments.

    Parameters
    ----------
    id_ : int
        The id of the message.
    buffers : sequence of bytes
        The bytes of the message, then its attachments.
    part_size : int
        Bytes of a part.
    """
    sizes: list[int] | None = [len(buffer) for buffer in buffers]
    for index, chunk in enumerate(_slices(buffers, part_size)):
        yield values.encode([int(Kind.PART), id_, index, sizes, chunk], depth_limit=2)
        sizes = None


def _slices(buffers: Sequence[bytes], part_size: int) -> Iterator[bytes]:
    """Yield the joined buffers in slices of a size, without joining them first."""
    chunk = bytearray()
    for buffer in buffers:
        view = memoryview(buffer)
        while view.nbytes:
            room = part_size - len(chunk)
            chunk += view[:room]
            view = view[room:]
            if len(chunk) == part_size:
                yield bytes(chunk)
                chunk.clear()
    if chunk:
        yield bytes(chunk)


class Assembly:
    """One message that arrives in parts.

    Parameters
    ----------
    sizes : object
        The field of part 0.
    max_bytes : int
        The limit on their sum.
    """

    def __init__(self, sizes: object, max_bytes: int) -> None:
        if (
            not isinstance(sizes, list)
            or not 1 <= len(sizes) <= MAX_BUFFERS
            or not all(is_count(size) for size in sizes)
            or sizes[0] == 0
        ):
            raise ProtocolError("the sizes of PART 0 must be an array of byte counts")
        if sum(sizes) > max_bytes:
            raise ProtocolError(f"a message of {sum(sizes)} bytes is above the limit of {max_bytes}")
        self._sizes: list[int] = sizes
        self._received = bytearray()
        self._next = 0

    def add(self, index: int, chunk: object) -> list[Buffer] | None:
        """Take one part; return all buffers of the message once they are complete."""
        if index != self._next:
            raise ProtocolError(f"PART {index} came where {self._next} was due")
        if not isinstance(chunk, bytes) or not chunk:
            raise ProtocolError("the chunk of a PART must be bytes, and not empty")
        total = sum(self._sizes)
        if len(self._received) + len(chunk) > total:
            raise ProtocolError("PARTs hold more bytes than announced")
        # Memory grows with what has come, never with what was only announced.
        self._received += chunk
        self._next += 1
        return self._cut() if len(self._received) == total else None

    def _cut(self) -> list[Buffer]:
        view = memoryview(self._received).toreadonly()
        buffers: list[Buffer] = []
        start = 0
        for size in self._sizes:
            buffers.append(view[start : start + size])
            start += size
        return buffers


class Assemblies:
    """All messages that arrive in parts.

    Parameters
    ----------
    max_count : int
        How many there may be at once.
    max_bytes : int
        The limit on each.
    """

    def __init__(self, max_count: int, max_bytes: int) -> None:
        self._max_count = max_count
        self._max_bytes = max_bytes
        self._assemblies: dict[int, Assembly] = {}

    def add(self, id_: int, index: int, sizes: object, chunk: object) -> Any:
        """Take one part; return the message once it is complete, decoded, and None before."""
        if index == 0:
            if id_ in self._assemblies or len(self._assemblies) >= self._max_count:
                raise ProtocolError(f"too many messages are in parts, or two with the id {id_}")
            self._assemblies[id_] = Assembly(sizes, self._max_bytes)
        assembly = self._assemblies.get(id_)
        if assembly is None:
            raise ProtocolError(f"PART {index} of {id_} came without a PART 0")
        buffers = assembly.add(index, chunk)
        if buffers is None:
            return None
        del self._assemblies[id_]
        return read(buffers)

    def clear(self) -> None:
        """Forget what is not complete."""
        self._assemblies.clear()


def read(buffers: Sequence[Buffer]) -> Any:
    """Decode the message that an `Assembly` put together."""
    message = values.decode(buffers[0], buffers[1:])
    if not isinstance(message, list):
        raise ProtocolError("what came in PARTs is no message")
    if message and message[0] == Kind.PART:
        raise ProtocolError("a PART within PARTs")
    return message
