"""Front ends that speak the protocol by hand, and may misbehave: they read when the test says so."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import zmq
from jupyter_client.blocking.client import BlockingKernelClient

from kcomm.protocol import Limits, Session, events, values
from kcomm.protocol.messages import Kind

from .conftest import TIMEOUT, Kernel

#: Messages of a kernel that this process takes off the wire unread.
RECEIVE_BOUND = 2


@dataclass
class Seen:
    """A packet that came: its size, and the kinds and ids of its messages."""

    nbytes: int
    messages: list[tuple[Kind, int]]


@dataclass
class Page:
    """One comm of a front end."""

    session: Session
    comm_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    happened: list[events.Event] = field(default_factory=list)
    received: list[Seen] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    is_open: bool = False

    def of(self, kind: type[Any]) -> list[Any]:
        """Return the events of a type that came so far."""
        return [event for event in self.happened if isinstance(event, kind)]


class FrontEnd:
    """Sockets to a kernel, for any number of comms; nothing is read but in `read` and `until`."""

    def __init__(self, kernel: Kernel) -> None:
        info = kernel.client.get_connection_info(session=False)
        # Its own context: what waits in this process is bounded by two messages.
        self._context = zmq.Context()
        self._context.rcvhwm = RECEIVE_BOUND
        self._context.sndhwm = 0
        self._client = BlockingKernelClient(context=self._context)
        self._client.load_connection_info(info)
        self._client.start_channels(stdin=False, hb=False)
        self._client.wait_for_ready(timeout=TIMEOUT)
        self._pages: dict[str, Page] = {}

    def close(self) -> None:
        """Close the sockets, as a front end that goes away does."""
        self._client.stop_channels()
        self._context.destroy(linger=0)

    def open(self, target: str, limits: Limits | None = None, **params: Any) -> Page:
        """Open a comm, and wait for WELCOME."""
        page = self.begin(target, limits, **params)
        self.until(lambda: bool(page.of(events.Opened)))
        return page

    def begin(self, target: str, limits: Limits | None = None, **params: Any) -> Page:
        """Open a comm."""
        page = Page(Session("opener", limits=limits, params=params))
        page.session.open()
        self._pages[page.comm_id] = page
        packet = cast("list[bytes]", page.session.next_packet(time.monotonic()))
        self._send(page, "comm_open", packet, {"target_name": target, "data": {"kcomm": [1]}})
        return page

    def leave(self, page: Page) -> None:
        """Close a comm in order."""
        page.session.close()
        while not page.session.is_over:
            packet = cast("list[bytes]", page.session.next_packet(time.monotonic()))
            is_last = bool(page.session.is_over)
            self._send(page, "comm_close" if is_last else "comm_msg", packet)
        del self._pages[page.comm_id]

    def flush(self, *pages: Page) -> None:
        """Send what pages have to send, by default all."""
        for page in pages or list(self._pages.values()):
            while (packet := page.session.next_packet(time.monotonic())) is not None:
                self._send(page, "comm_msg", packet)

    def read(self, timeout: float = 0.05, *, answers: bool = True) -> bool:
        """Take one message of the kernel, if there is one, and answer it; return whether there was."""
        socket = self._client.iopub_channel.socket
        if not socket.poll(timeout * 1000):
            return False
        _, message = self._client.session.recv(socket, mode=0)
        page = self._pages.get(message["content"].get("comm_id", ""))
        if page is not None and message["buffers"]:
            self._take(page, message["buffers"])
            if answers:
                self.flush(page)
        return True

    def until(self, condition: Callable[[], object], *, delay: float = 0.0) -> None:
        """Send and read until something has come about; `delay` seconds for each message: a slow page."""
        end = time.monotonic() + 2 * TIMEOUT
        self.flush()
        while not condition():
            assert time.monotonic() < end, "it did not come about"
            if not self.read():
                self.flush()
            elif delay:
                time.sleep(delay)

    def send_one(self, page: Page) -> bool:
        """Send one packet of a page, if it has one; return whether it had."""
        packet = page.session.next_packet(time.monotonic())
        if packet is not None:
            self._send(page, "comm_msg", packet)
        return packet is not None

    def until_ended(self, page: Page, count: int) -> None:
        """Send and read until so many calls of a page have ended well."""
        self.until(lambda: len(page.of(events.Ended)) >= count)

    def call(self, page: Page, method: str, *args: Any) -> Any:
        """Call a method, and wait for its answer."""
        id_ = page.session.call(method, list(args))
        self.until(lambda: any(event.id == id_ for event in page.of(events.Ended)))
        return next(event.value for event in page.of(events.Ended) if event.id == id_)

    def _take(self, page: Page, buffers: list[Any]) -> None:
        data = [bytes(buffer) for buffer in buffers]
        _, _, messages = values.decode(data[0], data[1:])
        page.received.append(Seen(sum(map(len, data)), [(Kind(kind), id_) for kind, id_, *_ in messages]))
        page.happened += page.session.receive(data, time.monotonic())

    def _send(self, page: Page, kind: str, packet: list[Any], content: dict[str, Any] | None = None) -> None:
        page.sent.append(sum(map(len, packet)))
        content = {"comm_id": page.comm_id, "data": {}, **(content or {})}
        self._client.session.send(self._client.shell_channel.socket, kind, content, buffers=packet)
