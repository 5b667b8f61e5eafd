"""invalid_packets.json: what can't be, one case each."""

from __future__ import annotations

from typing import Any

from tests.vectors.bad_value_cases import bad_values, bad_values_elsewhere
from tests.vectors.invalid import Case, broken, calling, case, message, serving
from tests.vectors.packet_cases import big
from tests.vectors.steps import (
    OPENER_IS_OPEN,
    open_acceptor,
    receive,
)
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
)


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
        message("ERROR: data is text, for a call that waits", ERROR, 2, "c", "m", "data", before=calling(0)),
        message("ERROR: data is text, without an id", ERROR, 0, "c", "m", "data"),
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
        case("a gap that is too large", "protocol_error", packet(2**25 + 2, 1, [EVENT, 0, "t", 0, None])),
        case("PROBE: of a packet that can't be", "protocol_error", packet(0, 1, [PROBE, 0, 2**53 - 1])),
        broken("a reliable packet with nothing in it", packet(2, 1)),
    ]


def bad_parts() -> list[Case]:
    body = pack([EVENT, 0, "t", 0, "x"])
    half = len(body) // 2
    greeting = pack([HELLO, 0, [1], {}])
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
        parts("HELLO in parts", [PART, 0, 0, [len(greeting)], greeting]),
        parts("a size of 2^40", [PART, 0, 0, [len(body), 2**40], body]),
    ]
