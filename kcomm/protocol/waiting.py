"""Events that wait to be sent, and which of them give way to newer ones (section 3.7)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kcomm.protocol.outbox import Outgoing

#: Events of one topic that may wait; beyond, the oldest is dropped.
TOPIC_BOUND = 1000


@dataclass(slots=True)
class _Topic:
    messages: deque[Outgoing] = field(default_factory=deque)
    nbytes: int = 0


class WaitingEvents:
    """The events that wait, by topic.

    The newest of a topic always stays: its index tells the other end of those that were dropped.
    """

    def __init__(self) -> None:
        self._topics: dict[str | None, _Topic] = {}
        self._nbytes = 0

    def add(self, message: Outgoing, *, is_latest: bool, max_bytes: int) -> Iterator[Outgoing]:
        """Take an event; yield those that give way to it.

        Parameters
        ----------
        message : Outgoing
            The event, with its topic.
        is_latest : bool
            Whether it replaces what waits of its topic.
        max_bytes : int
            Bytes that may wait. Beyond, the topic that holds most gives way: it is the one that floods.
        """
        topic = self._topics.setdefault(message.topic, _Topic())
        topic.messages.append(message)
        topic.nbytes += message.nbytes
        self._nbytes += message.nbytes
        bound = 1 if is_latest else TOPIC_BOUND
        while len(topic.messages) > bound:
            yield self._drop_oldest(topic)
        while self._nbytes > max_bytes and (heaviest := self._heaviest()):
            yield self._drop_oldest(heaviest)

    def remove(self, message: Outgoing) -> None:
        """Take note that a message leaves, if it is an event that waits: it can't give way any more."""
        topic = self._topics.get(message.topic)
        if topic is None or message not in topic.messages:
            return
        topic.messages.remove(message)
        topic.nbytes -= message.nbytes
        self._nbytes -= message.nbytes
        if not topic.messages:
            del self._topics[message.topic]

    def _heaviest(self) -> _Topic | None:
        """Return the topic with most bytes, of those that can do without one event."""
        crowded = (topic for topic in self._topics.values() if len(topic.messages) > 1)
        return max(crowded, key=lambda topic: topic.nbytes, default=None)

    def _drop_oldest(self, topic: _Topic) -> Outgoing:
        message = topic.messages.popleft()
        topic.nbytes -= message.nbytes
        self._nbytes -= message.nbytes
        return message
