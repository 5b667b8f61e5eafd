"""Reads the notation of the vectors, and plays their sessions."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcomm.errors import KcommError
from kcomm.protocol import Limits, Session, packets, values
from kcomm.protocol.messages import Kind

HERE = Path(__file__).parent
Json = Any


def load(name: str) -> list[Any]:
    """Return the cases of a file, as parameters of a test."""
    cases = json.loads((HERE / name).read_text(encoding="ascii"))["cases"]
    return [pytest.param(case, id=case["name"]) for case in cases]


# --- values ----------------------------------------------------------------------------------------


def from_json(value: Json) -> Any:
    """Return the value that a notation stands for."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$int" in value:
        return int(value["$int"])
    if "$real" in value:
        return float(value["$real"])
    if "$bytes" in value:
        return bytes.fromhex(value["$bytes"])
    if "$array" in value:
        array = value["$array"]
        data = np.frombuffer(bytes.fromhex(array["data"]), np.dtype(array["dtype"]).newbyteorder("<"))
        return data.reshape(array["shape"])
    return {key: from_json(item) for key, item in value.items()}


def is_like(actual: Any, expected: Json) -> bool:
    """Return whether a value is the one of a notation, its type included."""
    if isinstance(expected, dict) and "$text" in expected:
        return type(actual) is str and actual != ""
    if isinstance(expected, list):
        return (
            isinstance(actual, (list, tuple))
            and len(actual) == len(expected)
            and all(map(is_like, actual, expected))
        )
    if isinstance(expected, dict) and not any(key.startswith("$") for key in expected):
        return (
            isinstance(actual, dict)
            and actual.keys() == expected.keys()
            and all(is_like(actual[key], item) for key, item in expected.items())
        )
    return is_same(actual, from_json(expected))


def is_same(actual: Any, expected: Any) -> bool:
    """Return whether two values are the same to the bit."""
    if type(actual) is not type(expected):
        return False
    if isinstance(expected, np.ndarray):
        return (
            actual.dtype == expected.dtype
            and actual.shape == expected.shape
            and actual.tobytes() == expected.tobytes()
        )
    if isinstance(expected, float):
        if math.isnan(expected):
            return math.isnan(actual)
        return actual == expected and math.copysign(1, actual) == math.copysign(1, expected)
    return bool(actual == expected)


def unhex(buffers: list[str]) -> list[bytes]:
    """Return the buffers of a packet."""
    return [bytes.fromhex(buffer) for buffer in buffers]


#: What an action takes.
FIELDS = (
    *("method", "args", "limit", "options", "id", "reason", "value", "volatile"),
    *("code", "message", "data", "done", "topic", "latest"),
)

# --- sessions --------------------------------------------------------------------------------------


class Player:
    """Takes a session through the steps of a case."""

    def __init__(self, role: Any, options: Json) -> None:
        options = from_json(options)
        limits = Limits(**options.pop("limits", {}))
        self.session = Session(role, limits=limits, **options)
        self.now = 0.0

    def play(self, step: Json) -> None:
        """Do a step, and look at what it brings."""
        self.now = step.get("at", self.now * 1000) / 1000
        happened: list[Any] = []
        for _ in range(step.get("repeat", 1)):
            happened += self._do(step)
        if "events" in step:
            self.check_events(happened, step["events"])
        if not step.get("hold"):
            packets_ = self.drain()
            if "send" in step:
                self.check_sent(packets_, step["send"])
        for id_, credit in step.get("credit", {}).items():
            assert self.session.credit(int(id_)) == credit

    def _do(self, step: Json) -> list[Any]:
        if "raises" not in step:
            result = self._act(step)
            if "returns" in step:
                assert result == step["returns"]
            return result if isinstance(result, list) else []
        with pytest.raises(KcommError) as caught:
            self._act(step)
        assert caught.value.code == step["raises"]
        return []

    def _act(self, step: Json) -> Any:
        session = self.session
        given = {key: from_json(step[key]) for key in FIELDS if key in step}
        match step["do"]:
            case "receive":
                return session.receive(unhex(step["buffers"]), self.now)
            case "wait":
                return []
            case "wake":
                return session.wake(self.now)
            case "call":
                return session.call(given.pop("method"), given.pop("args"), **given)
            case "item":
                return session.item(given.pop("id"), given.pop("value"), **given)
            case "emit":
                return session.emit(given.pop("topic"), given.pop("value"), **given)
            case name:
                return getattr(session, name)(*given.values())

    def drain(self) -> list[list[bytes]]:
        """Return all packets that are to be sent."""
        sent = []
        while (packet := self.session.next_packet(self.now)) is not None:
            sent.append([bytes(buffer) for buffer in packet])
        return sent

    @staticmethod
    def check_events(happened: list[Any], expected: list[Json]) -> None:
        """Compare events with those expected, in the fields that are named."""
        assert [type(event).__name__ for event in happened] == [event["event"] for event in expected]
        for event, fields in zip(happened, expected, strict=True):
            actual = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
            for name, value in fields.items():
                assert name == "event" or is_like(actual[name], value), f"{event}: {name}"

    @staticmethod
    def check_sent(sent: list[list[bytes]], expected: list[Json]) -> None:
        """Compare packets with those expected."""
        rest = list(sent)
        for form in expected:
            if "parts" in form:
                check_parts(rest, form)
                continue
            assert rest, f"no packet was sent where one was due: {form}"
            packet = rest.pop(0)
            if "buffers" in form:
                assert packet == unhex(form["buffers"]), describe(packet)
            else:
                check_packet(packet, form)
        assert not rest, "unexpected packets: " + "; ".join(map(describe, rest))


def check_packet(packet: list[bytes], form: Json) -> None:
    """Compare a packet with its notation."""
    header = values.decode(packet[0], packet[1:])
    seq, ack, messages = header
    assert (seq, ack, len(messages)) == (form["seq"], form["ack"], len(form["messages"])), header
    for message, expected in zip(messages, form["messages"], strict=True):
        if message[0] in (Kind.HELLO, Kind.WELCOME):
            options = {key: message[3].get(key) for key in expected[3]}
            assert is_like([*message[:3], options], expected), message
        else:
            assert is_like(message, expected), message


def check_parts(rest: list[list[bytes]], form: Json) -> None:
    """Take packets as long as they bring the parts of a message; compare that, and those between."""
    received = b""
    sizes: list[int] = []
    between: list[Any] = []
    index = 0
    while not sizes or len(received) < sum(sizes):
        packet = rest.pop(0)
        assert packets.size(packet) <= form["max_packet"]
        for message in values.decode(packet[0], packet[1:])[2]:
            if message[0] != Kind.PART:
                between.append(message)
                continue
            assert message[1:3] == [form["id"], index]
            assert (message[3] is None) == (index > 0)
            sizes = message[3] if index == 0 else sizes
            received += message[4]
            index += 1
    assert index > 1
    assert len(received) == sum(sizes)
    cut, buffers = 0, []
    for size in sizes:
        buffers.append(received[cut : cut + size])
        cut += size
    assert is_like(values.decode(buffers[0], buffers[1:]), form["parts"])
    assert is_like(between, form.get("between", []))
    for message in form.get("then", []):
        packet = rest.pop(0)
        assert is_like(values.decode(packet[0], packet[1:])[2], [message])


def describe(packet: list[bytes]) -> str:
    """Return what a packet holds, for the message of a failure."""
    return str(values.decode(packet[0], packet[1:]))[:300]
