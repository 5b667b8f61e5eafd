"""The faulty path by itself: what it does is decided by the seed, and nothing else happens to messages."""

from __future__ import annotations

import json
import struct

import pytest

from tests.network.faults import BAD, Counts, Faults, FaultyPath
from tests.network.messages import V1, message_type

MESSAGES = range(5000)


def run(faults: Faults, seed: str = "1", switch_at: int = 0) -> tuple[list[int], Counts, list[float]]:
    path = FaultyPath[int](seed, Counts())
    arrived: list[int] = []
    waits = []
    for number in MESSAGES:
        wait, passed = path.take(number, faults if number >= switch_at else Faults())
        waits.append(wait)
        arrived += passed
    return arrived + path.release(), path.counts, waits


def test_without_faults_everything_passes_in_order() -> None:
    arrived, counts, waits = run(Faults())
    assert arrived == list(MESSAGES)
    assert counts == Counts(seen=len(MESSAGES))
    assert not any(waits)


def test_a_seed_decides() -> None:
    assert run(BAD, "1") == run(BAD, "1")
    assert run(BAD, "1")[0] != run(BAD, "2")[0]


def test_drops_are_counted_and_nothing_else_is_lost() -> None:
    arrived, counts, _ = run(Faults(drop=0.1))
    assert len(arrived) == len(MESSAGES) - counts.dropped
    assert 400 < counts.dropped < 600
    assert arrived == sorted(arrived)


def test_duplicates_are_counted() -> None:
    arrived, counts, _ = run(Faults(duplicate=0.1))
    assert len(arrived) == len(MESSAGES) + counts.duplicated
    assert set(arrived) == set(MESSAGES)
    assert sum(arrived[i] == arrived[i + 1] for i in range(len(arrived) - 1)) < counts.duplicated


def test_what_is_reordered_comes_a_few_messages_late() -> None:
    arrived, counts, _ = run(Faults(reorder=0.1))
    assert sorted(arrived) == list(MESSAGES)
    assert 400 < counts.reordered < 600
    late = [sum(later > number for later in arrived[:place]) for place, number in enumerate(arrived)]
    # Two that were held back together may keep their order.
    assert 0.9 * counts.reordered < sum(n > 0 for n in late) <= counts.reordered
    assert max(late) <= 6


def test_delays_are_bounded() -> None:
    arrived, counts, waits = run(Faults(delay=0.2, longest=0.5))
    assert arrived == list(MESSAGES)
    assert sum(wait > 0 for wait in waits) == counts.delayed
    assert 0 < max(waits) <= 0.5


def test_one_faults_rate_does_not_shift_anothers() -> None:
    without = set(MESSAGES) - set(run(Faults(drop=0.1))[0])
    beside = set(MESSAGES) - set(run(Faults(drop=0.1, duplicate=0.5, reorder=0.5))[0])
    assert beside == without


def test_faults_may_begin_late() -> None:
    arrived, _, _ = run(BAD, switch_at=2000)
    assert arrived[:2000] == list(range(2000))


def v1(channel: str, *parts: bytes) -> bytes:
    begin = 8 * (len(parts) + 3)
    offsets = [begin]
    for part in (channel.encode(), *parts):
        offsets.append(offsets[-1] + len(part))
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + channel.encode() + b"".join(parts)


HEADER = {"msg_id": "1", "msg_type": "comm_msg"}


def test_the_type_of_a_message_in_each_framing() -> None:
    header = json.dumps(HEADER).encode()
    payload = v1("shell", header, b"{}", b"{}", b'{"comm_id": "x"}', b"buffer")
    assert message_type(payload, is_text=False, subprotocol=V1) == "comm_msg"
    whole = json.dumps({"header": HEADER, "channel": "shell", "content": {}}).encode()
    assert message_type(whole, is_text=True, subprotocol="") == "comm_msg"
    binary = struct.pack("!3I", 2, 12, 12 + len(whole)) + whole + b"buffer"
    assert message_type(binary, is_text=False, subprotocol="") == "comm_msg"
    with pytest.raises(ValueError, match="not known"):
        message_type(payload, is_text=False, subprotocol="v2")
