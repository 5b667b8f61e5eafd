"""invalid_packets.json: values that can't be read, and what they harm."""

from __future__ import annotations

from typing import Any

from tests.vectors.invalid import Case, broken, calling, case
from tests.vectors.packet_cases import nested
from tests.vectors.steps import (
    failed,
    open_acceptor,
    receive,
    sent,
)
from tests.vectors.wire import (
    ANY,
    CALL,
    CANCEL,
    CREDIT,
    END,
    ERROR,
    EVENT,
    NEXT,
    PART,
    Array,
    Json,
    Raw,
    pack,
    pack_ext,
    packet,
    to_json,
)

BAD_ARRAYS: dict[str, bytes] = {
    "the dtype object": b"\x93" + pack("object") + pack([1]) + pack(b"\0"),
    "the dtype complex128": b"\x93" + pack("complex128") + pack([1]) + pack(bytes(16)),
    "the dtype float128": b"\x93" + pack("float128") + pack([1]) + pack(bytes(16)),
    "the dtype >i2": b"\x93" + pack(">i2") + pack([1]) + pack(bytes(2)),
    "the dtype toString": b"\x93" + pack("toString") + pack([1]) + pack(bytes(1)),
    "an empty dtype": b"\x93" + pack("") + pack([1]) + pack(b"\0"),
    "a dtype that is no text": b"\x93" + pack(5) + pack([1]) + pack(b"\0"),
    "a dtype that is a list": b"\x93" + pack(["int8"]) + pack([1]) + pack(b"\0"),
    "a negative size": b"\x93" + pack("int8") + pack([-1]) + pack(b"\0"),
    "two negative sizes": b"\x93" + pack("int8") + pack([-1, -1]) + pack(b"\0"),
    "a size that is a real": b"\x93" + pack("int8") + pack([1.5]) + pack(b"\0"),
    "a size that is text": b"\x93" + pack("int8") + pack(["1"]) + pack(b"\0"),
    "a size that is a boolean": b"\x93" + pack("int8") + pack([True]) + pack(b"\0"),
    "a shape that is a number": b"\x93" + pack("int8") + pack(1) + pack(b"\0"),
    "a shape that is nil": b"\x93" + pack("int8") + pack(None) + pack(b"\0"),
    "33 dimensions": b"\x93" + pack("int8") + pack([1] * 33) + pack(b"\0"),
    "too few bytes": b"\x93" + pack("int16") + pack([2]) + pack(bytes(3)),
    "too many bytes": b"\x93" + pack("int16") + pack([2]) + pack(bytes(5)),
    "no bytes for a 0-d array": b"\x93" + pack("int8") + pack([]) + pack(b""),
    "a shape of 2^64 elements": b"\x93" + pack("int8") + pack([2**32, 2**32]) + pack(b"\0"),
    "a shape of 2^40 elements": b"\x93" + pack("int8") + pack([2**40]) + pack(b"\0"),
    "data that are text": b"\x93" + pack("int8") + pack([1]) + pack("a"),
    "data that are nil": b"\x93" + pack("int8") + pack([1]) + pack(None),
    "data that are a list": b"\x93" + pack("int8") + pack([1]) + pack([1]),
    "a bool byte of 2": b"\x93" + pack("bool") + pack([3]) + pack(b"\0\1\2"),
    "a bool byte of 255": b"\x93" + pack("bool") + pack([1]) + pack(b"\xff"),
    "bytes of two dimensions": b"\x93" + pack("bytes") + pack([2, 2]) + pack(bytes(4)),
    "bytes of another size than said": b"\x93" + pack("bytes") + pack([3]) + pack(b"ab"),
    "bytes of no dimension": b"\x93" + pack("bytes") + pack([]) + pack(b"\0"),
    "a payload of one field": b"\x91" + pack("int8"),
    "a payload of four fields": b"\x94" + pack("int8") + pack([1]) + pack(b"\0") + pack(None),
    "a payload that is a map": b"\x80",
    "a payload that is nil": b"\xc0",
    "an empty payload": b"",
    "a truncated payload": b"\x93" + pack("int8"),
    "bytes after the payload": b"\x93" + pack("int8") + pack([1]) + pack(b"\0") + b"\0",
    "an ext in the payload": b"\x93" + pack("int8") + pack([1]) + pack_ext(1, b"\0"),
    "a dtype that is not UTF-8": b"\x93" + b"\xa2\xff\xfe" + pack([1]) + pack(b"\0"),
    "a payload that claims 2^32 - 1 items": b"\xdd" + b"\xff" * 4,
    "a payload of 5 000 arrays in each other": b"\x91" * 5000 + b"\xc0",
}


def bad_things() -> dict[str, Any]:
    """Return values that can't be read."""
    things: dict[str, Any] = {name: Raw(pack_ext(1, payload)) for name, payload in BAD_ARRAYS.items()}
    things |= {
        "ext type 0": Raw(pack_ext(0, b"a")),
        "ext type 2": Raw(pack_ext(2, b"abc")),
        "ext type 127": Raw(pack_ext(127, bytes(200))),
        "ext type -2": Raw(pack_ext(-2, b"")),
        "a timestamp of 32 bits": Raw(pack_ext(-1, bytes(4))),
        "a timestamp of 64 bits": Raw(pack_ext(-1, bytes(8))),
        "a timestamp of 96 bits": Raw(pack_ext(-1, bytes(12))),
        "the key __proto__": {"__proto__": 1},
        "the key __proto__ with a map": {"a": {"__proto__": {"b": 1}}},
        "the key constructor": {"constructor": 1},
        "a key that is an integer": Raw(b"\x81\1\2"),
        "a key that is nil": Raw(b"\x81\xc0\2"),
        "a key that is bytes": Raw(b"\x81\xc4\1a\2"),
        "a key that is a list": Raw(b"\x81\x91\1\2"),
        "a key that is a map": Raw(b"\x81\x80\2"),
        "a key that is a real": Raw(b"\x81\xcb\x3f\xf0\0\0\0\0\0\0\2"),
        "a key that is an array": Raw(b"\x81" + pack(Array("int8", [1], b"\1")) + b"\2"),
        "one bad key of three": Raw(b"\x83\xa1a\1\7\2\xa1b\3"),
    }
    return things


def bad_values() -> list[Case]:
    """Return cases of values that can't be read: in a CALL between two others, which they do not harm."""
    cases = []
    for name, value in bad_things().items():
        cases.append(call_with(f"value: {name}", value, "kcomm.bad_value"))
    for name, value in {
        "nested 65 deep": nested(65),
        "nested 64 deep, in args": [nested(63), nested(64)],
        "maps nested 65 deep": Raw(b"\x81\xa1a" * 64 + b"\x80"),
        "nested 900 deep": Raw(b"\x91" * 899 + b"\x90"),
    }.items():
        args_are_value = name != "nested 64 deep, in args"
        cases.append(call_with(f"value: {name}", value, "kcomm.too_deep", bare=args_are_value))
    return cases


def call_with(name: str, value: Any, code: str, *, bare: bool = False) -> Case:
    """Return the case of a CALL with a bad argument, between an EVENT and another CALL."""
    args = value if bare else [value]
    first: list[Any] = [EVENT, 0, "t", 0, "before"]
    bad: list[Any] = [CALL, 1, "bad", args, 0, {}]
    return case(
        name,
        "bad_value",
        packet(2, 1, first, bad, [CALL, 3, "good", [1], 0, {}]),
        events=[
            {"event": "Emitted", "topic": "t", "value": "before", "dropped": 0},
            {"event": "Called", "id": 3, "method": "good", "args": [1], "limit": 0, "options": {}},
        ],
        send=[sent(2, 2, [ERROR, 1, code, ANY, None])],
    )


def bad_values_elsewhere() -> list[Case]:
    """Return cases of what a bad value harms in the other messages."""
    bad = Raw(pack_ext(5, b"abc"))
    attached = Raw(pack_ext(1, b"\x92" + pack("object") + pack([1])), attachments=(b"abc",))
    good = Array("uint8", [3], b"xyz", attached=True)
    after = [EVENT, 0, "t", 0, good]
    emitted = {"event": "Emitted", "topic": "t", "value": to_json(good), "dropped": 0}

    def with_call(name: str, fields: list[Any], limit: int, events: list[Json], send: list[Json]) -> Case:
        return case(
            name, "bad_value", packet(2, 2, fields, after), before=calling(limit), events=events, send=send
        )

    ignored = [*open_acceptor(), {"do": "call", "method": "m", "args": [], "limit": 4, "returns": 2}]
    ignored += [receive(packet(2, 2, [END, 2, 0, None]))]
    failure = failed(2, "kcomm.bad_value")
    return [
        case(
            "value: in an EVENT",
            "bad_value",
            packet(2, 1, [EVENT, 0, "u", 0, bad], after),
            events=[emitted],
            send=[sent(2, 2, [ERROR, 0, "kcomm.bad_value", ANY, None])],
        ),
        case(
            "value: it uses up its attachment all the same",
            "bad_value",
            packet(2, 1, [EVENT, 0, "u", 0, attached], after),
            events=[emitted],
            send=[sent(2, 2, [ERROR, 0, "kcomm.bad_value", ANY, None])],
        ),
        case(
            "value: the options of a CALL",
            "bad_value",
            packet(2, 1, [CALL, 1, "m", [], 0, {"a": bad}], after),
            events=[emitted],
            send=[sent(2, 2, [ERROR, 1, "kcomm.bad_value", ANY, None])],
        ),
        with_call("value: in an END", [END, 2, 0, bad], 0, [failure, emitted], []),
        with_call(
            "value: in the data of an ERROR", [ERROR, 2, "c", "m", {"a": bad}], 0, [failure, emitted], []
        ),
        with_call(
            "value: in a NEXT", [NEXT, 2, 0, bad], 4, [failure, emitted], [sent(3, 2, [CANCEL, 2, ANY])]
        ),
        with_call(
            "value: too deep, in an END",
            [END, 2, 0, nested(65)],
            0,
            [failed(2, "kcomm.too_deep"), emitted],
            [],
        ),
        case(
            "value: in a NEXT of a call that is over",
            "bad_value",
            packet(3, 2, [NEXT, 2, 0, bad], after),
            before=ignored,
            events=[emitted],
            send=[],
        ),
        case(
            "value: in an ERROR without an id",
            "bad_value",
            packet(2, 1, [ERROR, 0, "c", "m", {"a": bad}], after),
            events=[emitted],
            send=[],
        ),
        case(
            "value: in an extension that is not known",
            "bad_value",
            packet(2, 1, [64, 0, bad], after),
            events=[emitted],
            send=[],
        ),
        broken(
            "value: in a field of another kind, which must be a number", packet(2, 1, [CREDIT, 1, bad, 0])
        ),
        broken("value: in the method of a CALL", packet(2, 1, [CALL, 1, bad, [], 0, {}])),
        broken("value: in the sizes of a PART", packet(2, 1, [PART, 1, 0, bad, b"a"])),
        broken("value: in the chunk of a PART", packet(2, 1, [PART, 1, 0, [5], bad])),
    ]
