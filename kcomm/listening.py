"""Gives events to their handlers, as fast as those take them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from kcomm.backlog import Backlog, Slot, size_of
from kcomm.handlers import Handler
from kcomm.protocol import events

logger = logging.getLogger("kcomm")


class Listening:
    """Keeps the events of each topic that wait for their handler. It lives on kcomm's loop.

    Parameters
    ----------
    start : callable
        Starts a handler: it is given the handler, what to run on its thread, and what to call when that is
        done.
    """

    def __init__(self, start: Callable[[Handler, Callable[[], Any], Callable[[], object]], None]) -> None:
        self._start = start
        self._backlogs: dict[str, tuple[Handler, Backlog]] = {}

    def take(self, event: events.Emitted, handler: Handler, call: Callable[[], Any]) -> None:
        """Take an event, and the call that handles it."""
        known, backlog = self._backlogs.get(event.topic, (None, None))
        if backlog is None or known is not handler:  # one that was replaced keeps what came before
            backlog = Backlog(is_queued=not handler.is_async)
            self._backlogs[event.topic] = handler, backlog
        had_dropped = backlog.dropped
        backlog.put(call, size_of(event.value))
        if backlog.dropped and not had_dropped:
            logger.warning("events of topic %r come faster than their handler takes them", event.topic)
        self._run(event.topic, handler, backlog)

    def _run(self, topic: str, handler: Handler, backlog: Backlog) -> None:
        """Start the handler for what waits."""

        def start(slot: Slot) -> None:
            def finish() -> None:
                slot.close()
                self._run(topic, handler, backlog)

            self._start(handler, slot.run, finish)

        while slot := backlog.open_slot():
            start(slot)
        if backlog.dropped and not backlog:
            text = "%d events of topic %r were dropped: their handler was slower than they came"
            logger.warning(text, backlog.dropped, topic)
            backlog.dropped = 0
