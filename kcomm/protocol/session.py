"""One end of a channel, sans-I/O: calls go in and packets come out; packets go in and events come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from kcomm.errors import (
    BadValueError,
    BufferFullError,
    ChannelClosedError,
    KcommError,
    ProtocolError,
    TooLargeError,
)
from kcomm.protocol import events, greetings, messages, packets, parts, states, values
from kcomm.protocol.events import Event
from kcomm.protocol.greetings import Greeting
from kcomm.protocol.lanes import Lanes
from kcomm.protocol.limits import Limits
from kcomm.protocol.made import CallsMade
from kcomm.protocol.messages import Kind
from kcomm.protocol.outbox import Outbox
from kcomm.protocol.served import CallsServed
from kcomm.protocol.states import Connection, Input
from kcomm.protocol.topics import Topics
from kcomm.protocol.values import Buffer
from kcomm.protocol.writer import GREETING_DEPTH, Writer, for_people


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
        self.role = role
        self.limits = limits or Limits()
        self.state = Connection.IDLE
        self._greeting = Greeting(self.limits, features or {}, params or {}, epoch, stale_subshells)
        is_opener = role == "opener"
        self._writer = Writer()
        self._made = CallsMade(self._writer, first_id=1 if is_opener else 2)
        self._served = CallsServed(self._writer, parity=0 if is_opener else 1, max_calls=self.limits.calls)
        self._topics = Topics(self.limits.topics)
        self._assemblies = parts.Assemblies(self.limits.parts, self.limits.message)
        self._lanes = Lanes(self.peer_limits.window, self.limits.window)
        self._was_full = False
        self._owes_bye = False
        self._is_orderly = False

    # --- what this end does --------------------------------------------------------------------

    def open(self) -> None:
        """Say HELLO; only the opener does."""
        hello = self._writer.encode(Kind.HELLO, 0, *self._greeting.hello())
        if hello.nbytes > self._writer.max_message:
            raise TooLargeError("the params are too large for one packet: send them with a call")
        self._advance(Input.SEND_HELLO)
        self._outbox.put(hello)

    @property
    def peer_limits(self) -> Limits:
        """What the other end accepts; the defaults until it has said so."""
        return self._writer.limits

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
        if not self.wait_for_room():
            raise BufferFullError(
                f"more than {self._lanes.window} bytes wait to be sent or acknowledged: send less, or wait"
            )
        return self._made.call(method, args, limit, options)

    def cancel(self, id_: int, reason: str = "") -> None:
        """Give a call up; nothing more is told of it."""
        self._made.cancel(id_, reason)

    def consume(self, id_: int, done: int, limit: int | None = None) -> None:
        """Say that items of a stream below `done` were consumed, which grants credit for as many more.

        With `limit`, it grants those up to this index, if they were not granted before.
        """
        self._made.consume(id_, done, limit)

    def credit(self, id_: int) -> int:
        """Return how many items of a stream may still be sent."""
        return self._served.credit(id_)

    def progress(self, id_: int) -> tuple[int, int]:
        """Return how many items of a stream were sent, and how many of them were consumed or lost."""
        return self._served.progress(id_)

    def item(self, id_: int, value: Any, *, volatile: bool = False) -> int:
        """Send the next item of a stream; return its index."""
        self._check_open()
        return self._served.item(id_, value, volatile=volatile)

    def end(self, id_: int, value: Any = None) -> None:
        """Answer a call, or end a stream."""
        self._check_open()
        self._served.end(id_, value)

    def fail(self, id_: int, code: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Answer a call with an error."""
        self._check_open()
        self._served.fail(id_, KcommError(message, code=code, data=None if data is None else dict(data)))

    def emit(self, topic: str, value: Any, *, latest: bool = False) -> None:
        """Send an event."""
        self._check_open()
        self._topics.check_room(topic, self.peer_limits.topics)
        event = self._writer.encode(Kind.EVENT, 0, topic, self._topics.next_index(topic), value)
        self._topics.count_sent(topic)
        self._outbox.put_event(topic, event, is_latest=latest)

    def report(self, code: str, message: str) -> None:
        """Tell the other end of an error that belongs to no call."""
        self._check_open()
        self._writer.queue_error(0, KcommError(message, code=code))

    def close(self, code: str = "kcomm.closed", message: str = "") -> list[Event]:
        """End the channel in order: what waits is sent, then BYE."""
        if self.state is Connection.CLOSED:
            return []
        happened = self._end(code, message)
        self._is_orderly = True
        return happened

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
        happened: list[Event] = []
        try:
            if self.state is not Connection.CLOSED:
                self._receive(packet, now, happened)
            elif self.lingers:
                self._receive_late(packet, now)
        except ProtocolError as error:
            if self.state is Connection.CLOSED:
                self._is_orderly = False
            else:
                happened += self._end(error.code, error.message, discards=True)
        return happened

    def wake(self, now: float) -> None:
        """Take note that the connection, which was down, is up again."""
        if self.is_open or self.lingers:
            self._lanes.wake(now)

    def cut(self, message: str = "the connection was cut") -> list[Event]:
        """Take note that the transport is gone."""
        if self.state is Connection.CLOSED:
            self._is_orderly = False
            return []
        was_opening = self.state is Connection.OPENING
        self.state = states.CONNECTION[self.state][Input.CUT]
        code = "kcomm.unknown_target" if was_opening else "kcomm.session_lost"
        return self._finish(code, message, discards=True)

    # --- what goes out ---------------------------------------------------------------------------

    def next_packet(self, now: float) -> list[Buffer] | None:
        """Return the next packet to send, or None."""
        is_closed = self.state is Connection.CLOSED
        if self.is_over and not self.lingers:
            return None
        again = None if is_closed and not self._is_orderly else self._lanes.sending.take_again(now)
        if again is not None:
            return list(again)
        sending = self._lanes.sending
        upkeep = {"receives": not is_closed, "probes": self.is_open or self.lingers}
        if self._lanes.asks(now, **upkeep):
            return self._lanes.upkeep(now, **upkeep)
        batch = self._outbox.take(
            is_full=sending.is_full and not is_closed,
            # Parts of large messages leave a quarter of the window to others.
            is_crowded=sending.nbytes * 4 >= 3 * sending.window and not is_closed,
        )
        if not batch:
            return self._lanes.upkeep(now, **upkeep)
        packet = self._lanes.write(
            [message.body for message in batch],
            [attachment for message in batch for attachment in message.attachments],
            now,
            is_volatile=all(message.is_volatile for message in batch),
        )
        if batch[-1].kind is Kind.BYE:
            self._owes_bye = False
        return packet

    def deadline(self) -> float | None:
        """Return when `next_packet` is to be asked although nothing happened.

        Something is due then to be acknowledged, asked for, or sent again.
        """
        sending, receiving = self._lanes.sending, self._lanes.receiving
        if self.state is not Connection.CLOSED:
            # Before WELCOME nothing but HELLO is sent; whoever waits for it has a time-out of its own.
            probe = sending.probe_deadline if self.is_open else None
            due = [receiving.deadline, receiving.nack_deadline, sending.resend_deadline, probe]
        else:
            due = [sending.resend_deadline, sending.probe_deadline] if self.lingers else []
        return min((time for time in due if time is not None), default=None)

    @property
    def lingers(self) -> bool:
        """Whether the channel was ended here in order, and the other end may not know it yet.

        Its packets are still to be taken then, and `next_packet` to be asked.
        """
        return self._is_orderly and self._lanes.sending.waits_since is not None

    @property
    def is_over(self) -> bool:
        """Whether the channel has ended, and nothing is left to be said."""
        return self.state is Connection.CLOSED and not self._owes_bye

    @property
    def under_way(self) -> int:
        """Bytes of packets, volatile ones too, that may be under way."""
        return self._lanes.sending.nbytes

    @property
    def waiting(self) -> int:
        """Bytes of messages that wait to be sent."""
        return self._outbox.nbytes

    @property
    def waits_since(self) -> float | None:
        """Since when the other end has acknowledged nothing of what was sent; None if nothing waits."""
        return self._lanes.sending.waits_since

    @property
    def is_open(self) -> bool:
        """Whether the handshake is done and the channel has not ended."""
        return self.state is Connection.OPEN

    @property
    def is_writable(self) -> bool:
        """Whether there is room; where there is none, wait for the event `Writable`."""
        return self._outbox.nbytes + self._lanes.sending.nbytes < self._lanes.window

    @property
    def may_answer(self) -> bool:
        """Whether there is room for answers: calls that are held back wait for those of the other end."""
        taken = self._outbox.nbytes - self._outbox.held_nbytes + self._lanes.sending.nbytes
        return taken < self._lanes.window

    def wait_for_answer_room(self) -> bool:
        """Return whether there is room for answers; if not, the event `Writable` will tell."""
        self._was_full = self._was_full or not self.may_answer
        return self.may_answer

    def wait_for_room(self) -> bool:
        """Return whether there is room; if not, the event `Writable` will tell."""
        self._was_full = self._was_full or not self.is_writable
        return self.is_writable

    # --- receiving -------------------------------------------------------------------------------

    def _receive(self, buffers: Sequence[Buffer], now: float, happened: list[Event]) -> None:
        packet = packets.read(buffers, self.limits.packet, self.limits.depth)
        turn = self._lanes.take(packet, now)
        if self._was_full and self.may_answer:
            self._was_full = not self.is_writable
            happened.append(events.Writable())
        for each in turn:
            for message in each.messages:
                parsed = messages.parse(message)
                if parsed is None:
                    continue
                self._check_place(parsed[0], each)
                self._take(*parsed, now, happened)
                if self.state is Connection.CLOSED:
                    return

    def _receive_late(self, buffers: Sequence[Buffer], now: float) -> None:
        """Take what still comes after this end has said BYE: whether that arrived."""
        packet = packets.read(buffers, self.limits.packet, self.limits.depth)
        self._lanes.sending.acknowledge(packet.ack, now)
        for message in packet.messages:
            parsed = messages.parse(message)
            if parsed is not None and not self._lanes.take_message(parsed[0], parsed[2], now):
                self._is_orderly = self._is_orderly and parsed[0] is not Kind.BYE

    def _check_place(self, kind: Kind, packet: packets.Packet) -> None:
        """Check that the message may be in this packet."""
        if packet.seq == 0 and kind not in messages.VOLATILE:
            raise ProtocolError(f"{kind.name} came in a volatile packet")
        if len(packet.messages) > 1 and kind in messages.GREETINGS:
            raise ProtocolError(f"{kind.name} came with other messages")

    def _take(self, kind: Kind, id_: int, fields: list[Any], now: float, happened: list[Event]) -> None:
        if self._lanes.take_message(kind, fields, now):
            return
        self._advance(_RECEIVED.get(kind, Input.RECEIVE))
        try:
            values.check(fields, GREETING_DEPTH if kind in messages.GREETINGS else self.limits.depth)
        except BadValueError as error:
            happened += self._take_bad_value(kind, id_, fields, error)
            return
        if kind is Kind.PART:
            self._take_part(id_, fields, now, happened)
        else:
            happened += _TAKERS[kind](self, id_, *fields)

    def _take_bad_value(self, kind: Kind, id_: int, fields: list[Any], error: BadValueError) -> list[Event]:
        """Let a value that can't be read harm only what it belongs to."""
        if kind in (Kind.NEXT, Kind.END, Kind.ERROR):
            return self._made.take_bad_value(kind, id_, error)
        if kind is Kind.CALL:
            self._served.take_bad_value(id_, error)
        elif kind is Kind.EVENT:
            self._topics.count_received(fields[0], fields[1])
            self._writer.queue_error(0, error)
        else:
            raise ProtocolError(f"a value of {kind.name} can't be read: {error.message}")
        return []

    def _take_hello(self, id_: int, versions: list[Any], options: dict[str, Any]) -> list[Event]:
        self._use_limits(options)
        try:
            opened = greetings.read_hello(versions, options)
        except ProtocolError:
            raise
        except KcommError as error:
            return self._end(error.code, error.message)
        self._advance(Input.SEND_WELCOME)
        welcome = self._writer.encode(Kind.WELCOME, 0, *self._greeting.welcome())
        if welcome.nbytes > self._writer.max_message:
            message = "what this end offers does not fit into a packet of the other end"
            return self._end("kcomm.too_large", message)
        self._outbox.put(welcome)
        return [opened]

    def _take_welcome(self, id_: int, version: int, options: dict[str, Any]) -> list[Event]:
        self._use_limits(options)
        return [greetings.read_welcome(version, options)]

    def _take_error(self, id_: int, code: str, message: str, data: Any) -> list[Event]:
        if data is not None and not isinstance(data, dict):
            raise ProtocolError("the data of ERROR must be a map or nil")
        if id_ == 0:
            return [events.Reported(code, message)]
        return self._made.take_error(id_, code, message, data)

    def _take_event(self, id_: int, topic: str, index: int, value: Any) -> list[Event]:
        return [events.Emitted(topic, value, self._topics.count_received(topic, index))]

    def _take_part(self, id_: int, fields: list[Any], now: float, happened: list[Event]) -> None:
        if fields[0] == 0:
            self._served.announce(id_)
        message = self._assemblies.add(id_, *fields)
        if message is None:
            return
        parsed = messages.parse(message)
        if parsed is None:
            return
        if parsed[1] != id_:
            raise ProtocolError("a message has another id than its PARTs")
        if parsed[0] in messages.GREETINGS:
            raise ProtocolError(f"{parsed[0].name} came in parts")
        self._take(*parsed, now, happened)

    def _take_bye(self, id_: int, code: str, message: str) -> list[Event]:
        return self._finish(code, message, discards=True)

    # --- helpers ---------------------------------------------------------------------------------

    @property
    def _outbox(self) -> Outbox:
        return self._writer.outbox

    def _advance(self, input_: Input) -> None:
        try:
            self.state = states.CONNECTION[self.state][input_]
        except KeyError:
            raise ProtocolError(f"{input_.name} can't be in the state {self.state.name}") from None

    def _use_limits(self, options: dict[str, Any]) -> None:
        self._writer.use(greetings.read_limits(options))
        # Neither end keeps more than it would take: the smaller window holds for both directions.
        self._lanes.window = min(self.peer_limits.window, self.limits.window)
        self._outbox.max_event_bytes = self._lanes.window // 2

    def _check_open(self) -> None:
        if self.state is Connection.CLOSED:
            raise ChannelClosedError("the channel is closed: connect again")
        if self.state is not Connection.OPEN:
            raise ChannelClosedError("the channel is not open yet")

    def _end(self, code: str, message: str, *, discards: bool = False) -> list[Event]:
        """End the channel from this side.

        What waits is sent before BYE, unless the peers no longer agree.
        """
        self.state = states.CONNECTION[self.state][Input.SEND_BYE]
        happened = self._finish(code, message, discards=discards)
        self._writer.queue(Kind.BYE, 0, for_people(code), for_people(message))
        self._owes_bye = True
        return happened

    def _finish(self, code: str, message: str, *, discards: bool) -> list[Event]:
        """Fail what is open, and tell the end."""
        happened = self._made.close(code, message or code, discards=discards)
        happened += self._served.close()
        self._assemblies.clear()
        if discards:
            self._outbox.clear()
        return [*happened, events.Closed(code, message)]


_RECEIVED = {
    Kind.HELLO: Input.RECEIVE_HELLO,
    Kind.WELCOME: Input.RECEIVE_WELCOME,
    Kind.BYE: Input.RECEIVE_BYE,
}
#: What takes the fields of each kind.
_TAKERS: dict[Kind, Callable[..., list[Event]]] = {
    Kind.HELLO: Session._take_hello,
    Kind.WELCOME: Session._take_welcome,
    Kind.CALL: lambda session, *fields: session._served.take_call(*fields),
    Kind.NEXT: lambda session, *fields: session._made.take_next(*fields),
    Kind.END: lambda session, *fields: session._made.take_end(*fields),
    Kind.ERROR: Session._take_error,
    Kind.CANCEL: lambda session, *fields: session._served.take_cancel(*fields),
    Kind.CREDIT: lambda session, *fields: session._served.take_credit(*fields),
    Kind.EVENT: Session._take_event,
    Kind.BYE: Session._take_bye,
}
