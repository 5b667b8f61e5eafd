"""What a transport is, and where targets are registered."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from typing import Protocol

from kcomm.protocol.values import Buffer


class Transport(Protocol):
    """Carries the packets of one channel. Its methods are called on kcomm's loop."""

    @property
    def receiving_thread(self) -> int | None:
        """The thread that packets arrive on, where it is one that user code could block."""

    def when_reading(self, callback: Callable[[], object]) -> None:
        """Call back, on any thread, once what the other end has sent can be read.

        A kernel without subshells reads nothing while it runs a cell.
        """

    def send(self, packet: Sequence[Buffer]) -> None:
        """Send a packet."""

    def close(self, packet: Sequence[Buffer] | None) -> None:
        """Send the last packet, if there is one, and end."""


class Receiver(Protocol):
    """Takes what a transport brings, on any thread."""

    def receive(self, packet: Sequence[Buffer]) -> None:
        """Take a packet."""

    def cut(self, message: str) -> None:
        """Take note that nothing comes any more."""


#: Makes the receiver of a channel that the other end opened.
Acceptor = Callable[[Transport], Receiver]


class Host(Protocol):
    """Where targets are registered: a kernel, or a test."""

    def register(self, name: str, acceptor: Acceptor) -> None:
        """Serve a target."""

    def unregister(self, name: str) -> None:
        """Serve it no longer."""


_host: contextvars.ContextVar[Host | None] = contextvars.ContextVar("kcomm_host", default=None)


def get_host() -> Host:
    """Return where new targets register: the kernel, unless `use_host` said otherwise."""
    host = _host.get()
    if host is None:
        from kcomm.transport.comm import KernelHost

        host = KernelHost()
    return host


def use_host(host: Host) -> contextvars.Token[Host | None]:
    """Let the targets made in this context register elsewhere; return the token for `restore_host`."""
    return _host.set(host)


def restore_host(token: contextvars.Token[Host | None]) -> None:
    """Undo `use_host`."""
    _host.reset(token)
