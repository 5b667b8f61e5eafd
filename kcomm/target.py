"""Comm targets: what a kernel offers to the pages that connect to it."""

from __future__ import annotations

import contextlib
import contextvars
import secrets
import threading
from collections.abc import Callable
from typing import Any, TypeVar, overload

from kcomm.channel import Channel
from kcomm.errors import ChannelClosedError
from kcomm.handlers import Handler, Place, Thread
from kcomm.peer import Peer
from kcomm.protocol import Limits, Session, values
from kcomm.protocol.writer import GREETING_DEPTH
from kcomm.runtime import Worker
from kcomm.transport.base import Transport, get_host
from kcomm.transport.subshells import Origin, get_origin, subshells

F = TypeVar("F", bound=Callable[..., Any])

#: Tells one run of this process from the next.
EPOCH = secrets.token_hex(8)

_targets: dict[tuple[int, str], Target] = {}
_targets_lock = threading.Lock()


class Target:
    """A comm target with typed methods, streams and events.

    Parameters
    ----------
    name : str
        What front ends connect to. A target of the same name is replaced: its channels are closed.
    limits : Limits, optional
        What it accepts.
    features : dict, optional
        What its pages are told that it offers.

    Raises
    ------
    NoKernelError
        When this process runs no Jupyter kernel.
    BadValueError
        When the features can't be sent.

    Notes
    -----
    ``async`` handlers run on kcomm's own loop, which never waits for a cell; plain functions on a worker
    thread, one after the other; those with ``thread="main"`` on the main thread, when no cell computes there.
    What a handler prints appears under the cell that made the target. A parameter annotated `Channel` is
    given the channel of the caller, and one annotated `Flow` tells a stream's handler how many items were
    granted. An ``async`` handler that computes for long holds up all others: make it a plain one.

    A plain handler that never returns holds up the other plain ones of its target, and no others.
    A target is served until it is closed or replaced, whether somebody holds it or not.

    Examples
    --------
    >>> target = kcomm.Target("calc")  # doctest: +SKIP
    >>> @target.method  # doctest: +SKIP
    ... def add(a: float, b: float) -> float:
    ...     return a + b
    """

    def __init__(
        self, name: str, *, limits: Limits | None = None, features: dict[str, Any] | None = None
    ) -> None:
        if not name:
            raise ValueError("the name of a target must not be empty")
        self.name = name
        self._limits = limits or Limits()
        self._features = dict(features or {})
        # What can't be sent fails here, not when a page connects.
        values.encode([self._features], GREETING_DEPTH)
        self._host = get_host()
        self._context = contextvars.copy_context()
        self._worker = Worker(f"kcomm-{name}")
        self._methods: dict[str, Handler] = {}
        self._topics: dict[str, Handler] = {}
        self._on_open: list[Handler] = []
        self._on_close: list[Handler] = []
        self._channels: list[Channel] = []
        self._is_closed = False
        key = (id(getattr(self._host, "_manager", self._host)), name)
        with _targets_lock:
            self._host.register(name, self._accept)
            replaced = _targets.pop(key, None)
            _targets[key] = self
            self._key = key
        if replaced is not None:
            replaced._end("the target was replaced by a new one of its name")

    # --- handlers --------------------------------------------------------------------------------

    @overload
    def method(self, function: F) -> F: ...
    @overload
    def method(self, *, name: str | None = None, thread: Thread = "worker") -> Callable[[F], F]: ...
    @overload
    def method(self, function: F, *, name: str | None = None, thread: Thread = "worker") -> F: ...
    def method(self, function: Any = None, *, name: str | None = None, thread: Thread = "worker") -> Any:
        """Offer a function to pages, as a decorator.

        Parameters
        ----------
        function : callable
            Plain or ``async``. The annotations of its parameters are checked.
        name : str, optional
            What pages call it; by default its own name.
        thread : {"worker", "main"}
            "main" for what belongs to the main thread or its loop; it waits until no cell computes there.
        """
        return self._register(self._methods, function, name, thread=thread)

    def stream(
        self,
        function: Any = None,
        *,
        name: str | None = None,
        thread: Thread = "worker",
        volatile: bool = False,
    ) -> Any:
        """Offer a generator to pages, as a decorator.

        Parameters
        ----------
        function : callable
            A plain or ``async`` generator function, or a function that returns an iterable. It is advanced
            only when the page has room for the next item, and closed when the page leaves.
        name : str, optional
            What pages call it; by default its own name.
        thread : {"worker", "main"}
            Where a plain generator runs.
        volatile : bool, default False
            Whether items may be lost on a bad connection (frames of a live picture), rather than sent again.
        """
        return self._register(
            self._methods, function, name, thread=thread, is_stream=True, is_volatile=volatile
        )

    def on(self, topic: str, function: Any = None, *, thread: Thread = "worker") -> Any:
        """Handle the events that pages emit on a topic; also as a decorator."""
        if function is None:
            return lambda decorated: self.on(topic, decorated, thread=thread)
        return self._register(self._topics, function, topic, thread=thread)

    def on_open(self, function: F) -> F:
        """Call a function with each channel that opens, as a decorator."""
        self._on_open.append(Handler(function, _name_of(function)))
        return function

    def on_close(self, function: F) -> F:
        """Call a function with each channel that has ended, as a decorator."""
        self._on_close.append(Handler(function, _name_of(function)))
        return function

    # --- use ---------------------------------------------------------------------------------------

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that are open."""
        return tuple(self._channels)

    def emit(self, topic: str, value: Any = None, *, latest: bool = False) -> None:
        """Send an event to every page that is connected; see `Channel.emit`."""
        for channel in self.channels:
            # One that has just been closed harms none of the others.
            with contextlib.suppress(ChannelClosedError):
                channel.emit(topic, value, latest=latest)

    def close(self) -> None:
        """Serve the target no longer, and close its channels."""
        if self._is_closed:
            return
        with _targets_lock:
            if _targets.get(self._key) is self:
                del _targets[self._key]
                self._host.unregister(self.name)
        self._end("the target was closed")

    def find_method(self, name: str) -> Handler | None:
        """Return the handler of a method or stream."""
        return self._methods.get(name)

    def find_topic(self, name: str) -> Handler | None:
        """Return the handler of a topic."""
        return self._topics.get(name)

    def _end(self, reason: str) -> None:
        self._is_closed = True
        for channel in self.channels:
            channel._peer.close(message=reason)
        self._worker.close()

    def _register(self, table: dict[str, Handler], function: Any, name: str | None, **options: Any) -> Any:
        if function is None:
            return lambda decorated: self._register(table, decorated, name, **options)
        if not callable(function):
            raise TypeError(f"a handler must be callable, not {function!r}")
        name = name or _name_of(function)
        table[name] = Handler(function, name, **options)
        return function

    def _accept(self, transport: Transport) -> Peer:
        """Make the peer of a front end that connects."""
        session = Session(
            "acceptor",
            limits=self._limits,
            features=self._features,
            epoch=EPOCH,
            stale_subshells=subshells.stale(),
        )
        peer = Peer(session, transport, Place(self._worker, self._context))
        channel = Channel(peer, self._worker, self)
        origin = get_origin()

        def give_up() -> None:
            peer.cut("the page was closed")
            peer.runtime.call_soon(transport.close, None)

        def take_closed() -> None:
            subshells.leave(origin, give_up, peer.closed.result().code)
            self._take_closed(channel)

        peer.on_opened = lambda: self._take_opened(channel, origin)
        peer.on_closed = take_closed
        subshells.enter(origin, give_up)
        return peer

    def _take_opened(self, channel: Channel, origin: Origin) -> None:
        left = channel.features.get("left")
        if isinstance(left, list):
            subshells.abandon(item for item in left if isinstance(item, str) and item != origin.session)
        if self._is_closed:  # while this one was on its way
            channel._peer.close(message="the target was closed")
            return
        self._channels.append(channel)
        for handler in self._on_open:
            channel._peer.serving.run_handler(handler)

    def _take_closed(self, channel: Channel) -> None:
        if channel in self._channels:
            self._channels.remove(channel)
            for handler in self._on_close:
                channel._peer.serving.run_handler(handler)

    def __repr__(self) -> str:
        return f"<kcomm.Target {self.name!r}: {len(self._channels)} channels>"


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    if name == "<lambda>":
        raise TypeError("a lambda has no name: pass name=...")
    return str(name)
