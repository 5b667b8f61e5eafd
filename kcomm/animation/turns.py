"""Which frame is drawn next: what somebody waits for at rest first, then what is drawn ahead, in turns."""

from __future__ import annotations

from collections import OrderedDict
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
        self._first: OrderedDict[Job, None] = OrderedDict()
        self._lanes: OrderedDict[Hashable, OrderedDict[Job, None]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many places there are: a job may wait in several."""
        return len(self._first) + sum(map(len, self._lanes.values()))

    def put(self, job: Job, lane: Hashable = None) -> None:
        """Queue a job; one without a lane goes before those of all lanes."""
        jobs = self._first if lane is None else self._lanes.setdefault(lane, OrderedDict())
        jobs[job] = None

    def drop(self, job: Job) -> None:
        """Queue a job no more, which may hold many others up for long otherwise."""
        self._first.pop(job, None)
        for lane, jobs in tuple(self._lanes.items()):
            jobs.pop(job, None)
            if not jobs:
                del self._lanes[lane]

    def take(self) -> Job | None:
        """Return the next job that somebody still waits for and that was not begun; it is now."""
        while self._first:
            job, _ = self._first.popitem(last=False)
            if _begin(job):
                return job
        while self._lanes:
            lane, jobs = self._lanes.popitem(last=False)
            job, _ = jobs.popitem(last=False)
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
