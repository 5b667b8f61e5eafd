"""The kinds of message and the types of their fields (section 3 of the specification)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from kcomm.errors import ProtocolError

MAX_ID = (1 << 53) - 1
FIRST_EXTENSION = 64


class Kind(IntEnum):
    """What a message is."""

    HELLO = 0
    WELCOME = 1
    CALL = 2
    NEXT = 3
    END = 4
    ERROR = 5
    CANCEL = 6
    CREDIT = 7
    EVENT = 8
    NACK = 9
    PART = 10
    BYE = 11
    PROBE = 12


def is_count(value: object) -> bool:
    """Return whether a value is an integer from 0 to 2**53 - 1."""
    return type(value) is int and 0 <= value <= MAX_ID


def _is_text(value: object) -> bool:
    return type(value) is str


def _is_map(value: object) -> bool:
    return type(value) is dict


def _is_list(value: object) -> bool:
    return type(value) is list


def _is_any(value: object) -> bool:
    return True


#: The first message of each end, alone in its packet.
GREETINGS = frozenset({Kind.HELLO, Kind.WELCOME})
#: What a volatile packet may hold: it may be lost, and these bear that.
VOLATILE = frozenset({Kind.NEXT, Kind.NACK, Kind.PROBE})
#: For each kind the names of its fields after the id, and what each must be.
FIELDS: dict[Kind, tuple[tuple[str, Callable[[object], bool]], ...]] = {
    Kind.HELLO: (("versions", _is_list), ("options", _is_map)),
    Kind.WELCOME: (("version", is_count), ("options", _is_map)),
    Kind.CALL: (("method", _is_text), ("args", _is_any), ("limit", is_count), ("options", _is_any)),
    Kind.NEXT: (("index", is_count), ("value", _is_any)),
    Kind.END: (("index", is_count), ("value", _is_any)),
    Kind.ERROR: (("code", _is_text), ("message", _is_text), ("data", _is_any)),
    Kind.CANCEL: (("reason", _is_text),),
    Kind.CREDIT: (("limit", is_count), ("done", is_count)),
    Kind.EVENT: (("topic", _is_text), ("index", is_count), ("value", _is_any)),
    Kind.NACK: (("from", is_count), ("to", is_count)),
    Kind.PART: (("index", is_count), ("sizes", _is_any), ("chunk", _is_any)),
    Kind.BYE: (("code", _is_text), ("message", _is_text)),
    Kind.PROBE: (("seq", is_count),),
}
WITH_ID = frozenset(
    {Kind.CALL, Kind.NEXT, Kind.END, Kind.CANCEL, Kind.CREDIT}
)  # ERROR, PART: with or without


def parse(message: object) -> tuple[Kind, int, list[Any]] | None:
    """Check the form of one decoded message.

    Returns
    -------
    tuple of (Kind, int, list) or None
        Kind, id and the fields after it; None for an extension that is to be ignored.

    Raises
    ------
    ProtocolError
        When the message has no such form.
    """
    if not isinstance(message, list) or len(message) < 2:
        raise ProtocolError("a message must be an array of a kind, an id and fields")
    kind, id_, *fields = message
    if not is_count(kind) or not is_count(id_):
        raise ProtocolError("the kind and the id of a message must be non-negative integers")
    if kind >= FIRST_EXTENSION:
        return None
    try:
        kind = Kind(kind)
    except ValueError:
        raise ProtocolError(f"the message kind {kind} is not known") from None
    _check_id(kind, id_)
    expected = FIELDS[kind]
    if len(fields) < len(expected):
        raise ProtocolError(f"{kind.name} needs {len(expected)} fields, but has {len(fields)}")
    for (name, is_valid), field in zip(expected, fields, strict=False):
        if not is_valid(field):
            raise ProtocolError(f"the field {name!r} of {kind.name} is not what it must be")
    return kind, id_, fields[: len(expected)]


def _check_id(kind: Kind, id_: int) -> None:
    if kind in WITH_ID:
        if id_ == 0:
            raise ProtocolError(f"{kind.name} needs an id")
    elif id_ != 0 and kind not in (Kind.ERROR, Kind.PART):
        raise ProtocolError(f"{kind.name} has no id: it must be 0")
