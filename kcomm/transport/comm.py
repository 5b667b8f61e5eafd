"""The raw comm of a Jupyter kernel."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from typing import Any

from kcomm.errors import NoKernelError
from kcomm.protocol.values import Buffer
from kcomm.transport.base import Acceptor, Receiver
from kcomm.transport.early import read_early
from kcomm.transport.ending import end_subshells_first
from kcomm.transport.replies import send_replies_by_stream


class CommTransport:
    """One comm, opened by a front end.

    Parameters
    ----------
    comm : object
        The comm that the kernel made.
    """

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        # ipykernel answers to the parent message of the context it sends in. In that of comm_open the
        # page's next messages stay on its subshell; with any other, ipykernel 7.4 lets them wait behind a
        # running cell.
        self._context = contextvars.copy_context()
        self.receiving_thread: int | None = threading.get_ident()
        self._is_closed = False

    def attach(self, receiver: Receiver) -> None:
        """Let what arrives go to a receiver."""

        def handle_msg(message: dict[str, Any]) -> None:
            self.receiving_thread = threading.get_ident()
            receiver.receive(message.get("buffers") or [])

        def handle_close(message: dict[str, Any]) -> None:
            self._is_closed = True
            if message.get("buffers"):
                receiver.receive(message["buffers"])
            receiver.cut("the front end closed the comm")

        # The stock handle_msg fires IPython's pre_execute and post_execute for every message, upon which the
        # inline backend shows and closes the half-built figures of a running cell.
        self._comm.handle_msg = handle_msg
        self._comm.handle_close = handle_close

    def when_reading(self, callback: Callable[[], object]) -> None:
        """Call back once the thread that messages arrive on reads them; the main one may run a cell."""
        loop = getattr(get_kernel(), "io_loop", None)
        if loop is None or self.receiving_thread != threading.main_thread().ident:
            callback()
        else:
            loop.add_callback(callback)

    def send(self, packet: Sequence[Buffer]) -> None:
        """Send a packet as one comm message."""
        self._context.run(self._comm.send, data={}, buffers=list(packet))

    def close(self, packet: Sequence[Buffer] | None) -> None:
        """Close the comm, unless the front end has; the last packet goes with comm_close."""
        if self._is_closed:
            return
        self._is_closed = True
        self._context.run(self._comm.close, data={}, buffers=list(packet or []))


class KernelHost:
    """Registers targets with the kernel that this process runs.

    Raises
    ------
    NoKernelError
        When there is none.
    """

    def __init__(self) -> None:
        self._manager = _get_comm_manager()

    def register(self, name: str, acceptor: Acceptor) -> None:
        """Serve a target."""
        self._manager.register_target(name, _make_opener(name, acceptor))
        kernel = get_kernel()
        read_early(kernel)
        send_replies_by_stream(kernel)
        end_subshells_first(kernel)

    def unregister(self, name: str) -> None:
        """Serve it no longer."""
        self._manager.targets.pop(name, None)


def _make_opener(name: str, acceptor: Acceptor) -> Callable[[Any, dict[str, Any]], None]:
    def open_comm(comm: Any, message: dict[str, Any]) -> None:
        buffers = message.get("buffers")
        if not buffers:
            raise ValueError(
                f"a comm was opened for the target {name!r} that does not speak kcomm's protocol: "
                "open it with kcomm.connect"
            )
        transport = CommTransport(comm)
        receiver = acceptor(transport)
        transport.attach(receiver)
        receiver.receive(buffers)

    return open_comm


def _get_comm_manager() -> Any:
    """Return the comm manager of the running kernel.

    It is asked of the kernel: with ipykernel before 6.18 (Colab) the package `comm` has a dummy.
    """
    kernel = get_kernel()
    manager = getattr(kernel, "comm_manager", None)
    if manager is not None:
        return manager
    import comm

    if comm.create_comm is not comm._create_comm and comm.get_comm_manager() is not None:
        return comm.get_comm_manager()  # another kernel that supports the package, such as xeus-python
    raise NoKernelError(
        "there is no Jupyter kernel here to register a target with: run this in a notebook, "
        "or use kcomm.connect(kernel_client, name) to talk to a kernel from a script"
    )


def get_kernel() -> Any | None:
    """Return the ipykernel of this process, or None."""
    from ipykernel.kernelbase import Kernel

    return Kernel.instance() if Kernel.initialized() else None
