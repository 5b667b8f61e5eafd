"""msgpack, packets and the JSON notation, straight from the specifications and on their own.

kcomm's encoder is not used here: a defect of it must not be in the vectors, too.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

#: Kinds of message.
HELLO, WELCOME, CALL, NEXT, END, ERROR, CANCEL, CREDIT, EVENT, NACK, PART, BYE, PROBE = range(13)

Json = Any


@dataclass(frozen=True)
class Array:
    """An array: little-endian data in C order. As an attachment, or inside; by size unless it is said."""

    dtype: str
    shape: list[int]
    data: bytes
    attached: bool | None = None


@dataclass(frozen=True)
class Raw:
    """msgpack as it stands, for what no value has the form of; `means` is what it is read as."""

    data: bytes
    means: Any = None
    attachments: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class AnyText:
    """A text for people, which each implementation writes as it likes."""


ANY = AnyText()

# --- msgpack ---------------------------------------------------------------------------------------


def pack(value: Any, attachments: list[bytes] | None = None) -> bytes:
    """Pack a value in its smallest form; what does not go inside is added to `attachments`."""
    rest: list[bytes] = [] if attachments is None else attachments
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return pack_int(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode()
        head = bytes([0xA0 | len(data)]) if len(data) < 32 else sized(len(data), 0xD9, 0xDA, 0xDB)
        return head + data
    if isinstance(value, bytes):
        if len(value) > 1024:
            return pack(Array("bytes", [len(value)], value), rest)
        return pack_bin(value)
    if isinstance(value, list):
        return pack_head(len(value), 0x90, 0xDC, 0xDD) + b"".join(pack(item, rest) for item in value)
    if isinstance(value, dict):
        return pack_head(len(value), 0x80, 0xDE, 0xDF) + b"".join(
            pack(key, rest) + pack(item, rest) for key, item in value.items()
        )
    if isinstance(value, Array):
        return pack_array(value, rest)
    assert isinstance(value, Raw), value
    rest += value.attachments
    return value.data


def pack_int(n: int) -> bytes:
    """Pack an integer in its smallest form."""
    if -32 <= n < 128:
        return struct.pack(">b", n)
    unsigned = ((0xCC, ">B", 8), (0xCD, ">H", 16), (0xCE, ">I", 32), (0xCF, ">Q", 64))
    signed = ((0xD0, ">b", 7), (0xD1, ">h", 15), (0xD2, ">i", 31), (0xD3, ">q", 63))
    for head, form, bits in unsigned if n >= 0 else signed:
        if -(1 << bits) <= n < (1 << bits):
            return bytes([head]) + struct.pack(form, n)
    raise ValueError(n)


def sized(size: int, head8: int | None, head16: int, head32: int) -> bytes:
    """Pack the head of something of a size."""
    if size < 1 << 8 and head8 is not None:
        return bytes([head8, size])
    if size < 1 << 16:
        return bytes([head16]) + struct.pack(">H", size)
    return bytes([head32]) + struct.pack(">I", size)


def pack_head(size: int, fix: int, head16: int, head32: int) -> bytes:
    """Pack the head of an array or map."""
    return bytes([fix | size]) if size < 16 else sized(size, None, head16, head32)


def pack_bin(data: bytes) -> bytes:
    """Pack bytes, whatever their size."""
    return sized(len(data), 0xC4, 0xC5, 0xC6) + data


def pack_ext(code: int, payload: bytes) -> bytes:
    """Pack an ext type."""
    fixed = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}
    size = len(payload)
    head = bytes([fixed[size]]) if size in fixed else sized(size, 0xC7, 0xC8, 0xC9)
    return head + struct.pack(">b", code) + payload


def pack_array(array: Array, attachments: list[bytes]) -> bytes:
    """Pack an array as ext 1."""
    is_attached = len(array.data) > 1024 if array.attached is None else array.attached
    if is_attached:
        attachments.append(array.data)
        return pack_ext(1, b"\x92" + pack(array.dtype) + pack(array.shape))
    return pack_ext(1, b"\x93" + pack(array.dtype) + pack(array.shape) + pack_bin(array.data))


# --- packets ---------------------------------------------------------------------------------------


def packet(seq: int, ack: int, *messages: Any) -> list[str]:
    """Return the buffers of a packet as hex."""
    return buffers([seq, ack, list(messages)])


def buffers(header: Any) -> list[str]:
    """Return the buffers of a packet with a header of any form, as hex."""
    attachments: list[bytes] = []
    head = pack(header, attachments)
    return [head.hex(), *(data.hex() for data in attachments)]


# --- JSON ------------------------------------------------------------------------------------------


def to_json(value: Any) -> Json:
    """Return a value in the notation of README.md."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else {"$int": str(value)}
    if isinstance(value, float):
        return real_to_json(value)
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, Array):
        if value.dtype == "bytes":
            return {"$bytes": value.data.hex()}
        return {"$array": {"dtype": value.dtype, "shape": value.shape, "data": value.data.hex()}}
    if isinstance(value, AnyText):
        return {"$text": True}
    assert isinstance(value, Raw), value
    return to_json(value.means)


def real_to_json(value: float) -> Json:
    """Return a real: a number with a fraction stands as it is."""
    if math.isnan(value):
        return {"$real": "NaN"}
    if math.isinf(value):
        return {"$real": "Infinity" if value > 0 else "-Infinity"}
    if value == 0 and math.copysign(1, value) < 0:
        return {"$real": "-0"}
    return value if value % 1 else {"$real": repr(value)}


def has_whole_real(value: Any) -> bool:
    """Return whether a value holds a real that JavaScript would send as an integer."""
    if isinstance(value, float):
        # From 2**53 on JavaScript sends a number as a real, too.
        return value % 1 == 0 and abs(value) <= 1 << 53 and not (value == 0 and math.copysign(1, value) < 0)
    if isinstance(value, (list, dict)):
        return any(map(has_whole_real, value.values() if isinstance(value, dict) else value))
    return False
