"""Two sessions over a link that delays, repeats, loses and reorders, driven by Hypothesis."""

from __future__ import annotations

import contextlib
import random
from collections import defaultdict, deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kcomm.errors import BufferFullError, ChannelClosedError
from kcomm.protocol import Limits, Session, events, packets

ENDS = st.sampled_from([0, 1])
SIZES = st.sampled_from([0, 0, 10, 1500, 6000])
#: Small, so that parts, full rings and acknowledgements happen within a few steps.
LIMITS = Limits(packet=4096, window=12_000, parts=2, calls=6)


class End:
    """One session, and what its application did and saw."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.session = Session("opener" if number == 0 else "acceptor", limits=LIMITS)
        self.closed: events.Closed | None = None
        # What this end did.
        self.calls: dict[int, int] = {}
        self.streams: dict[int, int] = {}
        self.given_up: set[int] = set()
        self.emitted: dict[str, int] = defaultdict(int)
        # What it is to answer, and what it answered: the number of items, or the value.
        self.serving: dict[int, events.Called] = {}
        self.items_sent: dict[int, int] = defaultdict(int)
        self.ended: dict[int, Any] = {}
        self.refused: set[int] = set()
        # What it saw.
        self.items: dict[int, list[int]] = defaultdict(list)
        self.answers: dict[int, Any] = {}
        self.failures: dict[int, str] = {}
        self.events: dict[str, list[int]] = defaultdict(list)
        self.dropped: dict[str, int] = defaultdict(int)

    def see(self, happened: list[events.Event]) -> None:
        """Take note of what happened, and look at each piece of data."""
        for event in happened:
            assert self.closed is None, "nothing comes after the end"
            match event:
                case events.Called():
                    assert isinstance(event.args, list)
                    number, padding = event.args
                    assert number == event.id
                    assert padding == bytes(len(padding))
                    self.serving[event.id] = event
                case events.Item():
                    assert event.id in self.streams
                    assert event.id not in self.given_up | self.answers.keys()
                    assert event.value[:2] == [event.id, event.index]
                    assert event.index > max(self.items[event.id], default=-1)
                    self.items[event.id].append(event.index)
                case events.Ended():
                    assert event.id not in self.given_up | self.answers.keys() | self.failures.keys()
                    assert event.value == ["end", event.id]
                    self.answers[event.id] = event.index
                case events.Failed():
                    assert event.id not in self.given_up | self.answers.keys() | self.failures.keys()
                    self.failures[event.id] = event.code
                case events.Cancelled():
                    pass
                case events.Emitted():
                    number = event.value[0]
                    seen = self.events[event.topic]
                    assert number == (seen[-1] if seen else -1) + 1 + event.dropped
                    self.dropped[event.topic] += event.dropped
                    seen.append(number)
                case events.Closed():
                    self.closed = event


def is_volatile_stream(id_: int) -> bool:
    """Return whether items may be missing: a later one may overtake even an item that was sent reliably."""
    return id_ // 2 % 2 == 1


class Link(RuleBasedStateMachine):
    """Two ends whose packets wait until a rule delivers them."""

    is_lossy = False

    def __init__(self) -> None:
        super().__init__()
        self.ends = [End(0), End(1)]
        self.now = 0.0
        #: What is under way to each end, and what came there last.
        self.flying: list[deque[list[Any]]] = [deque(), deque()]
        self.delivered: list[list[Any] | None] = [None, None]

    @initialize()
    def open(self) -> None:
        self.ends[0].session.open()
        self.deliver_all(1)
        self.deliver_all(0)
        for number in (0, 1):
            self.call(number, 0, 5)
            self.deliver_all(1 - number)
        assert all(end.session.is_open for end in self.ends)

    # --- the link ------------------------------------------------------------------------------

    def flush(self, number: int) -> None:
        """Let an end send what it has."""
        while (packet := self.ends[number].session.next_packet(self.now)) is not None:
            assert packets.size(packet) <= LIMITS.packet
            self.flying[1 - number].append([bytes(buffer) for buffer in packet])

    @rule(number=ENDS)
    @precondition(lambda self: any(end.session._outbox.nbytes for end in self.ends))
    def send_one(self, number: int) -> None:
        """Let an end send one packet, so that what is queued next finds others before it."""
        packet = self.ends[number].session.next_packet(self.now)
        if packet is not None:
            self.flying[1 - number].append([bytes(buffer) for buffer in packet])

    @rule(number=ENDS)
    @precondition(lambda self: any(self.flying))
    def deliver(self, number: int) -> None:
        if self.flying[number]:
            self.receive(number, self.flying[number].popleft())

    @rule(number=ENDS)
    def deliver_all(self, number: int) -> None:
        self.flush(1 - number)
        while self.flying[number]:
            self.deliver(number)

    @rule()
    def exchange(self) -> None:
        self.deliver_all(0)
        self.deliver_all(1)
        self.consume()

    @rule(number=ENDS)
    @precondition(lambda self: any(self.delivered))
    def repeat(self, number: int) -> None:
        packet = self.delivered[number]
        if packet is not None:
            self.receive(number, packet)

    @rule(delay=st.sampled_from([0.01, 0.3, 5.0]))
    def wait(self, delay: float) -> None:
        self.now += delay
        self.flush(0)
        self.flush(1)

    def receive(self, number: int, packet: list[Any]) -> None:
        self.delivered[number] = packet
        end = self.ends[number]
        end.see(end.session.receive(packet, self.now))

    # --- the applications ----------------------------------------------------------------------

    @rule(number=ENDS, size=SIZES, limit=st.sampled_from([0, 1, 2, 5, 9]))
    def call(self, number: int, size: int, limit: int) -> None:
        end = self.ends[number]
        expected = 2 * (len(end.calls) + len(end.streams)) + (1, 2)[number]
        with contextlib.suppress(BufferFullError, ChannelClosedError):
            id_ = end.session.call("m", [expected, bytes(size)], limit=limit)
            assert id_ == expected
            (end.streams if limit else end.calls)[id_] = limit

    @rule(number=ENDS, data=st.data())
    @precondition(lambda self: sum(len(end.calls) + len(end.streams) for end in self.ends) > 3)
    def give_up(self, number: int, data: st.DataObject) -> None:
        end = self.ends[number]
        over = end.given_up | end.answers.keys() | end.failures.keys()
        waiting = sorted((end.calls.keys() | end.streams.keys()) - over)
        if waiting and end.session.is_open:
            id_ = data.draw(st.sampled_from(waiting))
            end.session.cancel(id_, "enough")
            end.given_up.add(id_)

    def waiting(self, number: int) -> list[int]:
        """Return the calls that an end has still to answer."""
        end = self.ends[number]
        return sorted(end.serving.keys() - end.ended.keys()) if end.session.is_open else []

    @rule(number=ENDS, volatile=st.booleans(), sizes=st.lists(SIZES, min_size=1, max_size=5))
    def items(self, number: int, volatile: bool, sizes: list[int]) -> None:
        """Let an end send items of all its streams."""
        end = self.ends[number]
        for id_ in self.waiting(number):
            for size in sizes:
                if end.session.credit(id_) <= 0:
                    break
                index = end.items_sent[id_]
                value = [id_, index, bytes(size)]
                is_volatile = volatile and is_volatile_stream(id_)
                assert end.session.item(id_, value, volatile=is_volatile) == index
                end.items_sent[id_] += 1
                if is_volatile:
                    # Each in a packet of its own, or it would leave as others do: with something reliable.
                    self.send_one(number)

    @rule(number=ENDS, data=st.data(), fails=st.booleans())
    @precondition(lambda self: self.waiting(0) or self.waiting(1))
    def end(self, number: int, data: st.DataObject, fails: bool) -> None:
        end, waiting = self.ends[number], self.waiting(number)
        if not waiting:
            return
        id_ = data.draw(st.sampled_from(waiting))
        if fails:
            end.session.fail(id_, "app.failed", "")
            end.ended[id_] = "app.failed"
        else:
            end.session.end(id_, ["end", id_])
            end.ended[id_] = end.items_sent[id_]

    @rule()
    def consume(self) -> None:
        for end in self.ends:
            for id_, items in end.items.items() if end.session.is_open else ():
                end.session.consume(id_, items[-1] + 1)

    @rule(number=ENDS, topic=st.sampled_from("tu"), size=SIZES, latest=st.booleans())
    def emit(self, number: int, topic: str, size: int, latest: bool) -> None:
        end = self.ends[number]
        with contextlib.suppress(ChannelClosedError):
            end.session.emit(topic, [end.emitted[topic], bytes(size)], latest=latest)
            end.emitted[topic] += 1

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    def the_peers_agree(self) -> None:
        for end in self.ends:
            assert end.closed is None

    def settle(self, turns: int = 200) -> None:
        """Deliver everything, and wait, until nothing moves any more."""
        for _ in range(turns):
            self.wait(0.5)
            self.deliver_all(0)
            self.deliver_all(1)
        assert not any(self.flying)

    def check_all_arrived(self) -> None:
        for end, other in (self.ends, self.ends[::-1]):
            for topic, count in end.emitted.items():
                assert len(other.events[topic]) + other.dropped[topic] == count
                assert other.events[topic][-1] == count - 1
            assert not end.session._outbox.nbytes
            assert end.session.is_writable
            for id_ in end.calls.keys() | end.streams.keys():
                if id_ in end.given_up:
                    continue
                assert id_ in other.serving
                outcome = other.ended.get(id_)
                assert end.answers.get(id_) == (outcome if isinstance(outcome, int) else None)
                assert end.failures.get(id_) == (outcome if isinstance(outcome, str) else None)
                lost = set(range(other.items_sent[id_])) - set(end.items[id_])
                assert not lost or (self.is_lossy and is_volatile_stream(id_))

    def answer_all(self) -> None:
        """Let both ends answer what they have not, upon which calls that were held back come."""
        while any(self.waiting(number) for number in (0, 1)):
            for number in (0, 1):
                for id_ in self.waiting(number):
                    self.ends[number].session.end(id_, ["end", id_])
                    self.ends[number].ended[id_] = self.ends[number].items_sent[id_]
            self.settle(turns=5)

    def teardown(self) -> None:
        self.settle()
        self.answer_all()
        self.check_all_arrived()


class LossyLink(Link):
    """The same, but packets are lost and overtake each other."""

    is_lossy = True

    @rule(number=ENDS)
    @precondition(lambda self: any(self.flying))
    def lose(self, number: int) -> None:
        if self.flying[number]:
            self.flying[number].popleft()

    @rule(number=ENDS)
    @precondition(lambda self: any(len(flying) > 1 for flying in self.flying))
    def reorder(self, number: int) -> None:
        self.flying[number].rotate(-1)

    @rule(number=ENDS)
    @precondition(lambda self: any(self.flying))
    def lose_all(self, number: int) -> None:
        self.flying[number].clear()


TestLink = Link.TestCase
TestLink.settings = settings(max_examples=250, stateful_step_count=60)
TestLossyLink = LossyLink.TestCase
TestLossyLink.settings = settings(max_examples=250, stateful_step_count=60)


@settings(max_examples=80)
@given(
    window=st.integers(1, 9),
    count=st.integers(0, 40),
    consumes_each=st.booleans(),
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
)
def test_a_volatile_stream_never_stalls(window, count, consumes_each, seed, loss):
    """Whatever is lost of volatile packets, items, acknowledgements and probes: the stream goes on."""
    chance, now = random.Random(seed), 0.0
    page, kernel = Session("opener"), Session("acceptor")
    page.open()
    flying: list[tuple[Session, list[Any]]] = []
    seen: list[int] = []
    ended: list[int] = []
    sent = 0
    has_begun = False
    is_served = False
    for _ in range(60 * (count + 3)):
        now += 0.3
        if page.is_open and not has_begun:
            page.call("frames", limit=window)
            has_begun = True
        while sent < count and kernel.credit(1) > 0:
            assert kernel.item(1, sent, volatile=True) == sent
            sent += 1
            if chance.random() < 0.5:
                break
        if sent == count and is_served:
            kernel.end(1, None)
            is_served = False
        for sender, receiver in ((page, kernel), (kernel, page)):
            while (packet := sender.next_packet(now)) is not None:
                is_volatile = packet[0][1] == 0
                if not (is_volatile and chance.random() < loss):
                    flying.append((receiver, packet))
        for receiver, packet in flying:
            for event in receiver.receive(packet, now):
                assert not isinstance(event, events.Closed)
                is_served = is_served or isinstance(event, events.Called)
                if isinstance(event, events.Item):
                    assert event.value == event.index
                    assert not seen or event.index > seen[-1]
                    seen.append(event.index)
                if isinstance(event, events.Ended):
                    ended.append(event.index)
        flying.clear()
        if seen and (consumes_each or chance.random() < 0.3):
            page.consume(1, seen[-1] + 1)
        if ended:
            break
    assert ended == [count]
    if loss == 0:
        assert seen == list(range(count))
