"""Counts and times of a player's frames."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from kcomm.animation.store import Made
from kcomm.frames.stats import Meter, Stats

#: Frames whose mean size is told.
_RECENT = 120


@dataclass(frozen=True)
class PlayerStats(Stats):
    """What happened to a player's frames so far.

    Parameters
    ----------
    cached : int
        Frames sent that had been drawn before; they are part of `sent`.
    cache : int
        Bytes of the frames that are kept.
    bytes : float
        Mean bytes of the last frames sent.
    codec : str
        How the last frame was encoded; empty before the first.
    """

    cached: int = 0
    cache: int = 0
    bytes: float = 0.0
    codec: str = ""


class PlayerMeter(Meter):
    """Collects what `PlayerStats` shows, from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._counts["cached"] = 0
        self._sizes: deque[int] = deque(maxlen=_RECENT)
        self._codec = ""

    def count_sent(self, made: Made, size: int, *, is_cached: bool) -> None:
        """Count a frame that was sent; the times of one drawn before were taken then."""
        if is_cached:
            self.count("cached")
        self.count("sent", None if is_cached else made.frame.ms)
        with self._lock:
            self._sizes.append(size)
            self._codec = made.frame.codec or "raw"

    def player_stats(self, cache: int) -> PlayerStats:
        """Return the counts and times so far."""
        stats = self.stats()
        with self._lock:
            return PlayerStats(
                **vars(stats),
                cached=self._counts["cached"],
                cache=cache,
                bytes=round(sum(self._sizes) / len(self._sizes), 1) if self._sizes else 0.0,
                codec=self._codec,
            )
