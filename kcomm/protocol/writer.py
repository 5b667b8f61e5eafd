"""Encodes messages within the other end's limits, and queues them."""

from __future__ import annotations

from typing import Any

from kcomm.errors import KcommError, TooLargeError
from kcomm.protocol import values
from kcomm.protocol.limits import Limits
from kcomm.protocol.messages import GREETINGS, Kind
from kcomm.protocol.outbox import Outbox, Outgoing

#: Room that a packet keeps for its header beside a message of the largest size.
HEADER_ROOM = 1024
#: Characters of an error's text that are sent: with these BYE fits into the smallest packet.
MAX_TEXT = 900
#: What the peers say of themselves is not subject to limits that are still to be said.
GREETING_DEPTH = Limits().depth


class Writer:
    """What one end has to send.

    Attributes
    ----------
    outbox : Outbox
        What waits.
    limits : Limits
        What the other end accepts; the defaults until it has said so.
    """

    def __init__(self) -> None:
        self.limits = Limits()
        self.outbox = Outbox(self.max_message, self.limits.parts)

    @property
    def max_message(self) -> int:
        """Bytes of the largest message that goes in one packet."""
        return self.limits.packet - HEADER_ROOM

    def use(self, limits: Limits) -> None:
        """Take note of what the other end accepts."""
        self.limits = limits
        self.outbox.max_message = self.max_message
        self.outbox.max_transfers = limits.parts
        self.outbox.max_event_bytes = limits.window // 2

    def encode(self, kind: Kind, id_: int, *fields: Any) -> Outgoing:
        """Encode a message.

        Raises
        ------
        BadValueError
            When a field can't be sent.
        """
        depth = GREETING_DEPTH if kind in GREETINGS else self.limits.depth
        body, attachments = values.encode([int(kind), id_, *fields], depth)
        message = Outgoing(kind, id_, body, attachments)
        if message.nbytes > self.limits.message or not message.fits(self.max_message):
            raise TooLargeError(
                f"a message of {message.nbytes} bytes and {len(attachments)} arrays is above the "
                f"{self.limits.message} bytes that the other end accepts"
            )
        return message

    def queue(self, kind: Kind, id_: int, *fields: Any) -> None:
        """Encode a message and queue it."""
        self.outbox.put(self.encode(kind, id_, *fields))

    def queue_error(self, id_: int, error: KcommError) -> None:
        """Queue the terminal message of a call that failed, or, with id 0, a report."""
        self.queue(Kind.ERROR, id_, for_people(error.code), for_people(error.message), error.data)


def for_people(text: str) -> str:
    """Make the text of an error one that can be sent, whatever is in it and whatever the peer's limits."""
    return text[:MAX_TEXT].encode(errors="replace").decode()
