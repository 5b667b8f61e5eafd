"""What one asker holds of a frame that is on its way."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING

from kcomm.animation.store import Made
from kcomm.animation.turns import Job

if TYPE_CHECKING:
    from kcomm.animation.pipeline import Pipeline


class Ticket:
    """What one asker holds of a frame that is on its way: `future` brings it."""

    def __init__(self, pipeline: Pipeline, job: Job | None, future: Future[Made]) -> None:
        self.future = future
        #: Whether it had been drawn before.
        self.is_cached = job is None
        self._pipeline = pipeline
        self._job = job

    def cancel(self) -> None:
        """Wait no more: a frame that nobody waits for is not begun."""
        if self._job is not None:
            self._pipeline.leave(self._job, self.future)

    def supersede(self) -> None:
        """Give way to a newer one of the same asker, unless the drawing has begun."""
        if self._job is not None and not self._job.is_begun:
            self._pipeline.leave(self._job, self.future)
            self.future.cancel()
