"""The outbox: what shares a packet, what goes first, what waits, what is dropped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcomm.protocol import parts, values
from kcomm.protocol.messages import Kind
from kcomm.protocol.outbox import BATCH_SIZE, Outbox, Outgoing
from kcomm.protocol.waiting import TOPIC_BOUND

LIMIT = 3000


def make(kind: Kind, id_: int, value: object = None, *, is_volatile: bool = False) -> Outgoing:
    body, attachments = values.encode([int(kind), id_, value], 8)
    return Outgoing(kind, id_, body, attachments, is_volatile)


def outbox(max_message: int = LIMIT, max_transfers: int = 16) -> Outbox:
    return Outbox(max_message, max_transfers)


def batches(box: Outbox) -> Iterator[list[Outgoing]]:
    while batch := box.take(is_full=False):
        yield batch


def names(batch: list[Outgoing]) -> list[tuple[str, int]]:
    return [(message.kind.name, message.id) for message in batch]


def test_what_waits_leaves_together_in_order():
    box = outbox()
    for id_ in (2, 4, 2):
        box.put(make(Kind.NEXT, id_))
    assert [names(batch) for batch in batches(box)] == [[("NEXT", 2), ("NEXT", 4), ("NEXT", 2)]]
    assert box.nbytes == 0


def test_greetings_go_alone():
    box = outbox()
    box.put(make(Kind.WELCOME, 0))
    box.put_first(make(Kind.CREDIT, 1))
    box.put(make(Kind.NEXT, 2))
    assert [names(batch) for batch in batches(box)] == [[("WELCOME", 0)], [("CREDIT", 1), ("NEXT", 2)]]


def test_credit_goes_first_and_a_later_one_replaces_an_earlier():
    box = outbox()
    box.put(make(Kind.NEXT, 2))
    box.put_first(make(Kind.CREDIT, 1, "old"))
    box.put_first(make(Kind.CREDIT, 3))
    newest = make(Kind.CREDIT, 1, "new")
    box.put_first(newest)
    [batch] = batches(box)
    assert names(batch) == [("CREDIT", 1), ("CREDIT", 3), ("NEXT", 2)]
    assert batch[0] is newest


def test_a_packet_is_about_256_kb():
    box = outbox(8 << 20)
    for _ in range(10):
        box.put(make(Kind.NEXT, 2, bytes(100_000)))
    assert [len(batch) for batch in batches(box)] == [3, 3, 3, 1]
    assert BATCH_SIZE == 256 * 1024


def test_a_packet_is_never_larger_than_the_other_end_takes():
    box = outbox(8 << 20)
    box.put(make(Kind.NEXT, 2, bytes(200_000)))
    box.put(make(Kind.NEXT, 2, bytes((8 << 20) - 100)))
    assert [len(batch) for batch in batches(box)] == [1, 1]


def test_many_credits_are_no_larger_packet_either():
    box = outbox()
    for id_ in range(1, 2001, 2):
        box.put_first(make(Kind.CREDIT, id_, "x" * 20))
    box.put(make(Kind.NEXT, 2, "y" * 2900))
    for batch in batches(box):
        assert sum(message.nbytes for message in batch) <= LIMIT


def test_bye_goes_last():
    box = outbox()
    box.put(make(Kind.BYE, 0))
    box.put(make(Kind.CALL, 1, bytes(9000)))
    box.put(make(Kind.NEXT, 2))
    order = [name for batch in batches(box) for name, _ in names(batch)]
    assert order[-1] == "BYE"
    assert order.count("PART") == 4


def test_events_are_bounded_and_the_oldest_is_dropped():
    box = outbox(1 << 20)
    events = [make(Kind.EVENT, 0, i) for i in range(TOPIC_BOUND + 5)]
    for event in events:
        box.put_event("t", event, is_latest=False)
    box.put_event("other", make(Kind.EVENT, 0), is_latest=False)
    [batch] = batches(box)
    assert batch[:-1] == events[5:]
    assert box.nbytes == 0


def test_of_latest_events_one_waits():
    box = outbox()
    for value in range(3):
        box.put_event("t", make(Kind.EVENT, 0, value), is_latest=True)
        box.put_event("u", make(Kind.EVENT, 0, value), is_latest=False)
    [batch] = batches(box)
    assert [message.topic for message in batch] == ["u", "u", "t", "u"]
    box.put_event("t", make(Kind.EVENT, 0, 9), is_latest=True)
    assert [len(batch) for batch in batches(box)] == [1]


def waiting(box: Outbox) -> list[Outgoing]:
    return [message for batch in batches(box) for message in batch]


def test_events_are_bounded_in_bytes():
    box = outbox(1 << 20)
    box.max_event_bytes = 5000
    events = [make(Kind.EVENT, 0, bytes(900)) for _ in range(8)]
    for event in events:
        box.put_event("t", event, is_latest=False)
    assert box.nbytes <= 5000
    assert waiting(box) == events[3:]


def test_the_topic_that_holds_most_gives_way():
    box = outbox(1 << 20)
    box.max_event_bytes = 5000
    rare = [make(Kind.EVENT, 0, bytes(100)) for _ in range(3)]
    flood = [make(Kind.EVENT, 0, bytes(900)) for _ in range(6)]
    for event in rare[:2]:
        box.put_event("rare", event, is_latest=False)
    for event in flood:
        box.put_event("flood", event, is_latest=False)
    box.put_event("rare", rare[2], is_latest=False)
    assert [message for message in waiting(box) if message.topic == "rare"] == rare


def test_the_newest_event_of_a_topic_waits_whatever_its_size():
    box = outbox(1 << 20)
    box.max_event_bytes = 1000
    newest = [make(Kind.EVENT, 0, bytes(3000)) for _ in range(3)]
    for topic, event in zip("abc", newest, strict=True):
        box.put_event(topic, make(Kind.EVENT, 0, 1), is_latest=False)
        box.put_event(topic, event, is_latest=topic == "b")
    assert waiting(box) == newest
    assert box.nbytes == 0


def test_events_that_were_dropped_hold_no_memory_while_nobody_reads():
    box = outbox()
    dropped = make(Kind.EVENT, 0, bytes(2000))
    box.put_event("t", dropped, is_latest=True)
    for i in range(100_000):
        box.put_event("t", make(Kind.EVENT, 0, i), is_latest=True)
    assert (dropped.body, dropped.attachments) == (b"", [])
    assert len(box._queue) < 1000
    [newest] = waiting(box)
    assert values.decode(newest.body, []) == [8, 0, 99_999]


def test_so_do_those_behind_parts():
    box = outbox()
    box.put_event("large", make(Kind.EVENT, 0, bytes(9000)), is_latest=False)
    box.take(is_full=False)
    for i in range(2000):
        box.put_event("t", make(Kind.EVENT, 0, i), is_latest=True)
        if i == 10:
            box.take(is_full=False)
    assert len(box._queue) + sum(len(transfer.waiting) for transfer in box._bulk.values()) < 1000
    assert sum(message.kind is Kind.EVENT for message in waiting(box)) == 1
    assert box.nbytes == 0


def test_calls_that_are_held_back():
    box = outbox()
    for id_ in (1, 3, 5):
        box.hold(make(Kind.CALL, id_))
    before = box.nbytes
    assert box.take(is_full=False) == []
    assert box.withdraw(3)
    assert not box.withdraw(3)
    assert box.nbytes < before
    assert (box.held, box.is_held(1), box.is_held(3)) == (2, True, False)
    assert box.release() == 1
    assert names(box.take(is_full=False)) == [("CALL", 1)]
    assert box.release() == 5
    assert names(box.take(is_full=False)) == [("CALL", 5)]
    assert box.nbytes == 0


def test_what_is_left_of_one_message_in_parts_keeps_nobody_waiting():
    box = outbox()
    box.put(make(Kind.CALL, 1, bytes(60_000)))
    box.put(make(Kind.CALL, 3, bytes(30_000)))
    assert box.nbytes > 90_000
    box.take(is_full=False)
    assert 30_000 < box.nbytes < 31_000
    seen = [box.nbytes]
    while box.take(is_full=False):
        seen.append(box.nbytes)
    assert seen == sorted(seen, reverse=True)
    assert seen[-1] == 0


def test_parts_leave_room_to_others():
    box = outbox()
    box.put(make(Kind.CALL, 1, bytes(9000)))
    assert names(box.take(is_full=False, is_crowded=True)) == [("PART", 1)]
    assert box.take(is_full=False, is_crowded=True) == []
    box.put(make(Kind.NEXT, 2))
    box.put_first(make(Kind.CREDIT, 3))
    assert names(box.take(is_full=False, is_crowded=True)) == [("CREDIT", 3), ("NEXT", 2)]
    assert box.take(is_full=False, is_crowded=True) == []
    assert [names(batch) for batch in batches(box)] == [[("PART", 1)]] * 3


def test_an_event_that_has_begun_to_leave_in_parts_is_not_dropped():
    box = outbox()
    box.put_event("t", make(Kind.EVENT, 0, bytes(9000)), is_latest=True)
    assert names(box.take(is_full=False)) == [("PART", 0)]
    box.put_event("t", make(Kind.EVENT, 0, "new"), is_latest=True)
    assert [names(batch) for batch in batches(box)] == [[("PART", 0)]] * 3 + [[("EVENT", 0)]]
    assert box.nbytes == 0


@pytest.mark.parametrize(("size", "parts_before"), [(6000, 1), (6000, 2), (6000, 3), (9000, 2), (9000, 4)])
def test_an_event_that_waits_behind_parts_of_another_may_be_dropped(size, parts_before):
    box = outbox()
    box.put_event("t", make(Kind.EVENT, 0, bytes(size)), is_latest=True)
    box.take(is_full=False)
    box.put_event("u", make(Kind.EVENT, 0, 1), is_latest=True)
    for _ in range(parts_before - 1):
        assert names(box.take(is_full=False)) == [("PART", 0)]
    newest = make(Kind.EVENT, 0, 2)
    box.put_event("u", newest, is_latest=True)
    sent = [message for batch in batches(box) for message in batch]
    assert [message for message in sent if message.kind is Kind.EVENT] == [newest]
    assert box.nbytes == 0


def test_parts_take_turns_with_what_else_waits():
    box = outbox()
    box.put(make(Kind.CALL, 1, bytes(9000)))
    order = []
    for i in range(6):
        box.put(make(Kind.NEXT, 2, i))
        order += names(box.take(is_full=False))
    assert order[0] == ("PART", 1)
    assert order.count(("PART", 1)) >= 3
    assert ("NEXT", 2) in order[:3]


def test_what_follows_parts_with_the_same_id_waits():
    box = outbox()
    box.put(make(Kind.CALL, 1, bytes(9000)))
    box.put(make(Kind.CANCEL, 1))
    box.put(make(Kind.CALL, 3))
    order = [name for batch in batches(box) for name in names(batch)]
    assert order.index(("CALL", 3)) < order.index(("CANCEL", 1)) == len(order) - 1


def test_no_more_transfers_than_the_other_end_takes():
    box = outbox(max_transfers=2)
    for id_ in (1, 3, 5, 7):
        box.put(make(Kind.CALL, id_, bytes(9000)))
    open_ids: set[int] = set()
    order: list[int] = []
    for [part] in batches(box):
        open_ids.add(part.id)
        order.append(part.id)
        if order.count(part.id) == 4:
            open_ids.remove(part.id)
        assert len(open_ids) <= 2
    assert sorted(order) == [1] * 4 + [3] * 4 + [5] * 4 + [7] * 4


def test_ids_are_begun_in_order():
    box = outbox()
    for id_ in (1, 3, 5):
        box.put(make(Kind.CALL, id_, bytes(9000) if id_ == 3 else None))
    first: dict[int, int] = {}
    for i, batch in enumerate(batches(box)):
        for message in batch:
            first.setdefault(message.id, i)
    assert list(first) == [1, 3, 5]


def test_only_volatile_messages_pass_a_full_ring():
    box = outbox()
    box.put(make(Kind.NEXT, 2, 1, is_volatile=True))
    box.put(make(Kind.NEXT, 2, 2))
    box.put(make(Kind.NEXT, 2, 3, is_volatile=True))
    assert [message.is_volatile for message in box.take(is_full=True)] == [True]
    assert box.take(is_full=True) == []
    assert len(box.take(is_full=False)) == 2


def test_has_call():
    box = outbox()
    box.put(make(Kind.CALL, 1))
    box.put(make(Kind.CANCEL, 3))
    box.put(make(Kind.CALL, 5, bytes(9000)))
    assert [box.has_call(id_) for id_ in (1, 3, 5, 7)] == [True, False, True, False]
    box.take(is_full=False)
    box.take(is_full=False)
    assert [box.has_call(id_) for id_ in (1, 3, 5, 7)] == [False, False, True, False]


def test_what_can_not_be_taken_apart():
    attachments = [bytes(1025)] * parts.MAX_BUFFERS
    assert not Outgoing(Kind.CALL, 1, b"a", attachments).fits(8 << 20)
    assert Outgoing(Kind.CALL, 1, b"a", attachments[1:]).fits(8 << 20)
    assert not Outgoing(Kind.CALL, 1, b"a", attachments[:1000]).fits(LIMIT)
    assert Outgoing(Kind.CALL, 1, b"a", attachments[:2]).fits(LIMIT)


def test_clear_forgets_everything():
    box = outbox()
    box.put(make(Kind.CALL, 1, bytes(9000)))
    box.take(is_full=False)
    box.put_first(make(Kind.CREDIT, 1))
    box.put_event("t", make(Kind.EVENT, 0), is_latest=False)
    box.put(make(Kind.BYE, 0))
    box.clear()
    assert box.nbytes == 0
    assert box.take(is_full=False) == []


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from([1, 3, 5]), st.sampled_from([0, 500, 2500, 9000])),
        st.tuples(st.just("event"), st.sampled_from("tu"), st.booleans()),
        st.tuples(st.just("credit"), st.sampled_from([2, 4])),
        st.tuples(st.just("take")),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(ACTIONS)
def test_whatever_is_put_in_comes_out_once_in_the_order_of_its_id(actions):
    box, put, batches_out = outbox(), [], []
    for action in actions:
        match action:
            case ("put", id_, size):
                message = make(Kind.NEXT, id_, bytes(size))
                put.append(message)
                box.put(message)
            case ("event", topic, is_latest):
                box.put_event(topic, make(Kind.EVENT, 0), is_latest=is_latest)
            case ("credit", id_):
                box.put_first(make(Kind.CREDIT, id_))
            case _:
                batches_out.append(box.take(is_full=False))
    batches_out += batches(box)
    assert box.nbytes == 0
    for batch in batches_out:
        assert (
            sum(map(len, (m.body for m in batch))) + sum(len(a) for m in batch for a in m.attachments)
            <= LIMIT + 64
        )
    sent = [message for batch in batches_out for message in batch]
    for id_ in (1, 3, 5):
        expected = [message for message in put if message.id == id_]
        assert restore(sent, id_) == [b"".join([m.body, *m.attachments]) for m in expected]


def restore(sent: list[Outgoing], id_: int) -> list[bytes]:
    """Return the bytes of the messages of an id, those in parts put together."""
    messages, assembly = [], None
    for message in sent:
        if message.id != id_ or message.kind is Kind.CREDIT:
            continue
        if message.kind is not Kind.PART:
            assert assembly is None
            messages.append(b"".join([message.body, *message.attachments]))
            continue
        _, _, index, sizes, chunk = values.decode(message.body, message.attachments)
        assembly = assembly or parts.Assembly(sizes, 1 << 20)
        whole = assembly.add(index, chunk)
        if whole is not None:
            messages.append(b"".join(map(bytes, whole)))
            assembly = None
    return messages


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.WELCOME])
def test_goes_alone(kind):
    assert make(kind, 0).goes_alone
