"""sessions.json: calls, and how they end."""

from __future__ import annotations

from tests.vectors.packet_cases import big
from tests.vectors.pressure_cases import bounded_events, held_back, topics, volatile_items
from tests.vectors.steps import (
    acceptor,
    called,
    calls_step,
    event,
    exactly,
    held,
    open_acceptor,
    open_opener,
    opener,
    receive,
    receives,
    step,
)
from tests.vectors.wire import (
    CALL,
    CANCEL,
    CREDIT,
    END,
    ERROR,
    EVENT,
    Array,
    Json,
    packet,
    to_json,
)

RAN, MAY_HAVE_RUN = {"may_have_run": False}, {"may_have_run": True}


def calls() -> list[Json]:
    array = Array("float32", [2, 2], bytes(16))
    return [
        acceptor(
            "a call of the other end",
            *open_acceptor(),
            receives(
                2,
                1,
                [CALL, 1, "add", [2, 3], 0, {"timeout": 5000}],
                events=[called(1, "add", [2, 3], options={"timeout": 5000})],
            ),
            step("end", id=1, value=5, send=[exactly(2, 2, [END, 1, 0, 5])]),
            step("end", id=1, value=6, raises="kcomm.bad_arguments"),
        ),
        acceptor(
            "a call by names",
            *open_acceptor(),
            receives(
                2,
                1,
                [CALL, 1, "add", {"a": 2, "b": 3}, 0, {}],
                events=[event("Called", id=1, method="add", args={"a": 2, "b": 3}, limit=0, options={})],
            ),
            step(
                "fail",
                id=1,
                code="app.no",
                message="no",
                data={"type": "X"},
                send=[exactly(2, 2, [ERROR, 1, "app.no", "no", {"type": "X"}])],
            ),
        ),
        opener(
            "calls of this end",
            *open_opener(),
            calls_step(1, "add", 2, 3, send=[exactly(2, 1, [CALL, 1, "add", [2, 3], 0, {}])]),
            step(
                "call",
                method="add",
                args={"a": 1},
                limit=0,
                options={"timeout": 9},
                returns=3,
                send=[exactly(3, 1, [CALL, 3, "add", {"a": 1}, 0, {"timeout": 9}])],
            ),
            receives(
                2,
                3,
                [ERROR, 3, "kcomm.bad_arguments", "b is missing", None],
                [END, 1, 0, 5],
                events=[
                    event("Failed", id=3, code="kcomm.bad_arguments", message="b is missing", data=None),
                    event("Ended", id=1, index=0, value=5),
                ],
            ),
            receives(
                3, 3, [END, 1, 0, 6], [ERROR, 3, "c", "m", None], [CREDIT, 1, 5, 5], [CANCEL, 3, "late"]
            ),
        ),
        acceptor(
            "an acceptor calls with even ids",
            *open_acceptor(),
            calls_step(2, send=[exactly(2, 1, [CALL, 2, "m", [], 0, {}])]),
            calls_step(4, send=[exactly(3, 1, [CALL, 4, "m", [], 0, {}])]),
        ),
        opener(
            "what is queued together leaves together",
            *open_opener(),
            held("call", method="a", args=[], limit=0, returns=1),
            held("emit", topic="t", value=to_json(array)),
            calls_step(
                3,
                "b",
                big(1),
                big(2),
                send=[
                    exactly(
                        2,
                        1,
                        [CALL, 1, "a", [], 0, {}],
                        [EVENT, 0, "t", 0, array],
                        [CALL, 3, "b", [big(1), big(2)], 0, {}],
                    )
                ],
            ),
        ),
        opener(
            "a value that can't be sent changes nothing",
            *open_opener(),
            step("call", method="m", args=[{"__proto__": 1}], limit=0, raises="kcomm.bad_value"),
            step("emit", topic="t", value={"constructor": 1}, raises="kcomm.bad_value"),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            step("emit", topic="t", value=1, send=[exactly(3, 1, [EVENT, 0, "t", 0, 1])]),
        ),
        acceptor(
            "a result that can't be sent leaves the call to be failed",
            *open_acceptor(),
            receive(packet(2, 1, [CALL, 1, "m", [], 0, {}])),
            step("end", id=1, value={"constructor": 1}, raises="kcomm.bad_value"),
            step(
                "fail",
                id=1,
                code="kcomm.bad_value",
                message="it can't be sent",
                send=[exactly(2, 2, [ERROR, 1, "kcomm.bad_value", "it can't be sent", None])],
            ),
        ),
        opener(
            "a call is cancelled by its caller",
            *open_opener(),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            step("cancel", id=1, reason="enough", send=[exactly(3, 1, [CANCEL, 1, "enough"])]),
            step("cancel", id=1, reason="again"),
            receives(2, 3, [END, 1, 0, "late"]),
            receives(3, 3, [ERROR, 1, "kcomm.cancelled", "later", None]),
            step("cancel", id=1, reason="after its end"),
            step("cancel", id=99, reason="never made"),
        ),
        acceptor(
            "a call is cancelled by the other end",
            *open_acceptor(),
            receive(packet(2, 1, [CALL, 1, "m", [], 0, {}])),
            receives(
                3,
                1,
                [CANCEL, 1, "enough"],
                [CANCEL, 1, "again"],
                events=[event("Cancelled", id=1, reason="enough")],
            ),
            step(
                "fail",
                id=1,
                code="kcomm.cancelled",
                message="",
                send=[exactly(2, 3, [ERROR, 1, "kcomm.cancelled", "", None])],
            ),
            receives(4, 2, [CANCEL, 1, "after its end"]),
        ),
        *held_back(),
        *bounded_events(),
        *volatile_items(),
        *topics(),
        acceptor(
            "errors without an id",
            *open_acceptor(),
            receives(
                2,
                1,
                [ERROR, 0, "kcomm.unknown_topic", "who?", None],
                events=[event("Reported", code="kcomm.unknown_topic", message="who?")],
            ),
            step(
                "report",
                code="kcomm.unknown_topic",
                message="me?",
                send=[exactly(2, 2, [ERROR, 0, "kcomm.unknown_topic", "me?", None])],
            ),
        ),
        acceptor(
            "what a later version may add",
            *open_acceptor(),
            receives(
                2,
                1,
                [64, 0, big(1)],
                [2**53 - 1, 7, "x"],
                [CALL, 1, "m", [big(2)], 0, {"x": 1}, "y"],
                events=[called(1, "m", [big(2)], options={"x": 1})],
            ),
            receives(0, 1, [100, 5, Array("int8", [1], b"\1", attached=True)]),
        ),
    ]
