"""sessions.json: whole sessions, step by step."""

from __future__ import annotations

from typing import Any

from tests.vectors.packet_cases import LIMITS, big
from tests.vectors.steps import (
    closed,
    event,
    exactly,
    failed,
    held,
    hello,
    open_acceptor,
    open_opener,
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
    pack,
    packet,
    to_json,
)

CLOSED, LOST = "kcomm.closed", "kcomm.session_lost"
RAN, MAY_HAVE_RUN = {"may_have_run": False}, {"may_have_run": True}


def session_cases() -> list[Json]:
    """Return the cases of sessions.json."""
    return [*handshakes(), *calls(), *streams(), *events(), *lanes(), *large_messages(), *ends(), *limits()]


def opener(name: str, *steps: Json, **options: Any) -> Json:
    """Return the session of an opener."""
    return {"name": name, "role": "opener", "options": options, "steps": list(steps)}


def acceptor(name: str, *steps: Json, **options: Any) -> Json:
    """Return the session of an acceptor."""
    return {"name": name, "role": "acceptor", "options": options, "steps": list(steps)}


def called(id_: int, method: str = "m", args: Any = None, limit: int = 0, options: Any = None) -> Json:
    """Return the event of a call."""
    return event("Called", id=id_, method=method, args=args or [], limit=limit, options=options or {})


def calls_step(id_: int, method: str = "m", *args: Any, limit: int = 0, **more: Any) -> Json:
    """Return the step of a call that is made."""
    return step("call", method=method, args=to_json(list(args)), limit=limit, returns=id_, **more)


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


def streams() -> list[Json]:
    def item(index: int, value: Any, *, volatile: bool = False, **more: Any) -> Json:
        return step("item", id=1, value=to_json(value), volatile=volatile, returns=index, **more)

    call = [CALL, 1, "s", [], 4, {}]
    served = [*open_acceptor(), receives(2, 1, call, events=[called(1, "s", limit=4)], credit={"1": 4})]
    made = [*open_opener(), calls_step(1, "s", limit=4, send=[exactly(2, 1, call)])]

    def came(index: int, value: Any) -> Json:
        return event("Item", id=1, index=index, value=value)

    return [
        acceptor(
            "a stream is served",
            *served,
            item(0, "a", send=[exactly(2, 2, [NEXT, 1, 0, "a"])], credit={"1": 3}),
            held("item", id=1, value="b", returns=1),
            item(2, "c", send=[exactly(3, 2, [NEXT, 1, 1, "b"], [NEXT, 1, 2, "c"])]),
            receives(
                3, 3, [CREDIT, 1, 6, 2], events=[event("Credited", id=1, limit=6, done=2)], credit={"1": 3}
            ),
            item(3, "d", send=[exactly(4, 3, [NEXT, 1, 3, "d"])]),
            receives(
                4, 4, [CREDIT, 1, 6, 3], events=[event("Credited", id=1, limit=6, done=3)], credit={"1": 2}
            ),
            step("end", id=1, value=None, send=[exactly(5, 4, [END, 1, 4, None])]),
            receives(5, 5, [CREDIT, 1, 8, 4], credit={"1": 0}),
        ),
        acceptor(
            "a volatile stream: the item that uses up the credit is reliable",
            *served,
            item(0, "a", volatile=True, send=[exactly(0, 2, [NEXT, 1, 0, "a"])]),
            item(1, "b", volatile=True, send=[exactly(0, 2, [NEXT, 1, 1, "b"])]),
            item(2, "c", volatile=True, send=[exactly(0, 2, [NEXT, 1, 2, "c"])]),
            item(3, "d", volatile=True, send=[exactly(2, 2, [NEXT, 1, 3, "d"])], credit={"1": 0}),
            receives(3, 2, [CREDIT, 1, 5, 1], events=[event("Credited", id=1, limit=5, done=1)]),
            item(4, "e", volatile=True, send=[exactly(3, 3, [NEXT, 1, 4, "e"])]),
            receives(4, 3, [CREDIT, 1, 7, 3], events=[event("Credited", id=1, limit=7, done=3)]),
            item(5, "f", volatile=True, send=[exactly(0, 4, [NEXT, 1, 5, "f"])]),
            step("end", id=1, value="done", send=[exactly(4, 4, [END, 1, 6, "done"])]),
        ),
        acceptor(
            "a volatile stream: what leaves together with something reliable is reliable",
            *served,
            held("item", id=1, value="a", volatile=True, returns=0),
            step("end", id=1, value=None, send=[exactly(2, 2, [NEXT, 1, 0, "a"], [END, 1, 1, None])]),
        ),
        acceptor(
            "a volatile stream of arrays",
            *served,
            item(
                0,
                Array("uint8", [1025], big(1)),
                volatile=True,
                send=[exactly(0, 2, [NEXT, 1, 0, Array("uint8", [1025], big(1))])],
            ),
        ),
        acceptor(
            "an empty stream",
            *served,
            step("end", id=1, value=None, send=[exactly(2, 2, [END, 1, 0, None])]),
        ),
        acceptor(
            "a stream that fails",
            *served,
            item(0, 1, send=[exactly(2, 2, [NEXT, 1, 0, 1])]),
            step(
                "fail",
                id=1,
                code="app.no",
                message="no",
                send=[exactly(3, 2, [ERROR, 1, "app.no", "no", None])],
            ),
        ),
        acceptor(
            "a stream that is cancelled sends no more items",
            *served,
            item(0, "a", send=[exactly(2, 2, [NEXT, 1, 0, "a"])]),
            receives(3, 2, [CANCEL, 1, "left"], events=[event("Cancelled", id=1, reason="left")]),
            item(1, "b"),
            step(
                "fail",
                id=1,
                code="kcomm.cancelled",
                message="",
                send=[exactly(3, 3, [ERROR, 1, "kcomm.cancelled", "", None])],
            ),
        ),
        opener(
            "a stream is consumed: credit goes back in halves of the window",
            *made,
            receives(2, 2, [NEXT, 1, 0, "a"], [NEXT, 1, 1, "b"], events=[came(0, "a"), came(1, "b")]),
            step("consume", id=1, done=1),
            step("consume", id=1, done=2, send=[exactly(3, 2, [CREDIT, 1, 6, 2])]),
            step("consume", id=1, done=2),
            receives(
                3, 3, *([NEXT, 1, i, i] for i in (2, 3, 4, 5)), events=[came(i, i) for i in (2, 3, 4, 5)]
            ),
            step("consume", id=1, done=6, send=[exactly(4, 3, [CREDIT, 1, 10, 6])]),
            receives(4, 4, [END, 1, 6, None], events=[event("Ended", id=1, index=6, value=None)]),
            step("consume", id=1, done=6),
        ),
        opener(
            "a window of one",
            *open_opener(),
            calls_step(1, "s", limit=1, send=[exactly(2, 1, [CALL, 1, "s", [], 1, {}])]),
            receives(2, 2, [NEXT, 1, 0, "a"], events=[came(0, "a")]),
            step("consume", id=1, done=1, send=[exactly(3, 2, [CREDIT, 1, 2, 1])]),
            receives(3, 3, [NEXT, 1, 1, "b"], events=[came(1, "b")]),
        ),
        opener(
            "of two CREDITs that wait the later one is sent, before all else",
            *open_opener(),
            calls_step(1, "s", limit=2, send=[exactly(2, 1, [CALL, 1, "s", [], 2, {}])]),
            receives(2, 2, [NEXT, 1, 0, "a"], [NEXT, 1, 1, "b"], events=[came(0, "a"), came(1, "b")]),
            held("emit", topic="t", value=1),
            held("consume", id=1, done=1),
            held("consume", id=1, done=2),
            step("wait", send=[exactly(3, 2, [CREDIT, 1, 4, 2], [EVENT, 0, "t", 0, 1])]),
        ),
        opener(
            "a volatile stream is consumed: losses, and items that were overtaken",
            *made,
            receives(0, 2, [NEXT, 1, 0, "a"], events=[came(0, "a")]),
            receives(0, 2, [NEXT, 1, 2, "c"], events=[came(2, "c")]),
            receives(0, 2, [NEXT, 1, 1, "b"]),
            receives(0, 2, [NEXT, 1, 2, "c"]),
            receives(2, 2, [NEXT, 1, 3, "d"], events=[came(3, "d")]),
            step("consume", id=1, done=4, send=[exactly(3, 2, [CREDIT, 1, 8, 4])]),
            receives(3, 3, [END, 1, 7, None], events=[event("Ended", id=1, index=7, value=None)]),
            receives(0, 3, [NEXT, 1, 5, "late"]),
        ),
        opener(
            "a stream is left",
            *made,
            receives(2, 2, [NEXT, 1, 0, "a"], events=[came(0, "a")]),
            step("cancel", id=1, reason="left", send=[exactly(3, 2, [CANCEL, 1, "left"])]),
            receives(3, 2, [NEXT, 1, 1, "b"]),
            step("consume", id=1, done=2),
            receives(4, 3, [ERROR, 1, "kcomm.cancelled", "", None]),
        ),
        opener(
            "streams both ways at once",
            *made,
            receives(2, 2, [CALL, 2, "t", [], 2, {}], events=[called(2, "t", limit=2)]),
            step("item", id=2, value="x", returns=0, send=[exactly(3, 2, [NEXT, 2, 0, "x"])]),
            receives(
                3,
                3,
                [NEXT, 1, 0, "a"],
                [CREDIT, 2, 3, 1],
                events=[came(0, "a"), event("Credited", id=2, limit=3, done=1)],
            ),
            step("end", id=2, value=None, send=[exactly(4, 3, [END, 2, 1, None])]),
        ),
    ]


def events() -> list[Json]:
    def emitted(topic: str, value: Any, dropped: int = 0) -> Json:
        return event("Emitted", topic=topic, value=value, dropped=dropped)

    kept = [[EVENT, 0, "t", i, "x"] for i in range(2, 1002)]
    return [
        opener(
            "events",
            *open_opener(),
            step("emit", topic="t", value={"n": 1}, send=[exactly(2, 1, [EVENT, 0, "t", 0, {"n": 1}])]),
            step("emit", topic="t", value=None, send=[exactly(3, 1, [EVENT, 0, "t", 1, None])]),
            step("emit", topic="u", value=None, send=[exactly(4, 1, [EVENT, 0, "u", 0, None])]),
        ),
        opener(
            "of events of which the latest counts, one waits",
            *open_opener(),
            held("emit", topic="t", value=1, latest=True),
            held("emit", topic="u", value="other", latest=True),
            held("emit", topic="t", value=2, latest=True),
            held("emit", topic="v", value="queued"),
            step(
                "emit",
                topic="t",
                value=3,
                latest=True,
                send=[
                    exactly(
                        2, 1, [EVENT, 0, "u", 0, "other"], [EVENT, 0, "v", 0, "queued"], [EVENT, 0, "t", 2, 3]
                    )
                ],
            ),
            step("emit", topic="t", value=4, latest=True, send=[exactly(3, 1, [EVENT, 0, "t", 3, 4])]),
        ),
        opener(
            "of other events 1 000 wait",
            *open_opener(),
            {**held("emit", topic="t", value="x"), "repeat": 1002},
            step("wait", send=[exactly(2, 1, *kept)]),
            step("emit", topic="t", value="y", send=[exactly(3, 1, [EVENT, 0, "t", 1002, "y"])]),
        ),
        acceptor(
            "events that come, with gaps",
            *open_acceptor(),
            receives(2, 1, [EVENT, 0, "t", 0, 1], events=[emitted("t", 1)]),
            receives(
                3,
                1,
                [EVENT, 0, "t", 4, 2],
                [EVENT, 0, "u", 2, 3],
                [EVENT, 0, "t", 5, 4],
                events=[emitted("t", 2, 3), emitted("u", 3, 2), emitted("t", 4)],
            ),
        ),
        acceptor(
            "an event that can't be read is one of its topic",
            *open_acceptor(),
            receives(
                2,
                1,
                [EVENT, 0, "t", 0, Raw(b"\xd4\5a")],
                send=[sent(2, 2, [ERROR, 0, "kcomm.bad_value", ANY, None])],
            ),
            receives(3, 2, [EVENT, 0, "t", 1, 2], events=[emitted("t", 2, 0)]),
        ),
    ]


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
        acceptor(
            "a gap ends the channel",
            *busy,
            receives(
                4,
                2,
                [*tick, 0, 0],
                events=[ran, stopped, closed(LOST)],
                send=[sent(3, 2, [BYE, 0, LOST, ANY])],
            ),
            receives(3, 2, [*tick, 0, 0]),
            step("call", method="m", args=[], limit=0, raises=CLOSED),
            step("end", id=1, value=None, raises=CLOSED),
            step("emit", topic="t", value=None, raises=CLOSED),
            step("close", code=CLOSED, message=""),
        ),
        acceptor(
            "a NACK ends the channel",
            *busy,
            receives(
                0,
                1,
                [NACK, 0, 2, 2],
                events=[ran, stopped, closed(LOST)],
                send=[sent(3, 2, [BYE, 0, LOST, ANY])],
            ),
        ),
        acceptor(
            "a PROBE of what came is answered at once",
            *open_acceptor(),
            receives(0, 0, [PROBE, 0, 1], send=[exactly(0, 1)]),
        ),
        acceptor(
            "a PROBE of what did not come shows a gap",
            *busy,
            receives(
                0,
                2,
                [PROBE, 0, 3],
                events=[ran, stopped, closed(LOST)],
                send=[sent(3, 2, [BYE, 0, LOST, ANY])],
            ),
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
