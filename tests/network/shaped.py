"""A slow and distant link before a server: what goes through takes its time, and only so much goes through.

It works on bytes, so any protocol passes. What it leaves out is TCP's own slow start and loss recovery over
such a distance: each half is a connection within this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass

from tests.network.relay import Relay

#: Bytes that go on together: what a slow link is busy with while nothing else can pass.
CHUNK = 8192
#: Chunks of a connection that may be under way; more than any delay and rate of interest have.
_UNDER_WAY = 512
_END = b""


@dataclass(frozen=True)
class Conditions:
    """A link, the same in both directions.

    Attributes
    ----------
    rtt
        Seconds there and back, of which each direction has half.
    rate
        Bits a second.
    queue
        Bytes that wait at the link's entrance. A sender waits while it is full.
    """

    rtt: float = 0.080
    rate: float = 20e6
    queue: int = 200_000


#: A JupyterHub on another continent.
FAR = Conditions()
#: No link at all.
NEAR = Conditions(rtt=0.0, rate=float("inf"))


class Line:
    """One direction of a link: when what is sent arrives. First in, first out. No clock of its own.

    The delay does not limit the rate: as on a real link, what was sent is under way while more is sent.
    """

    def __init__(self, conditions: Conditions = FAR) -> None:
        self.conditions = conditions
        self._busy_until = 0.0

    def wait_for_room(self, now: float) -> float:
        """Return the seconds until the queue has room."""
        queue = self.conditions.queue * 8 / self.conditions.rate
        return max(0.0, self._busy_until - now - queue)

    def send(self, size: int, now: float) -> float:
        """Put bytes at the end of the queue, and return the time at which they arrive."""
        self._busy_until = max(now, self._busy_until) + size * 8 / self.conditions.rate
        return self._busy_until + self.conditions.rtt / 2


@dataclass
class Carried:
    """What went through a direction, and what is under way in it."""

    sent: int = 0
    arrived: int = 0
    #: Most bytes that were in the link at once.
    peak: int = 0

    def add(self, size: int) -> None:
        self.sent += size
        self.peak = max(self.peak, self.sent - self.arrived)


class _Direction:
    """A line, which all connections share as they would a street, and its figures."""

    def __init__(self, conditions: Conditions) -> None:
        self.line = Line(conditions)
        self.carried = Carried()
        self.turn = asyncio.Lock()


class ShapedLink(Relay):
    """A link of a given delay and rate before a server; see `Relay`.

    Parameters
    ----------
    target
        The server's address.
    conditions
        What the link is like; may be changed while it runs.

    Examples
    --------
    >>> with ShapedLink(server.url, NEAR) as link:
    ...     page.goto(link.url)
    ...     link.conditions = FAR
    """

    # What waits in the relay's own buffers is in no queue of the link.
    receive_buffer = 1 << 15

    def __init__(self, target: str, conditions: Conditions = FAR) -> None:
        super().__init__(target)
        self._up = _Direction(conditions)
        self._down = _Direction(conditions)

    @property
    def conditions(self) -> Conditions:
        """What the link is like from now on."""
        return self._up.line.conditions

    @conditions.setter
    def conditions(self, conditions: Conditions) -> None:
        self._up.line.conditions = self._down.line.conditions = conditions

    @property
    def to_server(self) -> Carried:
        """What went from pages to the server."""
        return self._up.carried

    @property
    def to_page(self) -> Carried:
        """What went from the server to pages."""
        return self._down.carried

    async def serve(self, client: socket.socket) -> None:
        with client, await self.connect() as server:
            pumps = self._pump(client, server, self._up), self._pump(server, client, self._down)
            tasks = [self.spawn(pump) for pump in pumps]
            try:
                await asyncio.wait(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                # A socket must not be closed under a task that reads it.
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, source: socket.socket, sink: socket.socket, direction: _Direction) -> None:
        """Carry the bytes of a connection in one direction, and its end."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_UNDER_WAY)
        arriving = self.spawn(self._arrive(under_way, sink, direction))
        try:
            arrival, data = 0.0, b"?"
            while data and not arriving.done():
                data = await self._read(source)
                async with direction.turn:
                    await asyncio.sleep(direction.line.wait_for_room(self._loop.time()))
                    # A link that was made faster overtakes nothing.
                    arrival = max(arrival, direction.line.send(len(data), self._loop.time()))
                direction.carried.add(len(data))
                await under_way.put((arrival, data))
            await arriving
        finally:
            arriving.cancel()

    async def _read(self, source: socket.socket) -> bytes:
        try:
            return await self._loop.sock_recv(source, CHUNK)
        except OSError:
            return _END  # Reset: for the other end it ends.

    async def _arrive(
        self, under_way: asyncio.Queue[tuple[float, bytes]], sink: socket.socket, direction: _Direction
    ) -> None:
        data = b"?"
        is_open = True
        while data:
            arrival, data = await under_way.get()
            await asyncio.sleep(max(0.0, arrival - self._loop.time()))
            direction.carried.arrived += len(data)
            try:
                if data and is_open:
                    await self._loop.sock_sendall(sink, data)
            except OSError:
                is_open = False  # Nobody is there any more: the rest of it arrives nowhere.
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
