"""Python as a front end: a channel to a kernel's target over jupyter_client, without a browser."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, overload

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.client import KernelClient

from kcomm import errors
from kcomm.channel import DEFAULT_TIMEOUT, BlockingChannel, Channel
from kcomm.protocol import PROTOCOL_VERSION
from kcomm.protocol.values import Buffer
from kcomm.runtime import get_runtime
from kcomm.transport.base import Receiver

logger = logging.getLogger("kcomm")

#: Seconds to wait for the kernel's first sign of life before asking again.
_RETRY = 0.2
_SUBSHELL_TIMEOUT = 2.0
#: Seconds in which the kernel should have handled comm_close.
_CLOSE_TIMEOUT = 5.0


class KernelLink:
    """Connections of its own to a kernel, for one comm. It lives on kcomm's loop.

    The sockets of the client it is given are left alone: whoever reads them goes on seeing every message.

    Parameters
    ----------
    client : jupyter_client.KernelClient
        Tells where the kernel is and how messages are signed.
    target : str
        The name of the target.
    """

    receiving_thread: int | None = None

    def __init__(self, client: KernelClient, target: str) -> None:
        self.receiver: Receiver | None = None
        self._target = target
        self._comm_id = uuid.uuid4().hex
        self._is_open = False
        self._subshell: str | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._kernel_seen = asyncio.Event()
        self._info = client.get_connection_info(session=False)
        self._client: AsyncKernelClient | None = None
        self._last = ""

    async def start(self) -> None:
        """Connect, wait until the kernel's messages arrive here, and ask for a subshell."""
        # Its own context, so that no send ever waits: an unbounded queue is bounded by the protocol's window.
        import zmq.asyncio

        context = zmq.asyncio.Context()
        context.sndhwm = 0
        client = AsyncKernelClient(context=context)
        client.load_connection_info(self._info)
        self._client = client
        client.start_channels(stdin=False, hb=False)
        iopub = client.iopub_channel.socket
        breaks = iopub.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._readers = [asyncio.ensure_future(read) for read in (self._read(), self._watch(breaks))]
        supports_subshells = await self._wait_for_kernel()
        if supports_subshells:
            self._subshell = await self._create_subshell()

    def when_reading(self, callback: Callable[[], object]) -> None:
        """Call back at once: the connections have a loop of their own."""
        callback()

    def send(self, packet: Sequence[Buffer]) -> None:
        """Send a packet; the first one opens the comm."""
        content: dict[str, Any] = {"comm_id": self._comm_id, "data": {}}
        if self._is_open:
            self._send("shell", "comm_msg", content, packet)
        else:
            self._is_open = True
            content |= {"target_name": self._target, "data": {"kcomm": [PROTOCOL_VERSION]}}
            self._send("shell", "comm_open", content, packet)

    def close(self, packet: Sequence[Buffer] | None) -> None:
        """Close the comm and the connections."""
        if self._client is None:
            return
        if not self._is_open:
            self.stop()
            return
        self._last = self._send("shell", "comm_close", {"comm_id": self._comm_id, "data": {}}, packet or [])
        # The end of the subshell travels on another socket: it must not overtake what is sent on this one.
        asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT, self.stop)

    def stop(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is None:
            return
        for reader in self._readers:
            reader.cancel()
        client.iopub_channel.socket.disable_monitor()
        if self._subshell is not None:
            self._send_on(client, "control", "delete_subshell_request", {"subshell_id": self._subshell})
        client.stop_channels()
        # What was sent last still has a moment to leave.
        client.context.destroy(linger=1000)

    def _send(
        self, channel: str, msg_type: str, content: dict[str, Any], buffers: Sequence[Buffer] = ()
    ) -> str:
        if self._client is None:
            raise ConnectionError("the connection to the kernel was closed")
        return self._send_on(self._client, channel, msg_type, content, buffers)

    def _send_on(
        self,
        client: AsyncKernelClient,
        channel: str,
        msg_type: str,
        content: dict[str, Any],
        buffers: Sequence[Buffer] = (),
    ) -> str:
        header = client.session.msg_header(msg_type)
        if channel == "shell" and self._subshell is not None:
            header["subshell_id"] = self._subshell
        socket = getattr(client, f"{channel}_channel").socket
        client.session.send(socket, msg_type, content, header=header, buffers=list(buffers))
        return str(header["msg_id"])

    async def _wait_for_kernel(self) -> bool:
        """Return whether the kernel has subshells, once its iopub messages are known to arrive."""
        reply: dict[str, Any] | None = None
        while reply is None or not self._kernel_seen.is_set():
            # The control channel answers while a cell runs.
            id_ = self._send("control", "kernel_info_request", {})
            reply = await self._get_reply(id_, _RETRY) or reply
            if reply is not None and not self._kernel_seen.is_set():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._kernel_seen.wait(), _RETRY)
        return "kernel subshells" in reply["content"].get("supported_features", [])

    async def _create_subshell(self) -> str | None:
        id_ = self._send("control", "create_subshell_request", {})
        reply = await self._get_reply(id_, _SUBSHELL_TIMEOUT)
        subshell = reply["content"].get("subshell_id") if reply else None
        if subshell is None:
            logger.warning("the kernel made no subshell: calls wait while a cell runs")
        return subshell

    async def _get_reply(self, id_: str, timeout: float) -> dict[str, Any] | None:
        assert self._client is not None
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while (left := end - loop.time()) > 0:
            if await self._client.control_channel.socket.poll(left * 1000):
                message: dict[str, Any] = await self._client.control_channel.get_msg()
                if message["parent_header"].get("msg_id") == id_:
                    return message
        return None

    async def _read(self) -> None:
        assert self._client is not None
        iopub = self._client.iopub_channel
        try:
            while True:
                self._take(await iopub.get_msg())
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.exception("the kernel's messages can't be read any more")
            self._cut(f"the kernel's messages can't be read: {error}")

    async def _watch(self, breaks: Any) -> None:
        """Take note when the kernel's end of the connection goes away.

        A kernel that is restarted on the same ports says so on iopub, but perhaps before this end is
        connected to it again.
        """
        await breaks.recv_multipart()
        self._cut("the kernel was restarted, or has died")

    def _take(self, message: dict[str, Any]) -> None:
        self._kernel_seen.set()
        kind, content = message["msg_type"], message["content"]
        if self._last and kind == "status" and content.get("execution_state") == "idle":
            if message["parent_header"].get("msg_id") == self._last:
                asyncio.get_running_loop().call_soon(self.stop)
            return
        if kind == "status" and content.get("execution_state") == "starting" and self._is_open:
            self._cut("the kernel was restarted")
        elif content.get("comm_id") != self._comm_id or self.receiver is None:
            return
        elif kind == "comm_msg":
            self.receiver.receive(message["buffers"])
        elif kind == "comm_close":
            self._is_open = False
            if message["buffers"]:
                self.receiver.receive(message["buffers"])
            self._cut(f"the kernel closed the comm of the target {self._target!r}")

    def _cut(self, reason: str) -> None:
        if self.receiver is not None:
            self.receiver.cut(reason)
        asyncio.get_running_loop().call_soon(self.stop)


@overload
def connect(
    client: AsyncKernelClient,
    target: str,
    *,
    params: Mapping[str, Any] | None = None,
    handlers: Mapping[str, Callable[..., Any]] | None = None,
    listeners: Mapping[str, Callable[..., Any]] | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> Awaitable[Channel]: ...
@overload
def connect(
    client: BlockingKernelClient,
    target: str,
    *,
    params: Mapping[str, Any] | None = None,
    handlers: Mapping[str, Callable[..., Any]] | None = None,
    listeners: Mapping[str, Callable[..., Any]] | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> BlockingChannel: ...
def connect(
    client: KernelClient,
    target: str,
    *,
    params: Mapping[str, Any] | None = None,
    handlers: Mapping[str, Callable[..., Any]] | None = None,
    listeners: Mapping[str, Callable[..., Any]] | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> Any:
    """Connect to a target of a kernel, as a page would.

    Parameters
    ----------
    client : jupyter_client.BlockingKernelClient or AsyncKernelClient
        A client of the kernel. Connections of its own are made from what it knows.
    target : str
        The name that the kernel gave to `Target`.
    params : dict, optional
        What the handler of `on_open` finds in ``channel.params``.
    handlers, listeners : dict of str to callable, optional
        Methods that the kernel may call, and handlers of the topics it emits on; more can be added later with
        ``channel.handle`` and ``channel.on``.
    timeout : float, default 30
        Seconds to wait for the kernel.

    Returns
    -------
    BlockingChannel or awaitable of Channel
        With a blocking client ``channel.call(...)`` returns the value; with an asynchronous one it is
        awaited.

    Raises
    ------
    UnknownTargetError
        When the kernel has no such target.
    CallTimeoutError
        When the kernel did not answer in time: it is busy and has no subshells, or it is gone.

    Examples
    --------
    >>> channel = kcomm.connect(kernel_client, "calc")  # doctest: +SKIP
    >>> channel.call("add", 2, 3)  # doctest: +SKIP
    5.0
    """
    is_async = isinstance(client, AsyncKernelClient)
    cls = Channel if is_async else BlockingChannel
    opening = _Opening(client, target, cls, params or {}, handlers or {}, listeners or {}, timeout)
    return opening.wait_async() if is_async else opening.wait()


class _Opening:
    """A channel on its way."""

    def __init__(
        self,
        client: KernelClient,
        target: str,
        cls: type[Channel],
        params: Mapping[str, Any],
        handlers: Mapping[str, Callable[..., Any]],
        listeners: Mapping[str, Callable[..., Any]],
        timeout: float,
    ) -> None:
        runtime = get_runtime()
        if runtime.is_current:
            raise errors.WouldBlockError("an async handler can't connect to a kernel: do it outside")
        self._timeout = timeout
        self._target = target
        self._link = KernelLink(client, target)
        self._channel = cls.opening(self._link, params=params)
        for name, function in handlers.items():
            self._channel.handle(name, function)
        for topic, function in listeners.items():
            self._channel.on(topic, function)
        self._link.receiver = self._channel._peer
        self._future: Future[None] = asyncio.run_coroutine_threadsafe(self._open(), runtime.loop)

    def wait(self) -> Channel:
        try:
            self._future.result()
        except KeyboardInterrupt:
            self._future.cancel()
            raise
        return self._channel

    async def wait_async(self) -> Channel:
        await asyncio.wrap_future(self._future)
        return self._channel

    async def _open(self) -> None:
        try:
            await asyncio.wait_for(self._start(), self._timeout)
        except asyncio.TimeoutError:
            self._abandon()
            raise errors.CallTimeoutError(
                f"the kernel did not open the target {self._target!r} within {self._timeout} s: it is gone, "
                "or busy and without subshells"
            ) from None
        except errors.UnknownTargetError:
            raise errors.UnknownTargetError(
                f"the kernel has no target {self._target!r}: run the code that makes it"
            ) from None
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        self._channel._peer.cut("no answer")
        self._link.stop()

    async def _start(self) -> None:
        await self._link.start()
        self._channel._peer.open()
        await asyncio.wrap_future(self._channel._peer.opened)
