"""A host and a transport within one process, for tests of what is above them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from kcomm.errors import UnknownTargetError
from kcomm.protocol.values import Buffer
from kcomm.runtime import get_runtime
from kcomm.transport.base import Acceptor, Receiver, restore_host, use_host


class MemoryTransport:
    """One end of a link in memory; what it sends arrives in a later turn of the loop."""

    receiving_thread: int | None = None

    def __init__(self) -> None:
        self.other: Receiver | None = None

    def when_reading(self, callback: Callable[[], object]) -> None:
        """Call back at once: nothing keeps packets from being read."""
        callback()

    def send(self, packet: Sequence[Buffer]) -> None:
        """Send a packet."""
        if self.other is not None:
            get_runtime().call_soon(self.other.receive, [bytes(buffer) for buffer in packet])

    def close(self, packet: Sequence[Buffer] | None) -> None:
        """Send the last packet and end."""
        other = self.other
        if packet:
            self.send(packet)
        if other is not None:
            get_runtime().call_soon(other.cut, "the other end closed the link")
        self.other = None


class MemoryHost:
    """Serves targets to channels of the same process.

    Examples
    --------
    >>> import kcomm
    >>> with MemoryHost() as host:
    ...     target = kcomm.Target("calc")
    ...     _ = target.method(lambda a, b: a + b, name="add")
    ...     channel = host.connect("calc")
    ...     channel.call("add", 2, 3).result(timeout=5)
    5
    """

    def __init__(self) -> None:
        self._acceptors: dict[str, Acceptor] = {}

    def __enter__(self) -> MemoryHost:
        self._token = use_host(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        restore_host(self._token)

    def register(self, name: str, acceptor: Acceptor) -> None:
        """Serve a target."""
        self._acceptors[name] = acceptor

    def unregister(self, name: str) -> None:
        """Serve it no longer."""
        self._acceptors.pop(name, None)

    def connect(
        self, name: str, params: Mapping[str, Any] | None = None, features: Mapping[str, Any] | None = None
    ) -> Any:
        """Open a channel to a target, as a page would; return its open `Channel`."""
        from kcomm.channel import Channel

        if name not in self._acceptors:
            raise UnknownTargetError(f"no target is named {name!r}")
        here, there = MemoryTransport(), MemoryTransport()
        channel = Channel.opening(here, params=params or {}, features=features)
        there.other = channel._peer
        here.other = self._acceptors[name](there)
        channel._peer.open()
        channel.wait_open(timeout=5)
        return channel
