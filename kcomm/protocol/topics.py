"""The indexes of events, by which the receiver knows how many were dropped (section 3.7)."""

from __future__ import annotations

from kcomm.errors import BadArgumentsError, ProtocolError


class Topics:
    """Counts the events of both directions.

    Parameters
    ----------
    max_topics : int
        Topics on which events may come.
    """

    def __init__(self, max_topics: int) -> None:
        self._max_topics = max_topics
        self._sent: dict[str, int] = {}
        self._received: dict[str, int] = {}

    def next_index(self, topic: str) -> int:
        """Return the index of the next event of a topic; `count_sent` makes it used."""
        return self._sent.get(topic, 0)

    def check_room(self, topic: str, max_topics: int) -> None:
        """Raise if the other end does not take events of one more topic."""
        if topic not in self._sent and len(self._sent) >= max_topics:
            raise BadArgumentsError(
                f"the other end takes events of {max_topics} topics: put what differs into the value, not "
                f"into the name {topic!r}"
            )

    def count_sent(self, topic: str) -> None:
        """Take note that the event with the next index was queued."""
        self._sent[topic] = self.next_index(topic) + 1

    def count_received(self, topic: str, index: int) -> int:
        """Take the index of an event that came; return how many were dropped before it."""
        expected = self._received.get(topic, 0)
        if index < expected:
            raise ProtocolError(f"event {index} of topic {topic!r} came after event {expected - 1}")
        if topic not in self._received and len(self._received) >= self._max_topics:
            raise ProtocolError(f"events came on more than {self._max_topics} topics")
        self._received[topic] = index + 1
        return index - expected
