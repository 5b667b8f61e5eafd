"""Counts and times of what happened to frames."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kcomm.frames.checks import is_number

#: Times that a mean is taken of: the last few seconds.
_RECENT = 120


@dataclass(frozen=True)
class Stats:
    """What happened to the frames so far.

    Parameters
    ----------
    drawn : int
        Frames made in Python.
    sent : int
        Frames handed to pages.
    painted, dropped : int
        Frames that pages painted, and frames they passed over for newer ones, as last told by them.
    fps : float
        Frames a second that the fastest page paints now.
    ms : dict of str to float
        Milliseconds per stage, means of the last frames.
    """

    drawn: int = 0
    sent: int = 0
    painted: int = 0
    dropped: int = 0
    fps: float = 0.0
    ms: dict[str, float] = field(default_factory=dict)


@dataclass
class Report:
    """What one page told last."""

    painted: int = 0
    dropped: int = 0
    rate: float = 0.0
    ms: dict[str, float] = field(default_factory=dict)


class Meter:
    """Collects what `Stats` shows, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = {"drawn": 0, "sent": 0}
        self._times: dict[str, deque[float]] = {}
        self._reports: dict[int, Report] = {}
        self._past = Report()

    def count(self, what: str, ms: Mapping[str, float] | None = None) -> None:
        """Count a frame as ``drawn`` or ``sent``, and take the times of its stages."""
        with self._lock:
            self._counts[what] += 1
            for stage, took in (ms or {}).items():
                self._times.setdefault(stage, deque(maxlen=_RECENT)).append(took)

    def take_report(self, page: int, report: Mapping[str, Any]) -> None:
        """Take what a page says of itself; fields that are not as they should be count as 0."""
        ms = report.get("ms")
        with self._lock:
            self._reports[page] = Report(
                painted=int(_number(report.get("painted"))),
                dropped=int(_number(report.get("dropped"))),
                rate=_number(report.get("rate")),
                ms={str(k): _number(v) for k, v in ms.items()} if isinstance(ms, Mapping) else {},
            )

    def forget(self, page: int) -> None:
        """Take note that a page is gone; what it painted stays counted."""
        with self._lock:
            report = self._reports.pop(page, None)
            if report is not None:
                self._past.painted += report.painted
                self._past.dropped += report.dropped

    def stats(self) -> Stats:
        """Return the counts and times so far."""
        with self._lock:
            reports = list(self._reports.values())
            ms = {stage: sum(times) / len(times) for stage, times in self._times.items()}
            for report in reports:
                ms.update(report.ms)
            return Stats(
                drawn=self._counts["drawn"],
                sent=self._counts["sent"],
                painted=self._past.painted + sum(report.painted for report in reports),
                dropped=self._past.dropped + sum(report.dropped for report in reports),
                fps=round(max((report.rate for report in reports), default=0.0), 2),
                ms={stage: round(took, 3) for stage, took in ms.items()},
            )


def _number(value: Any) -> float:
    return float(value) if is_number(value) and 0 <= value < 1e15 else 0.0
