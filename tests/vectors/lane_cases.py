"""sessions.json: acknowledgements, gaps, and messages in parts."""

from __future__ import annotations

from typing import Any

from tests.vectors.steps import (
    CLOSED,
    LOST,
    OPENER_IS_OPEN,
    acceptor,
    called,
    calls_step,
    closed,
    event,
    exactly,
    failed,
    held,
    hello,
    open_acceptor,
    open_opener,
    opener,
    receive,
    receives,
    sent,
    step,
    welcome,
)
from tests.vectors.wire import (
    ANY,
    BYE,
    CALL,
    CANCEL,
    END,
    ERROR,
    EVENT,
    HELLO,
    NACK,
    PART,
    PROBE,
    WELCOME,
    Array,
    Json,
    Raw,
    pack,
    packet,
    to_json,
)

RAN, MAY_HAVE_RUN = {"may_have_run": False}, {"may_have_run": True}


def tick(index: int) -> list[Any]:
    return [EVENT, 0, "t", index, index]


def ticks(first: int, last: int) -> list[Json]:
    return [event("Emitted", topic="t", value=index, dropped=0) for index in range(first, last + 1)]


def emits(index: int, seq: int, **more: Any) -> Json:
    return step("emit", topic="t", value=index, send=[exactly(seq, more.pop("ack", 1), tick(index))], **more)


def gaps() -> list[Json]:
    return [
        acceptor(
            "a gap is asked for after 20 ms, then at intervals that double",
            *open_acceptor(),
            receives(4, 1, tick(2), at=1000),
            step("wait", at=1019),
            step("wait", at=1020, send=[exactly(0, 1, [NACK, 0, 2, 3])]),
            step("wait", at=1269),
            step("wait", at=1270, send=[exactly(0, 1, [NACK, 0, 2, 3])]),
            step("wait", at=1769),
            step("wait", at=1770, send=[exactly(0, 1, [NACK, 0, 2, 3])]),
            receives(2, 1, tick(0), at=1800, events=ticks(0, 0)),
            step("wait", at=1820, send=[exactly(0, 2, [NACK, 0, 3, 3])]),
            receives(3, 1, tick(1), at=1900, events=ticks(1, 2)),
            step("wait", at=2150, send=[exactly(0, 4)]),
            step("wait", at=90000),
        ),
        acceptor(
            "packets that overtake each other are put in order, and nobody asks",
            *open_acceptor(),
            receives(3, 1, tick(1), at=1000),
            receives(4, 1, tick(2), at=1005),
            receives(3, 1, tick(1), at=1006),
            receives(2, 1, tick(0), at=1010, events=ticks(0, 2)),
            step("wait", at=1250, send=[exactly(0, 4)]),
            step("wait", at=90000),
        ),
        acceptor(
            "several gaps are asked for at once",
            *open_acceptor(),
            receives(3, 1, tick(1), at=1000),
            receives(7, 1, tick(5), at=1001),
            receives(0, 1, [PROBE, 0, 9], at=1002),
            step("wait", at=1020, send=[exactly(0, 1, [NACK, 0, 2, 2], [NACK, 0, 4, 6], [NACK, 0, 8, 9])]),
        ),
        acceptor(
            "a NACK rides on nothing, but what is sent bears the ack",
            *open_acceptor(),
            receives(2, 1, tick(0), at=1000, events=ticks(0, 0)),
            receives(4, 1, tick(2), at=1001),
            emits(0, 2, ack=2, at=1002),
            step("wait", at=1021, send=[exactly(0, 2, [NACK, 0, 3, 3])]),
        ),
        acceptor(
            "what is missing is asked for before anything else is sent",
            *open_acceptor(),
            receives(3, 1, tick(1), at=1000),
            held("emit", at=1020, topic="t", value=0),
            step("wait", at=1020, send=[exactly(0, 1, [NACK, 0, 2, 2]), exactly(2, 1, tick(0))]),
        ),
        acceptor(
            "volatile packets pass a gap",
            *open_acceptor(),
            receives(3, 1, tick(1), at=1000),
            receives(0, 1, [64, 0], at=1001),
            receives(2, 1, tick(0), at=1002, events=ticks(0, 1)),
        ),
        opener(
            "a lost WELCOME is asked for",
            {"do": "open"},
            receives(0, 1, [PROBE, 0, 1], at=2000),
            step("wait", at=2020, send=[exactly(0, 0, [NACK, 0, 1, 1])]),
            receive(welcome(), at=2050),
            calls_step(1, at=2051, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
        ),
        acceptor(
            "a PROBE of what did not come shows a gap",
            *open_acceptor(),
            receives(0, 1, [PROBE, 0, 3], at=1000),
            step("wait", at=1020, send=[exactly(0, 1, [NACK, 0, 2, 3])]),
            step("wait", at=1270, send=[exactly(0, 1, [NACK, 0, 2, 3])]),
            receives(0, 1, [PROBE, 0, 3], at=1300),
            step("wait", at=1320, send=[exactly(0, 1, [NACK, 0, 2, 3])]),
        ),
        acceptor(
            "a gap is asked for at once when the connection is up again",
            *open_acceptor(),
            receives(3, 1, tick(1), at=1000),
            step("wake", at=1001, send=[exactly(0, 1, [NACK, 0, 2, 2], [PROBE, 0, 1])]),
            step("wait", at=1250),
            step("wait", at=1251, send=[exactly(0, 1, [NACK, 0, 2, 2])]),
        ),
    ]


def resends() -> list[Json]:
    sent_three = [
        *open_acceptor(),
        receives(0, 1),
        emits(0, 2, at=1000),
        emits(1, 3, at=1000),
        emits(2, 4, at=1000),
    ]
    second, third, fourth = (exactly(index + 2, 1, tick(index)) for index in range(3))
    return [
        acceptor(
            "what a NACK names is sent again as it was, after 20 ms",
            *sent_three,
            receives(0, 1, [NACK, 0, 2, 3], at=1100),
            step("wait", at=1119),
            step("wait", at=1120, send=[second, third]),
            step("wait", at=1999),
        ),
        acceptor(
            "NACKs that come in one go are answered once",
            *sent_three,
            receives(0, 1, [NACK, 0, 2, 3], at=1100),
            receives(0, 1, [NACK, 0, 2, 4], at=1110),
            step("wait", at=1120, send=[second, third, fourth]),
            receives(0, 1, [NACK, 0, 2, 3], at=1130),
            step("wait", at=1310),
            receives(0, 1, [NACK, 0, 3, 3], at=1330),
            step("wait", at=1350, send=[third]),
        ),
        acceptor(
            "what was sent again has its time to come, twice as long each time",
            *sent_three,
            receives(0, 1, [NACK, 0, 2, 2], at=1100),
            step("wait", at=1120, send=[second]),
            receives(0, 1, [NACK, 0, 2, 2], at=1310),
            receives(0, 1, [NACK, 0, 2, 2], at=1330),
            step("wait", at=1350, send=[second]),
            receives(0, 1, [NACK, 0, 2, 2], at=1700),
            receives(0, 1, [NACK, 0, 2, 2], at=1760),
            step("wait", at=1780, send=[second]),
        ),
        acceptor(
            "what was acknowledged is not sent again",
            *sent_three,
            receives(0, 1, [NACK, 0, 2, 4], at=1100),
            receives(0, 3, at=1110),
            step("wait", at=1120, send=[fourth]),
            receives(0, 4, [NACK, 0, 2, 4], at=1400),
            step("wait", at=90000),
        ),
        acceptor(
            "WELCOME is sent again",
            step("receive", buffers=hello(), at=1000, events=[event("Opened")], send=[sent_welcome()]),
            receives(0, 0, [NACK, 0, 1, 1], at=1100),
            step("wait", at=1120, send=[sent_welcome()]),
        ),
        acceptor(
            "nothing is sent again unasked",
            *sent_three,
            step("wait", at=2000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            step("wait", at=4000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            step("wait", at=8000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            step("wait", at=16000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            step("wait", at=32000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            step("wait", at=64000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            step("wait", at=123999),
            step("wait", at=124000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            receives(0, 4, at=125000),
            step("wait", at=900000),
        ),
        acceptor(
            "a PROBE of the other end hastens this end's own",
            *sent_three,
            step("wait", at=2000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            step("wait", at=4000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            receives(0, 1, [PROBE, 0, 1], at=4100, send=[exactly(0, 1)]),
            step("wait", at=4999),
            step("wait", at=5000, send=[exactly(0, 1, [PROBE, 0, 4])]),
            receives(0, 1, [PROBE, 0, 1], at=8000, send=[exactly(0, 1, [PROBE, 0, 4])]),
        ),
        opener(
            "a PROBE goes out when the connection is up again",
            *OPENER_IS_OPEN,
            step("wake", at=1000, send=[exactly(0, 1, [PROBE, 0, 1])]),
            step("wait", at=90000),
        ),
    ]


def farewells() -> list[Json]:
    bye = sent(2, 1, [BYE, 0, CLOSED, ""])
    ending = [
        *open_acceptor(),
        receives(0, 1),
        step("close", at=1000, code=CLOSED, message="", events=[closed(CLOSED, "")], send=[bye]),
    ]
    return [
        acceptor(
            "a lost BYE is sent again",
            *ending,
            step("wait", at=2000, send=[exactly(0, 1, [PROBE, 0, 2])]),
            receives(0, 1, [NACK, 0, 2, 2], at=2100),
            step("wait", at=2120, send=[bye]),
            receives(0, 2, at=2200),
            step("wait", at=90000),
        ),
        acceptor(
            "after BYE the packets of the other end are not acknowledged, but those of this end may be",
            *ending,
            receives(2, 1, tick(0), at=1100),
            receives(3, 2, tick(1), at=1200),
            step("wait", at=90000),
        ),
        acceptor(
            "both ends say BYE at once",
            *ending,
            receives(2, 1, [BYE, 0, CLOSED, ""], at=1100),
            step("wait", at=90000),
        ),
        acceptor(
            "nothing is sent again after a cut",
            *ending,
            step("cut", at=1100),
            step("wait", at=90000),
        ),
        acceptor(
            "nothing is sent again where the peers don't agree",
            *open_acceptor(),
            emits(0, 2),
            receives(
                2,
                1,
                [13, 0],
                events=[closed("kcomm.protocol_error")],
                send=[sent(3, 2, [BYE, 0, "kcomm.protocol_error", ANY])],
            ),
            receives(0, 1, [NACK, 0, 2, 2]),
            step("wait", at=90000),
        ),
    ]


def sent_welcome() -> Json:
    return sent(1, 1, [WELCOME, 0, 1, {}])


def lanes() -> list[Json]:
    tick = [EVENT, 0, "t"]
    ran = failed(2, LOST, MAY_HAVE_RUN)
    stopped = event("Cancelled", id=1, reason=ANY)
    busy = [
        *open_acceptor(),
        receive(packet(2, 1, [CALL, 1, "m", [], 0, {}])),
        calls_step(2, send=[exactly(2, 2, [CALL, 2, "m", [], 0, {}])]),
    ]
    return [
        acceptor(
            "an ack comes 250 ms after the first packet",
            *open_acceptor(),
            receives(2, 1, [*tick, 0, 0], at=1000, events=[event("Emitted", topic="t", value=0, dropped=0)]),
            receives(3, 1, [*tick, 1, 1], at=1200, events=[event("Emitted", topic="t", value=1, dropped=0)]),
            step("wait", at=1249),
            step("wait", at=1250, send=[exactly(0, 3)]),
            step("wait", at=1900),
        ),
        acceptor(
            "an ack rides on what is sent",
            *open_acceptor(),
            receives(2, 1, [*tick, 0, 0], at=1000, events=[event("Emitted", topic="t", value=0, dropped=0)]),
            step("emit", at=1100, topic="t", value=1, send=[exactly(2, 2, [*tick, 0, 1])]),
            receives(0, 2, at=1200),
            step("wait", at=2000),
        ),
        acceptor(
            "an ack of a volatile packet is not due",
            *open_acceptor(),
            receives(0, 1, at=1000),
            step("wait", at=9000),
        ),
        acceptor(
            "an ack comes at a quarter of the window",
            *open_acceptor(),
            receives(
                2, 1, [*tick, 0, "x" * 900], events=[event("Emitted", topic="t", value="x" * 900, dropped=0)]
            ),
            receives(
                3,
                1,
                [*tick, 1, "x" * 900],
                send=[exactly(0, 3)],
                events=[event("Emitted", topic="t", value="x" * 900, dropped=0)],
            ),
            limits={"window": 7000},
        ),
        acceptor(
            "a duplicate is dropped and acknowledged again",
            *open_acceptor(),
            receives(2, 1, [*tick, 0, 0], at=1000, events=[event("Emitted", topic="t", value=0, dropped=0)]),
            step("wait", at=1250, send=[exactly(0, 2)]),
            receives(2, 1, [*tick, 0, 0], at=1300),
            receives(1, 0, [HELLO, 0, [1], {}], at=1310),
            step("wait", at=1550, send=[exactly(0, 2)]),
        ),
        acceptor(
            "an ack that is older than one before",
            *open_acceptor(),
            step("emit", topic="t", value=0, send=[exactly(2, 1, [*tick, 0, 0])]),
            receives(0, 2),
            receives(0, 1),
            receives(0, 0),
        ),
        *gaps(),
        *resends(),
        *farewells(),
        acceptor(
            "a PROBE of what came is answered at once",
            *open_acceptor(),
            receives(0, 1, [PROBE, 0, 1], send=[exactly(0, 1)]),
        ),
        opener(
            "a tail probe asks for an ack, at intervals that double",
            *open_opener(),
            step("emit", topic="t", value=0, send=[exactly(2, 1, [*tick, 0, 0])]),
            step("wait", at=999),
            step("wait", at=1000, send=[exactly(0, 1, [PROBE, 0, 2])]),
            step("wait", at=2999),
            step("wait", at=3000, send=[exactly(0, 1, [PROBE, 0, 2])]),
            receives(0, 2, at=3100),
            step("wait", at=90000),
            step("emit", topic="t", value=1, send=[exactly(3, 1, [*tick, 1, 1])]),
            step("wait", at=91000, send=[exactly(0, 1, [PROBE, 0, 3])]),
        ),
        acceptor(
            "a protocol error ends the channel",
            *busy,
            receives(
                3,
                2,
                [13, 0],
                events=[ran, stopped, closed("kcomm.protocol_error")],
                send=[sent(3, 3, [BYE, 0, "kcomm.protocol_error", ANY])],
            ),
            receives(4, 2, [*tick, 0, 0]),
        ),
    ]


def large_messages() -> list[Json]:
    small: dict[str, Any] = {"limits": {"packet": 4096}}
    args = [bytes(2000), "text " * 300, Array("float64", [3, 100], bytes(2400))]
    body_attachments: list[bytes] = []
    body = pack([CALL, 1, "big", args, 0, {}], body_attachments)
    whole = body + b"".join(body_attachments)
    sizes = [len(body), *map(len, body_attachments)]
    thirds = [whole[:2000], whole[2000:4000], whole[4000:]]
    is_called = event("Called", id=1, method="big", args=args, limit=0, options={})

    def part(index: int) -> list[Any]:
        # Each chunk of more than 1 KiB is an attachment itself.
        return [PART, 1, index, sizes if index == 0 else None, thirds[index]]

    event_body = pack([EVENT, 0, "t", 0, "y" * 3000])
    is_emitted = event("Emitted", topic="t", value="y" * 3000, dropped=0)
    extension = pack([64, 1, 300])
    unreadable = pack([CALL, 1, "m", [Raw(b"\xd4\5a")], 0, {}])
    return [
        opener(
            "a message that is too large for a packet goes in parts",
            *open_opener(small),
            step(
                "call",
                method="big",
                args=to_json(args),
                limit=0,
                returns=1,
                send=[{"parts": to_json([CALL, 1, "big", args, 0, {}]), "id": 1, "max_packet": 4096}],
            ),
            step(
                "emit",
                topic="t",
                value="x" * 5000,
                send=[{"parts": [EVENT, 0, "t", 0, "x" * 5000], "id": 0, "max_packet": 4096}],
            ),
        ),
        opener(
            "other messages go between parts; what belongs to the same id waits",
            *open_opener(small),
            held("call", method="big", args=["x" * 9000], limit=0, returns=1),
            held("cancel", id=1, reason="enough"),
            held("call", method="small", args=[], limit=0, returns=3),
            step(
                "wait",
                send=[
                    {
                        "parts": [CALL, 1, "big", ["x" * 9000], 0, {}],
                        "id": 1,
                        "max_packet": 4096,
                        "between": [[CALL, 3, "small", [], 0, {}]],
                        "then": [[CANCEL, 1, "enough"]],
                    }
                ],
            ),
        ),
        acceptor(
            "a message comes in parts",
            *open_acceptor(),
            receives(2, 1, part(0)),
            receives(3, 1, part(1)),
            receives(4, 1, part(2), events=[is_called]),
            step("end", id=1, value=1, send=[exactly(2, 4, [END, 1, 0, 1])]),
        ),
        acceptor(
            "a message comes in parts, with others between",
            *open_acceptor(),
            receives(
                2, 1, part(0), [EVENT, 0, "u", 0, 1], events=[event("Emitted", topic="u", value=1, dropped=0)]
            ),
            receives(3, 1, [CALL, 3, "small", [], 0, {}], events=[called(3, "small")]),
            receives(4, 1, [PART, 0, 0, [len(event_body)], event_body[:1500]], part(1)),
            receives(5, 1, part(2), [PART, 0, 1, None, event_body[1500:]], events=[is_called, is_emitted]),
        ),
        acceptor(
            "a message in one part, and then another of its id",
            *open_acceptor(),
            receives(2, 1, [PART, 0, 0, [len(event_body)], event_body], events=[is_emitted]),
            receives(3, 1, [PART, 0, 0, [len(event_body)], event_body[:9]]),
        ),
        acceptor(
            "an unknown extension comes in parts",
            *open_acceptor(),
            receives(2, 1, [PART, 1, 0, [len(extension)], extension]),
        ),
        acceptor(
            "a call in parts that can't be read is answered",
            *open_acceptor(),
            receives(
                2,
                1,
                [PART, 1, 0, [len(unreadable)], unreadable],
                send=[sent(2, 2, [ERROR, 1, "kcomm.bad_value", ANY, None])],
            ),
        ),
        opener(
            "a message above the limit is refused by the sender",
            *open_opener({"limits": {"message": 5000}}),
            step("call", method="m", args=["x" * 5000], limit=0, raises="kcomm.too_large"),
            step("emit", topic="t", value="x" * 5000, raises="kcomm.too_large"),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
        ),
        opener(
            "a value deeper than the other end takes is refused by the sender",
            *open_opener({"limits": {"depth": 2}}),
            step("call", method="m", args=[[[]]], limit=0, raises="kcomm.too_deep"),
            step("emit", topic="t", value=[[[]]], raises="kcomm.too_deep"),
            step("emit", topic="t", value=[[]], send=[exactly(2, 1, [EVENT, 0, "t", 0, [[]]])]),
        ),
    ]
