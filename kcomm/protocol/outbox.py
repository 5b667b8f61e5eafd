"""What waits to be sent: which message goes into the next packet, and which may go before another."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from kcomm.protocol import parts
from kcomm.protocol.messages import Kind

#: A page pays about 2 ms for a comm message whatever it holds, so messages share a packet up to this size.
BATCH_SIZE = 256 * 1024
#: Events of one topic that may wait; beyond, the oldest is dropped.
TOPIC_BOUND = 1000


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

    @property
    def nbytes(self) -> int:
        """Bytes of the message and its attachments."""
        return len(self.body) + sum(map(len, self.attachments))

    @property
    def goes_alone(self) -> bool:
        """Whether its packet holds nothing else."""
        return self.kind in (Kind.HELLO, Kind.WELCOME)


class _Transfer:
    """A message that leaves in parts, and those of its id behind it."""

    def __init__(self) -> None:
        self.waiting: deque[Outgoing] = deque()
        self._parts: Iterator[tuple[bytes, list[bytes]]] | None = None
        self._left = 0

    def next_part(self) -> tuple[Outgoing, bool]:
        """Return the next part of the first message, and whether it is its last."""
        message = self.waiting[0]
        if self._parts is None:
            self._left = math.ceil(message.nbytes / parts.PART_SIZE)
            self._parts = parts.split(message.id, [message.body, *message.attachments])
        body, attachments = next(self._parts)
        self._left -= 1
        if self._left == 0:
            self._parts = None
        return Outgoing(Kind.PART, message.id, body, attachments), self._left == 0


class Outbox:
    """The queues of one direction.

    Messages leave in the order they came, but for three rules: CREDIT and NACK go first; a message larger
    than `max_message` goes in parts, and others may go between; what follows it with the same id waits
    behind it.
    """

    def __init__(self, max_message: int) -> None:
        self.max_message = max_message
        self.clear()

    def clear(self) -> None:
        """Forget everything that waits."""
        self.nbytes = 0
        self._urgent: dict[tuple[Kind, int], Outgoing] = {}
        self._queue: deque[Outgoing] = deque()
        self._topics: dict[str, deque[Outgoing]] = {}
        self._bulk: dict[int, _Transfer] = {}
        self._is_turn_of_bulk = False
        self._bye: Outgoing | None = None

    def put(self, message: Outgoing) -> None:
        """Queue a message."""
        if message.kind is Kind.BYE:
            self._bye = message
            return
        self._queue.append(message)
        self.nbytes += message.nbytes

    def put_first(self, message: Outgoing) -> None:
        """Queue a message before all others, in place of an earlier one of its kind and id."""
        self._urgent[message.kind, message.id] = message

    def put_event(self, topic: str, message: Outgoing, *, is_latest: bool) -> None:
        """Queue an event; drop older ones of its topic that wait, as it was declared."""
        message.topic = topic
        waiting = self._topics.setdefault(topic, deque())
        bound = 0 if is_latest else TOPIC_BOUND - 1
        while len(waiting) > bound:
            self._drop(waiting.popleft())
        waiting.append(message)
        self.put(message)

    def has_call(self, id_: int) -> bool:
        """Return whether the CALL of this id, or a part of it, is still here."""
        return id_ in self._bulk or any(
            message.id == id_ and message.kind is Kind.CALL for message in self._queue
        )

    def take(self, *, is_full: bool) -> list[Outgoing]:
        """Take the messages of the next packet.

        Parameters
        ----------
        is_full : bool
            Whether the reliable lane is full, so that only volatile messages may go.
        """
        if is_full:
            return self._take_batch(only_volatile=True)
        if self._is_turn_of_bulk and self._bulk:
            self._is_turn_of_bulk = False
            return [self._take_part()]
        batch = self._take_urgent() + self._take_batch(only_volatile=False)
        self._is_turn_of_bulk = True
        if batch:
            return batch
        if self._bulk:
            return [self._take_part()]
        bye, self._bye = self._bye, None
        return [bye] if bye else []

    def _take_urgent(self) -> list[Outgoing]:
        if self._queue and self._queue[0].goes_alone:
            return []
        urgent = list(self._urgent.values())
        self._urgent.clear()
        return urgent

    def _take_batch(self, *, only_volatile: bool) -> list[Outgoing]:
        batch: list[Outgoing] = []
        size = 0
        while self._queue and size < BATCH_SIZE:
            message = self._queue[0]
            if message.is_dropped:
                self._queue.popleft()
                continue
            if only_volatile and not message.is_volatile:
                break
            needs_own_packet = message.goes_alone or self._starts_transfer(message)
            if needs_own_packet and batch:
                break
            self._queue.popleft()
            if message.id in self._bulk:
                self._bulk[message.id].waiting.append(message)
                continue
            if self._starts_transfer(message):
                # Part 0 leaves in its turn, so that ids are taken in order.
                return [self._start_transfer(message)]
            self._leave(message)
            batch.append(message)
            size += message.nbytes
            if message.goes_alone:
                break
        return batch

    def _starts_transfer(self, message: Outgoing) -> bool:
        return message.nbytes > self.max_message and message.id not in self._bulk

    def _start_transfer(self, message: Outgoing) -> Outgoing:
        transfer = _Transfer()
        transfer.waiting.append(message)
        part, is_last = transfer.next_part()
        if is_last:
            self._leave(message)
        else:
            self._bulk[message.id] = transfer
        return part

    def _take_part(self) -> Outgoing:
        """Take one packet's worth of the transfer that waits longest; the others come before its next one."""
        id_, transfer = next(iter(self._bulk.items()))
        del self._bulk[id_]
        message = transfer.waiting[0]
        if message.nbytes > self.max_message:
            part, is_last = transfer.next_part()
        else:
            part, is_last = message, True
        if is_last:
            self._leave(transfer.waiting.popleft())
        if transfer.waiting:
            self._bulk[id_] = transfer
        return part

    def _drop(self, message: Outgoing) -> None:
        message.is_dropped = True
        self.nbytes -= message.nbytes

    def _leave(self, message: Outgoing) -> None:
        self.nbytes -= message.nbytes
        if message.topic is not None:
            waiting = self._topics[message.topic]
            waiting.remove(message)
            if not waiting:
                del self._topics[message.topic]
