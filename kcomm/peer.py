"""Joins a session with a transport, and with the handlers of its end."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

from kcomm import errors
from kcomm.errors import BadValueError, KcommError
from kcomm.handlers import Handler, Place
from kcomm.protocol import Session, events
from kcomm.protocol.values import Buffer
from kcomm.runtime import get_runtime
from kcomm.transport.base import Transport

if TYPE_CHECKING:
    from kcomm.channel import Channel

logger = logging.getLogger("kcomm")

_MAX_DEFERRED = 1000


class Registry(Protocol):
    """Where a peer finds the handlers of its end."""

    def find_method(self, name: str) -> Handler | None:
        """Return the method or stream of that name."""

    def find_topic(self, name: str) -> Handler | None:
        """Return what handles events of that topic."""


class Consumer(Protocol):
    """The receiving end of a stream that this end called."""

    def take(self, index: int, value: Any) -> None:
        """Take an item."""

    def finish(self, value: Any, error: KcommError | None) -> None:
        """Take the end."""


class Peer:
    """One end of a channel at work.

    The session is touched under a lock, so that a value that can't be sent fails in the thread that sends
    it; packets are sent, and what arrives is handled, on kcomm's loop.

    Parameters
    ----------
    session : Session
        The protocol's end.
    transport : Transport
        What carries its packets.
    place : Place
        Where its handlers run.
    grace : float, default 0
        Seconds that calls and events wait for a handler which is not registered yet.
    """

    def __init__(self, session: Session, transport: Transport, place: Place, *, grace: float = 0.0) -> None:
        self.transport = transport
        self.runtime = get_runtime()
        self.opened: Future[events.Opened] = Future()
        self.closed: Future[events.Closed] = Future()
        self.registry: Registry | None = None
        self.channel: Channel | None = None
        self.on_opened: Callable[[], object] = lambda: None
        self.on_closed: Callable[[], object] = lambda: None
        self._session = session
        self._place = place
        self._lock = threading.RLock()
        self._answers: dict[int, Future[Any]] = {}
        self._consumers: dict[int, Consumer] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._credit: dict[int, asyncio.Event] = {}
        self._writable = asyncio.Event()
        self._topics: dict[str, asyncio.Queue[Any]] = {}
        self._grace = grace
        self._deferred: list[events.Called | events.Emitted] = []
        self._is_flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_cut = False

    # --- what this end does; from any thread ---------------------------------------------------

    def open(self) -> None:
        """Say HELLO."""
        with self._lock:
            self._session.open()
        self._flush_soon()

    def call(
        self, method: str, args: Sequence[Any] | Mapping[str, Any], options: Mapping[str, Any]
    ) -> tuple[int, Future[Any]]:
        """Call a method; return the id, and the future of the answer."""
        answer: Future[Any] = Future()
        with self._lock:
            id_ = self._session.call(method, args, options=options)
            self._answers[id_] = answer
        answer.add_done_callback(lambda done: self.cancel(id_) if done.cancelled() else None)
        self._flush_soon()
        return id_, answer

    def call_stream(
        self, method: str, args: Sequence[Any] | Mapping[str, Any], window: int, consumer: Consumer
    ) -> int:
        """Call a stream, whose items go to a consumer on kcomm's loop; return the id."""
        with self._lock:
            id_ = self._session.call(method, args, limit=window)
            self._consumers[id_] = consumer
        self._flush_soon()
        return id_

    def cancel(self, id_: int, reason: str = "") -> None:
        """Give a call or stream up."""
        with self._lock:
            self._answers.pop(id_, None)
            self._consumers.pop(id_, None)
            if self._session.is_open:
                self._session.cancel(id_, reason)
        self._flush_soon()

    def consume(self, id_: int, done: int) -> None:
        """Give back the credit of items below `done`."""
        with self._lock:
            if self._session.is_open:
                self._session.consume(id_, done)
        self._flush_soon()

    def emit(self, topic: str, value: Any, *, latest: bool) -> None:
        """Send an event."""
        with self._lock:
            self._session.emit(topic, value, latest=latest)
        self._flush_soon()

    def close(self, code: str = "kcomm.closed", message: str = "") -> None:
        """End the channel in order."""
        with self._lock:
            happened = self._session.close(code, message)
        self.runtime.call_soon(self._handle, happened)
        self._flush_soon()

    def receive(self, packet: Sequence[Buffer]) -> None:
        """Take a packet from the transport."""
        self.runtime.call_soon(self._receive, packet)

    def cut(self, message: str) -> None:
        """Take note that the transport is gone."""
        self.runtime.call_soon(self._take_cut, message)

    # --- on the loop ----------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        with self._lock:
            if self._is_flush_due:
                return
            self._is_flush_due = True
        # What is queued until the loop's next turn leaves in one packet.
        self.runtime.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        while not self._is_cut:
            with self._lock:
                packet = self._session.next_packet(self.runtime.loop.time())
                is_last = self._session.said_bye
            if is_last:
                self._is_cut = True
                self._send(self.transport.close, packet)
            elif packet is None:
                break
            else:
                self._send(self.transport.send, packet)
        self._set_timer()

    def _send(self, send: Callable[[Any], None], packet: list[Buffer] | None) -> None:
        try:
            send(packet)
        except Exception as error:
            logger.exception("a packet could not be sent")
            self._take_cut(f"a packet could not be sent: {error}")

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._session.deadline()
        if deadline is not None and not self._is_cut:
            self._timer = self.runtime.loop.call_at(deadline, self._flush)

    def _receive(self, packet: Sequence[Buffer]) -> None:
        with self._lock:
            happened = self._session.receive(packet, self.runtime.loop.time())
        self._handle(happened)
        self._flush()

    def _take_cut(self, message: str) -> None:
        self._is_cut = True
        with self._lock:
            happened = self._session.cut(message)
        self._handle(happened)

    def _handle(self, happened: Sequence[events.Event]) -> None:
        for event in happened:
            _HANDLERS[type(event)](self, event)

    # --- answers to this end's calls --------------------------------------------------------------

    def _take_opened(self, event: events.Opened) -> None:
        self.opened.set_result(event)
        self.on_opened()

    def _take_item(self, event: events.Item) -> None:
        if event.id in self._answers:
            self._settle(event.id, None, errors.BadArgumentsError("a method answered with a stream"))
        elif event.id in self._consumers:
            self._consumers[event.id].take(event.index, event.value)

    def _take_ended(self, event: events.Ended) -> None:
        self._settle(event.id, event.value, None)

    def _take_failed(self, event: events.Failed) -> None:
        self._settle(event.id, None, errors.from_code(event.code, event.message, event.data))

    def _settle(self, id_: int, value: Any, error: KcommError | None) -> None:
        answer = self._answers.pop(id_, None)
        if answer is not None and answer.set_running_or_notify_cancel():
            if error is None:
                answer.set_result(value)
            else:
                answer.set_exception(error)
        consumer = self._consumers.pop(id_, None)
        if consumer is not None:
            consumer.finish(value, error)

    def _take_reported(self, event: events.Reported) -> None:
        logger.warning("the other end reports: %s [%s]", event.message, event.code)

    def _take_writable(self, event: events.Writable) -> None:
        self._writable.set()

    def _take_closed(self, event: events.Closed) -> None:
        if not self.opened.done():
            self.opened.set_exception(errors.from_code(event.code, event.message))
        for task in self._background:
            task.cancel()
        if not self.closed.done():
            self.closed.set_result(event)
        self._writable.set()
        self.on_closed()
        if event.code == "kcomm.protocol_error":
            logger.error("the channel was closed: %s [%s]", event.message, event.code)
        if not self._session.said_bye and not self._is_cut:
            self._flush_soon()

    # --- calls of the other end --------------------------------------------------------------------

    def _take_called(self, event: events.Called, *, may_wait: bool = True) -> None:
        handler = self.registry.find_method(event.method) if self.registry else None
        if handler is None and may_wait and self._defers(event):
            return
        try:
            call = self._check_call(handler, event)
        except KcommError as error:
            self._fail(event.id, error)
            return
        assert handler is not None
        serve = self._serve_stream if handler.is_stream else self._serve_method
        if handler.is_stream:
            self._credit[event.id] = asyncio.Event()
        task = self.runtime.start(serve(event.id, handler, call), self._place.context)
        self._tasks[event.id] = task
        task.add_done_callback(lambda _: self._forget(event.id))

    def _forget(self, id_: int) -> None:
        self._tasks.pop(id_, None)
        self._credit.pop(id_, None)

    def _check_call(self, handler: Handler | None, event: events.Called) -> Callable[[], Any]:
        if handler is None:
            raise errors.UnknownMethodError(
                f"there is no method {event.method!r} here: register it, or look for a typing error"
            )
        if handler.is_stream and event.limit == 0:
            raise errors.BadArgumentsError(f"{event.method!r} is a stream: ask for it with stream()")
        if not handler.is_stream and event.limit > 0:
            raise errors.BadArgumentsError(f"{event.method!r} is no stream: ask for it with call()")
        assert self.channel is not None
        return handler.bind(event.args, self.channel)

    def _take_cancelled(self, event: events.Cancelled) -> None:
        task = self._tasks.get(event.id)
        if task is not None:
            task.cancel()
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
            self.runtime.call_soon(self._retry_deferred)

    def _defers(self, event: events.Called | events.Emitted) -> bool:
        if not self._grace or len(self._deferred) >= _MAX_DEFERRED:
            return False
        self._deferred.append(event)
        self.runtime.loop.call_later(self._grace, self._expire, event)
        return True

    def _retry_deferred(self) -> None:
        waiting, self._deferred = self._deferred, []
        for event in waiting:
            if self._has_handler(event):
                _HANDLERS[type(event)](self, event)
            else:
                self._deferred.append(event)

    def _has_handler(self, event: events.Called | events.Emitted) -> bool:
        assert self.registry is not None
        if isinstance(event, events.Called):
            return self.registry.find_method(event.method) is not None
        return self.registry.find_topic(event.topic) is not None

    def _expire(self, event: events.Called | events.Emitted) -> None:
        if not any(waiting is event for waiting in self._deferred):
            return
        self._deferred = [waiting for waiting in self._deferred if waiting is not event]
        if isinstance(event, events.Called):
            self._take_called(event, may_wait=False)
        else:
            self._take_emitted(event, may_wait=False)

    def _take_credited(self, event: events.Credited) -> None:
        if event.id in self._credit:
            self._credit[event.id].set()

    async def _serve_method(self, id_: int, handler: Handler, call: Callable[[], Any]) -> None:
        try:
            value = await self._place.run(handler, call)
        except BaseException as error:
            self._fail_handler(id_, handler, error)
        else:
            self._answer(id_, handler, self._session.end, value)

    async def _serve_stream(self, id_: int, handler: Handler, call: Callable[[], Any]) -> None:
        items = self._place.iterate(handler, call)
        try:
            while await self._wait_for_credit(id_):
                try:
                    value = await anext(items)
                except StopAsyncIteration:
                    self._answer(id_, handler, self._session.end, None)
                    return
                with self._lock:
                    self._session.item(id_, value, volatile=handler.is_volatile)
                self._flush_soon()
        except BaseException as error:
            self._fail_handler(id_, handler, error)
        finally:
            await items.aclose()  # type: ignore[attr-defined]  # it is an async generator

    async def _wait_for_credit(self, id_: int) -> bool:
        """Wait until an item may be sent: until the consumer granted one, and there is room."""
        while self._session.is_open:
            if self._session.credit(id_) <= 0:
                event = self._credit[id_]
                event.clear()
                if self._session.credit(id_) <= 0:
                    await event.wait()
                continue
            with self._lock:
                has_room = self._session.wait_for_room()
            if has_room:
                return True
            self._writable.clear()
            await self._writable.wait()
        return False

    def _answer(self, id_: int, handler: Handler, answer: Callable[[int, Any], object], value: Any) -> None:
        try:
            with self._lock:
                if self._session.is_open:
                    answer(id_, value)
        except BadValueError as error:
            text = f"the result of {handler.name!r} can't be sent: {error.message}"
            self._log_failure(handler, error)
            self._fail(id_, BadValueError(text, code=error.code))
        self._flush_soon()

    def _fail_handler(self, id_: int, handler: Handler, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._fail(id_, errors.CallCancelledError(f"{handler.name!r} was cancelled"))
            return
        self._log_failure(handler, error)
        if isinstance(error, KcommError):
            self._fail(id_, error)
        else:
            kind = type(error).__name__
            data = {"type": kind}
            self._fail(id_, errors.RemoteError(f"{handler.name!r} raised {kind}: {error}", data=data))

    def _log_failure(self, handler: Handler, error: BaseException) -> None:
        info = (type(error), error, error.__traceback__)
        self._place.context.copy().run(logger.error, "the handler %r raised", handler.name, exc_info=info)

    def _fail(self, id_: int, error: KcommError) -> None:
        with self._lock:
            if self._session.is_open:
                self._session.fail(id_, error.code, _valid_text(error.message), error.data)
        self._flush_soon()

    # --- events of the other end ---------------------------------------------------------------------

    def _take_emitted(self, event: events.Emitted, *, may_wait: bool = True) -> None:
        handler = self.registry.find_topic(event.topic) if self.registry else None
        if handler is None:
            if may_wait and self._defers(event):
                return
            self._report("kcomm.unknown_topic", f"nobody handles the topic {event.topic!r} here")
            return
        if event.dropped:
            logger.warning("%d events of topic %r were dropped by their sender", event.dropped, event.topic)
        assert self.channel is not None
        try:
            call = handler.bind([event.value], self.channel)
        except KcommError as error:
            self._report(error.code, error.message)
            return
        self.start(self._run_in_background(handler, call))

    def _report(self, code: str, message: str) -> None:
        logger.warning("%s [%s]", message, code)
        with self._lock:
            if self._session.is_open:
                self._session.report(code, _valid_text(message))
        self._flush_soon()

    def start(self, coroutine: Any) -> None:
        """Run a coroutine on the loop until it ends, or the channel does."""
        task = self.runtime.start(coroutine, self._place.context)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _run_in_background(self, handler: Handler, call: Callable[[], Any]) -> None:
        try:
            await self._place.run(handler, call)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # a handler's SystemExit must not end the loop
            self._log_failure(handler, error)
            text = f"{handler.name!r} raised {type(error).__name__}: {error}"
            self._report("kcomm.handler_error", text)

    def run_handler(self, handler: Handler) -> None:
        """Run a lifecycle handler, which takes the channel."""
        assert self.channel is not None
        self.start(self._run_in_background(handler, handler.bind_channel(self.channel)))


def _valid_text(text: str) -> str:
    """Return a text that can be sent, whatever an exception's message holds."""
    return text.encode(errors="replace").decode()


_HANDLERS: dict[type, Callable[[Peer, Any], None]] = {
    events.Opened: Peer._take_opened,
    events.Called: Peer._take_called,
    events.Item: Peer._take_item,
    events.Ended: Peer._take_ended,
    events.Failed: Peer._take_failed,
    events.Cancelled: Peer._take_cancelled,
    events.Credited: Peer._take_credited,
    events.Emitted: Peer._take_emitted,
    events.Reported: Peer._take_reported,
    events.Writable: Peer._take_writable,
    events.Closed: Peer._take_closed,
}
