"""sessions.json: more calls and events than the other end takes at once."""

from __future__ import annotations

from typing import Any

from tests.vectors.steps import (
    CLOSED,
    LOST,
    acceptor,
    calls_step,
    closed,
    event,
    exactly,
    failed,
    held,
    open_acceptor,
    open_opener,
    opener,
    receives,
    step,
)
from tests.vectors.wire import BYE, CALL, CANCEL, END, ERROR, EVENT, NEXT, Json

NOT_RUN, MAY_HAVE_RUN = {"may_have_run": False}, {"may_have_run": True}


def held_back() -> list[Json]:
    """Return the sessions of callers that want more at once than the other end takes."""
    two = {"limits": {"calls": 2}}
    return [
        opener(
            "calls beyond the other end's limit are held back, and sent as others end",
            *open_opener(two),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            calls_step(3, limit=4, send=[exactly(3, 1, [CALL, 3, "m", [], 4, {}])]),
            calls_step(5),
            calls_step(7, "n", 1),
            calls_step(9),
            step("consume", id=5, done=0),
            receives(
                2,
                3,
                [END, 1, 0, None],
                events=[event("Ended", id=1, index=0, value=None)],
                send=[exactly(4, 2, [CALL, 5, "m", [], 0, {}])],
            ),
            receives(
                3,
                4,
                [ERROR, 5, "app.no", "no", None],
                [NEXT, 3, 0, 1],
                [END, 3, 1, None],
                events=[
                    event("Failed", id=5, code="app.no", message="no", data=None),
                    event("Item", id=3, index=0, value=1),
                    event("Ended", id=3, index=1, value=None),
                ],
                send=[exactly(5, 3, [CALL, 7, "n", [1], 0, {}], [CALL, 9, "m", [], 0, {}])],
            ),
        ),
        opener(
            "a call that is cancelled counts until its terminal message",
            *open_opener({"limits": {"calls": 1}}),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            calls_step(3),
            step("cancel", id=1, reason="", send=[exactly(3, 1, [CANCEL, 1, ""])]),
            receives(
                2, 3, [ERROR, 1, "kcomm.cancelled", "", None], send=[exactly(4, 2, [CALL, 3, "m", [], 0, {}])]
            ),
        ),
        opener(
            "a call that is cancelled while it is held back never goes out",
            *open_opener({"limits": {"calls": 1}}),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            calls_step(3),
            calls_step(5),
            step("cancel", id=3, reason="enough"),
            step("cancel", id=3, reason="again"),
            receives(
                2,
                2,
                [END, 1, 0, None],
                events=[event("Ended", id=1, index=0, value=None)],
                send=[exactly(3, 2, [CALL, 5, "m", [], 0, {}])],
            ),
            receives(
                3,
                3,
                [ERROR, 5, "c", "m", None],
                events=[event("Failed", id=5, code="c", message="m", data=None)],
            ),
        ),
        opener(
            "a call that was held back when the channel closed has not run",
            *open_opener({"limits": {"calls": 1}}),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            calls_step(3),
            step(
                "close",
                events=[failed(1, CLOSED, MAY_HAVE_RUN), failed(3, CLOSED, NOT_RUN), closed(CLOSED, "")],
                send=[exactly(3, 1, [BYE, 0, CLOSED, ""])],
            ),
        ),
        opener(
            "a call that was held back when the connection broke has not run",
            *open_opener({"limits": {"calls": 1}}),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            calls_step(3),
            step("cut", events=[failed(1, LOST, MAY_HAVE_RUN), failed(3, LOST, NOT_RUN), closed(LOST)]),
        ),
        opener(
            "what is held back counts as bytes that wait",
            *open_opener({"limits": {"calls": 1, "window": 200}}),
            calls_step(1, send=[exactly(2, 1, [CALL, 1, "m", [], 0, {}])]),
            calls_step(3, "m", "x" * 200),
            step("call", method="m", args=[], limit=0, raises="kcomm.buffer_full"),
            step("cancel", id=3, reason=""),
            calls_step(5),
            receives(
                2,
                2,
                [END, 1, 0, None],
                events=[event("Writable"), event("Ended", id=1, index=0, value=None)],
                send=[exactly(3, 2, [CALL, 5, "m", [], 0, {}])],
            ),
        ),
    ]


def topics() -> list[Json]:
    """Return the session of a sender that knows how many topics the other end takes."""
    return [
        opener(
            "an event on more topics than the other end takes is refused by the sender",
            *open_opener({"limits": {"topics": 1}}),
            step("emit", topic="a", value=1, send=[exactly(2, 1, [EVENT, 0, "a", 0, 1])]),
            step("emit", topic="b", value=1, raises="kcomm.bad_arguments"),
            step("emit", topic="a", value=2, send=[exactly(3, 1, [EVENT, 0, "a", 1, 2])]),
        ),
    ]


def volatile_items() -> list[Json]:
    """Return the session of a callee whose volatile items nobody acknowledges."""
    text = "x" * 60

    def item(index: int, seq: int, ack: int, **more: Any) -> Json:
        sends = exactly(seq, ack, [NEXT, 1, index, text])
        return step("item", id=1, value=text, volatile=True, returns=index, send=[sends], **more)

    return [
        acceptor(
            "volatile items are reliable now and then, and count in the window until that was acknowledged",
            *open_acceptor({"limits": {"window": 600}}),
            receives(
                2,
                1,
                [CALL, 1, "frames", [], 100, {}],
                events=[event("Called", id=1, method="frames", args=[], limit=100, options={})],
            ),
            item(0, 0, 2),
            item(1, 0, 2),
            item(2, 2, 2),
            item(3, 0, 2),
            receives(0, 2),
            item(4, 0, 2),
            item(5, 3, 2),
        ),
    ]


def bounded_events() -> list[Json]:
    """Return the sessions of senders whose events wait in too many bytes."""
    text = "x" * 100

    def emit(value: str | int) -> Json:
        return held("emit", topic="t", value=value)

    return [
        acceptor(
            "events that wait are bounded in bytes",
            *open_acceptor({"limits": {"window": 500}}),
            emit(text),
            emit(text),
            held("emit", topic="u", value=text),
            step(
                "emit",
                topic="u",
                value=1,
                send=[
                    exactly(2, 1, [EVENT, 0, "t", 1, text], [EVENT, 0, "u", 0, text], [EVENT, 0, "u", 1, 1])
                ],
            ),
        ),
        opener(
            "the newest event of a topic waits whatever its size",
            *open_opener({"limits": {"window": 100}}),
            emit(text),
            held("emit", topic="u", value=text),
            emit(text + text),
            step(
                "emit",
                topic="u",
                value=1,
                latest=True,
                send=[exactly(2, 1, [EVENT, 0, "t", 1, text + text], [EVENT, 0, "u", 1, 1])],
            ),
        ),
    ]
