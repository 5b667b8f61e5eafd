"""How many items of a stream may be under way: as few as keep its consumer busy."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

#: The fewest items, with which it begins; the second, if they must be fresh. Four are granted two by two,
#: which halves the messages that grant them.
INITIAL = 4
FRESH_INITIAL = 2
_MAX = 64
#: Items that a round has at the least: of fewer, most is chance.
_ROUND = 8
#: Where items come fast some are granted at once, by one message in so many seconds, for so many items: each
#: message costs the page, the server and the kernel some milliseconds.
_GRANT_INTERVAL = 0.1
_FRESH_GRANT_INTERVAL = 0.05
_MAX_BATCH = 4
#: Seconds after which the base is looked for anew; the second, if the window is as small as can be.
_PROBE_INTERVAL = 10.0
_SMALL_PROBE_INTERVAL = 2.0


@dataclass(slots=True)
class _Round:
    """The time in which a whole window is consumed, and what was seen in it."""

    begun: float
    first: int
    end: int
    #: How often the consumer found nothing.
    starved: int = 0
    #: The fewest items that it found.
    fewest: int = _MAX
    #: The least turnaround.
    least: float = math.inf


class AdaptiveWindow:
    """A window that follows the delay and the rate of its stream.

    An item's *turnaround* is the time from its grant to its arrival; the least of them, the *base*, is that
    of an item which waited behind no other. By Little's law ``rate * base`` items are under way when none
    waits. What the window holds beyond that is queued: before the producer, on the link, or at a consumer
    that takes its time. Once a round the window grows if too little is queued to bridge the gaps, the faster
    the longer it has been so, and shrinks if more is queued than that takes: TCP Vegas' rule. Where times
    vary much, as in a busy page, much is queued in the mean although the producer often has nothing to do;
    so three parts in four of what counts is what even the luckiest item of the round waited behind: two, if
    items are to be fresh.

    A queue that never empties would hide a base that has grown or fallen. So every ten seconds, and sooner
    when the window has shrunk, everything under way is let come in before more is granted: the next item
    waits behind no other. This is not done to a consumer that finds its items waiting for it.

    Parameters
    ----------
    now : float
        The time of the call in seconds, on any clock that never goes back.
    is_fresh : bool, default False
        Whether a gap is better than an item that waits.

    Examples
    --------
    >>> window = AdaptiveWindow(now=0.0)
    >>> window.limit
    4
    >>> window.arrived(0, now=0.1)
    >>> window.consumed(1, now=0.1)
    5
    """

    def __init__(self, now: float, *, is_fresh: bool = False) -> None:
        initial = FRESH_INITIAL if is_fresh else INITIAL
        self.size = initial
        #: Items below this index were granted.
        self.limit = initial
        #: The least turnaround in seconds.
        self.base = math.inf
        # Of what has not arrived: up to which index, and when it was granted.
        self._grants = deque([(initial, now)])
        self._arrived = 0
        # The item that was granted when nothing else was under way.
        self._clean: int | None = 0
        self._clean_at = now
        self._is_draining = False
        self._is_fresh = is_fresh
        self._min = initial
        self._growth = initial
        self._highest = initial
        self._round: _Round | None = None
        self._rate = 0.0

    def arrived(self, index: int, now: float) -> None:
        """Take note of an item that came; of those before it, none comes any more."""
        while self._grants[0][0] <= index:
            self._grants.popleft()
        turnaround = now - self._grants[0][1]
        if self._clean is not None and index >= self._clean:
            self.base = turnaround
            self._clean = None
            self._clean_at = now
        self.base = min(self.base, turnaround)
        if self._round is not None:
            self._round.least = min(self._round.least, turnaround)
        self._arrived = index + 1

    def consumed(self, done: int, now: float) -> int | None:
        """Return up to which index to grant, now that the items below `done` are consumed.

        Returns
        -------
        int or None
            None: nothing is to be granted.
        """
        if self._round is not None:
            waiting = self._arrived - done
            self._round.fewest = min(self._round.fewest, waiting)
            self._round.starved += waiting == 0
            if done >= self._round.end:
                self._end_round(self._round, done, now)
        if self._is_draining and done < self.limit:
            return None
        if done + self.size - self.limit < self._batch:
            return None
        if self._arrived >= self.limit:
            self._clean = self.limit
        self.limit = done + self.size
        self._grants.append((self.limit, now))
        if self._is_draining:
            # Until it comes nothing is consumed, which says nothing of the rate.
            self._is_draining = False
            self._round = None
        elif self._round is None:
            self._round = _Round(now, done, max(self.limit, done + _ROUND))
        return self.limit

    @property
    def _batch(self) -> int:
        """How many items are granted at once."""
        interval = _FRESH_GRANT_INTERVAL if self._is_fresh else _GRANT_INTERVAL
        return max(1, min(int(self._rate * interval), _MAX_BATCH, self.size // 2))

    def _end_round(self, ended: _Round, done: int, now: float) -> None:
        self._round = None
        count = done - ended.first
        if now > ended.begun:
            self._rate = count / (now - ended.begun)
            self._resize(ended)
        if 2 * ended.starved > count and self._is_stale(now):
            self._is_draining = True
            self._highest = self.size

    def _is_stale(self, now: float) -> bool:
        """Return whether the base is to be looked for.

        A window shrinks because its link is a shorter one, or a longer one on which all items seem to wait.
        """
        interval = _SMALL_PROBE_INTERVAL if self.size == self._min else _PROBE_INTERVAL
        return now - self._clean_at > interval or (2 * self.size <= self._highest and self.size > self._min)

    def _resize(self, ended: _Round) -> None:
        excess = ended.least - self.base if ended.least < math.inf else 0.0
        always = ended.fewest + self._rate * excess
        # Just before more is granted a batch less is under way.
        in_the_mean = self.size - self._batch + 1 - self._rate * self.base
        share = 0.5 if self._is_fresh else 0.25
        queued = (1 - share) * always + share * in_the_mean
        # Draws, frames and links vary: the more items, the more is needed to bridge it.
        enough = 0.75 if self._is_fresh else max(1.0, self.size / 6)
        if queued < enough:
            self.size += self._growth
            self._growth = min(2 * self._growth, self.size)
        else:
            self._growth = 1
            if queued > enough + 1:
                # By an eighth: a consumer that paused once looks slow for a round.
                self.size -= max(1, self.size // 8)
        self.size = min(max(self.size, self._min), _MAX)
        self._highest = max(self._highest, self.size)
