"""Images through the functions of the user."""

from __future__ import annotations

import contextvars
import os
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Final, NamedTuple, TypeVar

from kcomm.errors import BadArgumentsError
from kcomm.frames import Frame, Pixels
from kcomm.frames.checks import is_positive
from kcomm.live.memory import reuse_memory
from kcomm.live.running import Plan, Run
from kcomm.live.steps import Process, check_process, name_of, steps_of
from kcomm.live.stretches import guarded
from kcomm.live.threads import GivenUpError, PatientThread, ProcessTimeoutError
from kcomm.pools import check_executor, workers_of

T = TypeVar("T")

#: Seconds for another function of the user where the process itself has no limit.
_ASIDE: Final = 10.0


class Processed(NamedTuple):
    """What came of a frame.

    Parameters
    ----------
    pixels : ndarray of uint8
        (H, W), (H, W, 3) or (H, W, 4); nobody else holds them. Without a process those that were given.
    data : any
        What the process returned beside the image.
    ms : dict of str to float
        Milliseconds that it took: all in all as ``process`` and, if there are several steps, each under its
        name. Empty without a process.
    """

    pixels: Pixels
    data: Any
    ms: dict[str, float]


class Processor:
    """Runs images through functions of the user.

    Plain functions run on a thread of its own, one image after the other, or on the workers of an executor;
    ``async`` ones on the loop, which they must not block. What they print appears under the cell that made
    this.

    Parameters
    ----------
    name : str
        The name of the thread.
    process : callable, sequence of callable, or None
        See `kcomm.live.steps`.
    executor : concurrent.futures.Executor, optional
        Calls plain functions, several at a time.
    timeout : float or None, default: 10
        Seconds for one image, all steps together; then it is given up. None: not before another process is
        set.

    Raises
    ------
    BadArgumentsError
        If one of the arguments is not as above, or the executor can't be sent a function.

    Examples
    --------
    >>> processor = Processor("example", lambda image: 255 - image)
    >>> image = np.full((1, 1, 3), 5, np.uint8)
    >>> asyncio.run(processor.run(image, Frame.of(image))).pixels
    array([[[250, 250, 250]]], dtype=uint8)
    """

    def __init__(
        self,
        name: str,
        process: Process | None = None,
        executor: Executor | None = None,
        timeout: float | None = 10.0,
    ) -> None:
        reuse_memory()
        self._context = contextvars.copy_context()
        self._thread = PatientThread(name, self._context)
        # What is called beside the process keeps no image waiting, even if it hangs.
        self._aside = PatientThread(f"{name}-aside", self._context)
        self._executor = None if executor is None else check_executor("executor", executor)
        self._timeout = check_timeout(timeout)
        self._process: Process | None = None
        self._plan: Plan | None = None
        self.process = process

    @property
    def process(self) -> Process | None:
        """The function, or a tuple of them; a new one takes effect with the next image."""
        return self._process

    @process.setter
    def process(self, process: Process | None) -> None:
        checked = check_process(process)
        plan, old = Plan(steps_of(checked), self._executor), self._plan
        self._process, self._plan = checked, plan
        if old is not None:
            old.retire()

    @property
    def executor(self) -> Executor | None:
        """What calls plain functions instead of the thread."""
        return self._executor

    @property
    def timeout(self) -> float | None:
        """Seconds for one image; a new value takes effect with the next one."""
        return self._timeout

    @timeout.setter
    def timeout(self, timeout: float | None) -> None:
        self._timeout = check_timeout(timeout)

    @property
    def parallel(self) -> int:
        """How many images may be under way at a time: as many as there are workers."""
        if self._executor is None or self._plan is None or not self._plan.uses_executor:
            return 1
        return workers_of(self._executor) or os.cpu_count() or 1

    async def run(self, pixels: Pixels, frame: Frame) -> Processed:
        """Return what the process makes of an image.

        Parameters
        ----------
        pixels : ndarray of uint8
            (H, W), (H, W, 3) or (H, W, 4). The process gets its own copy, as RGB.
        frame : Frame
            What is known of the image; steps that ask for it get it with the pixels they are given.

        Raises
        ------
        ProcessTimeoutError
            If a step does not return in time, or soon after another process was set.
        BadValueError
            If a step returns no image.
        PoolError
            If the executor is broken, or was shut down.
        Exception
            Whatever a step raised.
        """
        plan = self._plan
        if plan is None or not plan.steps:
            return Processed(pixels, None, {})
        begun = time.perf_counter()
        run = Run(self._thread, self._context, plan, self._timeout)
        plan.note(run)
        try:
            image = await run.through(pixels, frame)
        finally:
            plan.forget(run)
        ms = {"process": (time.perf_counter() - begun) * 1e3}
        if len(plan.steps) > 1:
            ms |= image.ms
        return Processed(image.pixels, image.data, ms)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call another function of the user, such as ``on_error``, on a thread beside that of the process."""
        timeout = _ASIDE if self._timeout is None else self._timeout
        try:
            return await self._aside.call(timeout, function, guarded, function, *args)
        except GivenUpError:
            raise ProcessTimeoutError(
                f"{name_of(function)} did not return within {timeout:g} s: it was left to itself"
            ) from None

    def close(self) -> None:
        """End the thread. The executor is its owner's to close."""
        self._thread.close()
        self._aside.close()


def check_timeout(timeout: object) -> float | None:
    """Return seconds, or None for no limit, or raise."""
    if timeout is None:
        return None
    if not is_positive(timeout):
        raise BadArgumentsError(f"timeout is a number of seconds above 0, or None, not {timeout!r}")
    return float(timeout)
