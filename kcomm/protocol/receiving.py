"""The receiving end of the reliable lane: order, what is missing, and acknowledgements (section 5)."""

from __future__ import annotations

from kcomm.errors import ProtocolError
from kcomm.protocol.packets import Packet

#: Nothing else having gone back, an acknowledgement goes out this long after a packet came (seconds).
ACK_DELAY = 0.25
#: What is missing may only be late: nobody asks for it before this time has passed (seconds).
NACK_DELAY = 0.02
#: Asked for and not come, it is asked for again after this long, then at twice the interval each time.
NACK_RETRY = 0.25
MAX_NACK_RETRY = 8.0
#: Stretches that one packet asks for.
MAX_STRETCHES = 16
#: Packets kept behind a gap; those of a sender that goes on for longer come again.
MAX_EARLY = 65_536


class ReceiveLane:
    """Puts reliable packets in order, asks for those that are missing, and says when to acknowledge.

    Parameters
    ----------
    window : int
        Bytes the sender may have unacknowledged, as this end announced it.
    """

    def __init__(self, window: int) -> None:
        self.last = 0
        self.window = window
        self._unacknowledged = 0
        self._ack_due: float | None = None
        self._early: dict[int, Packet] = {}
        self._early_nbytes = 0
        # The highest number that is known to have been sent.
        self._known = 0
        self._nack_retry = NACK_RETRY
        self._nack_due: float | None = None

    def accept(self, packet: Packet, now: float) -> list[Packet]:
        """Take a packet; return those whose turn it is now, none if it came before or too early."""
        if self._ack_due is None:
            self._ack_due = now + ACK_DELAY
        if packet.seq <= self.last:
            return []
        self._know(packet.seq)
        if packet.seq > self.last + 1:
            self._keep(packet)
            self._expect(now)
            return []
        turn = [packet]
        while (following := self._early.pop(packet.seq + len(turn), None)) is not None:
            self._early_nbytes -= following.nbytes
            turn.append(following)
        self.last += len(turn)
        self._unacknowledged += sum(each.nbytes for each in turn)
        if self._unacknowledged * 4 >= self.window:
            self._ack_due = now
        self._nack_due = None
        self._expect(now)
        return turn

    def probe(self, seq: int, now: float) -> None:
        """Take the sender's word for the number of its last packet."""
        self._know(seq)
        if self._known <= self.last:
            self._ack_due = now
            return
        # The path works: no need to be patient. The acknowledgement goes with what asks for the rest.
        self._nack_retry = NACK_RETRY
        soon = now + NACK_DELAY
        self._nack_due = soon if self._nack_due is None else min(self._nack_due, soon)

    # --- what is missing -----------------------------------------------------------------------------

    @property
    def nack_deadline(self) -> float | None:
        """When to ask for what is missing."""
        return self._nack_due

    def take_nacks(self, now: float) -> list[tuple[int, int]]:
        """Return the first stretches that are missing, first and last number of each."""
        self._nack_due = now + self._nack_retry
        self._nack_retry = min(2 * self._nack_retry, MAX_NACK_RETRY)
        stretches = []
        first = self.last + 1
        for seq in [*sorted(self._early), self._known + 1]:
            if first < seq:
                stretches.append((first, seq - 1))
            first = seq + 1
            if len(stretches) == MAX_STRETCHES:
                break
        return stretches

    def ask_at_once(self, now: float) -> None:
        """Take note that the connection is up: what is missing is asked for at once."""
        self._nack_retry = NACK_RETRY
        if self._known > self.last:
            self._nack_due = now

    def _know(self, seq: int) -> None:
        # A packet has several bytes, and no more than a window of them can be under way.
        if seq > self.last + max(self.window, MAX_EARLY):
            raise ProtocolError(f"packet {seq} can't be: {self.last} was the last one that came")
        self._known = max(self._known, seq)

    def _keep(self, packet: Packet) -> None:
        has_room = self._early_nbytes + packet.nbytes <= self.window and len(self._early) < MAX_EARLY
        if packet.seq not in self._early and has_room:
            self._early[packet.seq] = packet
            self._early_nbytes += packet.nbytes

    def _expect(self, now: float) -> None:
        """Ask in a moment for what is missing, unless that is due already."""
        if self._known > self.last and self._nack_due is None:
            self._nack_retry = NACK_RETRY
            self._nack_due = now + NACK_DELAY

    # --- acknowledgements ----------------------------------------------------------------------------

    def take_ack(self) -> int:
        """Return the number to acknowledge with what is being sent."""
        self._unacknowledged = 0
        self._ack_due = None
        return self.last

    @property
    def deadline(self) -> float | None:
        """When an acknowledgement of its own is due, on the clock of `accept`."""
        return self._ack_due
