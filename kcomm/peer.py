"""Joins a session with a transport, and with the handlers of its end."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from kcomm import errors
from kcomm.errors import KcommError
from kcomm.handlers import Place
from kcomm.pacing import BULK, Pacer
from kcomm.protocol import Session, events
from kcomm.protocol.values import Buffer
from kcomm.runtime import get_runtime
from kcomm.serving import Serving
from kcomm.transport.base import Transport

logger = logging.getLogger("kcomm")

#: Seconds for which the end that serves a target sees to it that its BYE arrives.
LINGER = 60.0
#: Seconds without an acknowledgement after which it gives a front end up: one that crashed says no BYE. The
#: timers of a hidden page fire once a minute.
LEASE = 600.0
#: Seconds that a kernel which was busy all the time then has to read what the front end has sent meanwhile.
LEASE_GRACE = 90.0


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
        self.on_opened: Callable[[], object] = lambda: None
        self.on_closed: Callable[[], object] = lambda: None
        self.session = session
        self.serving = Serving(self, place, grace)
        self.lock = threading.RLock()
        self._answers: dict[int, Future[Any]] = {}
        self._consumers: dict[int, Consumer] = {}
        self._is_flush_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._pacer = Pacer()
        self._is_acceptor = session.role == "acceptor"
        self._linger: asyncio.TimerHandle | None = None
        self._lease_asked: float | None = None
        self._is_cut = False

    # --- what this end does; from any thread ---------------------------------------------------

    def open(self) -> None:
        """Say HELLO."""
        with self.lock:
            self.session.open()
        self.flush_soon()

    def call(
        self, method: str, args: Sequence[Any] | Mapping[str, Any], options: Mapping[str, Any]
    ) -> tuple[int, Future[Any]]:
        """Call a method; return the id, and the future of the answer."""
        self._check_process()
        answer: Future[Any] = Future()
        with self.lock:
            id_ = self.session.call(method, args, options=options)
            self._answers[id_] = answer
        answer.add_done_callback(lambda done: self.cancel(id_) if done.cancelled() else None)
        self.flush_soon()
        return id_, answer

    def call_stream(
        self, method: str, args: Sequence[Any] | Mapping[str, Any], window: int, consumer: Consumer
    ) -> int:
        """Call a stream, whose items go to a consumer on kcomm's loop; return the id."""
        self._check_process()
        with self.lock:
            id_ = self.session.call(method, args, limit=window)
            self._consumers[id_] = consumer
        self.flush_soon()
        return id_

    def cancel(self, id_: int, reason: str = "") -> None:
        """Give a call or stream up."""
        with self.lock:
            self._answers.pop(id_, None)
            self._consumers.pop(id_, None)
            if self.session.is_open:
                self.session.cancel(id_, reason)
        self.flush_soon()

    def consume(self, id_: int, done: int, limit: int | None = None) -> None:
        """Give back the credit of items below `done`, or grant up to `limit`."""
        with self.lock:
            if self.session.is_open:
                self.session.consume(id_, done, limit)
        self.flush_soon()

    def emit(self, topic: str, value: Any, *, latest: bool) -> None:
        """Send an event."""
        self._check_process()
        if self.lock._is_owned():  # type: ignore[attr-defined]  # as threading.Condition asks
            # A signal handler, or a __del__, runs in the middle of what this very thread does to the session.
            self.runtime.call_soon(lambda: self.emit(topic, value, latest=latest))
            return
        with self.lock:
            self.session.emit(topic, value, latest=latest)
        self.flush_soon()

    def _check_process(self) -> None:
        if self.runtime.pid != os.getpid():
            raise errors.ChannelClosedError(
                "this process was forked from the one that has the channel: use it there"
            )

    def close(self, code: str = "kcomm.closed", message: str = "") -> None:
        """End the channel in order."""
        with self.lock:
            happened = self.session.close(code, message)
        self.runtime.call_soon(self._handle, happened)
        self.flush_soon()

    def receive(self, packet: Sequence[Buffer]) -> None:
        """Take a packet from the transport."""
        self.runtime.call_soon(self._receive, packet)

    def cut(self, message: str) -> None:
        """Take note that the transport is gone."""
        self.runtime.call_soon(self._take_cut, message)

    # --- on the loop ----------------------------------------------------------------------------

    def flush_soon(self) -> None:
        """Send what is queued, in the loop's next turn; from any thread."""
        with self.lock:
            if self._is_flush_due:
                return
            self._is_flush_due = True
        # What is queued until the loop's next turn leaves in one packet.
        self.runtime.call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flush_due = False
        pause = 0.0
        while not self._is_cut:
            now = self.runtime.loop.time()
            with self.lock:
                pause = self._pause(now)
                packet = None if pause else self.session.next_packet(now)
                is_over = not pause and self.session.is_over
                lingers = self._is_acceptor and self.session.lingers
            if is_over and not lingers:
                self._end_transport(packet)
            elif packet is None:
                break
            else:
                self._pacer.count(now)
                self._send(self.transport.send, packet)
        if self.session.may_answer:
            # Volatile packets make room when they leave: no acknowledgement will tell of it.
            self.serving.set_writable()
        self._set_timer(pause)

    def _pause(self, now: float) -> float:
        """Return the seconds until the next packet may leave."""
        if not self.session.under_way:
            self._pacer.forgive()
        if not self.session.is_open or self.session.waiting >= BULK:
            return 0.0
        return self._pacer.wait(now)

    def _end_transport(self, packet: list[Buffer] | None) -> None:
        self._is_cut = True
        self._send(self.transport.close, packet)

    def _send(self, send: Callable[[Any], None], packet: list[Buffer] | None) -> None:
        try:
            send(packet)
        except Exception as error:
            logger.exception("a packet could not be sent")
            self._take_cut(f"a packet could not be sent: {error}")

    def _set_timer(self, pause: float) -> None:
        for timer in (self._timer, self._linger if self._is_cut else None):
            if timer is not None:
                timer.cancel()
        self._timer = None
        if self._is_cut:
            return
        loop = self.runtime.loop
        deadline = loop.time() + pause if pause else self.session.deadline()
        if deadline is not None:
            self._timer = loop.call_at(deadline, self._flush)
        if self.session.lingers and self._linger is None:
            self._linger = loop.call_later(LINGER, self._give_up)
        if self._is_acceptor and self.session.is_open:
            self._watch_lease()

    def _give_up(self) -> None:
        """Close the transport although nobody has acknowledged BYE."""
        if not self._is_cut:
            self._end_transport(None)
            self._set_timer(0.0)

    # --- front ends that are gone without a word -----------------------------------------------------

    def _watch_lease(self) -> None:
        """End the channel where nothing is acknowledged for too long, though it could have been read."""
        since = self.session.waits_since
        if since is None or since == self._lease_asked or self.runtime.loop.time() - since < LEASE:
            return
        self._lease_asked = since

        def ask_later() -> None:
            self.runtime.call_soon(self.runtime.loop.call_later, LEASE_GRACE, self._end_lease, since)

        self.transport.when_reading(ask_later)

    def _end_lease(self, since: float) -> None:
        if self._is_cut or self.session.waits_since != since:
            return
        logger.info("a front end acknowledged nothing for %d s: its channel is closed", LEASE)
        self._take_cut(f"the front end acknowledged nothing for {LEASE:.0f} s")
        self._send(self.transport.close, None)

    def _receive(self, packet: Sequence[Buffer]) -> None:
        with self.lock:
            happened = self.session.receive(packet, self.runtime.loop.time())
        self._handle(happened)
        self._flush()

    def _take_cut(self, message: str) -> None:
        self._is_cut = True
        with self.lock:
            happened = self.session.cut(message)
        self._handle(happened)
        self._set_timer(0.0)

    def _handle(self, happened: Sequence[events.Event]) -> None:
        for event in happened:
            _HANDLERS[type(event)](self, event)

    # --- answers to this end's calls --------------------------------------------------------------

    def _take_opened(self, event: events.Opened) -> None:
        if self.opened.done():  # whoever connected has given up
            return
        self.opened.set_result(event)
        self.on_opened()

    def _take_item(self, event: events.Item) -> None:
        if event.id in self._consumers:
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
        self.serving.set_writable()

    def _take_closed(self, event: events.Closed) -> None:
        if not self.opened.done():
            self.opened.set_exception(errors.from_code(event.code, event.message))
        if not self.closed.done():
            self.closed.set_result(event)
        self.serving.close()
        self.on_closed()
        if event.code == "kcomm.protocol_error":
            logger.error("the channel was closed: %s [%s]", event.message, event.code)
        self.flush_soon()


_HANDLERS: dict[type, Callable[[Peer, Any], None]] = {
    events.Opened: Peer._take_opened,
    events.Called: lambda peer, event: peer.serving.take_called(event),
    events.Item: Peer._take_item,
    events.Ended: Peer._take_ended,
    events.Failed: Peer._take_failed,
    events.Cancelled: lambda peer, event: peer.serving.take_cancelled(event),
    events.Credited: lambda peer, event: peer.serving.take_credited(event),
    events.Emitted: lambda peer, event: peer.serving.take_emitted(event),
    events.Reported: Peer._take_reported,
    events.Writable: Peer._take_writable,
    events.Closed: Peer._take_closed,
}
