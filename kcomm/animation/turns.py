"""Which frame is drawn next: what somebody waits for at rest first, then what is drawn ahead, in turns."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from kcomm.animation.kept import Version
from kcomm.animation.store import Made


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn, and as of which version of the pictures."""

    version: Version
    index: int
    scale: float
    exact: bool


@dataclass(eq=False)
class Job:
    """A frame that is drawn once, for all who asked for it meanwhile."""

    wanted: Wanted
    budget: int | None
    futures: list[Future[Made]] = field(default_factory=list)
    is_begun: bool = False
    #: What draws it elsewhere.
    remote: Future[Any] | None = None


class Turns:
    """Jobs that wait. Those of one lane keep their order; lanes take turns."""

    def __init__(self) -> None:
        self._first: deque[Job] = deque()
        self._lanes: OrderedDict[Hashable, deque[Job]] = OrderedDict()

    def put(self, job: Job, lane: Hashable = None) -> None:
        """Queue a job; one without a lane goes before those of all lanes."""
        (self._first if lane is None else self._lanes.setdefault(lane, deque())).append(job)

    def take(self) -> Job | None:
        """Return the next job that somebody still waits for and that was not begun; it is now."""
        while self._first:
            job = self._first.popleft()
            if _begin(job):
                return job
        while self._lanes:
            lane, jobs = self._lanes.popitem(last=False)
            job = jobs.popleft()
            if jobs:
                self._lanes[lane] = jobs
            if _begin(job):
                return job
            if jobs:  # what nobody wants takes no turn
                self._lanes.move_to_end(lane, last=False)
        return None

    def clear(self) -> None:
        """Forget all."""
        self._first.clear()
        self._lanes.clear()


def _begin(job: Job) -> bool:
    if job.is_begun or not job.futures:
        return False
    job.is_begun = True
    return True
