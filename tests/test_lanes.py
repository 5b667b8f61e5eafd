"""The reliable lane: numbers, acknowledgements, probes and gaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcomm.errors import ProtocolError, SessionLostError
from kcomm.protocol.lanes import ACK_DELAY, MAX_PROBE_DELAY, PROBE_DELAY, ReceiveLane, SendLane


def send(lane: SendLane, *sizes: int, now: float = 0) -> None:
    for size in sizes:
        lane.keep([bytes(size)], size, now)


# What changes is asked through functions: a type checker takes a property to stay as it was.


def is_full(lane: SendLane) -> bool:
    return lane.is_full


def probe_due(lane: SendLane) -> float | None:
    return lane.probe_deadline


def due(lane: ReceiveLane) -> float | None:
    return lane.deadline


class TestSendLane:
    def test_the_ring_is_bounded_in_bytes(self):
        lane = SendLane(100)
        send(lane, 60)
        assert not is_full(lane)
        send(lane, 60)
        assert is_full(lane)
        assert lane.acknowledge(1, 0)
        assert not is_full(lane)
        assert (lane.last, lane.nbytes) == (2, 60)

    @given(st.lists(st.integers(1, 50), min_size=1), st.data())
    def test_an_ack_lets_go_of_all_up_to_it(self, sizes, data):
        lane = SendLane(1000)
        send(lane, *sizes)
        highest = 0
        for ack in data.draw(st.lists(st.integers(0, len(sizes)))):
            assert lane.acknowledge(ack, 0) == (ack > highest)
            highest = max(highest, ack)
            assert lane.nbytes == sum(sizes[highest:])

    def test_an_ack_of_what_was_never_sent(self):
        lane = SendLane(100)
        send(lane, 1)
        with pytest.raises(ProtocolError, match="packet 2 was acknowledged"):
            lane.acknowledge(2, 0)

    def test_a_nack_of_what_was_sent_is_a_loss(self):
        lane = SendLane(100)
        send(lane, 1, 1, 1)
        with pytest.raises(SessionLostError, match="packets 2 to 3 were lost"):
            lane.resend(2, 3)

    @pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 4), (3, 2), (4, 4)])
    def test_a_nack_of_what_was_never_sent(self, first, last):
        lane = SendLane(100)
        send(lane, 1, 1, 1)
        with pytest.raises(ProtocolError, match="never sent"):
            lane.resend(first, last)

    def test_probes_come_at_intervals_that_double(self):
        lane = SendLane(100)
        assert probe_due(lane) is None
        send(lane, 1, 1, now=10)
        intervals, now = [], 10.0
        for _ in range(9):
            due_at = lane.probe_deadline
            assert due_at is not None
            intervals.append(due_at - now)
            now = due_at
            assert lane.take_probe(now) == 2
        assert intervals == [PROBE_DELAY * 2**i for i in range(6)] + [MAX_PROBE_DELAY] * 3

    def test_an_ack_begins_the_wait_for_a_probe_again(self):
        lane = SendLane(100)
        send(lane, 1, 1, now=10)
        lane.take_probe(11)
        assert probe_due(lane) == 13
        lane.acknowledge(1, 12)
        assert probe_due(lane) == 12 + PROBE_DELAY
        lane.acknowledge(1, 12.5)
        assert probe_due(lane) == 12 + PROBE_DELAY
        lane.acknowledge(2, 12.6)
        assert probe_due(lane) is None


class TestReceiveLane:
    @given(st.lists(st.integers(1, 10)))
    def test_each_packet_is_accepted_once_and_in_order(self, seqs):
        lane, accepted = ReceiveLane(1000), []
        for seq in seqs:
            if seq > lane.last + 1:
                with pytest.raises(SessionLostError, match=f"packets {lane.last + 1} to {seq - 1} were lost"):
                    lane.accept(seq, 1, 0)
            elif lane.accept(seq, 1, 0):
                accepted.append(seq)
        assert accepted == list(range(1, lane.last + 1))

    def test_an_ack_is_due_after_the_first_packet(self):
        lane = ReceiveLane(1000)
        assert due(lane) is None
        lane.accept(1, 1, 10)
        lane.accept(2, 1, 10.1)
        assert due(lane) == 10 + ACK_DELAY
        assert lane.take_ack() == 2
        assert due(lane) is None

    def test_an_ack_is_due_at_once_at_a_quarter_of_the_window(self):
        lane = ReceiveLane(100)
        lane.accept(1, 24, 10)
        assert due(lane) == 10 + ACK_DELAY
        lane.accept(2, 1, 10.1)
        assert due(lane) == 10.1
        lane.take_ack()
        lane.accept(3, 24, 11)
        assert due(lane) == 11 + ACK_DELAY

    def test_a_duplicate_is_acknowledged_again(self):
        lane = ReceiveLane(1000)
        lane.accept(1, 1, 10)
        lane.take_ack()
        assert not lane.accept(1, 1, 11)
        assert due(lane) == 11 + ACK_DELAY
        assert lane.take_ack() == 1

    def test_a_probe(self):
        lane = ReceiveLane(1000)
        lane.accept(1, 1, 10)
        lane.take_ack()
        lane.probe(0, 11)
        assert due(lane) is None
        lane.probe(1, 11)
        assert due(lane) == 11
        with pytest.raises(SessionLostError, match="packets 2 to 5 were lost"):
            lane.probe(5, 12)
