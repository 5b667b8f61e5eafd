"""Handlers: what a target or channel answers with, and the threads they run on."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kcomm.arguments import Signature
from kcomm.flow import Flow
from kcomm.runtime import Lane, Worker, get_runtime, run_job

if TYPE_CHECKING:
    from kcomm.channel import Channel

logger = logging.getLogger("kcomm")

Thread = Literal["worker", "main"]
_EXHAUSTED = object()


class Handler:
    """One method, stream, topic or lifecycle handler.

    Parameters
    ----------
    function : callable
        A plain or ``async`` function; for a stream a plain or ``async`` generator function.
    name : str
        What the other end calls it.
    thread : {"worker", "main"}
        Where a plain function runs. ``async`` ones run on kcomm's loop, or on the main thread's.
    is_stream, is_volatile : bool
        Whether it gives items, and whether they may be lost on the way.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        thread: Thread = "worker",
        is_stream: bool = False,
        is_volatile: bool = False,
    ) -> None:
        if not callable(function):
            raise TypeError(f"the handler of {name!r} must be callable, not {function!r}")
        if thread not in ("worker", "main"):
            raise ValueError(f"thread must be 'worker' or 'main', not {thread!r}")
        if thread == "main" and inspect.isasyncgenfunction(function):
            raise ValueError(
                f"the stream {name!r} is an async generator, which runs on kcomm's loop: "
                "write a plain generator for thread='main'"
            )
        from kcomm.channel import Channel

        signature = Signature(function, Channel, Flow)
        if signature.asks_for(Flow) and not is_stream:
            raise ValueError(f"{name!r} is no stream: only a stream's handler has a Flow")
        self.function = function
        self.name = name
        self.thread = thread
        self.is_stream = is_stream
        self.is_volatile = is_volatile
        #: Whether it runs on a loop, beside others.
        self.is_async = _is_async(function)
        self._signature = signature

    @property
    def runs_on_worker(self) -> bool:
        """Whether it is a plain function on the worker's thread."""
        return self.thread == "worker" and not self.is_async

    def bind(
        self, args: Sequence[Any] | Mapping[str, Any], channel: Channel, flow: Flow | None = None
    ) -> Callable[[], Any]:
        """Check the arguments of a call and return the call, ready to run."""
        positional, named = self._signature.bind(self.name, args, (channel, flow))
        return lambda: self.function(*positional, **named)

    def bind_channel(self, channel: Channel) -> Callable[[], Any]:
        """Return the call of a lifecycle handler, which takes the channel or nothing."""
        return self.bind([channel] if self._signature.takes_arguments else [], channel)


@dataclass
class Place:
    """Where handlers run: their lane of a worker, and the context in which their cell's output is theirs."""

    worker: Worker
    lane: Lane = field(default_factory=Lane, init=False)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)

    async def run(self, handler: Handler, call: Callable[[], Any]) -> Any:
        """Run a handler to its result; cancelling this keeps a function that waits from being run."""
        if handler.thread == "main":
            return await asyncio.wrap_future(_submit_to_main(self.context, call))
        if handler.is_async:
            return await call()
        return await self.settle(self.submit(call))

    async def settle(self, job: Future[Any]) -> Any:
        """Wait for a job of the worker, and for what it returned, if that has to be awaited."""
        result = await asyncio.wrap_future(job)
        return await result if inspect.isawaitable(result) else result

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Give the worker a job."""
        return self.worker.submit(self.context, function, *args, lane=self.lane)

    async def iterate(self, handler: Handler, call: Callable[[], Any]) -> AsyncGenerator[Any, None]:
        """Run a stream's handler; it is advanced only as the items are asked for."""
        source = call() if inspect.isasyncgenfunction(handler.function) else None
        if source is None:
            source = await self.run(handler, call)
        if hasattr(source, "__aiter__"):
            try:
                async for item in source:
                    yield item
            finally:
                if hasattr(source, "aclose"):
                    await source.aclose()
            return
        if not hasattr(source, "__iter__"):
            raise TypeError(f"the stream {handler.name!r} must give an iterable, not {type(source).__name__}")
        iterator = iter(source)
        try:
            while (item := await self._advance(handler, iterator)) is not _EXHAUSTED:
                yield item
        finally:
            if hasattr(iterator, "close"):
                # Not awaited: one that is busy is closed when it yields, but its call is answered now.
                closing = self._submit(handler, iterator.close)
                closing.add_done_callback(lambda done: self.log_failure(handler, done.exception()))

    def log_failure(self, handler: Handler, error: BaseException | None) -> None:
        """Log what a handler raised, if it did, where its cell's output goes."""
        if error is not None:
            info = (type(error), error, error.__traceback__)
            self.context.copy().run(logger.error, "the handler %r raised", handler.name, exc_info=info)

    async def _advance(self, handler: Handler, iterator: Iterator[Any]) -> Any:
        return await asyncio.wrap_future(self._submit(handler, next, iterator, _EXHAUSTED))

    def _submit(self, handler: Handler, function: Callable[..., Any], *args: Any) -> Future[Any]:
        if handler.thread == "main":
            return _submit_to_main(self.context, lambda: function(*args))
        return self.submit(function, *args)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # an object with an async __call__
    )


def _submit_to_main(context: contextvars.Context, call: Callable[[], Any]) -> Future[Any]:
    """Run a call on the main thread, when that is free; an awaitable on the main thread's loop."""
    from kcomm.transport.comm import get_kernel

    kernel = get_kernel()
    future: Future[Any] = Future()
    if kernel is None:  # no main loop to hand it to: outside a kernel kcomm's own has to do
        get_runtime().call_soon(_run_on_loop, future, context.copy(), call)
    else:
        kernel.io_loop.add_callback(_run_on_loop, future, context.copy(), call)
    return future


def _run_on_loop(future: Future[Any], context: contextvars.Context, call: Callable[[], Any]) -> None:
    """Run a call on the running loop, and await what it returns there."""
    called: Future[Any] = Future()
    if future.cancelled():
        return

    def finish(task: asyncio.Task[Any]) -> None:
        run_job(future, task.result)

    result: Any = None
    run_job(called, lambda: context.run(call))
    if called.exception() is None:
        result = called.result()
    if inspect.iscoroutine(result):
        task = context.run(asyncio.ensure_future, result)
        task.add_done_callback(finish)
        loop = asyncio.get_running_loop()
        # The caller gives up on kcomm's loop, and a task may be cancelled on its own loop only.
        future.add_done_callback(lambda done: done.cancelled() and loop.call_soon_threadsafe(task.cancel))
    else:
        run_job(future, called.result)
