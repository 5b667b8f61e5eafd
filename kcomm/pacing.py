"""Spaces out packets, so that what is sent in many small steps shares them."""

from __future__ import annotations

#: Packets that may leave at once; what follows them leaves at intervals.
BURST = 16
#: Seconds between two packets in the long run. A Jupyter server drops a kernel's messages from 1 000 a second
#: on, and a page pays about 2 ms for each.
INTERVAL = 0.004
#: Bytes that wait from which on they leave at once: large packets take their time anyway.
BULK = 64 * 1024


class Pacer:
    """Says when the next packet may leave.

    It is the generic cell rate algorithm (ITU-T I.371): packets are due at intervals, and may leave up to
    `BURST` intervals before they are.

    Examples
    --------
    >>> pacer = Pacer()
    >>> for _ in range(BURST):
    ...     pacer.count(now=0.0)
    >>> pacer.wait(now=0.0)
    0.004
    """

    def __init__(self) -> None:
        self._due = 0.0

    def wait(self, now: float) -> float:
        """Return the seconds until a packet may leave."""
        return max(0.0, self._due - (BURST - 1) * INTERVAL - now)

    def count(self, now: float) -> None:
        """Take note that a packet leaves."""
        # Large packets leave whatever is due: they must not hold up others for long.
        self._due = min(max(self._due, now), now + (BURST - 1) * INTERVAL) + INTERVAL

    def forgive(self) -> None:
        """Take note that everything arrived: nothing crowds the path."""
        self._due = 0.0
