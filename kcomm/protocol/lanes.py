"""The reliable lane: numbers, acknowledgements and the ring of what is not yet acknowledged (section 5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from kcomm.errors import ProtocolError, SessionLostError
from kcomm.protocol.values import Buffer

#: Nothing else having gone back, an acknowledgement goes out this long after a packet came (seconds).
ACK_DELAY = 0.25
#: A sender whose last packet is not acknowledged asks after this long, then at twice the interval each time.
PROBE_DELAY = 1.0
MAX_PROBE_DELAY = 60.0


class SendLane:
    """Numbers reliable packets, and keeps each until it is acknowledged.

    Parameters
    ----------
    window : int
        Bytes that may be unacknowledged.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.last = 0
        self.nbytes = 0
        self._ring: deque[tuple[int, int, Sequence[Buffer]]] = deque()
        self._probe_delay = PROBE_DELAY
        self._probe_due: float | None = None

    @property
    def is_full(self) -> bool:
        """Whether the next reliable packet has to wait for an acknowledgement."""
        return self.nbytes >= self.window

    def keep(self, packet: Sequence[Buffer], nbytes: int, now: float) -> None:
        """Keep the packet that was numbered ``last + 1``."""
        self.last += 1
        if self._probe_due is None:
            self._probe_due = now + self._probe_delay
        self.nbytes += nbytes
        self._ring.append((self.last, nbytes, packet))

    def acknowledge(self, ack: int, now: float) -> bool:
        """Let go of all packets up to `ack`; return whether there were any."""
        if ack > self.last:
            raise ProtocolError(f"packet {ack} was acknowledged, but {self.last} is the last one sent")
        before = len(self._ring)
        while self._ring and self._ring[0][0] <= ack:
            self.nbytes -= self._ring.popleft()[1]
        if len(self._ring) == before:
            return False
        self._probe_delay = PROBE_DELAY
        self._probe_due = now + PROBE_DELAY if self._ring else None
        return True

    @property
    def probe_deadline(self) -> float | None:
        """When a tail probe is due: whether the last packet was lost shows nowhere else."""
        return self._probe_due

    def take_probe(self, now: float) -> int:
        """Return the number that a probe names; the next one is due after twice the time."""
        self._probe_delay = min(2 * self._probe_delay, MAX_PROBE_DELAY)
        self._probe_due = now + self._probe_delay
        return self.last

    def resend(self, first: int, last: int) -> None:
        """Answer a NACK. The ring holds what is asked for; sending it again is not part of this version."""
        if not 1 <= first <= last <= self.last:
            raise ProtocolError(f"a NACK for packets {first} to {last}, which were never sent")
        raise SessionLostError(f"packets {first} to {last} were lost on the way to the other end")


class ReceiveLane:
    """Takes reliable packets in order, and says when to acknowledge.

    Parameters
    ----------
    window : int
        Bytes the sender may have unacknowledged, as this end announced it.
    """

    def __init__(self, window: int) -> None:
        self.last = 0
        self.window = window
        self._unacknowledged = 0
        self._due: float | None = None

    def accept(self, seq: int, nbytes: int, now: float) -> bool:
        """Return whether the packet is the next one; False for one that came before."""
        if self._due is None:
            self._due = now + ACK_DELAY
        if seq <= self.last:
            return False
        if seq > self.last + 1:
            raise SessionLostError(f"packets {self.last + 1} to {seq - 1} were lost on the way here")
        self.last = seq
        self._unacknowledged += nbytes
        if self._unacknowledged * 4 >= self.window:
            self._due = now
        return True

    def probe(self, seq: int, now: float) -> None:
        """Take the sender's word for the number of its last packet."""
        if seq > self.last:
            raise SessionLostError(f"packets {self.last + 1} to {seq} were lost on the way here")
        if seq == self.last and self._due is None:
            self._due = now

    def take_ack(self) -> int:
        """Return the number to acknowledge with what is being sent."""
        self._unacknowledged = 0
        self._due = None
        return self.last

    @property
    def deadline(self) -> float | None:
        """When an acknowledgement of its own is due, on the clock of `accept`."""
        return self._due
