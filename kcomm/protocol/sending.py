"""The sending end of the reliable lane: numbers, probes, and what is sent again (section 5)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from kcomm.errors import ProtocolError
from kcomm.protocol.values import Buffer

#: A sender whose last packet is not acknowledged asks after this long, then at twice the interval each time
#: (seconds).
PROBE_DELAY = 1.0
MAX_PROBE_DELAY = 60.0
#: A kernel publishes `idle` after the NACK: that opens the server's rate gate, so the answer comes after it.
RESEND_DELAY = 0.02
#: NACKs that were held up come in one go: they are answered once. Less than a receiver waits to ask again.
RESEND_INTERVAL = 0.2
#: Bytes a second of a slow path: what was sent again may take this long, and is not lost meanwhile.
SLOW_PATH = 1e6
#: Packets that are sent again for one NACK. A server lets about 3 000 pass before its gate closes again.
MAX_RESENT = 256


@dataclass(slots=True)
class _Kept:
    seq: int
    nbytes: int
    buffers: Sequence[Buffer]
    resent_at: float | None = None
    resent: int = 0
    is_due: bool = False


class SendLane:
    """Numbers reliable packets, keeps each until it is acknowledged, and sends again what is asked for.

    Parameters
    ----------
    window : int
        Bytes that may be unacknowledged.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.last = 0
        #: Bytes that are on their way, or may be: of volatile packets, too.
        self.nbytes = 0
        self._loose = 0
        self._ring: deque[_Kept] = deque()
        self._waits_since: float | None = None
        self._probe_delay = PROBE_DELAY
        self._probe_due: float | None = None
        self._probed_at: float | None = None
        self._again: deque[_Kept] = deque()
        self._again_due: float | None = None
        self._progressed_at = 0.0

    @property
    def is_full(self) -> bool:
        """Whether the next reliable packet has to wait for an acknowledgement."""
        return self.nbytes >= self.window

    @property
    def waits_since(self) -> float | None:
        """Since when nothing was acknowledged of what is still to be; None if all is."""
        return self._waits_since

    def keep(self, packet: Sequence[Buffer], nbytes: int, now: float) -> None:
        """Keep the packet that was numbered ``last + 1``."""
        self.last += 1
        if not self._ring:
            self._waits_since = now
            self._probe_due = now + self._probe_delay
        self.nbytes += nbytes
        # What was sent before it has passed, or was lost, when this one is acknowledged.
        self._ring.append(_Kept(self.last, nbytes + self._loose, packet))
        self._loose = 0

    def needs_number(self, nbytes: int) -> bool:
        """Return whether a packet must be reliable although its messages are volatile.

        Nobody acknowledges volatile packets: without a reliable one between them, those that wait on the
        path for an end which does not read would have no bound.
        """
        return (self._loose + nbytes) * 4 >= self.window

    def count_volatile(self, nbytes: int) -> None:
        """Count a volatile packet, until the next reliable one after it is acknowledged."""
        self._loose += nbytes
        self.nbytes += nbytes

    def acknowledge(self, ack: int, now: float) -> bool:
        """Let go of all packets up to `ack`; return whether there were any."""
        if ack > self.last:
            raise ProtocolError(f"packet {ack} was acknowledged, but {self.last} is the last one sent")
        before = len(self._ring)
        while self._ring and self._ring[0].seq <= ack:
            kept = self._ring.popleft()
            kept.is_due = False
            self.nbytes -= kept.nbytes
        if len(self._ring) == before:
            return False
        self._progressed_at = now
        self._waits_since = now if self._ring else None
        self._probe_delay = PROBE_DELAY
        self._probe_due = now + PROBE_DELAY if self._ring else None
        return True

    # --- tail probes -------------------------------------------------------------------------------

    @property
    def probe_deadline(self) -> float | None:
        """When a tail probe is due: whether the last packet was lost shows nowhere else."""
        return self._probe_due

    def take_probe(self, now: float) -> int:
        """Return the number that a probe names; the next one is due after twice the time."""
        self._probed_at = now
        self._probe_due = None
        if self._ring:
            self._probe_delay = min(2 * self._probe_delay, MAX_PROBE_DELAY)
            self._probe_due = now + self._probe_delay
        return self.last

    def hasten_probe(self, now: float) -> None:
        """Take note that the path works again: what is still unacknowledged is probed for soon."""
        if not self._ring:
            return
        self._probe_delay = PROBE_DELAY
        # Never sooner than that after the last one: else two ends could go on probing each other.
        earliest = now if self._probed_at is None else max(now, self._probed_at + PROBE_DELAY)
        self._probe_due = earliest if self._probe_due is None else min(self._probe_due, earliest)

    def probe_at_once(self, now: float) -> None:
        """Take note that the connection is up: the other end learns at once what was sent."""
        self._probe_delay = PROBE_DELAY
        self._probe_due = now

    # --- what was lost -----------------------------------------------------------------------------

    def ask_again(self, first: int, last: int, now: float) -> None:
        """Take a NACK: what it names is sent again in a moment."""
        if not 1 <= first <= last <= self.last:
            raise ProtocolError(f"a NACK for packets {first} to {last}, which were never sent")
        for kept in self._stretch(first, last):
            if kept.is_due or self._is_on_its_way(kept, now):
                continue
            if len(self._again) >= MAX_RESENT:
                break
            kept.is_due = True
            self._again.append(kept)
        if self._again and self._again_due is None:
            self._again_due = now + RESEND_DELAY

    def _is_on_its_way(self, kept: _Kept, now: float) -> bool:
        """Return whether a packet was sent again and may still come: others do, or it is large."""
        if kept.resent_at is None:
            return False
        patience: float = (RESEND_INTERVAL + kept.nbytes / SLOW_PATH) * 2 ** min(kept.resent - 1, 3)
        return now - max(kept.resent_at, self._progressed_at) < patience

    def _stretch(self, first: int, last: int) -> Iterator[_Kept]:
        if not self._ring:
            return iter(())
        start = self._ring[0].seq
        return islice(self._ring, max(0, first - start), max(0, last + 1 - start))

    @property
    def resend_deadline(self) -> float | None:
        """When what was asked for is sent again."""
        return self._again_due

    def take_again(self, now: float) -> Sequence[Buffer] | None:
        """Return a packet that is to be sent again, or None."""
        if self._again_due is None or now < self._again_due:
            return None
        while self._again:
            kept = self._again.popleft()
            if kept.is_due:  # not acknowledged meanwhile
                kept.is_due = False
                kept.resent_at = now
                kept.resent += 1
                return kept.buffers
        self._again_due = None
        return None
