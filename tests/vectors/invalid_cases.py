"""invalid_packets.json: what can't be, one case each."""

from __future__ import annotations

from typing import Any

from tests.vectors.packet_cases import big, nested
from tests.vectors.steps import (
    OPENER_IS_OPEN,
    failed,
    open_acceptor,
    receive,
    sent,
)
from tests.vectors.wire import (
    ANY,
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
    PART,
    PROBE,
    WELCOME,
    Array,
    Json,
    Raw,
    buffers,
    pack,
    pack_ext,
    packet,
    to_json,
)

Case = dict[str, Json]


def invalid_cases() -> list[Json]:
    """Return the cases of invalid_packets.json."""
    return [
        *bad_headers(),
        *bad_messages(),
        *bad_attachments(),
        *bad_handshakes(),
        *bad_ids(),
        *bad_numbers(),
        *bad_parts(),
        *bad_values(),
        *bad_values_elsewhere(),
    ]


def case(name: str, outcome: str, packet_: list[str], **more: Any) -> Case:
    """Return a case; the receiver is an acceptor whose channel is open, unless it is said."""
    more.setdefault("role", "acceptor")
    more.setdefault("before", open_acceptor())
    return {"name": name, "outcome": outcome, **more, "buffers": packet_}


def broken(name: str, packet_: list[str], **more: Any) -> Case:
    """Return a case of a protocol error."""
    return case(name, "protocol_error", packet_, **more)


def message(name: str, *fields: Any, **more: Any) -> Case:
    """Return a case of a reliable packet with one message."""
    return broken(name, packet(2, 1, list(fields)), **more)


def bad_headers() -> list[Case]:
    whole = bytes.fromhex(packet(2, 1, [EVENT, 0, "t", 0, "text"])[0])
    return [
        broken("header: no buffer", []),
        broken("header: an empty buffer", [""]),
        *(broken(f"header: truncated after {n} bytes", [whole[:n].hex()]) for n in range(1, len(whole))),
        broken("header: a byte after it", [whole.hex() + "c0"]),
        broken("header: a packet after it", [whole.hex() * 2]),
        broken("header: nil", ["c0"]),
        broken("header: a map", ["80"]),
        broken("header: text", ["a3616263"]),
        broken("header: the unused byte c1", ["c1"]),
        broken("header: an empty array", ["90"]),
        broken("header: two fields", buffers([2, 1])),
        broken("header: four fields", buffers([2, 1, [], None])),
        broken("header: seq is negative", buffers([-1, 1, []])),
        broken("header: seq is a real", buffers([2.5, 1, []])),
        broken("header: seq is nil", buffers([None, 1, []])),
        broken("header: seq is a boolean", buffers([True, 1, []])),
        broken("header: seq is text", buffers(["2", 1, []])),
        broken("header: seq is 2^53", buffers([2**53, 1, []])),
        broken("header: ack is negative", buffers([2, -1, []])),
        broken("header: ack is a real", buffers([2, 0.5, []])),
        broken("header: ack is nil", buffers([2, None, []])),
        broken("header: ack is 2^53", buffers([2, 2**53, []])),
        broken("header: ack of what was never sent", buffers([2, 9, []])),
        broken("header: the messages are a map", buffers([2, 1, {}])),
        broken("header: the messages are nil", buffers([2, 1, None])),
        broken("header: the messages are text", buffers([2, 1, "abc"])),
        broken("header: an array that claims 2^32 - 1 items", ["dd" + "ff" * 4]),
        broken("header: a map that claims 2^32 - 1 items", ["df" + "ff" * 4]),
        broken("header: text that claims 2^32 - 1 bytes", ["db" + "ff" * 4]),
        broken("header: bytes that claim 2^32 - 1 bytes", ["c6" + "ff" * 4]),
        broken("header: an ext that claims 2^32 - 1 bytes", ["c9" + "ff" * 4 + "01"]),
        broken("header: arrays of 2^32 - 1 items in each other", [("dd" + "ff" * 4) * 50]),
        broken("header: 2 000 arrays in each other", ["91" * 2000 + "c0"]),
        broken("header: 100 000 arrays in each other", ["91" * 100000]),
        broken("header: 2 000 maps in each other", ["81a161" * 2000 + "c0"]),
        broken(
            "a packet above the limit",
            packet(2, 1, [EVENT, 0, "t", 0, "x" * 5000]),
            limits={"packet": 4096},
        ),
        broken(
            "a packet above the limit by its attachments",
            packet(2, 1, [EVENT, 0, "t", 0, [big(1), big(2), big(3), big(4)]]),
            limits={"packet": 4096},
        ),
    ]


def bad_messages() -> list[Case]:
    text, count, map_ = "not text", "not a count", "not a map"
    wrong_fields: list[tuple[str, list[Any]]] = [
        (f"CALL: method is {text}", [CALL, 1, 5, [], 0, {}]),
        ("CALL: args is text", [CALL, 1, "m", "args", 0, {}]),
        ("CALL: args is nil", [CALL, 1, "m", None, 0, {}]),
        (f"CALL: limit is {count}", [CALL, 1, "m", [], -1, {}]),
        ("CALL: limit is 2^53", [CALL, 1, "m", [], 2**53, {}]),
        ("CALL: limit is nil", [CALL, 1, "m", [], None, {}]),
        (f"CALL: options is {map_}", [CALL, 1, "m", [], 0, []]),
        (f"NEXT: index is {count}", [NEXT, 2, -1, None]),
        (f"END: index is {count}", [END, 2, None, None]),
        (f"ERROR: code is {text}", [ERROR, 2, 5, "m", None]),
        (f"ERROR: message is {text}", [ERROR, 2, "c", None, None]),
        ("ERROR: data is text", [ERROR, 2, "c", "m", "data"]),
        (f"CANCEL: reason is {text}", [CANCEL, 1, None]),
        (f"CREDIT: limit is {count}", [CREDIT, 1, "2", 0]),
        (f"CREDIT: done is {count}", [CREDIT, 1, 2, 0.5]),
        (f"EVENT: topic is {text}", [EVENT, 0, 5, 0, None]),
        (f"EVENT: index is {count}", [EVENT, 0, "t", "0", None]),
        (f"NACK: from is {count}", [NACK, 0, "1", 2]),
        (f"NACK: to is {count}", [NACK, 0, 1, None]),
        (f"PART: index is {count}", [PART, 1, None, [1], b"a"]),
        (f"BYE: code is {text}", [BYE, 0, None, ""]),
        (f"BYE: message is {text}", [BYE, 0, "c", 5]),
        (f"PROBE: seq is {count}", [PROBE, 0, -2]),
    ]
    whole: dict[str, list[Any]] = {
        "CALL": [CALL, 1, "m", [], 0, {}],
        "NEXT": [NEXT, 2, 0, None],
        "END": [END, 2, 0, None],
        "ERROR": [ERROR, 2, "c", "m", None],
        "CANCEL": [CANCEL, 1, "r"],
        "CREDIT": [CREDIT, 1, 2, 0],
        "EVENT": [EVENT, 0, "t", 0, None],
        "NACK": [NACK, 0, 1, 1],
        "PART": [PART, 1, 0, [5], b"a"],
        "BYE": [BYE, 0, "c", "m"],
        "PROBE": [PROBE, 0, 1],
    }
    return [
        message("message: an empty array"),
        message("message: a kind alone", EVENT),
        broken("message: not an array", packet(2, 1, "message")),
        broken("message: nil", packet(2, 1, None)),
        broken("message: a map", packet(2, 1, {"kind": EVENT})),
        broken("message: an array value", packet(2, 1, Array("int8", [5], bytes(5)))),
        broken("message: an unknown ext type", packet(2, 1, Raw(pack_ext(5, b"abc")))),
        message("message: the kind is text", "EVENT", 0, "t", 0, None),
        message("message: the kind is negative", -1, 0, "t", 0, None),
        message("message: the kind is a boolean", True, 0, "t", 0, None),
        message("message: the kind is nil", None, 0),
        message("message: the id is negative", END, -1, 0, None),
        message("message: the id is text", END, "2", 0, None),
        message("message: the id is 2^53", END, 2**53, 0, None),
        *(message(f"message: the reserved kind {kind}", kind, 0, None, None, None) for kind in range(13, 64)),
        *(
            message(f"{name}: {n} of {len(fields) - 2} fields", *fields[: n + 2])
            for name, fields in whole.items()
            for n in range(len(fields) - 2)
        ),
        *(message(name, *fields) for name, fields in wrong_fields),
        *(
            message(f"{name}: the id is 0", fields[0], 0, *fields[2:])
            for name, fields in whole.items()
            if name in ("CALL", "NEXT", "END", "CANCEL", "CREDIT")
        ),
        *(
            message(f"{name}: the id is not 0", fields[0], 1, *fields[2:])
            for name, fields in whole.items()
            if name in ("EVENT", "NACK", "BYE", "PROBE")
        ),
        *(
            broken(f"{name}: in a volatile packet", packet(0, 1, fields))
            for name, fields in whole.items()
            if name not in ("NEXT", "NACK", "PROBE")
        ),
        broken(
            "CALL: in a volatile packet, after a NEXT",
            packet(0, 1, [NEXT, 2, 0, 0], [CALL, 1, "m", [], 0, {}]),
            before=calling(4),
        ),
    ]


def calling(limit: int) -> list[Json]:
    """Return the steps of an acceptor that has called 2."""
    return [*open_acceptor(), {"do": "call", "method": "m", "args": [], "limit": limit, "returns": 2}]


def serving(limit: int) -> list[Json]:
    """Return the steps of an acceptor that serves call 1."""
    return [*open_acceptor(), receive(packet(2, 1, [CALL, 1, "m", [], limit, {}]))]


def bad_attachments() -> list[Case]:
    reference = Raw(pack_ext(1, b"\x92" + pack("uint8") + pack([3])))
    event = [EVENT, 0, "t", 0]
    left_over = packet(2, 1, [*event, 1])
    return [
        broken("attachment: missing", packet(2, 1, [*event, reference])),
        broken("attachment: one of two missing", [*packet(2, 1, [*event, [reference, reference]]), "010203"]),
        broken("attachment: left over", [*left_over, "010203"]),
        broken("attachment: an empty one left over", [*left_over, ""]),
        broken("attachment: left over by an inline array", [*packet(2, 1, [*event, bytes(9)]), "00" * 9]),
        broken("attachment: missing in an extension", packet(2, 1, [64, 0, reference])),
        broken(
            "attachment: missing in a value of an unknown dtype",
            packet(2, 1, [*event, Raw(pack_ext(1, b"\x92" + pack("object") + pack([1])))]),
        ),
    ]


def bad_handshakes() -> list[Case]:
    event = [EVENT, 0, "t", 0, None]
    idle: dict[str, Any] = {"before": []}
    opening: dict[str, Any] = {"role": "opener", "before": [{"do": "open"}]}
    opened: dict[str, Any] = {"role": "opener", "before": OPENER_IS_OPEN}
    welcome = [WELCOME, 0, 1, {}]

    def first(name: str, *fields: Any, **more: Any) -> Case:
        return broken(f"handshake: {name}", packet(1, more.pop("ack", 0), list(fields)), **more)

    return [
        first("EVENT before HELLO", *event, **idle),
        first("CALL before HELLO", CALL, 1, "m", [], 0, {}, **idle),
        first("BYE before HELLO", BYE, 0, "kcomm.closed", "", **idle),
        first("WELCOME where HELLO is due", *welcome, **idle),
        broken("handshake: HELLO in a volatile packet", packet(0, 0, [HELLO, 0, [1], {}]), **idle),
        broken("handshake: a message behind HELLO", packet(1, 0, [HELLO, 0, [1], {}], event), **idle),
        broken("handshake: HELLO behind a message", packet(1, 0, event, [HELLO, 0, [1], {}]), **idle),
        message("handshake: HELLO twice", HELLO, 0, [1], {}),
        message("handshake: WELCOME to an acceptor", *welcome),
        first("EVENT before WELCOME", *event, **opening, ack=1),
        first("HELLO to an opener", HELLO, 0, [1], {}, **opening, ack=1),
        broken("handshake: WELCOME in a volatile packet", packet(0, 1, welcome), **opening),
        broken("handshake: a message behind WELCOME", packet(1, 1, welcome, event), **opening),
        message("handshake: WELCOME twice", *welcome, **opened),
        first("WELCOME of a version that was not offered", WELCOME, 0, 2, {}, **opening, ack=1),
        first("WELCOME of version 0", WELCOME, 0, 0, {}, **opening, ack=1),
        first("HELLO: versions is not a list", HELLO, 0, 1, {}, **idle),
        first("HELLO: options is not a map", HELLO, 0, [1], [], **idle),
        first("HELLO: the id is not 0", HELLO, 1, [1], {}, **idle),
        first("HELLO: options are missing", HELLO, 0, [1], **idle),
        first("HELLO: limits is not a map", HELLO, 0, [1], {"limits": 5}, **idle),
        first("HELLO: features is not a map", HELLO, 0, [1], {"features": []}, **idle),
        first("HELLO: params is not a map", HELLO, 0, [1], {"params": "p"}, **idle),
        first("HELLO: a limit is text", HELLO, 0, [1], {"limits": {"depth": "5"}}, **idle),
        first("HELLO: a limit is 0", HELLO, 0, [1], {"limits": {"window": 0}}, **idle),
        first("HELLO: a limit is negative", HELLO, 0, [1], {"limits": {"calls": -1}}, **idle),
        first("HELLO: a limit is a boolean", HELLO, 0, [1], {"limits": {"parts": True}}, **idle),
        first("HELLO: packets below 4 096 bytes", HELLO, 0, [1], {"limits": {"packet": 4095}}, **idle),
        first("HELLO: messages below 4 096 bytes", HELLO, 0, [1], {"limits": {"message": 4095}}, **idle),
        first("HELLO: a value that can't be read", HELLO, 0, [1], {"params": {"a": Raw(b"\xd4\5a")}}, **idle),
        first("WELCOME: version is text", WELCOME, 0, "1", {}, **opening, ack=1),
        first("WELCOME: options is nil", WELCOME, 0, 1, None, **opening, ack=1),
        first("WELCOME: limits is not a map", WELCOME, 0, 1, {"limits": []}, **opening, ack=1),
        first("WELCOME: epoch is not text", WELCOME, 0, 1, {"epoch": 5}, **opening, ack=1),
        first("WELCOME: stale_subshells is text", WELCOME, 0, 1, {"stale_subshells": "s"}, **opening, ack=1),
        first(
            "WELCOME: a stale subshell is not text", WELCOME, 0, 1, {"stale_subshells": [5]}, **opening, ack=1
        ),
    ]


def bad_ids() -> list[Case]:
    call = [CALL, 1, "m", [], 0, {}]
    return [
        message("id: a call of the opener with an even id", CALL, 2, "m", [], 0, {}),
        message(
            "id: a call of the acceptor with an odd id",
            CALL,
            1,
            "m",
            [],
            0,
            {},
            role="opener",
            before=OPENER_IS_OPEN,
        ),
        broken("id: used twice", packet(2, 1, call, call)),
        broken("id: used twice, the first call being over", packet(3, 1, call), before=over()),
        broken("id: below one used before", packet(2, 1, [CALL, 5, *call[2:]], [CALL, 3, *call[2:]])),
        broken(
            "id: used twice, the second with a bad value",
            packet(2, 1, call, [CALL, 1, "m", [Raw(b"\xd4\5a")], 0, {}]),
        ),
        message("id: of the wrong parity, with a bad value", CALL, 2, "m", [Raw(b"\xd4\5a")], 0, {}),
        message("id: NEXT of a call that was never made", NEXT, 2, 0, None),
        message("id: END of a call that was never made", END, 2, 0, None),
        message("id: ERROR of a call that was never made", ERROR, 2, "c", "m", None),
        broken("id: END of the other end's own call", packet(3, 1, [END, 1, 0, None]), before=serving(0)),
    ]


def over() -> list[Json]:
    """Return the steps of an acceptor that has answered call 1."""
    return [*serving(0), {"do": "end", "id": 1, "value": None}]


def bad_numbers() -> list[Case]:
    def third(name: str, *fields: Any, before: list[Json], **more: Any) -> Case:
        return broken(name, packet(3, 1, list(fields)), before=before, **more)

    stream, plain = serving(4), serving(0)
    credited = [*stream, receive(packet(3, 1, [CREDIT, 1, 8, 0]))]
    items = [{"do": "item", "id": 1, "value": i, "returns": i} for i in range(3)]
    consumed = [*stream, *items, receive(packet(3, 1, [CREDIT, 1, 6, 2]))]
    event = [*open_acceptor(), receive(packet(2, 1, [EVENT, 0, "t", 3, None]))]
    ended = [*calling(4), receive(packet(2, 1, [NEXT, 2, 0, "a"], [NEXT, 2, 1, "b"]))]
    return [
        message("NEXT: an item beyond the credit", NEXT, 2, 4, None, before=calling(4)),
        broken(
            "NEXT: a volatile item beyond the credit", packet(0, 1, [NEXT, 2, 4, None]), before=calling(4)
        ),
        message("NEXT: for a call that asked for one answer", NEXT, 2, 0, None, before=calling(0)),
        message(
            "NEXT: beyond the credit of a call that was cancelled",
            NEXT,
            2,
            4,
            None,
            before=[*calling(4), {"do": "cancel", "id": 2, "reason": ""}],
        ),
        third("END: an index below the items that came", END, 2, 1, None, before=ended),
        message("END: an index beyond the credit", END, 2, 5, None, before=calling(4)),
        message("END: an index of 1 where one answer was asked for", END, 2, 1, None, before=calling(0)),
        third("CREDIT: for a call that asked for one answer", CREDIT, 1, 4, 0, before=plain),
        third("CREDIT: limit goes down", CREDIT, 1, 3, 0, before=stream),
        broken("CREDIT: limit goes down, after it rose", packet(4, 1, [CREDIT, 1, 7, 0]), before=credited),
        third("CREDIT: done is beyond what was sent", CREDIT, 1, 8, 1, before=stream),
        broken("CREDIT: done goes down", packet(4, 1, [CREDIT, 1, 6, 1]), before=consumed),
        third("EVENT: an index that came before", EVENT, 0, "t", 3, None, before=event),
        third("EVENT: an index that goes back", EVENT, 0, "t", 1, None, before=event),
        broken(
            "EVENT: one topic more than the limit",
            packet(2, 1, *([EVENT, 0, f"t{i}", 0, None] for i in range(3))),
            limits={"topics": 2},
        ),
        message("NACK: of what was never sent", NACK, 0, 1, 9),
        message("NACK: from 0", NACK, 0, 0, 1),
        message("NACK: from beyond to", NACK, 0, 1, 0),
        case("NACK: of what was sent", "session_lost", packet(0, 1, [NACK, 0, 1, 1])),
        case("a gap", "session_lost", packet(3, 1, [EVENT, 0, "t", 0, None])),
        case("a large gap", "session_lost", packet(2**53 - 1, 1, [EVENT, 0, "t", 0, None])),
        case("PROBE: of a packet that did not come", "session_lost", packet(0, 1, [PROBE, 0, 2])),
        broken("a reliable packet with nothing in it", packet(2, 1)),
    ]


def bad_parts() -> list[Case]:
    body = pack([EVENT, 0, "t", 0, "x"])
    half = len(body) // 2
    call = pack([CALL, 1, "m", ["x"], 0, {}])

    def parts(name: str, *messages: list[Any], **more: Any) -> Case:
        return broken(f"PART: {name}", packet(2, 1, *messages), **more)

    nested_part = pack([PART, 1, 0, [3], b"abc"])
    return [
        parts("index 1 without index 0", [PART, 0, 1, None, body]),
        parts(
            "index 0 twice", [PART, 0, 0, [len(body)], body[:half]], [PART, 0, 0, [len(body)], body[half:]]
        ),
        parts("index 1 twice", *([PART, 0, i, [len(body)] if i == 0 else None, body[:2]] for i in (0, 1, 1))),
        parts("an index left out", [PART, 0, 0, [len(body)], body[:half]], [PART, 0, 2, None, body[half:]]),
        parts("more bytes than announced", [PART, 0, 0, [len(body)], body + b"\0"]),
        parts(
            "more bytes than announced, later",
            [PART, 0, 0, [len(body)], body[:-1]],
            [PART, 0, 1, None, b"ab"],
        ),
        parts("a PART in PARTs", [PART, 1, 0, [len(nested_part)], nested_part]),
        parts("sizes are nil in part 0", [PART, 0, 0, None, body]),
        parts("sizes are empty", [PART, 0, 0, [], body]),
        parts("a size is negative", [PART, 0, 0, [-1], body]),
        parts("a size is text", [PART, 0, 0, ["5"], body]),
        parts("the message itself has no bytes", [PART, 0, 0, [0, len(body)], body]),
        parts("the chunk is text", [PART, 0, 0, [3], "abc"]),
        parts("the chunk is nil", [PART, 0, 0, [3], None]),
        parts("the chunk is empty", [PART, 0, 0, [3], b""]),
        parts("the chunk is an array", [PART, 0, 0, [3], Array("uint8", [3], b"abc")]),
        parts("a total above the limit", [PART, 0, 0, [5001], body], limits={"message": 5000}),
        parts(
            "a total above the limit, in many sizes", [PART, 0, 0, [1000] * 6, body], limits={"message": 5000}
        ),
        parts("a total of 2^53", [PART, 0, 0, [2**52, 2**52], body]),
        parts(
            "one more than may be in parts",
            *([PART, n, 0, [99], b"a"] for n in (1, 3, 5)),
            limits={"parts": 2},
        ),
        parts("an id of the wrong parity", [PART, 2, 0, [len(call)], call]),
        parts("another id than its message", [PART, 3, 0, [len(call)], call]),
        parts("bytes after the message", [PART, 0, 0, [len(body) + 1], body + b"\0"]),
        parts("a truncated message", [PART, 0, 0, [len(body) - 1], body[:-1]]),
        parts("an attachment without a reference", [PART, 0, 0, [len(body), 1], body + b"\0"]),
        parts(
            "a call that was begun in parts, and came again in one",
            [PART, 1, 0, [len(call)], call[:3]],
            [CALL, 1, "m", [], 0, {}],
            [PART, 1, 1, None, call[3:]],
        ),
        parts("HELLO in parts", [PART, 0, 0, [5], pack([HELLO, 0, [1], {}])]),
        parts("a size of 2^40", [PART, 0, 0, [len(body), 2**40], body]),
    ]


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
    messages: list[Any] = [[EVENT, 0, "t", 0, "before"], [CALL, 1, "bad", args, 0, {}], [CALL, 3, "good", [1], 0, {}])
    return case(
        name,
        "bad_value",
        packet(2, 1, *messages),
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
