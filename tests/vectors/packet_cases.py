"""packets.json and arrays.json: what can be read, and what is written."""

from __future__ import annotations

import math
import struct
from typing import Any

from tests.vectors.wire import (
    BYE,
    CALL,
    CANCEL,
    CREDIT,
    END,
    ERROR,
    EVENT,
    HELLO,
    NACK,
    NEXT,
    PROBE,
    WELCOME,
    Array,
    Json,
    Raw,
    has_whole_real,
    pack_array,
    packet,
    to_json,
)

LIMITS = {
    "packet": 8388608,
    "message": 268435456,
    "depth": 64,
    "calls": 1024,
    "parts": 16,
    "topics": 1024,
    "window": 33554432,
}
FORMS = {
    "bool": "?",
    "int8": "b",
    "uint8": "B",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float16": "e",
    "float32": "f",
    "float64": "d",
}


def packet_cases() -> list[Json]:
    """Return the cases of packets.json."""
    return [
        written("an acknowledgement alone", 0, 3),
        written("HELLO", 1, 0, [HELLO, 0, [1], {"limits": LIMITS, "features": {}, "params": {"id": "p1"}}]),
        written("HELLO with the least", 1, 0, [HELLO, 0, [1], {}]),
        written("HELLO of several versions", 1, 0, [HELLO, 0, [1, 2, 7], {"features": {"codecs": ["jpeg"]}}]),
        written(
            "WELCOME", 1, 1, [WELCOME, 0, 1, {"limits": LIMITS, "epoch": "e1", "stale_subshells": ["s"]}]
        ),
        written("CALL", 2, 1, [CALL, 1, "add", [2, 3], 0, {"timeout": 5000}]),
        written("CALL by names", 2, 1, [CALL, 1, "add", {"a": 2, "b": 3}, 0, {}]),
        written("CALL of a stream", 2, 1, [CALL, 3, "ticks", [5], 16, {}]),
        written("a volatile NEXT", 0, 3, [NEXT, 3, 0, 0.5]),
        written("END", 2, 2, [END, 1, 0, 5]),
        written("ERROR of a call", 2, 2, [ERROR, 1, "kcomm.handler_error", "oh", {"type": "ValueError"}]),
        written("ERROR without an id", 2, 2, [ERROR, 0, "kcomm.unknown_topic", "what?", None]),
        written("CANCEL", 3, 2, [CANCEL, 1, "timeout"]),
        written("CREDIT", 3, 2, [CREDIT, 3, 24, 8]),
        written("EVENT", 3, 2, [EVENT, 0, "status", 0, {"n": 1}]),
        written("NACK", 0, 2, [NACK, 0, 3, 5]),
        written("BYE", 3, 2, [BYE, 0, "kcomm.closed", ""]),
        written("PROBE", 0, 2, [PROBE, 0, 7]),
        written("several messages", 4, 2, [NEXT, 2, 0, "a"], [NEXT, 2, 1, "b"], [END, 2, 2, None]),
        written("seq and ack of every size", 70000, 2**53 - 1, [EVENT, 0, "t", 2**32, None]),
        written("16 messages", 5, 5, *([NEXT, 2, i, None] for i in range(16))),
        written("an unknown extension", 5, 5, [64, 0, "what", {"ever": None}]),
        written("fields of a later version", 5, 5, [END, 2, 0, None, "more", {"and": "more"}]),
        written("two attachments", 6, 5, [END, 2, 0, [big(1), {"b": big(2)}]]),
        written("attachments of two messages", 6, 5, [NEXT, 2, 0, big(3)], [NEXT, 2, 1, big(4)]),
        *value_cases(),
        *read_only_cases(),
    ]


def written(name: str, seq: int, ack: int, *messages: Any, encode: bool = True) -> Json:
    """Return a case that an encoder must write so, if it can."""
    python_only = encode and any(map(has_whole_real, messages))
    return {
        "name": name,
        "encode": "python" if python_only else encode,
        "seq": seq,
        "ack": ack,
        "messages": to_json(list(messages)),
        "buffers": packet(seq, ack, *messages),
    }


def big(seed: int) -> bytes:
    """Return bytes for an attachment."""
    return bytes((i * 7 + seed) % 251 for i in range(1025))


def value_cases() -> list[Json]:
    """Return a case for each kind of value, at its edges."""
    edges = [0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53 - 1, 2**53, 2**63, 2**64 - 1]
    edges += [-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, 1 - 2**53, -(2**53), -(2**63)]
    texts = ["", "a", "é", "漢字", "🎈", "\0", "\ufeffa", "x" * 31, "x" * 32, "x" * 255, "x" * 256]
    values: dict[str, Any] = {
        "nil": None,
        "booleans": [True, False],
        "integers": edges,
        "reals with a fraction": [0.5, -0.5, 1.1, 5e-324, 2.2250738585072014e-308, math.pi],
        "NaN": math.nan,
        "infinities": [math.inf, -math.inf],
        "minus zero": -0.0,
        "reals without a fraction": [0.0, 2.0, -3.0, 2.0**53],
        "large reals": [1e300, -1.7976931348623157e308, 2.0**64],
        "texts": texts,
        "a text of 65 536 bytes": "y" * 65536,
        "bytes": [b"", b"\0", bytes(range(256)), bytes(1024)],
        "bytes as an attachment": bytes(1025),
        "lists": [[], [[]], [0] * 15, [0] * 16],
        "maps": [{}, {"": None}, {"a": {"b": {"c": []}}}, {str(i): i for i in range(16)}],
        "keys of all kinds": {"1": 1, "length": 2, "toString": 3, "hasOwnProperty": 4, "a b": 5, "ü": 6},
        "depth of 64": nested(64),
        "an array in a map": {"x": Array("int16", [2], b"\1\0\2\0")},
    }
    return [written(f"value: {name}", 9, 8, [END, 2, 0, value]) for name, value in values.items()]


def nested(depth: int) -> Any:
    """Return a list of a depth."""
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


def read_only_cases() -> list[Json]:
    """Return values in forms that are read, though kcomm does not write them."""
    float32 = Raw(b"\xca" + struct.pack(">f", 0.5), 0.5)
    long_int = Raw(b"\xcf" + struct.pack(">Q", 1), 1)
    long_text = Raw(b"\xdb\0\0\0\1a", "a")
    long_list = Raw(b"\xdd\0\0\0\1\5", [5])
    long_map = Raw(b"\xdf\0\0\0\1\xa1a\5", {"a": 5})
    long_bytes = Raw(b"\xc6\0\0\0\1\7", b"\7")
    payload = b"\x93\xa4int8\x91\x01\xc4\1\7"
    inline_bytes = Array("bytes", [3], b"abc", attached=False)
    values: dict[str, Any] = {
        "float 32": float32,
        "long forms": [long_int, long_text, long_list, long_map, long_bytes],
        "ext with a long head": Raw(
            b"\xc9" + struct.pack(">I", len(payload)) + b"\1" + payload, Array("int8", [1], b"\7")
        ),
        "bytes as ext 1, inside": inline_bytes,
        "short bytes as an attachment": Array("bytes", [3], b"abc", attached=True),
        "a short array as an attachment": Array("int8", [2], b"\1\2", attached=True),
        "a long array inside": Array("uint8", [1025], big(5), attached=False),
        "empty attachment": Array("float32", [0], b"", attached=True),
        "text that is not UTF-8": Raw(b"\xa3a\xffb", "a\ufffdb"),
        "a key twice: the last counts": Raw(b"\x82\xa1a\1\xa1a\2", {"a": 2}),
    }
    return [
        written(f"read: {name}", 9, 8, [END, 2, 0, value], encode=False) for name, value in values.items()
    ]


def array_cases() -> list[Json]:
    """Return the cases of arrays.json."""
    cases = []
    for dtype, values in array_values().items():
        cases.append(array_case(f"{dtype}", dtype, [len(values)], values))
        cases.append(array_case(f"{dtype}: 0-d", dtype, [], values[-1:]))
        cases.append(array_case(f"{dtype}: empty", dtype, [0], []))
        cases.append(array_case(f"{dtype}: 2 by 3", dtype, [2, 3], (values * 6)[:6]))
    cases += [
        array_case("no rows of 3", "float64", [0, 3], []),
        array_case("3 rows of none", "int32", [3, 0], []),
        array_case("four dimensions", "uint8", [2, 1, 3, 2], list(range(12))),
        array_case("32 dimensions", "int8", [1] * 32, [7]),
        array_case("1024 bytes: inside", "uint8", [1024], [i % 256 for i in range(1024)]),
        array_case("1025 bytes: an attachment", "uint8", [1025], [i % 256 for i in range(1025)]),
        array_case("1024 bytes of reals: inside", "float64", [128], [i / 2 for i in range(128)]),
        array_case("1032 bytes of reals: an attachment", "float64", [129], [i / 2 for i in range(129)]),
        array_case("an image", "uint8", [8, 16, 3], [i % 256 for i in range(384)]),
        array_case("a large image", "uint8", [16, 32, 4], [i % 256 for i in range(2048)]),
        array_case("small, as an attachment", "int64", [2], [1, -1], attached=True),
        array_case("empty, as an attachment", "float32", [0], [], attached=True),
        array_case("large, inside", "int16", [600], list(range(600)), attached=False),
    ]
    return cases


def array_values() -> dict[str, list[Any]]:
    """Return values at the edges of each dtype."""
    values: dict[str, list[Any]] = {"bool": [False, True]}
    for bits in (8, 16, 32, 64):
        values[f"int{bits}"] = [-(1 << bits - 1), -1, 0, 1, (1 << bits - 1) - 1]
        values[f"uint{bits}"] = [0, 1, (1 << bits - 1), (1 << bits) - 1]
    special = [math.nan, math.inf, -math.inf, -0.0, 0.5]
    values["float16"] = [*special, 65504.0, 2.0**-24, 2.0**-14, -1.0009765625]
    values["float32"] = [*special, 3.4028234663852886e38, 2.0**-149, 16777216.0, -1.00000011920928955078125]
    values["float64"] = [*special, 1.7976931348623157e308, 5e-324, 2.0**53, -1.1]
    return values


def array_case(
    name: str, dtype: str, shape: list[int], values: list[Any], attached: bool | None = None
) -> Json:
    """Return one case of arrays.json."""
    data = struct.pack(f"<{len(values)}{FORMS[dtype]}", *values)
    array = Array(dtype, shape, data, attached)
    attachments: list[bytes] = []
    body = b"\x91" + pack_array(array, attachments)
    return {
        "name": name,
        "encode": attached is None,
        "dtype": dtype,
        "shape": shape,
        "values": [plain(value) for value in values],
        "data": data.hex(),
        "body": body.hex(),
        "attachments": [attachment.hex() for attachment in attachments],
    }


def plain(value: Any) -> Json:
    """Return an element, whose type the dtype tells."""
    if isinstance(value, float) and math.isfinite(value) and abs(value) < 1 << 53 and value % 1 == 0:
        return to_json(value) if math.copysign(1, value) < 0 and value == 0 else int(value)
    return to_json(value)
