"""The steps of sessions, put short."""

from __future__ import annotations

from typing import Any

from tests.vectors.wire import ANY, HELLO, WELCOME, Json, packet, to_json

#: Codes that end sessions.
CLOSED, LOST = "kcomm.closed", "kcomm.session_lost"


def hello(options: dict[str, Any] | None = None) -> list[str]:
    """Return the packet with HELLO."""
    return packet(1, 0, [HELLO, 0, [1], options or {}])


def welcome(options: dict[str, Any] | None = None) -> list[str]:
    """Return the packet with WELCOME."""
    return packet(1, 1, [WELCOME, 0, 1, options or {}])


def step(do: str, **more: Any) -> Json:
    """Return a step of which all is looked at: nothing happens and nothing is sent, unless it is said."""
    return {"do": do, **more} | {"events": more.get("events", []), "send": more.get("send", [])}


def held(do: str, **more: Any) -> Json:
    """Return a step after which no packets are asked for."""
    return {"do": do, **more, "events": [], "hold": True}


def receive(buffers: list[str], **more: Any) -> Json:
    """Return a step, of which nothing is looked at, that receives a packet."""
    return {"do": "receive", "buffers": buffers, **more}


def receives(seq: int, ack: int, *messages: Any, **more: Any) -> Json:
    """Return a step, of which all is looked at, that receives a packet."""
    return step("receive", buffers=packet(seq, ack, *messages), **more)


def exactly(seq: int, ack: int, *messages: Any) -> Json:
    """Return a packet that must be sent with exactly these bytes."""
    return {"buffers": packet(seq, ack, *messages)}


def sent(seq: int, ack: int, *messages: Any) -> Json:
    """Return a packet that must be sent, in which texts are free."""
    return {"seq": seq, "ack": ack, "messages": to_json(list(messages))}


def event(name: str, **fields: Any) -> Json:
    """Return an event."""
    return {"event": name, **{key: to_json(value) for key, value in fields.items()}}


def failed(id_: int, code: str, data: Any = None) -> Json:
    """Return the event of a call that failed by kcomm's own doing."""
    return event("Failed", id=id_, code=code, message=ANY, data=data)


def closed(code: str, message: Any = ANY) -> Json:
    """Return the event that ends a session."""
    return event("Closed", code=code, message=message)


def open_acceptor(options: dict[str, Any] | None = None) -> list[Json]:
    """Return the step that opens an acceptor."""
    return [receive(hello(options))]


def open_opener(options: dict[str, Any] | None = None) -> list[Json]:
    """Return the steps that open an opener."""
    return [{"do": "open"}, receive(welcome(options))]


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


OPENER_IS_OPEN = open_opener()
