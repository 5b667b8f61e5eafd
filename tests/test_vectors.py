"""The vectors of the specification: what is read, and apart from it what is written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from kcomm.protocol import events, packets, values
from tests.vectors.generate import HERE, make_files
from tests.vectors.player import Player, from_json, is_like, is_same, load, unhex

Json = Any


@pytest.mark.parametrize("name", ["packets.json", "arrays.json", "invalid_packets.json", "sessions.json"])
def test_files_are_as_generated(name):
    generated = make_files()[name]
    assert (HERE / name).read_text(encoding="ascii") == generated, "run `python -m tests.vectors.generate`"


@pytest.mark.parametrize("case", load("packets.json"))
def test_packet_is_read(case: Json):
    packet = packets.read(unhex(case["buffers"]), 1 << 23, 64)
    assert (packet.seq, packet.ack) == (case["seq"], case["ack"])
    assert is_like(packet.messages, case["messages"])
    values.check(packet.messages, 66)


@pytest.mark.parametrize("case", load("packets.json"))
def test_packet_is_written(case: Json):
    if not case["encode"]:
        return
    encoded = [values.encode(from_json(message), 64) for message in case["messages"]]
    attachments = [attachment for _, more in encoded for attachment in more]
    packet = packets.write(case["seq"], case["ack"], [body for body, _ in encoded], attachments)
    assert [bytes(buffer).hex() for buffer in packet] == case["buffers"]


@pytest.mark.parametrize("case", load("arrays.json"))
def test_array_is_read(case: Json):
    [array] = values.decode(bytes.fromhex(case["body"]), unhex(case["attachments"]))
    values.check([array], 1)
    assert isinstance(array, np.ndarray)
    assert array.dtype == np.dtype(case["dtype"])
    assert array.shape == tuple(case["shape"])
    assert array.tobytes().hex() == case["data"]
    assert not array.flags.writeable
    assert array.flags.c_contiguous
    for actual, expected in zip(array.ravel().tolist(), from_json(case["values"]), strict=True):
        assert is_same(actual, type(actual)(expected))


def layouts(array: np.ndarray) -> dict[str, np.ndarray]:
    """Return the same array in other layouts of memory."""
    wide = np.zeros((*array.shape, 2), array.dtype)
    wide[..., 0] = array
    return {
        "as it is": array,
        "big-endian": array.astype(array.dtype.newbyteorder(">")),
        "Fortran order": np.array(array, order="F"),
        "every second element": wide[..., 0],
        "backwards": np.flip(np.asarray(np.flip(array)).copy()) if array.ndim else array,
        "read-only": np.broadcast_to(array, array.shape),
    }


@pytest.mark.parametrize("case", load("arrays.json"))
def test_array_is_written(case: Json):
    if not case["encode"]:
        return
    data = np.frombuffer(bytes.fromhex(case["data"]), np.dtype(case["dtype"]).newbyteorder("<"))
    for name, array in layouts(data.reshape(case["shape"])).items():
        body, attachments = values.encode([array], 1)
        assert body.hex() == case["body"], name
        assert [attachment.hex() for attachment in attachments] == case["attachments"], name


@pytest.mark.parametrize("case", load("invalid_packets.json"))
def test_invalid_packet(case: Json):
    player = Player(case["role"], {"limits": case["limits"]} if "limits" in case else {})
    for step in case["before"]:
        player.play(step)
    happened = player.session.receive(unhex(case["buffers"]), player.now)
    sent = player.drain()
    if case["outcome"] == "bad_value":
        player.check_events(happened, case["events"])
        player.check_sent(sent, case["send"])
        assert player.session.is_open
        return
    code = f"kcomm.{case['outcome']}"
    closed = happened[-1]
    assert isinstance(closed, events.Closed)
    player.check_events(happened[-1:], [{"event": "Closed", "code": code, "message": {"$text": True}}])
    assert sent
    [[kind, id_, sent_code, text]] = values.decode(sent[0][0], sent[0][1:])[2]
    assert (kind, id_, sent_code) == (11, 0, code)
    assert text == closed.message[:900]
    assert len(sent) == 1
    assert player.session.receive(unhex(case["buffers"]), player.now) == []
    assert player.drain() == []


@pytest.mark.parametrize("case", load("sessions.json"))
def test_session(case: Json):
    player = Player(case["role"], case["options"])
    for step in case["steps"]:
        player.play(step)


def test_notation_is_used_for_nothing_else():
    def keys(value: Json) -> set[str]:
        if isinstance(value, list):
            return set().union(*map(keys, value))
        if isinstance(value, dict):
            return set(value).union(*map(keys, value.values()))
        return set()

    for name in make_files():
        found = {key for key in keys(json.loads((HERE / name).read_text())) if key.startswith("$")}
        assert found <= {"$int", "$real", "$bytes", "$array", "$text"}
