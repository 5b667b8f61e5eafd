"""Comm messages that are read while a cell awaits, on kernels that read one shell message at a time.

The main shell of ipykernel before 7.4 takes no message until the one before it is handled. A cell that awaits
lets the loop run, but what it awaits from a page would come after its end. So kcomm's own comm messages are
taken where they arrive: from the stream of the main shell, before the kernel puts them in its queue. All
others go on as ever. While a cell computes or sleeps the loop stands still, and nothing can be read.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from typing import Any

#: The first version that handles comm messages beside a cell that awaits.
_CONCURRENT = (7, 4)
_KINDS = frozenset({"comm_open", "comm_msg", "comm_close"})
_DELIMITER = b"<IDS|MSG>"
#: Where the handlers of our targets and comms are defined.
_OURS = "kcomm.transport.comm"

Frames = Sequence[Any]


def read_early(kernel: Any) -> None:
    """Take kcomm's comm messages as they arrive, if the kernel would not.

    Parameters
    ----------
    kernel : ipykernel.kernelbase.Kernel or None
        The kernel of this process. Where it has not the parts of ipykernel's own, nothing is done.
    """
    if kernel is None or not hasattr(kernel, "comm_manager"):
        return
    from ipykernel._version import version_info

    if version_info >= _CONCURRENT:
        return
    stream = _find_stream(kernel)
    if getattr(stream, "_recv_callback", None) is not None:
        # The stream belongs to the main thread's loop; a target may be made on any thread.
        kernel.io_loop.add_callback(_install, kernel, stream)


def _find_stream(kernel: Any) -> Any | None:
    """Return what brings messages to the main shell, on the main thread."""
    thread = getattr(kernel, "shell_channel_thread", None)
    if thread is None:
        return getattr(kernel, "shell_stream", None)
    return getattr(getattr(thread.manager, "_shell_channel_to_main", None), "to_stream", None)


def _install(kernel: Any, stream: Any) -> None:
    if not isinstance(stream._recv_callback, EarlyReader):
        stream.on_recv(EarlyReader(kernel, stream, stream._recv_callback), copy=False)


class EarlyReader:
    """The callback of a kernel's main shell stream.

    All of a comm's messages are handled on arrival, so they keep their order. (Those that were queued before
    this was there can only be comm_open and what repeats it: a page sends nothing else before it has an
    answer.)

    Parameters
    ----------
    kernel : ipykernel.kernelbase.Kernel
        The kernel.
    stream : zmq.eventloop.zmqstream.ZMQStream
        What its main shell reads.
    forward : callable
        What takes the messages of others.
    """

    def __init__(self, kernel: Any, stream: Any, forward: Callable[[Frames], Any]) -> None:
        self._kernel = kernel
        self._stream = stream
        self._forward = forward
        self._is_queueing = getattr(kernel, "shell_channel_thread", None) is None and hasattr(
            kernel, "schedule_dispatch"
        )
        self._unfinished = 0
        self._mark()  # for what the kernel is doing now

    def __call__(self, frames: Frames) -> Any:
        """Handle a message if it is ours, else let the kernel do so."""
        if self._is_ours(frames):
            return self._handle(frames)
        result = self._forward(frames)
        self._mark()
        return result

    def _is_ours(self, frames: Frames) -> bool:
        """Look at a message without checking it: who signed it is checked where it is handled."""
        try:
            start = next(i for i, frame in enumerate(frames) if frame.bytes == _DELIMITER)
            unpack = self._kernel.session.unpack
            kind = unpack(frames[start + 2].bytes)["msg_type"]
            if kind not in _KINDS:
                return False
            content = unpack(frames[start + 5].bytes)
            manager = self._kernel.comm_manager
            if kind == "comm_open":
                handler = manager.targets.get(content["target_name"])
            else:
                handler = getattr(manager.comms.get(content["comm_id"]), "handle_msg", None)
        except Exception:
            return False  # whatever is wrong with it: the kernel says so
        return getattr(handler, "__module__", None) == _OURS

    def _handle(self, frames: Frames) -> None:
        kernel = self._kernel
        try:
            idents, parts = kernel.session.feed_identities(frames, copy=False)
            message = kernel.session.deserialize(parts, content=True, copy=False)
        except Exception:
            kernel.log.error("Invalid Message", exc_info=True)
            return
        # While a cell runs the kernel is busy, and stays so: no status then. The cell's parent stays the
        # kernel's, too, or what it prints would go elsewhere.
        is_busy = self._is_busy
        if not is_busy:
            kernel._publish_status("busy", "shell", parent=message)
        try:
            contextvars.copy_context().run(self._dispatch, idents, message)
        except Exception:
            kernel.log.error("Exception in message handler:", exc_info=True)
        if not is_busy:
            kernel._publish_status("idle", "shell", parent=message)

    def _dispatch(self, idents: Any, message: dict[str, Any]) -> None:
        parent = getattr(self._kernel, "_shell_parent", None)
        if isinstance(parent, contextvars.ContextVar):  # what a comm's messages answer to, in this context
            parent.set(message)
        self._kernel.shell_handlers[message["msg_type"]](self._stream, idents, message)

    @property
    def _is_busy(self) -> bool:
        """Whether the kernel handles a message, or will as soon as it can."""
        if self._is_queueing:
            return self._unfinished > 0
        lock = getattr(self._kernel, "_main_asyncio_lock", None)
        return lock is not None and lock.locked()

    def _mark(self) -> None:
        """Queue a mark, which the kernel passes when it has handled all that is queued now."""
        if self._is_queueing:
            self._unfinished += 1
            self._kernel.schedule_dispatch(self._pass_mark)

    async def _pass_mark(self) -> None:
        self._unfinished -= 1
