"""One end of a channel, sans-I/O: calls go in and packets come out; packets go in and events come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kcomm.errors import (
    BadArgumentsError,
    BadValueError,
    BufferFullError,
    ChannelClosedError,
    KcommError,
    ProtocolError,
    SessionLostError,
    TooLargeError,
)
from kcomm.protocol import events, messages, packets, parts, states, values
from kcomm.protocol.events import Event
from kcomm.protocol.lanes import ReceiveLane, SendLane
from kcomm.protocol.limits import Limits
from kcomm.protocol.messages import Kind
from kcomm.protocol.outbox import Outbox, Outgoing
from kcomm.protocol.states import Callee, CalleeInput, Caller, CallerInput, Connection, Input
from kcomm.protocol.values import Buffer

PROTOCOL_VERSION = 1
#: Room that a packet keeps for its header beside a message of the largest size.
HEADER_ROOM = 1024
#: Characters of an error's text that are sent: with these BYE fits into the smallest packet.
MAX_TEXT = 900
#: What the peers say of themselves is not subject to limits that are still to be said.
_GREETINGS = frozenset({Kind.HELLO, Kind.WELCOME})
_GREETING_DEPTH = Limits().depth


@dataclass(slots=True)
class _Made:
    """A call this end made."""

    state: Caller
    limit: int
    window: int
    next_index: int = 0


@dataclass(slots=True)
class _Served:
    """A call this end answers."""

    state: Callee
    limit: int
    is_stream: bool
    next_index: int = 0
    done: int = 0


class Session:
    """One end of a channel.

    Parameters
    ----------
    role : {"opener", "acceptor"}
        Which end this is.
    limits : Limits, optional
        What this end accepts.
    features : dict, optional
        What this end offers.
    params : dict, optional
        What the opener asks of the target.
    epoch : str
        What tells one run of the acceptor's process from the next.
    stale_subshells : sequence of str
        What the acceptor tells the page to delete.

    Examples
    --------
    >>> page, kernel = Session("opener"), Session("acceptor")
    >>> page.open()
    >>> kernel.receive(page.next_packet(now=0), now=0)[0].version
    1
    """

    def __init__(
        self,
        role: Literal["opener", "acceptor"],
        *,
        limits: Limits | None = None,
        features: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        epoch: str = "",
        stale_subshells: Sequence[str] = (),
    ) -> None:
        self.limits = limits or Limits()
        self.peer_limits = Limits()
        self.state = Connection.IDLE
        self.said_bye = False
        self._is_opener = role == "opener"
        self._features = dict(features or {})
        self._params = dict(params or {})
        self._epoch = epoch
        self._stale_subshells = list(stale_subshells)
        self._next_id = 1 if self._is_opener else 2
        self._last_peer_id = 0
        self._announced: set[int] = set()
        self._made: dict[int, _Made] = {}
        self._served: dict[int, _Served] = {}
        self._assemblies: dict[int, parts.Assembly] = {}
        self._topics_out: dict[str, int] = {}
        self._topics_in: dict[str, int] = {}
        self._outbox = Outbox(self.peer_limits.packet - HEADER_ROOM, self.peer_limits.parts)
        self._sending = SendLane(self.peer_limits.window)
        self._receiving = ReceiveLane(self.limits.window)
        self._was_full = False

    # --- what this end does --------------------------------------------------------------------

    def open(self) -> None:
        """Say HELLO; only the opener does."""
        options: dict[str, Any] = {
            "limits": self.limits.to_wire(),
            "features": self._features,
            "params": self._params,
        }
        hello = self._encode(Kind.HELLO, 0, [PROTOCOL_VERSION], options)
        if hello.nbytes > self._outbox.max_message:
            raise TooLargeError("the params are too large for one packet: send them with a call")
        self._advance(Input.SEND_HELLO)
        self._outbox.put(hello)

    def call(
        self,
        method: str,
        args: Sequence[Any] | Mapping[str, Any] = (),
        *,
        limit: int = 0,
        options: Mapping[str, Any] | None = None,
    ) -> int:
        """Call a method (`limit` 0) or a stream of the other end; return the id of the call.

        Raises
        ------
        BadValueError
            When an argument can't be sent.
        BufferFullError
            When too much waits already.
        ChannelClosedError
            When the channel has ended.
        """
        self._check_open()
        self._check_room()
        plain = dict(args) if isinstance(args, Mapping) else list(args)
        id_ = self._next_id
        self._queue(Kind.CALL, id_, method, plain, limit, dict(options or {}))
        self._next_id += 2
        self._made[id_] = _Made(Caller.WAITING, limit, limit)
        return id_

    def cancel(self, id_: int, reason: str = "") -> None:
        """Give a call up; nothing more is told of it."""
        call = self._made.get(id_)
        if call is None or call.state is not Caller.WAITING:
            return
        call.state = states.CALLER[call.state][CallerInput.CANCEL]
        self._queue(Kind.CANCEL, id_, _for_people(reason))

    def consume(self, id_: int, done: int) -> None:
        """Say that items of a stream below `done` were consumed, which grants credit for as many more."""
        call = self._made.get(id_)
        if call is None or call.state is not Caller.WAITING:
            return
        limit = done + call.window
        if limit - call.limit >= max(1, call.window // 2):
            call.limit = limit
            self._outbox.put_first(self._encode(Kind.CREDIT, id_, limit, done))

    def credit(self, id_: int) -> int:
        """Return how many items of a stream may still be sent."""
        call = self._served.get(id_)
        return call.limit - call.next_index if call else 0

    def item(self, id_: int, value: Any, *, volatile: bool = False) -> int:
        """Send the next item of a stream; return its index."""
        call = self._get_served(id_)
        if call.next_index >= call.limit:
            raise RuntimeError(f"no credit is left for call {id_}")
        index = call.next_index
        state = states.CALLEE[call.state][CalleeInput.ITEM]
        if state is Callee.RUNNING:
            message = self._encode(Kind.NEXT, id_, index, value)
            # The item that uses up the credit must arrive: else both ends could wait for ever.
            uses_up_credit = index == call.limit - 1
            message.is_volatile = (
                volatile and not uses_up_credit and message.nbytes <= self._outbox.max_message
            )
            self._outbox.put(message)
        call.state = state
        call.next_index += 1
        return index

    def end(self, id_: int, value: Any = None) -> None:
        """Answer a call, or end a stream."""
        call = self._get_served(id_)
        self._queue(Kind.END, id_, call.next_index, value)
        self._finish_served(id_)

    def fail(self, id_: int, code: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Answer a call with an error."""
        self._get_served(id_)
        data = None if data is None else dict(data)
        self._queue(Kind.ERROR, id_, _for_people(code), _for_people(message), data)
        self._finish_served(id_)

    def emit(self, topic: str, value: Any, *, latest: bool = False) -> None:
        """Send an event."""
        self._check_open()
        index = self._topics_out.get(topic, 0)
        message = self._encode(Kind.EVENT, 0, topic, index, value)
        self._topics_out[topic] = index + 1
        self._outbox.put_event(topic, message, is_latest=latest)

    def report(self, code: str, message: str) -> None:
        """Tell the other end of an error that belongs to no call."""
        self._check_open()
        self._refuse(0, KcommError(message, code=code))

    def close(self, code: str = "kcomm.closed", message: str = "") -> list[Event]:
        """End the channel in order: what waits is sent, then BYE."""
        if self.state is Connection.CLOSED:
            return []
        return self._end(code, message)

    # --- what comes in ---------------------------------------------------------------------------

    def receive(self, packet: Sequence[Buffer], now: float) -> list[Event]:
        """Take a packet of the other end.

        Parameters
        ----------
        packet : sequence of bytes-like
            Its buffers.
        now : float
            The time in seconds, on any clock that never goes back.
        """
        if self.state is Connection.CLOSED:
            return []
        happened: list[Event] = []
        try:
            self._receive(packet, now, happened)
        except (ProtocolError, SessionLostError) as error:
            happened += self._end(error.code, error.message, discards=True)
        return happened

    def cut(self, message: str = "the connection was cut") -> list[Event]:
        """Take note that the transport is gone."""
        if self.state is Connection.CLOSED:
            return []
        was_opening = self.state is Connection.OPENING
        self.state = states.CONNECTION[self.state][Input.CUT]
        code = "kcomm.unknown_target" if was_opening else "kcomm.session_lost"
        return self._finish(code, message, discards=True)

    # --- what goes out ---------------------------------------------------------------------------

    def next_packet(self, now: float) -> list[Buffer] | None:
        """Return the next packet to send, or None."""
        is_closed = self.state is Connection.CLOSED
        if is_closed and self.said_bye:
            return None
        batch = self._outbox.take(is_full=self._sending.is_full and not is_closed)
        if not batch:
            return self._acknowledgement(now) or self._probe(now)
        is_reliable = not all(message.is_volatile for message in batch)
        packet = packets.write(
            self._sending.last + 1 if is_reliable else 0,
            self._receiving.take_ack(),
            [message.body for message in batch],
            [attachment for message in batch for attachment in message.attachments],
        )
        if is_reliable:
            self._sending.keep(packet, packets.size(packet), now)
        if batch[-1].kind is Kind.BYE:
            self.said_bye = True
        return packet

    def deadline(self) -> float | None:
        """Return when `next_packet` is to be asked although nothing happened.

        An acknowledgement or a probe is due then.
        """
        if self.state is Connection.CLOSED:
            return None
        due = [self._receiving.deadline, self._sending.probe_deadline if self.is_open else None]
        return min((time for time in due if time is not None), default=None)

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done and the channel has not ended."""
        return self.state is Connection.OPEN

    @property
    def is_writable(self) -> bool:
        """Whether there is room; where there is none, wait for the event `Writable`."""
        return self._outbox.nbytes + self._sending.nbytes < self._sending.window

    def _acknowledgement(self, now: float) -> list[Buffer] | None:
        due = self._receiving.deadline
        if self.state is Connection.CLOSED or due is None or now < due:
            return None
        return packets.write(0, self._receiving.take_ack(), [], [])

    def _probe(self, now: float) -> list[Buffer] | None:
        due = self._sending.probe_deadline
        # Before WELCOME nothing but HELLO is sent; whoever waits for the answer has a time-out of its own.
        if not self.is_open or due is None or now < due:
            return None
        probe = self._encode(Kind.PROBE, 0, self._sending.take_probe(now))
        return packets.write(0, self._receiving.take_ack(), [probe.body], [])

    # --- receiving -------------------------------------------------------------------------------

    def _receive(self, buffers: Sequence[Buffer], now: float, happened: list[Event]) -> None:
        packet = packets.read(buffers, self.limits.packet, self.limits.depth)
        self._sending.acknowledge(packet.ack, now)
        if self._was_full and self.is_writable:
            self._was_full = False
            happened.append(events.Writable())
        if packet.seq and not self._receiving.accept(packet.seq, packet.nbytes, now):
            return
        for message in packet.messages:
            is_alone = len(packet.messages) == 1
            self._take(message, now, happened, is_numbered=packet.seq > 0, is_alone=is_alone)
            if self.state is Connection.CLOSED:
                return

    def _take(
        self, message: Any, now: float, happened: list[Event], *, is_numbered: bool, is_alone: bool
    ) -> None:
        parsed = messages.parse(message)
        if parsed is None:
            return
        kind, id_, fields = parsed
        if not is_numbered and kind not in _VOLATILE:
            raise ProtocolError(f"{kind.name} came in a volatile packet")
        if not is_alone and kind in _GREETINGS:
            raise ProtocolError(f"{kind.name} came with other messages")
        self._advance(_RECEIVED.get(kind, Input.RECEIVE))
        try:
            values.check(fields, _GREETING_DEPTH if kind in _GREETINGS else self.limits.depth)
        except BadValueError as error:
            self._take_bad_value(kind, id_, fields, error, happened)
            return
        if kind is Kind.PROBE:
            self._receiving.probe(fields[0], now)
        elif kind is Kind.PART:
            self._take_part(id_, fields, now, happened)
        else:
            _TAKERS[kind](self, id_, fields, happened)

    def _take_bad_value(
        self, kind: Kind, id_: int, fields: list[Any], error: BadValueError, happened: list[Event]
    ) -> None:
        """Let a value that can't be read harm only what it belongs to."""
        if kind is Kind.CALL:
            self._claim(id_)
            self._refuse(id_, error)
        elif kind is Kind.EVENT:
            self._count_event(fields[0], fields[1])
            self._refuse(0, error)
        elif kind in (Kind.NEXT, Kind.END, Kind.ERROR):
            self._fail_made(kind, id_, error, happened)
        else:
            raise ProtocolError(f"a value of {kind.name} can't be read: {error.message}")

    def _fail_made(self, kind: Kind, id_: int, error: BadValueError, happened: list[Event]) -> None:
        call = self._made.get(id_)
        if call is None:
            return
        if call.state is Caller.WAITING:
            happened.append(events.Failed(id_, error.code, error.message, None))
        if kind is Kind.NEXT:
            self.cancel(id_, error.message)
        else:
            del self._made[id_]

    def _take_hello(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        versions, options = fields
        self._read_options(options)
        features, params = _get_map(options, "features"), _get_map(options, "params")
        # Only integers are compared, or put into a text: anything may be here.
        known = [version for version in versions if messages.is_count(version)]
        if PROTOCOL_VERSION not in known:
            message = f"the other end speaks versions {known[:20]}, this one [{PROTOCOL_VERSION}]"
            happened += self._end("kcomm.unsupported_version", message)
            return
        self._advance(Input.SEND_WELCOME)
        welcome: dict[str, Any] = {
            "limits": self.limits.to_wire(),
            "features": self._features,
            "epoch": self._epoch,
        }
        if self._stale_subshells:
            welcome["stale_subshells"] = self._stale_subshells
        answer = self._encode(Kind.WELCOME, 0, PROTOCOL_VERSION, welcome)
        if answer.nbytes > self._outbox.max_message:
            message = "what this end offers does not fit into a packet of the other end"
            happened += self._end("kcomm.too_large", message)
            return
        self._outbox.put(answer)
        happened.append(events.Opened(PROTOCOL_VERSION, features, params))

    def _take_welcome(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        version, options = fields
        self._read_options(options)
        if version != PROTOCOL_VERSION:
            raise ProtocolError(f"version {version} was chosen, but only {PROTOCOL_VERSION} offered")
        stale = options.get("stale_subshells", [])
        epoch = options.get("epoch", "")
        if not isinstance(epoch, str) or not isinstance(stale, list):
            raise ProtocolError("'epoch' must be text and 'stale_subshells' a list")
        if not all(isinstance(subshell, str) for subshell in stale):
            raise ProtocolError("'stale_subshells' must be a list of texts")
        happened.append(
            events.Opened(
                version,
                _get_map(options, "features"),
                epoch=epoch,
                stale_subshells=tuple(stale),
            )
        )

    def _take_call(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        method, args, limit, options = fields
        if not isinstance(args, (list, dict)) or not isinstance(options, dict):
            raise ProtocolError("the args of CALL must be an array or a map, its options a map")
        self._claim(id_)
        if len(self._served) >= self.limits.calls:
            text = f"more than {self.limits.calls} calls are open at once"
            self._refuse(id_, KcommError(text, code="kcomm.too_many_calls"))
            return
        self._served[id_] = _Served(Callee.RUNNING, limit, is_stream=limit > 0)
        happened.append(events.Called(id_, method, args, limit, options))

    def _take_next(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        index, value = fields
        call = self._made.get(id_)
        if call is None:
            self._check_was_made(id_)
            return
        if index >= call.limit:
            raise ProtocolError(f"item {index} of call {id_} is beyond its credit of {call.limit}")
        call.state = states.CALLER[call.state][CallerInput.NEXT]
        if index < call.next_index:
            return
        call.next_index = index + 1
        if call.state is Caller.WAITING:
            happened.append(events.Item(id_, index, value))

    def _take_end(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        index, value = fields
        call = self._made.get(id_)
        if call is not None and not call.next_index <= index <= call.limit:
            raise ProtocolError(f"call {id_} ended with {index} items, which can't be")
        if self._finish_made(id_):
            happened.append(events.Ended(id_, index, value))

    def _take_error(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        code, message, data = fields
        if data is not None and not isinstance(data, dict):
            raise ProtocolError("the data of ERROR must be a map or nil")
        if id_ == 0:
            happened.append(events.Reported(code, message))
        elif self._finish_made(id_):
            happened.append(events.Failed(id_, code, message, data))

    def _take_cancel(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        call = self._served.get(id_)
        if call is None or call.state is Callee.CANCELLING:
            return
        call.state = states.CALLEE[call.state][CalleeInput.CANCEL]
        happened.append(events.Cancelled(id_, fields[0]))

    def _take_credit(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        limit, done = fields
        call = self._served.get(id_)
        if call is None:
            return
        if not call.is_stream or limit < call.limit or not call.done <= done <= call.next_index:
            raise ProtocolError(f"a CREDIT of {limit}, {done} for call {id_} can't be")
        call.state = states.CALLEE[call.state][CalleeInput.CREDIT]
        call.limit, call.done = limit, done
        happened.append(events.Credited(id_, limit, done))

    def _take_event(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        topic, index, value = fields
        happened.append(events.Emitted(topic, value, self._count_event(topic, index)))

    def _count_event(self, topic: str, index: int) -> int:
        """Take the index of an event; return how many were dropped before it."""
        expected = self._topics_in.get(topic, 0)
        if index < expected:
            raise ProtocolError(f"event {index} of topic {topic!r} came after event {expected - 1}")
        if topic not in self._topics_in and len(self._topics_in) >= self.limits.topics:
            raise ProtocolError(f"events came on more than {self.limits.topics} topics")
        self._topics_in[topic] = index + 1
        dropped: int = index - expected
        return dropped

    def _take_nack(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        self._sending.resend(fields[0], fields[1])

    def _take_part(self, id_: int, fields: list[Any], now: float, happened: list[Event]) -> None:
        index, sizes, chunk = fields
        if index == 0:
            if id_ in self._assemblies or len(self._assemblies) >= self.limits.parts:
                raise ProtocolError(f"too many messages are in parts, or two with the id {id_}")
            if self._is_peers(id_) and id_ > self._last_peer_id:
                self._claim(id_)
                self._announced.add(id_)
            self._assemblies[id_] = parts.Assembly(sizes, self.limits.message)
        assembly = self._assemblies.get(id_)
        if assembly is None:
            raise ProtocolError(f"PART {index} of {id_} came without a PART 0")
        buffers = assembly.add(index, chunk)
        if buffers is not None:
            del self._assemblies[id_]
            message = parts.read(buffers)
            if messages.parse(message) is not None and message[1] != id_:
                raise ProtocolError("a message has another id than its PARTs")
            self._take(message, now, happened, is_numbered=True, is_alone=False)

    def _take_bye(self, id_: int, fields: list[Any], happened: list[Event]) -> None:
        happened += self._finish(fields[0], fields[1], discards=True)

    # --- helpers ---------------------------------------------------------------------------------

    def _advance(self, input_: Input) -> None:
        try:
            self.state = states.CONNECTION[self.state][input_]
        except KeyError:
            raise ProtocolError(f"{input_.name} can't be in the state {self.state.name}") from None

    def _check_open(self) -> None:
        if self.state is Connection.CLOSED:
            raise ChannelClosedError("the channel is closed: connect again")
        if self.state is not Connection.OPEN:
            raise ChannelClosedError("the channel is not open yet")

    def _check_room(self) -> None:
        if not self.is_writable:
            self._was_full = True
            raise BufferFullError(
                f"more than {self._sending.window} bytes wait to be sent or acknowledged: send less, or wait"
            )

    def wait_for_room(self) -> bool:
        """Return whether there is room; if not, the event `Writable` will tell."""
        self._was_full = self._was_full or not self.is_writable
        return self.is_writable

    def _encode(self, kind: Kind, id_: int, *fields: Any) -> Outgoing:
        depth = _GREETING_DEPTH if kind in _GREETINGS else self.peer_limits.depth
        body, attachments = values.encode([int(kind), id_, *fields], depth)
        message = Outgoing(kind, id_, body, attachments)
        if message.nbytes > self.peer_limits.message or not message.fits(self._outbox.max_message):
            raise TooLargeError(
                f"a message of {message.nbytes} bytes and {len(attachments)} arrays is above the "
                f"{self.peer_limits.message} bytes that the other end accepts"
            )
        return message

    def _queue(self, kind: Kind, id_: int, *fields: Any) -> None:
        self._outbox.put(self._encode(kind, id_, *fields))

    def _read_options(self, options: dict[str, Any]) -> None:
        self.peer_limits = Limits.from_wire(options.get("limits", {}))
        self._outbox.max_message = self.peer_limits.packet - HEADER_ROOM
        self._outbox.max_transfers = self.peer_limits.parts
        self._sending.window = min(self.peer_limits.window, self.limits.window)

    def _is_peers(self, id_: int) -> bool:
        return id_ > 0 and id_ % 2 == (0 if self._is_opener else 1)

    def _claim(self, id_: int) -> None:
        """Take an id of the other end, for the first and only time."""
        if id_ in self._announced:
            self._announced.remove(id_)
            return
        if not self._is_peers(id_):
            raise ProtocolError(f"the id {id_} is not one of the other end's")
        if id_ <= self._last_peer_id:
            raise ProtocolError(f"the id {id_} was used before")
        self._last_peer_id = id_

    def _check_was_made(self, id_: int) -> None:
        if self._is_peers(id_) or id_ >= self._next_id:
            raise ProtocolError(f"an answer came for {id_}, which this end never called")

    def _get_served(self, id_: int) -> _Served:
        self._check_open()
        call = self._served.get(id_)
        if call is None:
            raise BadArgumentsError(f"no call {id_} waits for an answer")
        return call

    def _refuse(self, id_: int, error: KcommError) -> None:
        self._queue(Kind.ERROR, id_, _for_people(error.code), _for_people(error.message), None)

    def _finish_served(self, id_: int) -> None:
        call = self._served.pop(id_)
        call.state = states.CALLEE[call.state][CalleeInput.TERMINAL]

    def _finish_made(self, id_: int) -> bool:
        """Take a terminal message; return whether its caller still waits."""
        call = self._made.pop(id_, None)
        if call is None:
            self._check_was_made(id_)
            return False
        was_waiting = call.state is Caller.WAITING
        call.state = states.CALLER[call.state][CallerInput.TERMINAL]
        return was_waiting

    def _end(self, code: str, message: str, *, discards: bool = False) -> list[Event]:
        """End the channel from this side.

        What waits is sent before BYE, unless the peers no longer agree.
        """
        self.state = states.CONNECTION[self.state][Input.SEND_BYE]
        happened = self._finish(code, message, discards=discards)
        self._queue(Kind.BYE, 0, _for_people(code), _for_people(message))
        return happened

    def _finish(self, code: str, message: str, *, discards: bool) -> list[Event]:
        """Fail what is open, and tell the end."""
        happened: list[Event] = []
        call_code = "kcomm.closed" if code == "kcomm.closed" else "kcomm.session_lost"
        for id_, made in self._made.items():
            if made.state is Caller.WAITING:
                # A call that is still here when all that waits is thrown away has surely not run.
                data = {"may_have_run": not (discards and self._outbox.has_call(id_))}
                text = f"the channel ended under the call: {message or code}"
                happened.append(events.Failed(id_, call_code, text, data))
            made.state = states.CALLER[made.state][CallerInput.CLOSE]
        for id_, served in self._served.items():
            if served.state is Callee.RUNNING:
                happened.append(events.Cancelled(id_, "the channel ended"))
            served.state = states.CALLEE[served.state][CalleeInput.CLOSE]
        self._made.clear()
        self._served.clear()
        self._assemblies.clear()
        if discards:
            self._outbox.clear()
        happened.append(events.Closed(code, message))
        return happened


def _get_map(options: dict[str, Any], key: str) -> dict[str, Any]:
    value = options.get(key, {})
    if not isinstance(value, dict):
        raise ProtocolError(f"{key!r} must be a map")
    return value


def _for_people(text: str) -> str:
    """Make the text of an error one that can be sent, whatever is in it and whatever the peer's limits."""
    return text[:MAX_TEXT].encode(errors="replace").decode()


#: A volatile packet may be lost; these bear that.
_VOLATILE = frozenset({Kind.NEXT, Kind.NACK, Kind.PROBE})
_RECEIVED = {
    Kind.HELLO: Input.RECEIVE_HELLO,
    Kind.WELCOME: Input.RECEIVE_WELCOME,
    Kind.BYE: Input.RECEIVE_BYE,
}
_TAKERS = {
    Kind.HELLO: Session._take_hello,
    Kind.WELCOME: Session._take_welcome,
    Kind.CALL: Session._take_call,
    Kind.NEXT: Session._take_next,
    Kind.END: Session._take_end,
    Kind.ERROR: Session._take_error,
    Kind.CANCEL: Session._take_cancel,
    Kind.CREDIT: Session._take_credit,
    Kind.EVENT: Session._take_event,
    Kind.NACK: Session._take_nack,
    Kind.BYE: Session._take_bye,
}
