"""The state machines, as tables (section 4 of the specification). What is not in a table is an error."""

from __future__ import annotations

from enum import Enum, auto


class Connection(Enum):
    """States of a connection."""

    IDLE = auto()
    OPENING = auto()
    ACCEPTING = auto()
    OPEN = auto()
    CLOSED = auto()


class Input(Enum):
    """What happens to a connection."""

    SEND_HELLO = auto()
    RECEIVE_HELLO = auto()
    SEND_WELCOME = auto()
    RECEIVE_WELCOME = auto()
    SEND = auto()
    RECEIVE = auto()
    SEND_BYE = auto()
    RECEIVE_BYE = auto()
    CUT = auto()


_C, _I = Connection, Input
CONNECTION: dict[Connection, dict[Input, Connection]] = {
    _C.IDLE: {
        _I.SEND_HELLO: _C.OPENING,
        _I.RECEIVE_HELLO: _C.ACCEPTING,
        _I.SEND_BYE: _C.CLOSED,
        _I.CUT: _C.CLOSED,
    },
    _C.OPENING: {
        _I.RECEIVE_WELCOME: _C.OPEN,
        _I.SEND_BYE: _C.CLOSED,
        _I.RECEIVE_BYE: _C.CLOSED,
        _I.CUT: _C.CLOSED,
    },
    _C.ACCEPTING: {
        _I.SEND_WELCOME: _C.OPEN,
        _I.SEND_BYE: _C.CLOSED,
        _I.RECEIVE_BYE: _C.CLOSED,
        _I.CUT: _C.CLOSED,
    },
    _C.OPEN: {
        _I.SEND: _C.OPEN,
        _I.RECEIVE: _C.OPEN,
        _I.SEND_BYE: _C.CLOSED,
        _I.RECEIVE_BYE: _C.CLOSED,
        _I.CUT: _C.CLOSED,
    },
    _C.CLOSED: {
        _I.RECEIVE_HELLO: _C.CLOSED,
        _I.RECEIVE_WELCOME: _C.CLOSED,
        _I.RECEIVE: _C.CLOSED,
        _I.SEND_BYE: _C.CLOSED,
        _I.RECEIVE_BYE: _C.CLOSED,
        _I.CUT: _C.CLOSED,
    },
}


class Caller(Enum):
    """States of a call at the end that made it."""

    WAITING = auto()
    CANCELLED = auto()
    DONE = auto()


class CallerInput(Enum):
    """What happens to a call at the end that made it."""

    NEXT = auto()
    TERMINAL = auto()
    CANCEL = auto()
    CLOSE = auto()


CALLER: dict[Caller, dict[CallerInput, Caller]] = {
    Caller.WAITING: {
        CallerInput.NEXT: Caller.WAITING,
        CallerInput.TERMINAL: Caller.DONE,
        CallerInput.CANCEL: Caller.CANCELLED,
        CallerInput.CLOSE: Caller.DONE,
    },
    Caller.CANCELLED: {
        CallerInput.NEXT: Caller.CANCELLED,
        CallerInput.TERMINAL: Caller.DONE,
        CallerInput.CANCEL: Caller.CANCELLED,
        CallerInput.CLOSE: Caller.DONE,
    },
}


class Callee(Enum):
    """States of a call at the end that answers it."""

    RUNNING = auto()
    CANCELLING = auto()
    DONE = auto()


class CalleeInput(Enum):
    """What happens to a call at the end that answers it."""

    ITEM = auto()
    TERMINAL = auto()
    CANCEL = auto()
    CREDIT = auto()
    CLOSE = auto()


CALLEE: dict[Callee, dict[CalleeInput, Callee]] = {
    Callee.RUNNING: {
        CalleeInput.ITEM: Callee.RUNNING,
        CalleeInput.TERMINAL: Callee.DONE,
        CalleeInput.CANCEL: Callee.CANCELLING,
        CalleeInput.CREDIT: Callee.RUNNING,
        CalleeInput.CLOSE: Callee.DONE,
    },
    Callee.CANCELLING: {
        CalleeInput.ITEM: Callee.CANCELLING,
        CalleeInput.TERMINAL: Callee.DONE,
        CalleeInput.CANCEL: Callee.CANCELLING,
        CalleeInput.CREDIT: Callee.CANCELLING,
        CalleeInput.CLOSE: Callee.DONE,
    },
}
