"""What people hold: call, stream, emit, handle, on, close."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Literal, TypeVar, overload

from kcomm import errors
from kcomm.errors import WouldBlockError
from kcomm.handlers import Handler, Place, Thread
from kcomm.peer import Peer
from kcomm.protocol import Limits, Session
from kcomm.runtime import Worker, make_way
from kcomm.serving import Registry
from kcomm.stream import Stream
from kcomm.transport.base import Transport
from kcomm.window import AdaptiveWindow

C = TypeVar("C", bound="Channel")
F = TypeVar("F", bound=Callable[..., Any])

#: Seconds a call waits for its answer unless it says otherwise.
DEFAULT_TIMEOUT = 30.0
DEFAULT_WINDOW = 16
_numbers = itertools.count(1)


class Call:
    """The answer of a call that is under way: await it, or block for it.

    Examples
    --------
    >>> answer = await channel.call("confirm", "ready?")  # doctest: +SKIP
    >>> answer = channel.call("confirm", "ready?").result()  # doctest: +SKIP
    """

    def __init__(self, future: Future[Any], channel: Channel) -> None:
        self._future = future
        self._channel = channel

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait on any loop; cancelling the wait gives the call up."""
        return asyncio.wrap_future(self._future).__await__()

    def result(self, timeout: float | None = None) -> Any:
        """Block until the answer is here.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait; the call goes on if they pass. The call's own timeout holds anyway.

        Raises
        ------
        WouldBlockError
            When the answer can only come through the thread that would wait.
        TimeoutError
            When `timeout` passed.
        """
        self._channel._prepare_to_block()
        try:
            return self._future.result(timeout)
        except FutureTimeoutError as error:
            if self._future.done():
                raise
            raise errors.CallTimeoutError(f"no answer within {timeout} s; the call goes on") from error

    def cancel(self) -> bool:
        """Give the call up; return whether it was still under way."""
        return not self._future.done() and self._future.cancel()

    def done(self) -> bool:
        """Return whether the answer is here."""
        return self._future.done()


class Channel:
    """One connection between a front end and the kernel, from either end.

    Channels are made by `Target` (one for each page that connects) and by `connect`.
    All methods may be used from any thread.
    """

    def __init__(self, peer: Peer, worker: Worker, parent: Registry | None) -> None:
        self.id = next(_numbers)
        self._peer = peer
        self._worker = worker
        self._parent = parent
        self._methods: dict[str, Handler] = {}
        self._topics: dict[str, Handler] = {}
        peer.serving.use(self, self)

    @classmethod
    def opening(
        cls: type[C],
        transport: Transport,
        *,
        params: Mapping[str, Any],
        limits: Limits | None = None,
        features: Mapping[str, Any] | None = None,
    ) -> C:
        """Return the channel of an end that opens the connection."""
        worker = Worker("kcomm-channel")
        session = Session("opener", params=params, limits=limits, features=features)
        # Whoever connects registers its handlers after that: what the kernel asks meanwhile waits for them.
        peer = Peer(session, transport, Place(worker), grace=2.0)
        peer.on_closed = worker.close
        return cls(peer, worker, None)

    @property
    def params(self) -> dict[str, Any]:
        """What the front end asked of the target when it connected."""
        return self._peer.opened.result().params if self._peer.opened.done() else {}

    @property
    def features(self) -> dict[str, Any]:
        """What the other end offers."""
        return self._peer.opened.result().features if self._peer.opened.done() else {}

    @property
    def epoch(self) -> str:
        """What tells one run of the kernel from the next; empty at the kernel's end."""
        return self._peer.opened.result().epoch if self._peer.opened.done() else ""

    @property
    def is_closed(self) -> bool:
        """Whether the channel has ended."""
        return self._peer.closed.done()

    def wait_open(self, timeout: float | None = DEFAULT_TIMEOUT) -> None:
        """Block until the other end has answered.

        Raises
        ------
        KcommError
            When it refused, or did not answer in time.
        """
        self._prepare_to_block()
        try:
            self._peer.opened.result(timeout)
        except FutureTimeoutError:
            if self._peer.opened.done():
                raise
            self.close()
            raise errors.CallTimeoutError(f"the channel did not open within {timeout} s") from None

    def call(self, method: str, *args: Any, timeout: float | None = DEFAULT_TIMEOUT) -> Call:
        """Call a method of the other end.

        Parameters
        ----------
        method : str
            Its name.
        *args
            Its arguments.
        timeout : float or None, default 30
            Seconds after which the call is given up; None: never.

        Returns
        -------
        Call
            To be awaited, or asked for its `result`.

        Raises
        ------
        BadValueError
            When an argument can't be sent.
        ChannelClosedError
            When the channel has ended.

        Examples
        --------
        >>> await channel.call("confirm", "ready?", timeout=5)  # doctest: +SKIP
        True
        """
        options = {} if timeout is None else {"timeout": round(timeout * 1000)}
        id_, future = self._peer.call(method, args, options)
        if timeout is not None:
            self._set_timeout(method, id_, future, timeout)
        return Call(future, self)

    def stream(
        self, method: str, *args: Any, window: int | Literal["auto", "fresh"] = DEFAULT_WINDOW
    ) -> Stream:
        """Call a stream of the other end.

        Parameters
        ----------
        method : str
            Its name.
        *args
            Its arguments.
        window : int, "auto" or "fresh", default 16
            Items that may be under way. The other end makes no item that nobody asked for.
            ``"auto"`` follows the delay and the rate of the link: as few as keep the loop busy.
            ``"fresh"`` does, too, but rather lets the loop wait than an item, as for a camera.

        Returns
        -------
        Stream
            An iterator, plain and async; leaving its loop cancels the stream at the other end.

        Examples
        --------
        >>> async for i in channel.stream("ticks", 5):  # doctest: +SKIP
        ...     print(i)
        """
        adaptive: AdaptiveWindow | None = None
        if window in ("auto", "fresh"):
            adaptive = AdaptiveWindow(time.monotonic(), is_fresh=window == "fresh")
        limit = adaptive.limit if adaptive is not None else window
        if not isinstance(limit, int) or limit < 1:
            text = 'a number of items, "auto" or "fresh"'
            raise ValueError(f"the window must be at least 1, not {window!r}: {text}")
        stream = Stream(self._peer, self._prepare_to_block, adaptive)
        stream._start(self._peer.call_stream(method, args, limit, stream._consumer))
        return stream

    def emit(self, topic: str, value: Any = None, *, latest: bool = False) -> None:
        """Send an event: no answer, no wait.

        Parameters
        ----------
        topic : str
            What the other end listens for.
        value : object
            What it is told.
        latest : bool, default False
            Whether only the newest value counts: one that still waits to be sent is replaced. Otherwise up to
            1 000 wait, of at most half a window's bytes (16 MiB), and the other end is told of how many older
            ones were dropped.
        """
        self._peer.emit(topic, value, latest=latest)

    @overload
    def handle(self, name: str, function: F, *, thread: Thread = "worker") -> F: ...
    @overload
    def handle(self, name: str, *, thread: Thread = "worker") -> Callable[[F], F]: ...
    def handle(self, name: str, function: Any = None, *, thread: Thread = "worker") -> Any:
        """Answer the other end's calls of a method on this channel; also as a decorator."""
        return self._register(self._methods, name, function, thread=thread)

    def handle_stream(self, name: str, function: Any = None, *, volatile: bool = False) -> Any:
        """Answer the other end's calls of a stream on this channel; also as a decorator."""
        return self._register(self._methods, name, function, is_stream=True, is_volatile=volatile)

    def on(self, topic: str, function: Any = None, *, thread: Thread = "worker") -> Any:
        """Handle events of a topic on this channel; also as a decorator."""
        return self._register(self._topics, topic, function, thread=thread)

    def close(self) -> None:
        """End the channel in order; what was sent before arrives before."""
        self._peer.close()

    def find_method(self, name: str) -> Handler | None:
        """Return the handler of a method, the channel's own or its target's."""
        return self._methods.get(name) or (self._parent.find_method(name) if self._parent else None)

    def find_topic(self, name: str) -> Handler | None:
        """Return the handler of a topic, the channel's own or its target's."""
        return self._topics.get(name) or (self._parent.find_topic(name) if self._parent else None)

    def _register(self, table: dict[str, Handler], name: str, function: Any, **options: Any) -> Any:
        if function is None:
            return lambda decorated: self._register(table, name, decorated, **options)
        table[name] = Handler(function, name, **options)
        self._peer.serving.retry_deferred()
        return function

    def _set_timeout(self, method: str, id_: int, future: Future[Any], timeout: float) -> None:
        def give_up() -> None:
            if future.set_running_or_notify_cancel() if not future.done() else False:
                self._peer.cancel(id_, "timeout")
                text = f"{method!r} gave no answer within {timeout} s: allow it more with timeout="
                future.set_exception(errors.CallTimeoutError(text))

        runtime = self._peer.runtime

        def start() -> None:
            timer = runtime.loop.call_later(timeout, give_up)
            future.add_done_callback(lambda _: runtime.call_soon(timer.cancel))

        runtime.call_soon(start)

    def _prepare_to_block(self) -> None:
        if self._peer.runtime.is_current:
            raise WouldBlockError(
                "an async handler must not block kcomm's loop: write `await` instead of .result()"
            )
        if threading.get_ident() == self._peer.transport.receiving_thread:
            raise WouldBlockError(
                "the answer comes through this very thread, which would wait for it: "
                "write `await` instead of .result(), "
                "or use a front end with subshells (JupyterLab 4.4 with ipykernel 7)"
            )
        make_way()

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else "open" if self._peer.opened.done() else "opening"
        return f"<kcomm.Channel {self.id} ({state})>"


class BlockingChannel(Channel):
    """A channel whose calls return their values: for scripts, which wait anyway.

    Examples
    --------
    >>> with kcomm.connect(kernel_client, "calc") as channel:  # doctest: +SKIP
    ...     channel.call("add", 2, 3)
    5.0
    """

    def call(self, method: str, *args: Any, timeout: float | None = DEFAULT_TIMEOUT) -> Any:
        """Call a method of the other end and return its answer; see `Channel.call`."""
        call = super().call(method, *args, timeout=timeout)
        try:
            return call.result()
        except KeyboardInterrupt:
            call.cancel()  # nobody holds it any more
            raise

    def __enter__(self) -> BlockingChannel:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
