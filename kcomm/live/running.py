"""One image on its way through the steps of a process: where each runs, and when it is given up."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import time
from collections.abc import Awaitable
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

from kcomm.frames import Frame, Pixels
from kcomm.interrupts import submit
from kcomm.live.steps import Step
from kcomm.live.stretches import REMEDY, Image, Pending, Stretch, as_error, guarded, run_elsewhere
from kcomm.live.threads import (
    GivenUpError,
    PatientThread,
    ProcessTimeoutError,
    check_left,
    has_ended,
    tell_late,
)
from kcomm.pools import check_sendable, closed, code_of, explain

#: The least seconds that a step is given, of what those before it left of the time-out.
_LEAST: Final = 1e-3
#: Seconds that a step may still take after another process was set: people do that when one hangs.
GRACE: Final = 1.0


class Plan:
    """A process, ready to run.

    Parameters
    ----------
    steps : tuple of Step
        In their order.
    executor : concurrent.futures.Executor or None
        Calls the plain ones; None: a thread does.

    Raises
    ------
    BadArgumentsError
        If the executor can't be sent one of them.
    """

    def __init__(self, steps: tuple[Step, ...], executor: Executor | None) -> None:
        self.steps = steps
        self.executor = executor
        self.numbers = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runs: set[Run] = set()
        self._left: set[asyncio.Task[Any]] = set()
        self.codes: tuple[bytes | None, ...] = (None,) * len(steps)
        self.uses_executor = executor is not None and not all(step.is_async for step in steps)
        if executor is not None:
            for step in steps:
                if not step.is_async:
                    check_sendable(step.function, executor)
            self.codes = tuple(code_of(step.function, executor) for step in steps)

    def note(self, run: Run) -> None:
        """Take note of a run that is under way."""
        self._loop = asyncio.get_running_loop()
        self._runs.add(run)

    def forget(self, run: Run) -> None:
        """Take note that a run has ended."""
        self._runs.discard(run)

    def leave(self, task: asyncio.Task[Any]) -> None:
        """Cancel what an async step has under way; it may take no heed, and is left behind then."""
        task.cancel()
        self._left.add(task)
        task.add_done_callback(self._left.discard)

    def check_left(self) -> None:
        """Raise if too many async steps were left behind."""
        check_left(len(self._left))

    def retire(self) -> None:
        """Have what is under way end soon; from any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(loop.call_later, GRACE, self._give_up)

    def _give_up(self) -> None:
        for run in self._runs:
            run.give_up()

    def end_of_stretch(self, begin: int) -> int:
        """Return where the plain steps end that begin there."""
        end = begin
        while end < len(self.steps) and not self.steps[end].is_async:
            end += 1
        return end


class Run:
    """One image on its way through the steps.

    Parameters
    ----------
    thread : PatientThread
        Where plain steps run if there is no executor.
    context : contextvars.Context
        What steps run in.
    plan : Plan
        The steps.
    timeout : float or None
        Seconds for all of them.
    """

    def __init__(
        self,
        thread: PatientThread,
        context: contextvars.Context,
        plan: Plan,
        timeout: float | None,
    ) -> None:
        self._thread = thread
        self._context = context
        self._plan = plan
        self._timeout = timeout
        self._spent = 0.0
        self._replaced: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def give_up(self) -> None:
        """End soon: there is another process."""
        if not self._replaced.done():
            self._replaced.set_result(None)

    async def through(self, pixels: Pixels, frame: Frame) -> Image:
        """Run it through all steps."""
        self._plan.check_left()
        steps = self._plan.steps
        image: Image | None = None
        at = 0
        while at < len(steps):
            step = steps[at]
            if step.is_async:
                image = image or Image.of(pixels, frame)
                begun = time.perf_counter()
                await self._await(step, guarded(step, image.pixels, image.frame), image, begun)
                at += 1
            else:
                image, at = await self._run_stretch(at, image or pixels, frame)
        assert image is not None
        if not image.is_final:
            await self._finish(image, steps[-1])
        return image

    async def _run_stretch(self, at: int, image: Image | Pixels, frame: Frame) -> tuple[Image, int]:
        """Run plain steps in a row; return where to go on."""
        plan = self._plan
        end = plan.end_of_stretch(at)
        stretch = Stretch(plan.steps[at:end], image, frame, end == len(plan.steps))
        begun = time.perf_counter()
        if plan.executor is None:
            image, pending = await self._on_thread(stretch)
        else:
            stretch.codes, stretch.number = plan.codes[at:end], next(plan.numbers)
            stretch.frame = replace(frame, data=b"")  # whose pixels are those of the image
            image, pending = await self._on_executor(stretch, plan.executor)
        self._spent += time.perf_counter() - begun
        if pending is None:
            return image, end
        at += stretch.at
        await self._await(plan.steps[at], pending.result, image, pending.begun)
        return image, at + 1

    async def _finish(self, image: Image, step: Step) -> None:
        """Turn what an async step returned into pixels, which may take a while."""
        try:
            await self._thread.call(self._timeout, self._plan, image.finish, step, given_up=self._replaced)
        except GivenUpError:
            raise self._given_up(step.name, "its result could not be read") from None

    async def _on_thread(self, stretch: Stretch) -> tuple[Image, Pending | None]:
        try:
            return await self._thread.call(self._left(), self._plan, stretch.run, given_up=self._replaced)
        except GivenUpError:
            name = stretch.steps[stretch.at].name
            raise self._given_up(name, "it was left to itself, and another thread goes on") from None

    async def _on_executor(self, stretch: Stretch, executor: Executor) -> tuple[Image, Pending | None]:
        future = self._submit(stretch, executor)
        try:
            if await has_ended(future, self._left(), self._replaced):
                return _result_of(future, stretch, executor)
        except asyncio.CancelledError:
            if not future.cancel():
                future.add_done_callback(tell_late)
            raise
        kind = type(executor).__name__
        if future.cancel():
            begun = f"no worker of the {kind} began {stretch.names}"
            raise ProcessTimeoutError(
                f"{begun} {self._limit}: they are busy, perhaps with calls that never return"
            )
        future.add_done_callback(tell_late)
        where = f"the worker of the {kind} is busy until it does"
        # Where threads share the stretch it tells how far they are.
        is_here = isinstance(executor, ThreadPoolExecutor)
        raise self._given_up(stretch.steps[stretch.at].name if is_here else stretch.names, where)

    def _submit(self, stretch: Stretch, executor: Executor) -> Future[tuple[Image, Pending | None]]:
        try:
            if isinstance(executor, ThreadPoolExecutor):
                return executor.submit(self._context.copy().run, stretch.run)
            return submit(executor, run_elsewhere, stretch)
        except Exception as error:
            explained = explain(error, stretch.functions, executor, REMEDY)
            raise closed(error, executor, REMEDY) if explained is error else explained from error

    async def _await(self, step: Step, awaitable: Awaitable[Any], image: Image, begun: float) -> None:
        """Await what a step returned, in the context of the cell."""
        task = self._context.copy().run(asyncio.get_running_loop().create_task, _settle(awaitable))
        waited = time.perf_counter()
        try:
            awaited = {task, self._replaced}
            await asyncio.wait(awaited, timeout=self._left(), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._plan.leave(task)
            raise
        self._spent += time.perf_counter() - waited
        if not task.done():
            task.add_done_callback(tell_late)
            self._plan.leave(task)
            raise self._given_up(step.name, "it was cancelled")
        if task.cancelled():
            raise RuntimeError(f"{step.name} was cancelled, and not by kcomm")
        image.take(step, task.result(), begun)

    def _left(self) -> float | None:
        return None if self._timeout is None else max(_LEAST, self._timeout - self._spent)

    def _given_up(self, name: str, what: str) -> ProcessTimeoutError:
        return ProcessTimeoutError(f"{name} did not return {self._limit}: {what}")

    @property
    def _limit(self) -> str:
        if self._replaced.done():
            return f"within {GRACE:g} s after another process was set"
        return f"within {self._timeout:g} s"


def _result_of(
    future: Future[tuple[Image, Pending | None]], stretch: Stretch, executor: Executor
) -> tuple[Image, Pending | None]:
    try:
        return future.result()
    except CancelledError as error:
        raise closed(error, executor, REMEDY) from error
    except Exception as error:
        explained = explain(error, stretch.functions, executor, REMEDY)
        if explained is error or isinstance(executor, ThreadPoolExecutor):
            raise
        raise explained from error


async def _settle(awaitable: Awaitable[Any]) -> Any:
    """Await something; what would end the loop becomes an error like any other."""
    try:
        return await awaitable
    except (SystemExit, KeyboardInterrupt) as error:
        raise as_error(error) from error
