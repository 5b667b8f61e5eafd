"""One clock for all pages of a player: the one that was commanded last leads, and the others follow it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from kcomm.frames.checks import is_positive, is_whole

#: Seconds and frames that pages may be apart while they play.
_SECONDS: Final = 0.25
_FRAMES: Final = 2
#: How often a page at rest is told where the leader rests: commands and reports may overtake each other.
_TRIES: Final = 3
#: A leader that plays and has not moved for so many seconds is a page that nobody sees.
_ASLEEP: Final = 2.0


@dataclass
class Seen:
    """Where a page was when it told so."""

    index: int
    playing: bool
    direction: int
    rate: float
    time: float
    moved: float
    tries: int = 0

    def index_at(self, now: float, count: int | None, *, loops: bool) -> float:
        """Return where it should be now."""
        if not self.playing:
            return self.index
        index = self.index + self.direction * self.rate * (now - self.time)
        if count is None:
            return max(index, 0)
        return index % count if loops else min(max(index, 0), count - 1)


class Clock:
    """Finds pages that are apart from the one that leads.

    Parameters
    ----------
    clock : callable, optional
        Tells the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        #: The id of the page that leads.
        self.leader: int | None = None
        self._clock = clock
        self._seen: dict[int, Seen] = {}

    def lead(self, page: int) -> None:
        """Take note that a page was commanded."""
        self.leader = page

    def forget(self, page: int) -> None:
        """Take note that a page is gone."""
        self._seen.pop(page, None)
        if self.leader == page:
            self.leader = None

    def take_report(
        self, page: int, report: Mapping[str, Any], *, count: int | None, loops: bool
    ) -> dict[int, dict[str, int]]:
        """Take what a page tells of itself, and return where which pages have to go.

        Parameters
        ----------
        page : int
            The id of the page.
        report : dict
            Its ``state`` event.
        count : int or None
            The number of frames.
        loops : bool
            Whether they go on from the other end, so that the last is next to the first.
        """
        index: Any = report.get("index")
        rate: Any = report.get("rate")
        if not is_whole(index) or index < 0:
            return {}
        now = self._clock()
        before = self._seen.get(page)
        seen = Seen(
            index,
            report.get("playing") is True,
            -1 if report.get("direction") == -1 else 1,
            float(rate) if is_positive(rate) else 0.0,
            time=now,
            moved=before.moved if before is not None and before.index == index else now,
        )
        if self.leader is None or (seen.playing and self._is_asleep(now)):
            self.leader = page
        if before is not None and page != self.leader:
            seen.tries = before.tries
        self._seen[page] = seen
        if page == self.leader:
            for other in self._seen.values():
                other.tries = 0
        followers = self._seen if page == self.leader else {page: seen}
        return self._astray(followers, count, loops)

    def _is_asleep(self, now: float) -> bool:
        leader = self._seen.get(self.leader if self.leader is not None else -1)
        return leader is not None and leader.playing and now - leader.moved > _ASLEEP

    def _astray(self, pages: Mapping[int, Seen], count: int | None, loops: bool) -> dict[int, dict[str, int]]:
        leader = self._seen.get(self.leader if self.leader is not None else -1)
        if leader is None:
            return {}
        now = self._clock()
        target = leader.index_at(now, count, loops=loops)
        astray = {}
        for page, seen in pages.items():
            if page == self.leader:
                continue
            apart = abs(seen.index_at(now, count, loops=loops) - target)
            if loops and count is not None:
                apart = min(apart, count - apart)
            allowed = max(_FRAMES, _SECONDS * leader.rate) if leader.playing else 0
            if apart > allowed and seen.tries < _TRIES:
                seen.tries += not leader.playing
                astray[page] = {"index": round(target) % (count or 2**53), "direction": leader.direction}
        return astray
