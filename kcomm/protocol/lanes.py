"""The two lanes of one end, and the packets that keep them going: acknowledgements, NACKs, probes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kcomm.protocol import packets, values
from kcomm.protocol.messages import Kind
from kcomm.protocol.packets import Packet
from kcomm.protocol.receiving import ReceiveLane
from kcomm.protocol.sending import SendLane
from kcomm.protocol.values import Buffer


class Lanes:
    """Numbers what is sent, puts in order what comes, and keeps both going.

    Parameters
    ----------
    sent_window, received_window : int
        Bytes that may be unacknowledged in each direction.
    """

    def __init__(self, sent_window: int, received_window: int) -> None:
        self.sending = SendLane(sent_window)
        self.receiving = ReceiveLane(received_window)

    @property
    def window(self) -> int:
        """Bytes that may be unacknowledged."""
        return self.sending.window

    @window.setter
    def window(self, window: int) -> None:
        self.sending.window = self.receiving.window = window

    # --- what comes in ---------------------------------------------------------------------------

    def take(self, packet: Packet, now: float) -> list[Packet]:
        """Take a packet; return those that are to be read now."""
        self.sending.acknowledge(packet.ack, now)
        return self.receiving.accept(packet, now) if packet.seq else [packet]

    def take_message(self, kind: Kind, fields: Sequence[Any], now: float) -> bool:
        """Take a NACK or PROBE; return whether it was one."""
        if kind is Kind.NACK:
            self.sending.ask_again(fields[0], fields[1], now)
        elif kind is Kind.PROBE:
            self.receiving.probe(fields[0], now)
            self.sending.hasten_probe(now)
        else:
            return False
        return True

    # --- what goes out ---------------------------------------------------------------------------

    def write(
        self,
        bodies: Sequence[bytes],
        attachments: Sequence[Buffer],
        now: float,
        *,
        is_volatile: bool,
    ) -> list[Buffer]:
        """Write a packet, and keep it if it is reliable; a volatile one has to be now and then."""
        size = sum(map(len, bodies)) + sum(map(len, attachments))
        is_reliable = not is_volatile or self.sending.needs_number(size)
        seq = self.sending.last + 1 if is_reliable else 0
        packet = packets.write(seq, self.receiving.take_ack(), bodies, attachments)
        if is_reliable:
            self.sending.keep(packet, packets.size(packet), now)
        else:
            self.sending.count_volatile(packets.size(packet))
        return packet

    def asks(self, now: float, *, receives: bool, probes: bool) -> bool:
        """Return whether a NACK or PROBE is due, which goes before what else waits.

        A mere acknowledgement rides on that.
        """
        return (receives and _is_due(self.receiving.nack_deadline, now)) or (
            probes and _is_due(self.sending.probe_deadline, now)
        )

    def upkeep(self, now: float, *, receives: bool, probes: bool) -> list[Buffer] | None:
        """Return a packet that keeps the lanes going, if one is due.

        Parameters
        ----------
        now : float
            The time in seconds.
        receives : bool
            Whether this end still takes packets: what is missing is asked for, what came is acknowledged.
        probes : bool
            Whether the other end may be asked what came there.
        """
        bodies = []
        if receives and _is_due(self.receiving.nack_deadline, now):
            bodies = [_encode(Kind.NACK, *stretch) for stretch in self.receiving.take_nacks(now)]
        if probes and _is_due(self.sending.probe_deadline, now):
            bodies.append(_encode(Kind.PROBE, self.sending.take_probe(now)))
        if bodies or (receives and _is_due(self.receiving.deadline, now)):
            return packets.write(0, self.receiving.take_ack(), bodies, [])
        return None

    def wake(self, now: float) -> None:
        """Take note that the connection is up again."""
        self.sending.probe_at_once(now)
        self.receiving.ask_at_once(now)


def _is_due(deadline: float | None, now: float) -> bool:
    return deadline is not None and now >= deadline


def _encode(kind: Kind, *fields: int) -> bytes:
    return values.encode([int(kind), 0, *fields], depth_limit=1)[0]
