"""What the cases of invalid_packets.json share."""

from __future__ import annotations

from typing import Any

from tests.vectors.steps import (
    open_acceptor,
    receive,
)
from tests.vectors.wire import (
    CALL,
    Json,
    packet,
)

Case = dict[str, Json]


def case(name: str, outcome: str, packet_: list[str], **more: Any) -> Case:
    """Return a case; the receiver is an acceptor whose channel is open, unless it is said."""
    more.setdefault("role", "acceptor")
    more.setdefault("before", open_acceptor())
    return {"name": name, "outcome": outcome, **more, "buffers": packet_}


def broken(name: str, packet_: list[str], **more: Any) -> Case:
    """Return a case of a protocol error."""
    return case(name, "protocol_error", packet_, **more)


def message(name: str, *fields: Any, **more: Any) -> Case:
    """Return a case of a reliable packet with one message."""
    return broken(name, packet(2, 1, list(fields)), **more)


def calling(limit: int) -> list[Json]:
    """Return the steps of an acceptor that has called 2."""
    return [*open_acceptor(), {"do": "call", "method": "m", "args": [], "limit": limit, "returns": 2}]


def serving(limit: int) -> list[Json]:
    """Return the steps of an acceptor that serves call 1."""
    return [*open_acceptor(), receive(packet(2, 1, [CALL, 1, "m", [], limit, {}]))]
