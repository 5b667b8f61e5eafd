"""The calls that one end answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kcomm.errors import BadArgumentsError, BadValueError, KcommError, ProtocolError
from kcomm.protocol import events, states
from kcomm.protocol.events import Event
from kcomm.protocol.messages import Kind
from kcomm.protocol.states import Callee, CalleeInput
from kcomm.protocol.writer import Writer


@dataclass(slots=True)
class _Served:
    state: Callee
    limit: int
    is_stream: bool
    next_index: int = 0
    done: int = 0


class CallsServed:
    """Keeps the calls of the other end until they are answered.

    Parameters
    ----------
    writer : Writer
        What sends.
    parity : int
        What the other end's ids leave when divided by 2.
    max_calls : int
        Calls that may be open at once.
    """

    def __init__(self, writer: Writer, parity: int, max_calls: int) -> None:
        self._writer = writer
        self._parity = parity
        self._max_calls = max_calls
        self._last_id = 0
        self._announced: set[int] = set()
        self._calls: dict[int, _Served] = {}

    # --- what this end answers -------------------------------------------------------------------

    def credit(self, id_: int) -> int:
        """Return how many items of a stream may still be sent."""
        call = self._calls.get(id_)
        return call.limit - call.next_index if call else 0

    def progress(self, id_: int) -> tuple[int, int]:
        """Return how many items of a stream were sent, and how many of them the consumer is done with."""
        call = self._calls.get(id_)
        return (call.next_index, call.done) if call else (0, 0)

    def item(self, id_: int, value: Any, *, volatile: bool) -> int:
        """Queue the next item of a stream; return its index."""
        call = self._get(id_)
        if call.next_index >= call.limit:
            raise RuntimeError(f"no credit is left for call {id_}")
        index = call.next_index
        state = states.CALLEE[call.state][CalleeInput.ITEM]
        if state is Callee.RUNNING:
            message = self._writer.encode(Kind.NEXT, id_, index, value)
            # The item that uses up the credit must arrive: else both ends could wait for ever.
            uses_up_credit = index == call.limit - 1
            fits = message.nbytes <= self._writer.max_message
            message.is_volatile = volatile and fits and not uses_up_credit
            self._writer.outbox.put(message)
        call.state = state
        call.next_index += 1
        return index

    def end(self, id_: int, value: Any) -> None:
        """Queue the good end of a call."""
        call = self._get(id_)
        self._writer.queue(Kind.END, id_, call.next_index, value)
        self._finish(id_)

    def fail(self, id_: int, error: KcommError) -> None:
        """Queue the failure of a call."""
        self._get(id_)
        self._writer.queue_error(id_, error)
        self._finish(id_)

    # --- what comes in ---------------------------------------------------------------------------

    def announce(self, id_: int) -> None:
        """Take the id of a message whose first part came, if it is a call's."""
        if id_ > self._last_id and id_ % 2 == self._parity:
            self._claim(id_)
            self._announced.add(id_)

    def take_call(self, id_: int, method: str, args: object, limit: int, options: object) -> list[Event]:
        """Take a call."""
        if not isinstance(args, (list, dict)) or not isinstance(options, dict):
            raise ProtocolError("the args of CALL must be an array or a map, its options a map")
        self._claim(id_)
        if len(self._calls) >= self._max_calls:
            text = f"more than {self._max_calls} calls are open at once"
            self._writer.queue_error(id_, KcommError(text, code="kcomm.too_many_calls"))
            return []
        self._calls[id_] = _Served(Callee.RUNNING, limit, is_stream=limit > 0)
        return [events.Called(id_, method, args, limit, options)]

    def take_bad_value(self, id_: int, error: BadValueError) -> None:
        """Refuse a call whose arguments can't be read."""
        self._claim(id_)
        self._writer.queue_error(id_, error)

    def take_cancel(self, id_: int, reason: str) -> list[Event]:
        """Take note that the caller has given up."""
        call = self._calls.get(id_)
        if call is None or call.state is Callee.CANCELLING:
            return []
        call.state = states.CALLEE[call.state][CalleeInput.CANCEL]
        return [events.Cancelled(id_, reason)]

    def take_credit(self, id_: int, limit: int, done: int) -> list[Event]:
        """Take credit for a stream."""
        call = self._calls.get(id_)
        if call is None:
            return []
        if not call.is_stream or limit < call.limit or not call.done <= done <= call.next_index:
            raise ProtocolError(f"a CREDIT of {limit}, {done} for call {id_} can't be")
        call.state = states.CALLEE[call.state][CalleeInput.CREDIT]
        call.limit, call.done = limit, done
        return [events.Credited(id_, limit, done)]

    def close(self) -> list[Event]:
        """Cancel what still runs, since the channel ends."""
        happened: list[Event] = []
        for id_, call in self._calls.items():
            if call.state is Callee.RUNNING:
                happened.append(events.Cancelled(id_, "the channel ended"))
            call.state = states.CALLEE[call.state][CalleeInput.CLOSE]
        self._calls.clear()
        return happened

    def _claim(self, id_: int) -> None:
        """Take an id of the other end, for the first and only time."""
        if id_ in self._announced:
            self._announced.remove(id_)
            return
        if id_ % 2 != self._parity:
            raise ProtocolError(f"the id {id_} is not one of the other end's")
        if id_ <= self._last_id:
            raise ProtocolError(f"the id {id_} was used before")
        self._last_id = id_

    def _get(self, id_: int) -> _Served:
        call = self._calls.get(id_)
        if call is None:
            raise BadArgumentsError(f"no call {id_} waits for an answer")
        return call

    def _finish(self, id_: int) -> None:
        call = self._calls.pop(id_)
        call.state = states.CALLEE[call.state][CalleeInput.TERMINAL]
