"""A TCP server in a thread of its own that stands before another server and passes connections on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
#: Seconds for what another thread asks of the loop: it only starts, stops and switches.
PATIENCE = 10.0


class Relay(ABC):
    """Listens on a port of this machine while its ``with`` block runs; subclasses say how it passes on.

    Parameters
    ----------
    target
        The address of the server behind it: ``"http://127.0.0.1:8888"``.

    Attributes
    ----------
    url
        The address to use instead of the target's.
    """

    #: Bytes that the kernel may keep for a connection before it is read; None: its own choice.
    receive_buffer: int | None = None

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        if parts.hostname is None or parts.port is None:
            raise ValueError(f"the target needs a host and a port: {target!r}")
        self.url = ""
        self._target = (parts.hostname, parts.port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None

    def __enter__(self):
        self._thread.start()
        self.ask(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.ask(self._end())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
            self._loop.close()

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the relay's loop, from another thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def do(self, work: Callable[[], T]) -> T:
        """Run a function on the relay's loop, from another thread."""

        async def run() -> T:
            return work()

        return self.ask(run())

    @abstractmethod
    async def serve(self, client: socket.socket) -> None:
        """Serve one connection until it ends, and close its socket."""

    async def connect(self) -> socket.socket:
        """Connect to the server behind."""
        server = socket.socket()
        server.setblocking(False)
        self._set_up(server)
        try:
            await self._loop.sock_connect(server, self._target)
        except OSError:
            server.close()
            raise
        return server

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine until it is done or the relay ends."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _listen(self) -> None:
        listener = socket.socket()
        listener.setblocking(False)
        self._set_up(listener)  # What is accepted inherits it.
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        self._listener = listener
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.spawn(self._accept(listener))

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = await self._loop.sock_accept(listener)
            client.setblocking(False)
            self.spawn(self._serve(client))

    async def _serve(self, client: socket.socket) -> None:
        # A peer that vanishes is what networks do; the other end learns of it by its own connection.
        with contextlib.suppress(OSError):
            await self.serve(client)

    async def _end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # Transports close their sockets a turn later.
        if self._listener is not None:
            self._listener.close()

    def _set_up(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
