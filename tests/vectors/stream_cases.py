"""sessions.json: streams and events."""

from __future__ import annotations

from typing import Any

from tests.vectors.packet_cases import big
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
    receives,
    sent,
    step,
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
    Array,
    Json,
    Raw,
    to_json,
)


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
