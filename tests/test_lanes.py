"""The reliable lane: numbers, acknowledgements, probes, gaps, and what is sent again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcomm.errors import ProtocolError
from kcomm.protocol import Session, events
from kcomm.protocol.packets import Packet
from kcomm.protocol.receiving import ACK_DELAY, MAX_EARLY, MAX_STRETCHES, NACK_DELAY, ReceiveLane
from kcomm.protocol.sending import MAX_PROBE_DELAY, MAX_RESENT, PROBE_DELAY, RESEND_DELAY, SendLane


def send(lane: SendLane, *sizes: int, now: float = 0) -> None:
    for size in sizes:
        lane.keep([b"%d" % (lane.last + 1), bytes(size)], size, now)


def take_again(lane: SendLane, now: float) -> list[int]:
    """Return the numbers of what is sent again."""
    seqs = []
    while (packet := lane.take_again(now)) is not None:
        seqs.append(int(bytes(packet[0])))
    return seqs


def accept(lane: ReceiveLane, seq: int, nbytes: int = 1, now: float = 0) -> list[int]:
    """Return the numbers of the packets whose turn it is."""
    return [packet.seq for packet in lane.accept(Packet(seq, 0, [], nbytes), now)]


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

    @given(st.integers(0, 30), st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), max_size=5))
    def test_what_is_asked_for_is_sent_again_once_if_it_is_still_kept(self, ack, stretches):
        lane = SendLane(1000)
        send(lane, *[1] * 40)
        lane.acknowledge(ack, 0)
        asked = set()
        for first, more in stretches:
            lane.ask_again(first, first + more, 1)
            asked |= set(range(first, first + more + 1))
        assert take_again(lane, 1) == []
        assert sorted(take_again(lane, 1 + RESEND_DELAY)) == sorted(seq for seq in asked if seq > ack)
        assert lane.resend_deadline is None

    def test_one_nack_is_answered_with_so_many_packets(self):
        lane = SendLane(10_000)
        send(lane, *[1] * 1000)
        lane.ask_again(1, 1000, 0)
        assert take_again(lane, 1) == list(range(1, MAX_RESENT + 1))
        lane.acknowledge(MAX_RESENT, 1)
        lane.ask_again(MAX_RESENT + 1, 1000, 1)
        assert take_again(lane, 2) == list(range(MAX_RESENT + 1, 2 * MAX_RESENT + 1))

    @pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 4), (3, 2), (4, 4)])
    def test_a_nack_of_what_was_never_sent(self, first, last):
        lane = SendLane(100)
        send(lane, 1, 1, 1)
        with pytest.raises(ProtocolError, match="never sent"):
            lane.ask_again(first, last, 0)

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
            accepted += accept(lane, seq)
            # What has come without a gap has been given; nothing else has.
            assert accepted == list(range(1, lane.last + 1))
        assert {*range(1, lane.last + 1)} <= {*seqs}
        assert lane.last + 1 not in seqs

    @given(st.sets(st.integers(1, 60)), st.integers(1, 60))
    def test_just_what_is_missing_is_asked_for(self, seqs, known):
        lane = ReceiveLane(1000)
        for seq in sorted(seqs):
            accept(lane, seq)
        lane.probe(known, 0)
        missing = {*range(1, max([known, *seqs]) + 1)} - seqs
        if missing:
            assert lane.nack_deadline == NACK_DELAY
            stretches = lane.take_nacks(1)
            asked = {seq for first, last in stretches for seq in range(first, last + 1)}
            assert asked <= missing
            assert asked == missing or len(stretches) == MAX_STRETCHES
            assert min(asked) == min(missing)
        else:
            assert lane.nack_deadline is None

    def test_what_is_kept_behind_a_gap_is_bounded(self):
        lane = ReceiveLane(100)
        assert [accept(lane, seq, 60) for seq in (2, 3)] == [[], []]
        # There was no room for 3: it is asked for.
        assert accept(lane, 1, 60) == [1, 2]
        assert lane.take_nacks(1) == [(3, 3)]
        lane = ReceiveLane(1 << 25)
        for seq in range(2, MAX_EARLY + 10):
            accept(lane, seq, 0)
        assert accept(lane, 1) == list(range(1, MAX_EARLY + 2))

    def test_a_number_that_can_not_be(self):
        lane = ReceiveLane(100)
        number = MAX_EARLY + 1
        with pytest.raises(ProtocolError, match=f"packet {number} can't be"):
            accept(lane, number)
        with pytest.raises(ProtocolError, match=f"packet {number} can't be"):
            lane.probe(number, 0)

    def test_an_ack_is_due_after_the_first_packet(self):
        lane = ReceiveLane(1000)
        assert due(lane) is None
        accept(lane, 1, 1, 10)
        accept(lane, 2, 1, 10.1)
        assert due(lane) == 10 + ACK_DELAY
        assert lane.take_ack() == 2
        assert due(lane) is None

    def test_an_ack_is_due_at_once_at_a_quarter_of_the_window(self):
        lane = ReceiveLane(100)
        accept(lane, 1, 24, 10)
        assert due(lane) == 10 + ACK_DELAY
        accept(lane, 2, 1, 10.1)
        assert due(lane) == 10.1
        lane.take_ack()
        accept(lane, 3, 24, 11)
        assert due(lane) == 11 + ACK_DELAY

    def test_a_duplicate_is_acknowledged_again(self):
        lane = ReceiveLane(1000)
        accept(lane, 1, 1, 10)
        lane.take_ack()
        assert accept(lane, 1, 1, 11) == []
        assert due(lane) == 11 + ACK_DELAY
        assert lane.take_ack() == 1

    def test_a_probe(self):
        lane = ReceiveLane(1000)
        accept(lane, 1, 1, 10)
        lane.take_ack()
        lane.probe(1, 11)
        assert due(lane) == 11
        lane.take_ack()
        # The acknowledgement goes with what asks for the rest.
        lane.probe(5, 12)
        assert due(lane) is None
        assert lane.nack_deadline == 12 + NACK_DELAY


@pytest.mark.parametrize("is_lost", [False, True], ids=["silence", "a loss"])
def test_a_minute_of_silence_causes_no_storm(is_lost):
    """A kernel that is busy for a minute is asked a few times, and sends nothing twice when it reads on."""
    page, kernel = Session("opener"), Session("acceptor")
    page.open()
    now = 0.0

    def packets(session: Session) -> list[list]:
        sent = []
        while (packet := session.next_packet(now)) is not None:
            sent.append(packet)
        return sent

    def deliver(sent: list[list], session: Session) -> list[events.Event]:
        return [event for packet in sent for event in session.receive(packet, now)]

    deliver(packets(page), kernel)
    deliver(packets(kernel), page)
    deliver(packets(page), kernel)
    if is_lost:
        kernel.emit("t", 0)
        packets(kernel)
        kernel.emit("t", 1)
        deliver(packets(kernel), page)
    under_way = []
    for count in range(600):
        now += 0.1
        if count < 100:
            page.call("m", [count])
        under_way += packets(page)
    assert len(under_way) <= 100 + 6 + (12 if is_lost else 0)

    now += 0.1
    happened = deliver(under_way, kernel)
    assert [event.args for event in happened if isinstance(event, events.Called)] == [[i] for i in range(100)]
    now += 0.1
    answers = packets(kernel)
    assert len(answers) <= 3
    seen = deliver(answers, page)
    assert [event.value for event in seen if isinstance(event, events.Emitted)] == ([0, 1] if is_lost else [])


def test_a_slow_link_is_not_filled_with_repeats():
    """All of a large value is lost in a break; the link after it takes longer for each part than a retry."""
    page, kernel = Session("opener"), Session("acceptor")
    page.open()
    now, rate, delay = 0.0, 2.5e6, 0.04
    for sender, receiver in ((page, kernel), (kernel, page), (page, kernel)):
        while (packet := sender.next_packet(now)) is not None:
            receiver.receive(packet, now)
    page.call("f")
    request = page.next_packet(now)
    assert request is not None
    kernel.receive(request, now)
    kernel.end(1, bytes(8 << 20))
    lost = 0
    while (packet := kernel.next_packet(now)) is not None:
        lost += sum(map(len, packet))
    for end in (page, kernel):
        end.wake(now)

    sent, free_at = 0, 0.0
    flying: list[tuple[float, int, Session, list]] = []
    answers: list[events.Event] = []
    for turn in range(2000):
        while (packet := kernel.next_packet(now)) is not None:
            size = sum(map(len, packet))
            sent += size
            free_at = max(free_at, now) + size / rate
            flying.append((free_at + delay, turn, page, packet))
        while (packet := page.next_packet(now)) is not None:
            flying.append((now + delay, turn, kernel, packet))
        times = [kernel.deadline(), page.deadline(), *(arrival for arrival, *_ in flying)]
        due = [time for time in times if time is not None]
        if not due or answers:
            break
        now = max(now, min(due))
        arrived = [flight for flight in flying if flight[0] <= now]
        flying = [flight for flight in flying if flight[0] > now]
        for _, _, end, packet in arrived:
            answers += [e for e in end.receive(packet, now) if isinstance(e, events.Ended)]
    assert len(answers) == 1
    assert sent < 1.5 * lost


def test_what_is_missing_is_asked_for_although_something_waits_all_the_time():
    page, kernel = Session("opener"), Session("acceptor")
    page.open()
    for sender, receiver in ((page, kernel), (kernel, page), (page, kernel)):
        while (packet := sender.next_packet(0)) is not None:
            receiver.receive(packet, 0)
    page.emit("t", 0)
    assert page.next_packet(1) is not None  # lost
    page.emit("t", 1)
    late = page.next_packet(1)
    assert late is not None
    kernel.receive(late, 1)
    kernel.emit("t", 0)
    nack = kernel.next_packet(1 + NACK_DELAY)
    assert nack is not None
    page.receive(nack, 1.1)
    assert page.deadline() == 1.1 + RESEND_DELAY
