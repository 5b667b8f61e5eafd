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
        self._calls: dict[int, _Made] = {}

    def call(
        self,
        method: str,
        args: Sequence[Any] | Mapping[str, Any],
        limit: int,
        options: Mapping[str, Any] | None,
    ) -> int:
        """Queue a CALL; return its id."""
        plain = dict(args) if isinstance(args, Mapping) else list(args)
        id_ = self._next_id
        self._writer.queue(Kind.CALL, id_, method, plain, limit, dict(options or {}))
        self._next_id += 2
        self._calls[id_] = _Made(Caller.WAITING, limit, window=limit)
        return id_

    def cancel(self, id_: int, reason: str) -> None:
        """Give a call up; nothing more is told of it."""
        call = self._calls.get(id_)
        if call is None or call.state is not Caller.WAITING:
            return
        call.state = states.CALLER[call.state][CallerInput.CANCEL]
        self._writer.queue(Kind.CANCEL, id_, for_people(reason))

    def consume(self, id_: int, done: int) -> None:
        """Grant credit for as many items as the window holds beyond those that were consumed."""
        call = self._calls.get(id_)
        if call is None or call.state is not Caller.WAITING:
            return
        limit = done + call.window
        # Half a window at a time, so that most items need no message of their own.
        if limit - call.limit >= max(1, call.window // 2):
            call.limit = limit
            self._writer.outbox.put_first(self._writer.encode(Kind.CREDIT, id_, limit, done))

    def take_next(self, id_: int, index: int, value: Any) -> list[Event]:
        """Take an item."""
        call = self._calls.get(id_)
        if call is None:
            self._check_was_made(id_)
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
        call = self._calls.get(id_)
        if call is not None and not call.next_index <= index <= call.limit:
            raise ProtocolError(f"call {id_} ended with {index} items, which can't be")
        return [events.Ended(id_, index, value)] if self._finish(id_) else []

    def take_error(self, id_: int, code: str, message: str, data: dict[str, Any] | None) -> list[Event]:
        """Take the failure of a call."""
        return [events.Failed(id_, code, message, data)] if self._finish(id_) else []

    def take_bad_value(self, kind: Kind, id_: int, error: BadValueError) -> list[Event]:
        """Fail a call with what came for it and can't be read."""
        call = self._calls.get(id_)
        if call is None:
            return []
        was_waiting = call.state is Caller.WAITING
        if kind is Kind.NEXT:
            self.cancel(id_, error.message)
        else:
            del self._calls[id_]
        return [events.Failed(id_, error.code, error.message, None)] if was_waiting else []

    def close(self, code: str, message: str, *, discards: bool) -> list[Event]:
        """Fail what still waits, since the channel ends; say of each call whether it may have run."""
        happened: list[Event] = []
        code = "kcomm.closed" if code == "kcomm.closed" else "kcomm.session_lost"
        for id_, call in self._calls.items():
            if call.state is Caller.WAITING:
                # A call that is still here when all that waits is thrown away has surely not run.
                data = {"may_have_run": not (discards and self._writer.outbox.has_call(id_))}
                text = f"the channel ended under the call: {message}"
                happened.append(events.Failed(id_, code, text, data))
            call.state = states.CALLER[call.state][CallerInput.CLOSE]
        self._calls.clear()
        return happened

    def _finish(self, id_: int) -> bool:
        """Take a terminal message; return whether its caller still waits."""
        call = self._calls.pop(id_, None)
        if call is None:
            self._check_was_made(id_)
            return False
        was_waiting = call.state is Caller.WAITING
        call.state = states.CALLER[call.state][CallerInput.TERMINAL]
        return was_waiting

    def _check_was_made(self, id_: int) -> None:
        if id_ % 2 != self._next_id % 2 or id_ >= self._next_id:
            raise ProtocolError(f"an answer came for {id_}, which this end never called")
