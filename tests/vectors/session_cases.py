"""sessions.json: whole sessions, step by step."""

from __future__ import annotations

from typing import Any

from tests.vectors.call_cases import calls
from tests.vectors.lane_cases import lanes, large_messages
from tests.vectors.packet_cases import LIMITS, big
from tests.vectors.steps import (
    CLOSED,
    LOST,
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
from tests.vectors.stream_cases import events, streams
from tests.vectors.wire import (
    ANY,
    BYE,
    CALL,
    CANCEL,
    END,
    ERROR,
    EVENT,
    HELLO,
    NEXT,
    WELCOME,
    Array,
    Json,
    packet,
    to_json,
)

RAN, MAY_HAVE_RUN = {"may_have_run": False}, {"may_have_run": True}


def session_cases() -> list[Json]:
    """Return the cases of sessions.json."""
    return [*handshakes(), *calls(), *streams(), *events(), *lanes(), *large_messages(), *ends(), *limits()]


def handshakes() -> list[Json]:
    full = {"limits": LIMITS, "features": {"codecs": ["jpeg", "png"]}, "params": {"id": "abc"}}
    greeting = {"limits": LIMITS, "features": {"f": 1}, "epoch": "e7", "stale_subshells": ["s1", "s2"]}
    mismatch = [BYE, 0, "kcomm.unsupported_version", ANY]
    return [
        acceptor(
            "handshake of the acceptor",
            step(
                "receive",
                buffers=hello(full),
                events=[event("Opened", version=1, features=full["features"], params={"id": "abc"})],
                send=[sent(1, 1, [WELCOME, 0, 1, greeting])],
            ),
            features={"f": 1},
            epoch="e7",
            stale_subshells=["s1", "s2"],
        ),
        acceptor(
            "handshake of the acceptor: the least, and what is not known",
            step(
                "receive",
                buffers=packet(1, 0, [HELLO, 0, [9, 1, "x"], {"new": True, "limits": {"new": -1}}, "more"]),
                events=[event("Opened", version=1, features={}, params={})],
                send=[sent(1, 1, [WELCOME, 0, 1, {"epoch": ""}])],
            ),
        ),
        opener(
            "handshake of the opener",
            step("open", send=[sent(1, 0, [HELLO, 0, [1], full])]),
            step(
                "receive",
                buffers=welcome(greeting),
                events=[
                    event("Opened", version=1, features={"f": 1}, epoch="e7", stale_subshells=["s1", "s2"])
                ],
            ),
            step("wait", at=249),
            step("wait", at=250, send=[exactly(0, 1)]),
            step("wait", at=900),
            features=full["features"],
            params=full["params"],
        ),
        opener(
            "handshake of the opener: limits of its own",
            step("open", send=[sent(1, 0, [HELLO, 0, [1], {"limits": LIMITS | {"depth": 9, "calls": 2}}])]),
            limits={"depth": 9, "calls": 2},
        ),
        acceptor(
            "handshake of an acceptor that takes flat values only",
            step(
                "receive",
                buffers=hello(full),
                events=[event("Opened", version=1, features=full["features"], params={"id": "abc"})],
                send=[sent(1, 1, [WELCOME, 0, 1, {"limits": LIMITS | {"depth": 1}}])],
            ),
            receives(
                2, 1, [EVENT, 0, "t", 0, [[]]], send=[sent(2, 2, [ERROR, 0, "kcomm.too_deep", ANY, None])]
            ),
            limits={"depth": 1},
        ),
        acceptor(
            "no version in common, at the acceptor",
            step(
                "receive",
                buffers=packet(1, 0, [HELLO, 0, [7, 9], {}]),
                events=[closed("kcomm.unsupported_version")],
                send=[sent(1, 1, mismatch)],
            ),
            receives(2, 1, [EVENT, 0, "t", 0, None]),
        ),
        acceptor(
            "no version at all",
            step(
                "receive",
                buffers=packet(1, 0, [HELLO, 0, [], {}]),
                events=[closed("kcomm.unsupported_version")],
                send=[sent(1, 1, mismatch)],
            ),
        ),
        opener(
            "no version in common, at the opener",
            {"do": "open"},
            receives(
                1,
                1,
                [BYE, 0, "kcomm.unsupported_version", "they differ"],
                events=[closed("kcomm.unsupported_version", "they differ")],
            ),
        ),
        opener(
            "nobody serves the target",
            {"do": "open"},
            step("cut", events=[closed("kcomm.unknown_target")]),
            step("cut"),
        ),
        opener(
            "nothing is sent before WELCOME",
            step("call", method="m", args=[], limit=0, raises=CLOSED),
            step("emit", topic="t", value=1, raises=CLOSED),
            {"do": "open"},
            step("call", method="m", args=[], limit=0, raises=CLOSED),
            step("emit", topic="t", value=1, raises=CLOSED),
            receive(welcome()),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
        ),
        opener(
            "the opener gives up before WELCOME",
            {"do": "open"},
            step(
                "close",
                code=CLOSED,
                message="bye",
                events=[closed(CLOSED, "bye")],
                send=[exactly(2, 0, [BYE, 0, CLOSED, "bye"])],
            ),
            step("receive", buffers=welcome()),
        ),
        opener(
            "HELLO comes twice from the link",
            {"do": "open"},
            receive(welcome()),
            step("receive", buffers=welcome()),
            step("wait", at=250, send=[exactly(0, 1)]),
        ),
    ]


def ends() -> list[Json]:
    tick = [EVENT, 0, "t", 0, 1]
    return [
        opener(
            "this end closes: what was queued is sent before",
            *open_opener(),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            held("emit", topic="t", value=1),
            step(
                "close",
                code=CLOSED,
                message="bye",
                events=[failed(1, CLOSED, MAY_HAVE_RUN), closed(CLOSED, "bye")],
                send=[exactly(3, 1, tick), exactly(4, 1, [BYE, 0, CLOSED, "bye"])],
            ),
            receives(2, 4, [END, 1, 0, "late"]),
            step("call", method="m", args=[], limit=0, raises=CLOSED),
        ),
        opener(
            "the other end closes",
            *open_opener(),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            receives(2, 1, [CALL, 2, "m", [], 0, {}], events=[called(2)]),
            held("call", method="unsent", args=[], limit=0, returns=3),
            receives(
                3,
                2,
                [BYE, 0, CLOSED, "bye"],
                events=[
                    failed(1, CLOSED, MAY_HAVE_RUN),
                    failed(3, CLOSED, RAN),
                    event("Cancelled", id=2, reason=ANY),
                    closed(CLOSED, "bye"),
                ],
            ),
            step("close", code=CLOSED, message=""),
            step("cut"),
        ),
        opener(
            "the other end gives another reason",
            *open_opener(),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            receives(
                2,
                1,
                [BYE, 0, "kcomm.protocol_error", "what?"],
                events=[
                    failed(1, LOST, MAY_HAVE_RUN),
                    closed("kcomm.protocol_error", "what?"),
                ],
            ),
        ),
        opener(
            "messages behind BYE are ignored",
            *open_opener(),
            receives(
                2,
                1,
                tick,
                [BYE, 0, CLOSED, ""],
                tick,
                events=[
                    event("Emitted", topic="t", value=1, dropped=0),
                    closed(CLOSED, ""),
                ],
            ),
        ),
        acceptor(
            "the connection is cut",
            *open_acceptor(),
            receive(packet(2, 1, [CALL, 1, "m", [], 0, {}], [CALL, 3, "m", [], 0, {}], [CANCEL, 3, ""])),
            calls_step(2, send=[exactly(2, 2, [CALL, 2, "m", [], 0, {}])]),
            held("call", method="m", args=[], limit=0, returns=4),
            step(
                "cut",
                events=[
                    failed(2, LOST, MAY_HAVE_RUN),
                    failed(4, LOST, RAN),
                    event("Cancelled", id=1, reason=ANY),
                    closed(LOST),
                ],
            ),
        ),
        acceptor(
            "a call that was cancelled is not told of the end",
            *open_acceptor(),
            calls_step(2, send=[exactly(2, 1, [CALL, 2, "m", [], 0, {}])]),
            step("cancel", id=2, reason="", send=[exactly(3, 1, [CANCEL, 2, ""])]),
            step("cut", events=[closed(LOST)]),
        ),
    ]


def limits() -> list[Json]:
    def call(id_: int) -> list[Any]:
        return [CALL, id_, "m", [], 0, {}]

    return [
        acceptor(
            "more calls than may be open at once",
            *open_acceptor(),
            receives(
                2,
                1,
                call(1),
                call(3),
                call(5),
                events=[called(1), called(3)],
                send=[sent(2, 2, [ERROR, 5, "kcomm.too_many_calls", ANY, None])],
            ),
            step("end", id=1, value=None, send=[exactly(3, 2, [END, 1, 0, None])]),
            receives(3, 3, call(7), events=[called(7)]),
            limits={"calls": 2},
        ),
        opener(
            "the ring is full",
            *open_opener({"limits": {"window": 6000}}),
            step(
                "call",
                method="m",
                args=["x" * 6000],
                limit=0,
                returns=1,
                send=[exactly(2, 1, [CALL, 1, "m", ["x" * 6000], 0, {}])],
            ),
            step("call", method="m", args=[], limit=0, raises="kcomm.buffer_full"),
            held("emit", topic="t", value=1),
            step("wait"),
            receives(0, 2, events=[event("Writable")], send=[exactly(3, 1, [EVENT, 0, "t", 0, 1])]),
            calls_step(3, send=[exactly(4, 1, call(3))]),
        ),
        opener(
            "the ring is full: volatile items pass",
            *open_opener({"limits": {"window": 6000}}),
            receive(packet(2, 1, [CALL, 2, "s", [], 4, {}])),
            step(
                "call",
                method="m",
                args=["x" * 6000],
                limit=0,
                returns=1,
                send=[exactly(2, 2, [CALL, 1, "m", ["x" * 6000], 0, {}])],
            ),
            step("item", id=2, value="a", volatile=True, returns=0, send=[exactly(0, 2, [NEXT, 2, 0, "a"])]),
            step("end", id=2, value=None),
            receives(0, 2, send=[exactly(3, 2, [END, 2, 1, None])]),
        ),
        opener(
            "a packet of the largest size",
            *open_opener(),
            step(
                "emit",
                topic="t",
                value=to_json(Array("uint8", [1025], big(9))),
                send=[exactly(2, 1, [EVENT, 0, "t", 0, Array("uint8", [1025], big(9))])],
            ),
        ),
        opener(
            "together no more than the other end takes in one packet",
            *open_opener({"limits": {"packet": 4096}}),
            held("emit", topic="t", value="x" * 2000),
            held("emit", topic="t", value="y" * 2000),
            step(
                "wait",
                send=[
                    exactly(2, 1, [EVENT, 0, "t", 0, "x" * 2000]),
                    exactly(3, 1, [EVENT, 0, "t", 1, "y" * 2000]),
                ],
            ),
        ),
    ]
