"""Answers what the other end asks: its calls, and the events it emits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from kcomm import errors
from kcomm.admission import Admission, Unanswered
from kcomm.errors import BadValueError, KcommError
from kcomm.flow import Flow
from kcomm.handlers import Handler, Place
from kcomm.jobs import Jobs, is_plain
from kcomm.listening import Listening
from kcomm.protocol import events
from kcomm.words import told, words_of

if TYPE_CHECKING:
    from kcomm.channel import Channel
    from kcomm.peer import Peer

logger = logging.getLogger("kcomm")

_MAX_DEFERRED = 1000


class Registry(Protocol):
    """Where the handlers of an end are found."""

    def find_method(self, name: str) -> Handler | None:
        """Return the method or stream of that name."""

    def find_topic(self, name: str) -> Handler | None:
        """Return what handles events of that topic."""


class Serving:
    """Runs the handlers of one end of a channel. It lives on kcomm's loop.

    Parameters
    ----------
    peer : Peer
        What answers are sent through.
    place : Place
        Where handlers run.
    grace : float
        Seconds that calls and events wait for a handler which is not registered yet.
    """

    def __init__(self, peer: Peer, place: Place, grace: float) -> None:
        self._peer = peer
        self._place = place
        self._grace = grace
        self._registry: Registry | None = None
        self._channel: Channel | None = None
        self._jobs = Jobs(peer.runtime, lambda: place.worker.wake(place.lane))
        self._running: dict[int, tuple[Handler, Future[Any]]] = {}
        self._unknown_topics: set[str] = set()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._lifecycle: set[asyncio.Task[None]] = set()
        self._credit: dict[int, asyncio.Event] = {}
        self._writable = asyncio.Event()
        self._admission = Admission(peer.runtime.loop, self._has_room)
        self._listening = Listening(self._start_event)
        # Plain functions wait on the worker, which keeps them in order.
        place.lane.is_blocked = lambda: self._unanswered.is_full or not self._has_room()
        self._unanswered = Unanswered()
        self._deferred: list[events.Called | events.Emitted] = []

    def use(self, channel: Channel, registry: Registry) -> None:
        """Say where handlers are found, and which channel they are given."""
        self._channel = channel
        self._registry = registry

    def set_writable(self) -> None:
        """Let streams and calls go on that waited for room."""
        self._writable.set()
        self._admission.admit()
        self._place.worker.wake(self._place.lane)

    def _has_room(self) -> bool:
        """Return whether answers may be made; what is made after the end of the channel takes none."""
        with self._peer.lock:
            return not self._peer.session.is_open or self._peer.session.wait_for_answer_room()

    def close(self) -> None:
        """Cancel what `on_open` began. Calls were cancelled one by one; events that came are handled."""
        for task in self._lifecycle:
            task.cancel()
        self.set_writable()

    # --- calls ------------------------------------------------------------------------------------

    def take_called(self, event: events.Called, *, may_wait: bool = True) -> None:
        """Answer a call."""
        handler = self._registry.find_method(event.method) if self._registry else None
        if handler is None and may_wait and self._defers(event):
            return
        try:
            call = self._check_call(handler, event)
        except KcommError as error:
            self._fail(event.id, error)
            return
        assert handler is not None
        if handler.is_stream:
            self._credit[event.id] = asyncio.Event()
            self._start_call(event.id, handler, self._serve_stream(event.id, handler, call))
        elif handler.runs_on_worker:
            self._start_job(event.id, handler, call)
        else:
            self._start_call(event.id, handler, self._serve_method(event.id, handler, call))

    def _start_call(self, id_: int, handler: Handler, serve: Coroutine[Any, Any, None]) -> None:
        task = self._peer.runtime.start(serve, self._place.context)
        self._tasks[id_] = task
        task.add_done_callback(lambda done: self._forget(id_, handler, done))

    def _forget(self, id_: int, handler: Handler, task: asyncio.Task[None]) -> None:
        self._tasks.pop(id_, None)
        self._credit.pop(id_, None)
        if task.cancelled():  # before its first step: nothing in it could answer
            self._fail_handler(id_, handler, asyncio.CancelledError())

    def _check_call(self, handler: Handler | None, event: events.Called) -> Callable[[], Any]:
        if handler is None:
            raise errors.UnknownMethodError(
                f"there is no method {event.method!r} here: register it, or look for a typing error"
            )
        if handler.is_stream and event.limit == 0:
            raise errors.BadArgumentsError(f"{event.method!r} is a stream: ask for it with stream()")
        if not handler.is_stream and event.limit > 0:
            raise errors.BadArgumentsError(f"{event.method!r} is no stream: ask for it with call()")
        assert self._channel is not None
        flow = Flow(self._peer.session, event.id) if handler.is_stream else None
        return handler.bind(event.args, self._channel, flow)

    def take_cancelled(self, event: events.Cancelled) -> None:
        """Stop what answers a call."""
        task = self._tasks.get(event.id)
        if task is not None:
            task.cancel()
            return
        if event.id in self._running:
            handler, future = self._running.pop(event.id)
            future.cancel()
            self._fail_handler(event.id, handler, asyncio.CancelledError())
            return
        for deferred in self._deferred:
            if isinstance(deferred, events.Called) and deferred.id == event.id:
                self._deferred.remove(deferred)
                self._fail(event.id, errors.CallCancelledError(f"{deferred.method!r} was cancelled"))
                return

    # --- what came before its handler ---------------------------------------------------------------

    def retry_deferred(self) -> None:
        """Look again for the handlers of what waits for one."""
        if self._grace:
            self._peer.runtime.call_soon(self._retry_deferred)

    def _defers(self, event: events.Called | events.Emitted) -> bool:
        if not self._grace or len(self._deferred) >= _MAX_DEFERRED:
            return False
        self._deferred.append(event)
        self._peer.runtime.loop.call_later(self._grace, self._expire, event)
        return True

    def _retry_deferred(self) -> None:
        waiting, self._deferred = self._deferred, []
        for event in waiting:
            if self._has_handler(event):
                self._take(event, may_wait=True)
            else:
                self._deferred.append(event)

    def _has_handler(self, event: events.Called | events.Emitted) -> bool:
        assert self._registry is not None
        if isinstance(event, events.Called):
            return self._registry.find_method(event.method) is not None
        return self._registry.find_topic(event.topic) is not None

    def _expire(self, event: events.Called | events.Emitted) -> None:
        if not any(waiting is event for waiting in self._deferred):
            return
        self._deferred = [waiting for waiting in self._deferred if waiting is not event]
        self._take(event, may_wait=False)

    def _take(self, event: events.Called | events.Emitted, *, may_wait: bool) -> None:
        if isinstance(event, events.Called):
            self.take_called(event, may_wait=may_wait)
        else:
            self.take_emitted(event, may_wait=may_wait)

    def take_credited(self, event: events.Credited) -> None:
        """Let a stream go on."""
        if event.id in self._credit:
            self._credit[event.id].set()

    def _start_job(self, id_: int, handler: Handler, call: Callable[[], Any]) -> None:
        """Give a call of a plain function to the worker."""
        result = self._unanswered.add(call)

        def finish(job: Future[Any]) -> None:
            if self._running.pop(id_, None) is None:  # it was cancelled
                pass
            elif is_plain(job):
                self._answer(id_, handler, self._peer.session.end, job.result())
            else:
                self._start_call(
                    id_, handler, self._answer_with(id_, handler, lambda: self._place.settle(job))
                )
            result.release()

        job = self._place.submit(result.run)
        self._running[id_] = handler, job
        self._jobs.add(job, finish)

    async def _answer_with(self, id_: int, handler: Handler, run: Callable[[], Awaitable[Any]]) -> None:
        try:
            result = await run()
        except BaseException as error:
            self._fail_handler(id_, handler, error)
        else:
            self._answer(id_, handler, self._peer.session.end, result)

    async def _serve_method(self, id_: int, handler: Handler, call: Callable[[], Any]) -> None:
        """Answer a call of a handler that is async, or belongs to the main thread."""
        result = self._unanswered.add(call)

        async def run() -> Any:
            await self._admission.enter()
            return await self._place.run(handler, result.run)

        try:
            await self._answer_with(id_, handler, run)
        finally:
            result.release()
            self._place.worker.wake(self._place.lane)

    async def _serve_stream(self, id_: int, handler: Handler, call: Callable[[], Any]) -> None:
        items = self._place.iterate(handler, call)
        try:
            while await self._wait_for_credit(id_):
                try:
                    value = await anext(items)
                except StopAsyncIteration:
                    self._answer(id_, handler, self._peer.session.end, None)
                    return
                with self._peer.lock:
                    if not self._peer.session.is_open:  # it ended while the item was made
                        return
                    self._peer.session.item(id_, value, volatile=handler.is_volatile)
                self._peer.flush_soon()
        except BaseException as error:
            self._fail_handler(id_, handler, error)
        finally:
            await self._close(handler, items)

    async def _close(self, handler: Handler, items: AsyncGenerator[Any, None]) -> None:
        try:
            await items.aclose()
        except Exception as error:  # of a generator's `finally`; the call was answered before
            self._place.log_failure(handler, error)

    async def _wait_for_credit(self, id_: int) -> bool:
        """Wait until an item may be sent: until the consumer granted one, and there is room."""
        while self._peer.session.is_open:
            if self._peer.session.credit(id_) <= 0:
                event = self._credit[id_]
                event.clear()
                if self._peer.session.credit(id_) <= 0:
                    await event.wait()
                continue
            with self._peer.lock:
                has_room = self._peer.session.wait_for_answer_room()
            if has_room:
                return True
            self._writable.clear()
            await self._writable.wait()
        return False

    def _answer(self, id_: int, handler: Handler, answer: Callable[[int, Any], object], value: Any) -> None:
        try:
            with self._peer.lock:
                if self._peer.session.is_open:
                    answer(id_, value)
        except BadValueError as error:
            text = f"the result of {handler.name!r} can't be sent: {error.message}"
            self._place.log_failure(handler, error)
            self._fail(id_, BadValueError(text, code=error.code))
        except Exception as error:  # of a value that another thread changes, or whose own code fails
            self._fail_handler(id_, handler, error)
        self._peer.flush_soon()

    def _fail_handler(self, id_: int, handler: Handler, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._fail(id_, errors.CallCancelledError(f"{handler.name!r} was cancelled"))
            return
        self._place.log_failure(handler, error)
        if isinstance(error, KcommError):
            self._fail(id_, error)
        else:
            kind = type(error).__name__
            text = f"{handler.name!r} raised {kind}: {words_of(error)}"
            self._fail(id_, errors.RemoteError(text, data={"type": kind}))

    def _fail(self, id_: int, error: KcommError) -> None:
        with self._peer.lock:
            if self._peer.session.is_open:
                text = _valid_text(str(error.message))
                try:
                    self._peer.session.fail(id_, error.code, text, error.data)
                except Exception:  # a code or data that the handler gave its error
                    self._peer.session.fail(id_, str(error.code), text)
        self._peer.flush_soon()

    # --- events -----------------------------------------------------------------------------------

    def take_emitted(self, event: events.Emitted, *, may_wait: bool = True) -> None:
        """Handle an event."""
        handler = self._registry.find_topic(event.topic) if self._registry else None
        if handler is None:
            if may_wait and self._defers(event):
                return
            self._report_unknown(event.topic)
            return
        if event.dropped:
            logger.warning("%d events of topic %r were dropped by their sender", event.dropped, event.topic)
        assert self._channel is not None
        try:
            call = handler.bind([event.value], self._channel)
        except KcommError as error:
            self._report(error.code, error.message)
            return
        self._listening.take(event, handler, call)

    def _start_event(self, handler: Handler, run: Callable[[], Any], done: Callable[[], object]) -> None:
        async def watch(handle: Callable[[], Awaitable[Any]]) -> None:
            await self._watch(handler, handle)
            done()

        def finish(job: Future[Any]) -> None:
            if is_plain(job):
                done()
            else:
                self._start(watch(lambda: self._place.settle(job)), self._background)

        if handler.runs_on_worker:
            self._jobs.add(self._place.submit(run), finish)
        else:
            self._start(watch(lambda: self._place.run(handler, run)), self._background)

    def _report_unknown(self, topic: str) -> None:
        if topic in self._unknown_topics:  # it was told, and events may come by the thousand
            return
        self._unknown_topics.add(topic)
        self._report("kcomm.unknown_topic", f"nobody handles the topic {topic!r} here")

    def _report(self, code: str, message: str) -> None:
        logger.warning("%s [%s]", message, code)
        with self._peer.lock:
            if self._peer.session.is_open:
                self._peer.session.report(code, _valid_text(message))
        self._peer.flush_soon()

    def _start(self, coroutine: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = self._peer.runtime.start(coroutine, self._place.context)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _watch(self, handler: Handler, run: Callable[[], Awaitable[Any]]) -> None:
        """Wait for a handler whose result nobody wants; report its failure."""
        try:
            await run()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # a handler's SystemExit must not end the loop
            self._place.log_failure(handler, error)
            text = f"{handler.name!r} raised {told(error)}"
            self._report("kcomm.handler_error", text)

    def run_handler(self, handler: Handler) -> None:
        """Run a lifecycle handler, which takes the channel."""
        assert self._channel is not None
        try:
            call = handler.bind_channel(self._channel)
        except KcommError as error:
            self._place.log_failure(handler, error)
            return
        self._start(self._watch(handler, lambda: self._place.run(handler, call)), self._lifecycle)


def _valid_text(text: str) -> str:
    """Return a text that can be sent, whatever an exception's message holds."""
    return text.encode(errors="replace").decode()
