"""A bad network before a Jupyter server: messages get lost, come twice or out of order, connections break.

Bytes are passed on as they came, so HTTP, authentication and framing stay the server's and the page's own;
only the websockets of kernels are read, message by message.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.network.faults import NONE, Counts, Faults, FaultyPath
from tests.network.frames import WireMessage, read_messages
from tests.network.messages import message_type
from tests.network.relay import Relay

_CHANNELS = re.compile(rb"GET \S*/api/kernels/[^/\s]+/channels[?\s]")
_EXTENSIONS = re.compile(rb"(?im)^sec-websocket-extensions:.*\r\n")
_SUBPROTOCOL = re.compile(rb"(?im)^sec-websocket-protocol:[ \t]*(\S+)\r$")
#: Seconds that a message is held back for later ones at most.
_HOLD = 0.1
_CHUNK = 1 << 16
#: SO_LINGER for closing without an orderly end: on, for 0 seconds.
_AT_ONCE = struct.pack("ii", 1, 0)

_Pump = Coroutine[Any, Any, None]


@dataclass
class Traffic:
    """What was done to comm messages on their way to the kernel and to the page, and to connections."""

    to_kernel: Counts = field(default_factory=Counts)
    to_page: Counts = field(default_factory=Counts)
    #: Connections of kernels' websockets that were made, that were cut, and connections that were refused.
    opened: int = 0
    cut: int = 0
    refused: int = 0
    #: Messages that the server sent into a connection that was cut without its knowledge.
    vanished: int = 0


@dataclass(eq=False)
class _Half:
    """A connection as streams: to the page, or to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """Break it, as a path breaks: no orderly end."""
        sock = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.writer.transport.abort()


@dataclass(eq=False)
class _Link:
    """A connection through the proxy."""

    page: _Half
    server: _Half
    is_websocket: bool
    #: Whether the page's half was cut, and the server's goes on for nobody.
    is_cut: bool = False


class FaultyProxy(Relay):
    """A proxy before a Jupyter server; see `Relay`.

    Parameters
    ----------
    target
        The server's address.
    seed
        Chooses which messages suffer.
    faults
        What to begin with; by default nothing, so that a page can load and open its channels in peace.
    types
        The types of kernel messages that may suffer. JupyterLab's own could not bear it.

    Attributes
    ----------
    traffic
        What was done so far.

    Examples
    --------
    >>> with FaultyProxy(server.url, seed=1) as proxy:
    ...     page.goto(proxy.url)
    ...     proxy.faults = Faults(drop=0.1)
    ...     with proxy.outage():
    ...         page.wait_for_timeout(1000)
    """

    def __init__(
        self,
        target: str,
        *,
        seed: int = 0,
        faults: Faults = NONE,
        types: frozenset[str] = frozenset({"comm_msg"}),
    ) -> None:
        super().__init__(target)
        self.traffic = Traffic()
        self._seed = seed
        self._types = types
        self._faults = faults
        self._links: set[_Link] = set()
        self._is_out = False
        self._moves = asyncio.Event()

    def __enter__(self) -> FaultyProxy:
        super().__enter__()
        self.do(self._moves.set)
        return self

    @property
    def faults(self) -> Faults:
        """What messages suffer from now on."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults

    @contextlib.contextmanager
    def outage(self, *, is_silent: bool = False) -> Iterator[None]:
        """Cut all connections, and refuse new ones until the block ends.

        Parameters
        ----------
        is_silent
            The server is not told: what it sends to kernels' websockets vanishes, as where a laptop changes
            its network.
        """
        self.do(lambda: self._cut(is_silent))
        try:
            yield
        finally:
            self._is_out = False

    @contextlib.contextmanager
    def hang(self) -> Iterator[None]:
        """Keep all connections, and move nothing until the block ends."""
        self.do(self._moves.clear)
        try:
            yield
        finally:
            self.do(self._moves.set)

    async def serve(self, client: socket.socket) -> None:
        page = _Half(*await asyncio.open_connection(sock=client))
        try:
            if not self._is_out:
                head = await _read_head(page.reader)
                await self._moves.wait()
            if self._is_out:
                self.traffic.refused += 1
                page.reset()
            elif head is not None:
                server = _Half(*await asyncio.open_connection(sock=await self.connect()))
                await self._relay(_Link(page, server, _CHANNELS.match(head) is not None), head)
        finally:
            page.writer.close()

    async def _relay(self, link: _Link, head: bytes) -> None:
        page, server = link.page, link.server
        self._links.add(link)
        try:
            # An extension could compress messages.
            server.writer.write(_EXTENSIONS.sub(b"", head) if link.is_websocket else head)
            answer = await _read_head(server.reader) if link.is_websocket else b""
            if answer is None:
                return
            page.writer.write(answer)
            if answer.startswith(b"HTTP/1.1 101"):
                up, down = self._message_pumps(link, answer)
            else:
                up, down = self._pump(page, server), self._pump(server, page)
            await _until_either_ends(link, self.spawn(up), self.spawn(down))
        finally:
            self._links.discard(link)
            server.writer.close()

    async def _pump(self, source: _Half, sink: _Half) -> None:
        with contextlib.suppress(OSError):
            while data := await source.reader.read(_CHUNK):
                await self._moves.wait()
                sink.writer.write(data)
                await sink.writer.drain()

    def _message_pumps(self, link: _Link, answer: bytes) -> tuple[_Pump, _Pump]:
        self.traffic.opened += 1
        found = _SUBPROTOCOL.search(answer)
        subprotocol = found[1].decode() if found else ""
        name = f"{self._seed}/{self.traffic.opened}"
        up = FaultyPath[WireMessage](f"{name}/up", self.traffic.to_kernel)
        down = FaultyPath[WireMessage](f"{name}/down", self.traffic.to_page)
        return (
            self._pump_messages(link, up, link.page.reader, link.server.writer, subprotocol),
            self._pump_messages(link, down, link.server.reader, link.page.writer, subprotocol),
        )

    async def _pump_messages(
        self,
        link: _Link,
        path: FaultyPath[WireMessage],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        subprotocol: str,
    ) -> None:
        holding: asyncio.Task[None] | None = None
        with contextlib.suppress(OSError):
            async for message in read_messages(reader):
                await self._moves.wait()
                if link.is_cut:
                    self.traffic.vanished += not message.is_control
                    continue
                if not self._may_suffer(message, subprotocol):
                    writer.write(message.data)
                else:
                    wait, passed = path.take(message, self._faults)
                    if wait:
                        await asyncio.sleep(wait)
                    writer.writelines([each.data for each in passed])
                if path.is_holding and (holding is None or holding.done()):
                    holding = self.spawn(self._release(link, path, writer))
                await writer.drain()

    async def _release(
        self, link: _Link, path: FaultyPath[WireMessage], writer: asyncio.StreamWriter
    ) -> None:
        await asyncio.sleep(_HOLD)
        await self._moves.wait()
        if not link.is_cut and not writer.is_closing():
            writer.writelines([message.data for message in path.release()])

    def _may_suffer(self, message: WireMessage, subprotocol: str) -> bool:
        if message.is_control:
            return False
        kind = message_type(message.payload, is_text=message.is_text, subprotocol=subprotocol)
        return kind in self._types

    def _cut(self, is_silent: bool) -> None:
        self._is_out = True
        for link in list(self._links):
            self.traffic.cut += link.is_websocket
            link.is_cut = is_silent and link.is_websocket
            link.page.reset()
            if not link.is_cut:
                link.server.reset()


async def _until_either_ends(link: _Link, up: asyncio.Task[None], down: asyncio.Task[None]) -> None:
    """Wait until one direction ends, and with it all; if the server was not told, until it ends it."""
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if link.is_cut:
            await down
    finally:
        up.cancel()
        down.cancel()


async def _read_head(reader: asyncio.StreamReader) -> bytes | None:
    """Read the first lines of HTTP, up to the empty one."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, OSError):
        return None
