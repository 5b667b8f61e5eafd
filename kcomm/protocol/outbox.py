"""What waits to be sent: which message goes into the next packet, and which may go before another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from kcomm.protocol import parts
from kcomm.protocol.messages import Kind
from kcomm.protocol.waiting import WaitingEvents

#: A page pays about 2 ms for a comm message whatever it holds, so messages share a packet up to this size.
BATCH_SIZE = 256 * 1024
#: Dropped messages that may still stand in a queue: only then is it gone through.
_MAX_DROPPED = 256
#: The most that a size takes in part 0.
_SIZE_BYTES = 9


@dataclass(slots=True, eq=False)
class Outgoing:
    """An encoded message that waits."""

    kind: Kind
    id: int
    body: bytes
    attachments: list[bytes]
    is_volatile: bool = False
    topic: str | None = None
    is_dropped: bool = False
    #: Bytes of the message and its attachments.
    nbytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.nbytes = len(self.body) + sum(map(len, self.attachments))

    def drop(self) -> None:
        """Let go of what it holds: it is not sent, wherever it still stands."""
        self.is_dropped = True
        self.body, self.attachments = b"", []

    def fits(self, max_message: int) -> bool:
        """Return whether it can be taken apart for packets that hold `max_message`.

        Part 0 holds the sizes of all attachments.
        """
        if self.nbytes <= max_message:
            return True
        buffers = len(self.attachments) + 1
        return buffers <= parts.MAX_BUFFERS and buffers * _SIZE_BYTES <= max_message // 2

    @property
    def goes_alone(self) -> bool:
        """Whether its packet holds nothing else."""
        return self.kind in (Kind.HELLO, Kind.WELCOME)


class _Transfer:
    """A message that leaves in parts, and those of its id behind it.

    Parameters
    ----------
    max_message : int
        Bytes of messages that a packet holds.
    """

    def __init__(self, max_message: int) -> None:
        self.waiting: deque[Outgoing] = deque()
        #: Bytes that are still to leave of the first message, if it has begun to.
        self.left = 0
        self._max_message = max_message
        self._parts: Iterator[tuple[bytes, list[bytes]]] | None = None
        self._part_size = 0

    def next_part(self) -> Outgoing:
        """Return the next part of the first message."""
        message = self.waiting[0]
        if self._parts is None:
            # Part 0 holds the sizes of all buffers beside its chunk.
            room = self._max_message - _SIZE_BYTES * (len(message.attachments) + 1)
            self._part_size = min(parts.PART_SIZE, room)
            self.left = message.nbytes
            buffers = [message.body, *message.attachments]
            self._parts = parts.split(message.id, buffers, self._part_size)
        body, attachments = next(self._parts)
        self.left = max(0, self.left - self._part_size)
        if not self.left:
            self._parts = None
        return Outgoing(Kind.PART, message.id, body, attachments)


class Outbox:
    """The queues of one direction.

    Messages leave in the order they came, but for three rules: CREDIT and NACK go first; a message larger
    than `max_message` goes in parts, and others may go between; what follows it with the same id waits
    behind it. Calls that are held back do not leave before they are released.

    Parameters
    ----------
    max_message : int
        Bytes of messages that a packet holds.
    max_transfers : int
        Messages that may be in parts at once.

    Attributes
    ----------
    max_event_bytes : int
        Bytes of the events that may wait.
    """

    def __init__(self, max_message: int, max_transfers: int) -> None:
        self.max_message = max_message
        self.max_transfers = max_transfers
        self.max_event_bytes = 16 << 20
        self.clear()

    def clear(self) -> None:
        """Forget everything that waits."""
        self._nbytes = 0
        self._urgent: dict[tuple[Kind, int], Outgoing] = {}
        self._queue: deque[Outgoing] = deque()
        self._held: dict[int, Outgoing] = {}
        #: Bytes of the calls that are held back.
        self.held_nbytes = 0
        self._events = WaitingEvents()
        self._dropped = 0
        self._bulk: dict[int, _Transfer] = {}
        self._is_turn_of_bulk = False
        self._bye: Outgoing | None = None

    @property
    def nbytes(self) -> int:
        """Bytes that wait, as far as they should keep others from being queued.

        What is left of the largest message that leaves in parts does not count: the rest goes between its
        parts, and would else stand still for as long as it takes. Nor does what goes first.
        """
        if not self._bulk:
            return self._nbytes
        return self._nbytes - max(transfer.left for transfer in self._bulk.values())

    def put(self, message: Outgoing) -> None:
        """Queue a message."""
        if message.kind is Kind.BYE:
            self._bye = message
            return
        self._queue.append(message)
        self._nbytes += message.nbytes

    def put_first(self, message: Outgoing) -> None:
        """Queue a message before all others, in place of an earlier one of its kind and id."""
        self._urgent[message.kind, message.id] = message

    def put_event(self, topic: str, message: Outgoing, *, is_latest: bool) -> None:
        """Queue an event; drop older ones of its topic that wait, as it was declared."""
        message.topic = topic
        self.put(message)
        for dropped in self._events.add(message, is_latest=is_latest, max_bytes=self.max_event_bytes):
            self._nbytes -= dropped.nbytes
            self._dropped += 1
            dropped.drop()
        if self._dropped > max(_MAX_DROPPED, len(self._queue) // 2):
            self._forget_dropped()

    def hold(self, message: Outgoing) -> None:
        """Hold a call back until it is released; it counts as one that waits."""
        self._held[message.id] = message
        self.held_nbytes += message.nbytes
        self._nbytes += message.nbytes

    def release(self) -> int:
        """Queue the call that was held back for longest; return its id."""
        message = self._held.pop(next(iter(self._held)))
        self.held_nbytes -= message.nbytes
        self._queue.append(message)
        return message.id

    def withdraw(self, id_: int) -> bool:
        """Forget a call if it is held back; return whether it was."""
        message = self._held.pop(id_, None)
        if message is None:
            return False
        self._nbytes -= message.nbytes
        self.held_nbytes -= message.nbytes
        return True

    def is_held(self, id_: int) -> bool:
        """Return whether a call is held back."""
        return id_ in self._held

    @property
    def held(self) -> int:
        """How many calls are held back."""
        return len(self._held)

    def has_call(self, id_: int) -> bool:
        """Return whether the CALL of this id, or a part of it, is still here."""
        waiting = self._bulk[id_].waiting if id_ in self._bulk else self._queue
        return any(message.id == id_ and message.kind is Kind.CALL for message in waiting)

    def take(self, *, is_full: bool, is_crowded: bool = False) -> list[Outgoing]:
        """Take the messages of the next packet.

        Parameters
        ----------
        is_full : bool
            Whether the reliable lane is full, so that only volatile messages may go.
        is_crowded : bool, default False
            Whether it is so full that parts must leave the rest of it to others.
        """
        if is_full:
            return self._take_batch([], only_volatile=True)
        if is_crowded and self._bulk:
            return self._take_batch(self._take_urgent(), only_volatile=False)
        if self._is_turn_of_bulk and self._bulk:
            self._is_turn_of_bulk = False
            return self._take_from_bulk()
        batch = self._take_batch(self._take_urgent(), only_volatile=False)
        self._is_turn_of_bulk = True
        if batch:
            return batch
        if self._bulk:
            return self._take_from_bulk()
        bye, self._bye = self._bye, None
        return [bye] if bye else []

    def _take_urgent(self) -> list[Outgoing]:
        if self._queue and self._queue[0].goes_alone:
            return []
        urgent: list[Outgoing] = []
        size = 0
        for key, message in list(self._urgent.items()):
            size += message.nbytes
            if urgent and size > self.max_message:
                break
            urgent.append(self._urgent.pop(key))
        return urgent

    def _take_batch(self, batch: list[Outgoing], *, only_volatile: bool) -> list[Outgoing]:
        size = sum(message.nbytes for message in batch)
        while self._queue and size < BATCH_SIZE:
            message = self._queue[0]
            if message.is_dropped:
                self._queue.popleft()
                continue
            if only_volatile and not message.is_volatile:
                break
            if message.id in self._bulk:
                self._bulk[message.id].waiting.append(self._queue.popleft())
                continue
            if message.nbytes > self.max_message:
                # Part 0 leaves in its turn, so that ids are taken in order; and no more are begun than the
                # peer takes at once.
                if batch or len(self._bulk) >= self.max_transfers:
                    break
                return [self._start_transfer(self._queue.popleft())]
            is_crowded = size + message.nbytes > self.max_message or message.goes_alone
            if is_crowded and batch:
                break
            self._leave(self._queue.popleft())
            batch.append(message)
            size += message.nbytes
            if message.goes_alone:
                break
        return batch

    def _start_transfer(self, message: Outgoing) -> Outgoing:
        transfer = _Transfer(self.max_message)
        transfer.waiting.append(message)
        self._bulk[message.id] = transfer
        return self._take_part(message.id, transfer)

    def _take_from_bulk(self) -> list[Outgoing]:
        """Take one packet's worth of the transfer that waits longest; others come before its next one."""
        id_, transfer = next(iter(self._bulk.items()))
        while transfer.waiting and transfer.waiting[0].is_dropped:
            transfer.waiting.popleft()
        if not transfer.waiting:
            del self._bulk[id_]
            return self.take(is_full=False)
        message = transfer.waiting[0]
        if message.nbytes > self.max_message:
            return [self._take_part(id_, transfer)]
        self._leave(transfer.waiting.popleft())
        self._put_back(id_, transfer)
        return [message]

    def _take_part(self, id_: int, transfer: _Transfer) -> Outgoing:
        # It has begun to leave: a newer event can't take its place any more.
        self._events.remove(transfer.waiting[0])
        before = transfer.left or transfer.waiting[0].nbytes
        part = transfer.next_part()
        self._nbytes -= before - transfer.left
        if not transfer.left:
            transfer.waiting.popleft()
        self._put_back(id_, transfer)
        return part

    def _put_back(self, id_: int, transfer: _Transfer) -> None:
        del self._bulk[id_]
        if transfer.waiting:
            self._bulk[id_] = transfer

    def _forget_dropped(self) -> None:
        """Take what was dropped out of the queues, which nobody reads while the other end does not."""
        self._queue = deque(message for message in self._queue if not message.is_dropped)
        for transfer in self._bulk.values():
            transfer.waiting = deque(message for message in transfer.waiting if not message.is_dropped)
        self._dropped = 0

    def _leave(self, message: Outgoing) -> None:
        self._nbytes -= message.nbytes
        self._events.remove(message)
