"""The state machines: the tables of the specification, and a session in every state with every input."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcomm.errors import ChannelClosedError, KcommError, ProtocolError
from kcomm.protocol import Session, events
from kcomm.protocol.messages import Kind
from kcomm.protocol.states import (
    CALLEE,
    CALLER,
    CONNECTION,
    Callee,
    CalleeInput,
    Caller,
    CallerInput,
    Connection,
    Input,
)
from tests.vectors import wire

SPECIFICATION = Path(__file__).parents[1] / "docs" / "protocol.md"
In, C = Input, Connection

COLUMNS: dict[str, list[Enum]] = {
    "Connection": [
        In.SEND_HELLO,
        In.RECEIVE_HELLO,
        In.SEND_WELCOME,
        In.RECEIVE_WELCOME,
        In.SEND,
        In.RECEIVE,
        In.SEND_BYE,
        In.RECEIVE_BYE,
        In.CUT,
    ],
    "A call, at its caller": [
        CallerInput.NEXT,
        CallerInput.TERMINAL,
        CallerInput.CANCEL,
        CallerInput.CLOSE,
    ],
    "A call, at its callee": [
        CalleeInput.ITEM,
        CalleeInput.TERMINAL,
        CalleeInput.CANCEL,
        CalleeInput.CREDIT,
        CalleeInput.CLOSE,
    ],
}
TABLES: dict[str, tuple[type[Enum], Any]] = {
    "Connection": (Connection, CONNECTION),
    "A call, at its caller": (Caller, CALLER),
    "A call, at its callee": (Callee, CALLEE),
}


def read_table(title: str) -> list[list[str]]:
    """Return the rows of a table of the specification."""
    text = SPECIFICATION.read_text(encoding="utf-8")
    section = text[text.index(f"**{title}**") :]
    lines = section[section.index("|") :].splitlines()[2:]
    rows = lines[: lines.index("")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("title", TABLES)
def test_the_tables_are_those_of_the_specification(title):
    states, table = TABLES[title]
    written = {}
    for name, *cells in read_table(title):
        assert len(cells) == len(COLUMNS[title])
        written[states[name.upper()]] = {
            input_: states[cell.split(" (")[0].upper()]
            for input_, cell in zip(COLUMNS[title], cells, strict=True)
            if cell
        }
    assert table == written


# --- a session in every state ----------------------------------------------------------------------

HELLO, WELCOME = [wire.HELLO, 0, [1], {}], [wire.WELCOME, 0, 1, {}]
BYE, EVENT = [wire.BYE, 0, "kcomm.closed", ""], [wire.EVENT, 0, "t", 0, None]
MESSAGES = {In.RECEIVE_HELLO: HELLO, In.RECEIVE_WELCOME: WELCOME, In.RECEIVE_BYE: BYE, In.RECEIVE: EVENT}


def in_state(state: Connection) -> tuple[Session, int]:
    """Return a session in a state, and the number of the next packet for it."""
    if state is C.IDLE:
        return Session("acceptor"), 1
    if state is C.OPENING:
        session = Session("opener")
        session.open()
        session.next_packet(0)
        return session, 1
    if state is C.ACCEPTING:
        # It is passed through at once: a session welcomes whoever says HELLO.
        session = Session("acceptor")
        session.state = C.ACCEPTING
        return session, 1
    session = Session("acceptor")
    session.receive([wire.pack([1, 0, [HELLO]])], 0)
    if state is C.CLOSED:
        session.close()
    while session.next_packet(0):
        pass
    return session, 2


@pytest.mark.parametrize("input_", MESSAGES)
@pytest.mark.parametrize("state", Connection)
def test_every_state_with_every_message(state, input_):
    session, seq = in_state(state)
    happened = session.receive([wire.pack([seq, 0, [MESSAGES[input_]]])], 0)
    expected = CONNECTION[state].get(input_)
    if state is C.CLOSED:
        assert happened == []
        assert session.state is C.CLOSED
    elif expected is None:
        assert isinstance(happened[-1], events.Closed)
        assert happened[-1].code == "kcomm.protocol_error"
        assert session.state is C.CLOSED
    elif expected is C.ACCEPTING:
        assert session.state is C.OPEN
    else:
        assert session.state is expected


ACTIONS: dict[str, tuple[Input, Any]] = {
    "open": (In.SEND_HELLO, Session.open),
    "call": (In.SEND, lambda session: session.call("m")),
    "emit": (In.SEND, lambda session: session.emit("t", None)),
    "report": (In.SEND, lambda session: session.report("c", "m")),
    "close": (In.SEND_BYE, Session.close),
    "cut": (In.CUT, Session.cut),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", Connection)
def test_every_state_with_every_action(state, action):
    session, _ = in_state(state)
    input_, act = ACTIONS[action]
    expected = CONNECTION[state].get(input_)
    if expected is None:
        with pytest.raises((ProtocolError, ChannelClosedError)):
            act(session)
        assert session.state is state
    else:
        act(session)
        assert session.state is expected


@pytest.mark.parametrize("state", Connection)
def test_answers_need_a_call(state):
    session, _ = in_state(state)
    for answer in (
        lambda: session.end(1),
        lambda: session.fail(1, "c", "m"),
        lambda: session.item(1, None),
    ):
        with pytest.raises(KcommError):
            answer()
    session.cancel(1)
    session.consume(1, 5)
    assert session.credit(1) == 0


# --- any messages in any order ---------------------------------------------------------------------

small = st.integers(0, 5)
NAMED: dict[Kind, Any] = {
    Kind.HELLO: st.just(HELLO),
    Kind.WELCOME: st.just(WELCOME),
    Kind.CALL: st.tuples(st.just(2), small, st.just("m"), st.just([]), small, st.just({})),
    Kind.NEXT: st.tuples(st.just(3), small, small, st.none()),
    Kind.END: st.tuples(st.just(4), small, small, st.none()),
    Kind.ERROR: st.tuples(st.just(5), small, st.just("c"), st.just("m"), st.none()),
    Kind.CANCEL: st.tuples(st.just(6), small, st.just("r")),
    Kind.CREDIT: st.tuples(st.just(7), small, small, small),
    Kind.EVENT: st.tuples(st.just(8), st.just(0), st.sampled_from("tu"), small, st.none()),
    Kind.NACK: st.tuples(st.just(9), st.just(0), small, small),
    Kind.PART: st.tuples(st.just(10), small, small, st.lists(small, max_size=2), st.binary(max_size=3)),
    Kind.BYE: st.just(BYE),
    Kind.PROBE: st.tuples(st.just(12), st.just(0), small),
}
# What ends a session comes seldom, so that much can happen before.
likely = [NAMED[kind] for kind in (Kind.CALL, Kind.NEXT, Kind.END, Kind.CANCEL, Kind.CREDIT, Kind.EVENT)]
any_message = st.one_of(*likely, *likely, *NAMED.values()).map(list)
local_actions = st.sampled_from(
    ["call", "stream", "cancel", "item", "end", "fail", "consume", "emit", "close", "cut"]
)


def do(session: Session, action: str, id_: int) -> list[events.Event]:
    """Do something at the local end, of which the id may be wrong."""
    try:
        match action:
            case "call":
                session.call("m")
            case "stream":
                session.call("m", limit=3)
            case "cancel":
                session.cancel(id_)
            case "item":
                session.item(id_, None)
            case "end":
                session.end(id_)
            case "fail":
                session.fail(id_, "c", "m")
            case "consume":
                session.consume(id_, min(id_, 2))
            case "emit":
                session.emit("t", None)
            case "close":
                return session.close()
            case "cut":
                return session.cut()
    except (KcommError, RuntimeError):
        pass
    return []


@settings(max_examples=300)
@given(
    st.sampled_from(["opener", "acceptor"]),
    st.lists(any_message | st.tuples(local_actions, small).map(lambda pair: pair), max_size=30),
)
def test_any_messages_and_actions_in_any_order(role, script):
    session, seq, happened = Session(role), 0, []
    if role == "opener":
        session.open()
    greeting = WELCOME if role == "opener" else HELLO
    for entry in [greeting, *script]:
        if isinstance(entry, tuple):
            happened += do(session, *entry)
        else:
            seq += 1
            happened += session.receive([wire.pack([seq, 0, [entry]])], 0)
        while session.next_packet(0) is not None:
            pass
    check_history(happened)


def check_history(happened: list[events.Event]) -> None:
    """Look at what holds for the events of any session."""
    names = [type(event).__name__ for event in happened]
    assert names.count("Opened") <= 1
    assert names.count("Closed") <= 1
    if "Closed" in names:
        assert names[-1] == "Closed"
    over: set[int] = set()
    called: list[int] = []
    cancelled: list[int] = []
    for event in happened:
        match event:
            case events.Item() | events.Ended() | events.Failed():
                assert event.id not in over, "nothing comes after a terminal message"
                if not isinstance(event, events.Item):
                    over.add(event.id)
            case events.Called():
                called.append(event.id)
            case events.Cancelled():
                cancelled.append(event.id)
    assert called == sorted(set(called))
    assert len(cancelled) == len(set(cancelled))
    assert set(cancelled) <= set(called)
