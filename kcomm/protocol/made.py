"""The calls that one end made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcomm.errors import BadValueError, ProtocolError
from kcomm.protocol import events, states
from kcomm.protocol.events import Event
from kcomm.protocol.messages import Kind
from kcomm.protocol.states import Caller, CallerInput
from kcomm.protocol.writer import Writer, for_people


@dataclass(slots=True)
class _Made:
    state: Caller
    limit: int
    window: int
    next_index: int = 0


class CallsMade:
    """Keeps the calls that this end made until their terminal message.

    No more are open at once than the other end takes: those beyond are held back, and sent as others end.

    Parameters
    ----------
    writer : Writer
        What sends.
    first_id : int
        1 for the opener, 2 for the acceptor.
    """

    def __init__(self, writer: Writer, first_id: int) -> None:
        self._writer = writer
        self._next_id = first_id
        self._last_sent = 0
        self._calls: dict[int, _Made] = {}

    def call(
        self,
        method: str,
        args: Sequence[Any] | Mapping[str, Any],
        limit: int,
        options: Mapping[str, Any] | None,
    ) -> int:
        """Queue a CALL, or hold it back; return its id."""
        plain = dict(args) if isinstance(args, Mapping) else list(args)
        id_ = self._next_id
        message = self._writer.encode(Kind.CALL, id_, method, plain, limit, dict(options or {}))
        self._next_id += 2
        self._calls[id_] = _Made(Caller.WAITING, limit, window=limit)
        self._writer.outbox.hold(message)
        self._release()
        return id_

    def cancel(self, id_: int, reason: str) -> None:
        """Give a call up; nothing more is told of it."""
        call = self._calls.get(id_)
        if call is None or call.state is not Caller.WAITING:
            return
        call.state = states.CALLER[call.state][CallerInput.CANCEL]
        if self._writer.outbox.withdraw(id_):  # nobody has heard of it
            del self._calls[id_]
        else:
            self._writer.queue(Kind.CANCEL, id_, for_people(reason))

    def consume(self, id_: int, done: int, limit: int | None = None) -> None:
        """Grant credit up to `limit`; None: for as many items as the CALL did, beyond the consumed ones."""
        call = self._calls.get(id_)
        if call is None or call.state is not Caller.WAITING:
            return
        # Half a window at a time, so that most items need no message of their own.
        step = max(1, call.window // 2) if limit is None else 1
        limit = done + call.window if limit is None else limit
        if limit - call.limit >= step:
            call.limit = limit
            self._writer.outbox.put_first(self._writer.encode(Kind.CREDIT, id_, limit, done))

    def take_next(self, id_: int, index: int, value: Any) -> list[Event]:
        """Take an item."""
        call = self._find(id_)
        if call is None:
            return []
        if index >= call.limit:
            raise ProtocolError(f"item {index} of call {id_} is beyond its credit of {call.limit}")
        call.state = states.CALLER[call.state][CallerInput.NEXT]
        if index < call.next_index:
            return []
        call.next_index = index + 1
        return [events.Item(id_, index, value)] if call.state is Caller.WAITING else []

    def take_end(self, id_: int, index: int, value: Any) -> list[Event]:
        """Take the good end of a call."""
        call = self._find(id_)
        if call is not None and not call.next_index <= index <= call.limit:
            raise ProtocolError(f"call {id_} ended with {index} items, which can't be")
        return [events.Ended(id_, index, value)] if self._finish(id_) else []

    def take_error(self, id_: int, code: str, message: str, data: dict[str, Any] | None) -> list[Event]:
        """Take the failure of a call."""
        return [events.Failed(id_, code, message, data)] if self._finish(id_) else []

    def take_bad_value(self, kind: Kind, id_: int, error: BadValueError) -> list[Event]:
        """Fail a call with what came for it and can't be read."""
        call = self._find(id_)
        if call is None:
            return []
        was_waiting = call.state is Caller.WAITING
        if kind is Kind.NEXT:
            self.cancel(id_, error.message)
        else:
            del self._calls[id_]
            self._release()
        return [events.Failed(id_, error.code, error.message, None)] if was_waiting else []

    def close(self, code: str, message: str, *, discards: bool) -> list[Event]:
        """Fail what still waits, since the channel ends; say of each call whether it may have run."""
        happened: list[Event] = []
        outbox = self._writer.outbox
        code = "kcomm.closed" if code == "kcomm.closed" else "kcomm.session_lost"
        for id_, call in self._calls.items():
            if call.state is Caller.WAITING:
                # A call that is still here when what waits is thrown away has surely not run.
                is_here = outbox.is_held(id_) or (discards and outbox.has_call(id_))
                when = "before the call was sent" if is_here else "under the call, which may have run"
                text = f"the channel ended {when}: {message}"
                happened.append(events.Failed(id_, code, text, {"may_have_run": not is_here}))
            outbox.withdraw(id_)
            call.state = states.CALLER[call.state][CallerInput.CLOSE]
        self._calls.clear()
        return happened

    def _finish(self, id_: int) -> bool:
        """Take a terminal message; return whether its caller still waits."""
        call = self._find(id_)
        if call is None:
            return False
        del self._calls[id_]
        was_waiting = call.state is Caller.WAITING
        call.state = states.CALLER[call.state][CallerInput.TERMINAL]
        self._release()
        return was_waiting

    def _release(self) -> None:
        """Queue calls that were held back, as long as the other end takes more.

        One that was cancelled counts until its terminal message: the other end may not know of it yet.
        """
        outbox = self._writer.outbox
        while outbox.held and len(self._calls) - outbox.held < self._writer.limits.calls:
            self._last_sent = outbox.release()

    def _find(self, id_: int) -> _Made | None:
        """Return the call that something came for; None if it is over."""
        if id_ % 2 != self._next_id % 2 or id_ > self._last_sent:
            raise ProtocolError(f"an answer came for {id_}, which this end never called")
        return self._calls.get(id_)
